"""How far a sweep is: as a table on a terminal, a line in a notebook, lines in a log file."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from rich.console import Console

from lstm_ablate.display import live
from lstm_ablate.display.notebook import Cell
from lstm_ablate.display.tally import Tally
from lstm_ablate.study import Stage, Steps
from lstm_ablate.training.sweep import Finished

_LINE_SECONDS = 2.0  # at least, between two lines of a log
_QUIET_SECONDS = 30.0  # after these, the next epoch gets a line even if no run has ended
_CELL_SECONDS = 0.25  # at least, between two changes of a notebook's cell
_Show = Callable[[bool], None]  # hears of each step whether a run has finished


def shown(steps: Steps, stage: Stage, to: Console | Cell) -> Iterator[Finished]:
    """Yield the finished runs, and show on a console or in a cell how far the sweep is."""
    tally = Tally(stage)
    with _view(tally, to) as show:
        for step in steps:
            tally.count(step)
            show(isinstance(step, Finished))
            if isinstance(step, Finished):
                yield step


def _view(tally: Tally, to: Console | Cell) -> AbstractContextManager[_Show]:
    if isinstance(to, Cell):
        return _in_cell(tally, to)
    if to.quiet:
        return nullcontext(lambda _: None)
    if to.is_interactive and not to.no_color:
        return live.table(tally, to)
    return _in_lines(tally, to)


@contextmanager
def _in_cell(tally: Tally, cell: Cell) -> Iterator[_Show]:
    last = -_CELL_SECONDS

    def show(_: bool) -> None:  # the cell shows every step
        nonlocal last
        now = time.monotonic()
        if tally.done == tally.total or now - last >= _CELL_SECONDS:
            last = now
            cell.show(tally.line(), tally.epochs, max(1, tally.epochs_total))

    show(True)
    yield show


@contextmanager
def _in_lines(tally: Tally, console: Console) -> Iterator[_Show]:
    last = time.monotonic() - _LINE_SECONDS

    def show(finished: bool) -> None:
        nonlocal last
        now = time.monotonic()
        pause = _LINE_SECONDS if finished else _QUIET_SECONDS
        if tally.done == tally.total or now - last >= pause:
            last = now
            console.print(tally.line(), markup=False, soft_wrap=True)

    yield show
