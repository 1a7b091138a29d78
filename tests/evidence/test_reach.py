"""What a number of pairs can reach, against all sign flips."""

from itertools import product

import numpy as np
import pytest

from lstm_ablate.evidence import reach


def test_the_smallest_p_is_that_of_all_signs_alike():
    """Against all sign flips of n paired differences, the definition of the exact test."""
    for n in range(1, 9):
        differences = np.arange(1, n + 1)
        sums = [abs(np.dot(signs, differences)) for signs in product((-1, 1), repeat=n)]
        assert reach.smallest_p(n) == pytest.approx(np.mean(np.array(sums) >= differences.sum()))
