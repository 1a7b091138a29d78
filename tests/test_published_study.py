"""The published studies: their files agree with each other, with today's statistics, and with what
the README and the pages say.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lstm_ablate.evidence import counting
from lstm_ablate.experiment import loading, runs

ROOT = Path(__file__).parent.parent
STUDIES = ["relu_vs_tanh", "relu_vs_tanh_vector"]


@pytest.mark.parametrize("name", STUDIES)
def test_the_runs_are_those_that_the_shipped_config_asks_about(name):
    """The study has two more variants, and does not have the config's control. Its ids are those of
    schema 1, which today's program cannot compute, so settings, variants and seeds are compared.
    """
    folder = ROOT / "results" / "reference" / name
    table = pd.read_csv(folder / "runs.csv", dtype={"run": str})
    shipped = loading.load(ROOT / "configs" / f"{name}.yaml")
    published = loading.load(folder / "experiment.yaml")
    common = set(published.variants) & set(shipped.variants)
    assert common == {"tanh", "relu", "relu-between"} and len(published.seeds) == 30
    for variant in common:
        cell = "default", variant
        assert published.settings[cell] == shipped.settings[cell]
    assert list(table[["task", "variant", "seed"]].itertuples(index=False, name=None)) == [
        ("default", variant, seed) for variant in published.variants for seed in range(30)
    ]
    assert table["run"].is_unique and table["run"].str.fullmatch("[0-9a-f]{16}").all()


@pytest.mark.parametrize("name", STUDIES)
def test_the_tests_of_verdicts_have_these_runs(name):
    """They have a copy, because the published studies will be trained anew."""
    copy = ROOT / "tests" / "data" / "published" / f"{name}.csv"
    assert copy.read_bytes() == (ROOT / "results" / "reference" / name / "runs.csv").read_bytes()


@pytest.mark.parametrize("name", STUDIES)
def test_the_summary_is_that_of_the_runs(name):
    folder = ROOT / "results" / "reference" / name
    table, summary = (
        pd.read_csv(folder / "runs.csv"),
        pd.read_csv(folder / "summary.csv", index_col="variant"),
    )
    losses = table.pivot_table(index="seed", columns="variant", values="test_loss")
    curves = pd.read_csv(folder / "curves.csv")
    assert len(curves) == 30 * len(table) and (table["status"] == "ok").all()
    for variant, row in summary.iterrows():
        assert row["median"] == pytest.approx(losses[variant].median(), rel=1e-12)
        if variant == "tanh":
            continue
        paired = stats.ttest_rel(
            np.log(losses[variant]), np.log(losses["tanh"])
        ).confidence_interval()
        assert row["ratio"] == pytest.approx(
            stats.gmean(losses[variant] / losses["tanh"]), rel=1e-9
        )
        assert [row["ratio_low"], row["ratio_high"]] == pytest.approx(
            np.exp([paired.low, paired.high]), rel=1e-9
        )


# ------------------------------------------------------------------------------------ what docs say


def text_of(name):
    """Return a text in one line; of the README, the part before the commands."""
    text = (ROOT / name).read_text().partition("## Two commands")[0]
    return " ".join(text.split())


def counted(path):
    """Return (wins, losses, median ratio, sorted ratios) against tanh, by variant: by hand."""
    losses = pd.read_csv(path).pivot(index="seed", columns="variant", values="test_loss")
    ratios = losses.div(losses["tanh"], axis=0)
    return {
        name: (
            int((ratios[name] < 1).sum()),
            int((ratios[name] > 1).sum()),
            float(np.exp(np.log(ratios[name]).median())),
            sorted(ratios[name]),
        )
        for name in ratios
        if name != "tanh"
    }


def interval(ratios, c):
    """Return the order statistics that belong to c of n, as a text of the README has them."""
    return f"{ratios[-c]:.2f} to {ratios[c - 1]:.2f}"


def shipped(name):
    return counted(ROOT / "tests" / "data" / "shipped" / name / "runs.csv")


def published(name):
    return counted(ROOT / "results" / "reference" / name / "runs.csv")


def test_the_shipped_runs_are_those_of_the_configs():
    """Settings have ids that every later version computes alike."""
    for name in STUDIES:
        table = pd.read_csv(ROOT / "tests" / "data" / "shipped" / name / "runs.csv")
        one = loading.load(ROOT / "configs" / f"{name}.yaml")
        expected = [(run.variant, run.seed, run.settings_id, run.id) for run in runs.expand(one)]
        columns = ["variant", "seed", "settings", "run"]
        assert list(table[columns].itertuples(index=False, name=None)) == expected
        assert (table["status"] == "ok").all()


def stuck(name, variant):
    """Return how many runs ended far above both typical losses: of their variant, and of all."""
    table = pd.read_csv(ROOT / "tests" / "data" / "shipped" / name / "runs.csv")
    losses = table.loc[table["variant"] == variant, "test_loss"]
    return int((losses > 3 * max(losses.median(), table["test_loss"].median())).sum())


def test_the_readme_opens_with_advice_and_then_with_what_runs_gave():
    text = (ROOT / "README.md").read_text()
    begin = text.index("\n| the loss over that of tanh")
    assert " ".join(text[:begin].split()).count("Keep the default, tanh, unless you tune") == 1
    rows = [row.strip("| ").split(" | ") for row in text[begin:].split("\n\n")[0].splitlines()[3:]]
    assert len(rows) == 3
    for (_, *cells), variant in zip(rows, ("relu", "relu-between", "linear"), strict=True):
        for cell, name in zip(cells, STUDIES, strict=True):
            wins, losses, ratio, ratios = shipped(name)[variant]
            verdict = "better" if wins >= 11 else "worse" if losses >= 11 else "inconclusive"
            far = stuck(name, variant)
            assert cell == (
                f"{ratio:.2f} times ({interval(ratios, 11)}), less at {wins} of 12 seeds:"
                f" **{verdict}**" + f"; far above the typical loss at {far} of 12" * bool(far)
            )
    assert "over 12 seeds" in text and "A verdict takes 11 of the 12 seeds." in text


def test_the_page_of_the_question_has_what_runs_gave():
    text = text_of("docs/question.md")
    assert counting.count_needed(12, 0.05 / 3) == 11 and counting.count_needed(30, 0.05 / 4) == 23
    assert "the same 12 seeds, and a verdict takes 11" in text and "(23 of 30 seeds needed)" in text
    for found, c, n in (
        (shipped("relu_vs_tanh")["relu-between"], 11, 12),
        (shipped("relu_vs_tanh")["relu"], 11, 12),
        (shipped("relu_vs_tanh")["linear"], 11, 12),
        (shipped("relu_vs_tanh_vector")["relu"], 11, 12),
        (shipped("relu_vs_tanh_vector")["relu-between"], 11, 12),
        (shipped("relu_vs_tanh_vector")["linear"], 11, 12),
        (published("relu_vs_tanh")["relu"], 23, 30),
        (published("relu_vs_tanh")["relu-between"], 23, 30),
        (published("relu_vs_tanh_vector")["relu"], 23, 30),
    ):
        wins, losses, ratio, ratios = found
        assert re.search(
            rf"\b{max(wins, losses)} of {n}\b.*\b{ratio:.2f} times.*?"
            rf"\({interval(ratios, c)}\)",
            text,
        ), found
    vector = pd.read_csv(ROOT / "tests" / "data" / "shipped" / "relu_vs_tanh_vector" / "runs.csv")
    tanh = vector.loc[vector["variant"] == "tanh", "test_loss"]
    assert round(tanh.median(), 2) == 0.39 and "it ends at 0.39, where predicting the mean" in text


def test_what_is_said_of_single_epochs_and_seeds_is_in_the_tables():
    table = pd.read_csv(ROOT / "tests" / "data" / "shipped" / "relu_vs_tanh" / "ratios.csv")
    ratio = table.set_index(["variant", "epoch"])["ratio"]
    assert (round(ratio["relu-between", 10], 1), round(ratio["relu", 10])) == (1.6, 12)
    for name in ("README.md", "docs/question.md"):
        text = text_of(name)
        assert "1.6 times the validation loss of tanh in a typical pair" in text
        assert '`activation="relu"` 12 times' in text
    assert ratio["relu-between", 5] > 3 and ratio["relu", 5] > 10  # "far above 1 at first"
    assert all(ratio[variant, 30] < 1 for variant in ("relu", "relu-between", "linear"))
    vector = pd.read_csv(ROOT / "tests" / "data" / "shipped" / "relu_vs_tanh_vector" / "ratios.csv")
    assert (vector.loc[vector["variant"].str.startswith("relu"), "ratio"] > 1).all()
    *most, nine, far = shipped("relu_vs_tanh")["relu"][3]
    assert len(most) == 10 and most[0] > 0.25 and most[-1] < 2 / 3  # "a quarter to two thirds"
    assert (round(nine), round(far, -2)) == (9, 200)


def test_what_the_docs_say_of_single_epochs_is_in_the_published_curves():
    text = text_of("docs/statistics.md")
    curves = pd.read_csv(ROOT / "results" / "reference" / "relu_vs_tanh" / "curves.csv")
    best = curves.pivot(
        index="epoch", columns=["variant", "seed"], values="validation_loss"
    ).cummin()
    ratio = (best["relu-between"] / best["tanh"]).median(axis=1)
    assert (round(ratio[16], 1), round(ratio[30], 1)) == (1.6, 0.6)
    assert "1.6 times the validation loss of tanh at epoch 16, and 0.6 times at epoch 30" in text


def test_the_table_that_is_shown_is_that_of_the_runs():
    """The page has all that is printed, the README as far as the formulas."""
    readme, page = (
        re.search(r"```\n(relu_vs_tanh: mse on test.*?)```", text, re.DOTALL)[1]
        for text in map(Path.read_text, (ROOT / "README.md", ROOT / "docs" / "results.md"))
    )
    assert page.startswith(readme)
    lines = readme.splitlines()
    for variant, (wins, _, ratio, ratios) in shipped("relu_vs_tanh").items():
        place = next(k for k, line in enumerate(lines) if line.split()[:1] == [variant])
        assert f"{ratio:.3g}" in lines[place].split() and f"{wins} of 12" in lines[place]
        assert f"{ratios[1]:.3g} to {ratios[10]:.3g}  11 needed" in lines[place + 1]
    table = lines[: next(k for k, line in enumerate(lines) if line.startswith("  tanh: "))]
    assert max(map(len, table)) <= 100
