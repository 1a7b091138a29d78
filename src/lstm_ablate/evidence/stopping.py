"""Where each comparison of an experiment with looks stands, replayed from the records there are.

Nothing is remembered, so that the same records stop at the same looks, in whatever order and in
however many portions they came about. A look is complete when each of its runs is recorded, a
failed one too: it leaves no pair, and the count that decides stays that of the look. A comparison
is decided at the first complete look that gives a verdict. It trains no further seeds then; the
baseline and the others go on to the next look, and what is recorded beyond counts for nothing.
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


BEFORE = Look(0, None, 0.0)  # the first one


@dataclass(frozen=True)
class Stand:
    """Where a variant stands in a task; the baseline as far as the furthest of the others.

    So many `looks` are complete, the last of them is `look`. Where that neither `decided` nor was
    the last of all, the next one is at `wanted` seeds and `waits` for so many runs; otherwise
    `wanted` is as many seeds as it had. It is 0 where a side has no runs, as tuning has chosen
    nothing for it.
    """

    looks: int
    look: Look
    decided: bool
    wanted: int
    waits: int


_UNCOMPARED = Stand(0, BEFORE, decided=False, wanted=0, waits=0)
Stands = Mapping[Cell, Stand]  # of an experiment whose seeds are settled there are none


def planned(experiment: Experiment, level: float = counting.LEVEL) -> list[Look]:
    """Return the looks of an experiment, each comparison with its equal share of the level."""
    return looks(experiment.looks, level / max(1, experiment.comparisons))


def least_seeds(experiment: Experiment, level: float = counting.LEVEL) -> int:
    """Return the fewest seeds with which a verdict is possible: those of the first look that can
    decide or, where none can and where there are none, those that the sign test takes.
    """
    able = (look.seeds for look in planned(experiment, level) if look.count is not None)
    return next(able, counting.seeds_needed(level / max(1, experiment.comparisons)))


def replay(
    experiment: Experiment, runs: Sequence[Run], records: Records, level: float = counting.LEVEL
) -> dict[Cell, Stand]:
    """Return where each variant stands in each task; nothing where the seeds are settled."""
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

    Of two that mean the `same` training the first look says all that there is to say. A side for
    which tuning has chosen nothing has no runs, and nothing is asked for then.
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
    """Return where the baseline of a task stands: it is trained wherever another one is."""
    trained = [one for one in others if one.wanted]
    if not trained:
        return _UNCOMPARED
    furthest = max(trained, key=lambda one: one.looks)
    return Stand(
        furthest.looks,
        furthest.look,
        all(one.decided for one in trained),
        max(one.wanted for one in trained),
        max(one.waits for one in trained),
    )


# ------------------------------------------------------------------------------ runs of which looks


def due(
    experiment: Experiment, runs: Sequence[Run], records: Records, level: float = counting.LEVEL
) -> list[Run]:
    """Return the runs that are asked for: all of them or, where there are looks, those up to the
    look that a comparison waits for, or at which it has stopped.
    """
    return asked(experiment, runs, replay(experiment, runs, records, level))


def asked(experiment: Experiment, runs: Sequence[Run], stands: Stands) -> list[Run]:
    """Return the runs of `due`, where it is known how the comparisons stand."""
    return _up_to(experiment, runs, {cell: one.wanted for cell, one in stands.items()})


def possible(experiment: Experiment, runs: Sequence[Run], records: Records) -> list[Run]:
    """Return the runs that will be asked for if nothing more is decided before the last look."""
    most = len(experiment.seeds)
    stands = replay(experiment, runs, records)
    numbers = {cell: most if one.waits else one.wanted for cell, one in stands.items()}
    return _up_to(experiment, runs, numbers)


def judged(experiment: Experiment, runs: Sequence[Run], stands: Stands) -> list[Run]:
    """Return the runs that a report may show: those of complete looks, where there are looks."""
    return _up_to(experiment, runs, {cell: one.look.seeds for cell, one in stands.items()})


def _up_to(experiment: Experiment, runs: Sequence[Run], numbers: Mapping[Cell, int]) -> list[Run]:
    """Return the runs at the first seeds, by task and variant so many; all where none are given."""
    if not numbers:
        return list(runs)
    place = {seed: number for number, seed in enumerate(experiment.seeds)}
    return [run for run in runs if place[run.seed] < numbers[run.task, run.variant]]
