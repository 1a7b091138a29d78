"""An NPY array of windows (samples, timesteps, features)."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstm_ablate.errors import UserError, counted

Array = NDArray[np.float64]

# As for the families of windows.
_MOST_TIMESTEPS = 100_000
_MOST_FEATURES = 10_000


def read(path: Path, content: bytes) -> Array:
    """Return an array [N, T, F] in float64; raise UserError with its shape where it is none."""
    try:
        array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    # NumPy's reader trusts the header: of a wrong one it raises whatever comes.
    except Exception as error:
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path}: not an NPY array of numbers ({why})") from None
    if array.ndim != 3 or 0 in array.shape[1:] or array.dtype.kind not in "fiu":
        raise UserError(
            f"{path}: expected an array of numbers (samples, timesteps, features),"
            f" found {str(array.dtype)[:200]} of shape {array.shape}{_hint(array.shape)}"
        )
    _check_sizes(path, array.shape)
    with np.errstate(over="ignore"):  # a long double beyond float64 becomes infinite
        numbers = np.asarray(array, dtype=np.float64)
    if not np.all(np.isfinite(numbers)):
        first = tuple(int(index[0]) for index in np.nonzero(~np.isfinite(numbers)))
        bad = ~np.isfinite(numbers)
        windows = counted(int(bad.any(axis=(1, 2)).sum()), "sample")
        raise UserError(
            f"{path}: the value at {first} is not finite (sample, time step, feature; from 0);"
            f" {windows} of {len(numbers)} hold such values. Nothing fills them in here: fill them"
            " in, or leave these samples out"
        )
    return numbers


def _hint(shape: tuple[int, ...]) -> str:
    if len(shape) != 2 or 0 in shape:
        return ""
    return (
        f". If these are {shape[0]} time steps of {counted(shape[1], 'feature')}, save them as a"
        f" CSV, of which windows are cut; if these are {shape[0]} samples of one feature, save"
        " array[:, :, None]"
    )


def shown(shape: tuple[int, ...]) -> str:
    """Return a shape with what its axes mean."""
    samples, timesteps, features = shape
    return (
        f"{shape}: {counted(samples, 'sample')} of {counted(timesteps, 'time step')} and"
        f" {counted(features, 'feature')}"
    )


def _check_sizes(path: Path, shape: tuple[int, ...]) -> None:
    _, timesteps, features = shape
    has = f"{path}: the array has the shape {shown(shape)}"
    problems = []
    if timesteps < 2:
        problems.append(
            f"{has}. A window has at least 2 time steps. If the samples are the steps of one"
            " series, save them as a CSV with one row per time step, of which windows are cut"
            + f"; if the {features} features are time steps, as in PyTorch's order (samples,"
            " channels, steps), save array.swapaxes(1, 2)" * (features > 1)
        )
    if timesteps > _MOST_TIMESTEPS:
        problems.append(
            f"{has}. A window has at most {_MOST_TIMESTEPS:,} time steps: cut it into shorter ones"
        )
    if features > _MOST_FEATURES:
        problems.append(f"{has}. At most {_MOST_FEATURES:,} features can be trained on")
    if problems:
        raise UserError(*problems)
