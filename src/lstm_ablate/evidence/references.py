"""The references beside a task's table: predicting the mean of the test windows, and the best
linear code.

Both belong to a run, since each seed has windows of its own; shown are medians over the seeds.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lstm_ablate.errors import listed
from lstm_ablate.evidence.summary import Row
from lstm_ablate.experiment.network import network_of
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.settings import FileData, Settings

_FAR = 2  # times the linear code's loss: from here on a report says so
_LISTED = 3  # variants


def median_of(name: str, ended: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the median of the `ceiling` or the `linear` of the records that hold it, or None."""
    values = [result[name] for result in ended if result.get(name) is not None]
    return float(np.median(values)) if values else None


def sentence(experiment: Experiment, base: Row) -> str:
    """Say what a task's losses are to be compared with, and whether anything is compressed.

    `base` is the row of the baseline in the task.
    """
    task, ceiling, linear = base.task, base.ceiling, base.linear
    if not base.ok + base.diverged:
        return f"No run of {base.variant} has ended yet, with which the references are recorded."
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


def far_above_linear(rows: Sequence[Row]) -> str:
    """Say by what factor the variants of a task lie above the best linear code of their size, where
    each of them lies far above it; nothing otherwise.

    Networks at 2.6, 8.5 and 14 times the linear code's loss were once called practically
    equivalent and worse, and nothing said that all of them fitted poorly.
    """
    factors = {
        row.variant: row.loss.value / row.linear
        for row in rows
        if row.linear and row.loss and row.loss.value is not None and math.isfinite(row.loss.value)
    }
    if not factors or min(factors.values()) < _FAR:
        return ""
    shown = [f"{factor:.3g} ({variant})" for variant, factor in factors.items()]
    if len(shown) > _LISTED:
        ordered = sorted(factors, key=factors.__getitem__)
        shown = [f"{factors[variant]:.3g} ({variant})" for variant in (ordered[0], ordered[-1])]
        factors_of = " to ".join(shown)
    else:
        factors_of = listed(shown)
    return (
        f" No variant comes near that linear code, whose loss the typical run exceeds by a factor"
        f" of {factors_of}: this describes how well these networks fit so far, and judges nothing."
    )


def _sizes(settings: Settings) -> tuple[int, int] | None:
    """Return how many numbers a code and a window have; None for a file, which may not be there."""
    if isinstance(settings.data, FileData):
        return None
    timesteps, features = settings.data.timesteps, settings.data.features
    return network_of(settings.model, timesteps, features).code, timesteps * features
