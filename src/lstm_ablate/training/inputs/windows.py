"""The windows of a run, arrays [N, T, F] in float64, drawn from a family or read from the user's
own file.

An autoencoder's target is its input, so the loss can reach 0 (the floor); predicting the mean costs
the variance, `1 + noise^2` for mse of a synthetic family (the ceiling; `ceiling` computes it on the
test windows). Shapes: N windows, T time steps, F features.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstm_ablate.experiment import settings
from lstm_ablate.training.inputs import families, file
from lstm_ablate.training.inputs.randomness import generator

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Arrays:
    """A run's windows, each array [N, T, F] in float64; input and target alike."""

    train: Array
    validation: Array
    test: Array


def of(data: settings.Data, seed: int) -> Arrays:
    """Return the windows of a run: training windows drawn anew for each seed, the others by the
    data settings alone.

    Of a file, all three are the same for every seed. Raises UserError where a file does not hold
    what is asked for.
    """
    if isinstance(data, settings.FileData):
        return Arrays(*file.read(data))
    samples = data.samples
    return Arrays(
        train=families.draw(data, generator("data", "train", seed), samples.train),
        validation=families.draw(data, generator("data", "validation"), samples.validation),
        test=families.draw(data, generator("data", "test"), samples.test),
    )


def ceiling(test: Array, loss: str) -> float:
    """Return the loss of predicting each feature's mean over the test windows [N, T, F]."""
    error = test - test.mean(axis=(0, 1))
    if loss == "mse":
        return float(np.mean(np.square(error)))
    if loss == "mae":
        return float(np.mean(np.abs(error)))
    size = np.abs(error)  # Huber 1964, with Keras' delta of 1
    return float(np.mean(np.where(size <= 1, 0.5 * np.square(error), size - 0.5)))
