"""What a worker does with a group of runs: trains it, and returns what the records will hold."""

import os
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from lstm_ablate import machine
from lstm_ablate.experiment.identity import canonical_json
from lstm_ablate.experiment.network import network_of
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.store.results import Recorded, Result
from lstm_ablate.training import engines
from lstm_ablate.training.engines import EpochEnd, Trained
from lstm_ablate.training.inputs import references, windows

FLOOR = 0.0  # an autoencoder's target is its input


Outcome = tuple[dict[str, Any], dict[str, Any]]  # a record's result and meta part


def train(group: list[Run], send: Callable[[Any], None]) -> list[Outcome]:
    """Train a group in a worker; return what each run's record will hold."""
    engine = engines.engine(group[0].engine)
    arrays = [windows.of(run.settings.data, run.seed, run.purpose) for run in group]
    start = time.perf_counter()
    ends: dict[int, float] = {}  # of the epochs

    def on_epoch(end: EpochEnd) -> None:
        ends.setdefault(end.epoch, time.perf_counter())
        send((end.index, end.epoch, end.train_loss, end.validation_loss))

    results = list(engine.train(group, arrays, on_epoch))
    seconds = (time.perf_counter() - start) / len(group)
    # The first epoch compiles, and is not among these.
    later = [end - before for before, end in pairwise(ends.values())]
    epoch_seconds = statistics.median(later) / len(group) if later else None
    outcomes = []
    for run, result, part in zip(group, results, arrays, strict=True):
        meta: dict[str, Any] = {"seconds": round(seconds, 3)}
        if epoch_seconds:
            meta["training_seconds"] = round(epoch_seconds * result.epochs, 3)
        meta |= {
            "engine": group[0].engine,
            "device": engine.device(),
            "process": os.getpid(),
            "processor": machine.processor()["name"],
            "versions": machine.versions(),
        }
        outcomes.append((_recorded(result, part, run.settings), meta))
    return outcomes


def _recorded(trained: Trained, part: windows.Arrays, settings: Settings) -> dict[str, Any]:
    """Return what a record holds of a run, as JSON values.

    Of the test windows [N, T, F] the first feature of the first ones, and of what was made of them,
    is kept for the eye, to four decimals. Raises FloatingPointError where any of the rest is not
    finite.
    """
    shown, test, loss = trained.reconstructions, part.test, settings.training.loss
    code = network_of(settings.model, *test.shape[1:]).code
    recorded = Recorded(
        **{name: getattr(trained, name) for name in Result.model_fields},
        floor=FLOOR,
        ceiling=references.ceiling(test, loss),
        linear=references.linear(part, code, loss),
        windows=[] if shown is None else _curves(test[: len(shown)]),
        reconstructions=[] if shown is None else _curves(shown),
    ).model_dump(mode="json")
    try:
        canonical_json(recorded)
    except ValueError:  # here the run fails; where the driver writes it, the sweep would
        raise FloatingPointError(
            "a number of the result is not finite, though the run did not diverge"
        ) from None
    return recorded


def _curves(shown: windows.Array) -> list[list[float]]:
    """Return the first feature of windows [N, T, F] as [N][T]."""
    curves: list[list[float]] = shown[:, :, 0].round(4).tolist()
    return curves
