"""A CSV file as columns of numbers, with every cell that is not a number."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstm_ablate.training.inputs import layout as layouts
from lstm_ablate.training.inputs.layout import Layout

Array = NDArray[np.float64]

_EXAMPLES = 1000  # cells of a column that are kept because they are not numbers, at most


@dataclass
class Odd:
    """The cells of a column that hold no number."""

    missing: list[int] = field(default_factory=list)  # the lines of all missing values
    other: int = 0  # how many other cells hold no number
    examples: list[tuple[int, str]] = field(default_factory=list)  # the first of these, with lines

    def add(self, line: int, cell: str) -> None:
        """Count a cell."""
        if layouts.is_missing(cell):
            self.missing.append(line)
            return
        self.other += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append((line, cell))


@dataclass(frozen=True)
class Table:
    """A CSV as read in a layout: the columns that were asked for, or all of them.

    `rows` [R, F] are NaN where a cell is not a number, and `odd` holds these cells by the place of
    their column among the `names`. `ragged` are the rows with more or fewer cells than the header,
    as (line, cells).
    """

    header: list[str]
    header_line: int
    names: list[str]
    rows: Array
    lines: list[int]
    odd: dict[int, Odd]
    ragged: list[tuple[int, int]]

    @property
    def is_whole(self) -> bool:
        """Whether every row has a number in every column."""
        return not self.odd and not self.ragged


def read(lines: Sequence[str], layout: Layout, columns: Sequence[str] | None, path: Path) -> Table:
    """Return a CSV as read in a layout, with the columns that were asked for or all of them.

    Columns that have neither a name nor a value are left out, and so are rows without a value at
    the end. Both come from separators at the end of lines or below the last row. Raises UserError
    if the file cannot be read as CSV.
    """
    rows = layouts.rows(lines, layout, path)
    header_line, header = next(rows, (layout.skip_rows + 1, []))
    if columns is None:
        chosen = list(range(len(header)))
    else:
        places = {name: place for place, name in enumerate(header)}
        chosen = [places[name] for name in columns]
    number = layouts.number_of(layout.decimal, layout.thousands)
    odd: dict[int, Odd] = {}
    ragged: list[tuple[int, int]] = []
    values: list[list[float | None]] = []
    of_values: list[int] = []
    empty: list[int] = []  # lines of the rows without a value since the last row that had one

    def keep(line: int, row: list[str], numbers: list[float | None]) -> None:
        for index, found in enumerate(numbers):
            if found is None:
                odd.setdefault(index, Odd()).add(line, row[chosen[index]])
        values.append(numbers)
        of_values.append(line)

    nothing: list[float | None] = [None] * len(chosen)
    for line, row in rows:
        if not row:
            continue
        if len(row) != len(header):
            ragged.append((line, len(row)))
            continue
        numbers = [number(row[place]) for place in chosen]
        is_whole = None not in numbers
        if not is_whole and not any(cell.strip() for cell in row):
            empty.append(line)
            continue
        for gap in empty:
            keep(gap, [""] * len(header), nothing)
        empty.clear()
        if is_whole:
            values.append(numbers)
            of_values.append(line)
        else:
            keep(line, row, numbers)
    kept = [
        index
        for index, place in enumerate(chosen)
        if columns is not None
        or header[place].strip()
        or index not in odd
        or odd[index].other
        or len(odd[index].missing) < len(values)
    ]
    array = np.array(values, dtype=np.float64).reshape(len(values), len(chosen))
    return Table(
        header=header,
        header_line=header_line,
        names=[header[chosen[index]] for index in kept],
        rows=array if len(kept) == len(chosen) else array[:, kept],
        lines=of_values,
        odd={new: odd[old] for new, old in enumerate(kept) if old in odd},
        ragged=ragged,
    )


def cells(
    lines: Sequence[str], layout: Layout, places: Sequence[int], path: Path
) -> dict[str, list[str]]:
    """Return some columns of a CSV as text, by name, without the rows that `read` leaves out."""
    rows = layouts.rows(lines, layout, path)
    _, header = next(rows, (1, []))
    found: list[list[str]] = [[] for _ in places]
    kept = [row for _, row in rows if len(row) == len(header)]
    while kept and not any(cell.strip() for cell in kept[-1]):
        kept.pop()
    for column, place in zip(found, places, strict=True):
        column += [row[place] for row in kept]
    return {header[place]: column for place, column in zip(places, found, strict=True)}
