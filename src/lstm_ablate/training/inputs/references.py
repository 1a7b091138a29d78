"""What a reconstruction loss is compared with: the loss of predicting the mean, that of the best
linear code of the same size, and what is in each part of the data.

All of this is computed on the windows of a run, [N, T, F], and losses are in the run's own units.
"""

import numpy as np
from numpy.typing import NDArray

from lstm_ablate.store.results import Part
from lstm_ablate.training.inputs.windows import Array, Arrays


def ceiling(windows: Array, loss: str) -> float:
    """Return the loss of predicting each feature's mean over the windows [N, T, F] of a part."""
    return _mean_loss(windows - windows.mean(axis=(0, 1)), loss)


def part(windows: Array, train: Array, loss: str) -> Part:
    """Describe the windows [N, T, F] of a part, given the training windows of the same run."""
    low, high = train.min(axis=(0, 1)), train.max(axis=(0, 1))
    return Part(
        mean=float(windows.mean()),
        variance=float(windows.var()),
        low=float(windows.min()),
        high=float(windows.max()),
        outside=float(np.mean((windows < low) | (windows > high))),
        ceiling=ceiling(windows, loss),
    )


def linear(windows: Arrays, numbers: int, loss: str) -> float:
    """Return the test loss of the best least-squares linear code with `numbers` numbers a window.

    A window is taken as one vector of D = T F numbers. The code is the projection on the first
    principal components of the centred training windows (Pearson 1901; Eckart & Young 1936 for
    "best"), and is applied to the test windows as it is. A code of D numbers or more compresses
    nothing and loses nothing, so its loss is 0.
    """
    train, test = (part.reshape(len(part), -1) for part in (windows.train, windows.test))
    if numbers >= train.shape[1]:
        return 0.0
    mean = train.mean(axis=0)
    components = _components(train - mean, numbers)
    centred = test - mean
    return _mean_loss(centred - (centred @ components) @ components.T, loss)


def _components(centred: NDArray[np.float64], numbers: int) -> NDArray[np.float64]:
    """Return the first principal components of rows [N, D] as orthonormal columns [D, k].

    k is at most the rank of the rows. The smaller of the two Gram matrices is decomposed: for 1,024
    windows with 500 time steps and 5 features, the one with 1,024 rows instead of the one with
    2,500. Directions whose variance is 0, up to rounding, are left out, because they say nothing
    about any other window.
    """
    n, d = centred.shape
    tall = n >= d
    values, vectors = np.linalg.eigh(centred.T @ centred if tall else centred @ centred.T)
    kept = np.flatnonzero(values > values[-1] * max(n, d) * np.finfo(np.float64).eps)[::-1][
        :numbers
    ]
    if tall:
        return vectors[:, kept]
    components, _ = np.linalg.qr(centred.T @ vectors[:, kept])
    return components


def _mean_loss(error: Array, loss: str) -> float:
    """Return the mean loss over all elements of an error; Huber's (1964) has Keras' delta of 1."""
    if loss == "mse":
        return float(np.mean(np.square(error)))
    size = np.abs(error)
    if loss == "mae":
        return float(np.mean(size))
    return float(np.mean(np.where(size <= 1, 0.5 * np.square(error), size - 0.5)))
