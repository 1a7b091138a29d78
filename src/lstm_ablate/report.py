"""One summary as a terminal table, Markdown, CSV or JSON, and the derived files of a results folder."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lstm_ablate import analysis, files
from lstm_ablate.analysis import Row, Summary
from lstm_ablate.experiment import Experiment
from lstm_ablate.records import Record
from lstm_ablate.runs import Run
from lstm_ablate.yaml_source import dump

NOTHING = "-"
_WIDE = 110  # columns of a terminal on which formulas fit into the table


def write(folder: Path, experiment: Experiment, runs: list[Run], records: dict[str, Record], summary: Summary) -> None:
    """Write every file of a results folder that is derived from its records.

    The same records give the same bytes, whenever and in whatever order they came about.
    """
    files.replace(folder / "experiment.yaml", resolved_yaml(experiment))
    files.replace(folder / "runs.csv", _csv(analysis.runs_table(runs, records)))
    files.replace(folder / "curves.csv", _csv(analysis.curves_table(runs, records)))
    files.replace(folder / "timings.csv", _csv(analysis.timings_table(runs, records)))
    files.replace(folder / "summary.csv", _csv(summary.table()))
    files.replace(folder / "report.md", markdown(summary))


def resolved_yaml(experiment: Experiment) -> str:
    """Return the experiment with its defaults filled in, as a config that can be run."""
    return dump(dict(experiment.resolved))


def _csv(table: pd.DataFrame) -> str:
    """Return a table as CSV; floats are written by repr, shortest and exact, and missing values as empty cells."""
    text: str = table.to_csv(index=False, lineterminator="\n")
    return text


def terminal(summary: Summary, console: Console) -> None:
    """Print a table for each task, what went wrong, and what the columns mean."""
    for task in summary.tasks:
        title = f"{summary.name}: {summary.losses[task]} on test" + (f", task {task}" if len(summary.tasks) > 1 else "")
        table = Table(title=escape(title), box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
        narrow = console.width < _WIDE
        for heading in (*_HEADINGS, "s/run"):
            if not (narrow and heading == "formula"):
                table.add_column(heading, justify="left" if heading in ("variant", "formula") else "right")
        rows = [row for row in summary.rows if row.task == task]
        for row in rows:
            seconds = summary.seconds.get((task, row.variant))
            variant, formula, *others = _cells(row, summary.baseline)
            cells = [variant, *([] if narrow else [formula]), *others]
            table.add_row(*map(escape, cells), NOTHING if seconds is None else f"{seconds:.1f}")
        console.print(table)
        if narrow:
            for row in rows:
                console.print(f"  {row.variant}: {row.formula}", markup=False)
    for trouble in summary.troubles:
        console.print(escape(trouble), style="yellow")
    timed = " s/run: seconds of training, compilation aside."
    console.print(_legend(summary, timed), style="dim", markup=False)


def markdown(summary: Summary) -> str:
    """Return the report as Markdown. It holds no timings, so reruns give the same bytes."""
    lines = [f"# {summary.name}", ""]
    for task in summary.tasks:
        if len(summary.tasks) > 1:
            lines += [f"## Task {task}", ""]
        lines += [f"| {' | '.join(_HEADINGS)} |", "|---|---|" + "---:|" * (len(_HEADINGS) - 2)]
        for row in (row for row in summary.rows if row.task == task):
            variant, formula, *others = (cell.replace("|", "\\|") for cell in _cells(row, summary.baseline))
            lines.append(f"| {variant} | `{formula}` | {' | '.join(others)} |")
        lines.append("")
    lines += [_legend(summary), ""]
    if summary.troubles:
        lines += ["## Diverged and failed runs", "", *(f"- {trouble}" for trouble in summary.troubles), ""]
    lines += ["## Settings", "", "```yaml", dump(dict(summary.resolved)).rstrip(), "```", ""]
    lines += ["To do this again, save the settings as `experiment.yaml` and call `lstm-ablate run experiment.yaml`."]
    lines += ["The time that each run took is in `timings.csv`, versions and device in `environment.json`."]
    return "\n".join(lines) + "\n"


def as_csv(summary: Summary) -> str:
    """Return the summary as CSV, as in summary.csv."""
    return _csv(summary.table())


def as_json(summary: Summary) -> str:
    """Return the summary as JSON."""
    content = {
        "name": summary.name,
        "baseline": summary.baseline,
        "losses": dict(summary.losses),
        "rows": [
            {**asdict(row), "seconds_per_run": summary.seconds.get((row.task, row.variant))} for row in summary.rows
        ],
        "troubles": list(summary.troubles),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


FORMATS: dict[str, Callable[[Summary], str] | None] = {
    "terminal": None,
    "markdown": markdown,
    "csv": as_csv,
    "json": as_json,
}

_HEADINGS = ("variant", "formula", "ok/div/fail", "median [quartiles]", "mean ± sd", "ratio")


def _cells(row: Row, baseline: str) -> tuple[str, ...]:
    counts = f"{row.ok}/{row.diverged}/{row.failed}" + (f" of {row.seeds}" if row.missing else "")
    if row.ok == 0:
        nothing = "no run yet" if row.missing == row.seeds else "all diverged" if row.diverged else "all failed"
        return row.variant, row.formula, counts, nothing, NOTHING, NOTHING
    median = f"{_loss(row.median)} [{_loss(row.q1)}, {_loss(row.q3)}]"
    mean = f"{_loss(row.mean)} ± {_loss(row.sd)}"
    ratio = "baseline" if row.variant == baseline else NOTHING if row.ratio is None else f"{row.ratio:.3g}"
    return row.variant, row.formula, counts, median, mean, ratio


def _loss(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3g}"


def _legend(summary: Summary, timed: str = "") -> str:
    paired = sorted({row.paired for row in summary.rows if row.variant != summary.baseline})
    pairs = " to ".join(str(n) for n in dict.fromkeys((paired[0], paired[-1]))) if paired else "0"
    ceilings = {row.task: row.ceiling for row in summary.rows if row.ceiling is not None}
    means = ", ".join(f"{value:.3g}" + (f" ({task})" if len(ceilings) > 1 else "") for task, value in ceilings.items())
    return (
        f"Reconstruction loss ({', '.join(dict.fromkeys(summary.losses.values()))}) on test windows, over the runs "
        "that are ok; lower is better, 0 is a perfect reconstruction"
        + (f", predicting the mean gives {means}" if means else "")
        + f". div: diverged. ratio: geometric mean of the loss over {summary.baseline}'s at the same seeds "
        f"(pairs: {pairs}).{timed}"
    )
