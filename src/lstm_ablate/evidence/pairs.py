"""The pairs of a variant and the baseline: how far apart they are at each seed, and who wins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Losses = Mapping[int, float]  # test loss of each run that ended, by seed; infinite if it diverged


@dataclass(frozen=True)
class Counts:
    """At how many seeds a variant wins, loses, or draws."""

    wins: int
    losses: int
    draws: int

    @property
    def pairs(self) -> int:
        """The number of seeds at which the runs of both sides ended."""
        return self.wins + self.losses + self.draws


def log_ratios(variant: Values, baseline: Values) -> Values:
    """Return d = log(variant / baseline) for losses from 0 to infinite, in arrays of equal shape.

    A run that diverged has an infinite loss, so d is infinite if only one run of a pair diverged,
    and also if only one loss is 0. Equal losses are a draw, with d = 0, and so are two diverged
    runs.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        d = np.log(variant) - np.log(baseline)
    return np.where(variant == baseline, 0.0, d)


def differences(variant: Losses, baseline: Losses) -> dict[int, float]:
    """Return d at each seed at which the runs of both sides ended; no other seed has a pair."""
    seeds = [seed for seed in variant if seed in baseline]
    sides = (np.array([side[seed] for seed in seeds], float) for side in (variant, baseline))
    return dict(zip(seeds, log_ratios(*sides).tolist(), strict=True))


def counts(d: Iterable[float]) -> Counts:
    """Return how many differences are below 0 (the variant wins), above 0 (it loses), and 0."""
    known = list(d)
    wins, losses = sum(x < 0 for x in known), sum(x > 0 for x in known)
    return Counts(wins, losses, len(known) - wins - losses)
