"""The verdict on a variant, by counting the seeds at which it wins.

If c of n pairs are needed (`counting.count_needed`), the order statistics d_(n+1-c) and d_(c) are
the interval of the typical difference. It excludes 0 exactly if c pairs or more lie on one side, so
the interval and the sign test always agree. A variant is equivalent if the same interval lies
inside the margin, which is a pair of one-sided tests (Schuirmann 1987). "Better" implies that c
pairs lie below the upper edge of the margin, so all errors about one comparison together stay
within its level.

Why counts and not a t-test, a signed-rank test or sign flips. Those assume that differences are
symmetric, and the differences of networks that sometimes fail are not: of 30 published pairs of
relu and tanh, 26 lie near 0.42 and four between 3 and 200. In samples from these pairs, Student's
95% interval covered the mean in 82% at 10 seeds and in 90% at 30. Shifted to a ratio of 1, they
were called "better" by the tests of the first release in 17% of experiments with 10 seeds, where
2.5% was the level; with six looks, sign flips gave a false verdict in 20.6% and counting in 4.7 to
5.6%, where 5% was the level. No interval of the mean can hold at 10 seeds, because a quarter of all
samples of ten contain none of the four. The median has an exact interval at every n, whatever the
distribution, and anybody can check it by counting. The price, on normal differences, is about a
third more seeds. And a median says nothing of a few bad runs, so their number stands beside every
ratio (`failures`).

Why Bonferroni and not Holm. Holm's method rejects a little more: the last of four comparisons would
need 21 of 30 seeds and not 23. But its thresholds depend on the other comparisons' results, so no
interval matches it: the first release showed unadjusted intervals beside Holm's p, and one that
excluded 1 could stand beside "inconclusive". With Bonferroni, c depends only on n and on the number
of comparisons. It is known before the first run, as looks require, and test and interval are one.
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
    "described",  # the numbers are shown, and not judged
]
_ROUNDING = 1e-12  # a difference this near to the edge of the margin counts as lying on it


@dataclass(frozen=True)
class Comparison:
    """A variant against the baseline in one task.

    `ratio` is the typical loss of a pair as a multiple of the baseline's. `needed` is the number of
    wins, or of losses, that a verdict needs; None if there are too few pairs for any verdict.
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
    """Return the verdict on n >= 1 differences of log losses, of which c = `needed` must agree.

    `learned` is False if on both sides the median run is known not to have learned: then there is
    no verdict of any kind. `diverged` says that a run of either side diverged, which rules out
    equivalence. A draw counts for neither side.
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
    """Return a comparison: the counts of differences of log losses, and their median as a ratio."""
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
    """Return the ratios between which a variant counts as practically equivalent, both excluded.

    The band stays the same if variant and baseline change places.
    """
    return 1 / (1 + margin), 1 + margin
