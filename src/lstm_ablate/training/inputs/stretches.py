"""Stretches of one value in the user's own data: what stands for missing values, and padding.

Nothing masks them, so a network learns them as it learns data.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lstm_ablate.errors import counted

Array = NDArray[np.float64]

# What data sets write where a value is missing.
_NINES = (99.0, 99.9, 99.99, 999.0, 999.9, 999.99, 9999.0, 9999.9, 99999.0, 9.99, 200.0)
_LIMITS = (-32768.0, 32767.0, 65535.0, -2147483648.0, 2147483647.0)
SENTINELS = frozenset((*_NINES, *(-value for value in _NINES), *_LIMITS))
_FAR = 0.1  # of the range of all other values, from the nearest of them
_SHARE = 0.01  # of rows; what is rarer is not worth a line
_SHORTEST = 10  # rows that a stretch has at least; rounded values repeat for a few


def in_rows(
    names: Sequence[str], rows: Array, lines: Sequence[int], timesteps: int
) -> list[tuple[int, str]]:
    """Return what rows [R, F] hold of missing values and padding, each with its line.

    A cell that is NaN is looked at by others.
    """
    found: dict[str, list[tuple[int, str]]] = {}
    for name, cells in zip(names, rows.T, strict=True):
        known = np.flatnonzero(np.isfinite(cells))
        column = cells[known]
        sentinel = sentinel_of(column)
        if sentinel is not None:
            hit = column == sentinel
            first = lines[int(known[hit.argmax()])]
            what = f"holds {sentinel:g} in {_rows(int(hit.sum()), len(cells))}"
            found.setdefault("sentinel", []).append((first, f'column "{name}" {what}'))
        elif len(column) and _varied(column):
            start, length = _runs(column)
            long = length >= max(timesteps, _SHORTEST)
            share = length[long].sum() / len(column)
            if share >= _SHARE:
                longest = int(np.argmax(length))
                value, first = column[start[longest]], lines[int(known[start[longest]])]
                what = (
                    f"{_percent(share)} of the rows lie in stretches of one value as long as a"
                    f" window or longer, the longest of {length[longest]} rows of {value:g}"
                )
                found.setdefault("stretch", []).append((first, f'column "{name}": {what}'))
    ends = {
        "sentinel": (
            ", far from all other values. If that stands for missing values, it is learned as data"
            " here: fill it in, or leave the column out"
        ),
        "stretch": ". If that is padding, it is learned as data here: cut it off in the file",
    }
    return [
        (every[0][0], f"{_several([text for _, text in every])}{ends[kind]}")
        for kind, every in found.items()
    ]


def _several(texts: Sequence[str]) -> str:
    shown = "; ".join(texts[:3])
    return f"{shown}; and so {counted(len(texts) - 3, 'other column')}" if texts[3:] else shown


def _rows(count: int, of: int) -> str:
    return f"{count:,} of {of:,} rows ({_percent(count / of)})"


def sentinel_of(column: Array) -> float | None:
    """Return the value that stands for missing ones, far from all others, or None."""
    if not len(column):
        return None
    for value in (column.min(), column.max()):
        hit = column == value
        others = column[~hit]
        if not len(others):
            return None
        nearest = np.abs(others - value).min()
        spread = others.max() - others.min()
        is_known = float(value) in SENTINELS and nearest > _FAR * spread
        is_far = hit.mean() >= _SHARE and hit.sum() > 1 and nearest > spread > 0 != value
        if is_known or is_far:
            return float(value)
    return None


def _varied(column: Array) -> bool:
    """Return whether a column has more than two values, and is no flag."""
    return bool(np.any((column != column.min()) & (column != column.max())))


def _runs(column: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each run of one value starts, and its length."""
    start = np.flatnonzero(np.concatenate([[True], column[1:] != column[:-1]]))
    return start, np.diff(np.append(start, len(column)))


def in_windows(windows: Array) -> Iterator[str]:
    """Yield what windows [N, T, F] hold of missing values and padding."""
    samples, timesteps, features = windows.shape
    for feature in range(features):
        column = windows[:, :, feature].ravel()
        sentinel = sentinel_of(column)
        if sentinel is not None:
            share = _percent((column == sentinel).mean())
            yield (
                f"feature {feature + 1} holds {sentinel:g} in {share} of the time steps, far from"
                " all other values. If that stands for missing values, it is learned as data here:"
                " fill it in, or leave the feature out"
            )
    for which, ordered in (("ends", windows[:, ::-1]), ("begins", windows)):
        same = np.all(ordered == ordered[:, :1], axis=2)  # [N, T], as at its first step
        length = np.where(same.all(axis=1), timesteps, np.argmin(same, axis=1))
        values = ordered[:, 0]
        alike = np.all(values == values[:, :1], axis=1) & (length > 2)
        if not alike.any():
            continue
        numbers, counts = np.unique(values[alike, 0], return_counts=True)
        value = numbers[np.argmax(counts)]
        padded = alike & (values[:, 0] == value)
        share = length[padded].sum() / (samples * timesteps)
        if share >= _SHARE:
            yield (
                f"{padded.sum()} of {samples} windows {which[:-1]} with a stretch of {value:g} in"
                f" every feature, {_percent(share)} of all time steps. If that is padding, it is"
                " learned as data here: save shorter windows, or leave these out"
            )


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"
