"""The attempts of a sweep, as a value: what is still to be tried, and what is tried next.

A run has two attempts in all. It shares the first one with its group; if the group fails, each of
its runs is tried once more, alone. A failure that another driver noted counts as the first attempt.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from lstm_ablate.experiment.runs import Run, groups

Group = tuple[Run, ...]


class Attempt(Enum):
    """Which of its two attempts a run has in a round."""

    FIRST = "a run that fails is tried once more"
    LAST = "a run that fails is recorded as failed"


@dataclass(frozen=True)
class Round:
    """The groups that are tried next, all for the first time or all for the last time."""

    attempt: Attempt
    groups: tuple[Group, ...]
    ends_with_a_failure: bool  # whether its first failure interrupts the groups at work


@dataclass(frozen=True)
class Attempts:
    """What is still to be tried: whole groups for the first time, single runs for the last time.

    With `fail_fast` a run that failed is tried again at once, before the groups that are left. If
    it fails again, nothing is left to be tried.
    """

    untried: tuple[Group, ...]
    failed_once: tuple[Run, ...]
    fail_fast: bool = False

    def next_round(self) -> Round | None:
        """Return what is tried next, or None where nothing is left.

        Runs that failed once wait until every group has been tried, unless the sweep fails fast.
        """
        if self.failed_once and (self.fail_fast or not self.untried):
            return Round(Attempt.LAST, tuple((run,) for run in self.failed_once), self.fail_fast)
        if self.untried:
            return Round(Attempt.FIRST, self.untried, self.fail_fast)
        return None

    def after(self, tried: Round, ended: Collection[int], failed: Sequence[int]) -> "Attempts":
        """Return what is left after a round.

        `ended` are the groups that ended, by their index; `failed` are those of them that failed.
        A group that did not end was interrupted because another one failed. That is no failure of
        its own, and it is tried again from its start.
        """
        if tried.attempt is Attempt.LAST:
            stops = bool(failed) and tried.ends_with_a_failure
            return replace(self, untried=() if stops else self.untried, failed_once=())
        left = tuple(group for index, group in enumerate(tried.groups) if index not in ended)
        once = tuple(run for index in failed for run in tried.groups[index])
        return replace(self, untried=left, failed_once=self.failed_once + once)


def begin(missing: Sequence[Run], noted: Collection[str], *, fail_fast: bool = False) -> Attempts:
    """Return the attempts at the start of a sweep; `noted` are the ids of runs that failed once."""
    untried = groups([run for run in missing if run.id not in noted])
    failed_once = tuple(run for run in missing if run.id in noted)
    return Attempts(tuple(map(tuple, untried)), failed_once, fail_fast)
