"""Reports against what the summary holds."""

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest
import reported
from markdown_it import MarkdownIt
from rich.console import Console

from lstm_ablate.evidence import analysis
from lstm_ablate.experiment import loading, runs
from lstm_ablate.experiment.yaml_source import read_text
from lstm_ablate.report import cells, derived, markdown, terminal, values
from lstm_ablate.store.records import Record

pytestmark = pytest.mark.usefixtures("no_page")


@pytest.fixture
def case(tmp_path):
    return reported.two_tasks(tmp_path)


def test_csvs_hold_every_value_exactly_and_names_as_text(case, tmp_path):
    one, expanded, records = case
    derived.write(tmp_path, one, expanded, records, analysis.summarise(one, expanded, records))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "runs.csv").read_text())))
    recorded = [run for run in expanded if run.id in records]
    assert [(r["task"], r["variant"], int(r["seed"]), r["run"]) for r in rows] == [
        (run.task, run.variant, run.seed, run.id) for run in recorded
    ]
    for row, run in zip(rows, recorded, strict=True):
        value = records[run.id].result.get("test_loss")
        assert row["test_loss"] == ("" if value is None else repr(value))
        assert row["diverged_epoch"] == ("2" if row["status"] == "diverged" else "")
    again = pd.read_csv(
        tmp_path / "summary.csv", keep_default_na=False, na_values=[""],
        dtype={"variant": str, "parameters": "Int64"},
    )  # fmt: skip
    expected = analysis.summarise(one, expanded, records).table()
    pd.testing.assert_frame_equal(again, expected, check_exact=True, check_dtype=False)
    curves = (tmp_path / "curves.csv").read_text().splitlines()
    assert curves[0] == "task,variant,seed,epoch,train_loss,validation_loss"
    assert curves[1:3] == ["easy,base,0,1,0.4,0.5", "easy,base,0,2,0.3,0.4"]
    assert "easy,gone,0,2,," in curves


def test_derived_files_do_not_depend_on_timings_or_order(case, tmp_path):
    one, expanded, records = case
    names = ("experiment.yaml", "runs.csv", "curves.csv", "summary.csv", "report.md")
    derived.write(tmp_path, one, expanded, records, analysis.summarise(one, expanded, records))
    first = {name: (tmp_path / name).read_bytes() for name in names}
    shuffled = {
        run: Record(r.run, r.identity, r.result, {"training_seconds": 99.0})
        for run, r in reversed(records.items())
    }
    derived.write(tmp_path, one, expanded, shuffled, analysis.summarise(one, expanded, shuffled))
    assert {name: (tmp_path / name).read_bytes() for name in names} == first


def test_every_format_tells_the_same(case, tmp_path):
    one, expanded, records = case
    summary = analysis.summarise(one, expanded, records)
    derived.write(tmp_path, one, expanded, records, summary)
    stream = io.StringIO()
    terminal.terminal(summary, Console(file=stream, width=250, color_system=None))
    text = stream.getvalue()
    markdown = (tmp_path / "report.md").read_text()
    for shown in (text, markdown.replace("\\", "")):
        for row in summary.rows:
            counts = f"{row.ok}/{row.diverged}/{row.failed}"
            lines = [line for line in shown.splitlines() if row.variant in line and counts in line]
            line = lines[summary.tasks.index(row.task)]
            assert row.formula in line
            if row.ok:
                of = " of 5 that converged" if row.diverged else ""
                median = row.median
                assert f"{median.value:.3g} [{median.low:.3g} to {median.high:.3g}]{of}" in line
            if row.sentence:
                assert f"- {row.sentence}." in shown
        for words in (
            "all diverged (6 of 6)",
            "all failed",
            "no run yet",
            "5/0/0 of 6",
            "failed: ValueError: [red]",
        ):
            assert words in shown
        assert "nan" not in shown.lower().replace("unfinished", "")
    content = json.loads(values.as_json(summary))
    means = [row.mean and row.mean.value for row in (*summary.rows, *summary.overall)]
    assert [row["mean"] and row["mean"]["value"] for row in content["rows"]] == means
    assert values.as_csv(summary) == (tmp_path / "summary.csv").read_text()


def test_the_settings_in_the_report_are_the_experiment(case, tmp_path):
    one, expanded, records = case
    derived.write(tmp_path, one, expanded, records, analysis.summarise(one, expanded, records))
    (block,) = re.findall(r"```yaml\n(.*?)```", (tmp_path / "report.md").read_text(), re.DOTALL)
    assert block == (tmp_path / "experiment.yaml").read_text()
    assert read_text(block, "block").plain() == json.loads(json.dumps(dict(one.resolved)))
    again = loading.load(tmp_path / "experiment.yaml")
    assert [run.id for run in runs.expand(again, "keras")] == [run.id for run in expanded]


def test_a_folder_without_records_reports_that(case, tmp_path):
    one, expanded, _ = case
    summary = analysis.summarise(one, expanded, {})
    derived.write(tmp_path, one, expanded, {}, summary)
    assert {row.missing for row in summary.rows} == {6}
    assert "no run yet" in (tmp_path / "report.md").read_text()


def test_json_holds_an_interval_that_ends_at_infinity(case):
    one, expanded, records = case
    for run in expanded:
        if run.variant == "007" and run.seed < 2 and run.task == "easy":
            result = records[run.id].result | {"test_loss": (1e30, 1e-30)[run.seed]}
            records[run.id] = Record(run.id, run.identity, result, {})
    summary = analysis.summarise(
        one, expanded, {k: v for k, v in records.items() if v.identity["seed"] < 2}
    )
    row = next(
        row for row in json.loads(values.as_json(summary))["rows"] if row["variant"] == "007"
    )
    assert row["comparison"]["ratio"]["high"] == "inf"


def test_over_all_tasks_where_a_variant_has_no_loss_in_one_of_them(case):
    one, expanded, records = case
    for run in expanded:
        if run.variant == "gone" and run.task == "easy":
            result = records[run.id].result | {
                "status": "ok",
                "test_loss": reported.loss(run),
                "diverged_epoch": None,
            }
            records[run.id] = Record(run.id, run.identity, result, {})
    rows = {row.variant: row for row in analysis.summarise(one, expanded, records).overall}
    row = rows["gone"]
    assert (row.ok, row.diverged, row.median, row.diverging.value) == (6, 6, None, 0.5)
    assert cells.statistics(row)[:4] == ("-",) * 4 and cells.statistics(row)[-1].startswith(
        "6 of 12 [0.2"
    )
    # Not inconclusive.
    assert cells.cells(rows["unstarted"])[-1] == cells.cells(rows["broken"])[-1] == "-"


class _Shown(HTMLParser):
    """The texts of a page, and its elements."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.elements = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


QUESTIONS = (
    "--- a rule?",
    "+ an item?",
    "- an item",
    "1. a number?",
    "=== above?",
    "# no *title* `here` <b>?",
    "_so_",
)


@pytest.mark.parametrize("question", QUESTIONS)
def test_markdown_shows_names_and_questions_as_they_are(question, tmp_path):
    """As markdown-it, which follows CommonMark, reads it."""
    path = tmp_path / "names.yaml"
    names = reported.VERDICTS.replace("  better:", "  _better_:").replace("  alike:", "  a__b__c:")
    path.write_text(f"{names}question: {json.dumps(question)}\n")
    one = loading.load(path)
    text = markdown.markdown(analysis.summarise(one, runs.expand(one, "keras"), {}))
    page = _Shown(MarkdownIt("commonmark").enable("table").render(text))
    plain = _Shown(MarkdownIt("commonmark").enable("table").render(text.replace(question, "why")))
    assert question in page.texts
    for name in ("_better_", "a__b__c"):
        assert page.texts.count(name) == 2
        assert any(
            shown.startswith(f"{name} cannot be compared with base: ") for shown in page.texts
        )
    assert page.elements == plain.elements and not {"em", "strong", "hr", "ol", "b"} & set(
        page.elements
    )


def test_markdown_shows_every_name_wherever_it_stands(case, tmp_path):
    """Of the experiment, of a task and of the baseline: in titles, tables, notes and the legend."""
    path = tmp_path / "names.yaml"
    path.write_text(
        reported.TWO_TASKS.replace("two_tasks", "_both_")
        .replace("base:", "_base_:")
        .replace(": base\n", ": _base_\n")
        .replace("easy", "_easy_")
    )
    one = loading.load(path)
    idle = {"ceiling": 1e-9}  # so that a note names every variant
    records = {
        key: Record(r.run, r.identity, r.result | idle, r.meta) for key, r in case[2].items()
    }
    text = markdown.markdown(analysis.summarise(one, runs.expand(one, "keras"), records))
    page = _Shown(MarkdownIt("commonmark").enable("table").render(text.partition("## Settings")[0]))
    shown = "".join(page.texts)
    assert (
        "_both_" in page.texts
        and "Task _easy_" in page.texts
        and "over _base_'s at the same seeds" in shown
    )
    assert "_base_ in _easy_" in shown and "em" not in page.elements


def test_a_pipe_in_a_cell_of_a_markdown_table_ends_no_cell(case):
    """As in the formula of softsign; markdown-it reads the table."""
    summary, formula = analysis.summarise(*case), "g = z_g / (1 + |z_g|)"
    rows = tuple(replace(row, formula=formula) for row in summary.rows)

    def read(one):
        return _Shown(MarkdownIt("commonmark").enable("table").render(markdown.markdown(one)))

    page, plain = read(replace(summary, rows=rows)), read(summary)
    assert page.texts.count(formula) == len(rows) > 0 and page.elements == plain.elements
    verdicts = [cells.cells(row)[-1] for row in rows]
    assert all(page.texts.count(one) >= verdicts.count(one) for one in verdicts if one)


def test_on_a_terminal_verdicts_are_wrapped_between_words(case):
    summary = analysis.summarise(*case)
    stream = io.StringIO()
    terminal.terminal(
        summary,
        Console(file=stream, width=80, color_system=None, force_terminal=True, no_color=True),
    )
    shown = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    told = [row.sentence for row in summary.rows if row.sentence]
    assert told and all(f"- {sentence}." in " ".join(shown.split()) for sentence in told)
    bullets = re.findall(r"^- .*\n(?:  \S.*\n)*", shown, re.MULTILINE)
    assert (
        len(bullets) >= len(told)
        and max(len(line) for text in bullets for line in text.splitlines()) <= 80
    )


def test_a_narrow_terminal_cuts_nothing_off(case):
    """Nor a word of a verdict in two; what has no room in the table stands below it."""
    one, expanded, records = case
    summary = analysis.summarise(one, expanded, records)
    stream = io.StringIO()
    terminal.terminal(summary, Console(file=stream, width=80, color_system=None))
    lines = stream.getvalue().splitlines()
    assert "…" not in stream.getvalue()
    assert all(
        len(line) <= 80 or line.startswith("- ") or line.endswith(" s/run") for line in lines
    )
    words = stream.getvalue().split()
    for row in summary.rows:
        seconds = summary.seconds.get((row.task, row.variant))
        assert (
            f"  {row.variant}: {row.formula}; {'-' if seconds is None else f'{seconds:.1f}'} s/run"
            in lines
        )
        assert set(cells.cells(row)[-1].split()) <= set(words)


@pytest.mark.parametrize(
    ("linear", "told"),
    [
        ({}, "predicting the mean gives 1, the best linear code of the same size 0.25. div"),
        ({"base": 0.0, "007": 0.0}, "sees at least as many numbers as a window has: nothing is"),
        ({"007": 0.5}, "the best linear code of the same size 0.25 (base; others in summary.csv)"),
        ({"007": 0.0}, "the best linear code of the same size 0.25 (base; others in summary.csv)"),
        ({"base": 0.0, "007": 0.5}, "nothing is compressed (base; others in summary.csv)"),
        # The same code on the windows of other seeds, where some runs are missing.
        ({"007": 0.251}, "the best linear code of the same size 0.25. div"),
    ],
)
def test_the_legend_names_the_references_of_the_baselines_network(case, linear, told):
    experiment, expanded, records = case
    variants = {run.id: run.variant for run in expanded}
    changed = {}
    for key, record in records.items():
        value = linear.get(variants[key], 0.0 if linear.get("base") == 0.0 else 0.25)
        result = record.result if record.status == "failed" else {**record.result, "linear": value}
        changed[key] = Record(key, record.identity, result, {})
    assert told in cells.legend(analysis.summarise(experiment, expanded, changed))
