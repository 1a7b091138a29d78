"""The user's own data: windows [N, T, F] read from a CSV file of one long series or from an NPY
array.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstm_ablate.errors import UserError, counted
from lstm_ablate.experiment.settings import FileData
from lstm_ablate.training.inputs import array, faults

Array = NDArray[np.float64]

# Float32 ends at 3e38: a gradient grows with the square of what it is trained on, and optimizers
# square the gradient.
LARGEST = 1e9


class Held(NamedTuple):
    """What a file holds, before anything is cut or scaled: rows [R, F] of a CSV with the names of
    its columns, or windows [N, T, F]; and the lines of a CSV, with the number of each row's.
    """

    names: list[str]
    numbers: Array
    text: list[str]
    lines: list[int]

    @property
    def parts(self) -> str:
        """What is split into training, validation and test."""
        return "samples" if self.numbers.ndim == 3 else "rows"


def read(data: FileData) -> tuple[Array, Array, Array]:
    """Return training, validation and test windows, each [N, T, F], in the order of the file.

    The rows of a CSV (samples of an NPY array) are split first and cut into windows of `timesteps`
    rows afterwards, so that no window reaches into another part; scaling is fitted on the training
    part alone. Raises UserError with all that is wrong, each with its line where it has one.
    """
    return cut(data, content(data))


def cut(data: FileData, held: Held) -> tuple[Array, Array, Array]:
    """Return what `read` does, of what the file holds; the file itself need not be there."""
    path = Path(data.path)
    parts = split(held.numbers, data)
    if not data.is_array:
        if short := faults.too_short(len(held.numbers), data):
            raise UserError(*(f"{path}: {text}" for text in short))
        parts = [_windows(part, data) for part in parts]
    if min(map(len, parts)) == 0:
        samples = counted(sum(map(len, parts)), "sample")
        raise UserError(f"{path}: {samples} are too few for three parts (see data.split)")
    train, validation, test = _scaled(parts, data.scaling, path, shown(held.names, data))
    return train, validation, test


def content(data: FileData) -> Held:
    """Return what a file holds. Raises UserError where that is not what is asked for."""
    path = Path(data.path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    if data.digest and hashlib.sha256(raw).hexdigest() != data.digest:
        raise UserError(f"{path}: the file has changed since the experiment was read")
    if not data.is_array:
        text = faults.lines_of(path, raw)
        table = faults.read(data, text)
        return Held(table.names, table.rows, text, table.lines)
    given = [key for key in _OF_CSV if getattr(data, key) != FileData.model_fields[key].default]
    if given:
        keys = ", ".join(f"data.{key}" for key in given)
        is_for = "is" if len(given) == 1 else "are"
        raise UserError(
            f"{path}: {keys} {is_for} for CSV files; an NPY array holds its windows, so leave"
            f" {'it' if len(given) == 1 else 'them'} out"
        )
    numbers = array.read(path, raw)
    return Held([f"{place + 1}" for place in range(numbers.shape[2])], numbers, [], [])


_OF_CSV = ("columns", "separator", "decimal", "thousands", "skip_rows", "timesteps", "stride")


def shown(names: Sequence[str], data: FileData) -> list[str]:
    """Return what messages call the features."""
    return [f"feature {name}" if data.is_array else f'column "{name}"' for name in names]


def split(rows: Array, data: FileData) -> list[Array]:
    """Cut [rows, ...] in order into training, validation and test, so that no test row precedes a
    training row.
    """
    first, second, _ = faults.lengths(len(rows), data)
    return [rows[:first], rows[first : first + second], rows[first + second :]]


def _windows(rows: Array, data: FileData) -> Array:
    """Cut rows [R, F] into windows [N, T, F] that start `stride` rows apart."""
    timesteps, stride = data.window
    views = np.lib.stride_tricks.sliding_window_view(rows, timesteps, axis=0)[::stride]  # [N, F, T]
    return np.ascontiguousarray(views.transpose(0, 2, 1))


def _scaled(parts: list[Array], scaling: str, path: Path, names: Sequence[str]) -> list[Array]:
    """Scale every part by what its training part shows, per feature."""
    train = parts[0]
    low, high = train.min(axis=(0, 1)), train.max(axis=(0, 1))
    if scaling != "none":
        if np.any(low == high):
            constant = ", ".join(names[place] for place in _where(low == high))
            raise UserError(f"{path}: constant in the training part: {constant}; leave it out")
        with np.errstate(all="ignore"):  # what overflows here is refused below
            offset, unit = _fitted(train, scaling)
            parts = [(part - offset) / unit for part in parts]
        # Beyond, the squares behind it overflow or lose their digits.
        scalable = (unit > 1e-100) & (unit < 1e100)
        if not np.all(scalable):
            raise UserError(
                *(
                    f"{path}: {names[place]} cannot be scaled: in the training part it lies"
                    f" between {low[place]:g} and {high[place]:g}; give it another unit"
                    for place in _where(~scalable)
                )
            )
    largest = np.max(
        [np.maximum(part.max(axis=(0, 1)), -part.min(axis=(0, 1))) for part in parts], axis=0
    )
    if np.any(largest > LARGEST):
        what = "without scaling" if scaling == "none" else "after scaling"
        raise UserError(
            *(
                f"{path}: {names[place]} reaches {largest[place]:g} {what} (see data.scaling); at"
                f" most {LARGEST:g} can be trained on"
                for place in _where(largest > LARGEST)
            )
        )
    return parts


def _fitted(train: Array, scaling: str) -> tuple[Array, Array]:
    """Return what is subtracted from each feature, and by what it is then divided, both [F]."""
    if scaling == "standard":
        return train.mean(axis=(0, 1)), train.std(axis=(0, 1))
    low, high = train.min(axis=(0, 1)), train.max(axis=(0, 1))
    return low, high - low


def scaling(data: FileData) -> tuple[list[str], Array, Array]:
    """Return the names of a file's features, and of each what is subtracted from its values and by
    what they are then divided, both [F]. Raises UserError as `read` does.
    """
    held = content(data)
    if data.scaling == "none":
        return held.names, np.zeros(len(held.names)), np.ones(len(held.names))
    part = split(held.numbers, data)[0]
    return held.names, *_fitted(part if data.is_array else _windows(part, data), data.scaling)


def _where(holds: NDArray[np.bool_]) -> list[int]:
    return [int(place) for place in np.flatnonzero(holds)]
