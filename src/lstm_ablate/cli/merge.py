"""`lstm-ablate merge`: makes one results folder of the parts of an experiment."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstm_ablate.cli.options import FAILED_RUNS, FOLDER, AsJson
from lstm_ablate.display.printing import line_printer, print_lines, visible
from lstm_ablate.report.json_text import json_text

if TYPE_CHECKING:
    from lstm_ablate.merging import Merged


def merge(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="The results folder of the whole: results/NAME.",
            show_default=False,
        ),
    ],
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="FROM...",
            help="Folders of parts, or archives of such folders (zip, tar.gz).",
            show_default=False,
        ),
    ],
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Do not say what came from where.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Copy what parts of an experiment have trained into one results folder, print the table, and
    say what is missing, with the commands that train it.
    """
    from lstm_ablate import merging
    from lstm_ablate.cli.report import files_of, print_summary

    log = line_printer(quiet)
    merged = merging.merge_parts(folder, sources, log=log, warn=line_printer())
    if as_json:
        print(json_text(_as_json(merged)))
    else:
        print_summary(merged.ran.summary, ["terminal"])
        print_lines([visible("\n".join(_lines(merged)))])
    log(files_of(merged.ran.folder, merged.ran.summary))
    if merged.unusable:
        raise typer.Exit(FOLDER)
    if merged.ran.failed:
        raise typer.Exit(FAILED_RUNS)


def _lines(merged: "Merged") -> list[str]:
    """Return what is said below the table."""
    missing = merged.missing
    if missing is None:
        return [f"{merged.ran.folder}: {merged.state}"]
    lines = [f"{merged.ran.folder}: {merged.state}: {missing.what}"]
    lines += ["to train them here:", f"  {missing.command}"]
    if missing.commands:
        beside = f"beside {merged.ran.folder}"
        lines += [f"or each part on a machine of its own, {beside}, and then merge again:"]
        lines += [f"  {command}" for command in missing.commands]
    return lines


def _as_json(merged: "Merged") -> dict[str, object]:
    missing = merged.missing
    return {
        "folder": str(merged.ran.folder),
        "copied": merged.copied,
        "there": merged.there,
        "conflicts": merged.ran.conflicts,
        "failed": merged.failed,
        "unusable": list(merged.unusable),
        "state": merged.state,
        "missing": len(missing.runs) if missing else 0,
        "command": missing.command if missing else None,
        "commands": list(missing.commands) if missing else [],
    }
