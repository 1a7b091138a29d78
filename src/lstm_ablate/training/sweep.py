"""A sweep: find the runs that have no record yet, train them on workers, and record each as it ends."""

import json
import math
import os
import statistics
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from lstm_ablate import machine
from lstm_ablate.experiment.loading import Experiment
from lstm_ablate.experiment.runs import Run, canonical_json, expand, groups
from lstm_ablate.store import files, records
from lstm_ablate.store.records import Record
from lstm_ablate.training import engines, resources
from lstm_ablate.training.executors import Done, Failed, Progress
from lstm_ablate.training.executors.local import execute
from lstm_ablate.training.inputs import windows

FLOOR = 0.0  # an autoencoder's target is its input


@dataclass(frozen=True)
class Plan:
    """What is asked for and what of it is missing. Two variants of equal values share a run, so ids can repeat."""

    runs: list[Run]
    missing: list[Run]
    records: dict[str, Record]
    damaged: list[Path]

    @property
    def others(self) -> int:
        """Records in the folder that this experiment does not ask for."""
        return len(self.records.keys() - {run.id for run in self.runs})


@dataclass(frozen=True)
class Epoch:
    """A run at work has finished an epoch (from 1)."""

    run: Run
    epoch: int
    train_loss: float
    validation_loss: float


@dataclass(frozen=True)
class Finished:
    """A run has a durable record; `stored` is what `records.publish` said."""

    run: Run
    record: Record
    stored: str


def plan(experiment: Experiment, folder: Path, *, engine: str | None = None, retry_failed: bool = False) -> Plan:
    """Compare an experiment with the records of its results folder; nothing is written."""
    runs = expand(experiment, engine)
    found, damaged = records.load(folder)
    done = {run for run, record in found.items() if not (retry_failed and record.status == "failed")}
    missing = {run.id: run for run in runs if run.id not in done}
    return Plan(runs, list(missing.values()), found, damaged)


def train(
    todo: Plan,
    folder: Path,
    *,
    workers: int,
    config_folder: Path,
    timeout: float = math.inf,
    fail_fast: bool = False,
) -> Generator[Epoch | Finished, None, None]:
    """Train what a plan misses and record it; yield what happens. Closing the iterator ends the workers.

    A group fails where it raises, its worker dies, or no epoch of it ends for `timeout` seconds. Its runs are tried
    once more, each alone; one that fails again is recorded as failed, with all that is known in `logs/<id>.log`, where
    the first failure is noted, so that a driver that takes over counts it.
    With `fail_fast` what failed is tried again at once, and the sweep ends with the first failed run.
    """
    tried = records.noted_failures(folder) - todo.records.keys()
    first = groups([run for run in todo.missing if run.id not in tried])
    again = [[run] for run in todo.missing if run.id in tried]
    described = False
    while first or again:
        last_try = bool(again) and (fail_fast or not first)
        parts, again = (again, []) if last_try else (first, again)
        left = dict(enumerate(parts))  # the groups that have not ended
        events = execute(
            _work,
            parts,
            key=lambda group: group[0].settings,
            workers=workers,
            environment=resources.worker_environment,
            timeout=timeout,
        )
        with closing(events):
            for event in events:
                group = parts[event.group]
                if isinstance(event, Progress):
                    index, epoch, train_loss, validation_loss = event.message
                    yield Epoch(group[index], epoch, train_loss, validation_loss)
                    continue
                del left[event.group]
                if isinstance(event, Failed):
                    for run in group:
                        records.note_failure(folder, run.id, event.log)
                    if not last_try:
                        again += [[run] for run in group]
                        if fail_fast:
                            break
                        continue
                for run, (result, meta) in zip(group, _outcomes(event, group), strict=True):
                    record = Record(run.id, run.identity, result, {**meta, "worker": event.worker})
                    stored = records.publish(folder, record)
                    if isinstance(event, Done):
                        records.forget_failure(folder, run.id)
                    yield Finished(run, record, stored)
                if isinstance(event, Done) and not described:
                    described = True
                    settings = resources.worker_environment(event.worker)
                    content = machine.describe(event.value[0][1]["device"], settings, config_folder)
                    files.replace(folder / "environment.json", json.dumps(content, indent=2) + "\n")
                if isinstance(event, Failed) and fail_fast:
                    return
        if not last_try:
            first = list(left.values())


def _outcomes(event: Done | Failed, group: list[Run]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    if isinstance(event, Done):
        outcomes: list[tuple[dict[str, Any], dict[str, Any]]] = event.value
        return outcomes
    return [({"status": "failed", "message": event.message}, {}) for _ in group]


def _work(group: list[Run], send: Callable[[Any], None]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
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
