"""Predictions of time, memory and disk, against finished runs, schedules by hand and sizes."""

from itertools import combinations
from pathlib import Path

import pytest

from lstm_ablate.experiment import loading, runs
from lstm_ablate.experiment.network import network_of
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.store.records import Found, Record
from lstm_ablate.training import cost as costs
from lstm_ablate.training import sweep
from lstm_ablate.training.speed import Speed

CONFIGS = Path(__file__).parents[2] / "configs"
SMOKE = CONFIGS / "smoke.yaml"

# A worker starts in 4 s, a program is compiled in 10 s. The driver takes 3.4 s before and beside
# the runs, and 1 s for each row of the report.
SPEED = Speed(start=4.0, build=10.0, tensor=0.0, kind=0.0, turn=1e-4, cell=1e-8, product=1e-9)
ONE = 4.0 + 3.4 + 1.0
AROUND = ONE + 1.0  # of two variants


@pytest.fixture
def expanded():
    return runs.expand(loading.load(SMOKE, ("seeds=2", "training.epochs=3")), "keras")


def of(planned, missing=None, workers=1, done=(), others=()):
    found = Found({record.run: record for record in done}, [], {})
    return costs.cost(
        sweep.Plan(planned, planned if missing is None else missing, found), workers, SPEED, others
    )


def recorded(run, seconds, epochs=2, **meta):
    return Record(run.id, {}, {"epochs": epochs}, {"training_seconds": seconds, **meta})


def test_costs_follow_the_finished_runs(expanded):
    known = [run for run in expanded if run.seed == 0]
    missing = [run for run in expanded if run.seed == 1]
    done = [recorded(run, 10.0) for run in known]
    # Two structures, one for each worker: 10 s to compile, 3 epochs of 5 s.
    cost = of(expanded, missing, 2, done)
    assert cost.measured
    assert cost.seconds == pytest.approx(AROUND + 10 + 3 * 5.0)
    assert cost.first_seconds == pytest.approx(4 + 10 + 3 * 5.0)
    by_workers = {n: of(expanded, missing, n, done).seconds for n in (1, 2, 3, 99)}
    assert by_workers[2] == by_workers[3] == by_workers[99]  # no third worker gets a group
    assert by_workers[1] - AROUND == pytest.approx(2 * (by_workers[2] - AROUND))
    nothing = of(expanded, [], 2)
    assert (nothing.seconds, nothing.first_seconds, nothing.disk_bytes) == (0, 0, 0)
    unknown = costs.cost(sweep.Plan(expanded, missing, Found({}, [], {})), 2, None)
    assert (unknown.seconds, unknown.first_seconds, unknown.measured) == (None, None, False)


def test_a_program_is_paid_for_once_by_runs_that_differ_only_in_numbers():
    """Each worker pays for it once, because each compiles it."""

    def seconds(*trainings, workers=1):
        each = [Settings.model_validate({"training": training}) for training in trainings]
        planned = [runs.Run("task", "x", 0, settings, "keras") for settings in each]
        return of(planned, workers=workers).seconds - ONE

    rates = [{"optimizer": {"name": "adam", "learning_rate": 0.1 / k}} for k in (1, 2, 3, 4)]
    one = seconds(rates[0])
    assert seconds(*rates) == pytest.approx(4 * (one - 10) + 10)
    assert seconds(*rates, workers=2) == pytest.approx(2 * (one - 10) + 10)
    assert seconds(rates[0], {"optimizer": "sgd"}) == pytest.approx(2 * one)


def test_groups_that_do_not_come_out_even_are_waited_for():
    """Of three groups of one structure on two workers, one worker trains two."""
    planned = [runs.Run("task", "x", seed, Settings(), "keras") for seed in range(3)]
    done = [recorded(runs.Run("task", "x", 9, Settings(), "keras"), 2.0)]
    others = [runs.Run("task", "x", 9, Settings(), "keras")]
    cost = of(planned, workers=2, done=done, others=others)
    assert cost.seconds == pytest.approx(ONE + 10 + 2 * 30 * 1.0)
    assert cost.first_seconds == pytest.approx(4 + 10 + 30 * 1.0)


def test_a_short_group_takes_as_long_as_a_whole_one():
    """A short group is filled up; a record says how many runs shared the seconds."""
    experiment = loading.load(SMOKE, ("seeds=6", "training.epochs=3"))
    planned = [run for run in runs.expand(experiment) if run.variant == "tanh"]
    assert [len(group) for group in runs.groups(planned)] == [5, 1]
    whole, single = recorded(planned[0], 4.0, together=5), recorded(planned[5], 20.0, together=1)
    # By each of these records an epoch of a group takes 10 s, and each worker trains one group.
    for done in ([whole], [single], [recorded(planned[0], 4.0)]):
        assert of(planned, planned, 2, done).seconds == pytest.approx(ONE + 10 + 3 * 10.0)


def test_the_report_takes_longer_with_more_rows_and_tuning_has_none(expanded):
    values = {"training": {"epochs": 1}}
    settings = Settings.model_validate(values)
    one, two, three = (runs.Run(*cell, 0, settings, "keras") for cell in ("ax", "ay", "by"))
    shared = of([one], [one]).seconds
    assert of([one, two], [one]).seconds == pytest.approx(shared + 1.0)
    assert of([one, two, three], [one]).seconds == pytest.approx(shared + 2.0)
    tuning = runs.Run("a", "x", 0, settings, "keras", purpose="tuning")
    assert of([tuning], [tuning]).seconds == pytest.approx(shared - 4.4)


def test_seconds_of_finished_runs_tell_of_those_that_differ_only_in_numbers():
    fast, slow = (
        runs.Run("task", "x", 0, Settings.model_validate({"training": training}), "keras")
        for training in ({"epochs": 3, "optimizer": {"name": "adam", "beta_1": 0.5}}, {"epochs": 7})
    )
    cost = of([fast, slow], [slow], done=[recorded(fast, 10.0)])
    assert cost.measured
    assert cost.seconds == pytest.approx(ONE + 10 + 7 * 5.0)


def test_what_a_file_holds_is_counted_in_it():
    """The parts of 1,176 and 252 rows have 577 training and 115 validation windows of 24 rows that
    start 2 rows apart.
    """
    experiment = loading.load(CONFIGS / "own_data.yaml", ("seeds=1", "training.epochs=1"))
    (run, *_) = runs.expand(experiment)
    network = network_of(run.settings.model, 24, 2)
    expected = SPEED.of_epoch(run.settings, network, 577, 115, run.group_size)
    assert of([run]).seconds == pytest.approx(ONE + 10 + expected)


def test_guesses_grow_with_every_size():
    changes = [
        {"data": {"family": "sines", "samples": {"train": 4096}}},
        {"data": {"family": "sines", "timesteps": 60}},
        {"model": {"encoder": [200, 50]}},
        {"model": {"decoder": [50, 50, 100]}},
        {"training": {"epochs": 60}},
        {"training": {"batch_size": 16}},
    ]
    predicted = []
    for values in [{}, *changes]:
        run = runs.Run("default", "x", 0, Settings.model_validate(values), "keras")
        predicted.append(of([run]).seconds)
    assert all(seconds > predicted[0] for seconds in predicted[1:])
    assert len({round(a / b, 3) for a, b in combinations(predicted, 2)}) > 3
