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
    problems = [finding for finding in findings if finding.problem]
    if as_json:
        content = {"ok": not problems, "findings": [asdict(finding) for finding in findings]}
        print(json_text(content))
    else:
        rows = [[finding.what, visible(finding.found)] for finding in findings]
        print_table(["what", "found"], rows)
        lines = [f"{finding.what}: {finding.found}: {finding.problem}" for finding in problems] or [
            "nothing is wrong"
        ]
        print_lines([visible("\n".join(lines))])
    if problems:
        raise typer.Exit(FOLDER)
