"""What a paper takes of a report: figures as PDF at a column's width, and some of the variants.

The arbiters are the bytes of the PDF, as its standard (ISO 32000) describes them.
"""

import itertools
import os
import re
import sys
import zlib
from dataclasses import replace
from itertools import pairwise

import matplotlib as mpl
import processes
import pytest
import reported
from matplotlib.text import Text
from recorded import OK

from lstm_ablate.errors import UserError
from lstm_ablate.evidence import analysis, selection
from lstm_ablate.experiment import loading, runs
from lstm_ablate.report import cells, latex, markdown, paper, plots, values
from lstm_ablate.store.records import Record

MILLIMETRE = 72 / 25.4  # points


@pytest.fixture
def summary(tmp_path):
    """A summary of six variants with the figures that most experiments have."""
    path = tmp_path / "verdicts.yaml"
    path.write_text(reported.VERDICTS)
    one = loading.load(path)
    expanded, records = runs.expand(one, "keras"), {}
    for run in expanded:
        loss = (0.1 + 0.01 * len(run.variant)) * (1 + run.seed / 50)
        result = {**OK, "test_loss": loss}
        if run.variant == "gone" and run.seed < 2:
            result = {"status": "failed", "message": "no luck"}
        records[run.id] = Record(run.id, run.identity, result, {"training_seconds": 1.5})
    return analysis.summarise(one, expanded, records)


def texts_of(pdf):
    """Return the page's size in points, and the size of each text that it shows."""
    (box,) = re.findall(rb"/MediaBox \[ ([\d. ]+) \]", pdf)
    streams = [
        zlib.decompress(found)
        for found in re.findall(rb"FlateDecode[^>]*>>\s*stream\r?\n(.*?)\nendstream", pdf, re.S)
    ]
    sizes = [float(size) for one in streams for size in re.findall(rb"/F\d+ ([\d.]+) Tf", one)]
    return tuple(map(float, box.split()))[2:], sizes


def test_a_figure_is_as_wide_as_asked_with_fonts_that_can_be_read(summary):
    found = paper.figures(summary, 84)
    assert list(found) == [f"{one.name}.pdf" for one in plots.drawings(summary)]
    assert len(found) == 5
    for name, pdf in found.items():
        (wide, high), sizes = texts_of(pdf)
        assert wide == pytest.approx(84 * MILLIMETRE, abs=0.01), name
        assert 60 < high < 500 and sizes and set(sizes) == {7.0}, name
        # A font of this subtype is TrueType, and this file is in the PDF.
        assert b"/Subtype /CIDFontType2" in pdf and b"/FontFile2" in pdf
        assert b"/Type3" not in pdf and b"/Type1" not in pdf
        fonts = set(re.findall(rb"/BaseFont /(\S+)", pdf))
        assert fonts and all(re.fullmatch(rb"[A-Z]{6}\+DejaVuSans", font) for font in fonts)
    first, *_ = plots.drawings(summary)
    (wide, _), _ = texts_of(plots.pdf(plots.drawn(first, plots.column(120))))
    assert wide == pytest.approx(120 * MILLIMETRE, abs=0.01)


def test_a_figure_has_the_same_bytes_in_any_process(tmp_path):
    """Python draws the hashes of texts anew for each process."""
    code = (
        "from lstm_ablate.report import plots; figure = plots.NotebookFigure();"
        " figure.text(0, 0, 'relu and tanh'); print(plots.pdf(figure).hex())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    done = processes.run([sys.executable, "-c", code], cwd=tmp_path, env=environment)
    figure = plots.NotebookFigure()
    figure.text(0, 0, "relu and tanh")
    pdf = plots.pdf(figure)
    assert bytes.fromhex(done.stdout) == pdf
    assert plots.is_ours(pdf) and b"CreationDate" not in pdf and b"/Producer" not in pdf


def test_a_matplotlibrc_brings_no_other_fonts_into_what_a_notebook_saves(summary, tmp_path):
    drawing = next(iter(plots.drawings(summary)))
    with mpl.rc_context({"pdf.fonttype": 3}):
        plots.drawn(drawing, plots.column(84)).savefig(tmp_path / "mine.pdf")
    assert b"/FontFile2" in (tmp_path / "mine.pdf").read_bytes()


def test_panels_stand_side_by_side_as_far_as_there_is_room(summary):
    """At 84 mm two of them do. The lowest panel of each column shows the numbers of its axis."""
    drawing = {one.name: one for one in plots.drawings(summary)}["pairs"]
    drawn = plots.drawn(drawing, plots.column(84))
    places = [axes.get_subplotspec() for axes in drawn.axes]
    assert [(one.rowspan.start, one.colspan.start) for one in places] == [
        *[(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    ]
    five = selection.of_variants(summary, [*summary.variants[:-1]], "--variants")
    five = {one.name: one for one in plots.drawings(five)}["pairs"]
    drawn = plots.drawn(five, plots.column(84))
    shown = [axes.xaxis.get_tick_params()["labelbottom"] for axes in drawn.axes]
    assert shown == [False, False, False, True, True]


@pytest.mark.parametrize("sheet", [plots.SCREEN, plots.column(84)])
def test_numbers_beside_each_other_on_an_axis_do_not_overlap(sheet):
    """Rates from 0.0003 to 0.03, ratios near 1 and up to 100,000, losses that are close to 0."""
    ends = [
        (2.4e-4, 3.7e-2), (6e-5, 0.4), (0.7, 1.44), (0.66, 1.9), (0.7, 90), (0.5, 2e5), (0.07, 1e5),
        (1.6e-5, 1.1e-4), (3e-6, 2.5e-5), (1e-6, 1e6), (0.2, 1.3), (4e-9, 3e9),
    ]  # fmt: skip
    for columns in range(1, 1 + int(sheet.width / 1.6)):
        for low, high in ends:
            with plots._style(sheet=sheet):
                figure, grid = plots._panels(sheet, columns, columns)
                for axes in grid.flat:
                    axes.plot([low, high], [1, 2])
                    axes.set(xscale="log", xlim=(low, high))
                    plots._log_axis(axes, "x", sheet)
                figure.canvas.draw()
                for axes in grid.flat:
                    labels = [
                        label
                        for label, place in zip(
                            axes.get_xticklabels(), axes.get_xticks(), strict=True
                        )
                        if low <= place <= high
                    ]
                    assert len(labels) > 1, (columns, low, high)
                    boxes = [label.get_window_extent() for label in labels]
                    assert all(a.x1 < b.x0 for a, b in pairwise(boxes)), (columns, low, high)


LONG = """
version: 1
name: long
data: {family: sines, samples: {train: 4, validation: 2, test: 2}, timesteps: 3}
training: {batch_size: 2, epochs: 4}
seeds: 6
baseline: BASE
variants:
  BASE: {}
  relu-FIRST: {model.activation: relu}
  relu-LAST: {model.activation: elu}
tasks: {easy: {}, TASK: {data.noise: 0.5}}
"""


@pytest.mark.parametrize("sheet", [plots.SCREEN, plots.column(84)])
def test_names_as_long_as_they_may_be_stay_in_their_figure_and_over_their_panel(tmp_path, sheet):
    """matplotlib tells where a text lies, in dots."""
    path, text = tmp_path / "long.yaml", LONG
    for name in ("BASE", "FIRST", "LAST", "TASK"):
        text = text.replace(name, "W".join(["a-long_name"] * 5)[: 59 - len(name)] + name)
    path.write_text(text)
    one = loading.load(path)
    expanded, records = runs.expand(one, "keras"), {}
    for run in expanded:
        result = {**OK, "test_loss": 0.1 + 0.01 * len(run.variant) * (1 + run.seed / 50)}
        records[run.id] = Record(run.id, run.identity, result, {})
    names = set()
    for drawing in plots.drawings(analysis.summarise(one, expanded, records)):
        figure = plots.drawn(drawing, sheet)
        figure.draw_without_rendering()
        for artist in figure.findobj(Text):
            if re.search("[a-z]", artist.get_text()):
                extent = artist.get_window_extent()
                assert extent.x0 >= 0 and extent.x1 <= figure.bbox.width, artist
                assert extent.y0 >= 0 and extent.y1 <= figure.bbox.height, artist
        titles = [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
        assert all(not one.overlaps(other) for one, other in itertools.combinations(titles, 2))
        names |= {axes.get_title() for axes in figure.axes} - {""}
    cut = {name for name in names if "…" in name}  # they are still told apart
    assert len(cut) == 3 and names - cut == {"easy", "all tasks"}


def test_figures_replace_those_of_an_earlier_call_and_no_file_of_others(
    summary, tmp_path, monkeypatch
):
    drawings = [*plots.drawings(summary)][:2]
    monkeypatch.setattr(plots, "drawings", lambda summary: drawings)
    folder = tmp_path / "for" / "paper"
    written = paper.write(summary, folder, 84)
    assert {path.name for path in folder.iterdir()} == {path.name for path in written}
    (folder / "mine.pdf").write_text("stays")
    before = written[0].read_bytes()
    assert paper.write(summary, folder, 90) == written and written[0].read_bytes() != before
    mine = b"%PDF-1.4 drawn by hand"
    written[1].write_bytes(mine)
    kept = written[0].read_bytes()
    with pytest.raises(UserError, match=f"{written[1].name}: exists, and is no figure of this"):
        paper.write(summary, folder, 84)
    assert written[1].read_bytes() == mine and written[0].read_bytes() == kept


# ------------------------------------------------------------------------------- some variants


def test_a_selection_moves_no_level_and_says_what_it_leaves_out(summary):
    some = selection.of_variants(summary, ["unclear", "worse"], "--variants")
    assert [row.variant for row in some.rows] == ["base", "worse", "unclear"]  # as in the config
    whole = {row.variant: row for row in summary.rows}
    assert all(row == whole[row.variant] for row in some.rows)
    assert (some.comparisons, some.level, some.least_seeds) == (
        *(summary.comparisons, summary.level, summary.least_seeds),
    )
    told = (
        "Of the 6 comparisons of this experiment, 4 are not shown (better, alike, slightly and"
        " gone): the wins that a verdict takes, and the intervals, allow for all 6."
    )
    assert some.selection == told and some.notes == (told, *summary.notes)
    for text in (markdown.markdown(some), latex.latex(some), values.as_json(some)):
        assert told in text
    assert cells.legend(some) == cells.legend(summary)
    caption = re.search(r"\\caption\{(.*)\}", latex.latex(some))[1]
    assert told in caption and r"99.17\% interval" in caption  # a sixth of 5% each
    assert list(some.table()["variant"]) == ["base", "worse", "unclear"]
    assert summary.troubles and not some.troubles
    assert {variant for _, variant in some.seconds} == {"base", "worse", "unclear"}


def test_a_variant_of_a_selection_keeps_its_colour_and_no_other_is_drawn(summary):
    some = selection.of_variants(summary, ["unclear"], "--variants")
    for one, panels in (("pairs", ["unclear"]), ("curves", ["unclear"]), ("ratios", ["unclear"])):
        drawing = {drawing.name: drawing for drawing in plots.drawings(some)}[one]
        drawn = plots.drawn(drawing)
        assert [axes.get_title() for axes in drawn.axes] == panels
        assert plots._look(summary, "unclear")[0] in {
            line.get_color() for line in drawn.axes[0].lines
        }
    drawing = {drawing.name: drawing for drawing in plots.drawings(some)}["reconstructions"]
    assert {axes.get_title("left") for axes in plots.drawn(drawing).axes} <= {"", "base", "unclear"}


def test_a_selection_of_all_or_of_what_is_not_compared_says_nothing(summary):
    assert selection.of_variants(summary, summary.variants, "--variants") is summary
    rows = tuple(
        replace(row, verdict="same training") if row.variant == "gone" else row
        for row in summary.rows
    )
    one = selection.of_variants(replace(summary, rows=rows), summary.variants[:-1], "--variants")
    assert not one.selection and one.notes == summary.notes and len(one.rows) == 6


def test_unknown_names_are_refused_together_with_the_nearest_and_all_known(summary):
    with pytest.raises(UserError) as raised:
        selection.of_variants(summary, ["wurse", "alike", "x", "x"], "--variants")
    assert raised.value.problems == (
        '--variants: "wurse" is not a variant of verdicts. Did you mean "worse"?',
        '--variants: "x" is not a variant of verdicts.'
        "\n  known: base, worse, better, alike, slightly, unclear, gone",
    )
