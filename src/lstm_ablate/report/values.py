"""A summary as CSV and as JSON, for other programs."""

from dataclasses import asdict
from typing import Any

from lstm_ablate.evidence.summary import Summary
from lstm_ablate.evidence.tuning import Tuned
from lstm_ablate.report.json_text import json_text
from lstm_ablate.store.tables import csv_text


def as_csv(summary: Summary) -> str:
    """Return the summary as CSV, with the content of summary.csv."""
    return csv_text(summary.table())


def as_json(summary: Summary) -> str:
    """Return the summary as JSON, in which an infinite number is null."""
    content = {
        "name": summary.name,
        "question": summary.question,
        "baseline": summary.baseline,
        "margin": summary.margin,
        "level": summary.level,
        "comparisons": summary.comparisons,
        "looks": [{"seeds": look.seeds, "needed": look.count} for look in summary.looks],
        "least_seeds": summary.least_seeds,
        "losses": dict(summary.losses),
        "references": dict(summary.references),
        "diagnoses": dict(summary.diagnoses),
        "rows": [
            {**asdict(row), "seconds_per_run": summary.seconds.get((row.task, row.variant))}
            for row in (*summary.rows, *summary.overall)
        ],
        "by_epoch": [
            {"task": task, "variant": variant, **asdict(ratios)}
            for (task, variant), ratios in summary.ratios.items()
        ],
        "tuning": [_of_tuned(summary, tuned) for tuned in summary.tuned],
        "notes": list(summary.notes),
        "troubles": list(summary.troubles),
    }
    return json_text(content) + "\n"


def _of_tuned(summary: Summary, tuned: Tuned) -> dict[str, Any]:
    trials = [
        {
            "value": trial.value,
            "loss": trial.loss,
            "ended": len(trial.losses),
            "diverged": trial.diverged,
            "failed": trial.failed,
            "missing": trial.missing,
        }
        for trial in tuned.trials
    ]
    return {
        "task": tuned.task,
        "variant": tuned.variant,
        "tuned": summary.tuned_name,
        "trials": trials,
        "chosen": tuned.chosen,
        "edge": tuned.edge,
        "stays": tuned.stays,
        "without": dict(tuned.without),
    }
