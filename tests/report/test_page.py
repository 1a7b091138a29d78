"""The page and its figures: what they show, and that nothing in them runs."""

import math
import re
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
import reported

from lstm_ablate.evidence import analysis
from lstm_ablate.experiment import loading, runs
from lstm_ablate.report import cells, derived, inline, latex, markdown, plots
from lstm_ablate.report.page import html
from lstm_ablate.store import inventory


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_no_text_from_outside_runs_as_code_in_the_page(summarised, hostile):
    page = html(summarised(question=hostile))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page  # shown as text, three times
    elements = Elements(page).found
    assert {tag for tag, _ in elements}.isdisjoint(
        {"script", "img", "iframe", "object", "embed", "link", "base", "form"}
    )
    policies = [
        a["content"]
        for tag, a in elements
        if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies and "default-src 'none'" in policies[0] and "script" not in policies[0]
    for tag, attributes in elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name.split(":")[-1] in ("href", "src", "srcset", "action", "data", "poster"):
                assert value.startswith("#"), (tag, name, value)
            if name.split(":")[0] not in ("xmlns", "aria-label"):
                assert "//" not in (value or ""), (tag, name, value)
    assert re.findall(r"url\((?!#)", page) == [] and "@import" not in page


def test_the_page_shows_every_part_in_order(summarised):
    summary = summarised()
    page = html(summary)
    ids = [a["id"] for tag, a in Elements(page).found if tag == "h2"]
    assert ids == [
        "verdicts",
        "table",
        "intervals",
        "ratios",
        "curves",
        "pairs",
        "reconstructions",
        "failures",
        "statistics",
        "time",
        "methods",
        "settings",
        "environment",
        "reproduce",
    ]
    assert page.index("Does it matter?") < page.index('id="verdicts"')
    assert "`" not in page and any("`" in (row.sentence or "") for row in summary.rows)
    with_backticks = re.sub("</?code>", "`", page)
    for row in summary.rows:
        assert row.sentence is None or row.sentence.replace("'", "&#39;") in with_backticks
        assert row.formula in page
    assert "10 diverged" in page and "8 ended well, 2 diverged" in page
    assert summary.references["default"] in page
    told = page[: page.index('id="methods"')]
    assert not re.search(r"\b(nan|inf)\b|None", re.sub(r"<svg.*?</svg>", "", told, flags=re.S))
    assert len(page) < 1_000_000
    svgs = re.findall(r' id="([^"]+)"', page)
    clips = [
        name
        for name in svgs
        if not re.match(r"(figure|axes|patch|line2d|text|matplotlib|xtick|ytick|Fill)", name)
    ]
    assert html(summary) == page and clips


def test_only_verdicts_of_better_are_bold(summarised):
    summary = summarised()
    better = {row.variant for row in summary.rows if row.verdict == "better"}
    assert better == {"better"}
    strong = re.findall(r'<tr id="[^"]+" class="strong"><td><a[^>]+>(\w+)</a></td>', html(summary))
    assert strong == ["better"]
    told = ["still learning: better"]
    assert re.findall(r"\*\*(.+?)\*\*", markdown.markdown(summary)) == told
    assert re.findall(r"\\textbf\{(\w+)", latex.latex(summary)) == ["better"]


def test_latex_escapes_its_special_characters():
    text = "50% & a_b $x$ #1 {y} ~ ^ \\ < >"
    assert latex._text(text) == (
        r"50\% \& a\_b \$x\$ \#1 \{y\} \textasciitilde{} \textasciicircum{} \textbackslash{} "
        r"\textless{} \textgreater{}"
    )


def test_figures_show_the_numbers_of_the_summary(summarised):
    summary = summarised()
    figures = {name: figure for name, _, figure in plots.figures(summary)}
    assert ["tuning", *figures] == list(inventory.KINDS)  # nothing is tuned
    rows = [row for row in summary.rows if row.comparison]
    assert [row.variant for row in rows] == ["better", "alike", "wild", "gone"]
    (axes,) = figures["intervals"].axes
    drawn = [line.get_xdata() for line in axes.lines[1:]]  # the first is the line at 1
    _, right = axes.get_xlim()
    expected = []
    for row in rows[:2]:
        ratio = row.comparison.ratio
        expected += [[*ratio.interval], [*ratio.median], [ratio.value]]
    ratio = rows[2].comparison.ratio  # two of ten diverged, so the interval ends at infinity
    assert ratio.interval[1] == math.inf
    expected += [[ratio.interval[0], right], [right], [*ratio.median], [ratio.value]]
    expected += [[right, right], [right], [right, right], [right]]  # all of "gone" did
    assert [list(one) for one in drawn if len(one)] == expected
    assert [label.get_text() for label in axes.get_yticklabels()] == [row.variant for row in rows]

    panels = {axes.get_title(): axes for axes in figures["ratios"].axes}
    assert list(panels) == ["better", "alike", "wild", "gone"]
    _, line = panels["better"].lines
    ratios = summary.ratios["default", "better"]
    assert list(line.get_ydata()) == [low for low, _ in ratios.medians]
    assert list(line.get_xdata()) == list(range(1, 31))
    _, line = panels["gone"].lines
    assert line.get_ydata()[7] == panels["gone"].get_ylim()[1]  # infinite from epoch 8 on

    panels = {axes.get_title(): axes for axes in figures["curves"].axes}
    assert list(panels) == ["better", "alike", "wild", "gone", "broken"]
    base, mine = panels["better"].lines
    assert tuple(base.get_ydata()) == summary.curves["default", "base"].median
    assert tuple(mine.get_ydata()) == summary.curves["default", "better"].median
    crosses = panels["wild"].lines[2]
    assert crosses.get_marker() == "x" and tuple(crosses.get_xdata()) == (7, 7)

    panels = {axes.get_title(): axes for axes in figures["pairs"].axes}
    _, points = panels["better"].lines
    by_seed = summary.outcomes["default", "base"], summary.outcomes["default", "better"]
    assert list(points.get_xdata()) == list(by_seed[0].values())
    assert list(points.get_ydata()) == list(by_seed[1].values())
    assert len(panels["wild"].lines) == 3  # the diagonal, pairs that converged, and crosses


def test_failures_of_three_kinds_are_told_apart(summarised):
    """In the figure, in summary.csv and in the table of all that describes."""
    summary = summarised()
    (wild,) = (row for row in summary.rows if row.variant == "wild")
    written = summary.table().set_index("variant").loc["wild"]
    assert (wild.stuck.count, wild.not_learned.count) == (2, 1)
    assert (written["stuck"], written["not_learned"]) == (2, 1)
    assert (written["stuck_share"], written["not_learned_share"]) == (0.2, 0.1)
    told = dict(zip(cells.STATISTICS, cells.statistics(wild), strict=True))
    assert told["stuck"].startswith("2 of 10 (") and told["not learned"].startswith("1 of 10 (")
    (figure,) = (one for name, _, one in plots.figures(summary) if name == "failures")
    (axes,) = figure.axes
    marks = [line for line in axes.lines if len(line.get_xdata()) == 1]
    shares = [line.get_xdata()[0] for line in marks]
    assert shares[::3] == [0.0, 0.0, 0.0, 0.2, 1.0]  # diverged
    assert shares[1::3] == [0.0, 0.0, 0.0, 0.2, 0.0]  # stuck
    assert shares[2::3] == [0.0, 0.0, 0.0, 0.1, 0.0]  # not learned
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "diverged", "are stuck", "have not learned",
    ]  # fmt: skip
    for mine, shown in zip(marks, legend.legend_handles, strict=False):
        assert mine.get_fillstyle() == shown.get_fillstyle()
        open_ones = [one.get_markerfacecolor() == plots.PAPER for one in (mine, shown)]
        assert open_ones[0] == open_ones[1]
    fills = {(mark.get_fillstyle(), mark.get_markerfacecolor()) for mark in marks[:3]}
    assert len(fills) == 3


@pytest.mark.parametrize(("sheet", "columns"), [(plots.SCREEN, 3), (plots.column(84), 1)])
def test_each_task_has_a_panel_where_a_variant_has_the_same_place(sheet, columns, tmp_path):
    """Of ratios with their intervals, and of failures, which all tasks together do not have."""
    summary = analysis.summarise(*reported.two_tasks(tmp_path))
    drawings = {one.name: plots.drawn(one, sheet) for one in plots.drawings(summary)}
    together = summary.overall[0].task
    for name, tasks in (("intervals", ("easy", "hard", together)), ("failures", ("easy", "hard"))):
        panels = {axes.get_title(): axes for axes in drawings[name].axes}
        assert tuple(panels) == tasks
        spec = drawings[name].axes[0].get_subplotspec().get_gridspec()
        assert spec.ncols == min(columns, len(tasks))
        names = [label.get_text() for label in drawings[name].axes[0].get_yticklabels()]
        assert names == {"intervals": ["007", "gone"], "failures": ["base", "007", "gone"]}[name]
    for row in (*summary.rows, *summary.overall):
        if row.comparison and row.comparison.ratio.value not in (None, math.inf):
            axes = {axes.get_title(): axes for axes in drawings["intervals"].axes}[row.task]
            (line,) = [line for line in axes.lines if line.get_marker() in plots._MARKS]
            assert (*line.get_xdata(), *line.get_ydata()) == (row.comparison.ratio.value, 0)


def test_curves_are_medians_and_quartiles_of_the_runs_that_have_not_diverged(summarised):
    curve = summarised().curves["default", "wild"]
    losses = [
        1.3
        * np.exp(-np.arange(30) / 10 + 0.02 * np.random.default_rng([seed, 4]).standard_normal(30))
        for seed in range(10)
    ]
    at_6, at_8 = (
        [one[6] for one in losses],
        [one[8] for seed, one in enumerate(losses) if seed not in (2, 5)],
    )
    assert curve.median[6] == pytest.approx(np.median(at_6)) and curve.median[8] == pytest.approx(
        np.median(at_8)
    )
    assert [curve.q1[8], curve.q3[8]] == pytest.approx(np.percentile(at_8, [25, 75]))
    assert curve.ends == ((7, pytest.approx(losses[2][6])), (7, pytest.approx(losses[5][6])))


def test_a_variant_looks_the_same_everywhere_and_like_no_other(summarised):
    summary = summarised()
    looks = [plots._look(summary, variant) for variant in summary.variants]
    assert len(set(looks)) == len(looks)
    for _, _, figure in plots.figures(summary):
        for axes in figure.axes:
            if axes.get_title() in summary.variants:
                colours = {line.get_color() for line in axes.lines} - {plots.INK, looks[0][0]}
                assert colours <= {plots._look(summary, axes.get_title())[0]}


def test_each_figure_says_in_words_what_it_shows(summarised):
    """The numbers are those that the tests make up: all curves are exponentials with small noise,
    and 8 epochs of ten runs end in a loss that is not finite.
    """
    summary = summarised()
    labels = [
        a["aria-label"]
        for tag, a in Elements(html(summary)).found
        if tag == "svg" and a.get("role")
    ]
    said = dict(
        zip(
            ("intervals", "ratios", "together", "curves", "pairs", "reconstructions", "failures"),
            labels,
            strict=True,
        )
    )
    assert re.fullmatch(
        r"Loss over that of base, typical ratio with its interval: better 0\.\d+"
        r" \(0\.4\d+ to 0\.5\d+\); alike .*; wild 1\.\d+ \(1\.\d+ to infinite\);"
        r" gone infinite \(infinite to infinite\)\.",
        said["intervals"],
    )
    assert "; gone 1.3 after epoch 1, infinite after epoch 30." in re.sub(
        r"1\.\d+", "1.3", said["ratios"]
    )
    medians = {variant: one.median for (_, variant), one in summary.curves.items()}
    for variant in ("base", "better"):
        first, last = (f"{medians[variant][k]:.3g}" for k in (0, -1))
        told = f"{variant} {first} after epoch 1, {last} after epoch 30;"
        assert told in said["curves"]
    assert f"wild {medians['wild'][0]:.3g} after epoch 1, " in said["curves"]
    assert ", 2 diverged; gone " in said["curves"] and said["curves"].endswith(
        " after epoch 7, 10 diverged."
    )
    assert said["together"] == said["curves"]
    assert said["pairs"].startswith(
        "Seeds with less test loss than base: better at 10 of 10; alike at "
    )
    assert said["pairs"].endswith("; wild at 0 of 10; gone at 0 of 10.")
    assert said["failures"].endswith(
        ": base 0, 0 and 0 of 10; better 0, 0 and 0 of 10; alike 0, 0 and 0 of 10;"
        " wild 2, 2 and 1 of 10; gone 10, 0 and 0 of 10."
    )
    shown = summary.shown["default"]
    loss = summary.outcomes["default", "better"][shown.seed]
    assert said["reconstructions"].startswith(
        f"3 test windows with their reconstructions at seed {shown.seed}, "
    )
    assert f"better {loss:.3g}; " in said["reconstructions"]


def test_several_tasks_have_their_own_figures_and_one_table_over_all(summarised):
    summary = summarised("tasks: {easy: {}, hard: {data.noise: 0.5}}")
    page = html(summary)
    names = [name for name, *_ in plots.figures(summary)]
    assert {"curves-easy", "curves-hard", "pairs-hard", "reconstructions-easy"} < set(names)
    assert {"ratios-easy", "ratios-hard"} < set(names)
    labels = [a["aria-label"] for tag, a in Elements(page).found if tag == "svg" and a.get("role")]
    assert sum(label.startswith("Median validation mse, task hard: ") for label in labels) == 2
    assert "better, hard, 0" in labels[0] and "better, all tasks, 0" in labels[0]
    assert re.findall(r"<h3[^>]*>([\w ]+)</h3>", page) == [
        *["easy", "hard"], *["easy", "hard", "all tasks"], *["easy", "hard"]
    ]  # fmt: skip


def test_long_curves_are_drawn_from_some_epochs_their_first_and_last_among_them():
    assert plots._some(150) == list(range(1, 151)) and plots._some(0) == []
    some = plots._some(1000)
    assert (len(some), some[0], some[-1]) == (150, 1, 1000) and {
        b - a for a, b in pairwise(some)
    } == {6, 7}


def test_a_drawing_in_a_page_is_short_and_its_texts_are_whole(summarised):
    name, _, figure = next(plots.figures(summarised()))
    whole = plots.svg(name, figure)
    short = inline.short(whole.replace(">alike<", ">0.12345<"))
    assert len(short) < 0.85 * len(whole)
    assert ">0.12345<" in short and not re.search(r'="[^"]*\d\.\d{3}', short)
    assert set(re.findall(r"#(m[0-9a-f]+|p[0-9a-f]+)", short)) <= set(
        re.findall(r' id="([^"]+)"', short)
    )
    ElementTree.fromstring(short[short.index("<svg") :])  # well-formed


def test_a_matplotlibrc_changes_no_byte(summarised):
    """It may be in the working folder or the user's; usetex would even start another program."""
    summary = summarised()

    def drawn():
        return [
            (name, plots.svg(name, figure), plots.png(figure))
            for name, _, figure in plots.figures(summary)
        ]

    expected = drawn()
    with mpl.rc_context(
        {"text.usetex": True, "xtick.major.size": 9, "lines.markeredgewidth": 3, "savefig.dpi": 10}
    ):
        assert drawn() == expected


def test_figures_of_an_earlier_summary_are_removed(summarised, tmp_path):
    """They have the names that the earlier experiment gave them. Files that others put beside them
    stay, and are listed.
    """
    folder = tmp_path / "folder"
    folder.mkdir()

    def write(tasks="", tables_alone=False):
        summary = summarised(tasks)
        one = loading.load(summarised.path)
        derived.write(folder, one, runs.expand(one, "keras"), {}, None if tables_alone else summary)
        return {path.name for path in (folder / "figures").iterdir()}

    several = "tasks: {easy: {}, hard: {data.noise: 0.5}}"
    assert {"curves-easy.png", "pairs-hard.svg"} < write(several)
    assert inventory.foreign(folder) == []
    mine = {"mine.txt", "mine.png", "for-the-paper.svg", "curves-annotated.png", "curves-easy.pdf"}
    for name in mine:
        (folder / "figures" / name).write_text("stays")
    drawn = [name for name in inventory.KINDS if name != "tuning"]  # nothing is tuned
    one_task = {f"{name}.{kind}" for name in drawn for kind in ("svg", "png")}
    assert write() == mine | one_task
    assert {path.name for path in inventory.foreign(folder)} == mine
    write(several)
    assert write(tables_alone=True) == mine
