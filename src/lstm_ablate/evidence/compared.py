"""A variant's results beside those of the baseline in a task: losses, and what their pairs say."""

from collections.abc import Callable, Mapping
from typing import Any

from lstm_ablate.evidence import learning, verdicts
from lstm_ablate.evidence.pairs import differences
from lstm_ablate.evidence.verdicts import Comparison
from lstm_ablate.experiment.identity import settings_id
from lstm_ablate.experiment.resolved import Experiment

Results = Mapping[int, Mapping[str, Any]]  # of the runs of a variant in a task, by seed
Needed = Callable[[int], int | None]  # from a number of pairs to the wins that a verdict takes


def ended(results: Results) -> dict[int, Mapping[str, Any]]:
    """Return the results of the runs that did not fail, by seed."""
    return {seed: one for seed, one in results.items() if one["status"] != "failed"}


def losses(results: Results) -> dict[int, float]:
    """Return the test loss of each run that ended by seed, infinite where it diverged."""
    return {
        seed: float(one["test_loss"]) if one["status"] == "ok" else float("inf")
        for seed, one in ended(results).items()
    }


def comparison(mine: Results, base: Results, needed: Needed, margin: float) -> Comparison | None:
    """Return what the pairs of two sides say; None where no seed has a run of both that ended."""
    d = list(differences(losses(mine), losses(base)).values())
    if not d:
        return None
    sides = [list(ended(side).values()) for side in (mine, base)]
    return verdicts.judge(
        d,
        needed(len(d)),
        margin,
        learned=any(learning.median_has_learned(side) is not False for side in sides),
        diverged=any(one["status"] == "diverged" for side in sides for one in side),
    )


def coincide(experiment: Experiment, task: str, variant: str) -> bool:
    """Whether a variant means the same training as the baseline in a task."""
    mine, base = (experiment.settings[task, name] for name in (variant, experiment.baseline))
    return settings_id(mine) == settings_id(base)
