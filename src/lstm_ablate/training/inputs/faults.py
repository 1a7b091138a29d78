"""Everything that is wrong with a CSV file, each with its line and with what to write instead."""

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from lstm_ablate.errors import UserError, counted, did_you_mean
from lstm_ablate.experiment.settings import FileData
from lstm_ablate.training.inputs import advice, clock, features, stretches, table
from lstm_ablate.training.inputs import layout as layouts
from lstm_ablate.training.inputs.layout import Layout
from lstm_ablate.training.inputs.table import Table

PARTS = ("training", "validation", "test")
WARNING = "warning: "  # before what a reader should know, and what stops nothing
_SAMPLE = 200  # lines
_SEPARATORS = {"\t": "a tab", " ": "blanks"}


class Fault(NamedTuple):
    """What is wrong, at a line of the file or with all of it."""

    line: int | None
    text: str


def too_short(rows: int, data: FileData) -> list[str]:
    """Return which parts of so many rows are shorter than a window."""
    timesteps, _ = data.window
    return [
        f"the {part} part has {counted(length, 'row')}, fewer than one window of"
        f" {timesteps} time steps (see data.timesteps and data.split)"
        for part, length in zip(PARTS, lengths(rows, data), strict=True)
        if length < timesteps
    ]


def lengths(rows: int, data: FileData) -> tuple[int, int, int]:
    """Return how many of so many rows, or samples, are for training, validation and test."""
    first = round(rows * data.split.train)
    second = round(rows * (data.split.train + data.split.validation))
    return first, second - first, rows - second


def lines_of(path: Path, content: bytes) -> list[str]:
    """Return the lines of a CSV. Raises UserError where it is no text in UTF-8."""
    if content[:4] == b"PK\x03\x04":
        what = "a spreadsheet" if path.suffix.lower() in (".xlsx", ".ods") else "an archive"
        raise UserError(
            f"{path}: this is {what}, not a CSV. Of a spreadsheet save a CSV; of an .npz save the"
            ' array itself: numpy.save("own.npy", numpy.load("own.npz")["name"])'
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        encoding = "UTF-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "WINDOWS-1252"
        raise UserError(
            f"{path}: byte {error.start} is not UTF-8; expected a CSV, or an array in a"
            f" .npy file. A"
            f' spreadsheet saves one as "CSV UTF-8"; a file is converted by'
            f" `iconv -f {encoding} -t UTF-8 {shlex.quote(path.name)} > utf8.csv`"
        ) from None
    return text.splitlines()


def read(data: FileData, lines: Sequence[str]) -> Table:
    """Return the columns of numbers that a CSV holds. Raises UserError with all that is wrong."""
    path = Path(data.path)
    asked = layouts.asked_for(data)
    if not list(_of_header(_header(lines, asked, path), data, asked)):
        found = table.read(lines, asked, data.columns, path)
        if found.is_whole and not features.reasons_of(found, data):
            return found
    faults = list(_faults(lines, data, path))
    raise UserError(*(f"{_place(path, fault)}: {fault.text}" for fault in faults))


def _place(path: Path, fault: Fault) -> str:
    return str(path) if fault.line is None else f"{path}:{fault.line}"


def order(data: FileData, lines: Sequence[str], rows: Sequence[int]) -> clock.Order:
    """Return what the columns that hold times say of the order of the rows."""
    return _order(lines, layouts.asked_for(data), Path(data.path), rows)


def _order(lines: Sequence[str], layout: Layout, path: Path, rows: Sequence[int]) -> clock.Order:
    first = layouts.rows(lines[: layout.skip_rows + 100], layout, path)
    _, header = next(first, (1, []))
    examples = [row for _, row in first if len(row) == len(header)]
    places = clock.candidates(header, examples)
    if not places or len(rows) < 2:
        return clock.Order([], [])
    found = clock.clock_of(table.cells(lines, layout, places, path))
    return clock.order_of(found, rows) if found else clock.Order([], [])


# -------------------------------------------------------------------------------------- all at once


def _faults(lines: Sequence[str], data: FileData, path: Path) -> Iterator[Fault]:
    """Yield what is wrong with a file: how it is written, then what it holds, read in that way."""
    asked = layouts.asked_for(data)
    seems = layouts.seeming(lines, asked)
    layout = seems.layout
    if not seems.named and layout == asked._replace(skip_rows=asked.skip_rows + 1):
        layout = asked  # its names are fewer or more than the cells below them
    yield from _of_layout(asked, layout, seems.named)
    if not seems.named and layout != asked:
        yield from _no_names(_header(lines, layout, path), asked, layout)
        return
    of_header = list(_of_header(_header(lines, layout, path), data, layout))
    if of_header:
        yield from of_header
        return
    found = table.read(lines, layout, data.columns, path)
    examples = [example for odd in found.odd.values() for example in odd.examples]
    if examples:
        places = [found.header.index(name) for name in found.names]
        first = table.cells(lines[: layout.skip_rows + _SAMPLE], layout, places, path)
        cells = [cell for _, cell in examples] + [cell for some in first.values() for cell in some]
        notations = layouts.seeming_notation(cells, layout)
        if notations[0] != (layout.decimal, layout.thousands):
            read = layouts.number_of(*notations[0])
            line, cell = min(
                (example for example in examples if read(example[1]) is not None),
                key=lambda example: example[0],
            )
            yield Fault(line, _of_notation(cell, notations, layout))
            decimal, thousands = notations[0]
            layout = layout._replace(decimal=decimal, thousands=thousands)
            found = table.read(lines, layout, data.columns, path)
    reasons = features.reasons_of(found, data)
    yield from _of_rows(found, reasons)
    if reasons:
        yield Fault(found.header_line, features.refusal(found, reasons, data))
    order = _order(lines, layout, path, found.lines)
    yield from (Fault(*wrong) for wrong in order.wrong)
    yield from (Fault(None, text) for text in too_short(len(found.lines), data))
    # What follows is no error, and would otherwise be said only when all of the above is corrected.
    features_left = [index for index in range(len(found.names)) if index not in reasons]
    names = [found.names[index] for index in features_left]
    held = stretches.in_rows(names, found.rows[:, features_left], found.lines, data.window[0])
    yield from (Fault(line, f"{WARNING}{text}") for line, text in (*order.notices, *held))


def _header(lines: Sequence[str], layout: Layout, path: Path) -> list[str]:
    return next(layouts.rows(lines, layout, path), (1, []))[1]


def _of_layout(asked: Layout, layout: Layout, named: bool) -> Iterator[Fault]:
    if layout.separator != asked.separator:
        by = _SEPARATORS.get(layout.separator, f'"{layout.separator}"')
        write = "tab" if layout.separator == "\t" else json.dumps(layout.separator)
        yield Fault(
            layout.skip_rows + 1,
            f"the columns are separated by {by}; {advice.write('separator', write)}",
        )
    if named and layout.skip_rows != asked.skip_rows:
        line = layout.skip_rows + 1
        what = f"this line names the columns, not line {asked.skip_rows + 1}"
        yield Fault(line, f"{what}; {advice.write('skip_rows', str(layout.skip_rows))}")


def _no_names(row: Sequence[str], asked: Layout, layout: Layout) -> Iterator[Fault]:
    line = layout.skip_rows + 1
    if not row:
        yield Fault(line, "the first line must name the columns; it is empty")
        return
    names = layout.separator.join(f"column{place + 1}" for place in range(min(len(row), 6)))
    more = " and so on" * (len(row) > 6)
    what = "found numbers only" if line == 1 else f"none above line {line} does"
    skip = ""
    if layout.skip_rows != asked.skip_rows:
        skip = f", and {advice.write('skip_rows', str(layout.skip_rows))}"
    yield Fault(
        line,
        f"the first line must name the columns; {what}. Put a line before it in the file, such as"
        f" `{names}`{more}{skip}",
    )


def _of_header(header: Sequence[str], data: FileData, layout: Layout) -> Iterator[Fault]:
    if not header or all(map(layouts.is_value, header)):
        yield from _no_names(header, layout, layout)
        return
    missing = [name for name in data.columns or () if name not in header]
    if missing:
        hint = "".join(
            f" For {json.dumps(name, ensure_ascii=False)}:{near}" if len(missing) > 1 else near
            for name in missing
            if (near := did_you_mean(name, header))
        )
        parts = [part.strip() for part in missing[0].split(",")]
        if len(parts) > 1 and set(parts) <= set(header):
            hint = f" Write a list: {advice.listed(parts)}"
        shown = json.dumps(missing, ensure_ascii=False)[1:-1]
        yield Fault(None, f"no column {shown}; the header has: {', '.join(header)}.{hint}")
    counts = Counter(header)
    twice = [name for name in data.columns or header if counts[name] > 1 and name.strip()]
    if twice:
        yield Fault(layout.skip_rows + 1, f'two columns are named "{twice[0]}"')


def _of_notation(cell: str, notations: Sequence[tuple[str, str | None]], layout: Layout) -> str:
    text = cell.strip()
    writes = [
        " and ".join(
            advice.line_of(key, json.dumps(value))
            for key, value in (("decimal", decimal), ("thousands", thousands))
            if value != getattr(layout, key)
        )
        for decimal, thousands in notations
    ]
    if len(writes) > 1:
        return (
            f'"{text}": if that is {text.replace(",", ".", 1)}, under `data` write {writes[0]}; if'
            f" it is {text.replace(',', '')}, write {writes[1]}"
        )
    decimal, thousands = notations[0]
    what, others = [], ""
    if decimal != layout.decimal:
        what.append("a decimal comma" if decimal == "," else "a decimal point")
    if thousands and thousands != layout.thousands:
        if thousands in text:
            what.append("a thousands separator")
        else:
            others = ", and others have a thousands separator"
    return f'"{text}" has {" and ".join(what)}{others}; under `data` write {writes[0]}'


# ------------------------------------------------------------------------------- rows and columns


def _of_rows(found: Table, reasons: dict[int, str]) -> Iterator[Fault]:
    """Yield the rows that have other cells than the header, and what is missing or no number."""
    if found.ragged:
        line, cells = found.ragged[0]
        at = advice.places([one for one, _ in found.ragged])
        more = f" ({len(found.ragged)} such rows: {at})" if len(found.ragged) > 1 else ""
        due = f"where the header has {len(found.header)}"
        text = f"{counted(cells, 'cell')} {due}{more}; give each row as many, or leave it out"
        yield Fault(line, text)
    odd = {
        index: odd
        for index, odd in sorted(found.odd.items())
        if not features.is_text(index, reasons)
    }
    if any(cells.missing for cells in odd.values()):
        yield _of_missing(found, [index for index, cells in odd.items() if cells.missing], reasons)
    cells_of = {index: cells.examples for index, cells in odd.items() if cells.examples}
    first = found.lines[0] if found.lines else 0
    if len(cells_of) > 1 and all(examples[0][0] == first for examples in cells_of.values()):
        units = ", ".join(f'"{advice.short(examples[0][1])}"' for examples in cells_of.values())
        yield Fault(
            first,
            f"{units} are no numbers. If these are units, take this line out of the file, or"
            f" {advice.write('skip_rows', str(first - 1))}, and they are the names",
        )
        cells_of = {index: examples[1:] for index, examples in cells_of.items()}
    for index, examples in cells_of.items():
        if examples:
            line, cell = examples[0]
            more = f" ({len(examples)} such cells: {advice.places([one for one, _ in examples])})"
            what = f'column "{found.names[index]}": "{advice.short(cell)}" is not a number'
            text = what + more * (len(examples) > 1)
            yield Fault(line, f"{text}; correct it in the file")


def _of_missing(found: Table, gaps: Sequence[int], reasons: dict[int, str]) -> Fault:
    """Say in which rows values are missing, and what can be done."""
    missing = sorted({line for index in gaps for line in found.odd[index].missing})
    names = [found.names[index] for index in gaps]
    whole = [
        name
        for index, name in enumerate(found.names)
        if index not in reasons
        and index not in found.odd
        and stretches.sentinel_of(found.rows[:, index]) is None
    ]
    which = f"column{'s' * (len(names) > 1)} {advice.named(names)}"
    rows = f"{len(missing):,} of {counted(len(found.lines), 'row')} ({advice.places(missing)})"
    ends = [found.lines[0] - 1, *missing, found.lines[-1] + 1]
    before, after = max(pairwise(ends), key=lambda pair: pair[1] - pair[0])
    part = f"lines {before + 1} to {after - 1} are the longest part without a gap"
    write = (
        f"; or {advice.write('columns', advice.listed(whole))}, which"
        f" {'has' if len(whole) == 1 else 'have'} no gap"
        if whole
        else ""
    )
    return Fault(
        missing[0],
        f"{which}: no value in {rows}. Nothing fills the gaps here: fill them in the file, as"
        f" pandas' df.interpolate() does, or keep a part of it ({part}){write}",
    )
