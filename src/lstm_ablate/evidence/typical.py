"""A median with its interval: what somebody who trains once typically gets."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lstm_ablate.evidence import counting


@dataclass(frozen=True)
class Typical:
    """The median of some values and the order statistics around it.

    The ends of `median` are equal, unless the median lies between two values that are not both
    finite: then all that is known is that it lies between them. `interval` is None if there are too
    few values for one.
    """

    median: tuple[float, float]
    interval: tuple[float, float] | None

    @property
    def value(self) -> float | None:
        """The median as one number, or None if it is only known to lie between two."""
        low, high = self.median
        return low if low == high else None

    def mapped(self, function: Callable[[float], float]) -> "Typical":
        """Return the median and interval of the values under an increasing function."""
        ends = self.interval and (function(self.interval[0]), function(self.interval[1]))
        return Typical((function(self.median[0]), function(self.median[1])), ends)


def typical(values: Iterable[float], count: int | None) -> Typical | None:
    """Return the median of values, which may be infinite, with the interval that a count gives.

    `count` is the c of `counting.median_interval`. Returns None if there are no values.
    """
    known = list(values)
    if not known:
        return None
    return Typical(counting.median(known), counting.median_interval(known, count))


def ratio_of(difference: float) -> float:
    """Return exp(d), from 0 to infinite: the ratio of two losses whose logarithms differ by d."""
    try:
        return math.exp(difference)
    except OverflowError:
        return math.inf
