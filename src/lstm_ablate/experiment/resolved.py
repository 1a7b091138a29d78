"""The experiment with every value resolved, as runs take it and as experiment.yaml holds it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lstm_ablate.experiment.data_files import with_absolute_path
from lstm_ablate.experiment.experiment_file import CHANGEABLE, ExperimentFile
from lstm_ablate.experiment.grid import Cells
from lstm_ablate.experiment.nodes import Node, Place
from lstm_ablate.experiment.settings import Settings

# The sites where an activation acts: `Model.formula` shows what changes at them.
_SITES = {
    "model.activation",
    "model.candidate",
    "model.output",
    "model.gates",
    "model.between",
    "model.head",
}
# The keys of experiment.yaml. `execution` is not among them, for it never changes a result.
_KEYS = (
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


@dataclass(frozen=True)
class Experiment:
    """An experiment with every value resolved.

    `settings[task, variant]` are in the config's order; `resolved` is what experiment.yaml holds;
    `written` are the settings as nodes, which know their places.
    """

    name: str
    question: str
    seeds: tuple[int, ...]
    baseline: str
    engine: str
    group_size: int | Literal["auto"]
    variants: tuple[str, ...]
    tasks: tuple[str, ...]
    margin: float
    stuck: float
    workers: int | Literal["auto"]
    timeout: float
    settings: Mapping[tuple[str, str], Settings]
    resolved: Mapping[str, Any]
    written: Mapping[tuple[str, str], Node] = field(compare=False)

    @property
    def comparisons(self) -> int:
        """The number of comparisons with the baseline, which share the level of the verdicts."""
        return len(self.tasks) * (len(self.variants) - 1)

    def place(self, task: str, variant: str, path: str) -> Place:
        """Return where a value was written, or else the nearest above it that was."""
        return self.written[task, variant].nearest(*path.split(".")).place

    def formula(self, task: str, variant: str) -> str:
        """Return the formula of a variant's cell, with the changes that a formula does not show."""
        shown = [self.settings[task, variant].model.formula()]
        for path, value in self.resolved["variants"][variant].items():
            if path not in _SITES:
                text = value if isinstance(value, str) else json.dumps(value)
                shown.append(f"{path} = {text}")
        return "; ".join(shown)


def experiment_of(form: ExperimentFile, document: Node, cells: Cells, folder: Path) -> Experiment:
    """Return the experiment of a validated document and of the cells of its grid.

    Its data files lie beside the config, which is in `folder`, or in the working folder.
    """
    return Experiment(
        name=form.name,
        question=form.question,
        seeds=form.seeds,
        baseline=form.baseline,
        engine=form.engine,
        group_size=form.group_size,
        variants=tuple(form.variants),
        tasks=tuple(dict.fromkeys(task for task, _ in cells)),
        margin=form.analysis.margin,
        stuck=form.analysis.stuck,
        workers=form.execution.workers,
        timeout=form.execution.timeout,
        settings={name: with_absolute_path(cell.settings, folder) for name, cell in cells.items()},
        resolved=_resolved(form, document),
        written={name: cell.written for name, cell in cells.items()},
    )


def _resolved(form: ExperimentFile, document: Node) -> dict[str, Any]:
    """Return what experiment.yaml holds: the document with its defaults filled in."""
    values = form.model_dump(mode="json", exclude={"execution"}, exclude_none=True)
    # In a change null is a value. Behind a name, or behind `tasks`, it stands for no changes.
    for kind in CHANGEABLE:
        named = document.entries[kind].plain() if kind in document.entries else None
        values[kind] = {name: changes or {} for name, changes in (named or {}).items()}
    if len(form.seeds) > 1000 and form.seeds == tuple(range(len(form.seeds))):
        values["seeds"] = len(form.seeds)  # the list would be more than a config may hold
    _drop_defaults_of_what_is_replaced(values, form)
    return {key: values[key] for key in _KEYS if values[key] != ""}


def _drop_defaults_of_what_is_replaced(values: dict[str, Any], form: ExperimentFile) -> None:
    """Keep only what was written in a section whose family or optimizer some change replaces.

    Read again, its defaults would look like the user's own values, and stay after the change.
    """
    named = [changes for kind in CHANGEABLE for changes in values[kind].values()]
    changed = {path for changes in named for path in changes}
    written = form.model_dump(mode="json", exclude_unset=True)
    if "data.family" in changed:
        values["data"] = {"family": form.data.family, **written.get("data", {})}
    if "training.optimizer.name" in changed:
        optimizer = written.get("training", {}).get("optimizer", {})
        name = form.training.optimizer.name
        values["training"]["optimizer"] = {"name": name, **optimizer}
