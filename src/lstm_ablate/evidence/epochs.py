"""The ratio by epoch: what a comparison would have seen if training had ended earlier.

It describes, and no verdict comes from it, because an eye that picks an epoch picks luck. With tanh
against tanh, ten disjoint seeds a side drawn from the published curves, 45% of reports had some
epoch whose 95% interval excluded 1; at the last epoch alone it was 5.7%.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lstm_ablate.evidence import counting
from lstm_ablate.evidence.pairs import Values, log_ratios
from lstm_ablate.evidence.typical import ratio_of
from lstm_ablate.experiment.settings import Training

Result = Mapping[str, Any]  # the result of a run, as its record holds it


@dataclass(frozen=True)
class ByEpoch:
    """The typical ratio of validation losses at each epoch, from 1, over a number of pairs.

    `medians` are (low, high), which differ only if a median lies between two values that are not
    both finite. Half of the pairs lie between `q1` and `q3`, which are ratios of single pairs.
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
    """Return the ratio by epoch of the runs that ended, given by seed; None if there is no pair.

    `training` holds the settings of the variant and of the baseline. If they differ in epochs, the
    ratio goes only as far as both.
    """
    seeds = [seed for seed in variant if seed in baseline]
    if not seeds:
        return None
    last = min(settings.epochs for settings in training)
    mine, base = (
        np.array([_so_far(runs[seed], settings)[:last] for seed in seeds])
        for runs, settings in zip((variant, baseline), training, strict=True)
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

    For `best` that is the best loss so far, for `last` the loss of the epoch itself. It is infinite
    from the epoch on at which the run diverged.
    """
    losses = np.full(training.epochs, np.inf)
    known = [np.inf if loss is None else loss for loss in result["validation_losses"]]
    losses[: len(known)] = known
    if training.select == "best":
        losses = np.fmin.accumulate(losses)
    if result["status"] == "diverged":
        losses[result["diverged_epoch"] - 1 :] = np.inf
    return losses
