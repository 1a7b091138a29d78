"""The parts of an experiment become one results folder, and what it still lacks is named."""

import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lstm_ablate import study as studies
from lstm_ablate.errors import FolderError, Log, UserError, counted, shortened
from lstm_ablate.evidence import tuning
from lstm_ablate.experiment import loading, runs
from lstm_ablate.experiment.alike import differences, unlike
from lstm_ablate.experiment.identity import SCHEMA
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import FileData
from lstm_ablate.experiment.shards import Shard
from lstm_ablate.experiment.yaml_source import read_text
from lstm_ablate.report.derived import resolved_yaml
from lstm_ablate.store import (
    environment,
    files,
    inventory,
    locks,
    looks_file,
    merge,
    notices_file,
    records,
    shard_file,
    sources,
)
from lstm_ablate.store.looks_file import Entry
from lstm_ablate.store.merge import Taken
from lstm_ablate.store.sources import Source

# What changes no number and no verdict: the question above a report, and where a data file lies.
_IGNORED = ("question", "data.path")
_MOST_NAMED = 8  # names or keys in a message


@dataclass(frozen=True)
class Missing:
    """The runs that are to be trained next, and how.

    `what` says in words how many they are and what they are for. `command` trains them in the
    merged folder; each of `commands` those of one part, where it is known how the experiment was
    cut.
    """

    runs: tuple[Run, ...]
    what: str
    command: str
    commands: tuple[str, ...]


@dataclass(frozen=True)
class Merged:
    """What a merge gave: what the whole tells now, and what it still lacks, if anything.

    `copied` records are new in the folder, and so many were `there` already. `unusable` says of
    each source that was left alone why. `state` says in words how far the experiment has come. So
    many runs have `failed`, and may be tried again.
    """

    ran: studies.Ran
    copied: int
    there: int
    unusable: tuple[str, ...]
    missing: Missing | None
    state: str
    failed: int


@dataclass(frozen=True)
class _Part:
    """A source with what its files beside the records say."""

    source: Source
    experiment: Experiment | None
    shard: Shard | None
    looks: list[Entry]
    notices: list[str]


def merge_parts(folder: Path, given: Sequence[Path], *, log: Log, warn: Log) -> Merged:
    """Copy what the sources have of an experiment into its results folder, and derive its files.

    Sources are results folders, or folders and archives with some in them. `log` hears what came
    from each, `warn` what is wrong with one. A source that cannot be read is left alone. Raises
    UserError where a source does not exist, or where the folder is not named as the experiment is;
    FolderError where the folder cannot be used, and where a source belongs to another experiment,
    naming the keys that differ: nothing is copied then.
    """
    if folder.name in ("", ".."):
        folder = folder.resolve()
    shard_file.check(folder, None)
    inventory.check_rebuildable(folder)
    parts, unusable = _parts(given)
    for text in unusable:
        warn(f"{text}; it is left alone")
    _agreed(folder, parts)
    with locks.locked(folder):
        experiment = _agreed(folder, parts)
        _write_beside(folder, experiment, parts)
        found = records.read_all(folder)
        for path in found.damaged:
            warn(f"{path}: damaged; moved to {records.set_aside(path)}")
        studies.keep_older(folder, found.older, warn)
        known = found.records
        asked = {run.id: run for run in runs.possible(experiment)}
        taken: list[Taken] = []
        for part in parts:
            try:
                taken.append(merge.take(folder, part.source, asked.keys(), known))
            except FolderError as error:
                warn(f"{error}; what was copied before stays")
                unusable.append(str(error))
                continue
            _tell(folder, part, taken[-1], asked.values(), log, warn)
        now = studies.rebuilt(folder, warn, experiment)
    shards = {part.shard for part in parts if part.shard}
    missing, state, failed = _missing(folder, experiment, now, shards)
    return Merged(
        studies.Ran(now, folder, sum(len(part.conflicts) for part in taken)),
        sum(part.copied for part in taken),
        sum(part.there for part in taken),
        tuple(unusable),
        missing,
        state,
        failed,
    )


# ------------------------------------------------------------------------------- what is merged


def _parts(given: Iterable[Path]) -> tuple[list[_Part], list[str]]:
    """Return the results folders in what was given, and what is wrong with what cannot be read."""
    given = list(given)
    if absent := [path for path in given if not path.exists()]:
        raise UserError(*(f"{path}: there is no such folder or archive" for path in absent))
    parts, unusable = list[_Part](), list[str]()
    experiments: dict[bytes, Experiment] = {}  # by what experiment.yaml holds
    for path in given:
        try:
            parts += [_part(source, experiments) for source in sources.found(path)]
        except FolderError as error:
            unusable.append(str(error))
    return parts, unusable


def _part(source: Source, experiments: dict[bytes, Experiment]) -> _Part:
    """Return what a source says of itself; raise FolderError where that cannot be read."""
    small = source.small
    written = small.get("experiment.yaml")
    if written is not None and written not in experiments:
        place = f"{source.place}/experiment.yaml"
        try:
            document = read_text(written.decode(), place).plain()
            experiments[written] = loading.load(document, with_data=False)
        except (UserError, UnicodeDecodeError) as error:
            first = str(error).partition("\n")[0]
            raise FolderError(f"{place}: no experiment of this program: {first}") from None
    shard, looks, notices = (
        small.get(name) and (f"{source.place}/{name}", small[name])
        for name in (shard_file.NAME, looks_file.NAME, notices_file.NAME)
    )
    return _Part(
        source,
        experiments[written] if written is not None else None,
        shard_file.parsed(shard[1], shard[0]) if shard else None,
        looks_file.parsed(looks[1], looks[0]) if looks else [],
        notices_file.parsed(notices[1], notices[0]) if notices else [],
    )


def _agreed(folder: Path, parts: Sequence[_Part]) -> Experiment:
    """Return the experiment of a folder and of all that is merged into it.

    It is that of the folder or, in a new one, of the first part that has one. Where another one
    goes on with more seeds, it is that one. Raises FolderError where they differ otherwise.
    """
    own = folder / "experiment.yaml"
    placed = [(str(folder), loading.load(own, with_data=False))] if own.exists() else []
    placed += [(part.source.place, part.experiment) for part in parts if part.experiment]
    if not placed:
        raise UserError(f"{folder}: nothing here says which experiment it is (experiment.yaml)")
    (_, experiment), *others = placed
    problems = []
    for place, other in others:
        if apart := unlike(other, experiment):
            problems.append(
                f"{place}: belongs to another experiment: {shortened(apart, _MOST_NAMED, '; ')}"
            )
        elif len(other.seeds) > len(experiment.seeds):
            experiment = other
    if problems:
        raise FolderError("\n".join([*problems, f"{folder}: nothing is merged into it"]))
    if folder.name != experiment.name:
        right = folder / experiment.name if folder.is_dir() else folder.with_name(experiment.name)
        raise UserError(
            f"{folder}: the results folder of this experiment is named {experiment.name};"
            f" write {right}"
        )
    return experiment


def _write_beside(folder: Path, experiment: Experiment, parts: Sequence[_Part]) -> None:
    """Write what a results folder holds beside records before it gets any: its experiment, what
    was written down of looks and of the data, and an environment.
    """
    files.replace(folder / "experiment.yaml", resolved_yaml(experiment))
    written = together = looks_file.read(folder)
    for part in parts:
        together = looks_file.together(together, part.looks)
    if together != written:
        looks_file.write(folder, together)
    noted = [notice for part in parts for notice in part.notices]
    notices_file.write(folder, list(dict.fromkeys([*notices_file.read(folder), *noted])))
    if not environment.read(folder):
        known = [
            environment.parsed(part.source.small.get("environment.json", b"")) for part in parts
        ]
        if first := next(filter(None, known), None):
            environment.write(folder, first)


def _tell(
    folder: Path, part: _Part, taken: Taken, asked: Collection[Run], log: Log, warn: Log
) -> None:
    """Say what came from a source, and what of it is left alone."""
    place = part.source.place
    title = f"{part.shard.title}: " if part.shard else ""
    log(f"{place}: {title}{counted(taken.copied, 'record')} copied, {taken.there} are here already")
    if taken.conflicts:
        many = counted(len(taken.conflicts), "run")
        beside = folder / "runs" / "conflicts"
        names = shortened(taken.conflicts, _MOST_NAMED)
        why = "By the records, both were trained on machines of one kind"
        if taken.apart:
            machines = shortened(taken.apart, _MOST_NAMED, "; ")
            why = f"The first was trained on another machine: {machines}"
        warn(
            f"{place}: {many} with other numbers than here; the records here stay, and those from"
            f" there are kept in {beside}: {names}. {why}"
        )
    if taken.damaged:
        names = shortened([f"{run}.json" for run in taken.damaged], _MOST_NAMED)
        warn(f"{place}: no whole records of their runs, and left alone: {names}")
    if taken.older:
        older = records.told_older(taken.older)
        warn(f"{place}: {older} left alone: this program trains with schema {SCHEMA}")
    if taken.other:
        apart = differences(taken.other.identity, merge.nearest(taken.other, asked))
        many = counted(taken.others, "record")
        warn(
            f"{place}: {many} of other settings left alone, the first for"
            f" {shortened(apart, _MOST_NAMED, '; ')}"
        )
    if part.source.conflicts:
        many = counted(part.source.conflicts, "record")
        warn(f"{place}/runs/conflicts: {many} with other numbers than recorded stay there")


# ------------------------------------------------------------------------------- what comes next


def _missing(
    folder: Path, experiment: Experiment, now: studies.Findings, shards: Collection[Shard]
) -> tuple[Missing | None, str, int]:
    """Return what is to be trained next, if anything, how far the experiment has come, and how many
    runs failed.
    """
    tuned = tuning.replay(experiment, now.records)
    wanted = {run.id: run for run in now.runs if run.id not in now.records}
    missing = list(tuned.missing or wanted.values())
    command = _command(folder)
    asked = {run.id for run in (*tuned.runs, *now.runs)} & now.records.keys()
    failed = sum(now.records[run].status == "failed" for run in asked)
    if not missing:
        state = "no run is missing"
        if experiment.looks:
            state += ", and no other look is needed"
        if failed:
            state += f"; {counted(failed, 'run')} failed, to try again: {command} --retry-failed"
        return None, state, failed
    state = _state(experiment, now, missing)
    seeds = [str(seed) for seed in sorted({run.seed for run in missing})]
    what = f"{counted(len(missing), 'run')} missing, of seeds {shortened(seeds, _MOST_NAMED)}"
    if _data_is_lost(folder):
        what += (
            "; its data file does not lie here: name your own config in place of experiment.yaml"
        )
    cuts = {shard.of for shard in shards}
    commands = []
    if len(cuts) == 1:
        (of,) = cuts
        every = [Shard(part, of) for part in range(1, of + 1)]
        commands = [
            f"{command} --shard {shard}"
            for shard in every
            if runs.trained_here(experiment.cut(shard), missing)
        ]
    return Missing(tuple(missing), what, command, tuple(commands)), state, failed


def _command(folder: Path) -> str:
    """Return the command that trains what a results folder lacks."""
    command = f"lstm-ablate run {shlex.quote(str(folder / 'experiment.yaml'))}"
    if folder.parent != Path("results"):
        command += f" --results {shlex.quote(str(folder.parent))}"
    return command


def _state(experiment: Experiment, now: studies.Findings, missing: Sequence[Run]) -> str:
    """Say what the runs that are missing are for."""
    if missing[0].purpose == "tuning" and experiment.tuning:
        return (
            f"each {experiment.tuning.name} is chosen once the tuning runs of all parts are there"
        )
    waiting = [row.look for row in now.summary.rows if row.waits and row.look is not None]
    if waiting:
        number, looks = min(waiting), now.summary.looks
        return f"look {number + 1} of {len(looks)}, at {looks[number].seeds} seeds, is needed"
    return "the experiment is not complete"


def _data_is_lost(folder: Path) -> bool:
    """Return whether experiment.yaml does not lead to a data file; the user's own config may."""
    written = loading.load(folder / "experiment.yaml", with_data=False)
    data = [settings.data for settings in written.settings.values()]
    return any(isinstance(source, FileData) and not Path(source.path).exists() for source in data)
