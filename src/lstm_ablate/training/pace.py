"""Predicts when the first runs of a sweep will be kept, from the epochs that have come in."""

from collections.abc import Callable, Iterable, Iterator

from lstm_ablate.training.sweep import Epoch, Finished

_Step = Epoch | Finished


class Pace:
    """Watches a sweep from its start, in seconds of any clock.

    The runs of a group end together, so that it may take long until the first run is kept. As soon
    as a run has had two epochs, its end can be predicted.
    """

    def __init__(self, start: float):
        self.start = start
        self.finished = 0
        self._first: dict[str, tuple[float, int]] = {}  # seconds and epoch, by the id of a run
        self._ends: dict[str, float] = {}

    def count(self, step: _Step, now: float) -> None:
        """Take an epoch or a finished run into account, which came in at the time `now`."""
        if isinstance(step, Finished):
            self.finished += 1
            return
        since, epoch = self._first.setdefault(step.run.id, (now, step.epoch))
        if step.epoch > epoch:
            each = (now - since) / (step.epoch - epoch)
            self._ends[step.run.id] = now + each * (step.run.settings.training.epochs - step.epoch)

    def first_end(self) -> float | None:
        """Return when the first runs will end at their present pace, or None if it is unknown."""
        return min(self._ends.values(), default=None)


def watched(steps: Iterable[_Step], pace: Pace, clock: Callable[[], float]) -> Iterator[_Step]:
    """Yield the steps, after `pace` has counted each."""
    for step in steps:
        pace.count(step, clock())
        yield step
