"""Progress in a log file: what is told of runs whose steps are written here."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from lstm_ablate.display import progress, tally
from lstm_ablate.experiment import loading, runs
from lstm_ablate.store.records import Found, Record
from lstm_ablate.study import Stage
from lstm_ablate.training import sweep

SMOKE = Path(__file__).parents[2] / "configs" / "smoke.yaml"


@pytest.fixture
def expanded():
    return runs.expand(loading.load(SMOKE, ("seeds=2", "training.epochs=3")), "keras")


def stage(missing, *, done=(), sealed=False, seconds=None):
    """What trains these runs, where others are done."""
    records = {run.id: Record(run.id, {}, {"status": "ok", "test_loss": 0.5}, {}) for run in done}
    return Stage(sweep.Plan([*missing, *done], missing, Found(records, [], {})), sealed, seconds)


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
    finished = list(
        progress.shown(steps(expanded), stage(expanded), Console(file=stream, width=200))
    )
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
    list(progress.shown([step], stage([run], sealed=True), Console(file=stream, width=200)))
    assert stream.getvalue() == "1/1 runs, 0:00 left; tuning, 0.001, tanh, seed 0: done\n"


def test_while_a_stage_is_sealed_no_line_has_a_loss_or_who_diverged(expanded, monkeypatch):
    """Failures are told all the same, because somebody may have to do something about them."""
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.0)
    monkeypatch.setattr(progress, "_QUIET_SECONDS", 0.0)

    def told(sealed):
        stream = io.StringIO()
        result = {"status": "failed", "message": "no luck"}
        failed = sweep.Finished(expanded[0], Record(expanded[0].id, {}, result, {}), "stored")
        every = [*steps(expanded), failed]
        console = Console(file=stream, width=200)
        list(progress.shown(every, stage(expanded, sealed=sealed), console))
        return [line.partition("; ")[2] for line in stream.getvalue().splitlines()]

    assert told(sealed=False)[:4] == [
        *[f"tanh, seed 0: epoch {epoch}/3, loss 0.25" for epoch in (1, 2, 3)],
        "tanh, seed 0: test loss 0.125",
    ]
    lines = told(sealed=True)
    assert lines[:4] == [
        *[f"tanh, seed 0: epoch {epoch}/3" for epoch in (1, 2, 3)],
        "tanh, seed 0: done",
    ]
    assert lines[-2:] == ["relu, seed 1: done", "tanh, seed 0: failed: no luck"]
    assert len(lines) == 17 and not re.search(r"loss|diverged|\.\d", "".join(lines))


def test_time_left_counts_epochs(expanded, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(tally.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    others = runs.expand(loading.load(SMOKE, ("seeds=[7, 8, 9]", "training.epochs=3")), "keras")[:3]
    todo = stage(expanded, done=others)
    shown = progress.shown(steps(expanded), todo, Console(file=stream, width=200))
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
    monkeypatch.setattr(tally.time, "monotonic", lambda: now[0])
    counted = tally.Tally(stage(expanded))
    told = []
    for step, seconds in zip(steps(expanded), (8, 0, 4.9, 0.2), strict=False):
        now[0] += seconds
        counted.count(step)
        told.append(counted.left())
    # 13.1 s for 3 of 12 epochs
    assert told[1:] == ["time left is known in 5 s", "time left is known in 1 s", "0:39 left"]
    assert told[0] == told[1]
    assert tally.Tally(stage(expanded)).left() == "time left is known 5 s after the first epoch"


def test_until_then_it_is_what_the_speed_of_the_machine_predicts(expanded, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(tally.time, "monotonic", lambda: now[0])
    counted = tally.Tally(stage(expanded, seconds=90.0))
    told = [counted.left()]
    for seconds in (30, 70):
        now[0] += seconds
        told.append(counted.left())
    late = "time left is known 5 s after the first epoch"  # the prediction was wrong
    idle = "left, if the machine is idle"
    assert told == [f"about 2 min {idle}", f"about 60 s {idle}", late]


def test_the_clock_runs_between_two_epochs(expanded, monkeypatch):
    """Where an epoch takes minutes, the time left must not grow until it ends."""
    now = [100.0]
    monkeypatch.setattr(tally.time, "monotonic", lambda: now[0])
    counted = tally.Tally(stage(expanded))
    for step in list(steps(expanded))[:2]:
        now[0] += 60.0
        counted.count(step)
    told = []
    for _ in range(3):
        told.append(counted.left().partition(",")[0])
        now[0] += 20.0
    assert told == ["10:00 left", "9:40 left", "9:20 left"]


def test_until_the_first_runs_are_kept_each_line_says_when_that_will_be(expanded, monkeypatch):
    """Two epochs are 30 s apart, and one is left."""
    now = [100.0]
    monkeypatch.setattr(tally.time, "monotonic", lambda: now[0])
    counted = tally.Tally(stage(expanded))
    told = []
    for step in list(steps(expanded))[:4]:
        now[0] += 30.0
        counted.count(step)
        told.append(counted.left())
    assert told == [
        "time left is known in 5 s",
        "5:00 left, the first are kept in about 30 s",
        "4:30 left, the first are kept in about 1 s",
        "6:00 left",
    ]


def test_a_last_second_that_lasts_is_no_second(expanded, monkeypatch):
    """ "0:01 left" once stood for long, with nine runs open: all of their epochs were trained."""
    now = [100.0]
    monkeypatch.setattr(tally.time, "monotonic", lambda: now[0])
    counted = tally.Tally(stage(expanded))
    for run in expanded:
        now[0] += 30.0
        counted.count(sweep.Epoch(run, run.settings.training.epochs, 0.5, 0.25))
    assert counted.left() == "every epoch is trained, the last runs are judged"


def test_of_several_tasks_each_line_names_its_own():
    expanded = runs.expand(
        loading.load(
            SMOKE, ("seeds=2", "training.epochs=3", "tasks.a={}", "tasks.b={data.noise: 1}")
        ),
        "keras",
    )
    stream = io.StringIO()
    list(progress.shown(steps(expanded), stage(expanded), Console(file=stream, width=200)))
    assert stream.getvalue().splitlines()[-1].endswith("; b, relu, seed 1: diverged at epoch 3")
