"""Reports in every format, against the values of the summary."""

import csv
import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest
import reported
from markdown_it import MarkdownIt
from recorded import OK
from rich.console import Console

from lstm_ablate.evidence import analysis, looks
from lstm_ablate.evidence import summary as summaries
from lstm_ablate.evidence.typical import Typical
from lstm_ablate.experiment import loading, runs
from lstm_ablate.experiment.yaml_source import read_text
from lstm_ablate.report import cells, derived, latex, markdown, page, terminal, values
from lstm_ablate.store import tables
from lstm_ablate.store.records import Record

pytestmark = pytest.mark.usefixtures("no_page")


RUNS = {
    "base": "5 ended well, 1 missing",
    "007": "5 ended well, 1",  # on a terminal the rest stands below
    "gone": "6 diverged",
    "broken": "6 failed",
    "unstarted": "6 missing",
}
FLAT = str.maketrans("", "", "():")


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
        dtype={"variant": str, **dict.fromkeys(summaries._WHOLE, "Int64")},
    )  # fmt: skip
    expected = analysis.summarise(one, expanded, records).table()
    pd.testing.assert_frame_equal(again, expected, check_exact=True, check_dtype=False)
    ratios = (tmp_path / "ratios.csv").read_text().splitlines()
    assert ratios[:2] == ["task,variant,epoch,pairs,ratio,q1,q3", "easy,007,1,5,1.0,1.0,1.0"]
    # 007 diverged at its second epoch at one of five seeds, gone at all of them.
    assert "easy,007,2,5,1.0,1.0,1.0" in ratios and "easy,gone,2,5,inf,inf,inf" in ratios
    assert "easy,007,4,5,1.0,1.0,1.0" in ratios and len(ratios) == 1 + 2 * 2 * 4
    curves = (tmp_path / "curves.csv").read_text().splitlines()
    assert curves[0] == "task,variant,seed,epoch,train_loss,validation_loss"
    assert curves[1:3] == ["easy,base,0,1,0.4,0.5", "easy,base,0,2,0.3,0.4"]
    assert "easy,gone,0,2,," in curves


def test_derived_files_do_not_depend_on_timings_or_order(case, tmp_path):
    one, expanded, records = case
    names = ("experiment.yaml", "runs.csv", "curves.csv", "summary.csv", "ratios.csv", "report.md")
    derived.write(tmp_path, one, expanded, records, analysis.summarise(one, expanded, records))
    first = {name: (tmp_path / name).read_bytes() for name in names}
    shuffled = {
        run: Record(r.run, r.identity, r.result, {"training_seconds": 99.0})
        for run, r in reversed(records.items())
    }
    derived.write(tmp_path, one, expanded, shuffled, analysis.summarise(one, expanded, shuffled))
    assert {name: (tmp_path / name).read_bytes() for name in names} == first


def test_every_format_says_the_same(case, tmp_path):
    one, expanded, records = case
    summary = analysis.summarise(one, expanded, records)
    derived.write(tmp_path, one, expanded, records, summary)
    stream = io.StringIO()
    terminal.terminal(summary, Console(file=stream, width=250, color_system=None))
    text = stream.getvalue()
    markdown = (tmp_path / "report.md").read_text()
    for shown in (text, markdown.replace("\\", "")):
        for row in summary.rows:
            runs = RUNS[row.variant]
            lines = [line for line in shown.splitlines() if row.variant in line and runs in line]
            line = lines[summary.tasks.index(row.task)]
            assert shown == text or row.formula in line
            if row.loss:
                assert f"{row.loss.value:.3g}".replace("inf", "infinite") in line
            if row.sentence:
                assert f"{row.sentence}" in shown
        for task in summary.tasks:
            assert summary.references[task] in shown
        assert "nan" not in shown.lower()
    told = latex.latex(summary).splitlines()
    assert all(f"% {row.sentence}" in told for row in summary.rows if row.sentence)
    assert all(f"% {note}" in told for note in summary.notes)
    for shown in (text, markdown.replace("\\", "")):
        for words in (*summary.notes, "failed: ValueError: [red]", "all tasks"):
            assert words.lower() in shown.lower()
        assert f"{summary.least_seeds} seeds needed" in shown
    content = json.loads(values.as_json(summary))
    means = [row.mean for row in (*summary.rows, *summary.overall)]
    assert [row["mean"] for row in content["rows"]] == means
    ratios = [one["medians"] for one in content["by_epoch"] if one["variant"] == "gone"]
    assert ratios == [[[1.0, 1.0], [None, None], [None, None], [None, None]]] * 2
    assert values.as_csv(summary) == (tmp_path / "summary.csv").read_text()


def test_the_settings_in_the_report_are_the_experiment(case, tmp_path):
    one, expanded, records = case
    derived.write(tmp_path, one, expanded, records, analysis.summarise(one, expanded, records))
    (block,) = re.findall(r"```yaml\n(.*?)```", (tmp_path / "report.md").read_text(), re.DOTALL)
    assert block == (tmp_path / "experiment.yaml").read_text()
    assert read_text(block, "block").plain() == json.loads(json.dumps(dict(one.resolved)))
    again = loading.load(tmp_path / "experiment.yaml")
    assert [run.id for run in runs.expand(again, "keras")] == [run.id for run in expanded]


def test_the_report_of_a_folder_without_records_says_so(case, tmp_path):
    one, expanded, _ = case
    summary = analysis.summarise(one, expanded, {})
    derived.write(tmp_path, one, expanded, {}, summary)
    assert {row.missing for row in summary.rows} == {6}
    shown = (tmp_path / "report.md").read_text()
    assert "| 6 missing | - | baseline | - |" in shown and "60 runs are missing: they" in shown
    assert "No run of base has ended yet, with which the references are recorded." in shown
    assert (tmp_path / "ratios.csv").read_text() == "task,variant,epoch,pairs,ratio,q1,q3\n"


def test_an_infinite_number_is_inf_in_a_csv_and_null_in_json(case):
    summary = analysis.summarise(*case)
    gone = next(row for row in json.loads(values.as_json(summary))["rows"] if row["ok"] == 0)
    assert gone["comparison"]["ratio"]["median"] == [None, None]
    table = list(csv.DictReader(io.StringIO(values.as_csv(summary))))
    assert next(row for row in table if row["ok"] == "0")["ratio"] == "inf"


def test_the_row_over_all_tasks_shows_runs_wins_and_the_ratio_alone(case):
    summary = analysis.summarise(*case)
    found = {row.variant: cells.cells(summary, row) for row in summary.overall}
    assert found["007"][2:] == ("10 ended well, 2 diverged", "-", "2.72", "0 of 5", "")
    assert found["base"][2:] == ("10 ended well, 2 missing", "-", "baseline", "-", "")
    assert found["broken"][2:] == ("12 failed", "-", "-", "-", "-")  # not inconclusive


def test_an_overview_has_all_verdicts_where_there_are_several_tasks(case, summarised):
    """Of each variant and task the verdict, and the ratio of the table without its interval."""
    summary = analysis.summarise(*case)
    headings, rows = cells.overview(summary)
    assert headings == ["variant", *summary.tasks] and len(summary.tasks) == 2
    assert [row[0] for row in rows] == [name for name in summary.variants if name != "base"]
    for name, *texts in rows:
        for task, text in zip(summary.tasks, texts, strict=True):
            (row,) = (one for one in summary.rows if (one.task, one.variant) == (task, name))
            *_, ratio, _, verdict = cells.cells(summary, row)
            ratio = ratio.partition(" (")[0]
            assert text == (f"{verdict}, {ratio}" if row.comparison else verdict)
    assert "| 007 | " in markdown.markdown(summary).partition("## Task")[0]
    of_one = summarised()
    assert cells.overview(of_one) is None
    for shown in (markdown.markdown, page.html):
        assert ("Overview" in shown(summary), "Overview" in shown(of_one)) == (True, False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.4911, "0.491"), (1.0, "1"), (0.9996, "0.9996"), (1.0004, "1.0004"), (1.004, "1.004"),
        (0.99999999, "1"), (math.inf, "infinite"), (0.0, "0"), (123456.0, "123,000"),
        (8657.1, "8,660"), (999.9, "1,000"), (-8657.1, "-8,660"), (1234567.0, "1.23e+06"),
    ],
)  # fmt: skip
def test_a_ratio_other_than_1_is_never_shown_as_1(value, text):
    assert cells.number(value) == text


def test_a_median_that_lies_between_two_values_is_shown_as_that():
    assert cells.typical(Typical((0.5, math.inf), (0.0, math.inf))) == (
        "0.5 to infinite (0 to infinite)"
    )
    assert cells.typical(Typical((0.5, 0.5), None)) == "0.5"


def test_verdicts_in_a_table_say_what_was_still_learning_and_what_is_small(case):
    summary = analysis.summarise(*case)
    row = next(row for row in summary.rows if row.variant == "007")
    small = replace(row.comparison, within_margin=True, needed=4)
    for verdict, unfinished, text in (
        ("better", True, "still learning: better (within the margin)"),
        ("worse", False, "worse (within the margin)"),
        ("practically equivalent", True, "still learning: practically equivalent"),
        ("inconclusive", False, "inconclusive"),
    ):
        shown = replace(row, comparison=small, verdict=verdict, unfinished=unfinished)
        assert cells.cells(summary, shown)[-2:] == ("0 of 5 (4 needed)", text)


def test_parameters_stand_beside_the_formula_where_they_differ(case):
    summary = analysis.summarise(*case)
    assert "parameters" not in cells.formula(summary, summary.rows[0])
    first, *others = summary.rows
    other = replace(summary, rows=(replace(first, parameters=12345), *others))
    assert cells.formula(other, other.rows[0]).endswith("; 12,345 parameters")
    assert cells.formula(other, other.rows[1]).endswith("; 10 parameters")
    assert "parameters" not in cells.formula(other, other.rows[-1])  # of the other task


def test_by_epoch_a_few_rows_end_with_the_last(case):
    summary = analysis.summarise(*case)
    headings, rows = cells.by_epoch(summary, "easy")
    assert headings == ["epoch", "007", "gone"] and [row[0] for row in rows] == ["1", "2", "3", "4"]
    assert rows[-1] == ["4", "1 (1 to 1)", "infinite (infinite to infinite)"]
    one = summary.ratios["easy", "007"]
    long = replace(one, medians=one.medians * 10, q1=one.q1 * 10, q3=one.q3 * 10)
    other = replace(summary, ratios={("easy", "007"): long, ("easy", "gone"): one})
    _, rows = cells.by_epoch(other, "easy")
    assert [row[0] for row in rows] == ["7", "13", "20", "27", "33", "40"]
    assert [row[2] for row in rows] == ["-"] * 6
    assert cells.by_epoch(summary, "nowhere") == (["epoch"], [])


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
def test_markdown_shows_names_and_questions_literally(question, tmp_path):
    """The arbiter is markdown-it, which follows CommonMark."""
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
    """The names of experiment, task and baseline, in titles, tables, notes and the legend."""
    path = tmp_path / "names.yaml"
    path.write_text(
        reported.TWO_TASKS.replace("two_tasks", "_both_")
        .replace("base:", "_base_:")
        .replace(": base\n", ": _base_\n")
        .replace("easy", "_easy_")
    )
    one = loading.load(path)
    text = markdown.markdown(analysis.summarise(one, runs.expand(one, "keras"), case[2]))
    page = _Shown(MarkdownIt("commonmark").enable("table").render(text.partition("## Settings")[0]))
    shown = "".join(page.texts)
    assert (
        "_both_" in page.texts
        and "Task _easy_" in page.texts
        and "over _base_'s at the same seed" in shown
    )
    assert "epoch, _easy_" in shown and "em" not in page.elements


def test_a_pipe_in_a_cell_of_a_markdown_table_ends_no_cell(case):
    """The formula of softsign contains one; markdown-it reads the table."""
    summary, formula = analysis.summarise(*case), "g = z_g / (1 + |z_g|)"
    rows = tuple(replace(row, formula=formula) for row in summary.rows)

    def read(one):
        return _Shown(MarkdownIt("commonmark").enable("table").render(markdown.markdown(one)))

    page, plain = read(replace(summary, rows=rows)), read(summary)
    assert page.texts.count(formula) == len(rows) > 0 and page.elements == plain.elements
    verdicts = [cells.cells(summary, row)[-1] for row in rows]
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
    assert told and all(f"- {sentence}" in " ".join(shown.split()) for sentence in told)
    bullets = re.findall(r"^- .*\n(?:  \S.*\n)*", shown, re.MULTILINE)
    assert (
        len(bullets) >= len(told)
        and max(len(line) for text in bullets for line in text.splitlines()) <= 80
    )


@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_table_takes_100_columns_at_most_and_nothing_is_cut_off(width, case):
    """No word is cut in two either; the formula, which may be long, stands below the table."""
    one, expanded, records = case
    summary = analysis.summarise(one, expanded, records)
    stream = io.StringIO()
    terminal.terminal(summary, Console(file=stream, width=width, color_system=None))
    shown = stream.getvalue()
    assert "…" not in shown
    table, *_ = shown.partition("  base: ")
    assert max(map(len, table.splitlines())) <= min(width, 100)
    words = shown.split()
    for row in summary.rows:
        seconds = summary.seconds.get((row.task, row.variant))
        time = "" if seconds is None else f"; {seconds:.1f} s a run"
        what = f"{row.formula}; Keras: {row.keras}"
        assert f"  {row.variant}: {what}{time}" in shown.splitlines()
        for text in cells.cells(summary, row)[2:]:
            assert set(text.translate(FLAT).split()) <= {word.strip("():") for word in words}


def test_the_legend_says_at_which_level_the_intervals_hold(case):
    """Each of 8 comparisons has an eighth of the 5%."""
    of_few = analysis.summarise(*case)
    first, *others = of_few.rows
    assert first.loss
    wide = replace(first, loss=replace(first.loss, interval=(0.1, 0.2)))
    summary = replace(of_few, rows=(wide, *others))
    assert "it holds with 99.38%, so that those of all 8 ratios hold together in 95%" in (
        cells.legend(summary)
    )
    assert "it holds with 95%." in cells.legend(replace(summary, comparisons=1))
    assert "interval" not in cells.legend(replace(summary, comparisons=0))
    told = cells.legend(of_few)
    assert "With so few runs no interval stands beside a typical value." in told
    assert "99.38%" not in told
    assert "0.909 to 1.1 counts as equivalent" in cells.legend(summary)
    assert "above 3 times both" in cells.statistics_legend(summary)
    assert "of 0.9 times that of predicting the mean or more" in cells.statistics_legend(summary)


def test_where_seeds_are_too_few_no_caption_speaks_of_an_interval(case):
    """At n seeds, all of one sign have 2 / 2**n: an eighth of 5% takes 9, with 0.39%."""
    summary = analysis.summarise(*case)
    caption, *_ = re.findall(r"\\caption\{(.*)\}", latex.latex(summary))
    assert "without an interval, which takes 9 seeds;" in caption
    assert caption.count("interval") == 1 and "than base; a verdict takes 9 seeds." in caption


def test_what_a_report_says_of_looks(tmp_path):
    """All formats for readers have the same text: what is undecided, and what was not needed."""
    path = tmp_path / "c.yaml"
    path.write_text(
        "version: 1\nname: c\nbaseline: base\ntraining: {epochs: 2}\n"
        "variants: {base: {}, won: {model.between: relu}, open: {model.between: elu}}\n"
    )
    one = loading.load(path, ("seeds={until: decided, step: 10, most: 25}",))
    expanded = runs.expand(one, "keras")
    losses = {"base": 0.5, "won": 0.25}
    records = {
        run.id: Record(
            run.id,
            run.identity,
            {**OK, "test_loss": losses.get(run.variant, 0.25 + run.seed % 2 / 2)},
            {},
        )
        for run in expanded
        if run.seed < 13
    }
    summary = analysis.summarise(one, expanded, records, history=("What was changed.",))
    planned = looks.looks([10, 20, 25], 0.05 / 2)
    counts = ", ".join(f"{look.seeds} seeds ({look.count})" for look in planned)
    console = Console(file=io.StringIO(), width=100)
    terminal.terminal(summary, console)
    told = [
        markdown.markdown(summary),
        " ".join(console.file.getvalue().split()),
        page.with_pictures(summary, []),
    ]
    for text in told:
        assert f"with so many wins, or losses, needed: {counts}." in text
        assert "Undecided at look 1: look 2 of 3, at 20 seeds, waits for 14 runs." in text
        assert "15 not needed" in text and "What was changed." in text
        assert "after so many seeds, when each of their runs is recorded, with so many" in text
        assert "All looks of all comparisons together decide wrongly in at most 5% of" in text
    assert "all 2 comparisons of this page together, at any look (Lan" in told[2]
    comments = latex.latex(summary).rpartition("\\end{table}")[2]
    assert "\n% What was changed.\n" in comments
    below = latex.latex(summary).partition(r"\end{tabularx}")[2].partition(r"\end{table}")[0]
    assert "; 15 further runs not needed" in below and f"needed: {counts}." in below
    assert r"All looks of all comparisons together decide wrongly in at most 5\% of" in below
    assert "| undecided |" in told[0].replace("still learning: ", "")
    assert "at most 25 seeds; every variant" in told[2]
    content = json.loads(values.as_json(summary))
    assert content["looks"] == [{"seeds": one.seeds, "needed": one.count} for one in planned]
    assert [row["look"] for row in content["rows"]] == [1, 1, 1]
    table = summary.table()
    assert list(table["not_needed"]) == [0, 15, 0] and list(table["look"]) == [1, 1, 1]
    settled = loading.load(path, ("seeds=10",))
    plain = analysis.summarise(settled, runs.expand(settled, "keras"), records)
    without = markdown.markdown(plain) + page.with_pictures(plain, [])
    assert "looked at" not in without and "at any look" not in without


@pytest.mark.parametrize(
    ("value", "text"), [(1.1035, "1.103"), (1.1, "1.1"), (1.0996, "1.0996"), (0.9092, "0.9092")]
)
def test_an_end_of_an_interval_is_shown_on_its_side_of_the_margin(value, text):
    shown = cells.typical(Typical((1.0, 1.0), (value, value)), (1.0, 1 / 1.1, 1.1))
    assert shown == f"1 ({text} to {text})"


def test_timings_name_the_run_they_are_of(case):
    _, expanded, records = case
    table = tables.timings_table(expanded, _timed(records)).set_index("run")
    assert len(table)
    for run in expanded:
        if run.id in table.index:
            row = table.loc[run.id]
            assert (row["task"], row["variant"], row["seed"]) == (run.task, run.variant, run.seed)


def _timed(records):
    return {
        key: Record(one.run, one.identity, one.result, {"seconds": 1.0})
        for key, one in records.items()
    }


def test_the_statistics_of_one_task_stand_under_variant(tmp_path):
    (tmp_path / "verdicts.yaml").write_text(reported.VERDICTS)
    one = loading.load(tmp_path / "verdicts.yaml")
    shown = markdown.markdown(analysis.summarise(one, runs.expand(one), {}))
    assert "| variant | mean | quartiles |" in shown and "| default |" not in shown
    assert "No run of base has ended yet" in shown
