"""What a report draws of the runs themselves: learning curves and reconstructions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lstm_ablate.evidence.compared import Results
from lstm_ablate.experiment.resolved import Experiment


@dataclass(frozen=True)
class Curve:
    """Validation losses of a variant by epoch, from 1: median and quartiles over the runs that have
    not diverged by then.

    `ends` are (epoch, last finite loss) of the runs that diverged, in the order of their seeds.
    """

    median: tuple[float, ...]
    q1: tuple[float, ...]
    q3: tuple[float, ...]
    ends: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Shown:
    """The first feature of some test windows [N][T] of a seed, and their reconstructions."""

    seed: int
    windows: list[list[float]]
    reconstructions: Mapping[str, list[list[float]]]


def curve(results: Results) -> Curve | None:
    """Return the learning curve of the runs that ended, or None if there is no finite loss."""
    ended = [result for result in results.values() if result["status"] != "failed"]
    runs = [result["validation_losses"] for result in ended]
    losses = np.full((len(runs), max(map(len, runs), default=0)), np.nan)
    for row, values in zip(losses, runs, strict=True):
        row[: len(values)] = [np.nan if value is None else value for value in values]
    going = losses[:, np.isfinite(losses).any(axis=0)] if runs else losses
    if going.size == 0:
        return None
    q1, median, q3 = np.nanquantile(going, [0.25, 0.5, 0.75], axis=0).tolist()
    ends = []
    for result, row in zip(ended, losses, strict=True):
        finite = np.flatnonzero(np.isfinite(row))
        if result["status"] == "diverged" and len(finite):
            ends.append((int(finite[-1]) + 1, float(row[finite[-1]])))
    return Curve(tuple(median), tuple(q1), tuple(q3), tuple(ends))


def shown(
    experiment: Experiment, task: str, results: Mapping[tuple[str, str], Results]
) -> Shown | None:
    """Return the windows of one seed of a task, with the reconstruction of each variant.

    It is the seed at which the baseline has its (lower) median loss. If no run of the baseline can
    be shown, the next variant that has one takes its place. A variant without a run to show at that
    seed is left out, because its curves would lie over another seed's windows.
    """
    can_be_shown = {
        variant: {
            seed: result
            for seed, result in results.get((task, variant), {}).items()
            if result.get("reconstructions")
        }
        for variant in (experiment.baseline, *experiment.variants)
    }
    first = next((found for found in can_be_shown.values() if found), None)
    if first is None:
        return None
    seed = sorted(first, key=lambda seed: first[seed]["test_loss"])[(len(first) - 1) // 2]
    return Shown(
        seed,
        first[seed]["windows"],
        {
            variant: can_be_shown[variant][seed]["reconstructions"]
            for variant in experiment.variants
            if seed in can_be_shown[variant]
        },
    )
