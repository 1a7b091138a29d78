"""One summary as a terminal table, Markdown, LaTeX, CSV or JSON, and the derived files of a results folder."""

import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lstm_ablate.evidence.analysis import OVERALL, Row, Summary
from lstm_ablate.evidence.paired import Estimate
from lstm_ablate.evidence.sentences import interval, p_value
from lstm_ablate.experiment.loading import Experiment
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.yaml_source import dump
from lstm_ablate.report import page, plots
from lstm_ablate.report.json_text import json_text
from lstm_ablate.store import files, inventory, tables
from lstm_ablate.store.records import Record

NOTHING = "-"
_WIDE = 110  # columns of a terminal on which formulas fit into the table


def write(
    folder: Path,
    experiment: Experiment,
    runs: list[Run],
    records: dict[str, Record],
    summary: Summary | None,
) -> None:
    """Write every file of a results folder that is derived from its records.

    The same records give the same bytes, whenever and in whatever order they came about, but for what report.html says
    of time and environment. Without a summary, which of many runs takes seconds, only the tables of runs are written,
    and what an earlier summary gave is removed.
    """
    figures = inventory.figures(folder)  # of earlier tasks too, as long as experiment.yaml names them
    files.replace(folder / "experiment.yaml", resolved_yaml(experiment))
    files.replace(folder / "runs.csv", _csv(tables.runs_table(runs, records)))
    files.replace(folder / "curves.csv", _csv(tables.curves_table(runs, records)))
    files.replace(folder / "timings.csv", _csv(tables.timings_table(runs, records)))
    if summary is None:
        for name in ("summary.csv", "report.md", "report.html"):
            (folder / name).unlink(missing_ok=True)
    else:
        files.replace(folder / "summary.csv", _csv(summary.table()))
        files.replace(folder / "report.md", markdown(summary))
        figures -= _write_page(folder, summary)
    for path in figures:
        path.unlink(missing_ok=True)


def _write_page(folder: Path, summary: Summary) -> set[Path]:
    """Write report.html and the figures, as SVG and PNG; return where the figures lie."""
    (folder / "figures").mkdir(exist_ok=True)
    pictures = []
    for name, caption, figure in plots.figures(summary):
        pictures.append(page.Picture(name, caption, plots.svg(name, figure)))
        files.replace(folder / "figures" / f"{name}.svg", pictures[-1].svg)
        files.replace(folder / "figures" / f"{name}.png", plots.png(figure))
    files.replace(folder / "report.html", _page(summary, pictures))
    return {folder / "figures" / f"{picture.name}.{ending}" for picture in pictures for ending in ("svg", "png")}


def _page(summary: Summary, pictures: Sequence[page.Picture]) -> str:
    main, more = [], []
    for task, rows in _by_task(summary):
        strong = frozenset(index for index, row in enumerate(rows) if row.verdict == "better")
        main.append(page.Table(task, HEADINGS, [cells(row) for row in rows], strong))
        more.append(page.Table(task, ("variant", *STATISTICS), [(row.variant, *statistics(row)) for row in rows]))
    return page.html(
        summary, tables=main, statistics=more, legends=(legend(summary), _STATISTICS_LEGEND), pictures=pictures
    )


def resolved_yaml(experiment: Experiment) -> str:
    """Return the experiment with its defaults filled in, as a config that can be run."""
    return dump(dict(experiment.resolved))


def _csv(table: pd.DataFrame) -> str:
    """Return a table as CSV; floats are written by repr, shortest and exact, and missing values as empty cells."""
    text: str = table.to_csv(index=False, lineterminator="\n")
    return text


def terminal(summary: Summary, console: Console) -> None:
    """Print a table and the verdicts for each task, what went wrong, and what the columns mean."""
    for task, rows in _by_task(summary):
        of = f", {OVERALL}" if task == OVERALL else f", task {task}" if len(summary.tasks) > 1 else ""
        table = Table(title=escape(f"{summary.name}: {_measure(summary, task)} on test{of}"), box=box.SIMPLE_HEAD)
        table.title_justify, table.title_style = "left", "bold"
        narrow = console.width < _WIDE  # the formula and the time then stand below
        for heading in (*HEADINGS, "s/run"):
            if not (narrow and heading in ("formula", "s/run")):
                left = heading in ("variant", "formula", "verdict")
                least = len("practically") if heading == "verdict" else None
                justify: Literal["left", "right"] = "left" if left else "right"
                table.add_column(heading, justify=justify, min_width=least, overflow="fold")
        for row in rows:
            time = _seconds(summary.seconds.get((task, row.variant)))
            variant, formula, *others = cells(row)
            shown = [variant, *others] if narrow else [variant, formula, *others, time]
            table.add_row(*map(escape, shown), style="bold" if row.verdict == "better" else None)
        console.print(table)
        for row in rows:
            if narrow:
                time = _seconds(summary.seconds.get((task, row.variant)))
                console.print(f"  {row.variant}: {row.formula}; {time} s/run", markup=False, soft_wrap=True)
        for row in rows:
            if row.sentence:
                text = f"- {row.sentence}."
                if console.is_terminal:
                    text = textwrap.fill(text, console.width, subsequent_indent="  ", break_on_hyphens=False)
                console.print(text, markup=False, soft_wrap=True)
        console.print()
    for line in (*summary.notes, *summary.troubles):
        console.print(escape(line), style="yellow")
    timed = " s/run: seconds of training, compilation aside."
    console.print(legend(summary) + timed, style="dim", markup=False)


def _seconds(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{seconds:.1f}" if seconds >= 1 else f"{seconds:.2g}"


def markdown(summary: Summary) -> str:
    """Return the report as Markdown. It holds no timings, so reruns give the same bytes."""
    lines = [f"# {_name(summary.name)}", ""]
    if summary.question:
        lines += [_plain(summary.question), ""]
    for task, rows in _by_task(summary):
        if len(summary.tasks) > 1:
            lines += [f"## {'All tasks' if task == OVERALL else f'Task {_name(task)}'}", ""]
        sentences = [f"- {_name(row.sentence)}." for row in rows if row.sentence]
        lines += [*sentences, ""] if sentences else []
        lines += [f"| {' | '.join(HEADINGS)} |", "|---|---|" + "---:|" * (len(HEADINGS) - 3) + "---|"]
        for row in rows:
            _, formula, *others, verdict = (cell.replace("|", "\\|") for cell in cells(row))
            verdict = f"**{verdict}**" if row.verdict == "better" else verdict
            lines.append(f"| {_name(row.variant)} | `{formula}` | {' | '.join(others)} | {verdict} |")
        lines.append("")
    lines += [_name(legend(summary)), ""]
    lines += [f"{_name(note)}\n" for note in summary.notes]
    lines += ["## All statistics", ""]
    for task, rows in _by_task(summary):
        lines += [f"| {' | '.join((_name(task), *STATISTICS))} |", "|---|" + "---:|" * len(STATISTICS)]
        lines += [f"| {' | '.join((_name(row.variant), *statistics(row)))} |" for row in rows]
        lines.append("")
    lines += [_STATISTICS_LEGEND, ""]
    if summary.troubles:
        lines += ["## Diverged and failed runs", "", *(f"- {_plain(trouble)}" for trouble in summary.troubles), ""]
    lines += ["## Settings", "", "```yaml", dump(dict(summary.resolved)).rstrip(), "```", ""]
    lines += ["To do this again, save the settings as `experiment.yaml` and call `lstm-ablate run experiment.yaml`."]
    lines += ["The time that each run took is in `timings.csv`, versions and device in `environment.json`."]
    return "\n".join(lines) + "\n"


def latex(summary: Summary) -> str:
    """Return the tables as LaTeX, for a document that uses the package booktabs."""
    lines = []
    for task, rows in _by_task(summary):
        lines += [f"% {summary.name}, {task}: {_measure(summary, task)} on test; \\usepackage{{booktabs}}"]
        lines += [r"\begin{tabular}{llrrrrl}", r"\toprule", _latex_row(HEADINGS), r"\midrule"]
        for row in rows:
            variant, formula, *others, verdict = map(_latex_text, cells(row))
            verdict = rf"\textbf{{{verdict}}}" if row.verdict == "better" else verdict
            lines.append(" & ".join((variant, rf"\texttt{{{formula}}}", *others, verdict)) + r" \\")
        lines += [r"\bottomrule", r"\end{tabular}"]
        lines += [f"% {row.sentence}" for row in rows if row.sentence]
        lines.append("")
    return "\n".join(lines)


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def _latex_text(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(_latex_text, cells)) + r" \\"


def _plain(text: str) -> str:
    """Return a text that Markdown shows as it is, and takes for no list, rule or heading."""
    return re.sub(
        r"([\\`*_{}\[\]<>#|!~]|^ *[-+=]|^ *[0-9]+[.)])", lambda found: f"{found[0][:-1]}\\{found[0][-1]}", text
    )


def _name(text: str) -> str:
    """Return a name, or a sentence with some, as Markdown shows it: at the end of a word _ is markup."""
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\_", text)


def as_csv(summary: Summary) -> str:
    """Return the summary as CSV, as in summary.csv."""
    return _csv(summary.table())


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


def html(summary: Summary) -> str:
    """Return the report as a web page in one file."""
    drawn = [(name, caption, plots.svg(name, figure)) for name, caption, figure in plots.figures(summary)]
    return _page(summary, [page.Picture(*one) for one in drawn])


FORMATS: dict[str, Callable[[Summary], str] | None] = {
    "terminal": None,
    "markdown": markdown,
    "latex": latex,
    "csv": as_csv,
    "json": as_json,
    "html": html,
}


# ------------------------------------------------------------------------------------------------ cells

HEADINGS = ("variant", "formula", "ok/div/fail", "median [95%]", "ratio [95%]", "p", "verdict")
STATISTICS = ("median [95%]", "mean [95%]", "sd [95%]", "interquartile mean [95%]", "better [95%]", "d_z", "diverged")
_STATISTICS_LEGEND = (
    "Bootstrap intervals (BCa). better: the share of seeds at which the variant does better, ties counted half, "
    "diverged runs as the worst. d_z: the mean of the paired differences of log losses over their standard deviation; "
    "below 0 is better. diverged: the share of the runs. Intervals of shares are exact (Clopper and Pearson)."
)


def _by_task(summary: Summary) -> list[tuple[str, list[Row]]]:
    """Return the rows of each task, then those over all tasks."""
    rows = (*summary.rows, *summary.overall)
    return [(task, [row for row in rows if row.task == task]) for task in dict.fromkeys(row.task for row in rows)]


def _measure(summary: Summary, task: str) -> str:
    return "scaled loss" if task == OVERALL else summary.losses[task]


def cells(row: Row) -> tuple[str, ...]:
    """Return the texts of a row under HEADINGS."""
    counts = f"{row.ok}/{row.diverged}/{row.failed}" + (f" of {row.seeds}" if row.missing else "")
    one = row.comparison
    ratio = estimate(one.ratio) if one else "baseline" if row.verdict == "baseline" else NOTHING
    p = p_value(one.p_holm) if one else NOTHING
    verdict = "" if row.verdict == "baseline" else row.verdict if one and one.finished else NOTHING
    if one and one.within_margin and verdict in ("better", "worse"):
        verdict += " (within margin)"
    return row.variant, row.formula, counts, _median(row), ratio, p, verdict


def _median(row: Row) -> str:
    if row.ok:
        return _of_converged(row.median, row)
    if row.missing == row.seeds:
        return "no run yet"
    if row.diverged:
        return f"all diverged ({row.diverged} of {row.diverged})"
    return f"{row.failed} failed" if row.missing else "all failed"


def _of_converged(one: Estimate | None, row: Row) -> str:
    """Return a statistic of the runs that converged, and of how many where some did not."""
    return estimate(one) + (f" of {row.ok} that converged" if one and row.diverged else "")


def statistics(row: Row) -> tuple[str, ...]:
    """Return the texts of a row under STATISTICS."""
    one = row.comparison
    effect = one.effect if one else None
    diverging = row.diverging
    return (
        _median(row),
        *(_of_converged(one, row) for one in (row.mean, row.sd, row.iqm)),
        estimate(one.better if one else None),
        NOTHING if effect is None else f"{effect:.2f}",
        NOTHING if diverging is None else f"{row.diverged} of {row.ok + row.diverged} [{interval(diverging)}]",
    )


def estimate(one: Estimate | None) -> str:
    """Return a value with its interval, as "1.38 [1.21 to 1.56]"."""
    if one is None:
        return NOTHING
    return f"{one.value:.3g}" + ("" if one.low is None else f" [{interval(one)}]")


def legend(summary: Summary) -> str:
    """Return what the columns mean."""
    ceilings = {row.task: row.ceiling for row in summary.rows if row.ceiling is not None}
    means = ", ".join(f"{value:.3g}" + (f" ({task})" if len(ceilings) > 1 else "") for task, value in ceilings.items())
    low, high = summary.band
    return (
        f"Reconstruction loss ({', '.join(dict.fromkeys(summary.losses.values()))}) on test windows, over the runs "
        "that converged; lower is better, 0 is a perfect reconstruction"
        + (f", predicting the mean gives {means}" if means else "")
        + f". div: diverged. ratio: geometric mean of the loss over {summary.baseline}'s at the same seeds, below 1 is "
        f"better; {low:.3g} to {high:.3g} counts as equivalent. p: exact sign-flip test, Holm-adjusted."
        + (" Over all tasks losses are scaled: predicting the mean gives 1." if summary.overall else "")
    )
