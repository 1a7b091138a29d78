"""Tables and lines on a terminal, in a log file or a pipe."""

import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lstm_ablate.errors import Log, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

WIDTH = 160  # of a file or a pipe: wide enough that tables stay whole


def console(stream: Any, *, quiet: bool = False) -> "Console":
    """Return a console for a stream; on standard error it does not wrap long messages."""
    from rich.console import Console

    is_terminal = stream.isatty()
    return Console(
        file=stream,
        quiet=quiet,
        highlight=False,
        width=None if is_terminal else WIDTH,
        force_interactive=None if is_terminal else False,  # FORCE_COLOR asks for no animation
        soft_wrap=stream is sys.stderr,
        force_jupyter=False,  # in a notebook, rich would print beside the stream
    )


def printed(show: "Callable[[Console], None]") -> str:
    """Return what a function prints on a console, as it would stand in a file."""
    from rich.console import Console

    text = io.StringIO()
    show(
        Console(file=text, highlight=False, width=WIDTH, force_terminal=False, force_jupyter=False)
    )
    return text.getvalue()


def line_printer(quiet: bool = False, to: "Console | None" = None) -> Log:
    """Return a function that prints a message in one line, on standard error or a given console.

    Names that the user or a file chose cannot break that line or steer the terminal. Where a table
    is live on the console, the line comes above it.
    """
    to = to or console(sys.stderr, quiet=quiet)
    return lambda text: to.print(printable(text), markup=False)


def print_lines(lines: Sequence[str], to: "Console | None" = None) -> None:
    """Print lines as they are, on standard output or on a given console."""
    (to or console(sys.stdout)).print("\n".join(lines), markup=False, soft_wrap=True)


def print_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str | None = None,
    to: "Console | None" = None,
) -> None:
    """Print a table of text, on standard output or on a given console."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*map(escape, row))
    (to or console(sys.stdout)).print(table)


def visible(text: str) -> str:
    """Return lines without characters that steer a terminal or turn text around."""
    return "\n".join(map(printable, text.split("\n")))
