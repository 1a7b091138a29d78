"""When the first runs of a sweep are kept, against times by hand."""

from pathlib import Path

import pytest

from lstm_ablate.experiment import loading, runs
from lstm_ablate.store.records import Record
from lstm_ablate.training.pace import Pace, watched
from lstm_ablate.training.sweep import Epoch, Finished

SMOKE = Path(__file__).parents[2] / "configs" / "smoke.yaml"


@pytest.fixture
def two():
    """Two runs of 10 epochs."""
    return runs.expand(loading.load(SMOKE, ("seeds=1", "training.epochs=10")), "keras")


def test_the_first_end_follows_from_the_epochs_of_the_fastest_run(two):
    slow, fast = two
    pace = Pace(100.0)
    steps = [(slow, 1, 110), (fast, 1, 111), (fast, 2, 112), (slow, 2, 114), (fast, 4, 115)]
    told = []
    for run, epoch, now in steps:
        pace.count(Epoch(run, epoch, 0.5, 0.5), now)
        told.append(pace.first_end())
    # The first epoch says nothing. Later ones take 1 s, then 4/3 s each, and 8 and then 6 are left.
    # The 8 epochs of 4 s that the slow run has left end later.
    assert told == [None, None, 112 + 8, 112 + 8, pytest.approx(115 + 6 * 4 / 3)]


def test_steps_are_passed_on_and_finished_runs_counted(two):
    pace = Pace(0.0)
    steps = [Epoch(two[0], 1, 0.5, 0.5), Finished(two[0], Record("x", {}, {}, {}), "stored")]
    assert list(watched(iter(steps), pace, lambda: 1.0)) == steps
    assert pace.finished == 1
