"""How many seeds must agree at each look of an experiment that may stop early.

With the wins of n seeds Binomial(n, 1/2) where nothing differs, a comparison is decided at look k
of n_k seeds when the variant wins, or loses, at c_k of them or more. The counts are exact: the
distribution of the wins among experiments that have not stopped is carried on from seed to seed.
The error is spent in proportion to the seeds (Lan & DeMets 1983 call such a rule a spending
function), and what the steps of a count leave unspent at a look is carried over to the next, so
that the chance to be decided wrongly at any look is at most the level, whatever the differences
look like (Jennison & Turnbull 1984 for the intervals that follow).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Look:
    """A number of seeds at which an experiment may stop."""

    seeds: int
    count: int | None  # of wins, or of losses, that decide; None where not even all seeds do
    spent: float  # the chance, so far, to be decided where nothing differs

    def needed(self, _pairs: int) -> int | None:
        """Return the count, which is that of the seeds: a missing pair counts for neither side."""
        return self.count


def looks(seeds: Sequence[int], level: float) -> list[Look]:
    """Return the counts that decide a comparison at each of these numbers of seeds, two-sided.

    `seeds` go up, and `level` is the chance of a wrong decision over all looks, at most. A count
    that decides is more than half of the seeds. All is computed in whole numbers.
    """
    allowed = Fraction(level).limit_denominator(10**12)
    ways = [1]  # of reaching k wins, among all sequences of wins and losses that have not stopped
    spent = Fraction(0)
    planned = []
    before = 0
    for n in seeds:
        for _ in range(n - before):
            ways = [a + b for a, b in zip([0, *ways], [*ways, 0], strict=True)]
        before = n
        budget = (allowed * n / seeds[-1] - spent) * 2**n
        count, beyond = n + 1, 0
        # Of c and more wins and, as many, of c and more losses.
        while count - 1 > n / 2 and beyond + 2 * ways[count - 1] <= budget:
            count -= 1
            beyond += 2 * ways[count]
        spent += Fraction(beyond, 2**n)
        planned.append(Look(n, count if count <= n else None, float(spent)))
        ways = [number if n - count < k < count else 0 for k, number in enumerate(ways)]
    return planned
