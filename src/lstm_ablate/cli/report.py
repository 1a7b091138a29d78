"""`lstm-ablate report`: rebuilds the derived files, and prints a summary in any format."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstm_ablate.display.printing import console, line_printer
from lstm_ablate.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from lstm_ablate.evidence.summary import Summary


_ENDINGS = {"md": "markdown", "tex": "latex", "htm": "html", "text": "terminal", "txt": "terminal"}


def report(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A results folder.", show_default=False)
    ],
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            help="What to print: terminal, markdown, latex, csv, json, html; several, with commas.",
        ),
    ] = "terminal",
) -> None:
    """Rebuild the derived files of a results folder from its records, and print the table."""
    from lstm_ablate import study as studies
    from lstm_ablate.report.formats import FORMATS

    wanted = formats.split(",")
    for name in wanted:
        if name not in FORMATS:
            hint = did_you_mean(_ENDINGS.get(name.casefold(), name), FORMATS)
            raise UserError(
                f'--format: "{name}" is not a format.{hint}\n  known: {", ".join(FORMATS)}'
            )
    print_summary(studies.report(folder, line_printer()), wanted)


def print_summary(summary: "Summary", formats: list[str]) -> None:
    """Print a summary on standard output, in each of the formats."""
    from lstm_ablate.report.formats import FORMATS
    from lstm_ablate.report.terminal import terminal

    for name in formats:
        render = FORMATS[name]
        if render is None:
            terminal(summary, console(sys.stdout))
        else:
            sys.stdout.write(render(summary))
