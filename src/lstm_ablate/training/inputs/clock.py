"""Finds the columns of a table that say when or in which order its rows were measured, and whether
the rows are in that order, without gaps and repeats.
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstm_ablate.errors import counted
from lstm_ablate.training.inputs.layout import number_of

if TYPE_CHECKING:
    import pandas as pd

Vector = NDArray[np.float64]

# Columns with these names hold times, unless their values go back.
_TIMES = frozenset(
    (
        *("date", "time", "datetime", "date time", "timestamp", "time stamp", "ds", "t", "utc"),
        *("unix", "unixtime", "unix time", "epoch", "decimal date", "decimal year", "doy"),
    )
)
_ROWS = frozenset({"index", "id", "idx", "no", "nr", "row", "row id", "rownames", "level 0", "#"})
# Parts of a date, with the smallest and the largest value of each.
_PARTS = {
    "year": (1, 9999),
    "quarter": (1, 4),
    "month": (1, 12),
    "week": (0, 53),
    "day": (1, 31),
    "weekday": (0, 7),
    "dayofweek": (0, 7),
    "hour": (0, 24),
    "minute": (0, 59),
    "second": (0, 60),
}
_SHORT = {"yr": "year", "mon": "month", "mo": "month", "hr": "hour", "min": "minute"}
_ASSEMBLED = ("year", "month", "day", "hour", "minute", "second")

_TIME_OF_DAY = re.compile(r"([0-9]{1,2})[:.]([0-9]{2})([:.][0-9]{2}([.,][0-9]+)?)?( ?[ap]m)?", re.I)
_DATE = re.compile(
    r"[0-9]{1,4}[-/.][0-9A-Za-z]{1,9}[-/.T ].*|[0-9]{4}[-/][0-9]{1,2}"
    r"|[A-Za-z]{3,9}[-/., ]+[0-9].*|[0-9]{1,2}[- ][A-Za-z]{3,9}([- ].*)?"
    r"|[0-9]{8}T?[0-9]{4,6}Z?"
)
_EXAMPLES = 50
_MOSTLY = 0.9  # in an index with gaps and repeats, at least this share of the steps are equal
_GAP = 1.5  # a gap is more than this many usual steps; the lengths of months differ by less


class Clock(NamedTuple):
    """What says when each row was measured; an index only says in which order rows once were."""

    name: str
    numbers: Vector  # [R], growing with time; NaN if the cell cannot be read
    cells: Sequence[str]  # as they are written in the file
    in_seconds: bool  # whether the numbers are seconds
    is_index: bool


# ----------------------------------------------------------------------------------- what is a time


def kind_of_text(cells: Sequence[str]) -> str:
    """Return what a column of text holds, as shown to the user: dates, times of day, or text."""
    examples = [cell.strip() for cell in cells[:_EXAMPLES]]
    if all(map(_TIME_OF_DAY.fullmatch, examples)):
        return "times of day"
    if all(map(_DATE.fullmatch, examples)) and not np.isnan(_seconds(examples)).any():
        return "dates"
    return "text"


def kind_of_numbers(name: str, values: Vector) -> str:
    """Return why a column of numbers [R] is an index or a time; "" if it seems to be neither.

    A column without a name is an index, because pandas writes an index in this way. So is a column
    that grows by the same step from row to row, apart from some gaps or repeats.
    """
    if not name.strip() or re.fullmatch(r"Unnamed: [0-9]+", name):
        return "no name"
    if len(values) < 3:
        return ""
    if steady := _steady(values):
        return steady
    plain = _plain(name)
    part = _SHORT.get(plain, plain)
    if np.all(values[1:] >= values[:-1]) and (plain in _TIMES | _ROWS or part in _PARTS):
        return "an index" if plain in _ROWS else "times"
    low, high = _PARTS.get(part, (1, 0))
    is_part = np.all((values >= low) & (values <= high) & (values == np.floor(values)))
    return "parts of dates" if is_part else ""


def _steady(values: Vector) -> str:
    """Return by which step numbers go on from one to the next; "" if there is no such step."""
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.diff(values)
        step = float(np.median(steps))
        usual = np.abs(steps - step) <= 1e-3 * abs(step)
    if not step:
        return ""
    if np.all(usual):
        return f"goes on by {step:.4g} from row to row"
    if np.all(steps >= 0) and usual.mean() >= _MOSTLY:
        return f"goes on by {step:.4g} from most rows to the next"
    return ""


def _plain(name: str) -> str:
    """Return a name in lower case with blanks between its words, since people write both in
    different ways.
    """
    return " ".join(re.findall(r"[^\W_]+|#", name.casefold()))


def _seconds(cells: Sequence[str]) -> Vector:
    """Return dates as seconds since 1970 [R], NaN where a cell holds no date.

    01/02/2024 may be in January or in February, while 2024-01-02 may not. The reading that makes
    more cells dates is taken; if both make equally many, the one that has the rows in order; and if
    that is not decisive either, the one with the day first.
    """
    import pandas as pd  # it takes half a second to load, and workers do not need it

    text = pd.Series(cells, dtype=object).str.strip()
    found: list[Vector] = []
    first = next((cell.strip() for cell in cells if cell.strip()), "")
    year_first = re.match(r"[0-9]{4}", first)
    for day_first in (False,) if year_first else (True, False):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns that it guesses, but we compare its guesses
            try:
                dates = pd.to_datetime(text, dayfirst=day_first, utc=True, errors="coerce")
            except (ValueError, OverflowError):
                continue
        found.append(_since_1970(dates))
    if not found:
        return np.full(len(cells), np.nan)
    return min(found, key=lambda read: (np.isnan(read).sum(), (np.diff(read) < 0).sum()))


def _since_1970(dates: "pd.Series[pd.Timestamp]") -> Vector:
    """Return dates as seconds since 1970, NaN for those that could not be read."""
    stamps = dates.dt.tz_localize(None).to_numpy("datetime64[us]")
    return np.where(np.isnat(stamps), np.nan, stamps.astype(np.int64) / 1e6)


# ------------------------------------------------------------------------------------ which clock


def candidates(header: Sequence[str], examples: Sequence[Sequence[str]]) -> list[int]:
    """Return the places of the columns that may say when rows were measured, by some examples."""
    found = []
    for place, name in enumerate(header):
        cells = [row[place].strip() for row in examples if row[place].strip()]
        plain = _plain(name)
        named = plain in _TIMES | _ROWS or _SHORT.get(plain, plain) in _PARTS
        dated = bool(cells) and kind_of_text(cells) != "text" and not _all_numbers(cells)
        steady = _all_numbers(cells) and bool(kind_of_numbers(name, _numbers(cells)))
        if named or dated or steady:
            found.append(place)
    return found


def clock_of(columns: Mapping[str, Sequence[str]]) -> Clock | None:
    """Return the clock of a table, given the columns that may be one; None if none can be read.

    Dates, with times of day if there are any, are preferred to parts of dates, these to numbers
    that are times, and these to an index.
    """
    text = {name: cells for name, cells in columns.items() if not _all_numbers(cells[:_EXAMPLES])}
    kinds = {
        name: kind_of_text([cell for cell in cells if cell.strip()]) for name, cells in text.items()
    }
    dates = [name for name, kind in kinds.items() if kind == "dates"]
    times = [name for name, kind in kinds.items() if kind == "times of day"]
    if dates:
        name, cells = dates[0], list(text[dates[0]])
        if times and not any(":" in cell for cell in cells[:_EXAMPLES]):
            pairs = zip(cells, text[times[0]], strict=True)
            cells = [f"{date.strip()} {_with_colons(time)}" for date, time in pairs]
            name = f"{name} {times[0]}"
        return Clock(name, _seconds(cells), cells, in_seconds=True, is_index=False)
    numbers = {
        name: values
        for name, cells in columns.items()
        if name not in text and not np.isnan(values := _numbers(cells)).any()
    }
    return _of_parts(numbers) or _of_numbers(numbers, columns)


def _of_parts(numbers: Mapping[str, Vector]) -> Clock | None:
    parts: dict[str, tuple[str, Vector]] = {}
    for name, values in numbers.items():
        part = _SHORT.get(_plain(name), _plain(name))
        if part in _ASSEMBLED and kind_of_numbers(name, values):
            parts.setdefault(part, (name, values))
    known = [part for part in _ASSEMBLED if part in parts]
    if "year" not in known or len(known) < 2:
        return None
    import pandas as pd

    whole = {"month": np.ones(len(parts["year"][1])), "day": np.ones(len(parts["year"][1]))}
    whole |= {part: parts[part][1] for part in known}
    dates = pd.to_datetime(pd.DataFrame(whole), errors="coerce", utc=True)
    rows = zip(*(parts[part][1] for part in known), strict=True)
    cells = ["-".join(f"{value:g}" for value in row) for row in rows]
    name = " ".join(parts[part][0] for part in known)
    return Clock(name, _since_1970(dates), cells, in_seconds=True, is_index=False)


def _of_numbers(
    numbers: Mapping[str, Vector], columns: Mapping[str, Sequence[str]]
) -> Clock | None:
    for name in numbers:
        if _plain(name) in _TIMES and _plain(name) != "t":
            return Clock(name, numbers[name], columns[name], in_seconds=False, is_index=False)
    for name in numbers:
        if kind_of_numbers(name, numbers[name]) not in ("", "times", "parts of dates"):
            return Clock(name, numbers[name], columns[name], in_seconds=False, is_index=True)
    return None


def _with_colons(time: str) -> str:
    """Return 18:00:00 for 18.00.00."""
    return re.sub(r"^([0-9]{1,2})\.([0-9]{2})(\.([0-9]{2}))?$", r"\1:\2:\4", time.strip()).rstrip(
        ":"
    )


def _all_numbers(cells: Sequence[str]) -> bool:
    return not np.isnan(_numbers(cells)).any()


def _numbers(cells: Sequence[str]) -> Vector:
    """Return cells as numbers with a decimal point, NaN for those that are none."""
    number = number_of(".", None)
    return np.array([number(cell) for cell in cells], dtype=np.float64)


# ------------------------------------------------------------------------------------ in order


class Order(NamedTuple):
    """What is wrong with the order of rows, and what the user should know; each with its line."""

    wrong: list[tuple[int, str]]
    notices: list[tuple[int, str]]


def order_of(clock: Clock, lines: Sequence[int]) -> Order:
    """Return what a clock says about the order of rows; `lines` are their lines in the file."""
    known = ~np.isnan(clock.numbers)
    numbers, where = clock.numbers[known], np.flatnonzero(known)
    steps = np.diff(numbers)
    forward = steps[steps > 0]
    order = Order([], [])
    if not len(steps):
        return order

    def at(step: int) -> tuple[int, str, str]:
        """Return the line after a step, and the clock's cells before and after it."""
        before, after = where[step], where[step + 1]
        return lines[after], clock.cells[before].strip(), clock.cells[after].strip()

    named = f'column "{clock.name}"'
    if not len(forward):
        if np.any(steps < 0):
            line, before, after = at(int(np.flatnonzero(steps < 0)[0]))
            text = f"{named}: the rows run back in time, from {before} to {after}; sort them by it"
            (order.notices if clock.is_index else order.wrong).append((line, text))
        return order
    usual = float(np.median(forward))
    # In autumn, when clocks are set back, local time repeats an hour.
    clock_set_back = clock.in_seconds & np.isclose(steps + 3600, usual, atol=1) & (steps < 0)
    back = np.flatnonzero((steps < 0) & ~clock_set_back)
    if len(back):
        line, before, after = at(int(back[0]))
        text = f"{named}: {after} comes after {before}{_more(len(back))}; sort the rows by it"
        text += ", or keep one series where several stand one below the other"
        (order.notices if clock.is_index else order.wrong).append((line, text))
        return order
    repeats = np.flatnonzero((steps == 0) | clock_set_back)
    if len(repeats):
        line, _, after = at(int(repeats[0]))
        text = (
            f"{named}: {after} stands there again{_more(len(repeats))}; each row counts as a time"
        )
        text += " step of its own. To count each time once, keep one row of it, as pandas'"
        order.notices.append((line, f"{text} df.drop_duplicates() does"))
    gaps = np.flatnonzero(steps > _GAP * usual)
    if len(gaps):
        line, before, after = at(int(gaps[0]))
        most = _amount(float(steps.max()), clock.in_seconds)
        text = f"{named}: a gap between {before} and {after}{_more(len(gaps))}; the usual step is"
        text += f" {_amount(usual, clock.in_seconds)}, the longest {most}"
        ends = [0, *(int(where[step + 1]) for step in gaps), len(lines)]
        start, end = max(pairwise(ends), key=lambda pair: pair[1] - pair[0])
        text += (
            ". A window takes its rows as equally far apart: put the missing rows into the file, as"
            " pandas' df.asfreq() does, and fill them, or keep a part without a gap"
            f" (lines {lines[start]} to {lines[end - 1]} are the longest)"
        )
        order.notices.append((line, text))
    return order


def _more(places: int) -> str:
    return f", and so at {counted(places - 1, 'other place')}" if places > 1 else ""


def _amount(step: float, in_seconds: bool) -> str:
    """Return how long a step is, in the largest unit that is not longer than it."""
    if not in_seconds:
        return f"{step:.4g}"
    for seconds, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if step >= seconds:
            return f"{step / seconds:.4g} {unit}" + "s" * (step != seconds)
    return f"{step:.4g} s"
