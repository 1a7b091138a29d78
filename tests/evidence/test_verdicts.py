"""Verdicts by counting: the published runs, scipy's binomial test, all signs, and cases by hand."""

import csv
import itertools
import math
import statistics
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lstm_ablate.evidence import counting, failures, pairs, verdicts
from lstm_ablate.evidence.typical import Typical, ratio_of, typical

INF, NAN = math.inf, math.nan
MARGIN = 0.1
EDGE = math.log(1.1)
DATA = Path(__file__).parents[1] / "data" / "published"


def judge(d, needed=None, level=0.05, **words):
    needed = counting.count_needed(len(d), level) if needed is None else needed
    return verdicts.judge(d, needed, MARGIN, **{"learned": True, "diverged": False, **words})


# ------------------------------------------------------------------------------- the published runs


def published(name):
    """Return the losses of the runs that version 0.1 published, by variant and seed."""
    losses = {}
    with (DATA / f"{name}.csv").open() as stream:
        for row in csv.DictReader(stream):
            losses.setdefault(row["variant"], {})[int(row["seed"])] = float(row["test_loss"])
    return losses


PUBLISHED = {
    ("relu_vs_tanh", "relu"): (24, "better", (0.491, 0.276, 0.758), 4),
    ("relu_vs_tanh", "relu-between"): (29, "better", (0.609, 0.546, 0.746), 0),
    ("relu_vs_tanh", "relu-output"): (30, "better", (0.389, 0.303, 0.516), 0),
    ("relu_vs_tanh", "relu-candidate"): (30, "better", (0.305, 0.269, 0.368), 0),
    ("relu_vs_tanh_vector", "relu"): (0, "worse", (1.720, 1.439, 2.013), 0),
}


@pytest.mark.parametrize(("name", "variant"), PUBLISHED)
def test_the_published_runs(name, variant):
    """With four comparisons a verdict needs 23 of 30 seeds."""
    wins, verdict, ratio, stuck = PUBLISHED[name, variant]
    losses = published(name)
    found = judge(list(pairs.differences(losses[variant], losses["tanh"]).values()), level=0.05 / 4)
    assert (found.pairs, found.needed, found.wins, found.losses) == (30, 23, wins, 30 - wins)
    assert (found.verdict, found.within_margin) == (verdict, False)
    shown = (found.ratio.value, *found.ratio.interval)
    assert tuple(round(one, 3) for one in shown) == ratio
    of_task = [loss for mine in losses.values() for loss in mine.values()]
    assert failures.stuck(losses[variant].values(), of_task, 3) == stuck
    # The same once more by hand, without any code of ours.
    ratios = sorted(losses[variant][seed] / losses["tanh"][seed] for seed in range(30))
    assert sum(one < 1 for one in ratios) == wins
    assert found.ratio.interval == pytest.approx((ratios[7], ratios[22]), rel=1e-12)
    assert found.ratio.value == pytest.approx(math.sqrt(ratios[14] * ratios[15]), rel=1e-12)


# --------------------------------------------------------------------------------- of pairs


def test_differences_are_logarithms_of_ratios_at_common_seeds():
    variant = {3: 2.0, 0: 1.0, 7: 5.0}
    assert pairs.differences(variant, {0: 4.0, 3: 1.0, 9: 1.0}) == pytest.approx(
        {3: math.log(2), 0: math.log(0.25)}
    )
    assert pairs.differences(variant, {}) == {}


@pytest.mark.parametrize(
    ("variant", "baseline", "d"),
    [
        (INF, 1.0, INF), (1.0, INF, -INF), (INF, INF, 0.0), (0.0, 1.0, -INF), (1.0, 0.0, INF),
        (0.0, 0.0, 0.0), (INF, 0.0, INF), (0.0, INF, -INF), (0.3, 0.3, 0.0), (1e300, 1e-300, None),
    ],
)  # fmt: skip
def test_a_diverged_run_loses_to_any_other_and_two_are_a_draw(variant, baseline, d):
    (found,) = pairs.differences({0: variant}, {0: baseline}).values()
    assert found == (pytest.approx(600 * math.log(10)) if d is None else d)


def test_wins_losses_and_draws():
    assert pairs.counts([-INF, -1e-9, 0.0, 0.0, 0.0, 2.0]) == pairs.Counts(2, 1, 3)
    assert pairs.counts([-INF, -1e-9, 0.0, 0.0, 0.0, 2.0]).pairs == 6
    assert pairs.counts([]) == pairs.Counts(0, 0, 0)


# --------------------------------------------------------------------------------- against arbiters

DRAWN = st.lists(
    st.one_of(
        st.floats(1e-9, 0.3),  # if it is less, its exponential is 1
        st.floats(-0.3, -1e-9),
        st.sampled_from([INF, -INF, 0.0, EDGE, -EDGE]),
    ),
    min_size=1,
    max_size=40,
)


@given(DRAWN, st.sampled_from([0.05, 0.05 / 4, 0.05 / 10]))
def test_better_and_worse_are_scipys_sign_test_and_the_interval(d, level):
    """Draws belong to the n seeds, and count for neither side."""
    found = judge(d, level=level)
    p_better, p_worse = (
        min(1, 2 * stats.binomtest(count, len(d), 0.5, "greater").pvalue)
        for count in (sum(x < 0 for x in d), sum(x > 0 for x in d))
    )
    assert (found.verdict == "better") == (p_better <= level)
    assert (found.verdict == "worse") == (p_worse <= level)
    if found.ratio.interval:
        low, high = found.ratio.interval
        assert (found.verdict in ("better", "worse")) == (high < 1 or low > 1)


@given(DRAWN, st.sampled_from([0.05, 0.05 / 4]))
def test_equivalence_is_two_one_sided_sign_tests(d, level):
    """Each test has half of the level, so that the same interval serves both (`2 P <= level`)."""
    found = judge(d, level=level)
    inside = [
        stats.binomtest(sum(sign * x < EDGE - 1e-12 for x in d), len(d), 0.5, "greater").pvalue
        for sign in (1, -1)
    ]
    assert found.within_margin == (max(inside) <= level / 2)
    assert not judge(d, level=level, diverged=True).within_margin


@pytest.mark.parametrize("n", range(1, 13))
@pytest.mark.parametrize("level", [0.05, 0.05 / 4, 0.3])
def test_no_larger_share_of_all_signs_than_the_level_gives_a_verdict(n, level):
    """The sizes do not matter, and with a count lower by one the share would be too large."""
    sizes = np.random.default_rng(n).exponential(size=n)
    signs = list(itertools.product((-1, 1), repeat=n))
    needed = counting.count_needed(n, level)

    def share(count):
        found = [judge(list(sizes * one), count or n + 1).verdict for one in signs]
        return sum(verdict in ("better", "worse") for verdict in found) / len(signs)

    assert share(needed) <= level
    if needed is None:
        assert 2 / 2**n > level
    elif 2 * (needed - 1) > n:
        assert share(needed - 1) > level


@given(DRAWN)
def test_swapping_both_sides_mirrors_the_verdict(d):
    there, back = judge(d), judge([-x for x in d])
    mirror = {"better": "worse", "worse": "better"}
    assert back.verdict == mirror.get(there.verdict, there.verdict)
    assert (back.wins, back.losses, back.draws) == (there.losses, there.wins, there.draws)
    assert back.within_margin == there.within_margin
    expected = [1 / x if x else INF for x in reversed(there.ratio.median)]
    assert list(back.ratio.median) == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=12), st.randoms())
def test_units_and_the_order_of_seeds_change_nothing(losses, random):
    base = {seed: 1.0 + seed for seed in range(len(losses))}
    mine = dict(enumerate(losses))
    order = list(mine)
    random.shuffle(order)
    d = pairs.differences(mine, base)
    again = pairs.differences(
        {seed: 8 * mine[seed] for seed in order}, {seed: 8 * base[seed] for seed in base}
    )
    assert again == pytest.approx(d, abs=1e-12)
    assert judge(list(again.values())).wins == judge(list(d.values())).wins


# ------------------------------------------------------------------------------------ cases by hand


def spread(n, middle, width):
    return list(np.linspace(middle - width, middle + width, n))


CASES = {  # differences, verdict, within the margin
    "all won": ([-0.5] * 10, "better", False),
    "one lost of ten": ([-0.5] * 9 + [0.5], "better", False),
    "two lost of ten": ([-0.5] * 8 + [0.5] * 2, "inconclusive", False),
    "a draw is not won": ([-0.5] * 8 + [0.0] * 2, "inconclusive", False),
    "one draw of ten": ([-0.5] * 9 + [0.0], "better", False),
    "all lost": ([0.5] * 10, "worse", False),
    "how far does not matter": ([-1e-3] * 9 + [50.0], "better", True),
    "better within the margin": (spread(10, -0.03, 0.02), "better", True),
    "worse within the margin": (spread(10, 0.03, 0.02), "worse", True),
    "equivalent": (spread(10, 0.0, 0.05), "practically equivalent", True),
    "equivalent but for one seed": ([*spread(9, 0.0, 0.05), 5.0], "practically equivalent", True),
    "all drawn": ([0.0] * 10, "practically equivalent", True),
    "all at the edge": ([EDGE] * 10, "worse", False),
    "all at the lower edge": ([-EDGE] * 10, "better", False),
    "two at the edge": ([0.0] * 8 + [EDGE] * 2, "inconclusive", False),
    "one at the edge": ([0.0] * 9 + [EDGE], "practically equivalent", True),
    "two just inside": ([0.0] * 8 + [EDGE - 1e-9] * 2, "practically equivalent", True),
    "too few": ([-0.5] * 5, "inconclusive", False),
    "too few for equivalence": ([0.0] * 5, "inconclusive", False),
    "one pair": ([0.5], "inconclusive", False),
    "it alone diverged everywhere": ([INF] * 10, "worse", False),
    "the baseline alone diverged everywhere": ([-INF] * 10, "better", False),
    "one diverged": ([-0.5] * 9 + [INF], "better", False),
    "two diverged": ([-0.5] * 8 + [INF] * 2, "inconclusive", False),
}


@pytest.mark.parametrize("name", CASES)
def test_verdict(name):
    d, verdict, within = CASES[name]
    found = judge(d)
    assert (found.verdict, found.within_margin) == (verdict, within)
    assert found.wins + found.losses + found.draws == found.pairs == len(d)


def test_a_tie_with_the_margin_is_one_whatever_the_units_round():
    """1.1 times a loss is on the edge, even if the logarithm is rounded to just below log(1.1)."""
    for unit in np.random.default_rng(0).lognormal(0, 3, 500):
        (d,) = pairs.differences({0: 1.1 * unit}, {0: unit}).values()
        assert judge([0.0] * 8 + [d] * 2).verdict == "inconclusive"
        assert judge([0.0] * 8 + [-d] * 2).verdict == "inconclusive"


def test_there_is_no_verdict_of_any_kind_if_nothing_was_learned():
    for d in ([-0.5] * 10, [0.5] * 10, [0.0] * 10, [0.5] * 3):
        found = judge(d, learned=False)
        assert (found.verdict, found.within_margin) == ("nothing learned", False)


def test_equal_losses_are_not_equivalent_if_both_sides_diverged_at_a_seed():
    assert judge([0.0] * 10, diverged=True).verdict == "inconclusive"


def test_the_verdict_uses_the_count_that_its_caller_gives():
    """A look of a sequential experiment has a higher count than the sign test."""
    d = [-0.5] * 9 + [0.5]
    assert (judge(d, 9).verdict, judge(d, 10).verdict) == ("better", "inconclusive")
    assert judge(d, 10).needed == 10 and judge(d, 10).ratio.interval == pytest.approx(
        (math.exp(-0.5), math.exp(0.5))
    )


# -------------------------------------------------------------------------------- the typical pair


def test_an_even_number_of_pairs_with_infinities():
    """A median between two values that are not both finite is known to lie between them."""
    found = judge([-1.0, -0.5, INF, INF]).ratio
    assert found.median == (pytest.approx(math.exp(-0.5)), INF) and found.value is None
    assert judge([-INF, INF]).ratio.median == (0.0, INF)
    assert judge([-INF, -INF, 1.0]).ratio.value == 0.0
    assert judge([INF, INF, 1.0, 1.0, INF, INF]).ratio.value == INF
    assert judge([-1.0, 0.5, INF, INF, INF]).ratio.value == INF


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30))
def test_of_finite_values_it_is_pythons_median(values):
    assert typical(values, None) == Typical((statistics.median(values),) * 2, None)


def test_ratios_far_apart_overflow_nothing():
    assert (ratio_of(800.0), ratio_of(-800.0), ratio_of(INF), ratio_of(-INF)) == (INF, 0, INF, 0)
    assert typical([], 1) is None


def test_the_band_is_the_same_for_the_reverse():
    low, high = verdicts.band(0.25)
    assert (low, high) == (0.8, 1.25) and low * high == 1
