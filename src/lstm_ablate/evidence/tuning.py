"""Tuning, replayed from records: which values are tried, which runs are missing, what is chosen.

No state is stored between two calls. The same records give the same choices, in whatever order they
were trained, so that a report can be rebuilt at any time.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lstm_ablate.evidence import counting
from lstm_ablate.experiment.field_types import Number
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run, tuning_runs
from lstm_ablate.store.records import Record

Records = Mapping[str, Record]  # by the id of the run


@dataclass(frozen=True)
class Trial:
    """The results of a variant's runs with one value.

    `losses` are the validation losses of the runs that ended, by seed, each at the epoch that
    `select` judges, and infinite if a run diverged.
    """

    value: Number
    losses: Mapping[int, float]
    failed: int
    missing: int

    @property
    def diverged(self) -> int:
        """How many runs diverged."""
        return sum(map(math.isinf, self.losses.values()))

    @property
    def loss(self) -> float | None:
        """The loss whose logarithm is the median of the log losses; None if no run ended."""
        return None if not self.losses else math.exp(_median_log(self.losses.values()))


@dataclass(frozen=True)
class Tuned:
    """The trials of a variant in a task, by ascending value, and the choice among them.

    `chosen` is None while runs are missing, and if no value has a run that ended. `edge` says
    whether the choice is the smallest or the largest value of the grid. `without` holds, for each
    seed, the value that would be chosen without that seed; it is empty if nothing is chosen, or if
    there is only one seed.
    """

    task: str
    variant: str
    trials: tuple[Trial, ...]
    chosen: Number | None
    edge: Literal["smallest", "largest"] | None
    without: Mapping[int, Number | None]

    @property
    def stays(self) -> bool | None:
        """Whether the choice is the same whichever seed is left out; None if that is unknown."""
        return (
            all(value == self.chosen for value in self.without.values()) if self.without else None
        )


@dataclass(frozen=True)
class State:
    """How far a tuning has come: the experiment with the choices made so far, the runs that tuning
    asks for, and those of them that are missing.

    Without tuning there is nothing to choose, and there are no runs.
    """

    experiment: Experiment
    runs: tuple[Run, ...]
    missing: tuple[Run, ...]
    tuned: tuple[Tuned, ...]


def replay(experiment: Experiment, records: Records) -> State:
    """Return the state of an experiment's tuning, given its records."""
    tasks = experiment.tasks if experiment.tuning else ()
    by_task = [_replayed(experiment, task, records) for task in tasks]
    tuned = tuple(choices for state in by_task for choices in state.tuned)
    choices = {
        (variant.task, variant.variant): variant.chosen
        for variant in tuned
        if variant.chosen is not None
    }
    return State(
        experiment.with_choices(choices),
        tuple(run for state in by_task for run in state.runs),
        tuple(run for state in by_task for run in state.missing),
        tuned,
    )


def _replayed(experiment: Experiment, task: str, records: Records) -> State:
    """Return the state of a task.

    If the choice of any variant stands at an edge of the grid, the grid grows there, for all
    variants alike, as often as the experiment allows.
    """
    assert experiment.tuning is not None
    below = above = 0
    while True:
        values = experiment.tuning.values(below, above)
        runs = tuning_runs(experiment, task, values)
        # Two variants that mean the same in a task share their runs.
        missing = {run.id: run for run in runs if run.id not in records}
        trials = _trials(runs, records)
        tuned = [
            _tuned(task, variant, trials[variant], complete=not missing)
            for variant in experiment.variants
        ]
        edges = {variant.edge for variant in tuned}
        more_below = "smallest" in edges and below < len(experiment.tuning.below)
        more_above = "largest" in edges and above < len(experiment.tuning.above)
        if not more_below and not more_above:
            return State(experiment, tuple(runs), tuple(missing.values()), tuple(tuned))
        below, above = below + more_below, above + more_above


def _trials(runs: Sequence[Run], records: Records) -> dict[str, tuple[Trial, ...]]:
    """Return the trials of each variant, in the order of the runs."""
    grouped: dict[str, dict[Number, list[Run]]] = {}
    for run in runs:
        assert run.tries is not None
        grouped.setdefault(run.variant, {}).setdefault(run.tries, []).append(run)
    return {
        variant: tuple(_trial(value, mine, records) for value, mine in by_value.items())
        for variant, by_value in grouped.items()
    }


def _trial(value: Number, runs: Sequence[Run], records: Records) -> Trial:
    found = {run.seed: records[run.id].result for run in runs if run.id in records}
    losses = {seed: _loss(result) for seed, result in found.items() if result["status"] != "failed"}
    return Trial(value, losses, len(found) - len(losses), len(runs) - len(found))


def _loss(result: Mapping[str, Any]) -> float:
    return float(result["validation_loss"]) if result["status"] == "ok" else math.inf


def _tuned(task: str, variant: str, trials: tuple[Trial, ...], *, complete: bool) -> Tuned:
    chosen = choice({trial.value: trial.losses for trial in trials}) if complete else None
    if chosen is None:
        return Tuned(task, variant, trials, None, None, {})
    edge: Literal["smallest", "largest"] | None = None
    if chosen in (trials[0].value, trials[-1].value):
        edge = "smallest" if chosen == trials[0].value else "largest"
    seeds = sorted({seed for trial in trials for seed in trial.losses})
    without = {
        left: choice({trial.value: _without(trial.losses, left) for trial in trials})
        for left in seeds
        if len(seeds) > 1
    }
    return Tuned(task, variant, trials, chosen, edge, without)


def _without(losses: Mapping[int, float], left: int) -> dict[int, float]:
    return {seed: loss for seed, loss in losses.items() if seed != left}


def choice(losses: Mapping[Number, Mapping[int, float]]) -> Number | None:
    """Return the value with the lowest median log loss; of equally good values, the smallest.

    `losses` holds, for each value, the losses of the runs that ended, by seed, infinite if a run
    diverged. A value without losses is never chosen. Returns None if no value has any.
    """
    medians = {value: _median_log(some.values()) for value, some in losses.items() if some}
    return min(medians, key=lambda value: (medians[value], value), default=None)


def _median_log(losses: Any) -> float:
    """Return the median of the logarithms of losses.

    Between a finite and an infinite logarithm it is the infinite one: half of the runs diverged, or
    half of them have a loss of 0.
    """
    logs = [-math.inf if loss == 0 else math.log(loss) for loss in losses]
    low, high = counting.median(logs)
    return high if math.isinf(high) else low
