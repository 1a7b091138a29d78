"""What differs between two tables of runs, or two summaries, joined by task, variant and seed.

Numbers x and y are the same if |x - y| <= max(rtol * max(|x|, |y|), atol) or, with `exact`, if they
are equal bit for bit. Swapping the tables changes nothing: NumPy's `isclose` takes rtol of y alone.
Two cells without a number (empty, NA, NaN) are the same.
"""

import csv
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from lstm_ablate.errors import UserError, counted, did_you_mean, printable
from lstm_ablate.store import inventory

Key = tuple[str, str, int | None]  # task, variant, seed; a row of a summary has no seed
Value = float | str | None

TASK = "default"  # the task of rows in a file without tasks
_IDS = ("settings", "run")  # columns of ids, which say what was trained
_TEXTS = ("status", *_IDS)  # columns of text, even if an id looks like a number
_LATER = {"ceiling", "linear", "settings"}  # columns that tables of version 0.1 do not have
_REFERENCES = {"ceiling", "linear"}  # of the data, which variants share
_MISSING = ("", "NA")
_MOST_PROBLEMS = 10  # how many problems of two files are shown


@dataclass(frozen=True)
class Table:
    """A CSV as text: its cells by key and column, and the line of each key."""

    name: str
    has_seeds: bool
    columns: tuple[str, ...]  # all but those of the key
    cells: dict[Key, dict[str, str]]
    lines: dict[Key, int]


@dataclass(frozen=True)
class Difference:
    """A cell that differs between A and B.

    `absolute` is |x - y| and `relative` is |x - y| / max(|x|, |y|); both are None if a side has no
    number.
    """

    key: Key
    column: str
    a: Value
    b: Value
    absolute: float | None = None
    relative: float | None = None


@dataclass(frozen=True)
class Differences:
    """What two tables share, and where they differ, the largest relative difference first.

    `shared` is the number of rows that both tables have. `largest` is the largest relative
    difference of all numbers, including those that count as the same. `other_ids` is the number of
    shared rows that come from other runs, which are compared nevertheless; `ids` names the column
    that says so (see `id_column`).
    """

    a: str
    b: str
    rtol: float
    atol: float
    exact: bool
    shared: int
    only_a: tuple[Key, ...]
    only_b: tuple[Key, ...]
    texts: tuple[Difference, ...]
    numbers: tuple[Difference, ...]
    largest: float
    ids: str
    other_ids: int

    @property
    def same(self) -> bool:
        """Whether both tables hold the same rows, and nothing in them differs."""
        return not (self.only_a or self.only_b or self.texts or self.numbers)


# ------------------------------------------------------------------------------------------ reading


def read_pair(a: Path, b: Path) -> tuple[Table, Table]:
    """Read two files. In a results folder, read runs.csv, or summary.csv if the other file is a
    summary.
    """
    first, second = (None if path.is_dir() else read(path) for path in (a, b))
    return first or _read_folder(a, second), second or _read_folder(b, first)


def _read_folder(folder: Path, other: Table | None) -> Table:
    path = folder / ("runs.csv" if other is None or other.has_seeds else "summary.csv")
    inventory.check_results_folder(folder, path.name)
    return read(path)


def read(path: Path) -> Table:
    """Read a CSV with a column `variant`. Columns `task` and `seed` belong to the key too, if there
    are any. Every cell stays text.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            try:
                return _table(
                    str(path), next(reader, []), ((reader.line_num, row) for row in reader)
                )
            except csv.Error as error:
                raise UserError(f"{path}:{reader.line_num}: not a CSV file: {error}") from None
    except OSError as error:
        hint = inventory.did_you_mean_folder(path, "runs.csv")
        raise UserError(f"{path}: {error.strerror or error}{hint and f'.{hint}'}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text") from None


def _table(name: str, header: list[str], rows: Iterator[tuple[int, list[str]]]) -> Table:
    repeated = sorted({column for column in header if header.count(column) > 1})
    if "variant" not in header:
        raise_all([f'{name}:1: no column "variant"; found: {", ".join(header) or "nothing"}'])
    if repeated:
        raise_all([f"{name}:1: repeated columns: {', '.join(repeated)}"])
    cells: dict[Key, dict[str, str]] = {}
    lines: dict[Key, int] = {}
    problems = []
    for line, row in rows:
        if not row:
            continue
        if len(row) != len(header):
            problems.append(f"{name}:{line}: {len(row)} cells, where the header has {len(header)}")
            continue
        named = dict(zip(header, row, strict=True))
        seed = None
        if "seed" in named:
            seed = _whole(named["seed"])
            if seed is None:
                problems.append(
                    f'{name}:{line}: column seed: "{named["seed"]}" is not a whole number'
                )
                continue
        key = named.get("task", TASK), named["variant"], seed
        if key in lines:
            problems.append(f"{name}:{line}: {shown(key)} is in line {lines[key]} already")
        lines[key] = line
        cells[key] = named
    raise_all(problems)
    columns = tuple(column for column in header if column not in ("task", "variant", "seed"))
    return Table(name, "seed" in header, columns, cells, lines)


def _whole(text: str) -> int | None:
    """Return a whole number of any size, or None; some programs write 7 as 7.0."""
    try:
        return int(text.replace("_", "x"))  # to Python, 1_0 is 10
    except ValueError:
        value = _number(text)
        return int(value) if isinstance(value, float) and value.is_integer() else None


def _number(text: str) -> Value:
    """Return the number in a cell, None where it holds none, or the text that is neither."""
    if text in _MISSING:
        return None
    try:
        value = float(text.replace("_", "x"))  # to Python, 1_0 is 10
    except ValueError:
        return text
    if 2.0**53 <= abs(value) < 2.0**64 and text.lstrip("-").isdecimal():
        return int(text)  # exact, where a float would be rounded
    return None if math.isnan(value) else value


def numbers(table: Table, column: str) -> tuple[dict[Key, float | None], list[str]]:
    """Return the numbers of a column by row, and a problem for each cell that holds text."""
    found: dict[Key, float | None] = {}
    problems = []
    for key, cells in table.cells.items():
        value = _number(cells[column])
        if isinstance(value, str):
            problems.append(
                f'{table.name}:{table.lines[key]}: column {column}: "{value}" is not a number'
            )
        else:
            found[key] = value
    return found, problems


def raise_all(problems: list[str]) -> None:
    """Raise UserError with the problems, if there are any; of many, with the first few."""
    more = len(problems) - _MOST_PROBLEMS
    if problems:
        raise UserError(
            *map(printable, problems[:_MOST_PROBLEMS]),
            *([f"... and {more} more problems"] if more > 0 else []),
        )


# ---------------------------------------------------------------------------------------- comparing


def differences(
    a: Table,
    b: Table,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    exact: bool = False,
    metric: str | None = None,
) -> Differences:
    """Return what differs in the columns of two tables, or in one column (`metric`) and the status.

    If the status of a row differs, its numbers mean something else, and they are not compared. The
    ids of a run and of its settings say what was trained; another id counts as a difference only
    with `exact`.
    """
    columns = _columns(a, b, metric)
    shared = [key for key in a.cells if key in b.cells]
    if not shared:
        raise UserError(
            f"{a.name}, {b.name}: not comparable: the tables have no row in common, by {_key(a)}"
        )
    pairs = _number_columns(a, b, columns, metric)
    texts = [
        Difference(key, column, a.cells[key][column], b.cells[key][column])
        for column in columns
        if column not in pairs
        for key in shared
        if a.cells[key][column] != b.cells[key][column]
    ]
    changed = {difference.key for difference in texts if difference.column == "status"}
    compared = [
        _difference(key, column, of_a[key], of_b[key])
        for column, (of_a, of_b) in pairs.items()
        for key in shared
        if key not in changed
    ]
    unequal = [pair for pair in compared if not _is_same(pair, rtol, atol, exact)]
    unequal.sort(key=lambda pair: (_size(pair.relative), _size(pair.absolute)), reverse=True)
    return Differences(
        a=a.name,
        b=b.name,
        rtol=rtol,
        atol=atol,
        exact=exact,
        shared=len(shared),
        only_a=tuple(key for key in a.cells if key not in b.cells),
        only_b=tuple(key for key in b.cells if key not in a.cells),
        texts=tuple(text for text in texts if exact or text.column not in _IDS),
        numbers=tuple(unequal),
        largest=max((pair.relative for pair in compared if pair.relative is not None), default=0.0),
        ids=id_column(a, b),
        other_ids=other_ids(a, b),
    )


def _difference(key: Key, column: str, x: float | None, y: float | None) -> Difference:
    """Return the numbers of both tables in a cell, and how far apart they are, which may be 0."""
    if x is None or y is None:
        return Difference(key, column, x, y)
    absolute, relative = _apart(x, y)
    return Difference(key, column, x, y, absolute, relative)


def _is_same(pair: Difference, rtol: float, atol: float, exact: bool) -> bool:
    """Whether two numbers are the same, within the tolerances or, with `exact`, to the bit."""
    x, y = pair.a, pair.b
    if not isinstance(x, int | float) or not isinstance(y, int | float):
        return x == y
    if exact:
        return x == y and math.copysign(1, x) == math.copysign(1, y)
    return math.isclose(x, y, rel_tol=rtol, abs_tol=atol)


def id_column(a: Table, b: Table) -> str:
    """Return the column that says whether two rows come from the same settings.

    That is `settings` if both tables have it: its ids are the same across engines and schemas. The
    table of an older program has only `run`, an id that also changes with engine and schema.
    """
    return "settings" if "settings" in a.columns and "settings" in b.columns else "run"


def other_ids(a: Table, b: Table) -> int:
    """Return how many rows of both tables have another id in B than in A, in their `id_column`."""
    column = id_column(a, b)
    ids = [[table.cells[key].get(column) for table in (a, b)] for key in a.cells if key in b.cells]
    return sum(None not in pair and pair[0] != pair[1] for pair in ids)


def told_other_ids(ids: str, count: int) -> str:
    """Say how many rows have another id in the column `ids`, and what that means."""
    runs = counted(count, "run")
    if ids == "settings":
        return f"{runs} of other settings or data"
    return f"{runs} with another id: of other settings, data, engine or schema"


def _number_columns(
    a: Table, b: Table, columns: list[str], metric: str | None
) -> dict[str, tuple[dict[Key, float | None], dict[Key, float | None]]]:
    """Return the columns of numbers, each with its numbers in A and in B.

    A column counts as one of numbers if it holds no text in one of the files. Text in the other
    file is then an error.
    """
    pairs, problems = {}, []
    for column in columns:
        if column in _TEXTS:
            continue
        (of_a, not_in_a), (of_b, not_in_b) = numbers(a, column), numbers(b, column)
        if column == metric or _numeric(of_a, not_in_a) or _numeric(of_b, not_in_b):
            pairs[column] = of_a, of_b
            problems += not_in_a + not_in_b
    raise_all(problems)
    return pairs


def _key(table: Table) -> str:
    return "task, variant and seed" if table.has_seeds else "task and variant"


def _columns(a: Table, b: Table, metric: str | None) -> list[str]:
    """Return the columns to compare; raise UserError if the tables are not comparable."""
    check_kinds(a, b)
    if metric is not None:
        check_metric(a, b, metric)
        return [*(["status"] if "status" in a.columns and "status" in b.columns else []), metric]
    if (set(a.columns) ^ set(b.columns)) - _LATER:
        raise_all(
            [
                (
                    f"{a.name}, {b.name}: not comparable, because their columns differ;"
                    " --metric NAME compares a column that both have"
                ),
                *(
                    f"  only in {table.name}:"
                    f" {', '.join(name for name in table.columns if name not in other.columns)}"
                    for table, other in ((a, b), (b, a))
                    if set(table.columns) - set(other.columns)
                ),
            ]
        )
    return [column for column in a.columns if column in b.columns]


def check_kinds(a: Table, b: Table) -> None:
    """Raise UserError if one table holds runs and the other a summary."""
    if a.has_seeds != b.has_seeds:
        runs, summary = (a.name, b.name) if a.has_seeds else (b.name, a.name)
        raise UserError(
            f"not comparable: {runs} holds runs, {summary} a summary of runs (it has no column"
            " seed)"
        )


def check_metric(a: Table, b: Table, metric: str) -> None:
    """Raise UserError if a table has no such column of numbers."""
    problems = []
    for table in (a, b):
        known = [column for column in table.columns if column not in _TEXTS]
        if metric not in known:
            hint = did_you_mean(metric, known)
            problems += [
                f'{table.name}:1: no column "{metric}" to compare.{hint}',
                f"  known: {', '.join(known)}",
            ]
    raise_all(problems)


def _numeric(found: dict[Key, float | None], problems: list[str]) -> bool:
    return not problems and any(value is not None for value in found.values())


def _apart(x: float, y: float) -> tuple[float, float]:
    """Return the absolute and the relative difference."""
    if x == y:
        return 0.0, 0.0
    absolute, largest = float(abs(x - y)), float(max(abs(x), abs(y)))
    return absolute, absolute / largest if math.isfinite(largest) else math.inf


def _size(difference: float | None) -> float:
    return math.inf if difference is None else difference


# ----------------------------------------------------------------------------------------- in words


def shown(key: Key) -> str:
    """Return a key as text, without the task if that is the default one."""
    task, variant, seed = key
    words = [
        *([task] if task != TASK else []),
        variant,
        *([f"seed {seed}"] if seed is not None else []),
    ]
    return printable(", ".join(words))


def spans(seeds: Collection[int]) -> str:
    """Return seeds in ascending order as text, such as "1, 4 to 7"."""
    found: list[list[int]] = []
    for seed in sorted(seeds):
        if found and seed == found[-1][-1] + 1:
            found[-1] = [found[-1][0], seed]
        else:
            found.append([seed])
    return ", ".join(" to ".join(map(str, span)) for span in found)


def shown_together(keys: Iterable[Key]) -> list[str]:
    """Return keys as texts, the seeds of a task and variant together: "relu, seed 4 to 7"."""
    seeds: dict[tuple[str, str], list[int]] = {}
    for task, variant, seed in keys:
        seeds.setdefault((task, variant), []).extend([] if seed is None else [seed])
    return [
        shown((*name, None)) + (f", seed {spans(some)}" if some else "")
        for name, some in seeds.items()
    ]


def in_turns(numbers: Sequence[Difference]) -> list[tuple[Difference, int]]:
    """Return differences in the order in which they are worth a look, each with the number of rows
    in which a column differs in the same way.

    Columns take turns, each with its largest difference first; what verdicts are about comes first,
    references last. The largest differences alone were 20 rows of a reference that all variants
    share, and test losses came 150 rows later.
    """
    alike: dict[tuple[str, Value, Value], list[Difference]] = {}
    for number in numbers:
        alike.setdefault((number.column, number.a, number.b), []).append(number)
    columns: dict[str, list[tuple[Difference, int]]] = {}
    for some in alike.values():
        columns.setdefault(some[0].column, []).append((some[0], len(some)))
    order = sorted(columns, key=lambda name: (name in _REFERENCES, name != "test_loss"))
    turns = zip_longest(*(columns[name] for name in order))
    return [column for turn in turns for column in turn if column is not None]


def changed(text: Difference) -> str:
    """Say how a text differs."""
    return printable(f"{shown(text.key)}: {text.column}: {text.a or '-'} -> {text.b or '-'}")


def result(found: Differences) -> str:
    """Say in one line how the comparison ended."""
    rows = counted(found.shared, "shared row")
    if found.same and (found.exact or found.largest == 0):
        return (
            f"same: {rows}, every number to the bit"
            if found.exact
            else f"same: {rows}, every number equal"
        )
    if found.same:
        tolerance = f"rtol {found.rtol:g} and atol {found.atol:g}"
        return f"same: {rows}, within {tolerance} (largest relative difference {found.largest:.2g})"
    texts = {difference.key for difference in found.texts if difference.column != "status"}
    counts = {
        "only in A": len(found.only_a),
        "only in B": len(found.only_b),
        "with another status": sum(difference.column == "status" for difference in found.texts),
        "with other texts": len(texts),
        "with other numbers": len({difference.key for difference in found.numbers}),
    }
    parts = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    first = (
        f" (largest: {shown(found.numbers[0].key)}, {printable(found.numbers[0].column)})"
        if found.numbers
        else ""
    )
    return f"different: {rows}; {parts}{first}"


def as_json(found: Differences) -> dict[str, Any]:
    """Return a comparison as JSON holds it."""
    content: dict[str, Any] = {"result": result(found), "same": found.same, **asdict(found)}
    for name in ("only_a", "only_b"):
        content[name] = [_named(key) for key in content[name]]
    for name in ("texts", "numbers"):
        content[name] = [
            {**_named(difference.pop("key")), **difference} for difference in content[name]
        ]
    return content


def _named(key: Key) -> dict[str, Value]:
    return dict(zip(("task", "variant", "seed"), key, strict=True))
