"""The evidence against SciPy, statsmodels, enumeration and hand-worked cases; the simulation
against its bounds.
"""

import itertools
import math
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import simulation
from scipy import stats
from statsmodels.stats import contingency_tables, multitest, power, proportion, weightstats

from lstm_ablate.evidence import paired
from lstm_ablate.evidence.paired import Estimate, compare
from lstm_ablate.evidence.reach import smallest_p

INF = math.inf
MARGIN = 0.1


def spread(n, mean, sd):
    """n differences with exactly this mean and standard deviation."""
    shape = stats.norm.ppf((np.arange(n) + 0.5) / n)
    return mean + sd * shape / np.std(shape, ddof=1)


def against_one(differences):
    """Losses (variant, baseline) with these log differences; inf is a variant that diverged, -inf a
    baseline, and NaN both.
    """
    d = np.asarray(differences, float)
    return np.where(np.isnan(d), INF, np.exp(np.where(d == -INF, 0, d))), np.where(
        np.isnan(d) | (d == -INF), INF, 1.0
    )


def one(differences, margin=MARGIN):
    [comparison] = compare([against_one(differences)], margin)
    return comparison


# ----------------------------------------------------------------------------------- tests of pairs


def brute_force_p(d):
    sums = [
        sum(sign * x for sign, x in zip(signs, d, strict=True))
        for signs in itertools.product((1, -1), repeat=len(d))
    ]
    return sum(abs(total) >= abs(sum(d)) - 1e-9 for total in sums) / len(sums)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 10])
def test_sign_flips_equal_brute_force(n):
    rng = np.random.default_rng(n)
    for d in (
        rng.normal(0.3, 1, n), rng.standard_t(2, n), np.full(n, 0.1),
        rng.choice([-0.1, 0.0, 0.1, 0.3], n), np.zeros(n)
    ):  # fmt: skip
        assert paired.sign_flip_p(d) == pytest.approx(brute_force_p(list(d)), abs=0)


@pytest.mark.parametrize("n", [2, 6, 9])
def test_sign_flips_equal_scipys_permutation_test(n):
    d = np.random.default_rng(n).normal(0.5, 1, n)
    test = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert paired.sign_flip_p(d) == pytest.approx(test.pvalue, abs=1e-15)


def test_sampled_sign_flips_come_near_all_of_them():
    for shift in (0.0, 0.2, 0.5):
        d = np.random.default_rng(8).normal(shift, 1, 18)
        sums = np.zeros(1)
        for x in d:
            sums = np.concatenate([sums + x, sums - x])
        exact = np.mean(np.abs(sums) >= abs(d.sum()) - 1e-9)
        assert paired.sign_flip_p(d) == pytest.approx(
            exact, abs=4 * math.sqrt(exact * (1 - exact) / 2**13) + 2**-13
        )
        assert simulation.sign_flip_p(d) == paired.sign_flip_p(d)


@pytest.mark.parametrize("name", ["share", "sign_flip_p", "pairs_to_settle"])
def test_what_the_simulation_puts_in_the_place_of_is_what_a_comparison_calls(name):
    losses = np.random.default_rng(0).lognormal(0, 0.2, (2, 10))
    with mock.patch.object(paired, name, wraps=getattr(paired, name)) as double:
        paired.compare([tuple(losses)], 0.1)
    assert double.called


@pytest.mark.parametrize("n", [1, 5, 14, 15, 30, 10_000])
def test_no_p_is_below_what_the_plan_promises(n):
    assert paired.sign_flip_p(np.linspace(1, 2, n)) == smallest_p(n)


def test_signed_ranks_give_wilcoxons_exact_test():
    for n in (5, 8, 12):
        d = np.random.default_rng(n).normal(0.4, 1, n)
        expected = stats.wilcoxon(d, method="exact").pvalue
        assert paired.sign_flip_p(paired.signed_ranks(d)) == pytest.approx(expected, abs=1e-15)
    assert list(paired.signed_ranks(np.array([0.0, -0.5, 0.5, INF, 0.1, INF, -INF]))) == [
        0,
        -3.5,
        3.5,
        6,
        2,
        6,
        -6,
    ]


def test_the_interval_is_that_of_the_paired_t_test():
    rng = np.random.default_rng(3)
    for n in (2, 5, 30):
        variant, baseline = np.exp(rng.normal(0, 1, (2, n)))
        test = stats.ttest_rel(np.log(variant), np.log(baseline))
        [comparison] = compare([(variant, baseline)], MARGIN)
        for estimate, level in ((comparison.ratio, 0.95), (comparison.equivalence, 0.90)):
            assert estimate.value == pytest.approx(
                stats.gmean(variant) / stats.gmean(baseline), rel=1e-12
            )
            expected = np.exp(test.confidence_interval(level))
            assert [estimate.low, estimate.high] == pytest.approx(expected, rel=1e-12)
        assert comparison.effect == pytest.approx(test.statistic / math.sqrt(n), rel=1e-12)


def test_holm_equals_statsmodels():
    for p in ([0.01, 0.04, 0.03, 0.2], [0.5], [0.02, 0.02, 0.9], [0.0125, 0.0125, 0.0125, 0.0125]):
        assert paired.holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1])
    assert paired.holm([0.01, None, 0.02]) == [pytest.approx(0.03), None, pytest.approx(0.04)]


def test_practical_equivalence_is_two_one_sided_tests():
    verdicts = set()
    for mean, sd in itertools.product((0.0, 0.02, 0.05, 0.08), (0.02, 0.05, 0.1, 0.2)):
        for d in (spread(7, mean, sd), spread(7, -mean, sd)):
            p, _, _ = weightstats.ttost_paired(
                d, np.zeros(7), -math.log1p(MARGIN), math.log1p(MARGIN)
            )
            assert one(d).within_margin == (p <= 0.05)
            verdicts.add(p <= 0.05)
    assert verdicts == {True, False}


@pytest.mark.parametrize(("variant", "baseline"), [(1, 0), (0, 3), (5, 2), (4, 4), (10, 0)])
def test_divergence_is_tested_as_mcnemar_did(variant, baseline):
    comparison = one([INF] * variant + [-INF] * baseline + [math.nan] * 2 + [0.1, 0.2])
    expected = contingency_tables.mcnemar([[2, variant], [baseline, 2]], exact=True).pvalue
    assert comparison.mcnemar_p == pytest.approx(expected)
    assert (comparison.only_variant_diverged, comparison.only_baseline_diverged) == (
        variant,
        baseline,
    )
    assert (comparison.pairs, comparison.finished) == (2, variant + baseline + 4)


def test_shares_have_clopper_pearson_intervals():
    for count, n in ((0, 10), (3, 10), (10, 10), (1, 1), (17, 400)):
        low, high = proportion.proportion_confint(count, n, 0.05, "beta")
        estimate = paired.share(count, n)
        assert estimate.value == count / n
        assert [estimate.low, estimate.high] == pytest.approx([low, high], abs=1e-9)
    half = paired.share(2.5, 10)
    assert half == Estimate(0.25, paired.share(2, 10).low, paired.share(3, 10).high)


def test_the_probability_of_being_better_counts_ties_half():
    comparison = one([-0.1, -0.2, 0.0, 0.3, INF, -INF, math.nan, -0.1])
    assert comparison.better.value == (4 + 1) / 8  # 4 better, 1 equal, 1 diverged for both


# ---------------------------------------------------------------------------------- seeds suggested


@pytest.mark.parametrize(("effect", "comparisons"), [(1.5, 1), (0.8, 1), (0.8, 4), (0.3, 10)])
def test_seeds_that_show_a_difference_are_those_of_the_t_tests_power(effect, comparisons):
    expected = power.TTestPower().solve_power(effect, alpha=0.05 / comparisons, power=0.8)
    assert paired.pairs_to_settle(spread(3, 0.2 * effect, 0.2), None, comparisons) == math.ceil(
        expected
    )
    assert paired.pairs_to_settle(spread(3, -0.2 * effect, 0.2), None, comparisons) == math.ceil(
        expected
    )


def test_seeds_that_show_equivalence_are_those_of_tost():
    # normal theory for a ratio of 1: n = ((z_0.95 + z_0.90) sd / edge)^2, a little below Student's
    expected = ((stats.norm.ppf(0.95) + stats.norm.ppf(0.9)) * 0.2 / math.log1p(MARGIN)) ** 2
    assert expected < paired.pairs_to_settle(spread(3, 0, 0.2), MARGIN, 1) < expected + 3


def test_seeds_at_the_ends():
    assert paired.pairs_to_settle(spread(10, 0.001, 0.5), None, 1) is None  # more than 10,000
    assert paired.pairs_to_settle(np.full(10, 0.1), None, 1) == 11  # more than there are
    assert paired.pairs_to_settle(np.full(3, 0.1), None, 4) == 8  # with 7, 2/2^7 * 4 is above 0.05
    assert paired.pairs_to_settle(np.zeros(3), None, 1) is None  # no number shows that
    assert paired.pairs_to_settle(np.zeros(3), MARGIN, 1) == 6
    assert paired.pairs_to_settle(np.zeros(10_000), MARGIN, 1) is None
    assert paired.pairs_to_settle(1e9 + spread(3, 0, 1e-3), MARGIN, 1) == 6


def test_seeds_are_suggested_for_both_analyses_and_with_the_same_share_of_diverged_runs():
    d = [*spread(9, 0.2, 0.4), math.nan, math.nan, math.nan]
    assert one(d).seeds_needed == math.ceil(
        paired.pairs_to_settle(spread(9, 0.2, 0.4), MARGIN, 1) * 12 / 9
    )
    small = [*spread(10, 0.02, 0.5), *[math.nan] * 30]  # a quarter of the seeds are of use
    assert 10_000 > one(small[:10], margin=0.001).seeds_needed > 2_500
    assert one(small, margin=0.001).seeds_needed is None
    d = np.array([*spread(8, -0.2, 0.1), INF, INF])
    ranks = paired.pairs_to_settle(paired.signed_ranks(d), None, 1)
    assert one(d).verdict == "inconclusive"
    assert one(d).seeds_needed == ranks > paired.pairs_to_settle(d[:8], None, 1) * 10 / 8


# ---------------------------------------------------------------------------------------- bootstrap


def enumerated_bca(values, level=0.95):
    """The BCa interval of a mean from all n^n resamples (Efron 1987; the acceleration from the
    jackknife).
    """
    n = len(values)
    means = np.sort([np.mean(resample) for resample in itertools.product(values, repeat=n)])
    below = (
        np.mean(means < np.mean(values) - 1e-12) + np.mean(means <= np.mean(values) + 1e-12)
    ) / 2
    left_out = np.array([np.mean(np.delete(values, i)) for i in range(n)])
    u = left_out.mean() - left_out
    a, z0 = np.sum(u**3) / (6 * np.sum(u**2) ** 1.5), stats.norm.ppf(below)
    z = z0 + stats.norm.ppf([0.5 - level / 2, 0.5 + level / 2])
    return np.quantile(means, stats.norm.cdf(z0 + z / (1 - a * z)))


def test_the_bootstrap_interval_is_bca():
    for values in ([1.0, 1.2, 1.5, 2.1, 3.0, 7.0], [0.3, 0.31, 0.35, 0.5, 0.52, 0.9]):
        estimate, (low, high) = paired.bootstrap(np.mean, np.array(values)), enumerated_bca(values)
        assert estimate.value == pytest.approx(np.mean(values))
        assert [estimate.low, estimate.high] == pytest.approx([low, high], abs=0.015 * (high - low))
        assert paired.bootstrap(np.mean, np.array(values)) == estimate


def test_statistics_by_hand():
    values = np.array([9.0, 1, 2, 3, 4, 5, 6, 100])
    assert paired.interquartile_mean(values) == (3 + 4 + 5 + 6) / 4
    # A quarter of 3, rounded down, is none.
    assert paired.interquartile_mean(np.array([1.0, 2, 6])) == 3
    assert paired.standard_deviation(np.array([1.0, 2, 6])) == pytest.approx(
        math.sqrt((4 + 1 + 9) / 2)
    )
    both = np.stack([values, 2 * values])
    assert list(paired.interquartile_mean(both)) == [4.5, 9.0]


def test_a_bootstrap_of_few_or_equal_values():
    assert paired.bootstrap(np.median, np.array([1.0, 2.0])) == Estimate(1.5)
    assert paired.bootstrap(np.mean, np.full(5, 2.0)) == Estimate(2.0, 2.0, 2.0)
    for statistic in (np.mean, np.median, paired.interquartile_mean, paired.standard_deviation):
        # Where BCa alone can be undefined.
        for values in ([1.0, 2, 3], [1.0, 1, 1, 2], [1.0, 1, 1, 1, 1, 1e9]):
            estimate = paired.bootstrap(statistic, np.array(values))
            assert estimate.low <= estimate.high
            assert math.isfinite(estimate.low + estimate.high)


def test_several_samples_are_resampled_each_by_itself():
    low, high = np.array([0.0, 0.1, 0.2, 0.3]), np.array([100.0, 100.1, 100.2, 100.3])
    estimate = paired.bootstrap(lambda a, b, axis: np.mean(a, axis) + np.mean(b, axis), low, high)
    assert 100 < estimate.low < estimate.value < estimate.high < 100.6


# ----------------------------------------------------------------------------------------- verdicts

# name: differences, verdict, within the margin, reachable, seeds are suggested
VERDICTS = {
    "worse": (spread(10, 0.3, 0.1), "worse", False, True, False),
    "better": (spread(10, -0.3, 0.1), "better", False, True, False),
    "better, within the margin": (spread(10, -0.03, 0.02), "better", True, True, False),
    "worse, within the margin": (spread(10, 0.03, 0.02), "worse", True, True, False),
    "the margin is symmetric on the log scale": (
        spread(10, -0.085, 0.02),
        "better",
        False,
        True,
        False,
    ),
    "equivalent": (spread(10, 0, 0.05), "practically equivalent", True, True, False),
    "all equal": ([0.0, 0.0, 0.0], "practically equivalent", True, False, False),
    "two equal pairs": ([0.0, 0.0], "inconclusive", False, False, False),
    "one pair": ([0.5], "inconclusive", False, False, False),
    "none": ([], "inconclusive", False, False, False),
    "inconclusive": (spread(10, 0.05, 0.2), "inconclusive", False, True, True),
    "n cannot reach it": (spread(5, 0.5, 0.01), "inconclusive", False, False, True),
    "n just reaches it": (spread(6, 0.5, 0.01), "worse", False, True, False),
    "p just without the interval": ([0.1] * 9 + [0.9], "inconclusive", False, True, True),
    "p without the interval": ([0.1] * 9 + [3.0], "inconclusive", False, True, True),
    "all diverged": ([INF] * 10, "worse", False, True, False),
    "all of the baseline diverged": ([-INF] * 10, "better", False, True, False),
    "all of both diverged": ([math.nan] * 10, "inconclusive", False, False, False),
    "all of five diverged": ([INF] * 5, "inconclusive", False, False, True),
    "some diverged, the rest worse": (
        [*spread(6, 0.3, 0.05), *[INF] * 4],
        "worse",
        False,
        True,
        False,
    ),
    "ranks do not agree": ([*spread(8, -0.3, 0.05), INF, INF], "inconclusive", False, True, True),
    "ranks point elsewhere": (
        [*spread(6, -0.3, 0.05), *[INF] * 5],
        "inconclusive",
        False,
        True,
        False,
    ),
    "losses do not agree": ([*spread(6, 0.02, 0.2), *[INF] * 9], "inconclusive", False, True, True),
    "too few converged, ranks decide": (
        [0.1, 0.2, 0.3, 0.4, *[INF] * 6],
        "worse",
        False,
        True,
        False,
    ),
    "too few converged, ratio speaks against": (
        [-0.1, *[INF] * 9],
        "inconclusive",
        False,
        True,
        False,
    ),
    "too few of anything": (
        [0.1, 0.2, INF, INF, math.nan, math.nan],
        "inconclusive",
        False,
        False,
        True,
    ),
    "equal but one diverged": ([*spread(9, 0, 0.01), INF], "inconclusive", False, True, False),
    "equal but the baseline diverged once": (
        [*spread(9, 0, 0.01), -INF],
        "inconclusive",
        False,
        True,
        False,
    ),
    "equal, both diverged once": (
        [*spread(9, 0, 0.01), math.nan],
        "practically equivalent",
        True,
        True,
        False,
    ),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_verdict(name):
    differences, verdict, within, reachable, suggested = VERDICTS[name]
    comparison = one(differences)
    assert (comparison.verdict, comparison.within_margin, comparison.reachable) == (
        verdict,
        within,
        reachable,
    )
    assert (comparison.seeds_needed is not None) == suggested
    assert comparison.seeds_needed is None or comparison.seeds_needed > len(differences)


def test_losses_of_zero_are_left_to_the_ranks():
    [comparison] = compare([(np.zeros(10), np.ones(10))], MARGIN)
    assert (comparison.ratio, comparison.p, comparison.verdict) == (None, None, "better")
    [comparison] = compare([(np.zeros(10), np.zeros(10))], MARGIN)
    assert (comparison.ratio, comparison.verdict) == (Estimate(1, 1, 1), "practically equivalent")
    [comparison] = compare([(np.array([0.0, 1, 1, 2, 3]), np.ones(5))], MARGIN)
    assert (comparison.ratio, comparison.equivalence, comparison.verdict) == (
        None,
        None,
        "inconclusive",
    )


def test_losses_far_apart_overflow_nothing():
    [comparison] = compare([(np.array([1.0, 1e300, 1.0]), np.array([1.0, 1e-300, 1.0]))], MARGIN)
    assert (comparison.ratio.low, comparison.ratio.high) == (0.0, INF)


@pytest.mark.parametrize("loss", [math.nan, -1.0, -INF])
def test_what_is_no_loss_is_refused(loss):
    with pytest.raises(ValueError, match="a loss must be 0 or more"):
        compare([(np.array([1.0, loss]), np.ones(2))], MARGIN)
    with pytest.raises(ValueError, match="a loss must be 0 or more"):
        compare([(np.ones(2), np.ones(2)), (np.ones(2), np.array([1.0, loss]))], MARGIN)


def test_holm_is_over_the_p_values_that_the_verdicts_need():
    converged = spread(10, 0.1, 0.2)
    some_diverged = np.array([*spread(9, 0.3, 0.2), INF])
    few_converged = [0.1, 0.2, *[INF] * 8]
    together = compare(
        [against_one(d) for d in (converged, some_diverged, few_converged, [])], MARGIN
    )
    deciding = [
        brute_force_p(list(converged)),
        max(
            brute_force_p(list(some_diverged[:9])),
            brute_force_p(list(paired.signed_ranks(some_diverged))),
        ),
        2 / 2**10,
    ]
    assert [x.p_holm for x in together[:3]] == pytest.approx(
        multitest.multipletests([*deciding, 1.0], method="holm")[1][:3]
    )
    assert together[3].p_holm is None
    assert [x.verdict for x in together] == ["inconclusive", "worse", "worse", "inconclusive"]


def test_a_comparison_among_others_needs_more():
    d = spread(6, 0.3, 0.05)
    assert one(d).verdict == "worse"
    for comparison in compare([against_one(d)] * 2, MARGIN):
        assert (comparison.p_holm, comparison.verdict, comparison.reachable) == (
            4 / 2**6,
            "inconclusive",
            False,
        )
    # six pairs are too few to tell anything of two comparisons: the ranks of all ten decide
    for comparison in compare([against_one([*d, *[INF] * 4])] * 2, MARGIN):
        assert (comparison.p_holm, comparison.verdict) == (4 / 2**10, "worse")
    # a step of Holm's that others do not need is left for it
    large, small = compare([against_one(spread(10, 0.3, 0.05)), against_one(d)], MARGIN)
    assert (large.p_holm, large.verdict, large.reachable) == (4 / 2**10, "worse", True)
    assert (small.p_holm, small.verdict, small.reachable) == (2 / 2**6, "worse", True)


# -------------------------------------------------------------------------------------- invariances

EXPERIMENTS = [
    np.where(
        (u := np.random.default_rng([i, 1]).random(n)) < share / 2,
        INF,
        np.where(u < share, -INF, d),
    )
    for i, (n, share, mean) in enumerate(
        itertools.product((4, 8, 12), (0.0, 0.2, 0.7), (-0.3, 0.0, 0.3))
    )
    for d in [np.random.default_rng([i, 0]).normal(mean, 0.15, n)]
]
MIRROR = {"better": "worse", "worse": "better"}


def same(a, b):
    """Two comparisons are the same but for rounding."""
    for name in ("ratio", "equivalence", "better"):
        x, y = getattr(a, name), getattr(b, name)
        assert (x is None) == (y is None)
        if x is not None:
            # None of a single pair becomes NaN.
            x, y = (np.array([z.value, z.low, z.high], float) for z in (x, y))
            assert x == pytest.approx(y, rel=1e-9, abs=1e-12, nan_ok=True)
    blank = {"ratio": None, "equivalence": None, "better": None, "effect": None}
    assert replace(a, **blank) == replace(b, **blank)


@pytest.mark.parametrize("d", EXPERIMENTS)
def test_swapping_variant_and_baseline_mirrors_the_verdict(d):
    variant, baseline = against_one(d)
    [there], [back] = compare([(variant, baseline)], MARGIN), compare([(baseline, variant)], MARGIN)

    def inverse(x, of):
        return x and Estimate(of(x.value), x.high and of(x.high), x.low and of(x.low))

    same(
        there,
        replace(
            back,
            ratio=inverse(back.ratio, lambda x: 1 / x),
            equivalence=inverse(back.equivalence, lambda x: 1 / x),
            better=Estimate(1 - back.better.value, 1 - back.better.high, 1 - back.better.low),
            only_variant_diverged=back.only_baseline_diverged,
            only_baseline_diverged=back.only_variant_diverged,
            verdict=MIRROR.get(back.verdict, back.verdict),
        ),
    )


@pytest.mark.parametrize("d", EXPERIMENTS)
def test_units_of_the_loss_and_order_of_the_seeds_change_nothing(d):
    variant, baseline = against_one(d)
    order = np.random.default_rng(5).permutation(len(d))
    same(one(d), *compare([(variant * 7.3, baseline * 7.3)], MARGIN))
    same(one(d), *compare([(variant[order], baseline[order])], MARGIN))


@pytest.mark.parametrize("d", EXPERIMENTS)
def test_a_pair_of_which_both_diverged_says_nothing(d):
    without, more = one(d), one([*d, math.nan])
    assert more.finished == without.finished + 1
    same(
        without,
        replace(more, finished=len(d), better=without.better, seeds_needed=without.seeds_needed),
    )


def test_the_experiments_above_see_every_verdict():
    assert {one(d).verdict for d in EXPERIMENTS} >= {"better", "worse", "inconclusive"}


# ----------------------------------------------------------------------------------- the simulation

CASES = list(simulation.cases())
TABLE = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (Path(__file__).parents[2] / "docs" / "statistics.md").read_text().splitlines()
    if line.startswith("| ") and line.count("|") == 7
]


def test_the_table_of_the_docs_holds_every_case():
    assert TABLE[0] == [
        "what is measured",
        "losses",
        "seeds",
        "comparisons",
        "share of experiments",
        "asked",
    ]
    assert [row[:4] + row[5:] for row in TABLE[1:]] == [
        [case.claim, case.losses, str(case.seeds), str(case.comparisons), case.asked_text]
        for case in CASES
    ]


def test_the_table_of_the_docs_keeps_what_is_asked():
    for row, case in zip(TABLE[1:], CASES, strict=True):
        share, error = (float(x) / 100 for x in row[4].replace("%", "").split(" ± "))
        if case.asked:
            assert case.asked[0] - 2 * error <= share <= case.asked[1] + 2 * error, row


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.asked],
    ids=lambda c: f"{c.claim}: {c.losses}, {c.seeds}",
)
def test_a_small_simulation_keeps_what_is_asked(case):
    found = simulation.measure(case, 40)
    low, high = case.asked
    assert stats.binom.sf(found.sum() - 1, len(found), high) > 1e-4
    assert stats.binom.cdf(found.sum(), len(found), low) > 1e-4
