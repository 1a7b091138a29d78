"""`lstm-ablate report`: rebuilds the derived files, and gives a summary in any format or for a
paper.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstm_ablate.display.printing import console, line_printer
from lstm_ablate.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from lstm_ablate.evidence.summary import Summary
    from lstm_ablate.study import Findings


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
    variants: Annotated[
        str | None,
        typer.Option(
            "--variants",
            metavar="A,B,...",
            help="Show these variants and the baseline alone, judged as among all.",
            show_default=False,
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures",
            metavar="DIR",
            help="Write the figures there too, as PDF for a paper.",
            show_default=False,
        ),
    ] = None,
    width: Annotated[
        float | None,
        typer.Option(
            "--width",
            metavar="MM",
            min=40,
            max=400,
            help="How wide these PDFs are, in millimetres; 84, a column, by default.",
            show_default=False,
        ),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            "--bundle",
            metavar="FILE.zip",
            help="Write a zip with all that a reviewer needs: records, report, tables, PDFs.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Rebuild the derived files of a results folder from its records, and print the table.

    What is shown of some variants, or written for a paper, changes no file of the results folder.
    """
    from lstm_ablate import study as studies
    from lstm_ablate.evidence import selection
    from lstm_ablate.report.formats import FORMATS

    wanted = formats.split(",")
    for name in wanted:
        if name not in FORMATS:
            hint = did_you_mean(_ENDINGS.get(name.casefold(), name), FORMATS)
            raise UserError(
                f'--format: "{name}" is not a format.{hint}\n  known: {", ".join(FORMATS)}'
            )
    if width is not None and not (figures or bundle):
        raise UserError(
            "--width: is that of the PDFs that --figures DIR or --bundle FILE.zip write"
        )
    if bundle and bundle.suffix.casefold() != ".zip":
        raise UserError(f"--bundle: {bundle}: the name of a bundle ends with .zip")
    if variants is not None and bundle:
        raise UserError(
            "--variants: a bundle holds the whole experiment; write --bundle without it"
        )
    found = studies.read_back(folder, line_printer())
    shown = found.summary
    if variants is not None:
        shown = selection.of_variants(shown, variants.split(","), "--variants")
    print_summary(shown, wanted)
    if figures:
        _write_figures(shown, figures, width)
    if bundle:
        _write_bundle(bundle, folder, found, width)


def _write_figures(summary: "Summary", folder: Path, width: float | None) -> None:
    from lstm_ablate.report import paper

    written = paper.write(summary, folder, width or paper.WIDTH)
    line_printer()(f"{folder}: {', '.join(path.name for path in written) or 'no figure yet'}")


def _write_bundle(path: Path, folder: Path, found: "Findings", width: float | None) -> None:
    from lstm_ablate.report import bundle, paper

    done = bundle.write(
        path, folder, found.summary, found.runs, found.records, width or paper.WIDTH
    )
    there = ", as it was there before" if done.was_there else ""
    line_printer()(f"{path}: {done.files} files in {done.size / 1e6:.1f} MB{there}")


def files_of(folder: Path, summary: "Summary") -> str:
    """Say which files `run` and `merge` write into a results folder."""
    return (
        f"{folder}: runs.csv, curves.csv, summary.csv, ratios.csv,"
        f"{' tuning.csv,' * bool(summary.tuned)} timings.csv, report.md, report.html, figures/"
    )


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
