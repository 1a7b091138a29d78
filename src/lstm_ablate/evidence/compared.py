"""A variant's results against the baseline's in a task: losses, and the verdict on their pairs."""

from collections.abc import Callable, Mapping
from typing import Any

from lstm_ablate.evidence import learning, verdicts
from lstm_ablate.evidence.pairs import differences
from lstm_ablate.evidence.verdicts import Comparison
from lstm_ablate.experiment.identity import settings_id
from lstm_ablate.experiment.resolved import Experiment

Results = Mapping[int, Mapping[str, Any]]  # the results of a variant's runs in a task, by seed
Needed = Callable[[int], int | None]  # from a number of pairs to the wins that a verdict needs


def ended(results: Results) -> dict[int, Mapping[str, Any]]:
    """Return the results of the runs that did not fail, by seed."""
    return {seed: result for seed, result in results.items() if result["status"] != "failed"}


def losses(results: Results) -> dict[int, float]:
    """Return the test loss of each run that did not fail, by seed; infinite if it diverged."""
    return {
        seed: float(result["test_loss"]) if result["status"] == "ok" else float("inf")
        for seed, result in ended(results).items()
    }


def comparison(mine: Results, base: Results, needed: Needed, margin: float) -> Comparison | None:
    """Judge the pairs of two sides; None if there is no seed at which the runs of both ended."""
    d = list(differences(losses(mine), losses(base)).values())
    if not d:
        return None
    sides = [list(ended(side).values()) for side in (mine, base)]
    return verdicts.judge(
        d,
        needed(len(d)),
        margin,
        learned=any(learning.median_has_learned(side) is not False for side in sides),
        diverged=any(result["status"] == "diverged" for side in sides for result in side),
    )


def coincide(experiment: Experiment, task: str, variant: str) -> bool:
    """Return whether a variant means the same training as the baseline in a task."""
    mine, base = (experiment.settings[task, name] for name in (variant, experiment.baseline))
    return settings_id(mine) == settings_id(base)
