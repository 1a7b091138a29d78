"""How far a number of paired seeds can reach: the smallest p-value that they can give."""

import math

ALPHA = 0.05  # of every test, after Holm; intervals hold 1 - ALPHA
# Up to so many pairs every one of the 2^n sign flips is counted, above it a sample of them.
EXACT_PAIRS = 14


def smallest_p(pairs: int) -> float:
    """Return the smallest two-sided p-value that a sign-flip test can give with a number of pairs:
    2 / 2^n.
    """
    return float(min(1.0, 2.0 ** (1 - min(pairs, EXACT_PAIRS))))


def pairs_needed(comparisons: int) -> int:
    """Return with how many pairs at least a difference can be significant after Holm over so many
    comparisons.
    """
    return math.ceil(math.log2(2 * comparisons / ALPHA))
