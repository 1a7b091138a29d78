"""The contract of an engine, the code that trains runs: what goes in and what comes out.

An engine is a module with two functions:

    train(runs, arrays, on_epoch) -> Iterator[Result]
    device() -> str, the name of what it trains on

- `runs`: a group, at most `group_size` runs with equal settings but for the seed; results come in their order.
- `arrays`: one `data.Arrays` for each run. The engine casts them to the run's dtype.
- `on_epoch(index, epoch, train_loss, validation_loss, weights)`: called after each epoch (from 1) of each run;
  `weights()` returns the run's weights at that moment.

Every engine starts from `randomness.initial_weights`, visits the windows of an epoch in the order of
`randomness.batch_order` (a smaller last batch included), and holds to these meanings:

- The loss of a batch is the mean over its windows, time steps and features; `train_loss` of an epoch is the mean of its
  windows' losses, each taken while training, before the update of its batch; `validation_loss` and `test_loss` are
  means over all windows with fixed weights.
- A run is diverged at the first epoch whose training or validation loss is not finite, and stops there; if only its
  test loss is not finite, at its last epoch.
- `select: best` keeps the weights of the epoch with the lowest validation loss, the earliest of equals.

An engine knows no disk, no YAML and no executor. TensorFlow is imported in this folder alone, and not by this file.
"""

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from lstm_ablate.training.inputs.randomness import Weights

ENGINES = {"fused": "lstm_ablate.training.engines.fused", "keras": "lstm_ablate.training.engines.reference"}

SHOWN = 3  # test windows whose reconstructions a result carries

OnEpoch = Callable[[int, int, float, float, Callable[[], Weights]], None]


@dataclass(frozen=True)
class Result:
    """What training gave. Losses are in the units of `training.loss`; lists have one entry per epoch that ran.

    Of a diverged run the last epoch's losses may be NaN or infinite, and `best_epoch`, `train_loss`,
    `validation_loss`, `test_loss`, `reconstructions` and `weights` are None. Otherwise they belong to the selected
    epoch (from 1). `reconstructions` [<= SHOWN, T, F] are those of the first test windows.
    """

    parameters: int
    train_losses: list[float]
    validation_losses: list[float]
    diverged_epoch: int | None
    best_epoch: int | None
    train_loss: float | None
    validation_loss: float | None
    test_loss: float | None
    reconstructions: NDArray[np.float64] | None
    weights: Weights | None

    @property
    def status(self) -> str:
        """`ok` or `diverged`."""
        return "ok" if self.diverged_epoch is None else "diverged"


def load(name: str) -> ModuleType:
    """Import an engine by its name in ENGINES, or by its module's name; TensorFlow comes with it."""
    return importlib.import_module(ENGINES.get(name, name))


def judge(  # the same judgement for every engine
    train_losses: list[float], validation_losses: list[float], select: str
) -> tuple[int | None, int | None]:
    """Return (diverged epoch, selected epoch), each from 1 or None, for the losses of the epochs that ran."""
    for epoch, losses in enumerate(zip(train_losses, validation_losses, strict=True), start=1):
        if not all(map(math.isfinite, losses)):
            return epoch, None
    best = min(range(len(validation_losses)), key=validation_losses.__getitem__) + 1
    return None, best if select == "best" else len(validation_losses)
