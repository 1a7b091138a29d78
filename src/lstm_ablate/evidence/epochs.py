"""The ratio by epoch, a description: what a comparison would have seen had training ended earlier.

Nothing is judged by it. Of two equal networks nearly half of all reports have some epoch at which
an interval excludes 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_ablate.evidence import counting
from lstm_ablate.evidence.pairs import Values, log_ratios
from lstm_ablate.evidence.typical import ratio_of
from lstm_ablate.experiment.settings import Training

Result = Mapping[str, Any]  # of a run, as its record holds it


@dataclass(frozen=True)
class ByEpoch:
    """The typical ratio of validation losses at each epoch, from 1, over a number of pairs.

    `medians` are (low, high), which differ only where a median lies between two values that are not
    both finite; half of the pairs lie between `q1` and `q3`, which are ratios of single pairs.
    """

    pairs: int
    medians: tuple[tuple[float, float], ...]
    q1: tuple[float, ...]
    q3: tuple[float, ...]


def by_epoch(
    variant: Mapping[int, Result],
    baseline: Mapping[int, Result],
    training: tuple[Training, Training],
) -> ByEpoch | None:
    """Return the ratio by epoch of the runs that ended, by seed, or None without a pair.

    `training` are the settings of the variant and of the baseline. Where they differ in epochs the
    ratio goes as far as both.
    """
    seeds = [seed for seed in variant if seed in baseline]
    if not seeds:
        return None
    last = min(one.epochs for one in training)
    mine, base = (
        np.array([_so_far(runs[seed], one)[:last] for seed in seeds])
        for runs, one in zip((variant, baseline), training, strict=True)
    )
    columns = [sorted(column) for column in log_ratios(mine, base).T.tolist()]
    quarter = (len(seeds) - 1) // 4
    medians = (counting.median(column) for column in columns)
    return ByEpoch(
        len(seeds),
        tuple((ratio_of(low), ratio_of(high)) for low, high in medians),
        tuple(ratio_of(column[quarter]) for column in columns),
        tuple(ratio_of(column[-1 - quarter]) for column in columns),
    )


def _so_far(result: Result, training: Training) -> Values:
    """Return, for each epoch, the validation loss of the weights that `select` would have chosen.

    That is the best loss so far, or for `last` the loss of the epoch. It is infinite from the epoch
    on at which the run diverged.
    """
    losses = np.full(training.epochs, np.inf)
    known = [np.inf if loss is None else loss for loss in result["validation_losses"]]
    losses[: len(known)] = known
    if training.select == "best":
        losses = np.fmin.accumulate(losses)
    if result["status"] == "diverged":
        losses[result["diverged_epoch"] - 1 :] = np.inf
    return losses
