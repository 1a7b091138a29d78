"""What a worker does: it trains a group of runs, for their records or for weights, or saves a
model.
"""

import os
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

from lstm_ablate import machine
from lstm_ablate.experiment.identity import canonical_json
from lstm_ablate.experiment.network import network_of
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import FileData
from lstm_ablate.store.results import Part, PartName, Recorded, Result
from lstm_ablate.training import engines
from lstm_ablate.training.engines import EpochEnd, Trained
from lstm_ablate.training.inputs import references, windows
from lstm_ablate.training.inputs.randomness import Weights

FLOOR = 0.0  # an autoencoder's target is its input


Outcome = tuple[dict[str, Any], dict[str, Any]]  # a record's result and meta part


def train(
    group: list[Run], send: Callable[[Any], None], files: windows.Files = MappingProxyType({})
) -> list[Outcome]:
    """Train a group in a worker; return what each run's record will hold.

    What a file of the user's own holds is among `files`, or it is read here.
    """
    return [outcome for outcome, _ in train_for_weights(group, send, files)]


def train_for_weights(
    group: list[Run], send: Callable[[Any], None], files: windows.Files = MappingProxyType({})
) -> list[tuple[Outcome, Weights | None]]:
    """Train a group in a worker; return what each run's record will hold, and the weights of its
    selected epoch, None where it diverged.
    """
    engine = engines.engine(group[0].engine)
    arrays = [windows.of(run.settings.data, run.seed, run.purpose, files) for run in group]
    beside = [_references_of(run, part) for run, part in zip(group, arrays, strict=True)]
    processor = machine.processor()["name"]
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
    for result, part, both in zip(results, arrays, beside, strict=True):
        meta: dict[str, Any] = {"seconds": round(seconds, 3), "together": len(group)}
        if epoch_seconds:
            meta["training_seconds"] = round(epoch_seconds * result.epochs, 3)
        meta |= {
            "engine": group[0].engine,
            "device": engine.device(),
            "process": os.getpid(),
            "processor": processor,
            "versions": machine.versions(),
        }
        outcomes.append(((_recorded(result, part.test, both), meta), result.weights))
    return outcomes


class Made(NamedTuple):
    """A recorded run, the code that builds its model, and the weights that training gave it."""

    run: Run
    code: str
    weights: Weights


def save(made: Made, send: Callable[[Any], None]) -> tuple[bytes, float]:  # noqa: ARG001 - an executor's work
    """Return a model as the content of a .keras file, and its loss on the run's test windows."""
    from lstm_ablate.training.engines import exported

    test = windows.of(made.run.settings.data, made.run.seed).test
    model = exported.built(made.code, made.weights)
    return exported.content(model), exported.loss(model, test)


class _References(NamedTuple):
    """What a run's losses are held against: the losses, on test windows, of predicting the mean and
    of the best linear code; and the parts of its data.
    """

    ceiling: float | None
    linear: float | None
    parts: dict[PartName, Part]


def _references_of(run: Run, arrays: windows.Arrays) -> _References:
    """Return the references of a run; without test windows there are no losses among them.

    They are computed before training, so that what they lack, such as memory, costs no training.
    """
    loss = run.settings.training.loss
    by_name: dict[PartName, windows.Array] = {
        "train": arrays.train,
        "validation": arrays.validation,
        "test": arrays.test,
    }
    parts = {
        name: references.part(part, arrays.train, loss)
        for name, part in by_name.items()
        if len(part)
    }
    if "test" not in parts:
        return _References(None, None, parts)
    return _References(parts["test"].ceiling, _linear_reference(run, arrays), parts)


_references: dict[tuple[Any, ...], float] = {}  # of this worker; a few numbers for each seed


def _linear_reference(run: Run, part: windows.Arrays) -> float:
    """Return the loss of the best linear code of a run's size; variants of a seed share it."""
    settings = run.settings
    code = network_of(settings.model, *part.test.shape[1:]).code
    seed = None if isinstance(settings.data, FileData) else run.seed
    key = (settings.data, seed, run.purpose, code, settings.training.loss)
    if key not in _references:
        _references[key] = references.linear(part, code, settings.training.loss)
    return _references[key]


def _recorded(trained: Trained, test: windows.Array, beside: _References) -> dict[str, Any]:
    """Return what a record holds of a run, as JSON values.

    Of the test windows [N, T, F] the first feature of the first ones, and of what was made of them,
    is kept for the eye, to four decimals. Raises FloatingPointError where any of the rest is not
    finite.
    """
    shown = trained.reconstructions
    recorded = Recorded(
        **{name: getattr(trained, name) for name in Result.model_fields},
        floor=FLOOR,
        ceiling=beside.ceiling,
        linear=beside.linear,
        parts=beside.parts,
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
