"""The validated experiment: what a config means, with every value resolved for every task and variant."""

import hashlib
import json
import re
import stat
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from lstm_ablate.errors import UserError, did_you_mean
from lstm_ablate.experiment.changes import EXCLUDES, apply, changes_of, override, put
from lstm_ablate.experiment.field_types import MAX_RUNS
from lstm_ablate.experiment.problems import Problems, find, found, validate
from lstm_ablate.experiment.schema import CHANGEABLE, ExperimentFile
from lstm_ablate.experiment.settings import Autoregressive, FileData, Settings
from lstm_ablate.experiment.yaml_source import Node, Place, read_file


@dataclass(frozen=True)
class Experiment:
    """An experiment with every value resolved: `settings[task, variant]` in the config's order."""

    name: str
    question: str
    seeds: tuple[int, ...]
    baseline: str
    engine: str
    group_size: int | Literal["auto"]
    variants: tuple[str, ...]
    tasks: tuple[str, ...]
    margin: float
    workers: int | Literal["auto"]
    timeout: float
    settings: Mapping[tuple[str, str], Settings]
    resolved: Mapping[str, Any]
    written: Mapping[tuple[str, str], Node] = field(compare=False)  # the settings as nodes, which know their places

    def place(self, task: str, variant: str, path: str) -> Place:
        """Return where a value was written, or else the nearest above it that was."""
        return find(self.written[task, variant], tuple(path.split("."))).place

    def formula(self, task: str, variant: str) -> str:
        """Return the formula of a variant's cell, with those of its changes that a formula does not show."""
        sites = {
            "model.activation",
            "model.candidate",
            "model.output",
            "model.gates",
            "model.between",
            "model.head",
        }
        changes = self.resolved["variants"][variant]
        others = [f"{path} = {_text(value)}" for path, value in changes.items() if path not in sites]
        return "; ".join([self.settings[task, variant].model.formula(), *others])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


Changes = Mapping[str, Mapping[str, tuple[Node, Place]]]  # name of a task or variant -> what `apply` takes
# A mistake of the base is one of every cell, and one of a variant of every task. Of so many cells, those are looked at
# first that show them all; without a mistake among them, or in a smaller grid, every cell is.
_MANY_CELLS = 10_000
DEFAULT_TASK = "default"  # the task of an experiment that names none
_NAME = re.compile(r"\w[\w.+\-]*")
_FILLERS = re.compile("[\u115f\u1160\u3164\uffa0]")  # of Hangul: letters that show nothing
_RESERVED = re.compile(r"(none|na|nan|null)|(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def load(path: Path, overrides: tuple[str, ...] = (), *, with_data: bool = True) -> Experiment:
    """Read, override and validate an experiment file.

    `with_data=False` takes the digests of data files as they are written, without looking for the files: enough to
    report, not to train.
    `overrides` are texts such as `training.epochs=5`, in the notation of a variant's changes. Raises UserError with
    every problem found, each with its place, what was found and what is allowed.
    """
    problems = Problems()
    root = read_file(path)
    if not isinstance(root.value, dict):
        raise UserError(f"{root.place}: an experiment is a mapping (name: ..., variants: ...), found {found(root)}")
    for text in overrides:
        root = override(root, text, problems)
    if with_data:
        root = _pinned(root, path.parent, problems)
    parsed = validate(ExperimentFile, root, problems)
    base = Node({k: v for k, v in root.value.items() if k in CHANGEABLE["tasks"]}, root.place, root.keys)
    named = {kind: changes_of(root, kind, problems) for kind in CHANGEABLE}
    _check_sites(root, problems)
    _check_names(root, problems)
    _check_baseline(root, problems)
    if parsed:
        _check_size(parsed, find(root, ("seeds",)).place, problems)

    tasks, variants = named["tasks"] or {DEFAULT_TASK: {}}, named["variants"]
    if len(tasks) * len(variants) > _MANY_CELLS:
        _grid(base, dict(islice(tasks.items(), 1)), variants, path.parent, problems)
        _grid(base, tasks, dict(islice(variants.items(), 1)), path.parent, problems)
        problems.stop_if_any()
    cells = _grid(base, tasks, variants, path.parent, problems)
    problems.stop_if_any()
    assert parsed is not None
    return Experiment(
        name=parsed.name,
        question=parsed.question,
        seeds=parsed.seeds,
        baseline=parsed.baseline,
        engine=parsed.engine,
        group_size=parsed.group_size,
        variants=tuple(parsed.variants),
        tasks=tuple(parsed.tasks) or (DEFAULT_TASK,),
        margin=parsed.analysis.margin,
        workers=parsed.execution.workers,
        timeout=parsed.execution.timeout,
        settings={cell: one for cell, (one, _) in cells.items()},
        resolved=_resolved(parsed, root),
        written={cell: node for cell, (_, node) in cells.items()},
    )


def _grid(
    base: Node, tasks: Changes, variants: Changes, folder: Path, problems: Problems
) -> dict[tuple[str, str], tuple[Settings, Node]]:
    """Return the settings of each task and variant, resolved and as written, but for those with a problem."""
    cells = {}
    for task, task_changes in tasks.items():
        in_task = apply(base, task_changes)
        for variant, variant_changes in variants.items():
            merged = apply(in_task, variant_changes)
            context = f"tasks.{task}: " if task_changes else ""
            context += f"variants.{variant}: " if variant_changes else ""
            one = validate(Settings, merged, problems, context)
            if one:
                _check_settings(one, merged, problems, context)
                cells[task, variant] = (_located(one, folder), merged)
    return cells


def _resolved(parsed: ExperimentFile, root: Node) -> dict[str, Any]:
    """Return the file with its defaults filled in, without `execution`: it never changes a result."""
    values = parsed.model_dump(mode="json", exclude={"execution"}, exclude_none=True)
    order = (
        "version",
        "name",
        "question",
        "data",
        "model",
        "training",
        "seeds",
        "baseline",
        "variants",
        "tasks",
        "engine",
        "group_size",
        "analysis",
    )
    for kind in CHANGEABLE:  # null is a value in a change, and stands for no changes or none of them elsewhere
        named = root.value[kind].plain() if kind in root.value else None
        values[kind] = {name: changes or {} for name, changes in (named or {}).items()}
    if len(parsed.seeds) > 1000 and parsed.seeds == tuple(range(len(parsed.seeds))):
        values["seeds"] = len(parsed.seeds)  # the list would be more than a config may hold
    # Where a change picks another family or optimizer, defaults of the one it replaces would look like the user's.
    changed = {path for kind in CHANGEABLE for changes in values[kind].values() for path in changes}
    written = parsed.model_dump(mode="json", exclude_unset=True)
    if "data.family" in changed:
        values["data"] = {"family": parsed.data.family, **written.get("data", {})}
    if "training.optimizer.name" in changed:
        optimizer = written.get("training", {}).get("optimizer", {})
        values["training"]["optimizer"] = {"name": parsed.training.optimizer.name, **optimizer}
    return {key: values[key] for key in order if values[key] != ""}


def _pinned(root: Node, folder: Path, problems: Problems) -> Node:
    """Write the digest of every data file beside its path, in the base and in the tasks."""
    data = root.value.get("data")
    if data and isinstance(data.value, dict) and "path" in data.value and find(data, ("family",)).value == "file":
        digest = _digest(data.value["path"], data.value.get("digest"), folder, problems)
        if digest:
            root = put(root, ("data", "digest"), digest, digest.place)
    tasks = root.value.get("tasks")
    for name, changes in tasks.value.items() if tasks and isinstance(tasks.value, dict) else ():
        if isinstance(changes.value, dict) and "data.path" in changes.value:
            given = changes.value.get("data.digest")
            digest = _digest(changes.value["data.path"], given, folder, problems)
            if digest:
                root = put(root, ("tasks", name, "data.digest"), digest, digest.place)
    return root


def _digest(path: Node, given: Node | None, folder: Path, problems: Problems) -> Node | None:
    if not isinstance(path.value, str) or not path.value:
        return given
    shown = json.dumps(path.value[:200], ensure_ascii=False)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path.value):
        problems.add(path.place, f"{shown} is an address; name a file on this machine")
        return given
    try:
        file = _locate(path.value, folder)
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would wait for ever
            what = "is a folder" if stat.S_ISDIR(status.st_mode) else "is not a regular file"
            problems.add(path.place, f"data file {shown} {what}; name a CSV or NPY file")
            return given
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        if given is None:
            looked = " and ".join(dict.fromkeys((str(folder.resolve()), str(Path.cwd()))))
            problems.add(path.place, f"data file {shown} not found (looked in {looked})")
        return given
    except (OSError, ValueError) as error:  # no permission, too long; a NUL in the path
        why = error.strerror if isinstance(error, OSError) else str(error)
        problems.add(path.place, f"data file {shown} cannot be read: {why}")
        return given
    if given is not None and given.value != digest:
        problems.add(given.place, f"{shown} has the SHA-256 {digest}, not the digest given here")
    return Node(digest, path.place)


def _locate(path: str, folder: Path) -> Path:
    """Return where a data file lies: beside the config, or else in the working folder."""
    file = Path(path)
    with suppress(RuntimeError):  # ~ of nobody
        file = file.expanduser()
    with suppress(OSError):
        if (folder / file).exists():
            file = folder / file
    return file.absolute()


def _located(settings: Settings, folder: Path) -> Settings:
    if not isinstance(settings.data, FileData):
        return settings
    file = _locate(settings.data.path, folder)
    return settings.model_copy(update={"data": settings.data.model_copy(update={"path": str(file)})})


def _check_size(parsed: ExperimentFile, place: Place, problems: Problems) -> None:
    """Count the runs before they are expanded, and stop where they are too many."""
    tasks, variants, seeds = max(1, len(parsed.tasks)), len(parsed.variants), len(parsed.seeds)
    if (runs := tasks * variants * seeds) > MAX_RUNS:
        problems.add(
            place,
            f"{tasks:,} tasks x {variants:,} variants x {seeds:,} seeds are {runs:,} runs; at most {MAX_RUNS:,} are "
            "allowed: name fewer",
        )
        problems.stop_if_any()


def _check_sites(root: Node, problems: Problems) -> None:
    model = root.value.get("model")
    for key in ("candidate", "output"):
        if model and isinstance(model.value, dict) and "activation" in model.value and key in model.value:
            problems.add(model.keys[key], "model: " + EXCLUDES.format(key))


def _check_names(root: Node, problems: Problems) -> None:
    """Check the names of the experiment, its variants and tasks: they become file names and CSV cells.

    File systems take names of 255 bytes, of which figures and temporary files add some 35.
    """
    name = root.value.get("name")
    if name and isinstance(name.value, str):
        _check_name(name.value, name.place, problems)
    for kind in CHANGEABLE:
        named = root.value.get(kind)
        seen: dict[str, str] = {}
        for one, place in named.keys.items() if named and isinstance(named.value, dict) else ():
            _check_name(one, place, problems)
            folded = unicodedata.normalize("NFC", one).casefold()
            if folded in seen:
                problems.add(place, f'"{one}" and "{seen[folded]}" in {kind} differ only in case or accents\' form')
            seen[folded] = one


def _check_name(name: str, place: Place, problems: Problems) -> None:
    allowed = "letters, digits and _ - + . (a letter, digit or _ first), at most 64 and 200 bytes of UTF-8"
    if not _NAME.fullmatch(name) or len(name) > 64 or len(name.encode()) > 200 or ".." in name:
        problems.add(place, f"{json.dumps(name)} cannot be a name; allowed: {allowed}")
    elif _FILLERS.search(name):
        problems.add(place, f"the name {json.dumps(name)} holds a character that cannot be seen")
    elif _RESERVED.fullmatch(name):
        problems.add(place, f'"{name}" cannot be a name: other programs read it as something else')


def _check_baseline(root: Node, problems: Problems) -> None:
    baseline, variants = root.value.get("baseline"), root.value.get("variants")
    if baseline and isinstance(baseline.value, str) and variants and isinstance(variants.value, dict):
        known = list(variants.value)
        if baseline.value not in known:
            hint = did_you_mean(baseline.value, known)
            problems.add(
                baseline.place,
                f"baseline: {json.dumps(baseline.value, ensure_ascii=False)} is not a variant.{hint}\n"
                f"  known: {', '.join(known)}",
            )


def _check_settings(settings: Settings, node: Node, problems: Problems, context: str) -> None:
    """Check what concerns two values at once."""
    data, training = settings.data, settings.training
    if not isinstance(data, FileData) and training.batch_size > data.samples.train:
        problems.add(
            find(node, ("training", "batch_size")).place,
            f"training.batch_size: {training.batch_size} is more than the {data.samples.train} training samples",
            context,
        )
    if isinstance(data, Autoregressive) and not _stationary(data.coefficients):
        problems.add(
            find(node, ("data", "coefficients")).place,
            "data.coefficients: the process is not stationary (a root of its polynomial is outside the unit circle)",
            context,
        )
    if isinstance(data, FileData) and abs(data.split.train + data.split.validation + data.split.test - 1) > 1e-9:
        problems.add(find(node, ("data", "split")).place, "data.split: the fractions must add up to 1", context)


def _stationary(coefficients: tuple[float, ...]) -> bool:
    """Whether all partial autocorrelations lie within (-1, 1) (Barndorff-Nielsen & Schou 1973)."""
    row = list(coefficients)
    while row:
        last = row[-1]
        if abs(last) >= 1:
            return False
        row = [(row[k] + last * row[-2 - k]) / (1 - last * last) for k in range(len(row) - 1)]
    return True
