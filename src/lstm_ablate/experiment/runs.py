"""From an experiment to its runs, in the groups that an engine trains together."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, Literal

from lstm_ablate.experiment import sizes
from lstm_ablate.experiment.identity import id_of, identity_of
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.experiment.structure import Structure, structure_of


@dataclass(frozen=True)
class Run:
    """One training: a task, a variant and a seed, with every value resolved, in one engine."""

    task: str
    variant: str
    seed: int
    settings: Settings
    engine: str
    wanted_group_size: int | Literal["auto"] = "auto"

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
        return identity_of(self.settings, self.seed, self.engine, self.group_size)

    @cached_property
    def id(self) -> str:
        """See `id_of`."""
        return id_of(self.identity)


def expand(experiment: Experiment, engine: str | None = None) -> list[Run]:
    """Return every run of an experiment in the config's order: by task, by variant, by seed.

    `engine` stands in for the experiment's own.
    """
    engine, group_size = engine or experiment.engine, experiment.group_size
    return [
        Run(task, variant, seed, experiment.settings[task, variant], engine, group_size)
        for task in experiment.tasks
        for variant in experiment.variants
        for seed in experiment.seeds
    ]


def groups(runs: Sequence[Run]) -> list[list[Run]]:
    """Cut runs, in order, into groups that an engine trains together.

    The runs of a group have equal settings, and are at most `group_size`.
    """
    cut = []
    for (_, _, size), alike in groupby(runs, key=_trained_as):
        members = list(alike)
        cut += [members[start : start + size] for start in range(0, len(members), size)]
    return cut


def _trained_as(run: Run) -> tuple[Settings, str, int]:
    return run.settings, run.engine, run.group_size
