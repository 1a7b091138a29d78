"""Tables and lines on a terminal, in a log file or a pipe."""

import io
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lstm_ablate.errors import printable

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 160  # of what is no terminal: wide enough that tables stay whole


def console(stream: Any, *, quiet: bool = False) -> "Console":
    """Return a console for a stream; a message stays on its line."""
    from rich.console import Console

    width = None if stream.isatty() else WIDTH
    return Console(
        file=stream,
        quiet=quiet,
        highlight=False,
        width=width,
        soft_wrap=stream is sys.stderr,
        force_jupyter=False,  # in a notebook, rich would print beside the stream
    )


def printed(show: "Callable[[Console], None]") -> str:
    """Return what a function prints, as it stands in a file."""
    from rich.console import Console

    text = io.StringIO()
    show(
        Console(file=text, highlight=False, width=WIDTH, force_terminal=False, force_jupyter=False)
    )
    return text.getvalue()


def teller(quiet: bool = False) -> Callable[[str], None]:
    """Return what prints a message of one line on standard error, whatever names of others it
    holds.
    """
    to = console(sys.stderr, quiet=quiet)
    return lambda text: to.print(printable(text), markup=False)


def print_lines(lines: Sequence[str], to: "Console | None" = None) -> None:
    """Print lines as they are; on standard output, unless said otherwise."""
    (to or console(sys.stdout)).print("\n".join(lines), markup=False, soft_wrap=True)


def print_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str | None = None,
    to: "Console | None" = None,
) -> None:
    """Print a table of text; on standard output, unless said otherwise."""
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
    """Return lines that steer no terminal and turn no text around."""
    return "\n".join(map(printable, text.split("\n")))
