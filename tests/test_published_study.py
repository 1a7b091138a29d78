"""The published studies: their files agree with one another, with today's statistics, and with the README."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lstm_ablate import experiment, runs

ROOT = Path(__file__).parent.parent
STUDIES = ["relu_vs_tanh", "relu_vs_tanh_vector"]


@pytest.mark.parametrize("name", STUDIES)
def test_the_runs_are_those_of_the_shipped_config(name):
    table = pd.read_csv(ROOT / "results" / "reference" / name / "runs.csv", dtype={"run": str})
    one = experiment.load(ROOT / "configs" / f"{name}.yaml", ("seeds=30",))
    assert table["run"].tolist() == [run.id for run in runs.expand(one)]
    again = experiment.load(ROOT / "results" / "reference" / name / "experiment.yaml")
    assert [run.id for run in runs.expand(again)] == table["run"].tolist()


@pytest.mark.parametrize("name", STUDIES)
def test_the_summary_is_that_of_the_runs(name):
    folder = ROOT / "results" / "reference" / name
    table, summary = pd.read_csv(folder / "runs.csv"), pd.read_csv(folder / "summary.csv", index_col="variant")
    losses = table.pivot_table(index="seed", columns="variant", values="test_loss")
    curves = pd.read_csv(folder / "curves.csv")
    assert len(curves) == 30 * len(table) and (table["status"] == "ok").all()
    for variant, row in summary.iterrows():
        assert row["median"] == pytest.approx(losses[variant].median(), rel=1e-12)
        if variant == "tanh":
            continue
        paired = stats.ttest_rel(np.log(losses[variant]), np.log(losses["tanh"])).confidence_interval()
        assert row["ratio"] == pytest.approx(stats.gmean(losses[variant] / losses["tanh"]), rel=1e-9)
        assert [row["ratio_low"], row["ratio_high"]] == pytest.approx(np.exp([paired.low, paired.high]), rel=1e-9)


def test_the_readme_opens_with_what_they_found():
    opening = (ROOT / "README.md").read_text().partition("## Two commands")[0]
    for name, variants in (
        ("relu_vs_tanh", {"relu-between": "better", "relu-output": "better", "relu": "inconclusive"}),
        ("relu_vs_tanh_vector", {"relu": "worse"}),
    ):
        summary = pd.read_csv(ROOT / "results" / "reference" / name / "summary.csv", index_col="variant")
        for variant, verdict in variants.items():
            row = summary.loc[variant]
            assert row["verdict"] == verdict
            assert f"{row['ratio']:.2f}" in opening
            if variant != "relu-output":
                assert f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f}" in opening
        assert f"results/reference/{name}/figures/intervals.png" in opening
    vector = pd.read_csv(ROOT / "results" / "reference" / "relu_vs_tanh_vector" / "summary.csv")
    assert set(vector["verdict"]) == {"baseline", "worse"}  # "every one of these is worse"
    assert vector.loc[vector["variant"] != "tanh", "ratio"].idxmax() == vector.index[vector["variant"] == "relu"][0]
    for picture in re.findall(r"\]\((results/[^)]+)\)", opening):
        assert (ROOT / picture).exists()
