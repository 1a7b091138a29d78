"""How many seeds must agree at each look of an experiment that may stop early.

If nothing differs, the number of wins at n seeds is Binomial(n, 1/2). A comparison is decided at
look k, of n_k seeds, if the variant wins, or loses, at c_k of them or more. The counts c_k are
exact: the distribution of the wins over experiments that have not stopped is carried on from seed
to seed. The level is spent in proportion to the seeds (Lan & DeMets 1983 call such a rule a
spending function). A count can only use it up in steps, and what a look leaves unspent goes to the
next. So the chance of a wrong decision at any look is at most the level, whatever the distribution
of the differences (for the intervals at a look see Jennison & Turnbull 1984).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Look:
    """A number of seeds at which an experiment may stop."""

    seeds: int
    count: int | None  # of wins, or of losses, that decide; None if not even all seeds do
    spent: float  # the chance of a decision by this look if nothing differs

    def needed(self, _pairs: int) -> int | None:
        """Return the count. It does not depend on the pairs: a missing one helps neither side."""
        return self.count


def looks(seeds: Sequence[int], level: float) -> list[Look]:
    """Return the counts that decide a comparison at each of these numbers of seeds, two-sided.

    `seeds` are in ascending order. `level` is the most that the chance of a wrong decision may be
    over all looks together. A count that decides is more than half of the seeds. Everything is
    computed in whole numbers, so nothing is rounded.
    """
    allowed = Fraction(level).limit_denominator(10**12)
    ways = [1]  # ways[k]: the sequences of wins and losses with k wins that have not stopped yet
    spent = Fraction(0)
    planned = []
    before = 0
    for n in seeds:
        for _ in range(n - before):
            ways = [a + b for a, b in zip([0, *ways], [*ways, 0], strict=True)]
        before = n
        budget = (allowed * n / seeds[-1] - spent) * 2**n
        count, beyond = n + 1, 0
        # Sequences with c wins or more, and as many with c losses or more.
        while count - 1 > n / 2 and beyond + 2 * ways[count - 1] <= budget:
            count -= 1
            beyond += 2 * ways[count]
        spent += Fraction(beyond, 2**n)
        planned.append(Look(n, count if count <= n else None, float(spent)))
        ways = [number if n - count < k < count else 0 for k, number in enumerate(ways)]
    return planned
