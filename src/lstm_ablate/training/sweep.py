"""A sweep: find the runs that have no record yet, train them, and record each one as it ends."""

import math
from collections.abc import Callable, Generator, Iterator, Set
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lstm_ablate import machine
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run, expand
from lstm_ablate.store import environment, failures, records
from lstm_ablate.store.records import Found, Record
from lstm_ablate.training import attempts, variables, work
from lstm_ablate.training.attempts import Attempt
from lstm_ablate.training.executors import Done, Execute, Failed, Progress, idle
from lstm_ablate.training.inputs import windows


@dataclass(frozen=True)
class Plan:
    """What is asked for, and what of it is missing.

    Ids can repeat in `runs`, because two variants of equal values share a run. `found` is what the
    folder holds, `later` are runs that the experiment may ask for, and does not now.
    """

    runs: list[Run]
    missing: list[Run]
    found: Found
    later: frozenset[str] = frozenset()

    @property
    def records(self) -> dict[str, Record]:
        """The records of today's schema, by run."""
        return self.found.records

    @property
    def others(self) -> int:
        """Records of today's schema that this experiment never asks for."""
        return len(self.records.keys() - {run.id for run in self.runs} - self.later)

    def of(self, runs: list[Run], without: Set[str] = frozenset()) -> "Plan":
        """Return the plan that asks for some of its runs only, and trains none `without` which."""
        asked = {run.id for run in runs}
        missing = [run for run in self.missing if run.id in asked - without]
        later = self.later | {run.id for run in self.runs} - asked
        return Plan(runs, missing, self.found, later)


@dataclass(frozen=True)
class Epoch:
    """A run has finished an epoch; epochs count from 1."""

    run: Run
    epoch: int
    train_loss: float
    validation_loss: float


@dataclass(frozen=True)
class Finished:
    """A run has a durable record; `stored` is what `records.publish` returned."""

    run: Run
    record: Record
    stored: str


def plan(
    experiment: Experiment,
    found: Found,
    *,
    engine: str | None = None,
    retry_failed: bool = False,
) -> Plan:
    """Compare an experiment with what its results folder holds."""
    runs = expand(experiment, engine)
    done = {
        run
        for run, record in found.records.items()
        if not (retry_failed and record.status == "failed")
    }
    missing = {run.id: run for run in runs if run.id not in done}
    return Plan(runs, list(missing.values()), found)


def train(
    todo: Plan,
    folder: Path,
    *,
    execute: Execute,
    workers: int,
    config_folder: Path,
    timeout: float = math.inf,
    fail_fast: bool = False,
    with_files: bool = False,
    meanwhile: Callable[[], object] = idle,
) -> Generator[Epoch | Finished, None, None]:
    """Train what a plan misses and record it; yield what happens.

    `execute` carries out the groups; see the contract in `executors`. A group fails if it raises,
    if its worker dies, or if no epoch of it ends for `timeout` seconds. `attempts` says what is
    tried again. Each failure is noted in `logs/<id>.log`, so that a driver that takes over counts
    it. `with_files`: what files of the user's own hold is read here and goes with the work, because
    workers may be on machines that do not have them. `meanwhile()` is called while the first
    workers start. Closing the iterator ends the workers.
    """
    noted = failures.noted(folder) - todo.records.keys()
    left = attempts.begin(todo.missing, noted, fail_fast=fail_fast)
    files = windows.files_of(run.settings.data for run in todo.missing) if with_files else {}
    train_group = partial(work.train, files=files) if files else work.train
    described = False
    while this_round := left.next_round():
        ended, failed = set[int](), list[int]()
        events = execute(
            train_group,
            [list(group) for group in this_round.groups],
            key=lambda group: group[0].structure,
            workers=workers,
            environment=variables.worker_environment,
            timeout=timeout,
            meanwhile=meanwhile,
        )
        meanwhile = idle
        with closing(events):
            for event in events:
                group = this_round.groups[event.group]
                if isinstance(event, Progress):
                    yield _epoch(group, event)
                    continue
                ended.add(event.group)
                if isinstance(event, Done):
                    yield from _record_results(folder, group, event)
                    if not described:
                        described = True
                        _write_environment(folder, event, config_folder)
                    continue
                failed.append(event.group)
                yield from _note_failure(folder, group, event, this_round.attempt)
                if this_round.ends_with_a_failure:
                    break
        left = left.after(this_round, ended, failed)


def _epoch(group: attempts.Group, event: Progress) -> Epoch:
    index, epoch, train_loss, validation_loss = event.message
    return Epoch(group[index], epoch, train_loss, validation_loss)


def _record_results(folder: Path, group: attempts.Group, event: Done) -> Iterator[Finished]:
    """Record what each run of a group gave; a failure noted earlier is forgotten."""
    for run, (result, meta) in zip(group, event.value, strict=True):
        finished = _published(folder, run, result, {**meta, "worker": event.worker})
        failures.forget(folder, run.id)
        yield finished


def _note_failure(
    folder: Path,
    group: attempts.Group,
    event: Failed,
    attempt: Attempt,
) -> Iterator[Finished]:
    """Note that a group failed; on the last attempt its runs are recorded as failed."""
    for run in group:
        failures.note(folder, run.id, event.log)
    if attempt is Attempt.LAST:
        result = {"status": "failed", "message": event.message}
        for run in group:
            yield _published(folder, run, result, {"worker": event.worker})


def _published(folder: Path, run: Run, result: dict[str, Any], meta: dict[str, Any]) -> Finished:
    record = Record(run.id, run.identity, result, meta)
    return Finished(run, record, records.publish(folder, record))


def _write_environment(folder: Path, event: Done, config_folder: Path) -> None:
    device = event.value[0][1]["device"]
    settings = variables.worker_environment(event.worker)
    environment.write(folder, machine.describe(device, settings, config_folder))
