"""One experiment in one results folder: plan, run and report; what the command line and a benchmark
both call.
"""

import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from lstm_ablate.errors import FolderError, Log, UserError, counted, duration, listed
from lstm_ablate.evidence import counting, history, stopping, tuning
from lstm_ablate.evidence.looks import Look
from lstm_ablate.experiment import loading, runs
from lstm_ablate.experiment.alike import unlike
from lstm_ablate.experiment.changes import COMMAND_LINE, Override
from lstm_ablate.experiment.field_types import Number
from lstm_ablate.experiment.identity import SCHEMA
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.shards import Shard
from lstm_ablate.store import (
    derivation,
    environment,
    files,
    inventory,
    locks,
    looks_file,
    merge,
    notices_file,
    older,
    records,
    shard_file,
    sources,
)
from lstm_ablate.store.records import Found, Record
from lstm_ablate.training import cost, places, resources, sweep
from lstm_ablate.training import speed as speeds
from lstm_ablate.training.executors.local import execute
from lstm_ablate.training.inputs import checking, description
from lstm_ablate.training.pace import Pace, watched

# Statistics take half a second to load, which `plan` and a run's start need not wait for.
if TYPE_CHECKING:
    from lstm_ablate.evidence.summary import Summary

_MOST_NAMED = 4  # parts, or keys, in a message
Steps = Iterable[sweep.Epoch | sweep.Finished]
Watch = Callable[[Steps, "Stage"], Iterator[sweep.Finished]]
Train = Callable[[Experiment, sweep.Plan], int]  # returns how many runs gave other numbers


@dataclass(frozen=True)
class Study:
    """A checked experiment and its results folder, with what one should know of its data: as
    messages, and as sentences for the report.

    With a `shard` the folder is that of a part of the experiment, and the experiment is the whole.
    """

    experiment: Experiment
    folder: Path
    config_folder: Path
    notices: checking.Notices
    shard: Shard | None = None

    @property
    def whole(self) -> Path:
        """The results folder of the whole experiment, also where this is a part of it."""
        return self.folder.parents[1] / self.experiment.name if self.shard else self.folder


@dataclass(frozen=True)
class Stage:
    """What one sweep trains: all that an experiment asks for, what tuning tries, or what is missing
    up to the next look.

    While it is `sealed`, nobody is shown a loss of it. Who sees how a look or a tuning is going to
    end may stop it, or change the seeds, the looks or the grid that were fixed before the first
    run, and then a verdict is wrong more often than the report says. `seconds` are a prediction for
    an idle machine, None where it is not known how fast this one is.
    """

    todo: sweep.Plan
    sealed: bool
    seconds: float | None


@dataclass(frozen=True)
class TuningAhead:
    """What tuning a study would do and cost: the values of a grid for each task and variant.

    At most `most_runs` are trained for it, where every grid is extended as often as it may be. It
    `waits` while runs of it are missing; of a part, also where other parts train them.
    """

    todo: sweep.Plan
    path: str
    grid: tuple[Number, ...]
    most_runs: int
    cost: cost.Cost
    waits: bool


@dataclass(frozen=True)
class Prospect:
    """What running a study would do and cost; nothing is trained or written for it.

    `todo` and what follows it are about the runs that are judged; of a part, about those that it
    trains, at its `seeds`. While `tuning` waits, these stand for those that will follow, at the
    values that the experiment gives itself. Of `pairs` seeds, in all parts together, a variant must
    win, or lose, at `needed` for a verdict, and of twice as many at `needed_of_twice`; None where
    no number of so few is enough. It takes `least_seeds` at least.

    Where there are `looks`, `todo`, `shares` and `cost` are those of all runs that can still be
    asked for; so many of the missing ones come before the `next_look`.

    `added_seeds` says what it means that seeds are added to results, and is empty otherwise.
    """

    study: Study
    seeds: tuple[int, ...]
    files: list[description.Description]
    tuning: TuningAhead | None
    todo: sweep.Plan
    shares: list[cost.Share]
    workers: int
    cost: cost.Cost
    pairs: int
    comparisons: int
    needed: int | None
    needed_of_twice: int | None
    least_seeds: int
    looks: list[Look]
    next_look: int
    added_seeds: str


@dataclass(frozen=True)
class Findings:
    """What the records of a results folder say: its summary, the runs in the order of its tables,
    and all records.
    """

    summary: "Summary"
    runs: Sequence[Run]
    records: Mapping[str, Record]


@dataclass(frozen=True)
class Ran:
    """What a run of a study gave: what its folder says, and how many runs gave other numbers than
    recorded before.
    """

    findings: Findings
    folder: Path
    conflicts: int

    @property
    def conflict(self) -> str | None:
        """What to warn of where runs gave other numbers than recorded before."""
        if not self.conflicts:
            return None
        runs_of = f"{counted(self.conflicts, 'run')} gave other numbers than recorded before"
        return f"{runs_of}: {self.folder}/runs/conflicts"

    @property
    def summary(self) -> "Summary":
        """What the records of the study say."""
        return self.findings.summary

    @property
    def failed(self) -> bool:
        """Whether some runs failed, or gave other numbers than before."""
        tuning = [trial.failed for tuned in self.summary.tuned for trial in tuned.trials]
        return bool(self.conflicts or self.summary.failed) or any(tuning)


# ---------------------------------------------------------------------------------- before training


def checked(
    config: loading.Config,
    overrides: Sequence[Override],
    *,
    until_decided: bool = False,
    source: str = COMMAND_LINE,
) -> Experiment:
    """Return an experiment that can be trained here: its values, its data files, its sizes and its
    looks are checked.

    `until_decided` takes its seeds for those of the last look; `source` is what error messages call
    where overrides come from. Raises UserError with every problem found.
    """
    return _checked(config, overrides, until_decided=until_decided, source=source)[0]


def _checked(
    config: loading.Config, overrides: Sequence[Override], *, until_decided: bool, source: str
) -> tuple[Experiment, checking.Notices]:
    """Return a checked experiment, and what one should know of its data."""
    experiment = loading.load(config, overrides, sequential=until_decided, source=source)
    notices = checking.check_data(experiment)
    resources.check_memory(experiment)
    _check_looks(experiment)
    return experiment, notices


def _check_looks(experiment: Experiment) -> None:
    """Raise UserError where there are looks, and none of them could decide anything."""
    if not experiment.looks:
        return
    if not experiment.comparisons:
        why = "only the baseline: nothing is compared"
    elif any(look.count for look in stopping.planned(experiment)):
        return
    else:
        why = (
            f"no verdict is possible at any look; it takes {stopping.least_seeds(experiment)} seeds"
        )
    most = counted(len(experiment.seeds), "seed")
    raise UserError(f"{experiment.seeds_place}: seeds: {most} at most: {why}")


def find(
    config: loading.Config,
    overrides: Sequence[Override],
    results: Path,
    *,
    until_decided: bool = False,
    shard: Shard | None = None,
    source: str = COMMAND_LINE,
) -> Study:
    """Return the study of a config in a folder of results folders.

    Raises UserError as `checked` does, and where the group size of a part is not settled;
    FolderError where the folder belongs to another experiment, or to another part of it.
    """
    experiment, notices = _checked(config, overrides, until_decided=until_decided, source=source)
    folder = whole = results / experiment.name
    if shard:
        folder = results / f"{experiment.name}.shards" / shard.name
        experiment = resources.settled_before_cutting(experiment, (whole, folder))
        if cuts := shard_file.other_cuts(folder, shard):
            notices.messages.append(
                f"{folder.parent}: holds parts of {cuts} too, which train the same seeds"
            )
        notices.messages.extend(_parts_apart(folder, experiment))
    inventory.check_owner(folder, experiment.name)
    shard_file.check(folder, shard)
    return Study(experiment, folder, loading.folder_of(config), notices, shard)


def _parts_apart(folder: Path, experiment: Experiment) -> list[str]:
    """Say which parts that lie beside a part's folder have other settings."""
    parts: dict[bytes, list[Path]] = {}  # by what experiment.yaml holds, which is the same in most
    for path in sorted(folder.parent.glob("*of*/experiment.yaml")):
        if path.parent != folder:
            with suppress(OSError):
                parts.setdefault(files.read(path), []).append(path)
    told = []
    for paths in parts.values():
        with suppress(UserError):  # `merge` says what is wrong with it
            apart = unlike(loading.load(paths[0], with_data=False), experiment)
            names = listed(str(path.parent) for path in paths[:_MOST_NAMED])
            if apart:
                more = " and more" * (len(paths) > _MOST_NAMED)
                told.append(
                    f"{names}{more}: other settings ({'; '.join(apart[:_MOST_NAMED])}), so that"
                    " `merge` will refuse to put them together with this part; call it with the"
                    " same settings, or give one of the two experiments another name"
                )
    return told


def plan(study: Study, workers: int | None = None, *, log: Log) -> Prospect:
    """Return what `run` would do, on so many workers or as many as the machine is good for.

    Where it is not known yet how fast this machine is, and something would be trained, that is
    measured first, as `log` hears, and kept. It also hears the notices about data files. Of a part
    it is what `run` would do now, given what the whole and the part hold.
    """
    for notice in study.notices.messages:
        log(notice)
    experiment = resources.settled(study.experiment, study.folder).cut(study.shard)
    processes = workers or resources.workers(experiment)
    found = _found_for(study, experiment)
    added_seeds = _added_seeds(experiment, study.folder, found)
    tuned = tuning.replay(experiment, found.records)
    experiment = tuned.experiment.untuned() if tuned.missing else tuned.experiment
    todo = sweep.plan(experiment, found)
    known = todo.records
    if tuned.missing:  # whatever is chosen, these are not the runs that are judged
        todo = replace(todo, missing=list({run.id: run for run in todo.runs}.values()))
        known = {}
    speed = _speed(experiment, todo, tuned, log)
    of_look, most = (
        runs.trained_here(experiment, which(experiment, todo.runs, known))
        for which in (stopping.runs_asked_for, stopping.possible)
    )
    next_look, todo = todo.of(of_look), todo.of(most)
    looks = stopping.planned(experiment)
    every = experiment.every_seed
    pairs, share = len(every), counting.LEVEL / max(1, experiment.comparisons)
    return Prospect(
        study=replace(study, experiment=experiment),
        seeds=study.shard.of_seeds(every) if study.shard else every,
        files=description.of(experiment),
        tuning=_tuning_ahead(tuned, found, processes, speed),
        todo=todo,
        shares=cost.shares(experiment, todo),
        workers=processes,
        cost=cost.cost(todo, processes, speed, others=tuned.runs),
        pairs=pairs,
        comparisons=experiment.comparisons,
        needed=looks[-1].count if looks else counting.count_needed(pairs, share),
        needed_of_twice=counting.count_needed(2 * pairs, share),
        least_seeds=stopping.least_seeds(experiment),
        looks=looks,
        next_look=len(next_look.missing),
        added_seeds=added_seeds,
    )


def _found_for(study: Study, experiment: Experiment) -> Found:
    """Return what a folder holds and, where it is a part, what `run` would copy from the whole."""
    found = records.read_all(study.folder)
    if study.shard is None:
        return found
    asked = {run.id for run in runs.possible(experiment)}
    whole = records.read_all(study.whole).records
    together = {run: record for run, record in whole.items() if run in asked}
    for run, record in found.records.items():
        if run not in together or record.status != "failed":
            together[run] = record
    return replace(found, records=together)


def _speed(
    experiment: Experiment, todo: sweep.Plan, tuned: tuning.State, log: Log
) -> speeds.Speed | None:
    """Return how fast this machine is, or None where that cannot be measured or need not be."""
    if not (todo.missing or tuned.missing):
        return None
    known = speeds.kept(experiment.engine)
    if known is None:
        log("measuring once, for some 20 s, how fast this machine trains")
        known = speeds.measured(experiment.engine, execute)
        if known:
            speeds.keep(experiment.engine, known)
    return known


def _tuning_ahead(
    tuned: tuning.State, found: Found, workers: int, speed: speeds.Speed | None
) -> TuningAhead | None:
    """Return what is left of a tuning, or None where nothing is tuned."""
    asked = tuned.experiment.tuning
    if asked is None:
        return None
    shard = tuned.experiment.shard
    mine, missing = (
        runs.trained_here(tuned.experiment, those) for those in (tuned.runs, tuned.missing)
    )
    todo = sweep.Plan(mine, missing, found)
    most = len(asked.grid) + len(asked.below) + len(asked.above)
    seeds = shard.of_seeds(asked.seeds) if shard else asked.seeds
    return TuningAhead(
        todo=todo,
        path=asked.path,
        grid=asked.grid,
        most_runs=len(tuned.tuned) * most * len(seeds),
        cost=cost.cost(todo, workers, speed),
        waits=bool(tuned.missing),
    )


# ----------------------------------------------------------------------------------------- training


def run(
    study: Study,
    *,
    workers: int | None = None,
    executor: places.Executor | None = None,
    address: str | None = None,
    retry_failed: bool = False,
    fail_fast: bool = False,
    watch: Watch,
    log: Log,
    warn: Log,
) -> Ran:
    """Train what is missing, keep every result, and write the derived files.

    `executor` says where, instead of the experiment; `address` is that of a Ray cluster, as
    `ray.init` takes it. Where there are looks, they are written down first, and nothing is trained
    beyond the look at which a comparison is decided. `watch` passes the finished runs of a sweep on
    and shows how far it is; `log` hears what a quiet run leaves out, `warn` what it does not, such
    as the notices about data files. On KeyboardInterrupt the tables of runs are written, `warn`
    hears what is kept, and the interrupt goes on. Raises FolderError where the folder cannot be
    used, and UserError where the cluster cannot.

    A part trains what belongs to it, as far as the records of the whole and its own say what that
    is; it first copies those of the whole that it would ask for. `warn` hears what comes next.
    """
    folder = study.folder
    places.check(study.experiment, executor, address)
    for notice in study.notices.messages:
        warn(notice)
    with locks.locked(folder), ExitStack() as stack:
        inventory.check_rebuildable(folder)
        experiment = resources.settled(study.experiment, folder).cut(study.shard)

        @cache  # what has nothing to train needs no cluster
        def place() -> places.Place:
            found = places.place(
                experiment, executor, address, workers, here=execute, log=log, warn=warn
            )
            return stack.enter_context(found)

        found = records.read_all(folder)
        if study.shard:
            shard_file.write(folder, study.shard)
            found = _with_records_of_whole(study.whole, experiment, folder, found, log)
        _log_what_is_there(experiment, folder, found, log, warn)
        if added := _added_seeds(experiment, folder, found):
            warn(f"{folder}: {added}")
        _write_down(experiment, folder, found)
        notices_file.write(folder, study.notices.sentences)
        train = partial(
            _train,
            study=study,
            place=place,
            fail_fast=fail_fast,
            watch=watch,
            log=log,
            warn=warn,
        )
        tuned, found, conflicts = _tune(
            experiment, folder, found, train, retry_failed=retry_failed, fail_fast=fail_fast
        )
        if tuned:
            conflicts += _evaluate(
                tuned, folder, found, train, retry_failed=retry_failed, fail_fast=fail_fast
            )
        now = rebuilt(folder, warn, experiment)
        if study.shard:
            warn(_what_comes_next(study.whole, experiment, now.records))
        return Ran(now, folder, conflicts)


def _with_records_of_whole(
    whole: Path, experiment: Experiment, folder: Path, found: Found, log: Log
) -> Found:
    """Return what a part holds with the records of the whole that it would ask for, durably copied.

    From these follow what tuning has chosen and which look comes next; and nothing is trained again
    in a part whose folder is lost. What was written down of looks comes along.
    """
    if not records.listed(whole):
        return found
    asked = {run.id for run in runs.possible(experiment)}
    (source,) = sources.found(whole)
    copied = merge.take(folder, source, asked, found.records).copied
    if copied:
        log(f"{folder}: {counted(copied, 'record')} of {whole} copied")
    written = looks_file.read(folder)
    both = looks_file.together(looks_file.read(whole), written)
    if both != written:
        looks_file.write(folder, both)
    return records.read_all(folder)


def _what_comes_next(whole: Path, part: Experiment, found: Mapping[str, Record]) -> str:
    """Say how far a part has come, and how the parts are merged."""
    title = part.shard.title if part.shard else "the whole"
    place = shlex.quote(str(whole))
    merged = f"lstm-ablate merge {place} {place}.shards/*"
    tuned = tuning.replay(part, found)
    if part.tuning and tuned.missing:
        return (
            f"{part.name}: {title} has trained tuning runs alone, because each {part.tuning.name}"
            " is chosen from those of all parts; merge them, and call this again: " + merged
        )
    if part.looks:
        return f"{part.name}: {title}; whether another look is needed says: {merged}"
    return f"{part.name}: {title}; this makes one folder of all parts: {merged}"


def _tune(
    experiment: Experiment,
    folder: Path,
    found: Found,
    train: Train,
    *,
    retry_failed: bool,
    fail_fast: bool,
) -> tuple[Experiment | None, Found, int]:
    """Train tuning runs until a value is chosen for every variant.

    Return the experiment with these values, None where that ended early or waits for other parts,
    what the folder holds then, and how many runs gave other numbers than recorded before. Without
    tuning there is nothing to train.
    """
    conflicts, tried = 0, set[str]()
    while experiment.tuning:
        known = {
            run: record
            for run, record in found.records.items()
            if run in tried or not (retry_failed and record.status == "failed")
        }
        tuned = tuning.replay(experiment, known)
        if fail_fast and any(known[run].status == "failed" for run in tried & known.keys()):
            return None, found, conflicts
        if not tuned.missing:
            return tuned.experiment, found, conflicts
        # A run that left no record that can be read is not tried for ever.
        missing = [
            run for run in runs.trained_here(experiment, tuned.missing) if run.id not in tried
        ]
        if not missing:
            return None, found, conflicts
        mine = runs.trained_here(experiment, tuned.runs)
        conflicts += train(tuned.experiment, sweep.Plan(mine, missing, found))
        tried |= {run.id for run in missing}
        found = records.read_all(folder)
    return experiment, found, conflicts


def _evaluate(
    experiment: Experiment,
    folder: Path,
    found: Found,
    train: Train,
    *,
    retry_failed: bool,
    fail_fast: bool,
) -> int:
    """Train the runs that are judged: all or, where there are looks, up to the one at which the
    last comparison is decided. Return how many gave other numbers than recorded before.
    """
    todo = _next(experiment, found, retry_failed=retry_failed)
    conflicts, tried = train(experiment, todo), set[str]()
    while todo.missing:
        # What failed again on request is not tried once more.
        tried |= {run.id for run in todo.missing}
        todo = _next(experiment, records.read_all(folder), retry_failed=retry_failed, tried=tried)
        failed = any(todo.records[run].status == "failed" for run in tried & todo.records.keys())
        if fail_fast and failed:
            break
        if todo.missing:
            conflicts += train(experiment, todo)
    return conflicts


def _next(
    experiment: Experiment, found: Found, *, retry_failed: bool, tried: Set[str] = frozenset()
) -> sweep.Plan:
    """Return what is to be trained next: all that is missing or, where there are looks, what is
    missing of the next one.
    """
    todo = sweep.plan(experiment, found, retry_failed=retry_failed)
    due = stopping.runs_asked_for(experiment, todo.runs, todo.records)
    return todo.of(runs.trained_here(experiment, due), without=tried)


def _train(
    experiment: Experiment,
    todo: sweep.Plan,
    *,
    study: Study,
    place: Callable[[], places.Place],
    fail_fast: bool,
    watch: Watch,
    log: Log,
    warn: Log,
) -> int:
    """Train what a plan misses, and return how many runs gave other numbers than recorded before.

    On KeyboardInterrupt see `run`.
    """
    folder, asked = study.folder, {run.id for run in todo.runs}
    done, what, up_to = len(asked) - len(todo.missing), "runs", ""
    if any(run.purpose == "tuning" for run in todo.runs):
        what = "tuning runs"
    elif experiment.looks:
        up_to = " up to the next look"
    state = f"{len(asked)} {what}{up_to}, {done} done, {len(todo.missing)} to train"
    if not todo.missing:
        log(f"{experiment.name}: {state}")
        return 0
    together, there = _together(todo), place()
    predicted = cost.cost(todo, there.workers, speeds.kept(experiment.engine))
    first, soon = predicted.first_seconds, ""
    if first is not None:
        soon = f"; the first are kept after {duration(first)} on an idle machine"
    log(f"{experiment.name}: {state}{together and f', {together}'}{soon}")
    steps = sweep.train(
        todo,
        folder,
        execute=there.execute,
        workers=there.most_workers,
        config_folder=study.config_folder,
        timeout=experiment.timeout,
        fail_fast=fail_fast,
        with_files=not there.has_files,
        meanwhile=partial(_prepare_report, folder, experiment),
    )
    pace = Pace(time.monotonic())
    sealed = what == "tuning runs" or bool(experiment.looks)
    stage = Stage(todo, sealed, predicted.seconds)
    shown = watch(watched(steps, pace, time.monotonic), stage)
    try:
        return sum(finished.stored == "conflict" for finished in shown)
    except KeyboardInterrupt:
        steps.close()
        kept = len(asked & write_tables(folder, experiment))
        text = f"interrupted: {kept} of {len(asked)} {what} are done and kept"
        if not pace.finished:
            end = pace.first_end()
            first = first if end is None else end - pace.start
            text += _none_kept(together, first, before=bool(kept))
        warn(f"{text}; call again to go on")
        raise


def _together(todo: sweep.Plan) -> str:
    """Say how many runs end together, where several do."""
    largest = max(map(len, runs.groups(todo.missing)))
    return f"in groups of up to {largest} that end together" if largest > 1 else ""


def _none_kept(together: str, first: float | None, *, before: bool) -> str:
    """Say why an interrupted sweep has kept nothing, and when the first would have been kept."""
    text = ", none of them since this start" if before else ""
    if together:
        text += f": runs train {together}"
    if first is not None:
        text += ", and" if together else ":"
        text += f" on an idle machine the first would have been kept after {duration(first)}"
    if together and not before:  # of another group size, what is kept would be trained again
        text += ". With group_size=1 each run is kept as it ends, which takes longer in all"
    return text


def _prepare_report(folder: Path, experiment: Experiment) -> None:
    """Write the tables, so that `report` works beside a run, and after one that was killed; load
    what will draw the page at its end.
    """
    write_tables(folder, experiment)
    from lstm_ablate.evidence import analysis  # noqa: F401
    from lstm_ablate.report import page  # noqa: F401


def _write_down(experiment: Experiment, folder: Path, found: Found) -> None:
    """Write down what an experiment with looks settles before its first run, or changes later."""
    written = looks_file.read(folder)
    now = looks_file.brought_up_to(experiment, written, found, counting.LEVEL)
    if now != written:
        looks_file.write(folder, now)


def _added_seeds(experiment: Experiment, folder: Path, found: Found) -> str:
    """Say what it means that an experiment of a fixed number of seeds goes on with more of them;
    nothing where it does not.

    Who adds seeds until a verdict is reached finds one too often: with five more looks, 11 to 16%
    of experiments without any difference gave one, where 5% was meant.
    """
    before = inventory.seeds(folder)
    added = [seed for seed in experiment.seeds if seed not in before]
    if experiment.looks or not added or len(added) == len(experiment.seeds):
        return ""
    asked = runs.expand(tuning.replay(experiment, found.records).experiment)
    recorded = [run.id in found.records for run in asked if run.seed in before]
    if not (recorded and all(recorded)):
        return ""  # no report was whole
    first = max((*before, *experiment.seeds)) + 1
    fresh = list(range(first, first + len(experiment.seeds)))
    return (
        f"there are results of {counted(len(experiment.seeds) - len(added), 'seed')}, and"
        f" {len(added)} more are asked for. The report counts all of them, as if their number had"
        " been fixed before the first run; who adds seeds after seeing a verdict is wrong more"
        f" often than in the {100 * counting.LEVEL:g}% of experiments that it allows for. To judge"
        f' new seeds alone, add `name={experiment.name}-2 seeds="{fresh}"`'
    )


def _log_what_is_there(
    experiment: Experiment, folder: Path, found: Found, log: Log, warn: Log
) -> None:
    """Set damaged records aside, keep the tables of older ones, tell what else is in the folder."""
    if foreign := inventory.foreign(folder):
        log(f"{folder}: not ours, left alone: {', '.join(map(str, foreign))}")
    tuned = tuning.replay(experiment, found.records)
    asked = {run.id for run in (*tuned.runs, *runs.expand(tuned.experiment))}
    for path in found.damaged:
        again = ", the run is trained again" if path.stem in asked else ""
        warn(f"{path}: damaged; moved to {records.set_aside(path)}{again}")
    others = Counter(record.purpose for run, record in found.records.items() if run not in asked)
    if others["evaluation"] and not tuned.missing:  # some may be what tuning chooses
        stay = f"{others['evaluation']} records of other settings stay"
        log(f"{folder}: {stay}, and are not in the tables")
    if others["tuning"]:
        log(f"{folder}: {others['tuning']} records of other tuning stay, and choose nothing")
    keep_older(folder, found.older, log)


def keep_older(folder: Path, of_older: dict[str, int], tell: Log) -> None:
    """Say how many records are of older schemas, and copy the tables that came from them once.

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


def write_tables(folder: Path, experiment: Experiment) -> set[str]:
    """Write the tables of the runs that are recorded; return the ids of all records."""
    from lstm_ablate.report import derived

    with locks.deriving(folder):
        found = records.read_all(folder).records
        asked = stopping.runs_asked_for(experiment, runs.expand(experiment), found)
        derived.write(folder, experiment, asked, found, None)
    return set(found)


def report(folder: Path, warn: Log) -> "Summary":
    """Rebuild the derived files of a results folder from its records, and return what they say; see
    `read_back`.
    """
    return read_back(folder, warn).summary


def read_back(folder: Path, warn: Log) -> Findings:
    """Rebuild the derived files of a results folder from its records, and return what they say.

    `warn` hears of files that cannot be written, of damaged records and of records of older
    schemas, which are no error. Raises UserError where the folder is no results folder, and
    FolderError where its tables have no records, or only some of an older schema: nothing is
    written then.
    """
    inventory.check_results_folder(folder)
    inventory.check_rebuildable(folder)
    return rebuilt(folder, warn)


def rebuilt(folder: Path, warn: Log, experiment: Experiment | None = None) -> Findings:
    """Write the derived files and return what they say.

    Without an experiment it is the folder's own, or the part of it that the folder holds, and files
    that cannot be written are no error.
    """
    from lstm_ablate.evidence import analysis
    from lstm_ablate.report import derived

    with locks.deriving(folder):
        found = records.read_all(folder)
        if not experiment:
            _check_not_only_older(folder, found)
        asked = experiment or loading.load(folder / "experiment.yaml", with_data=False).cut(
            shard_file.read(folder)
        )
        written = looks_file.brought_up_to(asked, looks_file.read(folder), found, counting.LEVEL)
        asked = tuning.replay(asked, found.records).experiment
        expanded = runs.expand(asked)
        summary = analysis.summarise(
            asked,
            expanded,
            found.records,
            environment.read(folder),
            history=(*notices_file.read(folder), *history.notes(written)),
        )
        expanded = stopping.runs_asked_for(asked, expanded, found.records)
        try:
            if not experiment:
                keep_older(folder, found.older, warn)
            made_of = derived.made_of(expanded, found.records, summary)
            # `report` makes them anew, whatever there is.
            if not experiment or not derivation.holds(folder, made_of):
                derived.write(folder, asked, expanded, found.records, summary)
        except OSError as error:
            if experiment:
                raise
            warn(f"{folder}: its files are not rewritten: {error.strerror or error}")
    ids = {run.id for run in expanded}
    for path in found.damaged:
        again = " and trains its run again" if path.stem in ids else ""
        warn(f"{path}: damaged; `lstm-ablate run` moves it aside{again}")
    return Findings(summary, expanded, found.records)


def _check_not_only_older(folder: Path, found: Found) -> None:
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
