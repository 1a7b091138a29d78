"""What a worker does with a group of runs: trains it, and describes what each run gave as a record holds it."""

import math
import os
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from lstm_ablate.experiment.runs import Run, canonical_json
from lstm_ablate.training import engines
from lstm_ablate.training.inputs import windows

FLOOR = 0.0  # an autoencoder's target is its input


def train(group: list[Run], send: Callable[[Any], None]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Train a group in a worker; return a result and a meta part for each of its runs."""
    engine = engines.load(group[0].engine)
    arrays = [windows.of(run.settings.data, run.seed) for run in group]
    start = time.perf_counter()
    ends: dict[int, float] = {}  # of the epochs

    def on_epoch(index: int, epoch: int, *told: Any) -> None:
        ends.setdefault(epoch, time.perf_counter())
        send((index, epoch, *told[:2]))

    results = list(engine.train(group, arrays, on_epoch))
    seconds = (time.perf_counter() - start) / len(group)
    later = [end - before for before, end in pairwise(ends.values())]  # the first epoch compiles: it is not among them
    epoch_seconds = statistics.median(later) / len(group) if later else None
    loss = group[0].settings.training.loss
    return [
        (
            _recorded(result, part.test, loss),
            {
                "seconds": round(seconds, 3),
                **({"training_seconds": round(epoch_seconds * len(result.train_losses), 3)} if epoch_seconds else {}),
                "engine": group[0].engine,
                "device": engine.device(),
                "process": os.getpid(),
            },
        )
        for result, part in zip(results, arrays, strict=True)
    ]


def _recorded(result: engines.Result, test: windows.Array, loss: str) -> dict[str, Any]:
    """Return a result as JSON values; a loss of an epoch that is not finite becomes null.

    Of the test windows [N, T, F] the first feature of the first ones, and of what was made of them, is kept for the
    eye, to four decimals. Raises FloatingPointError where any of the rest is not finite.
    """
    shown = result.reconstructions
    recorded = {
        "status": result.status,
        "parameters": result.parameters,
        "epochs": len(result.train_losses),
        "best_epoch": result.best_epoch,
        "train_loss": result.train_loss,
        "validation_loss": result.validation_loss,
        "test_loss": result.test_loss,
        "diverged_epoch": result.diverged_epoch,
        "floor": FLOOR,
        "ceiling": windows.ceiling(test, loss),
        "train_losses": [loss if math.isfinite(loss) else None for loss in result.train_losses],
        "validation_losses": [loss if math.isfinite(loss) else None for loss in result.validation_losses],
        "windows": [] if shown is None else _curves(test[: len(shown)]),
        "reconstructions": [] if shown is None else _curves(shown),
    }
    try:
        canonical_json(recorded)
    except ValueError:  # here the run fails; where the driver writes it, the sweep would
        raise FloatingPointError("a number of the result is not finite, though the run did not diverge") from None
    return recorded


def _curves(part: windows.Array) -> list[list[float]]:
    """Return the first feature of windows [N, T, F] as [N][T]."""
    curves: list[list[float]] = part[:, :, 0].round(4).tolist()
    return curves
