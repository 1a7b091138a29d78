"""The figures of a report: a Summary drawn by matplotlib, as SVG, PNG and PDF.

A variant has the same colour, dash and place in every figure: grey for the baseline, then the
palette of Okabe & Ito (2008), which colour-blind readers can tell apart. After six variants the
colours repeat with another dash and another mark.

Why a style of our own, and not the user's. The same summary must give the same bytes, like every
derived file. A matplotlibrc in the working folder changed them, and one with `text.usetex` even
started another program. So each drawing starts from matplotlib's defaults, uses the font that comes
with matplotlib, takes the ids in an SVG from the figure's name, and carries no date. The price is
that a matplotlibrc cannot restyle the figures; the CSVs hold the numbers for drawings of one's own.

A page or a screen shows a figure at 7.2 inches. In the column of a paper that would be shrunk to
less than half, and its text to 4 points. So a figure for a column is drawn anew at the column's
width: with text of 7 points, and with as many panels side by side as there is room for.
"""

import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.markers import CARETLEFT, CARETRIGHT
from matplotlib.textpath import text_to_path
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    Locator,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)
from matplotlib.typing import FillStyleType

from lstm_ablate.evidence.epochs import ByEpoch
from lstm_ablate.evidence.learning import LEARNED
from lstm_ablate.evidence.pictures import Curve
from lstm_ablate.evidence.rounding import rounded
from lstm_ablate.evidence.summary import Row, Summary
from lstm_ablate.evidence.typical import Typical

INK, PAPER = "#1b1b1b", "#ffffff"  # a page replaces them by its own colours
_GREY = "#7f7f7f"
_PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
COLOURS = (_GREY, *_PALETTE)  # a page has its own shades of each
OF_VARIANT = "variant-"  # begins the id of what belongs to a variant, by its place among them
_DASHES = ("-", "--", ":", "-.")
_PIXELS = ("", "6 3", "2 2", "7 2 2 2")  # the same dashes in a page
_MARKS = ("o", "s", "^", "D")
_DOTS_PER_INCH = 150
_FAILED: dict[str, tuple[FillStyleType, str | None]] = {  # with what their marks are filled
    "diverged": ("full", None),
    "are stuck": ("full", PAPER),
    "have not learned": ("left", None),
}
_LEAST = 1e-6  # smaller ratios, or larger than 1 / it, are drawn at the edge: a log axis has no 0
# The ticks that an axis may have, from many to few: in which decades, and where in these.
_TICKS = (
    (1, (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)),
    (1, (1.0, 2.0, 5.0)),
    (1, (1.0, 3.0)),
    *((step, (1.0,)) for step in range(1, 9)),
)
_GAP = 0.1  # inches between the labels of two ticks, at least
_LEAST_PANEL = 1.6  # inches that a panel takes at least, its labels included
_DRAWN = 150  # the most epochs that a curve shows; a panel is a few hundred dots wide
_STYLE: Any = {
    "font.family": "sans-serif",
    # This font comes with matplotlib. Each text in an SVG lists all fonts that are named here.
    "font.sans-serif": ["DejaVu Sans"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "legend.frameon": False,
    "text.parse_math": False,  # a name may contain a $
    "svg.fonttype": "none",  # text stays text, and does not become curves
}
_CREATOR = "lstm-ablate"  # what a PDF of ours names as its creator


class Sheet(NamedTuple):
    """What a figure is drawn for: its width in inches, and the size of its text in points."""

    width: float
    text: float

    @property
    def scale(self) -> float:
        """Heights on this sheet, as a multiple of those on a screen."""
        return self.text / SCREEN.text


SCREEN = Sheet(7.2, 9.0)


def column(millimetres: float) -> Sheet:
    """Return the sheet of a figure that is printed at a width, such as that of a paper's column."""
    return Sheet(millimetres / 25.4, 7.0)


@contextmanager
def _style(salt: str | None = None, sheet: Sheet = SCREEN) -> Iterator[None]:
    """Draw with our own style, whatever a matplotlibrc of the user or the working folder says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        for size in ("font.size", "axes.titlesize", "figure.labelsize"):
            mpl.rcParams[size] = sheet.text
        mpl.rcParams["svg.hashsalt"] = salt
        yield


class Drawing(NamedTuple):
    """A figure for which there are data."""

    name: str
    caption: str
    draw: Callable[[Sheet], Figure]


class NotebookFigure(Figure):
    """A figure that a notebook shows, whether or not pyplot is loaded, which would show it too.

    A PDF that is saved of it holds its fonts as TrueType, whatever a matplotlibrc says: many
    publishers refuse Type 3, which is what matplotlib writes otherwise.
    """

    def _repr_png_(self) -> bytes:
        return png(self)

    def savefig(self, *args: Any, **options: Any) -> None:
        """Write the figure as matplotlib does."""
        with mpl.rc_context({"pdf.fonttype": 42}):
            super().savefig(*args, **options)


def figures(summary: Summary) -> Iterator[tuple[str, str, Figure]]:
    """Yield the name, the caption and the drawing of each figure for which there are data."""
    for drawing in drawings(summary):
        yield drawing.name, drawing.caption, drawn(drawing)


def drawn(drawing: Drawing, sheet: Sheet = SCREEN) -> Figure:
    """Return a drawing as a figure on a sheet."""
    with _style(sheet=sheet):
        return drawing.draw(sheet)


def drawings(summary: Summary) -> Iterator[Drawing]:
    """Yield each figure for which there are data, before it is drawn."""
    several = len(summary.tasks) > 1
    for task in summary.tasks:
        if any(
            trial.losses for tuned in summary.tuned if tuned.task == task for trial in tuned.trials
        ):
            caption = _TUNING.format(summary.tuned_name) + f" Task {task}." * several
            yield Drawing(f"tuning{f'-{task}' * several}", caption, partial(_tuning, summary, task))
    if any(row.comparison for row in summary.rows):
        caption = _INTERVALS.format(*summary.band, baseline=summary.baseline)
        apart = " Each task has an axis of its own." * several
        yield Drawing("intervals", caption + apart, partial(_intervals, summary))
    for task in summary.tasks:
        suffix, title = (f"-{task}", f" Task {task}.") if several else ("", "")
        if any(where == task for where, _ in summary.ratios):
            caption = _RATIOS.format(*summary.band, baseline=summary.baseline)
            yield Drawing(f"ratios{suffix}", caption + title, partial(_ratios, summary, task))
        if any(where == task for where, _ in summary.curves):
            caption = _CURVES.format(baseline=summary.baseline)
            yield Drawing(f"curves{suffix}", caption + title, partial(_curves, summary, task))
        if _panel_variants(summary):
            caption = _PAIRS.format(*summary.band, baseline=summary.baseline)
            yield Drawing(f"pairs{suffix}", caption + title, partial(_pairs, summary, task))
        if task in summary.shown:
            draw = partial(_reconstructions, summary, task)
            caption = _RECONSTRUCTIONS.format(feature=_first_feature(summary))
            yield Drawing(f"reconstructions{suffix}", caption + title, draw)
    if any(share and share.count for row in summary.rows for share in row.failing):
        caption = _FAILURES.format(100 * (1 - summary.level), summary.stuck, LEARNED)
        yield Drawing("failures", caption, partial(_failures, summary))


def _first_feature(summary: Summary) -> str:
    """Return what the first feature is called: by its column, where the settings name one for all
    tasks.
    """
    columns = summary.resolved["data"].get("columns")
    changed = any(
        path.startswith("data.") for task in summary.resolved["tasks"].values() for path in task
    )
    return f'column "{columns[0]}"' if columns and not changed else "first feature"


_TUNING = (
    "Validation loss of tuning runs by {0}: the typical loss as a line, each seed as a dot, the"
    " chosen {0} as a large mark. Runs that diverged are not drawn, nor are medians that they make"
    " infinite."
)
_INTERVALS = (
    "Loss over the loss of {baseline} at the same seed: the typical ratio with its interval. Left"
    " of 1 is better. Where the table gives a verdict, an interval that excludes 1 means better or"
    " worse, and one that lies within the band, {0:.3g} to {1:.3g}, practically equivalent. An"
    " arrow leads to 0, or to infinity."
)
_RATIOS = (
    "Validation loss over that of {baseline} at the same seed, if training had ended at an epoch:"
    " median and quartiles of the pairs. Below 1 is better. Band: {0:.3g} to {1:.3g} times."
)
_CURVES = (
    "Validation loss by epoch: median and quartiles over the runs that have not diverged by then;"
    " {baseline} in grey. A cross marks where a diverged run ends."
)
_PAIRS = (
    "Test loss of each seed against that of {baseline} at the same seed. Below the diagonal is"
    " better; band: {0:.3g} to {1:.3g} times. A cross at the top is a run that diverged, a cross at"
    " the right a run of {baseline} that diverged."
)
_RECONSTRUCTIONS = (
    "Test windows (broad lines) and how each variant reconstructs them ({feature}, in the units of"
    " the network), at the seed at which the baseline has its median loss."
)
_FAILURES = (
    "Shares of runs that diverged, that are stuck, which is a loss above {1:g} times the typical"
    " one, and that have not learned, which is a loss of {2:g} times that of predicting the mean or"
    " more, with exact {0:g}% intervals."
)


def svg(name: str, figure: Figure) -> str:
    """Return a figure as SVG. Its ids depend on the name, so that several fit into one page."""
    stream = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with _style(name):
        figure.savefig(stream, format="svg", metadata=nothing)
    figure.set_layout_engine("none")  # it is laid out now; a PNG need not do that again
    return stream.getvalue()


def png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    stream = io.BytesIO()
    with _style():
        figure.savefig(stream, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return stream.getvalue()


def pdf(figure: Figure) -> bytes:
    """Return a figure as PDF, with its fonts in it."""
    stream = io.BytesIO()
    metadata = {"Creator": _CREATOR, "Producer": None, "CreationDate": None}
    with _style():
        figure.savefig(stream, format="pdf", metadata=metadata)
    return stream.getvalue()


def is_ours(content: bytes) -> bool:
    """Return whether a file is a PDF that this program has drawn."""
    return content.startswith(b"%PDF") and f"/Creator ({_CREATOR})".encode() in content


# ----------------------------------------------------------------------------------------- drawings


def _tuning(summary: Summary, task: str, sheet: Sheet) -> Figure:
    mine = [tuned for tuned in summary.tuned if tuned.task == task]
    figure, grid = _panels(sheet, len(mine), _columns(sheet, len(mine)), sharex=True, sharey=True)
    for axes, tuned in zip(_used(figure, grid, len(mine)), mine, strict=True):
        colour, dash, mark = _look(summary, tuned.variant)
        dots = [
            (trial.value, loss)
            for trial in tuned.trials
            for loss in trial.losses.values()
            if math.isfinite(loss)
        ]
        axes.plot(*(zip(*dots, strict=True) if dots else ((), ())), ".", color=colour, alpha=0.5)
        typical = {
            trial.value: trial.loss
            for trial in tuned.trials
            if trial.loss is not None and math.isfinite(trial.loss)
        }
        axes.plot(list(typical.keys()), list(typical.values()), color=colour, ls=dash)
        if tuned.chosen in typical:
            axes.plot([tuned.chosen], [typical[tuned.chosen]], color=colour, marker=mark, ms=7)
        _title(axes, tuned.variant, colour, sheet)
        axes.set_yscale("log")
        _log_axis(axes, "y", sheet)
        if tuned.trials[0].value > 0:
            _log_axis(axes, "x", sheet)
    figure.supxlabel(summary.tuned_name)
    figure.supylabel(f"validation {summary.losses[task]}")
    return figure


def _intervals(summary: Summary, sheet: Sheet) -> Figure:
    rows = [row for row in (*summary.rows, *summary.overall) if row.comparison]
    figure, panels = _lines_of(summary, rows, sheet)
    for axes, lines in panels:
        ratios = [(y, row, row.comparison.ratio) for y, row in lines if row.comparison]
        ends = [
            end
            for _, _, ratio in ratios
            for end in (*ratio.median, *(ratio.interval or ()))
            if _drawable(end)
        ]
        left, right = min([0.8, *ends]) / 1.15, max([1.25, *ends]) * 1.15
        axes.axvspan(*summary.band, color=_GREY, alpha=0.2, lw=0)
        axes.axvline(1, color=INK, lw=0.8)
        for y, row, ratio in ratios:
            _interval(axes, y, ratio, _look(summary, row.variant), (left, right))
        axes.set_xlim(left, right)
        _log_axis(axes, "x", sheet)
    figure.supxlabel(f"loss, times that of {_fitting(summary.baseline, 0.4 * sheet.width, sheet)}")
    return figure


def _interval(
    axes: Axes, y: float, ratio: Typical, look: tuple[str, str, str], edges: tuple[float, float]
) -> None:
    """Draw a typical ratio with its interval; an arrow leads to what lies beyond the edges."""
    (left, right), (colour, _, mark) = edges, look
    for pair, width in ((ratio.interval, 1.2), (ratio.median, 3.2)):
        if pair is None:
            continue
        low, high = (min(max(end, left), right) for end in pair)
        axes.plot([low, high], [y, y], color=colour, lw=width)
        for end, edge, marker in ((low, left, CARETLEFT), (high, right, CARETRIGHT)):
            if end == edge:
                axes.plot([end], [y], color=colour, marker=marker, ms=6, clip_on=False)
    if ratio.value is not None and left < ratio.value < right:
        axes.plot([ratio.value], [y], color=colour, marker=mark, ms=6)


def _drawable(ratio: float) -> bool:
    """Return whether a log axis has room for a ratio."""
    return _LEAST < ratio < 1 / _LEAST


def _ratios(summary: Summary, task: str, sheet: Sheet) -> Figure:
    panels = [variant for variant in _panel_variants(summary) if (task, variant) in summary.ratios]
    found = [summary.ratios[task, variant] for variant in panels]
    figure, grid = _panels(sheet, len(panels), _columns(sheet, len(panels)), sharey=True)
    drawn = [x for ratios in found for x in _values_of(ratios) if _drawable(x)]
    bottom, top = min([0.8, *drawn]) / 1.1, max([1.25, *drawn]) * 1.1
    for axes, variant, ratios in zip(_used(figure, grid, len(panels)), panels, found, strict=True):
        colour, dash, _ = _look(summary, variant)
        epochs = _some(len(ratios.medians))
        q1, q3, low, high = (
            [min(max(values[i - 1], bottom), top) for i in epochs]
            for values in (ratios.q1, ratios.q3, *zip(*ratios.medians, strict=True))
        )
        axes.axhspan(*summary.band, color=_GREY, alpha=0.2, lw=0)
        axes.axhline(1, color=INK, lw=0.8)
        axes.fill_between(epochs, q1, q3, color=colour, alpha=0.25, lw=0)
        # One line, unless a median lies between two values that are not both finite.
        for ends in dict.fromkeys((tuple(low), tuple(high))):
            axes.plot(epochs, ends, color=colour, ls=dash, marker="." * (len(epochs) == 1))
        _title(axes, variant, colour, sheet)
        axes.set_yscale("log")
        axes.set_ylim(bottom, top)
        _log_axis(axes, "y", sheet)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    figure.supxlabel("epoch")
    room = figure.get_figheight() / 2
    figure.supylabel(f"ratio to {_fitting(summary.baseline, room, sheet)}")
    return figure


def _values_of(ratios: ByEpoch) -> Iterator[float]:
    """Yield every ratio that a panel of ratios by epoch draws."""
    yield from ratios.q1
    yield from ratios.q3
    for median in ratios.medians:
        yield from median


def _curves(summary: Summary, task: str, sheet: Sheet) -> Figure:
    panels = _panel_variants(summary) or [summary.baseline]
    figure, grid = _panels(sheet, len(panels), _columns(sheet, len(panels)), sharey=True)
    for axes, variant in zip(_used(figure, grid, len(panels)), panels, strict=True):
        for drawn in dict.fromkeys((summary.baseline, variant)):
            if curve := summary.curves.get((task, drawn)):
                _curve(axes, curve, _look(summary, drawn))
        _title(axes, variant, _look(summary, variant)[0], sheet)
        axes.set_yscale("log")
        _log_axis(axes, "y", sheet)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    figure.supxlabel("epoch")
    figure.supylabel(f"validation {summary.losses[task]}")
    return figure


def together(summary: Summary, task: str) -> Figure:
    """Return the learning curves of all variants of a task in one drawing, which names none.

    It is for a page, which says beside it which curve is whose, and can hide each of them. In a
    file of its own it would need a legend, and five curves over each other show less than panels.
    """
    with _style():
        figure, ((axes,),) = _panels(SCREEN, 1, 1, height=3.4, full=True)
        for place, variant in enumerate(summary.variants):
            if curve := summary.curves.get((task, variant)):
                for artist in _curve(axes, curve, _look(summary, variant)):
                    artist.set_gid(f"{OF_VARIANT}{place}")
        axes.set_yscale("log")
        _log_axis(axes, "y", SCREEN)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"validation {summary.losses[task]}")
    return figure


def _curve(axes: Axes, curve: Curve, look: tuple[str, str, str]) -> list[Artist]:
    """Draw the median and the quartiles of a learning curve, and crosses where runs diverged."""
    colour, dash, _ = look
    epochs = _some(len(curve.median))
    median, q1, q3 = (
        [losses[i - 1] for i in epochs] for losses in (curve.median, curve.q1, curve.q3)
    )
    band = axes.fill_between(epochs, q1, q3, color=colour, alpha=0.25, lw=0)
    lines = axes.plot(
        epochs, median, color=colour, ls=dash, marker="." if len(epochs) == 1 else None
    )
    if curve.ends:
        crosses = zip(*curve.ends, strict=True)
        lines += axes.plot(*crosses, color=colour, marker="x", ls="none", ms=6)
    return [band, *lines]


def _some(epochs: int) -> list[int]:
    """Return the epochs that a curve shows: all or, of many, _DRAWN ones at equal distances."""
    return [round(epoch) for epoch in np.linspace(1, epochs, min(epochs, _DRAWN))]


def _pairs(summary: Summary, task: str, sheet: Sheet) -> Figure:
    panels = _panel_variants(summary)
    columns = _columns(sheet, len(panels))
    figure, grid = _panels(sheet, len(panels), columns, sharex=True, sharey=True, height=2.0)
    base = summary.outcomes[task, summary.baseline]
    left, right = _range(base.values())
    bottom, top = _range(
        loss
        for variant in (summary.baseline, *panels)
        for loss in summary.outcomes[task, variant].values()
    )
    line, edge = np.array([min(left, bottom), max(right, top)]), summary.band
    for axes, variant in zip(_used(figure, grid, len(panels)), panels, strict=True):
        colour, _, mark = _look(summary, variant)
        axes.fill_between(line, line * edge[0], line * edge[1], color=_GREY, alpha=0.2, lw=0)
        axes.plot(line, line, color=INK, lw=0.8)
        mine = summary.outcomes[task, variant]
        pairs = [(base[seed], loss) for seed, loss in mine.items() if seed in base]
        both = [pair for pair in pairs if all(map(math.isfinite, pair))]
        rest = [
            (min(x, right), min(y, top))
            for x, y in pairs
            if not (math.isfinite(x) and math.isfinite(y))
        ]
        for points, marker in ((both, mark), (rest, "x")):
            if points:
                axes.plot(
                    *zip(*points, strict=True),
                    color=colour,
                    marker=marker,
                    ls="none",
                    ms=4,
                    alpha=0.8,
                    clip_on=False,
                )
        _title(axes, variant, colour, sheet)
        axes.set(xscale="log", yscale="log", xlim=(left, right), ylim=(bottom, top))
        _log_axis(axes, "x", sheet)
        _log_axis(axes, "y", sheet)
    baseline = _fitting(summary.baseline, figure.get_figwidth() / 2, sheet)
    figure.supxlabel(f"test {summary.losses[task]} of {baseline}")
    figure.supylabel(f"test {summary.losses[task]}")
    return figure


def _range(losses: Iterable[float]) -> tuple[float, float]:
    """Return the ends of a log axis for the losses, with room for the crosses of diverged runs."""
    finite = [loss for loss in losses if math.isfinite(loss) and loss > 0]
    return (min(finite) / 1.3, max(finite) * 1.5) if finite else (0.1, 1.0)


def _reconstructions(summary: Summary, task: str, sheet: Sheet) -> Figure:
    shown = summary.shown[task]
    columns = len(shown.windows)
    figure, grid = _panels(
        sheet,
        columns * len(shown.reconstructions),
        columns,
        sharex=True,
        sharey=True,
        height=0.85,
        full=True,
    )
    for line, (variant, curves) in zip(grid, shown.reconstructions.items(), strict=True):
        colour, _, _ = _look(summary, variant)
        for axes, window, curve in zip(line, shown.windows, curves, strict=True):
            axes.plot(range(1, len(window) + 1), window, color=INK, lw=4, alpha=0.2)
            axes.plot(range(1, len(curve) + 1), curve, color=colour)
            axes.tick_params(labelsize=7)
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        # The layout keeps free the middle of a title, which is to lie over the first window.
        name = _fitting(variant, min(0.85, 1.5 / columns) * sheet.width, sheet)
        line[0].set_title(name, color=colour, loc="left")
    figure.supxlabel("time step")
    return figure


def _failures(summary: Summary, sheet: Sheet) -> Figure:
    rows = [row for row in summary.rows if row.diverging]
    figure, panels = _lines_of(summary, rows, sheet)
    for axes, lines in panels:
        for y, row in lines:
            _shares(axes, y, row, _look(summary, row.variant))
        axes.set_xlim(-0.02, 1.02)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
    marks = [
        Line2D([], [], color=_GREY, marker="o", ls="", label=kind, **_filled(_GREY, *fill))
        for kind, fill in _FAILED.items()
    ]
    title = "share of runs that"
    figure.legend(handles=marks, title=title, loc="outside lower center", ncols=len(marks))
    return figure


def _shares(axes: Axes, y: float, row: Row, look: tuple[str, str, str]) -> None:
    """Draw the shares of runs that failed, one below the other."""
    colour, _, mark = look
    for share, aside, fill in zip(row.failing, (-0.25, 0, 0.25), _FAILED.values(), strict=True):
        if share is not None:
            place = y + aside
            axes.plot([share.low, share.high], [place, place], color=colour)
            point = share.count / share.runs
            axes.plot([point], [place], color=colour, marker=mark, **_filled(colour, *fill))


def _filled(colour: str, style: FillStyleType, face: str | None) -> dict[str, Any]:
    """Return how a mark is drawn: filled with its colour or another one, or in one half alone."""
    face = face or colour
    return {"ms": 6, "fillstyle": style, "markerfacecolor": face, "markerfacecoloralt": PAPER}


# ------------------------------------------------------------------------------------- shared parts


def _others(summary: Summary) -> list[str]:
    """Return all variants but the baseline, also those of which this summary shows nothing."""
    return [variant for variant in summary.variants if variant != summary.baseline]


def _panel_variants(summary: Summary) -> list[str]:
    """Return the variants but the baseline that are shown, in the order of the config."""
    shown = {row.variant for row in summary.rows}
    return [variant for variant in _others(summary) if variant in shown]


def _look(summary: Summary, variant: str) -> tuple[str, str, str]:
    """Return the colour, the dash and the mark of a variant."""
    if variant == summary.baseline:
        return _GREY, "-", "o"
    lap, place = divmod(_others(summary).index(variant), len(_PALETTE))
    return _PALETTE[place], _DASHES[lap % len(_DASHES)], _MARKS[lap % len(_MARKS)]


def swatch(summary: Summary, variant: str) -> tuple[str, str]:
    """Return the colour of a variant's curves, and their dashes as SVG has them, in pixels."""
    colour, dash, _ = _look(summary, variant)
    return colour, _PIXELS[_DASHES.index(dash)]


def _columns(sheet: Sheet, panels: int) -> int:
    most = max(1, int(sheet.width / _LEAST_PANEL))
    return 3 if (panels, most) == (5, 4) else min(panels, most)


def _panels(
    sheet: Sheet,
    number: int,
    columns: int,
    height: float = 1.8,
    *,
    full: bool = False,
    **shared: Any,
) -> tuple[Figure, Any]:
    """Return a figure and its axes [rows][columns], `number` of them or a few more.

    `height` is that of a row in inches, on a screen. There, few panels take only a part of the
    sheet's width, unless it is to be `full`.
    """
    rows = -(-number // columns)
    few = sheet == SCREEN and not full
    width = max(3.6, sheet.width * columns / 4) if few else sheet.width
    size = (width, sheet.scale * (height * rows + 0.35))
    figure = NotebookFigure(size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **shared)


def _lines_of(
    summary: Summary, rows: Sequence[Row], sheet: Sheet
) -> tuple[Figure, list[tuple[Axes, list[tuple[int, Row]]]]]:
    """Return a figure with a panel for each task, and each panel with its rows and their places.

    A variant has the same place in every panel, from the top, with its name at the left.
    """
    tasks = list(dict.fromkeys(row.task for row in rows))
    variants = [name for name in summary.variants if any(row.variant == name for row in rows)]
    room = sheet.width / 3  # for the names; the lines keep half of the width or more
    columns = _columns(sheet._replace(width=sheet.width - room), len(tasks))
    height = 0.9 + 0.27 * len(variants)
    figure, grid = _panels(sheet, len(tasks), columns, height, full=True, sharey=True)
    panels = []
    for axes, task in zip(_used(figure, grid, len(tasks)), tasks, strict=True):
        lines = [(variants.index(row.variant), row) for row in rows if row.task == task]
        panels.append((axes, lines))
        if len(summary.tasks) > 1:
            # Names take a part of the width here, which `_title` does not know.
            axes.set_title(_fitting(task, 0.9 * (sheet.width - room) / columns, sheet), color=INK)
    grid[0][0].set_yticks(range(len(variants)), [_fitting(name, room, sheet) for name in variants])
    grid[0][0].set_ylim(len(variants) - 0.4, -0.6)
    return figure, panels


def _title(axes: Axes, variant: str, colour: str, sheet: Sheet) -> None:
    """Write a variant's name above its panel, and no further than that panel reaches."""
    axes.set_title(_fitting(variant, 0.7 * _room(axes), sheet), color=colour)


def _room(axes: Axes) -> float:
    """Return how many inches of a figure's width belong to a panel, its labels included."""
    figure, spec = axes.get_figure(), axes.get_subplotspec()
    assert isinstance(figure, Figure) and spec is not None
    return figure.get_figwidth() / spec.get_gridspec().ncols


def _fitting(name: str, inches: float, sheet: Sheet) -> str:
    """Return a name or, where that is wider than so many inches, its beginning and its end."""
    shown, kept = name, len(name)
    while kept > 2 and _width(shown, sheet) > inches:
        kept -= 1
        shown = f"{name[: kept - kept // 2]}…{name[len(name) - kept // 2 :]}"
    return shown


def _width(text: str, sheet: Sheet) -> float:
    """Return how many inches a text takes."""
    font = FontProperties(family="DejaVu Sans", size=sheet.text)
    return text_to_path.get_text_width_height_descent(text, font, False)[0] / 72


def _used(figure: Figure, grid: Any, number: int) -> Sequence[Axes]:
    """Return the first `number` axes in reading order, and remove the others from the figure.

    What stands above a removed one is the lowest of its column, and shows the numbers of its axis.
    """
    axes, columns = list(grid.flat), grid.shape[1]
    for place in range(number, len(axes)):
        figure.delaxes(axes[place])
        axes[place - columns].tick_params(labelbottom=True)
    return axes[:number]


def _log_axis(axes: Axes, which: str, sheet: Sheet) -> None:
    """Set up a log axis whose ticks are plain numbers, few enough to be read."""
    if which == "x":
        axes.set_xscale("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    decades = math.log10(high / low) if low > 0 else 0.0
    locator: Locator = MaxNLocator(2 if which == "x" else 3)
    if which == "x" and low > 0:
        ticks = _apart(low, high, 0.7 * _room(axes), sheet)
        if len(ticks) > 1:
            locator = FixedLocator(ticks)
    elif decades > 0.6:
        subs = (1.0,) if decades > 2.2 else (1.0, 3.0) if decades > 1.2 else (1.0, 2.0, 5.0)
        locator = LogLocator(subs=subs, numticks=8)
    axis.set_major_locator(locator)
    axis.set_major_formatter(FuncFormatter(lambda value, _: _of_tick(value)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _of_tick(value: float) -> str:
    return rounded(value, 4)


def _apart(low: float, high: float, inches: float, sheet: Sheet) -> Sequence[float]:
    """Return ticks of a log axis, as many as have room for their labels beside each other."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for step, factors in _TICKS:
        ticks = [
            factor * 10.0**decade for decade in decades if decade % step == 0 for factor in factors
        ]
        found = [tick for tick in ticks if low <= tick <= high]
        labels = [
            (inches * math.log(tick / low) / math.log(high / low), _width(_of_tick(tick), sheet))
            for tick in found
        ]
        if all(b - a > (wide + other) / 2 + _GAP for (a, wide), (b, other) in pairwise(labels)):
            break
    return found
