"""The page and its figures: what they show, and that nothing in them runs, also in a browser."""

import functools
import http.server
import json
import math
import re
import shutil
import threading
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import processes
import pytest

from lstm_ablate.evidence import analysis
from lstm_ablate.experiment import loading, runs
from lstm_ablate.report import derived, latex, markdown, page, plots
from lstm_ablate.report.page import html
from lstm_ablate.store import inventory
from lstm_ablate.store.records import Record

CONFIG = """
version: 1
name: page
question: QUESTION
data: {family: sines, samples: {train: 4, validation: 3, test: 3}, timesteps: 5}
training: {batch_size: 2, epochs: 30}
seeds: 10
baseline: base
variants:
  base: {}
  better: {model.activation: relu}
  alike: {model.activation: elu}
  wild: {model.activation: selu}
  gone: {model.activation: gelu}
  broken: {model.activation: silu}
TASKS
"""
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> $\\frac{1}{0}$ https://example.org/"
    " \"'&amp;"
)


@pytest.fixture
def summarised(tmp_path):
    def summary(tasks="", question="Does it matter?"):
        path = tmp_path / "page.yaml"
        path.write_text(CONFIG.replace("TASKS", tasks).replace("QUESTION", json.dumps(question)))
        one = loading.load(path)
        records = {}
        for run in runs.expand(one, "keras"):
            random = np.random.default_rng([run.seed, len(run.variant)])
            factor = {"base": 1.0, "better": 0.5, "alike": 1.0}.get(run.variant, 1.3)
            curve = factor * np.exp(-np.arange(30) / 10 + 0.02 * random.standard_normal(30))
            diverges = run.variant == "gone" or (run.variant == "wild" and run.seed in (2, 5))
            if diverges:
                curve = [*curve[:7], None]
            result = {
                "status": "diverged" if diverges else "ok",
                "diverged_epoch": 8,
                "parameters": 10,
                "floor": 0.0,
                "ceiling": 1.0,
                "linear": 0.25,
                "test_loss": None if diverges else float(curve[-1]),
                "validation_losses": list(curve),
                "windows": [] if diverges else [[0.0, 1.0, 0.0, -1.0, 0.0]] * 3,
                "reconstructions": [] if diverges else [[0.1, 0.9, 0.1, -0.9, 0.1]] * 3,
            }
            if run.variant == "wild" and run.seed == 7:
                result["test_loss"] = 9.0  # stuck, far above its curve
            if run.variant == "broken":
                result = {"status": "failed", "message": HOSTILE}
            records[run.id] = Record(run.id, run.identity, result, {"training_seconds": 1.5})
        return analysis.summarise(one, runs.expand(one, "keras"), records, {"device": HOSTILE})

    return summary


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_no_text_from_outside_runs_as_code_in_the_page(summarised):
    page = html(summarised(question=HOSTILE))
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
    strong = re.findall(r'<tr class="strong"><td>(\w+)</td>', html(summary))
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

    (axes,) = figures["failures"].axes
    shares = [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 1]
    assert shares[::2] == [0.0, 0.0, 0.0, 0.2, 1.0]  # diverged
    assert shares[1::2] == [0.0, 0.0, 0.0, 0.1, 0.0]  # stuck


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


def test_several_tasks_have_their_own_figures_and_one_table_over_all(summarised):
    summary = summarised("tasks: {easy: {}, hard: {data.noise: 0.5}}")
    page = html(summary)
    names = [name for name, *_ in plots.figures(summary)]
    assert {"curves-easy", "curves-hard", "pairs-hard", "reconstructions-easy"} < set(names)
    assert {"ratios-easy", "ratios-hard"} < set(names)
    assert re.findall(r"<h3>([\w ]+)</h3>", page) == [
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
    short = page._short(whole.replace(">alike<", ">0.12345<"))
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
        one = loading.load(tmp_path / "page.yaml")
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


CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


@pytest.fixture
def browse(tmp_path):
    """Opens a page in Chromium; returns what it logged, what the page asked for beside itself, and
    a picture.
    """

    def opened(page, width):
        (tmp_path / "site").mkdir(exist_ok=True)
        (tmp_path / "site" / "report.html").write_text(page)
        handler = functools.partial(QuietHandler, directory=tmp_path / "site")
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            origin = f"http://127.0.0.1:{server.server_port}"
            log, picture = tmp_path / "net.json", tmp_path / f"screen{width}.png"
            command = [
                CHROMIUM,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--no-first-run",
                f"--user-data-dir={tmp_path / 'profile'}",
                "--enable-logging=stderr",
                f"--log-net-log={log}",
                f"--window-size={width},2400",
                f"--screenshot={picture}",
                f"{origin}/report.html",
            ]
            done = processes.run(command)
            server.shutdown()
        requests = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
        asked = {
            one["url"]
            for one in requests
            if one.get("initiator", "").startswith(origin) and "url" in one
        }
        return done.stderr, asked - {f"{origin}/report.html", f"{origin}/favicon.ico"}, picture

    return opened


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_browser_logs_no_error_and_loads_nothing_else(browse, summarised):
    page = html(summarised(question=HOSTILE))
    for width in (390, 1200):
        logged, asked, picture = browse(page, width)
        assert "CONSOLE" not in logged and asked == set()
        assert picture.stat().st_size > 20_000
    acts = "<script>console.error('no')</script><img src='/x.png'>"
    # For comparison, this is a page in which code does run.
    logged, asked, _ = browse(f"<!DOCTYPE html><body>{acts}", 390)
    assert "CONSOLE" in logged and [url.rpartition("/")[2] for url in asked] == ["x.png"]
    policy = re.search(r"<meta http-equiv.*?>", page)[0]
    logged, asked, _ = browse(f"<!DOCTYPE html><head>{policy}</head><body>{acts}", 390)
    assert "Content Security Policy" in logged and asked == set()
