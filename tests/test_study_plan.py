"""The page of the study says what its config asks for, and what its pilot gave."""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lstm_ablate.evidence import counting, stopping
from lstm_ablate.experiment import loading

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "measure"))
import power_of_study  # noqa: E402

PLAN, *_ = (ROOT / "docs" / "study.md").read_text().partition("## What came out")
TEXT = " ".join(PLAN.split())
STUDY = loading.load(ROOT / "configs" / "fair.yaml")


def rows(*cells):
    """Return the rows of the page that match these patterns, each a tuple of what they capture."""
    return re.findall(r"^\| " + r" \| ".join(cells), PLAN, re.M)


def test_the_tables_name_the_variants_and_the_tasks():
    assert rows(r"`([\w-]+)` \|") and rows(r"`([a-z-]+)`", ".*?", ".* \\|$")
    assert tuple(rows(r"`((?:tanh|relu|linear)[a-z-]*)`")) == STUDY.variants
    found = rows(r"`([\w-]+)`", "(.*?)", r"`\[(\d+), (\d+)\]`, (.*?)", r"(\d+)", ".*")
    assert tuple(name for name, *_ in found) == STUDY.tasks
    waves = "square waves"
    for task, data, first, second, passed, epochs in found:
        one = STUDY.settings[task, "tanh"]
        assert one.model.encoder == (int(first), int(second))
        assert one.model.decoder == one.model.encoder[::-1]
        assert (data == waves) == (one.data.family == "square")
        assert ("last output" in passed) == (one.model.latent == "vector")
        assert one.training.epochs == int(epochs)
        assert one.data.samples.model_dump() == {"train": 1024, "validation": 256, "test": 1024}


def test_it_says_how_verdicts_are_reached():
    *_, last = looks = stopping.planned(STUDY)
    assert STUDY.comparisons == 30 and "make 30 comparisons" in TEXT and last.seeds == 60
    counts = [(look.count, look.seeds) for look in looks if look.count is not None]
    assert counts[0] == (18, 20) and "At 10 seeds no verdict is possible" in TEXT
    assert re.search(
        "takes 18 wins, or losses, of 20 seeds, "
        + ", (?:or )?".join(f"{count} of {n}" for count, n in counts[1:]),
        TEXT,
    )
    assert STUDY.margin == 0.25 and "**Margin.** 25%" in TEXT
    rates = ", ".join(f"{value:g}" for value in STUDY.tuning.grid[:-1])
    assert f"tries {rates} and {STUDY.tuning.grid[-1]:g} with five seeds" in TEXT
    assert len(STUDY.tuning.seeds) == 5 and counting.LEVEL == 0.05
    assert len(STUDY.tuning.below) == len(STUDY.tuning.above) == 2
    assert "up to two times a side" in TEXT


def test_the_chances_are_those_of_the_pilot():
    """Spreads by NumPy; without a spread all end at 20 seeds, and SciPy says how often wrongly."""
    table = pd.read_csv(ROOT / "tests" / "data" / "pilot.csv")
    shown = {
        name: (float(of_tanh), float(of_d))
        for name, of_tanh, of_d in rows(r"`([\w-]+)`", r"([\d.]+)", r"([\d.]+)", r"\d+%, ")
    }
    assert tuple(shown) == STUDY.tasks
    for task, (of_tanh, of_d) in shown.items():
        losses = table[table["task"] == task].pivot(
            index="seed", columns="variant", values="test_loss"
        )
        tanh, between = np.log(losses["tanh"]), np.log(losses["relu-between"])
        assert (of_tanh, of_d) == (
            pytest.approx(np.std(tanh, ddof=1), abs=0.005),
            pytest.approx(np.std(between - tanh, ddof=1), abs=0.005),
        )
    assert not set(table["seed"]) & set(STUDY.looks)
    equal, equal_seeds, lower, lower_seeds = power_of_study.chances(1e-6)
    assert (lower, lower_seeds, equal_seeds) == (1, 20, 20)
    assert equal == pytest.approx(1 - 2 * stats.binom.sf(17, 20, 0.5), abs=0.001)
