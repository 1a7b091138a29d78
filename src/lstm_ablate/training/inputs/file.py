"""The user's own data: windows [N, T, F] read from a CSV file of one long series or from an NPY
array.
"""

import csv
import hashlib
import io
import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstm_ablate.errors import UserError, did_you_mean
from lstm_ablate.experiment.settings import FileData

Array = NDArray[np.float64]

PARTS = ("training", "validation", "test")
# Float32 ends at 3e38: a gradient grows with the square of what it is trained on, and optimizers
# square the gradient.
LARGEST = 1e9


def read(data: FileData) -> tuple[Array, Array, Array]:
    """Return training, validation and test windows, each [N, T, F], in the order of the file.

    The rows of a CSV (samples of an NPY array) are split first and cut into windows of `timesteps`
    rows afterwards, so that no window reaches into another part; scaling is fitted on the training
    part alone. Raises UserError with the line and column where the file does not hold what is asked
    for, and with the feature that cannot be trained on.
    """
    path = Path(data.path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    if data.digest and hashlib.sha256(content).hexdigest() != data.digest:
        raise UserError(f"{path}: the file has changed since the experiment was read")
    fractions = (data.split.train, data.split.validation)
    if data.is_array:
        for key in ("columns", "timesteps", "stride"):
            if getattr(data, key) is not None:
                raise UserError(
                    f"{path}: data.{key} is for CSV files; an NPY array holds its windows, so leave"
                    " it out"
                )
        parts = _split(_read_npy(path, content), fractions)
    else:
        rows = _split(_read_csv(path, content, data.columns), fractions)
        parts = [_windows(part, data, path, name) for part, name in zip(rows, PARTS, strict=True)]
    if min(map(len, parts)) == 0:
        raise UserError(
            f"{path}: {sum(map(len, parts))} samples are too few for three parts (see data.split)"
        )
    train, validation, test = _scaled(parts, data.scaling, path)
    return train, validation, test


def _split(rows: Array, fractions: tuple[float, float]) -> list[Array]:
    """Cut [rows, ...] in order into training, validation and test, so that no test row precedes a
    training row.
    """
    first = round(len(rows) * fractions[0])
    second = round(len(rows) * (fractions[0] + fractions[1]))
    return [rows[:first], rows[first:second], rows[second:]]


def _windows(rows: Array, data: FileData, path: Path, part: str) -> Array:
    """Cut rows [R, F] into windows [N, T, F] that start `stride` rows apart."""
    timesteps, stride = data.window
    if len(rows) < timesteps:
        raise UserError(
            f"{path}: the {part} part has {len(rows)} rows, fewer than one window of {timesteps}"
            " time steps"
        )
    views = np.lib.stride_tricks.sliding_window_view(rows, timesteps, axis=0)[::stride]  # [N, F, T]
    return np.ascontiguousarray(views.transpose(0, 2, 1))


def _scaled(parts: list[Array], scaling: str, path: Path) -> list[Array]:
    """Scale every part by what its training part shows, per feature."""
    train = parts[0]
    low, high = train.min(axis=(0, 1)), train.max(axis=(0, 1))
    if scaling != "none":
        if np.any(low == high):
            feature = _first(low == high)
            raise UserError(
                f"{path}: feature {feature + 1} is constant in the training part; leave it out"
            )
        with np.errstate(all="ignore"):  # what overflows here is refused below
            zero, unit = (
                (train.mean(axis=(0, 1)), train.std(axis=(0, 1)))
                if scaling == "standard"
                else (low, high - low)
            )
            parts = [(part - zero) / unit for part in parts]
        # Beyond, the squares behind it overflow or lose their digits.
        scalable = (unit > 1e-100) & (unit < 1e100)
        if not np.all(scalable):
            feature = _first(~scalable)
            raise UserError(
                f"{path}: feature {feature + 1} cannot be scaled: in the training part it lies"
                f" between {low[feature]:g} and {high[feature]:g}; give it another unit"
            )
    largest = np.max(
        [np.maximum(part.max(axis=(0, 1)), -part.min(axis=(0, 1))) for part in parts], axis=0
    )
    if np.any(largest > LARGEST):
        feature = _first(largest > LARGEST)
        what = "without scaling" if scaling == "none" else "after scaling"
        raise UserError(
            f"{path}: feature {feature + 1} reaches {largest[feature]:g} {what} (see data.scaling);"
            f" at most {LARGEST:g} can be trained on"
        )
    return parts


def _first(where: NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(where)[0])


def _read_npy(path: Path, content: bytes) -> Array:
    try:
        array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    # NumPy's reader trusts the header: of a wrong one it raises whatever comes.
    except Exception as error:
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path}: not an NPY array of numbers ({why})") from None
    if array.ndim != 3 or 0 in array.shape[1:] or array.dtype.kind not in "fiu":
        raise UserError(
            f"{path}: an array of numbers (samples, timesteps, features) is due; "
            f"found {str(array.dtype)[:200]} of shape {array.shape}"
        )
    with np.errstate(over="ignore"):  # a long double beyond float64 becomes infinite
        numbers = np.asarray(array, dtype=np.float64)
    if not np.all(np.isfinite(numbers)):
        first = tuple(int(index[0]) for index in np.nonzero(~np.isfinite(numbers)))
        raise UserError(f"{path}: the value at {first} is not finite")
    return numbers


def _read_csv(path: Path, content: bytes, columns: tuple[str, ...] | None) -> Array:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: byte {error.start} is not UTF-8; a CSV is due, or an array in a .npy file"
        ) from None
    rows = _rows(text, path)
    _, header = next(rows, (1, []))
    if not header:
        raise UserError(f"{path}:1: the first line must name the columns; it is empty")
    if all(_number(cell) is not None for cell in header):
        raise UserError(f"{path}:1: the first line must name the columns; found numbers only")
    places = {name: index for index, name in enumerate(header)}
    missing = [name for name in columns or () if name not in places]
    if missing:
        hint = did_you_mean(missing[0], header)
        shown = json.dumps(missing, ensure_ascii=False)[1:-1]
        raise UserError(f"{path}: no column {shown}; the header has: {', '.join(header)}.{hint}")
    counts = Counter(header)
    twice = [name for name in columns or header if counts[name] > 1]
    if twice:
        raise UserError(f'{path}:1: two columns are named "{twice[0]}"')
    chosen = [places[name] for name in columns or header]
    values = []
    for line, row in rows:
        if not row:
            continue
        if len(row) != len(header):
            raise UserError(f"{path}:{line}: {len(row)} cells where the header has {len(header)}")
        numbers = [_number(row[index]) for index in chosen]
        if None in numbers:
            bad = chosen[numbers.index(None)]
            hint = "" if columns else "; name the columns of numbers in data.columns"
            raise UserError(
                f'{path}:{line}: column "{header[bad]}": "{row[bad]}" is not a number{hint}'
            )
        values.append(numbers)
    return np.array(values, dtype=np.float64).reshape(len(values), len(chosen))


def _rows(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield every row with the number of its last line."""
    rows = csv.reader(text.splitlines())
    try:
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise UserError(f"{path}:{rows.line_num}: not CSV ({error})") from None


def _number(cell: str) -> float | None:
    """Return the finite number that a cell holds, or None."""
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) and cell.strip().isascii() and "_" not in cell else None
