"""The numbers of counting seeds: held to scipy's binomial test and beta distribution, to all 2^n
signs of up to 12 seeds, to published tables, and to the boundary counts of the design.
"""

import itertools
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lstm_ablate.evidence import counting

LEVELS = [0.3, 0.1, 0.05, 0.05 / 4, 0.05 / 10, 0.05 / 36]
ANY = st.one_of(st.floats(-10, 10), st.sampled_from([math.inf, -math.inf, 0.0]))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("sides", [1, 2])
def test_the_count_is_the_smallest_that_scipys_binomial_test_finds_significant(level, sides):
    alternative = {1: "greater", 2: "two-sided"}[sides]
    for n in range(1, 70):
        significant = [
            c
            for c in range(n // 2 + 1, n + 1)
            if stats.binomtest(c, n, 0.5, alternative).pvalue <= level
        ]
        assert counting.count_needed(n, level, sides=sides) == min(significant, default=None)


@pytest.mark.parametrize("n", range(1, 13))
def test_the_count_is_what_all_signs_of_so_many_seeds_say(n):
    """The levels include some that a share of the 2^n meets exactly, which counts as met."""
    wins = [sum(signs) for signs in itertools.product((0, 1), repeat=n)]
    for level in (*LEVELS, 2.0**-n, 2.0 ** (1 - n), (n + 1) / 2**n):
        for sides in (1, 2):
            allowed = [c for c in range(n + 1) if sides * sum(k >= c for k in wins) <= level * 2**n]
            assert counting.count_needed(n, level, sides=sides) == min(allowed, default=None)


@pytest.mark.parametrize(
    ("n", "comparisons", "count"),
    [(30, 4, 23), (12, 4, 11), (10, 4, 10), (20, 4, 16), (10, 1, 9), (10, 26, None), (5, 1, None)],
)
def test_the_counts_of_the_design(n, comparisons, count):
    assert counting.count_needed(n, 0.05 / comparisons) == count


def test_the_counts_of_the_gate():
    """They are one-sided. Of 12 seeds two variants need 10 and three need 11: 79 and 13 of 4096."""
    assert [counting.count_needed(12, 0.05 / m, sides=1) for m in (1, 2, 3)] == [10, 10, 11]
    assert counting.count_needed(4, 0.05, sides=1) is None
    assert counting.count_needed(5, 0.05, sides=1) == 5


def test_no_seed_and_many_seeds():
    assert counting.count_needed(0, 0.05) is None
    n = 10_000
    assert counting.count_needed(n, 0.05) == stats.binom.isf(0.025, n, 0.5) + 1


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("level", [*LEVELS, 1.0, 2.0**-7, 1e-9])
def test_the_fewest_seeds_are_those_from_which_on_a_count_is_enough(level, sides):
    fewest = counting.seeds_needed(level, sides=sides)
    reached = [counting.count_needed(n, level, sides=sides) is not None for n in range(1, 50)]
    assert reached == [n >= fewest for n in range(1, 50)]
    assert counting.count_needed(fewest, level, sides=sides) == fewest or level > 0.5


def test_the_fewest_seeds_of_a_report():
    """The smallest two-sided p of n seeds is 2 / 2^n."""
    assert [counting.seeds_needed(0.05 / m) for m in (1, 4, 10)] == [6, 8, 9]
    with pytest.raises(ValueError, match="no number of seeds"):
        counting.seeds_needed(0.0)


# ------------------------------------------------------------------------------------ without pairs


@pytest.mark.parametrize(
    ("n_a", "n_b", "critical"),
    [(3, 3, 0), (4, 3, 0), (5, 5, 4), (8, 8, 15), (10, 10, 27), (7, 12, 21), (20, 20, 138)],
)
def test_the_published_critical_values_of_mann_and_whitneys_u(n_a, n_b, critical):
    """They are one-tailed at 5%. Tables give the smaller U, of the side that wins fewer pairs."""
    assert counting.pairs_needed(n_a, n_b, 0.05) == n_a * n_b - critical
    assert counting.pairs_needed(n_b, n_a, 0.05) == n_a * n_b - critical


@pytest.mark.parametrize("level", [0.3, 0.05, 0.05 / 3, 0.05 / 7])
def test_pairs_of_runs_are_those_of_all_orders_and_of_scipy(level):
    """0.05 / 3 is met exactly: 2 of the 120 orders of 3 and 7 runs give 20 pairs or more."""
    for n_a, n_b in [(1, 1), (1, 5), (2, 2), (2, 7), (3, 3), (3, 7), (4, 4), (5, 4), (6, 6)]:
        ranks = range(n_a + n_b)
        won = [
            sum(i > j for i, j in itertools.product(of_b, set(ranks) - set(of_b)))
            for of_b in itertools.combinations(ranks, n_b)
        ]
        enough = [
            u
            for u in range(n_a * n_b + 1)
            if 60 * sum(k >= u for k in won) <= round(60 * level * len(won), 6)
        ]
        needed = counting.pairs_needed(n_a, n_b, level)
        assert needed == min(enough, default=None)
        if needed is not None:
            b = next(itertools.islice(itertools.combinations(ranks, n_b), won.index(needed), None))
            a = sorted(set(ranks) - set(b))
            p = stats.mannwhitneyu(b, a, alternative="greater", method="exact").pvalue
            assert p <= level * (1 + 1e-9)


def test_the_fewest_runs_on_either_side():
    """The smallest level of n runs a side is 1 / C(2n, n): 1/20, 1/70 and 1/252 for 3, 4 and 5."""
    assert [counting.runs_needed(0.05 / m) for m in (1, 2, 4)] == [3, 4, 5]
    for level in (0.05, 0.01, 0.05 / 7):
        n = counting.runs_needed(level)
        assert counting.pairs_needed(n, n, level) is not None
        assert counting.pairs_needed(n - 1, n - 1, level) is None
    with pytest.raises(ValueError, match="no number of runs"):
        counting.runs_needed(-1.0)


# ---------------------------------------------------------------------------------------- intervals


@pytest.mark.parametrize(
    ("n", "low", "high", "percent"),
    [(6, 1, 6, 96.9), (8, 1, 8, 99.2), (9, 2, 8, 96.1), (10, 2, 9, 97.9), (15, 4, 12, 96.5),
     (20, 6, 15, 95.9)],
)  # fmt: skip
def test_the_ranks_of_the_published_tables_of_the_sign_tests_interval(n, low, high, percent):
    """The tables, at 95%, are those of Conover's Practical Nonparametric Statistics and of R's
    DescTools::SignTest.
    """
    count = counting.count_needed(n, 0.05)
    assert counting.median_interval(range(1, n + 1), count) == (low, high)
    covered = stats.binom.cdf(high - 1, n, 0.5) - stats.binom.cdf(low - 1, n, 0.5)
    assert round(100 * covered, 1) == percent


def test_the_interval_holds_what_scipys_binomial_test_does_not_reject():
    """The test is inverted at a number between any two values and beyond them, and the ends are
    values themselves.
    """
    values = [0.3, -1.2, 4.0, math.inf, 0.31, -0.5, 2.0, math.inf, 0.9, -math.inf, 1.0, 7.0]
    low, high = counting.median_interval(values, counting.count_needed(12, 0.05))
    for x in (-3, -1, -0.2, 0.305, 0.6, 0.95, 1.5, 3, 5, 9, 1e9):
        p = stats.binomtest(sum(value > x for value in values), 12).pvalue
        assert (p > 0.05) == (low <= x <= high), x
    assert low == -0.5 and high == 7.0


@given(st.lists(ANY, min_size=1, max_size=40), st.sampled_from(LEVELS))
def test_the_interval_lies_on_one_side_of_0_exactly_where_the_count_does(values, level):
    count = counting.count_needed(len(values), level)
    interval = counting.median_interval(values, count)
    assert (interval is None) == (count is None)
    if interval is not None:
        assert (interval[0] > 0) == (sum(value > 0 for value in values) >= count)
        assert (interval[1] < 0) == (sum(value < 0 for value in values) >= count)


def test_the_interval_uses_the_count_that_its_caller_gives():
    """A look of a sequential experiment has a larger count, and pairs may be missing there."""
    assert counting.median_interval([3, 1, 2, 5, 4], 4) == (2, 4)
    assert counting.median_interval([3, 1, 2, 5, 4], 5) == (1, 5)
    assert counting.median_interval([3, 1, 2, 5, 4], 6) is None
    assert counting.median_interval([], 3) is None
    with pytest.raises(ValueError, match="not more than half"):
        counting.median_interval([1, 2, 3, 4], 2)


@given(st.lists(ANY, min_size=1, max_size=30))
def test_the_median_lies_within_every_interval_and_is_pythons_where_it_is_finite(values):
    low, high = counting.median(values)
    ordered = sorted(values)
    assert low <= high
    assert sum(value <= low for value in ordered) * 2 >= len(values) or low == high
    if math.isfinite(low) and math.isfinite(high):
        assert low == high == pytest.approx(statistics.median(values))
    for count in range(len(values) // 2 + 1, len(values) + 1):
        interval = counting.median_interval(values, count)
        assert interval[0] <= low and high <= interval[1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2.0], (1.5, 1.5)),
        ([math.inf, 2.0], (2.0, math.inf)),
        ([math.inf, -math.inf], (-math.inf, math.inf)),
        ([math.inf, math.inf], (math.inf, math.inf)),
        ([-math.inf, -math.inf, 0.0, 1.0], (-math.inf, 0.0)),
        ([math.inf, 1.0, 3.0, -math.inf], (2.0, 2.0)),
        ([math.inf, 3.0, -math.inf], (3.0, 3.0)),
        ([math.inf, math.inf, 1.0], (math.inf, math.inf)),
    ],
)
def test_a_median_between_values_that_are_not_both_finite_is_what_lies_between(values, expected):
    assert counting.median(values) == expected


def test_no_median_of_nothing():
    with pytest.raises(ValueError, match="the median of no values"):
        counting.median([])


@pytest.mark.parametrize(("count", "n"), [(0, 30), (4, 30), (30, 30), (1, 1), (7, 12)])
@pytest.mark.parametrize("level", [0.05, 0.0125])
def test_a_share_has_the_interval_of_the_beta_distribution(count, n, level):
    low = stats.beta.ppf(level / 2, count, n - count + 1) if count else 0.0
    high = stats.beta.ppf(1 - level / 2, count + 1, n - count) if count < n else 1.0
    assert counting.share_interval(count, n, level) == pytest.approx((low, high))


def test_the_share_of_stuck_runs_of_the_published_study():
    """For 4 of 30 it is 4 to 31%, computed elsewhere; for 0 of n its end has a closed form."""
    low, high = counting.share_interval(4, 30, 0.05)
    assert (round(low, 2), round(high, 2)) == (0.04, 0.31)
    assert counting.share_interval(0, 12, 0.05) == pytest.approx((0, 1 - 0.025 ** (1 / 12)))
