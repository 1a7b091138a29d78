"""How a CSV file is written: what separates its columns, which decimal mark its numbers have, and
which line names the columns.
"""

import csv
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from lstm_ablate.errors import UserError
from lstm_ablate.experiment.settings import FileData

Rows = Sequence[tuple[int, list[str]]]  # each row with its line
Number = Callable[[str], float | None]  # returns the finite number that a cell holds, or None

# What pandas, R, Excel and people write in place of a missing value.
MISSING = frozenset(
    ("", "?", "-", "--", ".", "*", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil")
)

_SEPARATORS = (",", ";", "\t", "|", " ")
# (decimal mark, thousands separator); if two of them fit, the first is taken.
_NOTATIONS = (
    (".", None),
    (",", None),
    (".", ","),
    (",", "."),
    (".", " "),
    (",", " "),
    (".", "'"),
    (",", "'"),
)
_MARKS = ("#", "%", "/", "//")  # these begin a comment
_SAMPLE_LINES = 1000
_SAMPLE_SIGNS = 1_000_000
_SAMPLE_CELLS = 20_000
_CLEARLY = 0.2  # another separator is taken if its score is higher by this much
_WIDE_BLANKS = str.maketrans("\u00a0\u2009\u202f", "   ")


class Layout(NamedTuple):
    """How a CSV is written; the line after the first `skip_rows` lines names the columns."""

    separator: str = ","
    decimal: str = "."
    thousands: str | None = None
    skip_rows: int = 0


def asked_for(data: FileData) -> Layout:
    """Return the layout of a file that the settings ask for."""
    return Layout(data.separator, data.decimal, data.thousands, data.skip_rows)


def rows(lines: Sequence[str], layout: Layout, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield every row with the number of its last line; the row that names the columns is first."""
    skipped = layout.skip_rows
    if layout.separator == " ":
        for number, line in enumerate(lines[skipped:], skipped + 1):
            yield number, line.split()
        return
    reader = csv.reader(lines[skipped:], delimiter=layout.separator)
    try:
        for row in reader:
            yield reader.line_num + skipped, row
    except csv.Error as error:
        raise UserError(f"{path}:{reader.line_num + skipped}: not CSV ({error})") from None


def number_of(decimal: str, thousands: str | None) -> Number:
    """Return the function that reads a cell in a notation, as exactly as Python reads a float."""
    if (decimal, thousands) == (".", None):
        return _number
    group = re.escape(thousands or "")
    grouped = re.compile(rf"[+-]?[0-9]{{1,3}}({group}[0-9]{{3}})+({re.escape(decimal)}[0-9]*)?")

    def number(cell: str) -> float | None:
        text = cell.strip()
        if thousands == " ":
            text = text.translate(_WIDE_BLANKS)
        if thousands and thousands in text:
            if not grouped.fullmatch(text):
                return None
            text = text.replace(thousands, "")
        if decimal == ",":
            if "." in text:
                return None
            text = text.replace(",", ".")
        return _number(text)

    return number


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) and cell.strip().isascii() and "_" not in cell else None


def is_missing(cell: str) -> bool:
    """Return whether a cell says that its value is missing."""
    return cell.strip().casefold() in MISSING


# ------------------------------------------------------------------------------------- as it seems


class Seeming(NamedTuple):
    """How the first lines of a file seem to be written.

    `named` says whether a line names the columns. If none does, the line with the first numbers
    takes its place.
    """

    layout: Layout
    columns: int
    named: bool


def seeming(lines: Sequence[str], asked: Layout) -> Seeming:
    """Return how a file seems to be written: as asked, unless another way is clearly better.

    A separator is judged by two shares, which are multiplied: that of the first lines that it cuts
    into the usual number of cells, and among these cells that of numbers in any notation, dates and
    empty cells. If no line names the columns, the product counts half.
    """
    separators = dict.fromkeys((asked.separator, *_SEPARATORS))
    tried = [_tried(_first(lines), asked, separator) for separator in separators]
    (score, _), as_asked = tried[0]
    (best, _), otherwise = max(tried, key=lambda found: found[0])
    # To every other separator, 1,2 is one number with a decimal comma.
    is_one_number = otherwise.columns < 2 <= as_asked.columns and as_asked.named
    return otherwise if best >= score + _CLEARLY and not is_one_number else as_asked


def _first(lines: Sequence[str]) -> Sequence[str]:
    """Return the first lines, as many as are looked at; if they are long, these are fewer."""
    lengths = accumulate(len(line) for line in lines[:_SAMPLE_LINES])
    return lines[: max(20, sum(length < _SAMPLE_SIGNS for length in lengths))]


def _tried(
    lines: Sequence[str], asked: Layout, separator: str
) -> tuple[tuple[float, int], Seeming]:
    """Return how well a separator cuts lines into columns, and the layout with this separator."""
    with_it = asked._replace(separator=separator, skip_rows=0)
    try:
        found = [(line, row) for line, row in rows(lines, with_it, Path()) if row]
    except UserError:
        return (-1.0, 0), Seeming(with_it._replace(skip_rows=asked.skip_rows), 0, named=True)
    # Comments come first, so the number of columns is taken from the second half.
    widths = Counter(len(row) for _, row in found[len(found) // 2 :])
    columns = widths.most_common(1)[0][0] if widths else 0
    first = next(
        (place for place in range(len(found)) if _begins_values(found[place : place + 5], columns)),
        min(1, len(found)),
    )
    names = _names(found[: max(1, first)], columns, asked.skip_rows)
    first = max(first, 1) if names else first
    header = names or (found[first : first + 1] or [(1, [])])[0][0]
    body = found[first:]
    whole = [row for _, row in body if len(row) == columns]
    kept = whole[: max(20, _SAMPLE_CELLS // max(1, columns))]
    cells = [cell for row in kept for cell in row]
    good = sum(not cell.strip() or is_value(cell) for cell in cells) / max(1, len(cells))
    share = len(whole) / max(1, len(body))
    score = share * good * (1.0 if names else 0.5)
    seems = Seeming(with_it._replace(skip_rows=header - 1), columns, names is not None)
    return (round(score, 2), min(columns, 2)), seems


def _begins_values(following: Rows, columns: int) -> bool:
    """Return whether each row has the usual number of cells, and a value in at least one."""
    return all(len(row) == columns and any(map(is_value, row)) for _, row in following)


def _names(above: Rows, columns: int, skip_rows: int) -> int | None:
    """Return the line that names the columns, among those above the first value.

    It is the one that was asked for, even if a line of units follows it, or otherwise the last.
    """
    asked = [(line, row) for line, row in above if line == skip_rows + 1]
    for line, row in (*asked, above[-1]) if above else ():
        # The last line may begin with a mark, as in #year,co2, but a mark alone names nothing.
        comment = row[0] in _MARKS or (line != above[-1][0] and row[0].startswith(_MARKS))
        if len(row) == columns and not comment and not all(map(is_value, row)):
            return line
    return None


_NUMBER = re.compile(
    r"[+-]?([0-9]{1,3}([.,' \u00a0\u2009\u202f][0-9]{3})+|[0-9]*)([.,][0-9]*)?([eE][+-]?[0-9]+)?"
)
_DATE = re.compile(
    r"[0-9]{1,4}[-/.][0-9A-Za-z]{1,9}([-/.][0-9]{1,4})?([ T][0-9]{1,2}:[0-9]{2}.*)?"
    r"|[0-9]{1,2}[:.][0-9]{2}([:.][0-9]{2}.*)?"
)


def is_value(cell: str) -> bool:
    """Return whether a cell seems to hold a number, in any notation, a date, or the mark of a
    missing value.
    """
    text = cell.strip()
    if not text or len(text) > 40:
        return False
    return bool(_NUMBER.fullmatch(text) or _DATE.fullmatch(text)) or is_missing(text)


def seeming_notation(cells: Sequence[str], asked: Layout) -> list[tuple[str, str | None]]:
    """Return the decimal mark and thousands separator with which most cells are numbers.

    They are those that were asked for, unless others do better. Two notations are returned if they
    do equally well because cells such as 1,234 can be read in both.
    """
    notations = list(dict.fromkeys(((asked.decimal, asked.thousands), *_NOTATIONS)))
    counts = {
        notation: sum(number is not None for number in map(number_of(*notation), cells))
        for notation in notations
    }
    best = [notation for notation in notations if counts[notation] == max(counts.values())]
    if best[0] == notations[0]:
        return best[:1]
    # In 1,234 the comma may be either. As soon as there is a 1,5 or a 1,234.5, only one fits.
    both = [(",", None), (".", ",")]
    return both if set(both) <= set(best) else best[:1]
