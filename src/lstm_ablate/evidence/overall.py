"""All tasks together: a description of a variant, without a verdict.

Losses of different tasks are never pooled. Instead, the differences d of log losses are averaged
over the tasks of one seed, so that each seed counts once, whatever its tasks have in common.
"""

import math
from collections.abc import Mapping, Sequence

from lstm_ablate.evidence.typical import typical
from lstm_ablate.evidence.verdicts import Comparison, comparison_of

OVERALL = "all tasks"  # stands in place of a task's name; no such name contains a blank


def means(by_task: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """Return the mean of d over the tasks, at each seed that has a pair in all of them.

    If one side alone diverged in one task, and the other side alone in another, it is a draw.
    """
    first, *others = by_task
    common = [seed for seed in first if all(seed in task for task in others)]
    return {seed: _mean([task[seed] for task in by_task]) for seed in common}


def _mean(d: Sequence[float]) -> float:
    return 0.0 if {math.inf, -math.inf} <= set(d) else sum(d) / len(d)


def described(by_task: Sequence[Mapping[int, float]]) -> Comparison | None:
    """Return wins and the typical ratio of the mean d, or None if no seed has all its pairs."""
    d = list(means(by_task).values())
    middle = typical(d, None)
    return None if middle is None else comparison_of(d, middle, None, "described")
