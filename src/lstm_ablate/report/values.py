"""A summary for programs that read along: CSV and JSON."""

from dataclasses import asdict

from lstm_ablate.evidence.analysis import Summary
from lstm_ablate.report.json_text import json_text
from lstm_ablate.store.tables import csv_text


def as_csv(summary: Summary) -> str:
    """Return the summary as CSV, as in summary.csv."""
    return csv_text(summary.table())


def as_json(summary: Summary) -> str:
    """Return the summary as JSON."""
    content = {
        "name": summary.name,
        "question": summary.question,
        "baseline": summary.baseline,
        "margin": summary.margin,
        "losses": dict(summary.losses),
        "rows": [
            {**asdict(row), "seconds_per_run": summary.seconds.get((row.task, row.variant))}
            for row in (*summary.rows, *summary.overall)
        ],
        "notes": list(summary.notes),
        "troubles": list(summary.troubles),
    }
    return json_text(content) + "\n"
