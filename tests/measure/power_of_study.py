"""What configs/fair.yaml can find, at the spread of its pilot: the table of docs/study.md.

The pilot trained tanh and a ReLU between the layers at one learning rate, with eight seeds of its
own, in every task of the study. Its runs are in tests/data/pilot.csv. The spread of a comparison is
the standard deviation, over the seeds, of the difference of the log losses. Normal differences of
that spread go through the looks of the study, with as many comparisons and the margin that it has.
"""

import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from simulation import write
from simulation_of_looks import stopped

from lstm_ablate.evidence import stopping
from lstm_ablate.experiment import loading

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "study.md"
CONFIG = ROOT / "configs" / "fair.yaml"
PILOT = ROOT / "tests" / "data" / "pilot.csv"
EXPERIMENTS = 20_000
SPREADS = (0.15, 0.2, 0.25, 0.3, 0.4, 0.6)  # shown beside those of the pilot


def spreads():
    """Return, by task, the spread of tanh's log losses, and that of the differences from it."""
    table = pd.read_csv(PILOT)
    logs = np.log(table.pivot(index="seed", columns=["task", "variant"], values="test_loss"))
    return {
        task: (
            logs[task, "tanh"].std(),
            (logs[task, "relu-between"] - logs[task, "tanh"]).std(),
        )
        for task in table["task"].unique()
    }


def chances(spread):
    """Return the chance of "practically equivalent" if the typical ratio is 1, the chance of
    "better" if it is 0.8, and the mean number of seeds of both.
    """
    experiment = loading.load(CONFIG)
    design = [(look.seeds, look.count) for look in stopping.planned(experiment)]
    edge = math.log1p(experiment.margin)
    rng = np.random.default_rng(0)
    d = rng.normal(0, spread, (EXPERIMENTS, 1, design[-1][0]))
    equal, lower = (stopped(d + math.log(ratio), design, edge) for ratio in (1, 0.8))
    return (
        float(equal.equivalent.mean()),
        float(equal.seeds.mean()),
        float(lower.better.mean()),
        float(lower.seeds.mean()),
    )


def table_of_chances():
    """Return the lines of the table: a row for each task of the pilot, and for other spreads."""
    heads = (
        "the spread of",
        "tanh's log losses",
        "the differences",
        "equivalent, if the ratio is 1",
        "better, if it is 0.8",
    )
    lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(heads) - 1)]
    rows = [(f"`{task}`", f"{of_tanh:.2f}", of_d) for task, (of_tanh, of_d) in spreads().items()]
    for name, of_tanh, of_d in [*rows, *(("none of them", "", spread) for spread in SPREADS)]:
        equal, equal_seeds, lower, lower_seeds = chances(of_d)
        cells = (
            f"{100 * equal:.0f}%, {equal_seeds:.0f} seeds",
            f"{100 * lower:.0f}%, {lower_seeds:.0f} seeds",
        )
        lines.append(f"| {name} | {of_tanh} | {of_d:.2f} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    write({"chances": table_of_chances()}, DOCS)
    print(DOCS, file=sys.stderr)
