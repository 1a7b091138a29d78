"""What a sweep tries next, against cases written out by hand: each run has two attempts, and in the
last it is alone.
"""

import pytest

from lstm_ablate.experiment import runs, sizes
from lstm_ablate.experiment.settings import Adam, Settings, Training
from lstm_ablate.training import attempts
from lstm_ablate.training.attempts import Attempt, Round

FIRST, SECOND, THIRD = (
    runs.Run("task", "variant", seed, Settings(), "keras") for seed in (1, 2, 3)
)
ALL = [FIRST, SECOND, THIRD]


def alone(*which):
    return tuple((run,) for run in which)


def followed(left, outcomes):
    """Return the rounds of a sweep; `outcomes` says how the attempts of a run end, in their order.

    An outcome is "ok" or "fails", and is consumed; a run that is not in `outcomes` ends "ok".
    """
    rounds = []
    while this_round := left.next_round():
        rounds.append((this_round.attempt, this_round.groups))
        assert len(rounds) < 50, "the rounds of a sweep do not end"
        ended, failed = set(), []
        for index, group in enumerate(this_round.groups):
            ended.add(index)
            if "fails" in [outcomes.get(run, ["ok"]).pop(0) for run in group]:
                failed.append(index)
                if this_round.ends_with_a_failure:
                    break
        left = left.after(this_round, ended, failed)
        assert len(rounds) < 10, "the sweep does not end"
    return rounds


def test_without_failures_one_round_tries_every_group():
    left = attempts.begin(ALL, set())
    assert left.next_round() == Round(Attempt.FIRST, alone(*ALL), ends_with_a_failure=False)
    assert left.after(left.next_round(), {0, 1, 2}, []).next_round() is None


def test_without_missing_runs_there_is_no_round():
    assert attempts.begin([], {"0" * 16}).next_round() is None


def test_failed_runs_are_tried_once_more_after_all_others():
    outcomes = {FIRST: ["fails", "ok"], THIRD: ["fails", "fails"]}
    assert followed(attempts.begin(ALL, set()), outcomes) == [
        (Attempt.FIRST, alone(*ALL)),
        (Attempt.LAST, alone(FIRST, THIRD)),
    ]
    assert outcomes == {FIRST: [], THIRD: []}  # each had its two attempts, and no third


def test_a_group_that_fails_is_tried_run_by_run(monkeypatch):
    monkeypatch.setattr(sizes, "group_size", lambda *settings: 2)
    assert followed(attempts.begin(ALL, set()), {SECOND: ["fails", "fails"]}) == [
        (Attempt.FIRST, ((FIRST, SECOND), (THIRD,))),
        (Attempt.LAST, alone(FIRST, SECOND)),
    ]


def test_runs_that_share_a_program_are_tried_in_groups_together(monkeypatch):
    monkeypatch.setattr(sizes, "group_size", lambda *settings: 2)
    fast = Settings(training=Training(optimizer=Adam(learning_rate=0.1)))
    faster = runs.Run("task", "faster", 1, fast, "keras")
    assert followed(attempts.begin([*ALL, faster], set()), {faster: ["fails", "ok"]}) == [
        (Attempt.FIRST, ((FIRST, SECOND), (THIRD, faster))),
        (Attempt.LAST, alone(THIRD, faster)),
    ]


@pytest.mark.parametrize("fail_fast", [False, True])
def test_a_noted_failure_was_the_first_attempt(fail_fast):
    rounds = followed(attempts.begin(ALL, {SECOND.id}, fail_fast=fail_fast), {})
    expected = [(Attempt.FIRST, alone(FIRST, THIRD)), (Attempt.LAST, alone(SECOND))]
    assert rounds == (expected[::-1] if fail_fast else expected)


def test_with_fail_fast_a_failed_run_is_tried_at_once_and_if_it_succeeds_the_others_go_on():
    outcomes = {FIRST: ["ok"], SECOND: ["fails", "ok"], THIRD: ["ok"]}
    assert followed(attempts.begin(ALL, set(), fail_fast=True), outcomes) == [
        (Attempt.FIRST, alone(*ALL)),
        (Attempt.LAST, alone(SECOND)),
        (Attempt.FIRST, alone(THIRD)),
    ]


def test_with_fail_fast_no_run_is_tried_after_one_that_failed_twice():
    outcomes = {FIRST: ["fails", "fails"]}
    assert followed(attempts.begin(ALL, set(), fail_fast=True), outcomes) == [
        (Attempt.FIRST, alone(*ALL)),
        (Attempt.LAST, alone(FIRST)),
    ]
    noted = {FIRST.id, SECOND.id}
    rounds = followed(attempts.begin(ALL, noted, fail_fast=True), {FIRST: ["fails"]})
    assert rounds == [(Attempt.LAST, alone(FIRST, SECOND))]


def test_a_group_that_was_interrupted_keeps_both_attempts():
    """Two groups were at work when the first one failed; the interrupted one starts again."""
    left = attempts.begin(ALL, set(), fail_fast=True)
    left = left.after(left.next_round(), ended=[1], failed=[1])
    assert (left.untried, left.failed_once) == (alone(FIRST, THIRD), (SECOND,))


def test_no_transition_changes_the_value_that_it_starts_from():
    left = attempts.begin(ALL, {FIRST.id}, fail_fast=True)
    before = (left.untried, left.failed_once)
    last = left.next_round()
    assert left.after(last, {0}, [0]).next_round() is None
    assert (left.untried, left.failed_once) == before and left.next_round() == last
