"""One progress bar for a sweep: live on a terminal and in a notebook, lines in a log file."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from lstm_ablate.display.notebook import Cell
from lstm_ablate.errors import duration, printable
from lstm_ablate.experiment.runs import Run
from lstm_ablate.training.pace import Pace
from lstm_ablate.training.sweep import Epoch, Finished

_LINE_SECONDS = 2.0  # at least, between two lines of a log
_QUIET_SECONDS = 30.0  # after these, the next epoch gets a line even if no run has ended
_CELL_SECONDS = 0.25  # at least, between two changes of a notebook's cell
# Training goes on for so long before the time left is shown, because the first epoch of a network
# includes its compilation.
_SETTLED_SECONDS = 5.0


class _Tally:
    """Counts runs and epochs, and says in one line how far the sweep is."""

    def __init__(self, missing: list[Run], done: int):
        self.total = done + len(missing)
        self.done = done
        self.several = len({run.task for run in missing}) > 1  # whether there are several tasks
        self.epochs_total = sum(run.settings.training.epochs for run in missing)
        self.epochs = 0
        self.at: dict[str, int] = {}
        self.start = time.monotonic()
        self.trained: float | None = None  # when the first epoch or run came in
        self.latest = "starting workers"
        self.pace = Pace(self.start)

    def count(self, step: Epoch | Finished) -> None:
        self.pace.count(step, time.monotonic())
        run = step.run
        name = f"{run.task}, " * self.several + f"{run.variant}, seed {run.seed}"
        if run.tries is not None:
            name = f"tuning, {run.tries:g}, {name}"
        if self.trained is None:
            self.trained = time.monotonic()
        if isinstance(step, Epoch):
            self.epochs += step.epoch - self.at.get(step.run.id, 0)
            self.at[step.run.id] = step.epoch
            epochs = step.run.settings.training.epochs
            self.latest = f"{name}: epoch {step.epoch}/{epochs}, loss {step.validation_loss:.3g}"
            return
        self.epochs += step.run.settings.training.epochs - self.at.pop(step.run.id, 0)
        self.done += 1
        result = step.record.result
        if step.record.status == "ok":
            kind = "validation" if run.purpose == "tuning" else "test"
            self.latest = f"{name}: {kind} loss {result[f'{kind}_loss']:.3g}"
        elif step.record.status == "diverged":
            self.latest = f"{name}: diverged at epoch {result['diverged_epoch']}"
        else:
            self.latest = f"{name}: failed: {printable(result['message'])}"

    def left(self) -> str:
        now = time.monotonic()
        if self.done < self.total and (
            self.trained is None or now - self.trained < _SETTLED_SECONDS
        ):
            return "time left unknown"
        if self.done < self.total and self.epochs >= self.epochs_total:
            return "every epoch is trained, the last runs are judged"  # on test windows
        seconds = (now - self.start) / max(1, self.epochs) * (self.epochs_total - self.epochs)
        waits = 1 if self.done < self.total else 0  # at least a second until the last is recorded
        minutes, seconds = divmod(max(waits, round(seconds)), 60)
        hours, minutes = divmod(minutes, 60)
        left = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
        return f"{left} left{self._until_first(now)}"

    def _until_first(self, now: float) -> str:
        """Return when the first runs will be kept; "" if some are already, or if it is unknown."""
        end = self.pace.first_end()
        if self.pace.finished or end is None:
            return ""
        return f", the first are kept in {duration(end - now)}"


def shown(
    steps: Iterable[Epoch | Finished], missing: list[Run], done: int, to: Console | Cell
) -> Iterator[Finished]:
    """Yield the finished runs, and show on a console or in a cell how far the sweep is."""
    tally = _Tally(missing, done)
    with _in_cell(tally, to) if isinstance(to, Cell) else _view(tally, to) as show:
        for step in steps:
            tally.count(step)
            show(isinstance(step, Finished))
            if isinstance(step, Finished):
                yield step


@contextmanager
def _in_cell(tally: _Tally, cell: Cell):  # type: ignore[no-untyped-def]
    last = -_CELL_SECONDS

    def show(finished: bool = True) -> None:  # noqa: ARG001 - the cell shows every step
        nonlocal last
        now = time.monotonic()
        if tally.done == tally.total or now - last >= _CELL_SECONDS:
            last = now
            line = f"{tally.done}/{tally.total} runs, {tally.left()}; {tally.latest}"
            cell.show(line, tally.epochs, max(1, tally.epochs_total))

    show()
    yield show


@contextmanager
def _view(tally: _Tally, console: Console):  # type: ignore[no-untyped-def]
    if console.is_terminal and not console.no_color and not console.is_dumb_terminal:
        columns = (
            TextColumn("{task.fields[runs]}"),
            BarColumn(None),
            TextColumn("{task.fields[latest]}"),
        )
        with Progress(*columns, console=console, transient=True, expand=True) as bar:
            task = bar.add_task("", total=max(1, tally.epochs_total), runs="", latest=tally.latest)

            def show(finished: bool) -> None:  # noqa: ARG001 - the bar shows every step
                runs = f"{tally.done}/{tally.total} runs"
                bar.update(
                    task,
                    completed=tally.epochs,
                    runs=runs,
                    latest=f"{tally.latest}  {tally.left()}",
                )

            yield show
    else:
        last = time.monotonic() - _LINE_SECONDS

        def show(finished: bool) -> None:
            nonlocal last
            now = time.monotonic()
            pause = _LINE_SECONDS if finished else _QUIET_SECONDS
            if tally.done == tally.total or now - last >= pause:
                last = now
                line = f"{tally.done}/{tally.total} runs, {tally.left()}; {tally.latest}"
                console.print(line, markup=False, soft_wrap=True)

        yield show
