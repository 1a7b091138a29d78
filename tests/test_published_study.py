"""The published studies: their files agree with one another, with today's statistics, and with the
README.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lstm_ablate.experiment import loading

ROOT = Path(__file__).parent.parent
STUDIES = ["relu_vs_tanh", "relu_vs_tanh_vector"]


@pytest.mark.parametrize("name", STUDIES)
def test_the_runs_are_those_that_the_shipped_config_asks_about(name):
    """With two variants more, and without its control. Their ids are of schema 1, and no program of
    today can compute them: the settings can be compared, and whose runs they are.
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
    """A copy, for what is published will be trained anew."""
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


def opening():
    return (ROOT / "README.md").read_text().partition("## Two commands")[0]


def test_the_readme_opens_with_advice_and_then_with_what_they_found():
    text = opening()
    assert text.index("Keep the default, tanh, unless you tune and measure your own") < text.index(
        "Measured with"
    )
    for name, variant in (
        ("relu_vs_tanh", "relu-between"),
        ("relu_vs_tanh", "relu"),
        ("relu_vs_tanh_vector", "relu"),
    ):
        row = pd.read_csv(
            ROOT / "results" / "reference" / name / "summary.csv", index_col="variant"
        ).loc[variant]
        assert f"{row['ratio']:.2f}" in text
        assert re.search(rf"{row['ratio_low']:.2f}\s+to\s+{row['ratio_high']:.2f}", text)
        assert f"results/reference/{name}/figures/intervals.png" in text
    vector = pd.read_csv(
        ROOT / "results" / "reference" / "relu_vs_tanh_vector" / "summary.csv", index_col="variant"
    )
    assert set(vector["verdict"]) == {"baseline", "worse"}  # "every relu variant has more loss"
    assert vector["ratio"].idxmax() == "relu" and round(vector.loc["tanh", "median"], 2) == 0.41
    for picture in re.findall(r"\]\((results/[^)]+)\)", text):
        assert (ROOT / picture).exists()


def test_what_the_readme_says_of_single_epochs_and_seeds_is_in_the_tables():
    """The lowest validation loss so far, as geometric means over the seeds."""
    folder = ROOT / "results" / "reference" / "relu_vs_tanh"
    curves = pd.read_csv(folder / "curves.csv")
    best = curves.pivot(
        index="epoch", columns=["variant", "seed"], values="validation_loss"
    ).cummin()
    ratio = np.exp((np.log(best["relu-between"]) - np.log(best["tanh"])).mean(axis=1))
    assert (ratio.loc[4:17].min().round(1), ratio.loc[4:17].max().round(1)) == (1.5, 3.9)
    assert (ratio.loc[20:] < 1).all() and ratio.loc[19] > 1
    median = best.T.groupby("variant").median().T
    gained = 1 - (median.loc[30] / median.loc[25]) ** (1 / 5)
    assert gained.min() == pytest.approx(0.07, abs=0.005) and gained.max() == pytest.approx(
        0.09, abs=0.005
    )
    losses = pd.read_csv(folder / "runs.csv").pivot(
        index="seed", columns="variant", values="test_loss"
    )
    relu = (losses["relu"] / losses["tanh"]).sort_values()
    assert relu.median() == pytest.approx(0.5, abs=0.02)
    assert [round(ratio) for ratio in relu if ratio > 2] == [4, 8, 12, 211]
