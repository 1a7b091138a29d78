"""Tables made from records of an older schema: a copy of them is kept in a folder of its own."""

import re
from collections.abc import Mapping
from pathlib import Path

from lstm_ablate.store import files

# `runs.csv` comes last: while it is missing, the copy is incomplete, and the next call goes on.
TABLES = (
    "experiment.yaml",
    "environment.json",  # records of schema 1 do not say on which machine they were trained
    "report.html",
    "report.md",
    "timings.csv",
    "tuning.csv",
    "summary.csv",
    "ratios.csv",
    "curves.csv",
    "runs.csv",
)
_RUN = re.compile(rb"\b([0-9a-f]{16})\r?$", re.MULTILINE)  # the last cell of a line


def schema_of_tables(folder: Path, older: Mapping[str, int]) -> int | None:
    """Return the newest older schema among the runs in `runs.csv`, or None if none is older.

    `older` maps each run whose record is of an older schema to that schema.
    """
    try:
        content = files.read(folder / "runs.csv") if older else b""
    except FileNotFoundError:
        return None
    runs = {run.decode() for run in _RUN.findall(content)}
    return max((older[run] for run in runs & older.keys()), default=None)


def keep_tables(folder: Path, older: Mapping[str, int]) -> Path | None:
    """Copy the tables of older records durably, before tables of today's records replace them.

    Return the folder with the copies, such as `schema-1`, or None if there is nothing to keep or
    all of it is kept already. No existing copy is replaced.
    """
    schema = schema_of_tables(folder, older)
    if schema is None:
        return None
    kept = folder / f"schema-{schema}"
    if (kept / "runs.csv").is_file():
        return None
    files.make_folder(kept)
    for name in TABLES:
        if (folder / name).is_file():
            files.publish(kept / name, (folder / name).read_bytes())
    return kept
