"""From an experiment to its runs, in the groups that an engine trains together."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from lstm_ablate.experiment import sizes
from lstm_ablate.experiment.field_types import Number
from lstm_ablate.experiment.identity import Purpose, id_of, identity_of, settings_id
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.experiment.structure import Structure, structure_of


@dataclass(frozen=True)
class Run:
    """One training: a task, a variant and a seed, with every value resolved, in one engine.

    A run for evaluation enters verdicts; one for tuning only helps to choose a setting, and `tries`
    the value that it has there.
    """

    task: str
    variant: str
    seed: int
    settings: Settings
    engine: str
    wanted_group_size: int | Literal["auto"] = "auto"
    purpose: Purpose = "evaluation"
    tries: Number | None = None

    @property
    def group_size(self) -> int:
        """How many runs the engine trains at once, this one among them."""
        return sizes.group_size(self.engine, self.settings, self.wanted_group_size)

    @cached_property
    def structure(self) -> Structure:
        """What a program that trains the run is compiled for; see `structure`."""
        return structure_of(self.settings)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """The values that decide the run's numbers; see `identity_of`."""
        return identity_of(self.settings, self.seed, self.engine, self.group_size, self.purpose)

    @cached_property
    def id(self) -> str:
        """See `id_of`."""
        return id_of(self.identity)

    @cached_property
    def settings_id(self) -> str:
        """See `identity.settings_id`."""
        return settings_id(self.settings)


def expand(experiment: Experiment, engine: str | None = None) -> list[Run]:
    """Return every run of an experiment in the config's order: by task, by variant, by seed.

    Where tuning has yet to choose a value there is none. `engine` stands in for the experiment's
    own.
    """
    engine, group_size = engine or experiment.engine, experiment.group_size
    return [
        Run(task, variant, seed, experiment.settings[task, variant], engine, group_size)
        for task in experiment.tasks
        for variant in experiment.variants
        if experiment.is_settled(task, variant)
        for seed in experiment.seeds
    ]


def tuning_runs(experiment: Experiment, task: str, values: Sequence[Number]) -> list[Run]:
    """Return the runs that tune a task with some values: by variant, by value, by seed."""
    tuning = experiment.tuning
    if tuning is None:
        return []
    return [
        Run(
            task=task,
            variant=variant,
            seed=seed,
            settings=tuning.settings[task, variant, value],
            engine=experiment.engine,
            wanted_group_size=experiment.group_size,
            purpose="tuning",
            tries=value,
        )
        for variant in experiment.variants
        for value in values
        for seed in tuning.seeds
    ]


def possible(experiment: Experiment) -> Iterator[Run]:
    """Yield every run that an experiment may ask for, whatever tuning chooses."""
    tuning = experiment.tuning
    if tuning is None:
        yield from expand(experiment)
        return
    values = tuning.values(len(tuning.below), len(tuning.above))
    for value in values:
        chosen = dict.fromkeys(experiment.settings, value)
        yield from expand(experiment.with_choices(chosen))
    for task in experiment.tasks:
        yield from tuning_runs(experiment, task, values)


def trained_here(experiment: Experiment, runs: Iterable[Run]) -> list[Run]:
    """Return those of some runs that are trained here: all, or in a part those at its seeds."""
    if experiment.shard is None:
        return list(runs)
    tuning = experiment.tuning.seeds if experiment.tuning else ()
    mine = {
        "evaluation": set(experiment.shard.of_seeds(experiment.every_seed)),
        "tuning": set(experiment.shard.of_seeds(tuning)),
    }
    return [run for run in runs if run.seed in mine[run.purpose]]


def groups(runs: Sequence[Run]) -> list[list[Run]]:
    """Cut runs into groups that an engine trains together.

    The runs of a group have equal structure, epochs and `select`, and are at most `group_size`.
    Runs that can share a group do so in their order, wherever they stand: those of two variants
    that differ only in the learning rate fill groups together, though a third may stand between
    them. Groups of one kind follow one another, in the order in which their first runs stand.
    """
    kinds: dict[_Kind, list[Run]] = {}
    for run in runs:
        kinds.setdefault(_kind(run), []).append(run)
    return [
        members[start : start + size]
        for (*_, size), members in kinds.items()
        for start in range(0, len(members), size)
    ]


_Kind = tuple[Structure, int, str, str, int]


def _kind(run: Run) -> _Kind:
    """Return what the runs of a group have in common; its size comes last.

    Epochs are among it, or a long run would keep its group at work after the others have ended.
    """
    training = run.settings.training
    return run.structure, training.epochs, training.select, run.engine, run.group_size
