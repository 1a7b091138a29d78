"""Progress in a log file and on a terminal: what is shown of runs whose steps are written here."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from lstm_ablate.display import progress
from lstm_ablate.experiment import loading, runs
from lstm_ablate.store.records import Record
from lstm_ablate.training import sweep

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


def test_a_tuning_run_is_told_with_the_value_that_it_tries():
    tune = "tune={path: training.optimizer.learning_rate, grid: [0.001, 0.01]}"
    experiment = loading.load(SMOKE, (tune, "tune.seeds=1", "training.epochs=3"))
    (run, *_) = runs.tuning_runs(experiment, "default", (0.001,))
    record = Record(run.id, run.identity, {"status": "ok", "validation_loss": 0.125}, {})
    stream, step = io.StringIO(), sweep.Finished(run, record, "stored")
    list(progress.shown([step], [run], 0, Console(file=stream, width=200)))
    told = "tuning, 0.001, tanh, seed 0: validation loss 0.125"
    assert stream.getvalue() == f"1/1 runs, 0:00 left; {told}\n"


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
    assert (
        stream.getvalue().splitlines()[-1]
        == "5/7 runs, 0:43 left; relu, seed 0: epoch 1/3, loss 0.25"
    )


def test_time_left_is_told_once_it_means_something(expanded, monkeypatch):
    """The first epochs include a compilation, so they say nothing about the others."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    tally = progress._Tally(expanded, 0)
    told = []
    for step, seconds in zip(steps(expanded), (8, 0, 4.9, 0.2), strict=False):
        now[0] += seconds
        tally.count(step)
        told.append(tally.left())
    assert told == ["time left unknown"] * 3 + ["0:39 left"]  # 13.1 s for 3 of 12 epochs


def test_until_the_first_runs_are_kept_each_line_says_when_that_will_be(expanded, monkeypatch):
    """Two epochs are 30 s apart, and one is left."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    tally = progress._Tally(expanded, 0)
    told = []
    for step in list(steps(expanded))[:4]:
        now[0] += 30.0
        tally.count(step)
        told.append(tally.left())
    assert told == [
        "time left unknown",
        "5:00 left, the first are kept in about 30 s",
        "4:30 left, the first are kept in about 1 s",
        "6:00 left",
    ]


def test_a_last_second_that_lasts_is_no_second(expanded, monkeypatch):
    """ "0:01 left" once stood for long, with nine runs open: all of their epochs were trained."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    tally = progress._Tally(expanded, 0)
    for run in expanded:
        now[0] += 30.0
        tally.count(sweep.Epoch(run, run.settings.training.epochs, 0.5, 0.25))
    assert tally.left() == "every epoch is trained, the last runs are judged"


def test_of_several_tasks_each_line_names_its_own():
    expanded = runs.expand(
        loading.load(
            SMOKE, ("seeds=2", "training.epochs=3", "tasks.a={}", "tasks.b={data.noise: 1}")
        ),
        "keras",
    )
    stream = io.StringIO()
    list(progress.shown(steps(expanded), expanded, 0, Console(file=stream, width=200)))
    assert stream.getvalue().splitlines()[-1].endswith("; b, relu, seed 1: diverged at epoch 3")


def test_a_terminal_gets_one_bar(expanded):
    stream = io.StringIO()
    console = Console(file=stream, width=120, force_terminal=True)
    list(progress.shown(steps(expanded), expanded, 0, console))
    assert "4/4 runs" in stream.getvalue()
