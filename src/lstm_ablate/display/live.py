"""The table that a terminal shows while runs train, which changes in place and stays at the end.

It describes: of each variant the runs that are done and their median loss, with nothing that ranks
them, because seeds that one variant has and another lacks say nothing yet. The table leaves the
cursor visible, so that a terminal is as it was, whatever ends the program.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.control import Control
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.segment import ControlType, Segment, SegmentLines
from rich.table import Table
from rich.text import Text

from lstm_ablate.display.tally import Count, Tally, clock
from lstm_ablate.evidence import counting
from lstm_ablate.evidence.typical import Typical
from lstm_ablate.report.cells import NOTHING, typical

_A_SECOND = 4  # times that the table is drawn anew
_LEAST_NAME = 6  # columns that a name has at least
_NARROW = 60  # a terminal with fewer columns has short headings
_HEADS = ("runs", "diverged", "failed", "median test loss so far")
_SHORT = ("runs", "div.", "fail", "median")
_BAR = 40  # columns, at most
_FEW_LINES = 8  # a terminal with fewer has no bar


@contextmanager
def table(tally: Tally, console: Console) -> Iterator[Callable[[bool], None]]:
    """Show a tally on a terminal as long as the block runs, and leave its last state there."""
    frames = Frames(tally, console)
    with Live(
        console=console,
        get_renderable=frames.next,
        refresh_per_second=_A_SECOND,
        vertical_overflow="crop",
    ):
        console.show_cursor(True)
        try:
            yield lambda _: None  # the table is drawn by the clock
        finally:
            frames.ended = True


class Frames:
    """What a terminal shows of a tally, each time for the size that the terminal has then."""

    def __init__(self, tally: Tally, console: Console):
        self.ended = False
        self._tally, self._console = tally, console
        self._widths: list[int] = []  # of the lines that are shown

    def next(self) -> RenderableType:
        """Return what is shown next, after what is shown has been made ready to be replaced."""
        width, height = self._console.size
        # A terminal that became narrower has broken long lines in two, and rich does not know it.
        broken = sum(max(0, math.ceil(width_of_line / width) - 1) for width_of_line in self._widths)
        up = [(ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)]
        self._console.control(Control(*up * broken))
        parts = self._last(width) if self.ended else self._parts(width, height - 1)
        lines = self._console.render_lines(Group(*parts), pad=False)
        self._widths = [Segment.get_line_length(line) for line in lines]
        return SegmentLines(lines, new_lines=True)

    def _parts(self, width: int, height: int) -> Iterator[RenderableType]:
        """Yield parts that together have so many lines at most, the most important first."""
        tally = self._tally
        yield _line(f"{tally.done}/{tally.total} runs, {tally.left()}")
        if height >= _FEW_LINES:
            bar = ProgressBar(max(1, tally.epochs_total), tally.epochs, min(width, _BAR))
            yield _on_a_line(bar)
            height -= 1
        if height >= 2:
            yield _line(tally.latest)
        counts, room = list(tally.counts.values()), height - 3  # for these, under their headings
        if len(counts) <= room:
            yield _table(counts, tally, width)
        elif room >= 2:
            going = [count for count in counts if count.done < count.asked]
            rows = (going + [count for count in counts if count not in going])[: room - 1]
            yield _table(rows, tally, width)
            yield _line(f"and {len(counts) - len(rows)} more")

    def _last(self, width: int) -> Iterator[RenderableType]:
        """Yield all that is known at the end, also if it is longer than the terminal."""
        tally = self._tally
        how = "in" if tally.done == tally.total else "done, stopped after"
        took = clock(time.monotonic() - tally.start)
        yield _line(f"{tally.done}/{tally.total} runs {how} {took}")
        yield _table(list(tally.counts.values()), tally, width)


def _on_a_line(bar: ProgressBar) -> Table:
    line = Table.grid()
    line.add_row(bar)
    return line


def _line(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")


def _table(counts: Sequence[Count], tally: Tally, width: int) -> Table:
    """Return a table as wide as the terminal at most: where it is too narrow, names are cut.

    It has a column for what befell a run of any variant, shown or not, so that it does not jump.
    """
    every = list(tally.counts.values())
    names = {"variant": [count.variant for count in counts]}
    if len({count.task for count in every}) > 1:
        names = {"task": [count.task for count in counts], **names}
    heads, apart = (_SHORT, 1) if width < _NARROW else (_HEADS, 2)
    numbers = {heads[0]: [f"{count.done}/{count.asked}" for count in counts]}
    if any(count.diverged for count in every):
        numbers[heads[1]] = [str(count.diverged) for count in counts]
    if any(count.failed for count in every):
        numbers[heads[2]] = [str(count.failed) for count in counts]
    if not tally.sealed:
        numbers[heads[3]] = [_median(count.losses) for count in counts]
    taken = sum(apart + max(map(len, (head, *texts))) for head, texts in numbers.items())
    most = (width - taken - apart * (len(names) - 1)) // len(names)
    table = Table(box=None, pad_edge=False, padding=(0, apart, 0, 0))
    for head in names:
        table.add_column(head, no_wrap=True, max_width=max(_LEAST_NAME, most))
    for head in numbers:
        table.add_column(head, no_wrap=True, justify="right")
    for row in zip(*names.values(), *numbers.values(), strict=True):
        table.add_row(*map(Text, row))
    return table


def _median(losses: Sequence[float]) -> str:
    return typical(Typical(counting.median(losses), None)) if losses else NOTHING
