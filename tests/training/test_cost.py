"""Predictions of time, memory and disk, against finished runs and against sizes."""

from itertools import combinations
from pathlib import Path

import pytest

from lstm_ablate.experiment import loading, runs
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.store.records import Found, Record
from lstm_ablate.training import cost as costs
from lstm_ablate.training import sweep

SMOKE = Path(__file__).parents[2] / "configs" / "smoke.yaml"


@pytest.fixture
def expanded():
    return runs.expand(loading.load(SMOKE, ("seeds=2", "training.epochs=3")), "keras")


def test_costs_follow_the_finished_runs(expanded):
    known = [run for run in expanded if run.seed == 0]
    missing = [run for run in expanded if run.seed == 1]
    done = {run.id: Record(run.id, {}, {"epochs": 2}, {"training_seconds": 10.0}) for run in known}
    cost = costs.cost(sweep.Plan(expanded, missing, Found(done, [], {})), workers=2)
    assert cost.measured
    assert cost.seconds == pytest.approx((2 * 3 * 5.0 + 2 * costs._SECONDS_PER_MODEL) / 2 + 4.0)
    plan = sweep.Plan(expanded, missing, Found(done, [], {}))
    by_workers = {n: costs.cost(plan, n).seconds for n in (1, 2, 3, 99)}
    assert by_workers[2] == by_workers[3] == by_workers[99]  # no third worker gets a group
    assert by_workers[1] - 4.0 == pytest.approx(2 * (by_workers[2] - 4.0))
    nothing = costs.cost(sweep.Plan(expanded, [], Found({}, [], {})), workers=2)
    assert (nothing.seconds, nothing.disk_bytes) == (0, 0)


def test_a_program_is_paid_for_once_by_runs_that_differ_only_in_numbers():
    """And by each worker, for every one of them compiles it."""

    def of(*trainings, workers=1):
        each = [Settings.model_validate({"training": training}) for training in trainings]
        planned = [runs.Run("task", "x", 0, settings, "keras") for settings in each]
        return costs.cost(sweep.Plan(planned, planned, Found({}, [], {})), workers).seconds - 4.0

    rates = [{"optimizer": {"name": "adam", "learning_rate": 0.1 / k}} for k in (1, 2, 3, 4)]
    one, compiled = of(rates[0]), costs._SECONDS_PER_MODEL
    assert of(*rates) == pytest.approx(4 * (one - compiled) + compiled)
    assert of(*rates, workers=2) == pytest.approx((4 * (one - compiled) + 2 * compiled) / 2)
    assert of(rates[0], {"optimizer": "sgd"}) == pytest.approx(2 * one)


def test_seconds_of_finished_runs_tell_of_those_that_differ_only_in_numbers():
    fast, slow = (
        runs.Run("task", "x", 0, Settings.model_validate({"training": training}), "keras")
        for training in ({"epochs": 3, "optimizer": {"name": "adam", "beta_1": 0.5}}, {"epochs": 7})
    )
    done = {fast.id: Record(fast.id, {}, {"epochs": 2}, {"training_seconds": 10.0})}
    cost = costs.cost(sweep.Plan([fast, slow], [slow], Found(done, [], {})), workers=1)
    assert cost.measured
    assert cost.seconds == pytest.approx(7 * 5.0 + costs._SECONDS_PER_MODEL + 4.0)


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
        predicted.append(costs.cost(sweep.Plan([run], [run], Found({}, [], {})), 1).seconds)
    assert all(seconds > predicted[0] for seconds in predicted[1:])
    assert len({round(a / b, 3) for a, b in combinations(predicted, 2)}) > 3
