"""The gate for CI, against scipy's tests of signs and of ranks, against all signs and orders of few
seeds, and with the sides swapped.
"""

import itertools
import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import call
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lstm_ablate.cli import compare as command
from lstm_ablate.errors import UserError
from lstm_ablate.evidence import compare, gate, gate_sentences
from lstm_ablate.evidence.gate import Rule

TEN = Rule(0.1)
EDGE = math.log(1.1)


def table(name, losses, metric="test_loss", **columns):
    """Return a table of runs, from the losses of each variant, by seed or in the order of seeds.

    A loss of None is a diverged run, "failed" a failed one. `columns` are by variant, or for all.
    """
    cells = {}
    for variant, of in losses.items():
        by_seed = of if isinstance(of, dict) else dict(enumerate(of))
        for seed, loss in by_seed.items():
            status = {None: "diverged", "failed": "failed"}.get(loss, "ok")
            cells["default", variant, seed] = {
                "status": status,
                metric: repr(float(loss)) if status == "ok" else "",
                **{
                    column: str(value[variant] if isinstance(value, dict) else value)
                    for column, value in columns.items()
                },
            }
    lines = {key: line for line, key in enumerate(cells, start=2)}
    return compare.Table(name, True, ("status", metric, *columns), cells, lines)


def judged(a, b, rule=TEN):
    """Judge losses of A and B, given by variant, or as those of one variant named v."""
    tables = [
        one
        if isinstance(one, compare.Table)
        else table(name, one if isinstance(one, dict) else {"v": one}, rule.metric)
        for name, one in (("a", a), ("b", b))
    ]
    return gate.judge(*tables, rule)


def written(path, of):
    """Write a table as a CSV."""
    header = ["variant", "seed", *of.columns]
    rows = [
        [variant, str(seed), *(cells[column] for column in of.columns)]
        for (_, variant, seed), cells in of.cells.items()
    ]
    path.write_text("".join(",".join(row) + "\n" for row in [header, *rows]))
    return path


# ------------------------------------------------------------------------------------------- counts


def test_the_counts_on_the_page_on_ci_are_those_of_the_binomial_distribution():
    """At n seeds all agree by chance in 1 of 2**n; of 12 seeds, 10 or more in 79 of 4096."""
    page = " ".join((Path(__file__).parents[2] / "docs" / "ci.md").read_text().split())
    fewest = [next(n for n in range(99) if 0.5**n <= 0.05 / k) for k in range(1, 8)]
    assert fewest == [5, 6, 6, 7, 7, 7, 8]
    assert "5 for one comparison, 6 for two or three, 7 for four to six." in page
    levels = [1, 2, 3, 15, 16]
    of_12 = [
        next(c for c in range(13) if stats.binom.sf(c - 1, 12, 0.5) <= 0.05 / k) for k in levels
    ]
    assert of_12 == [10, 10, 11, 11, 12]
    assert "10 of 12 seeds must agree for two comparisons, 11 for three to fifteen." in page


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("variants", [1, 2, 5])
def test_a_gate_says_what_scipys_binomial_test_says(margin, variants):
    """At 5% over all comparisons, one-sided; here pandas joins the losses, not our code."""
    rng = np.random.default_rng(variants)
    seen = set()
    for n, shift in itertools.product((4, 6, 9, 12, 30), (-0.5, 0.0, 0.5)):
        a = {f"v{k}": rng.lognormal(0, 1, n) for k in range(variants)}
        b = {
            name: losses * (1 + margin) * np.exp(shift + rng.normal(0, 0.2, n))
            for name, losses in a.items()
        }
        found = judged(a, b, Rule(margin))
        ratios = pd.DataFrame(b) / pd.DataFrame(a)
        for one in found.judgements:
            beyond = int((ratios[one.variant] > 1 + margin).sum())
            assert (one.pairs, one.beyond, one.within) == (n, beyond, n - beyond)
            more, less = (
                stats.binomtest(count, n, alternative="greater").pvalue <= 0.05 / variants
                for count in (beyond, n - beyond)
            )
            assert (one.exceeds, one.holds) == (more, less)
            typical = math.exp(np.log(ratios[one.variant]).median())
            assert one.ratio == pytest.approx((typical, typical))
            seen.add((more, less))
    assert seen == {(True, False), (False, True), (False, False)}


@pytest.mark.parametrize(("n", "variants"), [(5, 1), (8, 1), (3, 2), (3, 3)])
def test_at_most_one_in_twenty_of_all_signs_at_the_edge_fails(n, variants):
    """If B is worse by just the margin in the median, all signs are equally likely."""
    signs = list(itertools.product((-1, 1), repeat=n * variants))
    failed = 0
    for one in signs:
        b = np.exp(EDGE + 0.1 * np.array(one)).reshape(variants, n)
        names = [f"v{k}" for k in range(variants)]
        found = judged(
            {name: [1.0] * n for name in names}, dict(zip(names, b.tolist(), strict=True))
        )
        failed += found.passed is False
    assert failed <= 0.05 * len(signs)
    if variants == 1:  # no rule of counting could fail more of them
        expected = {5: 1, 8: 1 + 8}[n]
        assert failed == expected and expected + math.comb(n, {5: 1, 8: 2}[n]) > 0.05 * 2**n


@pytest.mark.parametrize("level", [0.05, 0.05 / 2, 0.05 / 3, 0.05 / 7])
def test_pairs_of_runs_are_counted_as_scipys_mann_whitney_test_counts_them(level):
    rng = np.random.default_rng(3)
    seen = set()
    for n_a, n_b in [(2, 2), (3, 3), (3, 7), (4, 4), (12, 12), (9, 15), (30, 5)]:
        for shift in (-2.0, 0.0, 0.5, 0.9, 1.5, 3.0):
            a, b = rng.normal(0, 1, n_a), rng.normal(EDGE + shift, 1, n_b)
            variants = round(0.05 / level)
            same = {f"w{k}": [1.0] * 3 for k in range(variants - 1)}
            found = judged(
                {"v": np.exp(a), **same}, {"v": np.exp(b), **same}, Rule(0.1, unpaired=True)
            )
            one = found.judgements[0]
            more, less = (
                stats.mannwhitneyu(b - EDGE, a, alternative=side, method="exact")
                for side in ("greater", "less")
            )
            assert (one.pairs, one.beyond) == (n_a * n_b, more.statistic)
            assert one.exceeds == (more.pvalue <= level * (1 + 1e-9))
            assert one.holds == (less.pvalue <= level * (1 + 1e-9))
            seen.add((one.exceeds, one.holds))
    assert seen == {(True, False), (False, True), (False, False)}


def test_unpaired_ties_and_divergence_count_for_neither_side():
    """The p is that of the order that says least for the decision, of all that break the ties."""
    a, b = [1.0, None, 2.0, None, 1.5], [None, 3.0, None, 1.1 * 2.0, None, 4.0]
    (one,) = judged(a, b, Rule(0.1, unpaired=True)).judgements
    ranked_a, ranked_b = ([math.inf if x is None else x for x in side] for side in (a, b))
    ties = sum(x == y or math.isclose(y, 1.1 * x) for x, y in itertools.product(ranked_a, ranked_b))
    assert one.pairs == 30 and one.beyond + one.within == 30 - ties and ties == 7
    shifted = [x * 1.1 for x in ranked_a]
    least = stats.mannwhitneyu(
        [y if math.isfinite(y) else 100.0 for y in ranked_b],
        [x * (1 + 1e-6) if math.isfinite(x) else 200.0 for x in shifted],
        alternative="greater",
    )
    assert one.beyond == least.statistic
    assert (one.diverged_a, one.runs_a, one.diverged_b, one.runs_b) == (2, 5, 3, 6)


# On a grid, so that no difference comes within the rounding of the margin without meeting it.
LOGS = st.lists(
    st.one_of(st.integers(-300, 300).map(lambda x: x / 100), st.sampled_from([None, 0.0, EDGE])),
    min_size=1,
    max_size=14,
)


@settings(deadline=None)
@given(LOGS, LOGS, st.booleans(), st.booleans())
def test_the_interval_excludes_the_margin_exactly_where_the_count_decides(
    one, other, unpaired, higher
):
    n = min(len(one), len(other))
    a, b = ([None if x is None else math.exp(x) for x in side[:n]] for side in (one, other))
    (found,) = judged(a, b, Rule(0.1, unpaired=unpaired, higher_is_better=higher)).judgements
    low, high = found.interval or (0, math.inf)
    edge, rounding = 1.1, 1 + 2e-9
    if higher:  # as multiples of A's metric, which are then worse where they are small
        low, high = (math.inf if end == 0 else 1 / end for end in (high, low))
    assert found.exceeds == (low > edge * rounding) and found.holds == (high < edge / rounding)
    assert found.beyond + found.within <= found.pairs


@settings(deadline=None)
@given(LOGS, LOGS, st.booleans())
def test_swapping_the_sides_and_turning_the_metric_round_mirror(one, other, unpaired):
    n = min(len(one), len(other))
    a, b = ([None if x is None else math.exp(x) for x in side[:n]] for side in (one, other))
    there, back = (
        judged(*sides, Rule(0.0, unpaired=unpaired)).judgements[0] for sides in ((a, b), (b, a))
    )
    assert (there.beyond, there.within) == (back.within, back.beyond)
    assert (there.diverged_a, there.diverged_b) == (back.diverged_b, back.diverged_a)
    rates = [[None if x is None else 1 / x for x in side] for side in (a, b)]
    turned = judged(*rates, Rule(0.0, unpaired=unpaired, higher_is_better=True)).judgements[0]
    assert (turned.beyond, turned.within, turned.needed) == (
        there.beyond, there.within, there.needed,
    )  # fmt: skip


def test_the_gate_seldom_fails_at_its_edge():
    """Three variants are worse by just the margin in the median, with skewed losses, and diverge
    equally often on both sides. Of 400 gates about 5% fail at most, and more if runs are worse.
    """
    rng = np.random.default_rng(3)
    failed = {1.1: 0, 1.6: 0}
    for ratio, _ in itertools.product(failed, range(400)):
        a, b = (
            {
                name: [
                    None if rng.random() < 0.1 else factor * math.exp(0.3 * rng.exponential())
                    for _ in range(12)
                ]
                for name in "uvw"
            }
            for factor in (1.0, ratio)
        )
        failed[ratio] += judged(a, b).passed is False
    assert stats.binomtest(failed[1.1], 400, 0.05, alternative="greater").pvalue > 0.01
    assert 0 < failed[1.1] < 100 < failed[1.6]


# ------------------------------------------------------------------------------------ cases by hand


def test_a_pair_that_meets_the_margin_exactly_counts_for_neither_side():
    """Whatever the rounding: to the computer, 1.1 * 0.1 is not 0.11."""
    a = [0.1 * (1 + k) for k in range(12)]
    for unpaired in (False, True):
        rule = Rule(0.1, unpaired=unpaired)
        (one,) = judged([0.3] * 12, [0.33] * 12, rule).judgements
        assert (one.beyond, one.within, one.exceeds, one.holds) == (0, 0, False, False)
    (one,) = judged(a, [1.1 * loss for loss in a]).judgements
    assert (one.beyond, one.within) == (0, 0) and one.ratio == pytest.approx((1.1, 1.1))
    for factor, counts in ((1.1 + 1e-6, (12, 0)), (1.1 - 1e-6, (0, 12))):
        (one,) = judged(a, [factor * loss for loss in a]).judgements
        assert (one.beyond, one.within) == counts
    (one,) = judged(a, [1 / 1.1 * x for x in a], Rule(0.1, higher_is_better=True)).judgements
    assert (one.beyond, one.within) == (0, 0)


def test_coinciding_runs_hold_any_margin_but_none_at_all():
    same = {name: [0.5, 0.7, 0.2, None, 0.1, 0.4, 0.3, 0.8, 0.9, 0.6] for name in ("v", "w")}
    for require in (False, True):
        found = judged(same, same, Rule(0.01, require=require))
        assert found.passed and {one.within for one in found.judgements} == {9}
        assert {one.ratio for one in found.judgements} == {(1.0, 1.0)}
    assert judged(same, same, Rule(0.0)).passed is True
    assert judged(same, same, Rule(0.0, require=True)).passed is False


def test_with_half_of_an_even_number_of_pairs_infinite_the_typical_one_lies_between():
    b = [0.5, 0.9, 1.0, 1.2, 1.3, None, None, None, None, None]
    (one,) = judged([1.0] * 10, b).judgements
    assert one.ratio == (pytest.approx(1.3), math.inf) and one.diverged_b == 5
    assert (one.beyond, one.within, one.needed) == (7, 3, 9)
    assert one.interval == (pytest.approx(0.9), math.inf)
    (one,) = judged(b, [1.0] * 10).judgements
    assert one.ratio == (0.0, pytest.approx(1 / 1.3))
    (one,) = judged(b, [1.0] * 10, Rule(0.1, higher_is_better=True)).judgements
    assert one.ratio == (pytest.approx(2.0), math.inf) and (one.beyond, one.within) == (2, 8)


def test_divergence_on_one_side_counts_as_lost_or_won_and_on_both_for_neither():
    a, b = [1.0] * 4 + [None] * 3, [None] * 3 + [1.0, None, None, 0.1]
    (one,) = judged(a, b).judgements
    assert (one.pairs, one.beyond, one.within) == (7, 3, 2)
    assert (one.diverged_a, one.diverged_b) == (3, 5)
    (one,) = judged([None] * 6, [None] * 6).judgements
    assert (one.beyond, one.within, one.needed, one.ratio, one.interval) == (
        0,
        0,
        5 + 1,
        None,
        None,
    )


def test_without_a_status_a_run_without_a_finite_loss_diverged(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("variant,seed,test_loss\nv,0,1\nv,1,nan\nv,2,\nv,3,inf\nv,4,NA\nv,5,2\n")
    (one,) = gate.judge(*compare.read_pair(path, path), TEN).judgements
    assert (one.diverged_a, one.within, one.beyond, one.pairs) == (4, 2, 0, 6)


def test_the_adjustment_is_over_all_variants_of_a():
    """One variant alone fails; beside nine others that did not change, it does not."""
    worse = [2.0] * 7 + [1.0]
    assert judged([1.0] * 8, worse).passed is False
    others = {f"v{k}": [1.0] * 8 for k in range(9)}
    found = judged({"v": [1.0] * 8, **others}, {"v": worse, **others})
    assert found.passed is True and [one.needed for one in found.judgements] == [8] * 10
    named = judged([1.0] * 8, {"v": worse, "later": worse})
    assert named.passed is False and named.only_b == ("later",)


# ------------------------------------------------------------------------------ nothing is left out


def test_a_run_that_would_be_left_out_is_an_error_that_names_it():
    """Once a gate left these out and passed, though B had three times the loss at other seeds."""
    a = {
        "relu": dict.fromkeys(range(10), 0.1),
        "tanh": [0.1] * 8,
        "gelu": [0.1, "failed", 0.1],
        "elu": [0.1] * 3,
        "selu": [0.1] * 8,
    }
    b = {
        "relu": {**dict.fromkeys(range(3), 0.1), **dict.fromkeys([10, 12, 13, 14], 0.3)},
        "tanh": [0.1] * 8,
        "gelu": ["failed", 0.1],
        "selu": [0.1] * 2 + ["failed"] * 5 + [0.1],
    }
    with pytest.raises(UserError) as raised:
        judged(a, b)
    assert raised.value.problems == (
        "a, b: not judged, because --margin leaves no run out; --unpaired allows other seeds",
        "relu: seed 3 to 9 only in A, seed 10, 12 to 14 only in B",
        "gelu: seed 1 failed in A, seed 0 failed in B, seed 2 only in A",
        "elu: only in A",
        "selu: seed 2 to 6 failed in B",
    )
    with pytest.raises(UserError) as raised:
        judged(a, b, Rule(0.1, unpaired=True))
    assert raised.value.problems == (
        "a, b: not judged, because --margin leaves no run out",
        "gelu: seed 1 failed in A, seed 0 failed in B",
        "elu: only in A",
        "selu: seed 2 to 6 failed in B",
    )
    for side in (a, b):
        for name in ("gelu", "elu", "selu"):
            side.pop(name, None)
    (relu, _) = judged(a, b, Rule(0.1, unpaired=True)).judgements
    assert (relu.pairs, relu.beyond, relu.runs_a, relu.runs_b) == (70, 40, 10, 7)


def test_a_table_without_runs_is_an_error_on_either_side():
    with pytest.raises(UserError, match=r"^a: no runs with which B could be compared$"):
        judged({}, {"v": [1.0] * 6})
    with pytest.raises(UserError, match="v: only in A"):
        judged([1.0] * 6, {})


@pytest.mark.parametrize("loss", [0.0, -0.25])
@pytest.mark.parametrize("higher", [True, False])
def test_a_number_that_has_no_ratio_is_no_verdict(loss, higher):
    with pytest.raises(UserError) as raised:
        judged([0.5] * 6, [0.5] * 3 + [loss] * 3, Rule(0.1, "r2", higher_is_better=higher))
    assert raised.value.problems == tuple(
        f"b:{line}: column r2: --margin compares ratios, and {loss:g} is not above 0"
        for line in (5, 6, 7)
    )


def test_a_summary_has_no_seeds_to_count(tmp_path):
    summary = tmp_path / "summary.csv"
    summary.write_text("variant,test_loss\nv,0.1\n")
    with pytest.raises(UserError, match="--margin needs the runs themselves"):
        gate.judge(*compare.read_pair(summary, summary), TEN)


def test_a_run_that_ended_in_order_has_a_number():
    """Otherwise a metric that is missing would count as divergence, and in A as a gain of B."""
    a = table("a", {"v": [1.0] * 6})
    a.cells["default", "v", 2]["test_loss"] = ""
    a.cells["default", "v", 4] |= {"status": "timeout", "test_loss": "nan"}
    with pytest.raises(UserError) as raised:
        judged(a, [1.0] * 6)
    assert raised.value.problems == (
        'a:4: v, seed 2 has the status "ok", but no finite test_loss',
        'a:6: v, seed 4 has the status "timeout", but no finite test_loss',
    )


# --------------------------------------------------------------------- settings and what is learned


def test_other_settings_are_not_comparable_unless_the_user_asks_for_it():
    losses = {"v": [1.0] * 6, "w": [1.0] * 6, "x": [1.0] * 6}
    a = table("a", losses, settings={"v": "1e3", "w": "5", "x": "6"})
    b = table("b", losses, settings={"v": "1000", "w": "5", "x": "7"})
    with pytest.raises(UserError) as raised:
        judged(a, b)
    assert raised.value.problems == (
        "a, b: not comparable, because settings or data are not the same in v; x;"
        " --across-settings compares them nevertheless",
    )
    other = table(
        "b",
        {**losses, "v": dict.fromkeys(range(2, 8), 1.0)},
        settings={"v": "1e3", "w": "5", "x": "7"},
    )
    with pytest.raises(UserError) as raised:  # both reasons at once
        judged(a, other)
    assert "not comparable" in raised.value.problems[0]
    assert "--unpaired allows other seeds" in raised.value.problems[1]
    across = judged(a, b, Rule(0.1, across_settings=True))
    assert across.passed and across.remarks == ("other settings or data in v; x",)
    assert judged(a, a).remarks == judged(a, a, Rule(0.1, across_settings=True)).remarks == ()
    some = table("b", losses, settings={"v": "1e3", "w": "5", "x": "6"})
    some.cells["default", "v", 3]["settings"] = "other"
    with pytest.raises(UserError, match="are not the same in v;"):
        judged(a, some)


@pytest.mark.parametrize(("of_a", "of_b", "sides"), [(1, 0, "B"), (0, 1, "A"), (0, 0, "A and B")])
def test_tables_without_settings_are_compared_with_a_line_that_says_so(of_a, of_b, sides):
    a, b = (
        table(name, {"v": [1.0] * 6}, **({"settings": "s"} if there else {}), run=f"{name}1")
        for name, there in (("a", of_a), ("b", of_b))
    )
    assert judged(a, b).remarks == (
        f"no column settings in {sides}: nothing says whether both have the same settings and data",
    )


@pytest.mark.parametrize(
    ("a", "b", "ceiling", "nothing"),
    [
        ([0.95] * 6, [0.92] * 6, 1.0, True),
        ([0.9] * 6, [0.9] * 6, 1.0, True),
        ([0.89] * 6, [0.92] * 6, 1.0, False),
        ([0.95] * 6, [0.89] * 6, 1.0, False),
        ([0.1] * 3 + [0.99] * 4, [0.95] * 7, 1.0, True),
        ([0.1] * 4 + [0.99] * 3, [0.95] * 7, 1.0, False),
        ([0.85] * 3 + [0.99] * 3, [0.95] * 6, 1.0, False),
        ([0.5] * 6, [0.5] * 6, 0.5, True),
        ([None] * 4 + [0.1] * 2, [0.95] * 6, 1.0, True),
        ([None] * 3 + [0.1] * 3, [0.95] * 6, 1.0, False),
        ([None] * 6, [None] * 6, 1.0, True),
        ([0.95] * 6, [0.95] * 6, 0.0, True),
        ([0.95] * 6, [0.95] * 6, "", False),
    ],
)
def test_a_gate_says_that_nothing_was_learned_and_does_not_pass_with_require(
    a, b, ceiling, nothing
):
    """The median run has learned if half of the runs are below 0.9 of the ceiling."""
    tables = [table(name, {"v": losses}, ceiling=ceiling) for name, losses in (("a", a), ("b", b))]
    for require in (False, True):
        found = judged(*tables, Rule(0.1, require=require))
        (one,) = found.judgements
        assert one.nothing_learned == nothing
        assert ("NOTHING LEARNED" in gate_sentences.sentence(one, found)) == nothing
        if nothing and require:
            assert found.passed is False
            assert gate_sentences.result(found).endswith("nothing was learned in v")
        else:
            assert found.passed == (one.holds if require else not one.exceeds)


def test_whether_runs_learned_depends_on_the_test_loss_whatever_the_metric():
    cells = {"test_loss": "0.99", "ceiling": "1.0"}
    a = table("a", {"v": [0.5] * 6}, "train_loss", **cells)
    (one,) = judged(a, a, Rule(0.1, "train_loss")).judgements
    assert one.nothing_learned and one.holds


# ----------------------------------------------------------------------------------- what is asked


@pytest.mark.parametrize(
    ("text", "expected"), [("10%", 0.1), ("0.1", 0.1), ("0", 0), ("2.5%", 0.025), ("100%", 1)]
)
def test_margins(text, expected):
    assert gate.margin_of(text) == expected


@pytest.mark.parametrize("text", ["", "ten", "-10%", "nan", "inf", "1e400", "10 %", "%"])
def test_what_is_no_margin(text):
    with pytest.raises(UserError, match="write a percentage such as 10%"):
        gate.margin_of(text)


@pytest.mark.parametrize(
    "metric",
    ["accuracy", "val_accuracy", "Accuracy", "auc", "roc_auc", "AUROC", "r2", "test_R2", "score",
     "f1_score", "f1-macro", "val_acc", "recall@5"],
)  # fmt: skip
def test_a_metric_whose_name_says_that_higher_is_better_needs_its_direction(metric):
    with pytest.raises(UserError, match="higher is better; say so with --higher-is-better"):
        gate.direction_of(metric, None)
    assert gate.direction_of(metric, True) is True
    assert gate.direction_of(metric, False) is False


@pytest.mark.parametrize(
    "metric", ["test_loss", "mse", "layer2_loss", "r20", "accident", "facct", "f12", "parameters"]
)
def test_of_any_other_metric_lower_is_better(metric):
    assert gate.direction_of(metric, None) is False
    assert gate.direction_of(metric, True) is True


def test_a_halved_accuracy_fails_and_a_doubled_one_passes():
    good, bad = [0.9, 0.8, 0.95, 0.85, 0.9], [0.45, 0.4, 0.475, 0.42, 0.5]
    rule = Rule(0.1, "accuracy", higher_is_better=True)
    assert judged(good, bad, rule).passed is False and judged(bad, good, rule).passed is True
    (one,) = judged(good, bad, rule).judgements
    assert one.ratio == pytest.approx((0.5, 0.5)) and one.interval[1] < 1 / 1.1


@pytest.mark.parametrize("require", [True, False])
def test_with_too_few_seeds_for_any_other_answer_nothing_is_answered(require):
    """Four seeds of one variant can agree by chance in one case of 16."""
    rule = Rule(0.1, require=require)
    found = judged([1.0] * 4, [0.5] * 4, rule)
    assert found.passed is None and found.seeds_needed == 5
    assert gate_sentences.result(found) == (
        f"not judged: v could not have {'passed' if require else 'failed'}, whatever the numbers;"
        " with 1 comparison it takes 5 seeds"
    )
    two = judged({"v": [1.0] * 5, "w": [1.0] * 6}, {"v": [1.0] * 5, "w": [1.0] * 6}, rule)
    assert two.passed is None and two.seeds_needed == 6
    assert "not judged: v could not have" in gate_sentences.result(two)
    worse = judged({"v": [1.0] * 5, "w": [1.0] * 6}, {"v": [1.0] * 5, "w": [2.0] * 6}, rule)
    assert worse.passed is (None if require else False)
    for n, passed in ((3, True), (2, None)):
        rule = Rule(0.1, require=require, unpaired=True)
        found = judged([1.0] * n, [0.5] * n, rule)
        assert found.passed is passed and found.seeds_needed == 3


# ----------------------------------------------------------------------------------------- in words


def sentences(found):
    return [gate_sentences.sentence(one, found) for one in found.judgements]


def test_sentences_say_what_was_counted():
    a = {name: [1.0] * 6 for name in ("relu", "gelu", "elu", "selu")}
    b = {
        "relu": [2.0, 3.0, 2.5, 4.0, 2.2, None],
        "gelu": [1.0, 0.9, 1.05, 1.01, 0.99, 1.02],
        "elu": [1.0, 1.2, 1.0, 1.3, 1.0, 1.0],
        "selu": [0.5, 0.5, 0.5, None, None, None],
    }
    found = judged({**a, "rare": [1.0]}, {**b, "rare": [9.0], "late": [1.0]}, Rule(0.1))
    assert sentences(found)[4] == (
        "rare: B's test_loss is 9 times A's in a typical pair, above 1.1 times at 1 of 1 seed: too"
        " few to tell, for it takes 7 seeds"
    )
    a = {name: losses * 2 for name, losses in a.items()}
    b = {name: losses * 2 for name, losses in b.items()}
    found = judged(a, b)
    start = "B's test_loss is"
    assert sentences(found) == [
        f"relu: {start} 2.74 times A's in a typical pair (2 to infinite), above 1.1 times at 12 of"
        " 12 seeds (11 needed): WORSE by more than 10%; 2 of 12 runs diverged in B, 0 of 12 in A",
        f"gelu: {start} 1 times A's in a typical pair (0.9 to 1.05), above 1.1 times at 0 of 12"
        " seeds (11 needed): not worse by more than 10%",
        f"elu: {start} 1 times A's in a typical pair (1 to 1.3), above 1.1 times at 4 of 12 seeds"
        " (11 needed): not shown to be worse by more than 10%",
        f"selu: {start} 0.5 to infinite times A's in a typical pair (0.5 to infinite), above 1.1"
        " times at 6 of 12 seeds (11 needed): not shown to be worse by more than 10%; 6 of 12 runs"
        " diverged in B, 0 of 12 in A",
    ]
    assert gate_sentences.result(found) == "failed: B is worse than A by more than 10% in relu"
    found = judged(a, b, Rule(0.1, require=True))
    ends = [sentence.partition("seeds (11 needed): ")[2] for sentence in sentences(found)]
    assert [end.partition(";")[0] for end in ends] == [
        "WORSE by more than 10%", "not worse by more than 10%",
        "MAY BE WORSE by more than 10%", "MAY BE WORSE by more than 10%",
    ]  # fmt: skip
    assert "below 1.1 times at 8 of 12 seeds" in sentences(found)[2]
    assert gate_sentences.result(found) == (
        "failed: B may be worse than A by more than 10% in relu; elu; selu"
    )
    assert gate_sentences.result(judged(a, a, Rule(0.1, require=True))) == (
        "passed: B is nowhere worse than A by more than 10%"
    )
    assert gate_sentences.result(judged(a, a)) == (
        "passed: B is nowhere shown to be worse than A by more than 10%"
    )


def test_an_end_of_an_interval_is_shown_on_its_side_of_the_margin():
    found = judged([1.0] * 6, [1.1004] * 6)
    assert "1.1004 times A's in a typical pair (1.1004 to 1.1004)" in sentences(found)[0]


def test_sentences_of_an_accuracy_of_runs_without_pairs_and_of_nothing():
    rule = Rule(0.25, "accuracy", higher_is_better=True)
    assert sentences(judged([0.8] * 6, [0.4] * 6, rule)) == [
        "v: B's accuracy is 0.5 times A's in a typical pair (0.5 to 0.5), below 1/1.25 times at 6"
        " of 6 seeds (6 needed): WORSE by more than 25%"
    ]
    rule = Rule(0.25, "accuracy", higher_is_better=True, require=True)
    assert "above 1/1.25 times at 6 of 6" in sentences(judged([0.8] * 6, [0.8] * 6, rule))[0]
    found = judged([1.0] * 3, [2.0] * 4, Rule(0.1, unpaired=True))
    assert sentences(found) == [
        "v: B's test_loss is 2 times A's in a typical pair (2 to 2), above 1.1 times at 12 of 12"
        " pairs of runs (12 needed): WORSE by more than 10%"
    ]
    assert found.remarks[-1] == (
        "--unpaired assumes that the losses of A and of B have distributions of the same shape"
    )
    assert sentences(judged([None] * 6, [None] * 6)) == [
        "v: every run diverged; B's test_loss is above 1.1 times at 0 of 6 seeds (6 needed): not"
        " shown to be worse by more than 10%; 6 of 6 runs diverged in B, 6 of 6 in A"
    ]


# -------------------------------------------------------------------------------------- the command


def test_the_command_as_a_gate(tmp_path):
    a = written(tmp_path / "a.csv", table("a", {"relu": [0.1] * 6}, settings="s"))
    good = written(tmp_path / "good.csv", table("b", {"relu": [0.09] * 6}, settings="s"))
    bad = written(tmp_path / "bad.csv", table("b", {"relu": [0.2] * 6}, settings="s"))
    done = call("compare", a, good, "--margin", "10%", cwd=tmp_path)
    assert done.stdout.splitlines() == [
        f"A: {a}",
        f"B: {good}",
        "relu: B's test_loss is 0.9 times A's in a typical pair (0.9 to 0.9), above 1.1 times at 0"
        " of 6 seeds (6 needed): not worse by more than 10%",
        "passed: B is nowhere shown to be worse than A by more than 10%",
    ]
    done = call("compare", a, bad, "--margin", "10%", "--require", cwd=tmp_path, code=1)
    assert done.stdout.splitlines()[-1] == "failed: B may be worse than A by more than 10% in relu"
    options = ("--margin", "0.1", "--json", "--unpaired", "--lower-is-better", "--across-settings")
    content = json.loads(call("compare", a, bad, *options, cwd=tmp_path, code=1).stdout)
    (one,) = content["judgements"]
    assert one["beyond"] == one["pairs"] == 36 and one["needed"] == 29
    assert content["passed"] is False and content["rule"]["unpaired"] is True
    assert one["sentence"].startswith("relu: B's test_loss is 2 times A's")


def test_the_example_of_the_help_passes(tmp_path):
    """Where the runs were trained again and gave the same."""
    (line,) = re.findall(r"Example of a gate: lstm-ablate (.*)", command.compare.__doc__)
    for folder in ("results", "again"):
        (tmp_path / folder / "smoke").mkdir(parents=True)
        written(tmp_path / folder / "smoke" / "runs.csv", table("a", {"v": [0.1] * 12}))
    assert call(*line.split(), cwd=tmp_path).stdout.splitlines()[-1].startswith("passed: ")


def test_the_command_says_how_many_seeds_it_takes(tmp_path):
    few = written(tmp_path / "few.csv", table("a", {"relu": [0.1] * 4}))
    for options in ([], ["--require"]):
        done = call("compare", few, few, "--margin", "10%", *options, cwd=tmp_path, code=2)
        assert "it takes 5 seeds" in done.stderr and "relu: B's test_loss is 1 " in done.stdout
    json_too = call("compare", few, few, "--margin", "10%", "--json", cwd=tmp_path, code=2)
    assert json.loads(json_too.stdout)["passed"] is None


def test_the_command_names_what_it_did_not_judge(tmp_path):
    a = written(tmp_path / "a.csv", table("a", {"relu": [0.1] * 6}))
    b = written(tmp_path / "b.csv", table("b", {"relu": [0.1] * 6, "late\x1b": [0.1] * 2}))
    done = call("compare", a, b, "--margin", "10%", cwd=tmp_path)
    assert "late\\x1b: only in B, and not judged" in done.stdout.splitlines()
    assert re.search("^no column settings in A and B: ", done.stdout, re.MULTILINE)
    done = call("compare", b, a, "--margin", "10%", cwd=tmp_path, code=2)
    assert done.stderr.splitlines()[-1] == "late\\x1b: only in A" and done.stdout == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--margin", "ten"], '--margin: "ten" is not a margin'),
        (["--margin", "10%", "--metric", "tset_loss"], 'no column "tset_loss" to compare. Did you'),
        (["--margin", "10%", "--metric", "accuracy"], "--metric accuracy: by its name, higher is"),
        (["--require"], "--require: only for a gate; give its margin too, such as --margin 10%"),
        (
            ["--unpaired", "--across-settings", "--lower-is-better"],
            "--higher-is-better, --unpaired, --across-settings: only for a gate",
        ),
        (["--margin", "10%", "--require", "--exact"], "are three ways to compare; choose one"),
    ],
)
def test_errors_of_the_command(tmp_path, words, expected):
    a = written(tmp_path / "a.csv", table("a", {"v": [0.1] * 6}, accuracy="0.5"))
    done = call("compare", a, a, *words, cwd=tmp_path, code=2)
    assert expected in done.stderr and done.stdout == ""
