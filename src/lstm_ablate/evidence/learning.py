"""Whether runs have learned anything, and whether they were still learning when training ended."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lstm_ablate.evidence import counting

Result = Mapping[str, Any]  # of a run, as its record holds it
LEARNED = 0.9  # of the ceiling: a run with a lower loss has learned
_EARLY = (4, 5)  # of the epochs: what is gained after these four fifths counts as recent


def median_has_learned(ended: Sequence[Result]) -> bool | None:
    """Return whether the median of the runs that ended has learned: half of them at least.

    A run has learned if its test loss is below 0.9 of its ceiling, the loss of predicting the mean
    of the test windows; one that diverged has not. None where no run ended, or where a record has
    no ceiling.
    """
    if not ended or any(result.get("ceiling") is None for result in ended):
        return None
    return half_have(
        [
            result["status"] == "ok" and has_learned(result["test_loss"], result["ceiling"])
            for result in ended
        ]
    )


def not_learned(ended: Sequence[Result]) -> int | None:
    """Return how many runs ended in order and have not learned; None where a record has no ceiling.

    Where the typical loss is high, such a run is not far above it, and yet it is a failure.
    """
    if any(result.get("ceiling") is None for result in ended):
        return None
    ok = [result for result in ended if result["status"] == "ok"]
    return len(ok) - sum(has_learned(result["test_loss"], result["ceiling"]) for result in ok)


def has_learned(loss: float, ceiling: float) -> bool:
    """Return whether a run has learned a part, given its loss there and that of the mean."""
    return loss < LEARNED * ceiling


def half_have(learned: Sequence[bool]) -> bool:
    """Return whether the median run has learned: half of the runs at least."""
    return 2 * sum(learned) >= len(learned)


def gain(ended: Sequence[Result]) -> float | None:
    """Return by what factor the typical run still lowered its validation loss at the end.

    It is the median, over the runs that ended in order, of the best loss within the first 80% of
    the epochs (rounded down, at least 1) over the best of all: 1 where nothing was gained any more.
    None where no run ended in order.
    """
    curves = [
        result["validation_losses"]
        for result in ended
        if result["status"] == "ok" and result["validation_losses"]
    ]
    return counting.median(map(_gain_of, curves))[0] if curves else None


def _gain_of(losses: Sequence[float]) -> float:
    early, best = min(losses[: max(1, len(losses) * _EARLY[0] // _EARLY[1])]), min(losses)
    if early == best:
        return 1.0
    return early / best if best else math.inf
