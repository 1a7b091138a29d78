"""What is in a results folder: its owner, whether it can be rebuilt, which files are foreign."""

import re
from collections.abc import Mapping
from pathlib import Path

from lstm_ablate.errors import FolderError, UserError, nearest, shortened
from lstm_ablate.experiment.experiment_file import VERSION
from lstm_ablate.experiment.nodes import Node
from lstm_ablate.experiment.yaml_source import read_file
from lstm_ablate.store import files, older, records

# The names of figures begin with these.
KINDS = ("tuning", "intervals", "ratios", "curves", "pairs", "reconstructions", "failures")
_MOST_NAMED = 8  # folders in a message
_EARLIER_KINDS = ("divergence",)  # drawn by version 0.1

_DERIVED = (
    "experiment.yaml",
    "runs.csv",
    "curves.csv",
    "timings.csv",
    "tuning.csv",
    "summary.csv",
    "ratios.csv",
    "report.md",
    "report.html",
)

_OURS = re.compile(
    r"(experiment|looks|notices|shard)\.yaml|environment\.json|report\.(md|html)"
    r"|(runs|curves|ratios|summary|timings|tuning)\.csv"
    r"|\.(derived\.)?lock|\.holder|\.derived\.json"
    rf"|schema-[0-9]+/({'|'.join(map(re.escape, older.TABLES))})"
    r"|logs/[0-9a-f]{16}\.log|runs/([0-9a-f]{16}|(damaged|conflicts)/[0-9a-f]{16}\.[0-9]+)\.json"
    rf"|(.*/)?{files.TEMPORARY}"  # left behind by a write that was killed
)


def check_owner(folder: Path, name: str) -> None:
    """Raise FolderError if a folder belongs to an experiment of another name or to a newer program.

    An edited experiment goes on in its folder. In a folder that was copied or renamed, the files of
    one experiment would be replaced by those of another.
    """
    written = _experiment(folder)
    _check_version(written)
    other = written.get("name")
    if other and other.value != name:
        raise FolderError(
            f"{other.place}: the folder belongs to another experiment: "
            f'name: "{other.plain()}" there, "{name}" here; '
            "name another folder with --results, or give this experiment another name"
        )


def check_version(folder: Path) -> None:
    """Raise FolderError if a newer program wrote a results folder."""
    _check_version(_experiment(folder))


def _check_version(written: Mapping[str, Node]) -> None:
    version = written.get("version")
    if version and type(version.value) is int and version.value > VERSION:
        raise FolderError(
            f"{version.place}: version: {version.value} is newer than this program, which knows "
            f"{VERSION}; update it, or name another folder with --results"
        )


def _experiment(folder: Path) -> Mapping[str, Node]:
    """Return the top level of a folder's experiment.yaml, or nothing where it cannot be read."""
    try:
        root = read_file(folder / "experiment.yaml")
    except UserError:
        return {}
    return root.value if isinstance(root.value, dict) else {}


def group_size(folder: Path) -> int | None:
    """Return the number in a folder's experiment.yaml, also where today's rules refuse the rest."""
    written = _experiment(folder).get("group_size")
    return written.value if written and type(written.value) is int else None


def seeds(folder: Path) -> frozenset[int]:
    """Return the seeds in a folder's experiment.yaml; none where they are trained until a decision,
    or cannot be read.
    """
    written = _experiment(folder).get("seeds")
    plain = written.plain() if written else None
    if type(plain) is int:
        return frozenset(range(plain))
    return frozenset(plain) if isinstance(plain, list) else frozenset()


def check_results_folder(folder: Path, holds: str = "experiment.yaml") -> None:
    """Raise UserError if a folder does not hold a file, and so is no results folder."""
    if not (folder / holds).is_file():
        hint = did_you_mean_folder(folder, holds)
        raise UserError(f"{folder}: not a results folder (it holds no {holds}).{hint}")


def _name_in(config: Path) -> str:
    """Return the name that a config gives its experiment, or its own where none can be read."""
    try:
        name = read_file(config).nearest("name").value
    except UserError:
        return config.stem
    return name if isinstance(name, str) and "/" not in name else config.stem


def did_you_mean_folder(folder: Path, holds: str) -> str:
    """Return a hint at a folder that holds a file, where a folder does not: those in it, the one of
    that name in results/, or of the name in a config that was given instead, or one beside it that
    is spelt alike; nothing where there is none.
    """
    try:
        inside = sorted(str(path.parent) for path in folder.glob(f"*/{holds}"))
    except OSError:
        inside = []
    if inside:
        return f" Name one of those in it: {shortened(inside, _MOST_NAMED)}"
    name = _name_in(folder) if folder.suffix == ".yaml" else folder.name
    there = Path("results") / name
    if folder != there and (there / holds).is_file():
        return f' Did you mean "{there}"?'
    try:
        beside = {path.parent.name for path in folder.parent.glob(f"*/{holds}")}
    except OSError:
        return ""
    near = nearest(folder.name, beside - {folder.name})
    return f' Did you mean "{folder.parent / near}"?' if near else ""


def check_rebuildable(folder: Path) -> None:
    """Raise FolderError if a folder holds tables, but not the records that they came from."""
    path = folder / "runs.csv"
    if records.listed(folder) or any((folder / "runs").glob("*/*.json")) or not path.is_file():
        return
    with path.open("rb") as stream:  # in whatever encoding
        rows = sum(1 for _ in stream) - 1
    if rows > 0:
        raise FolderError(
            f"{folder}: holds the tables of {rows} runs, and no records (runs/) to rebuild them "
            "from; nothing is written. Name another folder (--results of `run`), or remove its "
            "CSVs if they may go"
        )


def figures(folder: Path) -> set[Path]:
    """Return the figures that are named as we name them: a kind, and a task of experiment.yaml."""
    tasks = _experiment(folder).get("tasks")
    named = tasks.value if tasks and isinstance(tasks.value, dict) else ()
    suffixes = ("", *(f"-{task}" for task in named))
    stems = {kind + suffix for kind in (*KINDS, *_EARLIER_KINDS) for suffix in suffixes}
    found = (folder / "figures").glob("*")
    return {path for path in found if path.stem in stems and path.suffix in (".svg", ".png")}


def derived(folder: Path) -> set[Path]:
    """Return the files that are derived from the records, as far as they are there."""
    named = {folder / name for name in _DERIVED}
    return {path for path in named if path.exists()} | figures(folder)


def foreign(folder: Path) -> list[Path]:
    """Return the files that this program did not write; nothing touches them."""
    drawn = figures(folder)
    paths = [path for path in sorted(folder.rglob("*")) if not path.is_dir() and path not in drawn]
    return [name for path in paths if not _OURS.fullmatch(str(name := path.relative_to(folder)))]
