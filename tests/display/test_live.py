"""The table of a terminal, as a person sees it: what it says, and that nothing garbles it."""

import io
import os
import pty
import re
import select
import sys
from pathlib import Path

import processes
import pytest
from rich.console import Console
from rich.live import Live
from terminal import Terminal

from lstm_ablate.display import live, printing, progress
from lstm_ablate.display.tally import Tally
from lstm_ablate.experiment import loading, runs
from lstm_ablate.store.records import Found, Record
from lstm_ablate.study import Stage
from lstm_ablate.training import sweep

TESTS = Path(__file__).parents[1]
SMOKE = TESTS.parent / "configs" / "smoke.yaml"
CALM = "training.optimizer.learning_rate=0.5"  # asks the stub engine for nothing else
MANY = tuple(f"variants.a-rather-long-name-{k}={{model.activation: elu({k}.5)}}" for k in range(12))
TASKS = ("tasks.easy={}", "tasks.hard={data.noise: 1}")


def stage(*changes, sealed=False):
    expanded = runs.expand(loading.load(SMOKE, ("seeds=3", "training.epochs=2", *changes)), "keras")
    return Stage(sweep.Plan(expanded, expanded, Found({}, [], {})), sealed, None)


def finished(run, loss):
    result = {"status": "ok", "test_loss": loss}
    if loss is None:
        result = {"status": "diverged", "diverged_epoch": 2}
    if loss == "failed":
        result = {"status": "failed", "message": "no luck"}
    return sweep.Finished(run, Record(run.id, {}, result, {}), "stored")


class Kept(Live):
    """A live table that a test can draw anew."""

    def __enter__(self):
        Kept.last = self
        return super().__enter__()


class Screen:
    """A table that is drawn when a test says so, on a terminal of the size that it says."""

    def __init__(self, stage, columns=80, rows=24):
        self.terminal, self.tally = Terminal(columns, rows), Tally(stage)
        self.stream = io.StringIO()
        self.console = Console(
            file=self.stream, width=columns, height=rows, force_terminal=True, color_system=None,
            highlight=False,
        )  # fmt: skip
        self.context = live.table(self.tally, self.console)

    def __enter__(self):
        self.context.__enter__()
        self.live = Kept.last
        self.draw()
        return self

    def __exit__(self, *error):
        self.context.__exit__(*error)
        self._pass_on()

    def draw(self):
        self.live.refresh()
        self._pass_on()

    def resize(self, columns, rows):
        self._pass_on()
        self.console.size = columns, rows
        self.terminal.resize(columns, rows)
        self.draw()

    def _pass_on(self):
        self.terminal.feed(self.stream.getvalue())
        self.stream.truncate(self.stream.seek(0))

    @property
    def seen(self):
        return self.terminal.seen()


@pytest.fixture(autouse=True)
def drawn_by_the_test(monkeypatch):
    """A clock draws the table once an hour, so that a test alone says when."""
    monkeypatch.setattr(live, "_A_SECOND", 1 / 3600)
    monkeypatch.setattr(live, "Live", Kept)


def test_a_row_for_each_variant_has_its_runs_and_their_median(monkeypatch):
    """The medians are those of these losses; of two of which one is infinite, it lies between."""
    todo = stage()
    losses = {"tanh": [0.5, 0.125, 0.25], "relu": [0.75, None, "failed"]}
    with Screen(todo) as screen:
        for run in todo.todo.runs:
            screen.tally.count(sweep.Epoch(run, 1, 0.5, 0.25))
            assert "0.25" in screen.tally.latest
            assert screen.terminal.cursor_shown  # even a program that is killed leaves it
            if run.seed != 2 or run.variant == "relu":
                screen.tally.count(finished(run, losses[run.variant][run.seed]))
        screen.draw()
        assert re.fullmatch(r"5/6 runs, time left is known in \d s", screen.seen[0])
        assert screen.seen[2:6] == [
            "relu, seed 2: failed: no luck",
            "variant  runs  diverged  failed  median test loss so far",
            "tanh      2/3         0       0                    0.312",
            "relu      3/3         1       1         0.75 to infinite",
        ]
        screen.tally.count(finished(todo.todo.runs[2], 0.25))
    assert re.fullmatch(r"6/6 runs in 0:0\d", screen.seen[0])
    assert screen.seen[2].split() == ["tanh", "3/3", "0", "0", "0.25"]
    assert len(screen.seen) == 4
    assert screen.terminal.cursor_shown


@pytest.mark.parametrize("changes", [(), TASKS])
def test_while_a_stage_is_sealed_it_shows_runs_and_failures_alone(changes):
    todo = stage(*changes, sealed=True)
    with Screen(todo) as screen:
        for run, loss in zip(todo.todo.runs, (0.5, None, "failed"), strict=False):
            screen.tally.count(sweep.Epoch(run, 1, 0.5, 0.25))
            screen.tally.count(finished(run, loss))
            screen.draw()
            assert not re.search(r"loss|median|diverged|0\.\d", "".join(screen.seen))
        rows = [line.split()[-3:] for line in screen.seen[3:5]]
        assert rows == [["variant", "runs", "failed"], ["tanh", "3/3", "1"]]


def test_tasks_have_rows_of_their_own():
    with Screen(stage(*TASKS)) as screen:
        screen.draw()
        assert [line.split()[:3] for line in screen.seen[3:]] == [
            ["task", "variant", "runs"],
            ["easy", "tanh", "0/3"],
            ["easy", "relu", "0/3"],
            ["hard", "tanh", "0/3"],
            ["hard", "relu", "0/3"],
        ]


def test_where_it_is_too_narrow_names_are_cut_and_no_number():
    todo = stage(*TASKS, *MANY)
    with Screen(todo, 40) as screen:
        screen.tally.count(finished(todo.todo.runs[0], 0.000123456))
        screen.draw()
        assert screen.seen[3].split() == ["task", "variant", "runs", "median"]
        assert screen.seen[4].split() == ["easy", "tanh", "1/3", "0.000123"]
        assert re.fullmatch(r"easy +a-rather-l\w*\S?…? +0/3 +-", screen.seen[6])
        assert len(screen.seen[6]) <= 40 and "…" in screen.seen[6]


@pytest.mark.parametrize("columns", [80, 40])
@pytest.mark.parametrize(("rows", "names"), [(24, 14), (10, 4), (5, 0), (2, 0)])
def test_it_fits_into_the_terminal(columns, rows, names):
    """A terminal that is too low shows what still trains, and says how much it leaves out."""
    todo = stage(*MANY)
    with Screen(todo, columns, rows) as screen:
        for run in todo.todo.runs:
            screen.tally.count(sweep.Epoch(run, 2, 0.5, 0.25))
            if run.variant in ("tanh", "relu") or run.seed == 0:
                screen.tally.count(finished(run, 0.5))
            screen.draw()
            assert len(screen.terminal.lines) < rows  # none has left the screen at its top
        assert not any(screen.terminal.goes_on)
        assert screen.seen[0].startswith("18/42 runs, ")
        shown = [line for line in screen.seen if "/3 " in line and "epoch" not in line]
        assert len(shown) == names
        if rows == 10:
            assert shown[0].startswith("a-rather-long-name-0 ")
            assert screen.seen[-1] == "and 10 more"
    assert len(screen.seen) == 1 + 1 + 14  # all of it is there at the end
    assert screen.terminal.row == 16  # and what follows is below it


@pytest.mark.parametrize(("changes", "rows"), [((), 24), (MANY, 24), (MANY, 12)])
def test_a_terminal_that_changes_its_size_shows_one_table(changes, rows):
    """It is what one of that size shows from the beginning. Where so many lines break that some
    leave the screen at its top, where no program can reach them, pieces stay above the table.
    """
    todo = stage(*changes)
    with Screen(todo, 80, rows) as screen:
        for size in ((60, rows), (33, rows), (61, rows), (34, rows), (80, rows // 2), (80, rows)):
            screen.resize(*size)
            with Screen(todo, *size) as fresh:
                expected = fresh.seen
            assert screen.seen[-len(expected) :] == expected
            assert changes or screen.seen == expected
    assert screen.seen[-1].split()[-1] == "-"


def test_a_message_comes_above_it():
    """As where a node of a cluster is gone while runs train."""
    with Screen(stage()) as screen:
        printing.line_printer(to=screen.console)("Ray: a node is gone")
        screen.draw()
        assert screen.seen[0] == "Ray: a node is gone" and screen.seen[1].startswith("0/6 runs, ")
        assert len(screen.seen) == 7 and screen.seen[-1].startswith("relu ")


def test_ctrl_c_leaves_what_was_there(monkeypatch):
    todo = stage()
    stream = io.StringIO()
    console = Console(file=stream, width=80, height=24, force_terminal=True, color_system=None)

    def interrupted():
        yield finished(todo.todo.runs[0], 0.5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(progress.shown(interrupted(), todo, console))
    terminal = Terminal(80, 24)
    terminal.feed(stream.getvalue())
    assert terminal.seen() == [
        "1/6 runs done, stopped after 0:00",
        "variant  runs  median test loss so far",
        "tanh      1/3                      0.5",
        "relu      0/3                        -",
    ]
    assert (terminal.row, terminal.column) == (4, 0)
    assert terminal.cursor_shown


@pytest.mark.parametrize(
    ("settings", "environment"),
    [({}, {"NO_COLOR": "1"}), ({}, {"TERM": "dumb"}), ({"quiet": True}, {})],
)
def test_who_wants_no_animation_gets_lines_and_who_wants_quiet_nothing(
    settings, environment, capsys
):
    todo, stream = stage(), io.StringIO()

    def steps():
        print("this goes where it always goes")
        yield from (finished(run, 0.5) for run in todo.todo.runs)

    console = Console(
        file=stream,
        width=80,
        force_terminal=True,
        highlight=False,
        _environ=environment,
        **settings,
    )
    list(progress.shown(steps(), todo, console))
    assert capsys.readouterr().out == "this goes where it always goes\n"
    lines = stream.getvalue().splitlines()
    last = "6/6 runs, 0:00 left; relu, seed 2: test loss 0.5"
    assert lines[-1:] == ([] if settings else [last]) and "\x1b" not in stream.getvalue()


def test_a_log_that_wants_colour_gets_no_table(monkeypatch):
    """As in some CI, which shows the colours of a log."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    todo, stream = stage(), io.StringIO()
    list(
        progress.shown(
            (finished(run, 0.5) for run in todo.todo.runs), todo, printing.console(stream)
        )
    )
    assert re.fullmatch(r"([1-6]/6 runs, .*\n)+", stream.getvalue())


def test_a_whole_command_on_a_terminal(tmp_path):
    """It runs with the stub engine; the result goes elsewhere, as with `> table.txt`."""
    reader, writer = pty.openpty()
    code = "import stubbed; from lstm_ablate.cli import app; app.main()"
    words = [sys.executable, "-c", code, "run", SMOKE, "seeds=2", CALM, "--results", tmp_path]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24",
                   "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}  # fmt: skip
    environment.pop("NO_COLOR", None)
    with os.fdopen(writer, "w") as messages:
        process = processes.start(words, stderr=messages, env=environment)
    terminal = Terminal(80, 24)
    while select.select([reader], [], [], processes.SECONDS)[0]:
        try:
            text = os.read(reader, 1 << 16).decode()
        except OSError:  # its other end is closed
            break
        terminal.feed(text)
    assert processes.ended(process)[0].startswith("smoke: mse on test") and process.returncode == 0
    os.close(reader)
    seen = terminal.seen()
    (at,) = (k for k, line in enumerate(seen) if re.fullmatch(r"4/4 runs in \d:\d\d", line))
    assert [line.split()[:2] for line in seen[at + 1 : at + 4]] == [
        ["variant", "runs"], ["tanh", "2/2"], ["relu", "2/2"]
    ]  # fmt: skip
    assert sum("runs" in line.split() for line in seen[at - 1 :]) == 2 and terminal.cursor_shown
