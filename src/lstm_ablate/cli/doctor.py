"""`lstm-ablate doctor`: looks for what could go wrong."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lstm_ablate.cli.options import FOLDER, AsJson
from lstm_ablate.display.printing import print_lines, print_table, visible
from lstm_ablate.report.json_text import json_text


def doctor(
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="A results folder.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look for what could go wrong: versions, device, threads, and a results folder with its
    records.
    """
    from lstm_ablate.checks import doctor as doctors

    findings = doctors.examine(folder)
    problems = [one for one in findings if one.problem]
    if as_json:
        content = {"ok": not problems, "findings": [asdict(one) for one in findings]}
        print(json_text(content))
    else:
        print_table(["what", "found"], [[one.what, visible(one.found)] for one in findings])
        lines = [f"{one.what}: {one.found}: {one.problem}" for one in problems] or [
            "nothing is wrong"
        ]
        print_lines([visible("\n".join(lines))])
    if problems:
        raise typer.Exit(FOLDER)
