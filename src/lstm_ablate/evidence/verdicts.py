"""The verdict on a variant, by counting the seeds at which it wins.

With c of n pairs needed (`counting.count_needed`), the order statistics d_(n+1-c) and d_(c) are the
interval of the typical difference. It excludes 0 exactly where c pairs or more lie on one side, so
the interval and the sign test are one. Equivalence asks that the same interval lies inside the
margin (in the manner of two one-sided tests, Schuirmann 1987): "better" implies that c pairs lie
below the upper edge, so that all errors about one comparison together stay within its level.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lstm_ablate.evidence import pairs
from lstm_ablate.evidence.typical import Typical, ratio_of, typical

Verdict = Literal[
    "better",
    "worse",
    "practically equivalent",
    "inconclusive",
    "nothing learned",
    "described",  # not judged
]
_ROUNDING = 1e-12  # a difference so near to the edge of the margin is a tie with it


@dataclass(frozen=True)
class Comparison:
    """A variant against the baseline in one task.

    `ratio` is the typical loss of a pair, as a multiple of the baseline's; `needed` the number of
    wins or of losses that a verdict takes, None where no number of so few pairs is enough.
    `within_margin` says that the whole interval of the ratio lies inside the margin.
    """

    pairs: int
    wins: int
    losses: int
    draws: int
    needed: int | None
    ratio: Typical
    within_margin: bool
    verdict: Verdict


def judge(
    d: Sequence[float], needed: int | None, margin: float, *, learned: bool, diverged: bool
) -> Comparison:
    """Return what n >= 1 differences of log losses say, c = `needed` of them being needed.

    `learned`: the median run of a side has learned, or whether it has is not known; otherwise there
    is no verdict of any kind. `diverged`: a run of either side diverged, which is never equivalent.
    A draw counts for neither side.
    """
    middle = typical(d, needed)
    assert middle is not None
    edge = math.log1p(margin) - _ROUNDING
    interval = middle.interval
    within = interval is not None and not diverged and -edge < interval[0] and interval[1] < edge
    verdict: Verdict = "inconclusive"
    if not learned:
        verdict, within = "nothing learned", False
    elif interval is not None and interval[1] < 0:
        verdict = "better"
    elif interval is not None and interval[0] > 0:
        verdict = "worse"
    elif within:
        verdict = "practically equivalent"
    return comparison_of(d, middle, needed, verdict, within_margin=within)


def comparison_of(
    d: Sequence[float],
    middle: Typical,
    needed: int | None,
    verdict: Verdict,
    *,
    within_margin: bool = False,
) -> Comparison:
    """Return the counts of differences of log losses, and their median as a ratio."""
    count = pairs.counts(d)
    return Comparison(
        count.pairs,
        count.wins,
        count.losses,
        count.draws,
        needed,
        middle.mapped(ratio_of),
        within_margin,
        verdict,
    )


def band(margin: float) -> tuple[float, float]:
    """Return between which ratios a variant counts as practically equivalent, both excluded.

    It is the same for a variant and for its reverse.
    """
    return 1 / (1 + margin), 1 + margin
