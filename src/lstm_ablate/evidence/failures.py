"""Runs that fail as results do: they diverged, or ended far above what is typical.

Both kinds are counted, with the exact interval of their share, and stand beside every ratio: a
median says nothing of them as long as they are fewer than half.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from lstm_ablate.evidence import counting


@dataclass(frozen=True)
class Share:
    """`count` of `runs` runs, with the exact interval of the share (Clopper & Pearson 1934)."""

    count: int
    runs: int
    low: float
    high: float


def share(count: int, runs: int, level: float) -> Share | None:
    """Return a share of the runs that ended, whose interval holds with 1 - level; None of none."""
    return Share(count, runs, *counting.share_interval(count, runs, level)) if runs else None


def stuck(mine: Iterable[float], of_task: Iterable[float], times: float) -> int:
    """Return how many runs are stuck: ended in order, with a loss far above what is typical.

    `mine` are the losses of a variant's runs in a task, `of_task` those of all variants there,
    infinite where a run diverged. Far above is more than `times` both medians: the median of the
    task alone would depend on which other variants there are; that of the baseline would count the
    baseline's own runs more rarely than the variant's.
    """
    losses, pooled = list(mine), list(of_task)
    if not losses:
        return 0
    typical = max(counting.median(losses)[1], counting.median(pooled)[1])
    return sum(math.isfinite(loss) and loss > times * typical for loss in losses)
