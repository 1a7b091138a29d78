"""From an experiment to its runs, what makes a run the same run, and which runs are trained together."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, Literal

from lstm_ablate.experiment import sizes
from lstm_ablate.experiment.loading import Experiment
from lstm_ablate.experiment.settings import Settings

SCHEMA = 1  # counts up whenever equal values would mean another training


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
    def identity(self) -> dict[str, Any]:
        """The values that decide the run's numbers. Names, places and `execution` are not among them.

        The group size is: compilers round a program for two runs otherwise than one for a single run.
        """
        return {
            **self.settings.identity(),
            "seed": self.seed,
            "engine": self.engine,
            "group_size": self.group_size,
            "schema": SCHEMA,
        }

    @cached_property
    def id(self) -> str:
        """See `id_of`."""
        return id_of(self.identity)


def id_of(identity: dict[str, Any]) -> str:
    """Return 16 hex digits of the SHA-256 over the canonical JSON of a run's identity."""
    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:16]


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no blanks, shortest exact floats, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def expand(experiment: Experiment, engine: str | None = None) -> list[Run]:
    """Return every run of an experiment in the config's order: by task, by variant, by seed.

    `engine` stands in for the experiment's own.
    """
    return [
        Run(task, variant, seed, experiment.settings[task, variant], engine or experiment.engine, experiment.group_size)
        for task in experiment.tasks
        for variant in experiment.variants
        for seed in experiment.seeds
    ]


def groups(runs: Sequence[Run]) -> list[list[Run]]:
    """Cut runs, in order, into groups that an engine trains together: equal settings, at most `group_size` of them."""
    cut = []
    for (_, _, size), same in groupby(runs, key=lambda run: (run.settings, run.engine, run.group_size)):
        members = list(same)
        cut += [members[start : start + size] for start in range(0, len(members), size)]
    return cut
