"""The contract of an engine, the code that trains runs: what goes in and what comes out.

An engine is a module with two functions:

    train(runs, arrays, on_epoch) -> Iterator[Trained]
    device() -> str, the name of what it trains on

- `runs`: a group, which is at most `group_size` runs of equal structure, epochs and `select`. They
  may differ in their seeds and in the numbers of their optimizers. Results come in their order.
- `arrays`: one `windows.Arrays` for each run. The engine casts them to the run's dtype. Either all
  runs of a group have test windows or none has, which is so for runs that tune. Without test
  windows, test losses and reconstructions are None.
- `on_epoch`: called with an `EpochEnd` after each epoch of each run.

Every engine builds the layers of `network_of`, starts from `randomness.initial_weights`, visits the
windows of an epoch in the order of `randomness.batch_order` (including a smaller last batch), and
keeps to these definitions:

- The loss of a batch is the mean over its windows, time steps and features. The `train_loss` of an
  epoch is the mean of its windows' losses, each computed before the update of its batch.
  `validation_loss` and `test_loss` are means over all windows with fixed weights.
- A run diverges at the first epoch whose training or validation loss is not finite, and stops
  there. If only its test loss is not finite, it diverged at its last epoch.
- `select: best` keeps the weights of the epoch with the lowest validation loss, and of several
  such epochs the first.

An engine knows no disk, no YAML and no executor. TensorFlow is imported in this folder, but not by
this file.
"""

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from lstm_ablate.store.results import Result
from lstm_ablate.training.inputs.randomness import Weights

ENGINES = {
    "fused": "lstm_ablate.training.engines.fused",
    "keras": "lstm_ablate.training.engines.reference",
}

SHOWN = 3  # a result has the reconstructions of this many test windows


@dataclass(frozen=True)
class EpochEnd:
    """A run of a group has finished an epoch."""

    index: int  # of the run in its group
    epoch: int  # from 1
    train_loss: float
    validation_loss: float
    weights: Callable[[], Weights]  # returns the run's weights at this moment


OnEpoch = Callable[[EpochEnd], None]


class Trained(Result):
    """A result, and with it what tests and `verify` need; for a diverged run both are None.

    `reconstructions` [<= SHOWN, T, F] are those of the first test windows, or None if there are no
    test windows; `weights` are those of the selected epoch.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    reconstructions: NDArray[np.float64] | None
    weights: Weights | None


def engine(name: str) -> ModuleType:
    """Import an engine by its name in ENGINES, or by that of its module; this loads TensorFlow."""
    if name == "fused":
        from lstm_ablate.training.engines import tensorflow_parts

        tensorflow_parts.load()
    return importlib.import_module(ENGINES.get(name, name))


def diverged_and_selected(
    train_losses: list[float], validation_losses: list[float], select: str
) -> tuple[int | None, int | None]:
    """Return (diverged epoch, selected epoch), each from 1; one of the two is None.

    The losses are those of the epochs that ran; `select` is `best` or `last`.
    """
    for epoch, losses in enumerate(zip(train_losses, validation_losses, strict=True), start=1):
        if not all(map(math.isfinite, losses)):
            return epoch, None
    best = min(range(len(validation_losses)), key=validation_losses.__getitem__) + 1
    return None, best if select == "best" else len(validation_losses)


def result_of(
    select: str,
    parameters: int,
    train_losses: list[float],
    validation_losses: list[float],
    test_loss: float | None,
    reconstructions: NDArray[np.float64] | None,
    weights: Weights | None,
) -> Trained:
    """Return the result of a run, given its epochs and the test of its selected weights.

    The test loss is None if there are no test windows. If an epoch diverged, the last three
    arguments are ignored.
    """
    diverged, selected = diverged_and_selected(train_losses, validation_losses, select)
    if selected and test_loss is not None and not math.isfinite(test_loss):
        diverged, selected = len(train_losses), None
    return Trained(
        status="ok" if selected else "diverged",
        epochs=len(train_losses),
        best_epoch=selected,
        parameters=parameters,
        train_loss=train_losses[selected - 1] if selected else None,
        validation_loss=validation_losses[selected - 1] if selected else None,
        test_loss=test_loss if selected else None,
        diverged_epoch=diverged,
        train_losses=train_losses,
        validation_losses=validation_losses,
        reconstructions=reconstructions if selected else None,
        weights=weights if selected else None,
    )
