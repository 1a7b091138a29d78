"""The plain numbers of counting seeds: how many must agree, and the intervals that a count gives.

Under the hypothesis that a typical pair shows no difference, a seed is won or lost with probability
1/2 each, so that the wins of n seeds are Binomial(n, 1/2) whatever the differences look like (the
sign test; Dixon & Mood 1946). A difference of 0 is neither won nor lost, which only makes the test
cautious. Where runs are of other seeds on either side, all pairs of two of them are counted instead
(Mann & Whitney 1947). Nothing here knows of losses or reports.
"""

import functools
import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Literal

LEVEL = 0.05  # in at most this share of reports any verdict is false


def count_needed(n: int, level: float, *, sides: Literal[1, 2] = 2) -> int | None:
    """Return the smallest count c of n with sides * P(Binomial(n, 1/2) >= c) <= level.

    So many of n seeds must agree before chance alone is at most `level`: two-sided where either
    side may win, one-sided where only one is asked about. None where not even all n are enough.
    Counted in whole numbers, so that a level that is met exactly is met.
    """
    allowed = _exact(level) * 2**n / sides
    ways, beyond, count = 1, 0, n + 1  # ways = C(n, count - 1); beyond = sum of C(n, k >= count)
    while count > 0 and beyond + ways <= allowed:
        count -= 1
        beyond += ways
        ways = ways * count // (n - count + 1)
    return count if count <= n else None


def seeds_needed(level: float, *, sides: Literal[1, 2] = 2) -> int:
    """Return the smallest n at which a count can be enough: the smallest with sides / 2^n <= level.

    Raises ValueError where level is not above 0.
    """
    if not level > 0:
        raise ValueError(f"no number of seeds reaches a level of {level}")
    n = 1
    while sides > _exact(level) * 2**n:
        n += 1
    return n


def _exact(level: float) -> Fraction:
    """Return the fraction that a level stands for: 1/60 for 0.05 / 3, which is not quite that."""
    return Fraction(level).limit_denominator(10**12)


# ------------------------------------------------------------------------------------ without pairs


def pairs_needed(n_a: int, n_b: int, level: float) -> int | None:
    """Return the smallest U with P(one side wins U or more of the n_a * n_b pairs) <= level < 1/2.

    A pair is any run of one side with any of the other, and the probability is that of all orders
    of n_a + n_b runs being equally likely, as they are where both sides have one distribution. A
    tie is won by neither, which only makes the test cautious. None where all pairs are not enough.
    """
    allowed = _exact(level) * math.comb(n_a + n_b, n_a)
    beyond, needed = 0, n_a * n_b + 1
    for ways in _orders(*sorted((n_a, n_b))):
        beyond += ways
        if beyond > allowed:
            break
        needed -= 1
    return needed if needed <= n_a * n_b else None


@functools.cache
def _orders(few: int, many: int) -> list[int]:
    """Return in how many orders of so many runs one side loses k pairs, for k to half of the pairs.

    They are the coefficients of the Gaussian binomial, the product of (1 - q^(many + i)) /
    (1 - q^i) over i = 1, ..., few: 0.1 s for 100 runs on either side.
    """
    ways = [1] + [0] * (few * many // 2)
    for i in range(1, few + 1):
        for k in range(len(ways) - 1, many + i - 1, -1):
            ways[k] -= ways[k - many - i]
        for k in range(i, len(ways)):
            ways[k] += ways[k - i]
    return ways


def runs_needed(level: float) -> int:
    """Return with how many runs on either side `pairs_needed` can be met: 1 / C(2n, n) <= level."""
    if not level > 0:
        raise ValueError(f"no number of runs reaches a level of {level}")
    n = 1
    while _exact(level) * math.comb(2 * n, n) < 1:
        n += 1
    return n


# ---------------------------------------------------------------------------------------- intervals


def median_interval(values: Iterable[float], count: int | None) -> tuple[float, float] | None:
    """Return the order statistics d_(n+1-c) and d_(c) of n values, the interval of their median.

    `count` is c, more than half of n. With c = count_needed(n, level) the interval holds the
    distribution's median with probability 1 - level at least, for any distribution (Dixon & Mood
    1946), and it lies on one side of a number exactly where c values or more do. Values may be
    infinite. None where c is None or above n: no interval of so few values holds.
    """
    ordered = sorted(values)
    n = len(ordered)
    if count is None or count > n:
        return None
    if 2 * count <= n:
        raise ValueError(f"a count of {count} is not more than half of {n} values")
    return ordered[n - count], ordered[count - 1]


def median(values: Iterable[float]) -> tuple[float, float]:
    """Return the median, twice; of an even number of values it is halfway between the middle two.

    Where these two are not both finite there is no halfway: then they are returned, the lower one
    first. Raises ValueError where there are no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("the median of no values")
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    if math.isfinite(low) and math.isfinite(high):
        low = high = (low + high) / 2
    return low, high


def share_interval(count: int, n: int, level: float) -> tuple[float, float]:
    """Return the exact interval of a share that `count` of n show (Clopper & Pearson 1934).

    It holds the true share with probability 1 - level at least.
    """
    from scipy import special  # not `stats`, which takes half a second longer to load

    low = special.betaincinv(count, n - count + 1, level / 2) if count else 0.0
    high = special.betainccinv(count + 1, n - count, level / 2) if count < n else 1.0
    return float(low), float(high)
