"""The references beside a task's table: predicting the mean of the test windows, and the best
linear code.

Both belong to a run, since each seed has windows of its own; shown are medians over the seeds.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lstm_ablate.experiment.network import network_of
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.settings import FileData, Settings


def median_of(name: str, ended: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the median of the `ceiling` or the `linear` of the records that hold it, or None."""
    values = [result[name] for result in ended if result.get(name) is not None]
    return float(np.median(values)) if values else None


def sentence(experiment: Experiment, task: str, ceiling: float | None, linear: float | None) -> str:
    """Say what a task's losses are to be compared with, and whether anything is compressed.

    Both numbers are those of the baseline's runs, None where no record holds them.
    """
    if ceiling is None or linear is None:
        return "No run of the baseline has recorded a reference."
    mean = f"Predicting the mean of the test windows gives {ceiling:.3g}"
    settings = experiment.settings[task, experiment.baseline]
    sizes = _sizes(settings)
    if sizes is None:
        if linear == 0:
            text = (
                f"{mean}. The code holds at least as many numbers as a window: nothing is"
                " compressed"
            )
        else:
            text = f"{mean}, the best linear code of the same size {linear:.3g}"
    elif sizes[0] >= sizes[1]:
        text = (
            f"{mean}. The code holds {sizes[0]:,} numbers for windows of {sizes[1]:,}: nothing is"
            " compressed"
        )
    else:
        text = (
            f"{mean}, the best linear code of the same size ({sizes[0]:,} numbers for windows of"
            f" {sizes[1]:,}) {linear:.3g}"
        )
    others = any(
        _sizes(experiment.settings[task, variant]) != sizes for variant in experiment.variants
    )
    return f"{text}." + (
        f" So with the code of {experiment.baseline}; some variants have another." if others else ""
    )


def _sizes(settings: Settings) -> tuple[int, int] | None:
    """Return how many numbers a code and a window have; None for a file, which may not be there."""
    if isinstance(settings.data, FileData):
        return None
    timesteps, features = settings.data.timesteps, settings.data.features
    return network_of(settings.model, timesteps, features).code, timesteps * features
