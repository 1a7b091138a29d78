"""Progress in a log file and on a terminal, and predictions against what they predict."""

import io
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from lstm_ablate import machine
from lstm_ablate.cli import progress
from lstm_ablate.errors import UserError
from lstm_ablate.evidence import reach
from lstm_ablate.experiment import loading, runs, sizes
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.store.records import Record
from lstm_ablate.training import cost as costs
from lstm_ablate.training import resources, sweep

SMOKE = Path(__file__).parents[2] / "configs" / "smoke.yaml"


@pytest.fixture
def expanded():
    return runs.expand(loading.load(SMOKE, ("seeds=2", "training.epochs=3")), "keras")


def steps(expanded):
    for run in expanded:
        for epoch in (1, 2, 3):
            yield sweep.Epoch(run, epoch, 0.5, 0.25)
        result = {"status": "ok", "test_loss": 0.125}
        if run.seed == 1:
            result = {"status": "diverged", "diverged_epoch": 3}
        yield sweep.Finished(run, Record(run.id, {}, result, {}), "stored")


def test_a_log_file_gets_plain_lines_and_always_the_last_one(expanded, monkeypatch):
    stream = io.StringIO()
    finished = list(progress.shown(steps(expanded), expanded, 0, Console(file=stream, width=200)))
    lines = stream.getvalue().splitlines()
    assert len(finished) == 4
    assert len(lines) == 2  # the first step and the last one: two seconds have not passed
    assert lines[-1] == "4/4 runs, 0:00 left; relu, seed 1: diverged at epoch 3"
    assert "\x1b" not in stream.getvalue()


def test_time_left_counts_epochs(expanded, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    shown = progress.shown(steps(expanded), expanded, 3, Console(file=stream, width=200))
    for _ in range(2):
        next(shown)
        now[0] += 30.0
    next(shown)
    # 60 seconds after the start 7 of 12 epochs are done: 60 / 7 * 5 seconds are left
    assert stream.getvalue().splitlines()[-1] == "5/7 runs, 0:43 left; relu, seed 0: epoch 1/3, loss 0.25"


def test_time_left_is_told_once_it_means_something(expanded, monkeypatch):
    """The first epochs wait for a compilation; they say nothing of the others."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    tally = progress._Tally(expanded, 0)
    told = []
    for step, seconds in zip(steps(expanded), (8, 0, 4.9, 0.2), strict=False):
        now[0] += seconds
        tally.count(step)
        told.append(tally.left())
    assert told == ["time left unknown"] * 3 + ["0:39 left"]  # 13.1 s for 3 of 12 epochs


def test_of_several_tasks_each_line_names_its_own():
    expanded = runs.expand(
        loading.load(SMOKE, ("seeds=2", "training.epochs=3", "tasks.a={}", "tasks.b={data.noise: 1}")), "keras"
    )
    stream = io.StringIO()
    list(progress.shown(steps(expanded), expanded, 0, Console(file=stream, width=200)))
    assert stream.getvalue().splitlines()[-1].endswith("; b, relu, seed 1: diverged at epoch 3")


def test_a_terminal_gets_one_bar(expanded):
    stream = io.StringIO()
    console = Console(file=stream, width=120, force_terminal=True)
    list(progress.shown(steps(expanded), expanded, 0, console))
    assert "4/4 runs" in stream.getvalue()


def test_the_smallest_p_is_that_of_all_signs_alike():
    """Against all sign flips of n paired differences, the definition of the exact test."""
    for n in range(1, 9):
        differences = np.arange(1, n + 1)
        sums = [abs(np.dot(signs, differences)) for signs in product((-1, 1), repeat=n)]
        assert reach.smallest_p(n) == pytest.approx(np.mean(np.array(sums) >= differences.sum()))


def test_costs_follow_the_finished_runs(expanded):
    known = [run for run in expanded if run.seed == 0]
    missing = [run for run in expanded if run.seed == 1]
    done = {run.id: Record(run.id, {}, {"epochs": 2}, {"training_seconds": 10.0}) for run in known}
    cost = costs.cost(sweep.Plan(expanded, missing, done, []), workers=2)
    assert cost.measured
    assert cost.seconds == pytest.approx((2 * 3 * 5.0 + 2 * costs._SECONDS_PER_MODEL) / 2 + 4.0)
    plan = sweep.Plan(expanded, missing, done, [])
    by_workers = {n: costs.cost(plan, n).seconds for n in (1, 2, 3, 99)}
    assert by_workers[2] == by_workers[3] == by_workers[99]  # no third worker gets a group
    assert by_workers[1] - 4.0 == pytest.approx(2 * (by_workers[2] - 4.0))
    nothing = costs.cost(sweep.Plan(expanded, [], {}, []), workers=2)
    assert (nothing.seconds, nothing.disk_bytes) == (0, 0)


def test_the_memory_of_a_group_is_that_of_all_its_runs(monkeypatch):
    """A machine has room for one run and a half."""

    def predicted(size):
        one = loading.load(SMOKE, (f"group_size={size}",))
        resources.check_memory(one)
        return costs.cost(sweep.plan(one, Path("nowhere")), 1).memory_bytes

    alone = predicted(1) - sizes.WORKER_BYTES
    assert alone > 0
    assert predicted(4) == pytest.approx(sizes.WORKER_BYTES + 4 * alone)
    room = sizes.WORKER_BYTES + 1.5 * alone
    monkeypatch.setattr(machine, "memory_bytes", lambda: room)
    assert predicted(1) < room
    with pytest.raises(UserError, match="training would take about"):
        predicted(2)


def test_guesses_grow_with_every_size():
    sizes = [
        {"data": {"family": "sines", "samples": {"train": 4096}}},
        {"data": {"family": "sines", "timesteps": 60}},
        {"model": {"encoder": [200, 50]}},
        {"model": {"decoder": [50, 50, 100]}},
        {"training": {"epochs": 60}},
        {"training": {"batch_size": 16}},
    ]
    predicted = []
    for values in [{}, *sizes]:
        run = runs.Run("default", "x", 0, Settings.model_validate(values), "keras")
        predicted.append(costs.cost(sweep.Plan([run], [run], {}, []), 1).seconds)
    assert all(seconds > predicted[0] for seconds in predicted[1:])
    assert len({round(a / b, 3) for a, b in combinations(predicted, 2)}) > 3
