"""Where each comparison of an experiment with looks stands, replayed from its records.

No state is stored. The same records therefore stop at the same looks, whatever their order and
however many calls trained them. A look is complete when each of its runs is recorded. That may be
as failed: such a run leaves no pair, and the count that decides stays that of the look. A
comparison is decided at the first complete look that gives a verdict. Then it trains no further
seeds, the baseline and the other variants go on to the next look, and its runs beyond that look do
not count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lstm_ablate.evidence import compared, counting
from lstm_ablate.evidence.looks import Look, looks
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run
from lstm_ablate.store.records import Record

Cell = tuple[str, str]  # task and variant
Records = Mapping[str, Record]  # by the id of the run


BEFORE = Look(0, None, 0.0)  # before the first look


@dataclass(frozen=True)
class Stand:
    """Where a variant stands in a task; the baseline stands where the furthest other variant does.

    `looks` is the number of complete looks, and `look` is the last of them. If that look did not
    decide and is not the last of the experiment, the next one needs `wanted` seeds and `waits` for
    that many runs. Otherwise `wanted` is the number of seeds of `look`. It is 0 if a side has no
    runs, because tuning has not chosen a value for it.
    """

    looks: int
    look: Look
    decided: bool
    wanted: int
    waits: int


_UNCOMPARED = Stand(0, BEFORE, decided=False, wanted=0, waits=0)
Stands = Mapping[Cell, Stand]  # empty for an experiment without looks


def planned(experiment: Experiment, level: float = counting.LEVEL) -> list[Look]:
    """Return the looks of an experiment; each comparison has an equal share of the level."""
    return looks(experiment.looks, level / max(1, experiment.comparisons))


def least_seeds(experiment: Experiment, level: float = counting.LEVEL) -> int:
    """Return the fewest seeds at which a verdict is possible.

    These are the seeds of the first look that can decide. If no look can, or if there are no looks,
    they are the seeds that the sign test needs.
    """
    able = (look.seeds for look in planned(experiment, level) if look.count is not None)
    return next(able, counting.seeds_needed(level / max(1, experiment.comparisons)))


def replay(
    experiment: Experiment, runs: Sequence[Run], records: Records, level: float = counting.LEVEL
) -> dict[Cell, Stand]:
    """Return where each variant stands in each task; empty for an experiment without looks."""
    if not experiment.looks:
        return {}
    at: dict[Cell, dict[int, Run]] = {}
    for run in runs:
        at.setdefault((run.task, run.variant), {})[run.seed] = run
    plan = planned(experiment, level)
    stands: dict[Cell, Stand] = {}
    for task in experiment.tasks:
        base = at.get((task, experiment.baseline), {})
        mine = {
            variant: _stand(
                experiment,
                plan,
                (at.get((task, variant), {}), base),
                records,
                same=compared.coincide(experiment, task, variant),
            )
            for variant in experiment.variants
            if variant != experiment.baseline
        }
        stands[task, experiment.baseline] = _of_baseline(list(mine.values()))
        stands |= {(task, variant): stand for variant, stand in mine.items()}
    return stands


def _stand(
    experiment: Experiment,
    plan: Sequence[Look],
    sides: tuple[Mapping[int, Run], Mapping[int, Run]],
    records: Records,
    *,
    same: bool,
) -> Stand:
    """Return where a comparison stands, from the runs of the variant and of the baseline by seed.

    If both mean the `same` training, the first look decides, because more seeds add nothing. If
    tuning has not chosen a value for a side, that side has no runs, and no run is asked for.
    """
    stand = _UNCOMPARED
    if not all(sides):
        return stand
    for number, look in enumerate(plan, start=1):
        seeds = experiment.seeds[: look.seeds]
        missing = {side[seed].id for side in sides for seed in seeds} - records.keys()
        if missing:
            return replace(stand, wanted=look.seeds, waits=len(missing))
        mine, base = ({seed: records[side[seed].id].result for seed in seeds} for side in sides)
        found = compared.comparison(mine, base, look.needed, experiment.margin)
        decided = same or (found is not None and found.verdict != "inconclusive")
        stand = Stand(number, look, decided, look.seeds, 0)
        if decided:
            break
    return stand


def _of_baseline(others: Sequence[Stand]) -> Stand:
    """Return where the baseline of a task stands: it is trained as far as any other variant is."""
    trained = [stand for stand in others if stand.wanted]
    if not trained:
        return _UNCOMPARED
    furthest = max(trained, key=lambda stand: stand.looks)
    return Stand(
        furthest.looks,
        furthest.look,
        all(stand.decided for stand in trained),
        max(stand.wanted for stand in trained),
        max(stand.waits for stand in trained),
    )


# ------------------------------------------------------------------------------- the runs of looks


def runs_asked_for(
    experiment: Experiment, runs: Sequence[Run], records: Records, level: float = counting.LEVEL
) -> list[Run]:
    """Return the runs that the experiment asks for.

    Without looks these are all runs. With looks they are, for each comparison, the runs up to the
    look for which it waits, or at which it has stopped.
    """
    return asked(experiment, runs, replay(experiment, runs, records, level))


def asked(experiment: Experiment, runs: Sequence[Run], stands: Stands) -> list[Run]:
    """Return the runs of `runs_asked_for`, given where the comparisons stand."""
    return _up_to(experiment, runs, {cell: stand.wanted for cell, stand in stands.items()})


def possible(experiment: Experiment, runs: Sequence[Run], records: Records) -> list[Run]:
    """Return the runs that the experiment asks for if only the last look decides the open ones."""
    most = len(experiment.seeds)
    stands = replay(experiment, runs, records)
    numbers = {cell: most if stand.waits else stand.wanted for cell, stand in stands.items()}
    return _up_to(experiment, runs, numbers)


def judged(experiment: Experiment, runs: Sequence[Run], stands: Stands) -> list[Run]:
    """Return the runs that a report may show: all, or with looks those of complete looks."""
    return _up_to(experiment, runs, {cell: stand.look.seeds for cell, stand in stands.items()})


def _up_to(experiment: Experiment, runs: Sequence[Run], numbers: Mapping[Cell, int]) -> list[Run]:
    """Return the runs at the first `numbers` of seeds, by task and variant; all if it is empty."""
    if not numbers:
        return list(runs)
    place = {seed: number for number, seed in enumerate(experiment.seeds)}
    return [run for run in runs if place[run.seed] < numbers[run.task, run.variant]]
