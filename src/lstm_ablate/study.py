"""One experiment in one results folder: plan, run and report; what the command line and a benchmark
both call.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lstm_ablate.errors import FolderError, UserError
from lstm_ablate.evidence import counting
from lstm_ablate.experiment import loading, runs
from lstm_ablate.experiment.identity import SCHEMA
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run
from lstm_ablate.store import environment, files, inventory, locks, older, records
from lstm_ablate.training import cost, resources, sweep
from lstm_ablate.training.executors.local import execute
from lstm_ablate.training.inputs import checking

# Statistics take half a second to load, which `plan` and a run's start need not wait for.
if TYPE_CHECKING:
    from lstm_ablate.evidence.summary import Summary

Tell = Callable[[str], None]  # hears one line
Steps = Iterable[sweep.Epoch | sweep.Finished]
Watch = Callable[[Steps, list[Run], int], Iterator[sweep.Finished]]


@dataclass(frozen=True)
class Study:
    """A checked experiment and its results folder."""

    experiment: Experiment
    folder: Path
    config_folder: Path


@dataclass(frozen=True)
class Prospect:
    """What running a study would do and cost; nothing is trained or written for it.

    Of `pairs` seeds a variant must win, or lose, at `needed` for a verdict, and of twice as many at
    `needed_of_twice`; None where no number of so few is enough. It takes `least_seeds` at least.
    """

    study: Study
    todo: sweep.Plan
    shares: list[cost.Share]
    workers: int
    cost: cost.Cost
    pairs: int
    comparisons: int
    needed: int | None
    needed_of_twice: int | None
    least_seeds: int


@dataclass(frozen=True)
class Ran:
    """What a run of a study gave: its summary, and how many runs gave other numbers than recorded
    before.
    """

    summary: "Summary"
    conflicts: int

    @property
    def failed(self) -> bool:
        """Whether some runs failed, or gave other numbers than before."""
        return bool(self.conflicts) or any(row.failed for row in self.summary.rows)


# ---------------------------------------------------------------------------------- before training


def checked(config: Path, overrides: tuple[str, ...]) -> Experiment:
    """Return an experiment that can be trained here: its values, its data files and its sizes are
    checked.

    Raises UserError with every problem found.
    """
    experiment = loading.load(config, overrides)
    checking.check_data(experiment)
    resources.check_memory(experiment)
    return experiment


def find(config: Path, overrides: tuple[str, ...], results: Path) -> Study:
    """Return the study of a config in a folder of results folders.

    Raises UserError as `checked` does, and FolderError where the folder belongs to another
    experiment.
    """
    experiment = checked(config, overrides)
    folder = results / experiment.name
    inventory.check_owner(folder, experiment.name)
    return Study(experiment, folder, config.parent)


def plan(study: Study, workers: int | None = None) -> Prospect:
    """Return what `run` would do, on so many workers or as many as the machine is good for."""
    experiment = resources.settled(study.experiment, study.folder)
    todo = sweep.plan(experiment, study.folder)
    processes = workers or resources.workers(experiment)
    pairs, share = len(experiment.seeds), counting.LEVEL / max(1, experiment.comparisons)
    return Prospect(
        study=Study(experiment, study.folder, study.config_folder),
        todo=todo,
        shares=cost.shares(experiment, todo),
        workers=processes,
        cost=cost.cost(todo, processes),
        pairs=pairs,
        comparisons=experiment.comparisons,
        needed=counting.count_needed(pairs, share),
        needed_of_twice=counting.count_needed(2 * pairs, share),
        least_seeds=counting.seeds_needed(share),
    )


# ----------------------------------------------------------------------------------------- training


def run(
    study: Study,
    *,
    workers: int | None = None,
    retry_failed: bool = False,
    fail_fast: bool = False,
    watch: Watch,
    log: Tell,
    warn: Tell,
) -> Ran:
    """Train what is missing, keep every result, and write the derived files.

    `watch` passes the finished runs of a sweep on and shows how far it is; `log` hears what a quiet
    run leaves out, `warn` what it does not. On KeyboardInterrupt the tables of runs are written,
    `warn` hears what is kept, and the interrupt goes on. Raises FolderError where the folder cannot
    be used.
    """
    folder, conflicts = study.folder, 0
    with locks.locked(folder):
        inventory.check_rebuildable(folder)
        experiment = resources.settled(study.experiment, folder)
        todo = sweep.plan(experiment, folder, retry_failed=retry_failed)
        done = _tell_what_is_there(experiment, folder, todo, log, warn)
        if todo.missing:
            # So that `report` works beside a run, and after one that was killed.
            write_tables(folder, experiment)
            steps = sweep.train(
                todo,
                folder,
                execute=execute,
                workers=workers or resources.workers(experiment),
                config_folder=study.config_folder,
                timeout=experiment.timeout,
                fail_fast=fail_fast,
            )
            try:
                conflicts = sum(
                    finished.stored == "conflict" for finished in watch(steps, todo.missing, done)
                )
            except KeyboardInterrupt:
                steps.close()
                kept = write_tables(folder, experiment)
                asked = len({run.id for run in todo.runs})
                warn(f"interrupted: {kept} of {asked} runs are done and kept; call again to go on")
                raise
        return Ran(_rebuilt(folder, warn, experiment), conflicts)


def _tell_what_is_there(
    experiment: Experiment, folder: Path, todo: sweep.Plan, log: Tell, warn: Tell
) -> int:
    """Set damaged records aside, keep the tables of older ones, tell what else lies in the folder,
    and return how many runs are done.
    """
    if foreign := inventory.foreign(folder):
        log(f"{folder}: not ours, left alone: {', '.join(map(str, foreign))}")
    asked = {run.id for run in todo.runs}
    for path in todo.found.damaged:
        again = ", the run is trained again" if path.stem in asked else ""
        warn(f"{path}: damaged; moved to {records.set_aside(path)}{again}")
    if todo.others:
        log(f"{folder}: {todo.others} records of other settings stay, and are not in the tables")
    _keep_older(folder, todo.found.older, log)
    done = len(asked) - len(todo.missing)
    log(f"{experiment.name}: {len(asked)} runs, {done} done, {len(todo.missing)} to train")
    return done


def _keep_older(folder: Path, of_older: dict[str, int], tell: Tell) -> None:
    """Tell of records of older schemas, and copy the tables that came from them, if not yet done.

    Call it before derived files are written.
    """
    if not of_older:
        return
    stay = "stays, and is" if len(of_older) == 1 else "stay, and are"
    tell(
        f"{folder}: {records.told_older(of_older)} {stay} not in the tables: "
        f"this program trains with schema {SCHEMA}"
    )
    if kept := older.keep_tables(folder, of_older):
        tell(f"{folder}: the tables that came from them are kept in {kept.name}/")


# ------------------------------------------------------------------------------------ derived files


def write_tables(folder: Path, experiment: Experiment) -> int:
    """Write the tables of the runs that are recorded; return how many of those asked for are."""
    from lstm_ablate.report import derived

    with locks.deriving(folder):
        found = records.read_all(folder).records
        expanded = runs.expand(experiment)
        derived.write(folder, experiment, expanded, found, None)
    return len(found.keys() & {run.id for run in expanded})


def report(folder: Path, warn: Tell) -> "Summary":
    """Rebuild the derived files of a results folder from its records, and return what they say.

    Files that cannot be written, damaged records and records of older schemas are told and no
    error. Raises UserError where the folder is no results folder, and FolderError where its tables
    have no records, or only some of an older schema: nothing is written then.
    """
    if not (folder / "experiment.yaml").is_file():
        raise UserError(f"{folder}: not a results folder (it holds no experiment.yaml)")
    inventory.check_rebuildable(folder)
    return _rebuilt(folder, warn)


def _rebuilt(folder: Path, warn: Tell, experiment: Experiment | None = None) -> "Summary":
    """Write the derived files and return what they say.

    Without an experiment it is the folder's own, and files that cannot be written are no error.
    """
    from lstm_ablate.evidence import analysis
    from lstm_ablate.report import derived

    with locks.deriving(folder):
        found = records.read_all(folder)
        if not experiment:
            _check_not_only_older(folder, found)
        asked = experiment or loading.load(folder / "experiment.yaml", with_data=False)
        expanded = runs.expand(asked)
        summary = analysis.summarise(asked, expanded, found.records, environment.read(folder))
        try:
            if not experiment:
                _keep_older(folder, found.older, warn)
            derived.write(folder, asked, expanded, found.records, summary)
        except OSError as error:
            if experiment:
                raise
            warn(f"{folder}: its files are not rewritten: {error.strerror or error}")
    ids = {run.id for run in expanded}
    for path in found.damaged:
        again = " and trains its run again" if path.stem in ids else ""
        warn(f"{path}: damaged; `lstm-ablate run` moves it aside{again}")
    return summary


def _check_not_only_older(folder: Path, found: records.Found) -> None:
    """Raise FolderError where tables came from records of an older schema, and there are no others:
    rebuilt, they would be empty.
    """
    try:
        schema = older.schema_of_tables(folder, found.older)
    except OSError as error:
        raise files.unusable(folder, error) from None
    if schema is not None and not found.records:
        raise FolderError(
            f"{folder}: holds {records.told_older(found.older)} and none of schema {SCHEMA}, with "
            "which this program trains; nothing is written, and its tables stay as they are. "
            f"`lstm-ablate run` trains its runs anew, and keeps these tables in schema-{schema}/"
        )
