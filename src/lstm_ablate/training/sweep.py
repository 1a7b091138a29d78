"""A sweep: find the runs that have no record yet, train them on workers, and record each as it ends."""

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lstm_ablate import machine
from lstm_ablate.experiment.loading import Experiment
from lstm_ablate.experiment.runs import Run, expand, groups
from lstm_ablate.store import environment, failures, records
from lstm_ablate.store.records import Record
from lstm_ablate.training import resources, work
from lstm_ablate.training.executors import Done, Failed, Progress
from lstm_ablate.training.executors.local import execute


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
    found, damaged = records.read_all(folder)
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
    tried = failures.noted(folder) - todo.records.keys()
    first = groups([run for run in todo.missing if run.id not in tried])
    again = [[run] for run in todo.missing if run.id in tried]
    described = False
    while first or again:
        last_try = bool(again) and (fail_fast or not first)
        parts, again = (again, []) if last_try else (first, again)
        left = dict(enumerate(parts))  # the groups that have not ended
        events = execute(
            work.train,
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
                        failures.note(folder, run.id, event.log)
                    if not last_try:
                        again += [[run] for run in group]
                        if fail_fast:
                            break
                        continue
                for run, (result, meta) in zip(group, _outcomes(event, group), strict=True):
                    record = Record(run.id, run.identity, result, {**meta, "worker": event.worker})
                    stored = records.publish(folder, record)
                    if isinstance(event, Done):
                        failures.forget(folder, run.id)
                    yield Finished(run, record, stored)
                if isinstance(event, Done) and not described:
                    described = True
                    settings = resources.worker_environment(event.worker)
                    content = machine.describe(event.value[0][1]["device"], settings, config_folder)
                    environment.write(folder, content)
                if isinstance(event, Failed) and fail_fast:
                    return
        if not last_try:
            first = list(left.values())


def _outcomes(event: Done | Failed, group: list[Run]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    if isinstance(event, Done):
        outcomes: list[tuple[dict[str, Any], dict[str, Any]]] = event.value
        return outcomes
    return [({"status": "failed", "message": event.message}, {}) for _ in group]
