"""A summary on a terminal: tables, verdicts in words, and what to keep in mind."""

import textwrap
from typing import Literal

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lstm_ablate.evidence.summary import Row, Summary
from lstm_ablate.report.cells import (
    HEADINGS,
    beside,
    by_task,
    cells,
    legend_lines,
    looks_text,
    title,
)

_WIDTH = 100  # the most columns that a table takes
_TIMED = (
    "s a run: the seconds of training in the median run, compilation aside, with whatever else the"
    " machine was doing."
)
_LEFT = ("variant", "runs", "verdict")
_WORDS = {
    "runs": "diverged",
    "verdict": "inconclusive",
}  # the longest word of a column, which is never cut


def terminal(summary: Summary, console: Console) -> None:
    """Print a table and the verdicts for each task, what went wrong, and what the columns mean."""
    for task, rows in by_task(summary):
        console.print(_table(summary, task, rows), width=min(console.width, _WIDTH))
        for row in rows:
            variant, formula, *_ = cells(summary, row)
            time = _seconds(summary, row)
            keras = f"; Keras: {row.keras}" if row.keras else ""
            console.print(f"  {variant}: {formula}{keras}{time}", markup=False, soft_wrap=True)
        console.print()
        _print_wrapped(beside(summary, task), console)
        for row in rows:
            if row.sentence:
                _print_wrapped(f"- {row.sentence}", console)
        console.print()
    for line in (*summary.notes, *summary.troubles):
        console.print(escape(line), style="yellow")
    timed = _TIMED if summary.seconds else ""
    for text in filter(None, (*legend_lines(summary), looks_text(summary), timed)):
        console.print(text, style="dim", markup=False, width=min(console.width, _WIDTH))


def _table(summary: Summary, task: str, rows: list[Row]) -> Table:
    """Return the table of a task, without the formulas: they may be long, and stand below it."""
    table = Table(title=escape(title(summary, task)), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.title_justify, table.title_style = "left", "bold"
    headings = [heading for heading in HEADINGS if heading != "formula"]
    for heading in headings:
        justify: Literal["left", "right"] = "left" if heading in _LEFT else "right"
        least = len(_WORDS.get(heading, "")) or None
        table.add_column(heading, justify=justify, min_width=least, overflow="fold")
    for row in rows:
        variant, _, *others = cells(summary, row)
        shown = map(escape, (variant, *map(_folded, others)))
        table.add_row(*shown, style="bold" if row.verdict == "better" else None)
    return table


def _folded(text: str) -> str:
    """Return a cell with a line break before what stands in brackets or after a colon."""
    return text.replace(" (", "\n").replace(")", "").replace(": ", ":\n")


def _print_wrapped(text: str, console: Console) -> None:
    """Print a text, wrapped on a terminal; elsewhere in one line, which a search can find."""
    if console.is_terminal:
        text = textwrap.fill(text, console.width, subsequent_indent="  ", break_on_hyphens=False)
    console.print(text, markup=False, soft_wrap=True)


def _seconds(summary: Summary, row: Row) -> str:
    """Return the training time of a run, without compilation, as text; empty if it is unknown."""
    seconds = summary.seconds.get((row.task, row.variant))
    if seconds is None:
        return ""
    return f"; {seconds:.1f} s a run" if seconds >= 1 else f"; {seconds:.2g} s a run"
