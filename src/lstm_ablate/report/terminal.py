"""A summary on a terminal: tables, verdicts in words, and what to keep in mind."""

import textwrap
from typing import Literal

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lstm_ablate.evidence.analysis import OVERALL, Summary
from lstm_ablate.report.cells import HEADINGS, NOTHING, by_task, cells, legend, measure

_WIDE = 110  # columns of a terminal on which formulas fit into the table


def terminal(summary: Summary, console: Console) -> None:
    """Print a table and the verdicts for each task, what went wrong, and what the columns mean."""
    for task, rows in by_task(summary):
        of = (
            f", {OVERALL}"
            if task == OVERALL
            else f", task {task}"
            if len(summary.tasks) > 1
            else ""
        )
        table = Table(
            title=escape(f"{summary.name}: {measure(summary, task)} on test{of}"),
            box=box.SIMPLE_HEAD,
        )
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
                console.print(
                    f"  {row.variant}: {row.formula}; {time} s/run", markup=False, soft_wrap=True
                )
        for row in rows:
            if row.sentence:
                text = f"- {row.sentence}."
                if console.is_terminal:
                    text = textwrap.fill(
                        text, console.width, subsequent_indent="  ", break_on_hyphens=False
                    )
                console.print(text, markup=False, soft_wrap=True)
        console.print()
    for line in (*summary.notes, *summary.troubles):
        console.print(escape(line), style="yellow")
    timed = " s/run: seconds of training, compilation aside."
    console.print(legend(summary) + timed, style="dim", markup=False)


def _seconds(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{seconds:.1f}" if seconds >= 1 else f"{seconds:.2g}"
