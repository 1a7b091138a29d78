"""The experiment with every value resolved, as runs take it and as experiment.yaml holds it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from lstm_ablate.experiment.data_files import with_absolute_path
from lstm_ablate.experiment.experiment_file import CHANGEABLE, ExperimentFile
from lstm_ablate.experiment.field_types import Number
from lstm_ablate.experiment.formula import SHOWN, formula_of, remarks_on
from lstm_ablate.experiment.grid import Cells
from lstm_ablate.experiment.nodes import Node, Place
from lstm_ablate.experiment.settings import SITES, Settings
from lstm_ablate.experiment.shards import Shard
from lstm_ablate.experiment.tuning import Tuning

# The keys of experiment.yaml. `execution` is not among them, for it never changes a result.
_KEYS = (
    "version",
    "name",
    "question",
    "activations",
    "data",
    "model",
    "training",
    "seeds",
    "baseline",
    "variants",
    "tasks",
    "tune",
    "engine",
    "group_size",
    "analysis",
)

_LEFT_OUT = ("question", "activations", "tune")  # where there are none
_RATE = "training.optimizer.learning_rate"


@dataclass(frozen=True)
class Experiment:
    """An experiment with every value resolved.

    `seeds` are all that may be trained, in their order; `looks` the numbers of them at which
    training may stop, the last of which is all of them, or none where all are trained anyway.
    `settings[task, variant]` are in the config's order; `own` are the texts of its own activations
    by their names; `resolved` is what experiment.yaml holds; `written` are the settings as nodes,
    which know their places. With `tuning`, a task and variant have settings to be judged with once
    `choices` hold the value that was chosen for them. With a `shard` it is a part; see `cut`.
    """

    name: str
    question: str
    seeds: tuple[int, ...]
    looks: tuple[int, ...]
    baseline: str
    engine: str
    group_size: int | Literal["auto"]
    variants: tuple[str, ...]
    tasks: tuple[str, ...]
    margin: float
    stuck: float
    executor: Literal["local", "ray"]
    workers: int | Literal["auto"]
    timeout: float
    settings: Mapping[tuple[str, str], Settings]
    own: Mapping[str, str]
    resolved: Mapping[str, Any]
    written: Mapping[tuple[str, str], Node] = field(compare=False)
    seeds_place: Place = field(compare=False)
    tuning: Tuning | None = None
    choices: Mapping[tuple[str, str], Number] = field(default_factory=dict)
    shard: Shard | None = None
    seeds_of_whole: tuple[int, ...] = ()  # of the experiment that this is a part of

    @property
    def comparisons(self) -> int:
        """The number of comparisons with the baseline, which share the level of the verdicts."""
        return len(self.tasks) * (len(self.variants) - 1)

    @property
    def every_seed(self) -> tuple[int, ...]:
        """The seeds of the whole experiment, also where this is a part of it."""
        return self.seeds_of_whole or self.seeds

    def cut(self, shard: Shard | None) -> "Experiment":
        """Return a part of the experiment, or all of it without a shard.

        A part has its own seeds alone, and everything else of the whole: its comparisons share the
        level, and `resolved` is what experiment.yaml holds. With looks a part keeps every seed,
        because a look is judged over all of them; `runs.trained_here` says which runs it trains.
        """
        if shard is None:
            return self
        every = self.every_seed
        seeds = every if self.looks else shard.of_seeds(every)
        return replace(self, shard=shard, seeds=seeds, seeds_of_whole=every)

    def with_choices(self, choices: Mapping[tuple[str, str], Number]) -> "Experiment":
        """Return the experiment with the value that tuning chose for each of some tasks and
        variants.
        """
        if self.tuning is None:
            return self
        chosen = {cell: self.tuning.settings[*cell, value] for cell, value in choices.items()}
        return replace(self, settings={**self.settings, **chosen}, choices=choices)

    @property
    def tunes_rates(self) -> bool:
        """Whether it is the learning rate that is tuned."""
        return self.tuning is not None and self.tuning.path == _RATE

    def untuned(self) -> "Experiment":
        """Return the experiment in which nothing is tuned, with the values that it gives itself."""
        return replace(self, tuning=None)

    def is_settled(self, task: str, variant: str) -> bool:
        """Return whether the settings of a task and variant are those that are judged."""
        return self.tuning is None or (task, variant) in self.choices

    def possible_settings(self) -> Iterator[tuple[str, str, Settings]]:
        """Yield task, variant and settings of all that may be trained, whatever tuning chooses."""
        if self.tuning is None:
            for (task, variant), settings in self.settings.items():
                yield task, variant, settings
        else:
            for (task, variant, _), settings in self.tuning.settings.items():
                yield task, variant, settings

    def place(self, task: str, variant: str, path: str) -> Place:
        """Return where a value was written, or else the nearest above it that was."""
        if self.tuning and self.tuning.path == path:
            return self.tuning.place
        return self.written[task, variant].nearest(*path.split(".")).place

    @property
    def remarks(self) -> list[str]:
        """What is worth knowing of its activations, where other tools mean something else."""
        return remarks_on({settings.model for settings in self.settings.values()})

    def formula(self, task: str, variant: str) -> str:
        """Return the formula of a variant's cell, with the changes that a formula does not show."""
        names = {text: name for name, text in self.own.items()}
        models = [self.settings[task, name].model for name in self.variants]
        gates = any(model.site("gates") != "sigmoid" for model in models)
        shown = [formula_of(self.settings[task, variant].model, names, gates=gates)]
        for path, value in self.resolved["variants"][variant].items():
            section, key, *_ = path.split(".")
            if section != "model" or key not in SHOWN:
                text = value if isinstance(value, str) else json.dumps(value)
                shown.append(f"{path} = {text}")
        return "; ".join(shown)


def experiment_of(
    form: ExperimentFile,
    document: Node,
    cells: Cells,
    own: Mapping[str, str],
    tuning: Tuning | None,
    folder: Path,
) -> Experiment:
    """Return the experiment of a validated document, of the cells of its grid, of its own
    activations and of its tuning.

    Its data files lie beside the config, which is in `folder`, or in the working folder.
    """
    return Experiment(
        name=form.name,
        question=form.question,
        seeds=form.every_seed,
        looks=form.looks,
        baseline=form.baseline,
        engine=form.engine,
        group_size=form.group_size,
        variants=tuple(form.variants),
        tasks=tuple(dict.fromkeys(task for task, _ in cells)),
        margin=form.analysis.margin,
        stuck=form.analysis.stuck,
        executor=form.execution.executor,
        workers=form.execution.workers,
        timeout=form.execution.timeout,
        settings={name: with_absolute_path(cell.settings, folder) for name, cell in cells.items()},
        own=own,
        resolved=_resolved(form, document, own),
        written={name: cell.written for name, cell in cells.items()},
        tuning=tuning,
        seeds_place=document.nearest("seeds", "most").place,
    )


def _resolved(form: ExperimentFile, document: Node, own: Mapping[str, str]) -> dict[str, Any]:
    """Return what experiment.yaml holds: the document with its defaults filled in."""
    values = form.model_dump(mode="json", exclude={"execution"}, exclude_none=True)
    for kind in CHANGEABLE:  # in a change null is a value
        values[kind] = document.entries[kind].plain() if kind in document.entries else {}
    if not form.looks:
        values["seeds"] = _shortest(form.every_seed)
    elif form.every_seed == tuple(range(len(form.every_seed))):
        values["seeds"]["most"] = len(form.every_seed)
    if form.tune:
        values["tune"]["seeds"] = _shortest(form.tune.seeds)
    _drop_defaults_of_what_is_replaced(values, form)
    _keep_as_written(values["model"], document.nearest("model"), own)
    values["activations"] = dict(own)
    return {key: values[key] for key in _KEYS if values.get(key) or key not in _LEFT_OUT}


def _shortest(seeds: tuple[int, ...]) -> list[int] | int:
    """Return seeds as experiment.yaml holds them: a long list would be more than a config may."""
    long = len(seeds) > 1000 and seeds == tuple(range(len(seeds)))
    return len(seeds) if long else list(seeds)


def _keep_as_written(model: dict[str, Any], written: Node, own: Mapping[str, str]) -> None:
    """Keep the names of the user's own activations, and {units: 32, layers: 4}, of which a change
    may replace one.
    """
    names = {text: name for name, text in own.items()}

    def named(acting: str | list[str]) -> str | list[str]:
        if isinstance(acting, str):
            return names.get(acting, acting)
        return [names.get(text, text) for text in acting]

    for site in model.keys() & {"activation", *SITES}:
        model[site] = named(model[site])
    if "head" in model:
        model["head"]["activation"] = named(model["head"]["activation"])
    for stack in ("encoder", "decoder"):
        if stack in written.entries and written.entries[stack].entries:
            model[stack] = written.entries[stack].plain()


def _drop_defaults_of_what_is_replaced(values: dict[str, Any], form: ExperimentFile) -> None:
    """Keep only what was written in a section whose family or optimizer some change replaces, and
    of a decoder only what was written where some change replaces the encoder that it mirrors.

    Read again, such defaults would look like the user's own values, and stay after the change.
    """
    named = [changes for kind in CHANGEABLE for changes in values[kind].values()]
    changed = {path for changes in named for path in changes}
    if form.tune:
        changed.add(form.tune.path)
    if "decoder" not in form.model.model_fields_set and any(
        path.startswith("model.encoder") for path in changed
    ):
        del values["model"]["decoder"]
    written = form.model_dump(mode="json", exclude_unset=True)
    if "data.family" in changed:
        values["data"] = {"family": form.data.family, **written.get("data", {})}
    if "training.optimizer.name" in changed:
        optimizer = written.get("training", {}).get("optimizer", {})
        name = form.training.optimizer.name
        values["training"]["optimizer"] = {"name": name, **optimizer}
