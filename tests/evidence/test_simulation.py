"""The numbers of docs/statistics.md, held to the levels that they must keep, to closed forms, and
to scipy.
"""

import re

import numpy as np
import pytest
import simulation
import simulation_of_looks as of_looks
from scipy import stats

from lstm_ablate.evidence import counting, verdicts
from lstm_ablate.evidence.looks import looks

TEXT = simulation.DOCS.read_text()
CELLS = [
    (name, m, n) for name in simulation.DIFFERENCES for m in (1, 4, 10) for n in (6, 10, 20, 30)
]


def table(heading):
    """Return the rows of the table whose first heading this is, as texts."""
    lines = TEXT[TEXT.index(f"| {heading} |") :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]


def errors():
    """Return the shares in the docs by distribution, comparisons and seeds; None where none can."""
    (_, _, *seeds), _, *rows = table("differences | comparisons")
    return {
        (name, int(m), int(n.split()[0])): None
        if cell.startswith("none")
        else [float(share.rstrip("%")) / 100 for share in cell.split(" / ")]
        for name, m, *cells in rows
        for n, cell in zip(seeds, cells, strict=True)
    }


def test_the_table_of_errors_holds_every_cell_and_keeps_what_is_asked():
    found = errors()
    assert list(found) == CELLS
    for (_, m, n), shares in found.items():
        assert (shares is None) == (2 / 2**n > 0.05 / m)
        if shares:
            false, covered, false_at_edge = shares
            assert false <= 0.05 and covered >= 0.95 and false_at_edge <= 0.05


def test_the_errors_are_those_of_coins():
    """There are m comparisons, each of n fair coins of which c are needed. The shares are within 4
    standard errors.
    """
    for (name, m, n), shares in errors().items():
        if shares:
            c = counting.count_needed(n, 0.05 / m)
            expected = 1 - (1 - 2 * stats.binom.sf(c - 1, n, 0.5)) ** m
            error = np.sqrt(expected * (1 - expected) / simulation.EXPERIMENTS)
            assert shares[0] == pytest.approx(expected, abs=4 * error + 5e-4), (name, m, n)
            assert shares[0] + shares[1] == pytest.approx(1, abs=2e-3)


def test_the_table_of_power_is_that_of_the_chance_to_win_a_seed():
    """For normal differences it has a closed form. It grows with seeds and the distance from 1."""
    _, _, *rows = table("differences | true ratio")
    found = {
        (name, float(ratio)): [int(cell[:-1]) for cell in cells] for name, ratio, *cells in rows
    }
    assert list(found) == [(name, r) for name in simulation.DIFFERENCES for r in simulation.RATIOS]
    for sd in (0.1, 0.25):
        for ratio in (0.62, 0.8, 0.9):
            for share, n in zip(found[f"normal, sd {sd}", ratio], (10, 20, 30), strict=True):
                win = stats.norm.cdf(-np.log(ratio) / sd)
                expected = stats.binom.sf(counting.count_needed(n, 0.05 / 4) - 1, n, win)
                assert share / 100 == pytest.approx(expected, abs=0.035)
    for shares in found.values():
        assert shares == sorted(shares)
    for name in simulation.DIFFERENCES:
        by_ratio = [found[name, ratio] for ratio in (0.62, 0.8, 0.9)]
        assert np.all(np.diff(by_ratio, axis=0) <= 0)


def test_the_table_of_counts_is_scipys():
    (_, *seeds, _), _, *rows = table("comparisons | 6 seeds")
    for m, *counts, fewest in rows:
        level = 0.05 / int(m)
        for cell, n in zip(counts, (int(one.split()[0]) for one in seeds), strict=True):
            enough = [c for c in range(n // 2 + 1, n + 1) if stats.binomtest(c, n).pvalue <= level]
            assert cell == (str(enough[0]) if enough else "-")
        assert stats.binomtest(0, int(fewest)).pvalue <= level
        assert stats.binomtest(0, int(fewest) - 1).pvalue > level


@pytest.mark.parametrize("name", simulation.DIFFERENCES)
def test_a_small_simulation_keeps_what_is_asked(name):
    found = simulation.errors(name, 4, 20, experiments=300)
    assert stats.binom.sf(found.false - 1, 300, 0.05) > 1e-4
    assert stats.binom.cdf(found.covered, 300, 0.95) > 1e-4
    assert stats.binom.sf(found.false_at_edge - 1, 300, 0.05) > 1e-4


def shares_of(cell):
    """Return the numbers of a cell of looks, naive peeking and a single look, as shares."""
    return [float(part.split("%")[0]) / 100 for part in cell.split(" / ")]


def test_no_report_with_looks_errs_more_often_than_asked_and_naive_peeking_does():
    """If nothing is equivalent, the level spent is exact; early equivalence only saves errors."""
    _, _, *rows = table("at any look | 1 comparison, no difference")
    assert [name for name, *_ in rows] == list(simulation.DIFFERENCES)
    for name, *cells in rows:
        for m, equal, at_edge in zip((1, 4, 10), cells[:3], cells[3:], strict=True):
            found, peeking, single = shares_of(equal)
            assert max(found, single, *shares_of(at_edge)[::2]) <= 0.05 < peeking
            spent = looks(of_looks.SEEDS, 0.05 / m)[-1].spent
            expected = 1 - (1 - spent) ** m
            error = 4 * np.sqrt(expected * (1 - expected) / of_looks.EXPERIMENTS) + 5e-4
            assert found <= expected + error
            if name == "the published relu, recentred":
                assert found == pytest.approx(expected, abs=error)


def test_looks_save_seeds_and_cost_little_power():
    _, _, *rows = table("right verdict, seeds | true ratio 0.62")
    assert [name for name, *_ in rows] == list(simulation.DIFFERENCES)
    for _, *cells in rows:
        seeds = [int(cell.split(", ")[1].split(" ")[0]) for cell in cells]
        assert seeds[:3] == sorted(seeds[:3]) and seeds[0] >= 10 and seeds[-1] <= 60
        for cell in cells:
            found, _, single = shares_of(cell)
            assert found >= single - 0.02


@pytest.mark.parametrize("name", simulation.DIFFERENCES)
@pytest.mark.parametrize("ratio", [0.8, 1.0, 1.1])
def test_all_at_once_is_one_by_one(name, ratio):
    """A hundred comparisons are judged as a report judges them, look by look, in each design."""
    d = simulation.drawn(name, 1, 60, 100, "one by one") + np.log(ratio)
    for design in of_looks.DESIGNS:
        found, plan = of_looks.stopped(d, design(4)), design(4)
        for k, one in enumerate(d[:, 0].tolist()):
            for n, count in plan:
                judged = verdicts.judge(one[:n], count, 0.1, learned=True, diverged=False)
                if judged.verdict != "inconclusive":
                    break
            assert found.seeds[k, 0] == n
            assert found.better[k, 0] == (judged.verdict == "better")
            assert found.worse[k, 0] == (judged.verdict == "worse")
            assert found.equivalent[k, 0] == (judged.verdict == "practically equivalent")
            assert found.within[k, 0] == judged.within_margin


@pytest.mark.parametrize("name", simulation.DIFFERENCES)
def test_the_differences_have_median_0(name):
    d = simulation.DIFFERENCES[name](np.random.default_rng(1), (100_000,))
    assert abs(np.mean(d < 0) - 0.5) < 4 * 0.5 / np.sqrt(len(d))


def test_the_page_is_what_a_reader_can_check_and_its_figure_is_there():
    assert len(TEXT.splitlines()) <= 210 and simulation.FIGURE.is_file()
    assert f"]({simulation.FIGURE.name})" in TEXT
    hand = re.sub(r"\s+", " ", TEXT)
    ratios = np.sort(np.exp(simulation.published_differences()))
    for text in (
        f"{sum(ratios < 1)} of the thirty pairs of `relu`",
        f"the 8th ratio is {ratios[7]:.3f}",
        f"the 15th times the 16th {np.sqrt(ratios[14] * ratios[15]):.3f}²",
        f"the 23rd {ratios[22]:.3f}",
    ):
        assert text in hand
