"""Summaries against Python's statistics, and reports against what the summary holds."""

import csv
import io
import json
import math
import re
import statistics

import pandas as pd
import pytest
from rich.console import Console
from scipy import stats

from lstm_ablate import analysis, experiment, report, runs
from lstm_ablate.records import Record
from lstm_ablate.yaml_source import read_text

CONFIG = """
version: 1
name: two_tasks
data: {family: sines, samples: {train: 4, validation: 2, test: 2}, timesteps: 3}
training: {batch_size: 2, epochs: 4}
seeds: 6
baseline: base
variants:
  base: {}
  "007": {model.activation: relu}
  gone: {model.activation: elu}
  broken: {model.gates: relu, training.optimizer.learning_rate: 0.5}
  unstarted: {model.activation: selu}
tasks:
  easy: {}
  hard: {data.noise: 0.5}
"""


@pytest.fixture
def case(tmp_path):
    """An experiment whose losses are seed-dependent and skewed; some runs diverged, failed or are missing."""
    path = tmp_path / "two_tasks.yaml"
    path.write_text(CONFIG)
    one = experiment.load(path)
    expanded = runs.expand(one, "keras")
    records = {}
    for run in expanded:
        result = {"status": "ok", "test_loss": loss(run), "parameters": 10, "floor": 0.0, "ceiling": 1.0, "epochs": 4,
                  "best_epoch": 4, "train_loss": 0.1, "validation_loss": 0.2, "diverged_epoch": None,
                  "train_losses": [0.4, 0.3, 0.2, 0.1], "validation_losses": [0.5, 0.4, 0.3, 0.2]}  # fmt: skip
        if run.variant == "gone" or (run.variant == "007" and run.seed == 2):
            result |= {"status": "diverged", "test_loss": None, "diverged_epoch": 2, "best_epoch": None, "epochs": 2,
                       "train_loss": None, "validation_loss": None, "train_losses": [0.4, None],
                       "validation_losses": [0.5, None]}  # fmt: skip
        if run.variant == "broken":
            result = {"status": "failed", "message": "ValueError: [red]"}
        if run.variant != "unstarted" and (run.variant, run.seed) != ("base", 5):
            meta = {} if run.variant == "broken" else {"training_seconds": 2.0 + run.seed, "engine": "keras"}
            records[run.id] = Record(run.id, run.identity, result, meta)
    return one, expanded, records


def loss(run):
    return math.exp(run.seed - len(run.variant)) / (3 if run.task == "easy" else 1)


def test_statistics_equal_pythons(case):
    one, expanded, records = case
    summary = analysis.summarise(one, expanded, records)
    for row in summary.rows:
        mine = [r for r in expanded if (r.task, r.variant) == (row.task, row.variant)]
        ok = {r.seed: loss(r) for r in mine if r.id in records and records[r.id].status == "ok"}
        assert (row.ok, row.seeds) == (len(ok), 6)
        assert row.ok + row.diverged + row.failed + row.missing == 6
        if not ok:
            assert row.mean is row.median is row.ratio is row.sd is None
            continue
        assert row.mean == pytest.approx(statistics.mean(ok.values()), rel=1e-12)
        assert row.sd == pytest.approx(statistics.stdev(ok.values()), rel=1e-12)
        assert row.median == pytest.approx(statistics.median(ok.values()), rel=1e-12)
        assert [row.q1, row.q3] == pytest.approx(statistics.quantiles(ok.values(), n=4, method="inclusive")[::2])
        assert (row.minimum, row.maximum) == (min(ok.values()), max(ok.values()))
        base = {r.seed: loss(r) for r in expanded if (r.task, r.variant) == (row.task, "base") and r.seed != 5}
        pairs = sorted(ok.keys() & base.keys())
        assert row.paired == len(pairs)
        expected = stats.gmean([ok[s] for s in pairs]) / stats.gmean([base[s] for s in pairs])
        assert row.ratio == pytest.approx(expected, rel=1e-12)
    counts = {row.variant: (row.ok, row.diverged, row.failed, row.missing) for row in summary.rows}
    assert counts == {
        "base": (5, 0, 0, 1), "007": (5, 1, 0, 0), "gone": (0, 6, 0, 0), "broken": (0, 0, 6, 0),
        "unstarted": (0, 0, 0, 6),
    }  # fmt: skip
    assert summary.seconds["easy", "007"] == statistics.median([2.0 + seed for seed in range(6)])


def test_losses_of_zero_give_no_ratio():
    assert analysis.geometric_mean_ratio([0.0, 1.0], [1.0, 1.0]) is None
    assert analysis.geometric_mean_ratio([], []) is None


def test_csvs_hold_every_value_exactly_and_names_as_text(case, tmp_path):
    one, expanded, records = case
    report.write(tmp_path, one, expanded, records, analysis.summarise(one, expanded, records))
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
    report.write(tmp_path, one, expanded, records, analysis.summarise(one, expanded, records))
    first = {name: (tmp_path / name).read_bytes() for name in names}
    shuffled = {
        run: Record(r.run, r.identity, r.result, {"training_seconds": 99.0}) for run, r in reversed(records.items())
    }
    report.write(tmp_path, one, expanded, shuffled, analysis.summarise(one, expanded, shuffled))
    assert {name: (tmp_path / name).read_bytes() for name in names} == first


def test_every_format_tells_the_same(case, tmp_path):
    one, expanded, records = case
    summary = analysis.summarise(one, expanded, records)
    report.write(tmp_path, one, expanded, records, summary)
    stream = io.StringIO()
    report.terminal(summary, Console(file=stream, width=250, color_system=None))
    text = stream.getvalue()
    markdown = (tmp_path / "report.md").read_text()
    for shown in (text, markdown):
        for row in summary.rows:
            counts = f"{row.ok}/{row.diverged}/{row.failed}"
            lines = [line for line in shown.splitlines() if row.variant in line and counts in line]
            line = lines[summary.tasks.index(row.task)]
            assert row.formula in line
            if row.ok:
                assert f"{row.mean:.3g} ± {row.sd:.3g}" in line
                assert f"{row.median:.3g} [{row.q1:.3g}, {row.q3:.3g}]" in line
        for words in ("all diverged", "all failed", "no run yet", "5/0/0 of 6", "failed: ValueError: [red]"):
            assert words in shown
        assert "nan" not in shown.lower().replace("unfinished", "")
    content = json.loads(report.as_json(summary))
    assert [row["mean"] for row in content["rows"]] == [row.mean for row in summary.rows]
    assert report.as_csv(summary) == (tmp_path / "summary.csv").read_text()


def test_the_settings_in_the_report_are_the_experiment(case, tmp_path):
    one, expanded, records = case
    report.write(tmp_path, one, expanded, records, analysis.summarise(one, expanded, records))
    (block,) = re.findall(r"```yaml\n(.*?)```", (tmp_path / "report.md").read_text(), re.DOTALL)
    assert block == (tmp_path / "experiment.yaml").read_text()
    assert read_text(block, "block").plain() == json.loads(json.dumps(dict(one.resolved)))
    again = experiment.load(tmp_path / "experiment.yaml")
    assert [run.id for run in runs.expand(again, "keras")] == [run.id for run in expanded]


def test_a_folder_without_records_reports_that(case, tmp_path):
    one, expanded, _ = case
    summary = analysis.summarise(one, expanded, {})
    report.write(tmp_path, one, expanded, {}, summary)
    assert {row.missing for row in summary.rows} == {6}
    assert "no run yet" in (tmp_path / "report.md").read_text()
