"""Runs whose result is a failure: they diverged, or ended with a loss far above the typical one.

Both kinds are counted, as are runs that have not learned (see `learning`), and shown beside every
ratio with the exact interval of their share: a median says nothing of them as long as they are
fewer than half.
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


def share(count: int | None, runs: int, level: float) -> Share | None:
    """Return the share of `count` among the runs that ended; None if no run ended, or if the count
    is not known.

    Its interval holds with probability 1 - level or more.
    """
    if count is None or not runs:
        return None
    return Share(count, runs, *counting.share_interval(count, runs, level))


def stuck(mine: Iterable[float], of_task: Iterable[float], times: float) -> int:
    """Return how many runs are stuck: they ended in order, with a loss far above the typical one.

    `mine` are the losses of a variant's runs in a task, `of_task` those of all variants there,
    infinite if a run diverged. Far above means more than `times` both medians.

    Why both. The median of the task alone depends on which other variants are in the file: at epoch
    8 of the published curves, relu would be stuck at 18 of 30 seeds beside four variants and at 24
    beside tanh alone. The median of the baseline alone favours the baseline: at equal log-normal
    losses (sd 1, 10 seeds) 12.3% of its own runs would be stuck and 15.3% of the variant's.
    """
    losses, pooled = list(mine), list(of_task)
    if not losses:
        return 0
    typical = max(counting.median(losses)[1], counting.median(pooled)[1])
    return sum(math.isfinite(loss) and loss > times * typical for loss in losses)
