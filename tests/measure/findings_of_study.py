"""What configs/fair.yaml and relu_vs_tanh_tuned.yaml gave: the tables and the figure of
docs/study.md and docs/question.md.

A finished study is published by hand: its derived files are copied to results/reference/, and this
program then writes the tables anew. It reads what is published alone.
"""

import shutil
import sys
from pathlib import Path

import pandas as pd
from simulation import write

from lstm_ablate.evidence.typical import Typical
from lstm_ablate.report.cells import typical

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "study.md"
STUDY = ROOT / "results" / "reference" / "fair"
AFTER = ROOT / "results" / "reference" / "relu_vs_tanh_tuned"
HEADS = (
    "variant",
    "rate",
    "typical loss",
    "its ratio to tanh's in a typical pair",
    "less than tanh's",
    "failures",
    "verdict",
)


def rates(folder=STUDY):
    """Return the chosen learning rate of each task and variant."""
    tuning = pd.read_csv(folder / "tuning.csv")
    return tuning[tuning["chosen"]].groupby(["task", "variant"])["value"].first()


def span(row, name):
    """Return a typical value with its interval, where it has one."""
    ends = row[f"{name}_low"], row[f"{name}_high"]
    return typical(Typical((row[name], row[name]), None if pd.isna(ends[0]) else ends))


def failures(row):
    """Return how many runs diverged, ended far above the typical loss, or have not learned."""
    kinds = (("diverged", "diverged"), ("stuck", "far above"), ("not_learned", "not learned"))
    found = [(row[name], what) for name, what in kinds]
    return ", ".join(f"{count:g} {what}" for count, what in found if count > 0) or "-"


def verdict(row):
    """Return a verdict as the table of a report has it."""
    if row["verdict"] == "baseline":
        return ""
    early = "still learning: " * int(row["unfinished"])
    strong = "**" * (row["verdict"] in ("better", "worse", "practically equivalent"))
    return f"{early}{strong}{row['verdict']}{strong}"


def table_of(task, summary, chosen):
    """Return the lines of one task: a row for each variant, and then the references."""
    rows = summary[summary["task"] == task]
    lines = [f"| {' | '.join(HEADS)} |", "|---|" + "---:|" * 5 + "---|"]
    for _, row in rows.iterrows():
        pairs = "-" if row["verdict"] == "baseline" else f"{row['wins']:g} of {row['pairs']:g}"
        ratio = "-" if row["verdict"] == "baseline" else span(row, "ratio")
        cells = (
            f"`{row['variant']}`",
            f"{chosen[task, row['variant']]:g}",
            span(row, "loss"),
            ratio,
            pairs,
            failures(row),
            verdict(row),
        )
        lines.append(f"| {' | '.join(cells)} |")
    base = rows[rows["verdict"] == "baseline"].iloc[0]
    said = f"Predicting the mean of the test windows gives {base['ceiling']:.3g}"
    code = f"; the best linear code of the same size {base['linear']:.3g}" * int(base["linear"] > 0)
    return [*lines, "", f"{said}{code}."]


def overview():
    """Return the lines of the table of all verdicts, as the published report has it."""
    report = (STUDY / "report.md").read_text()
    return report.partition("## Overview\n\n")[2].partition("\n\n")[0].splitlines()


def tables():
    """Return the tables of the page, each by the name of its place."""
    summary, chosen = pd.read_csv(STUDY / "summary.csv"), rates()
    after = table_of("default", pd.read_csv(AFTER / "summary.csv"), rates(AFTER))
    return {
        "overview": overview(),
        **{
            f"findings in {task}": table_of(task, summary, chosen)
            for task in summary["task"].unique()
            if task != "all tasks"
        },
        "findings after the study": after,
    }


if __name__ == "__main__":
    parts = tables()
    write(parts, DOCS)
    write({"overview": parts["overview"]}, ROOT / "docs" / "question.md")
    shutil.copy(STUDY / "figures" / "intervals.png", ROOT / "docs" / "study.png")
    print(DOCS, file=sys.stderr)
