"""A file of the user's own data, as `lstm-ablate plan` shows it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lstm_ablate.display.layers import Table
from lstm_ablate.errors import counted, printable

if TYPE_CHECKING:
    from lstm_ablate.training.inputs.description import Description

_SHOWN = 20  # columns of a file, at most


def tables(files: Sequence["Description"], tasks: Sequence[str]) -> Iterator[Table]:
    """Yield a table for each file: its columns, its rows, and the windows of each part."""
    for file in files:
        yield _table(file, tasks)


def _table(file: "Description", tasks: Sequence[str]) -> Table:
    rows = [
        [
            printable(column.name),
            ", ".join(f"{value:g}" for value in column.first),
            f"{column.least:g}",
            f"{column.greatest:g}",
        ]
        for column in file.columns[:_SHOWN]
    ]
    if len(file.columns) > _SHOWN:
        rows.append([f"and {len(file.columns) - _SHOWN} more", "", "", ""])
    what = "feature" if file.is_array else "column"
    headings = [what, "first values", "least", "greatest"]
    return Table(_title(file, tasks), headings, rows)


def _title(file: "Description", tasks: Sequence[str]) -> str:
    """Return the name of a file, its size, and into how many windows each part is cut."""
    name = Path(file.path).name
    if len(tasks) > 1:
        name = f"{', '.join(file.tasks)}: {name}"
    parts = ", ".join(f"{part.windows} {part.name}" for part in file.parts)
    size = f"windows of {counted(file.timesteps, 'time step')}: {parts}"
    if file.is_array:
        windows = sum(part.windows for part in file.parts)
        return f"{name}: {windows} {size}"
    if file.stride != 1:
        size = size.replace(":", f", {file.stride} rows apart:", 1)
    rows = ", ".join(f"{part.rows} {part.name}" for part in file.parts)
    total = sum(part.rows or 0 for part in file.parts)
    return f"{name}: {counted(total, 'row')} ({rows}); {size}"


def as_json(file: "Description") -> dict[str, object]:
    """Return a file as JSON values; an array has no rows, so theirs is null."""
    return {
        "path": file.path,
        "tasks": file.tasks,
        "timesteps": file.timesteps,
        "stride": file.stride,
        "parts": [part._asdict() for part in file.parts],
        "columns": [column._asdict() for column in file.columns],
    }
