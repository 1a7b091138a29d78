"""Tuning from config to report, around an engine of milliseconds whose best rates are known."""

import csv
import json
import math
import re
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
import typer
from in_process import execute as in_process

from lstm_ablate import merging
from lstm_ablate import study as studies
from lstm_ablate.errors import UserError
from lstm_ablate.evidence import tuning
from lstm_ablate.experiment.shards import Shard
from lstm_ablate.report import cells, derived, plots
from lstm_ablate.report.formats import FORMATS
from lstm_ablate.store import files, inventory, records
from lstm_ablate.training import engines
from lstm_ablate.training.sweep import Finished

CONFIG = """
version: 1
name: tuned
data: {family: sines, samples: {train: 4, validation: 2, test: 2}, timesteps: 3}
model: {encoder: [2], decoder: [2]}
training: {epochs: 3, batch_size: 2}
seeds: 6
baseline: tanh
variants:
  tanh: {}
  relu: {model.activation: relu}
tune: {path: training.optimizer.learning_rate, grid: [1e-3, 3e-3, 1e-2], seeds: 3, extend: 1}
"""
TABLES = ("experiment.yaml", "runs.csv", "curves.csv", "summary.csv", "tuning.csv", "report.md")


class Engine(types.SimpleNamespace):
    """Losses fall towards the best rate of each activation; `trained` are the runs so far.

    A run diverges above `diverges`, and raises where `raises` says so of it; `better` are factors
    of the losses of some variants, which are turned round at odd seeds where it `alternates`.
    """

    def __init__(self, **best):
        super().__init__(
            best=best,
            trained=[],
            diverges=math.inf,
            raises=lambda run: False,
            better={},
            alternates=False,
        )

    def device(self):
        return "none"

    def train(self, runs, arrays, on_epoch):
        for index, run in enumerate(runs):
            self.trained.append(run)
            if self.raises(run):
                raise ArithmeticError("told to raise")
            rate = run.settings.training.optimizer.learning_rate
            distance = math.log10(rate / self.best[run.variant])
            last = 0.1 * math.exp(distance**2) * (1 + 0.01 * run.seed)
            last *= self.better.get(run.variant, 1) ** (1 - 2 * (self.alternates * run.seed % 2))
            losses = [3 * last, 2 * last, math.nan if rate > self.diverges else last]
            for epoch, loss in enumerate(losses, start=1):
                on_epoch(engines.EpochEnd(index, epoch, loss, loss, dict))
            test = arrays[index].test
            shown = test[:3] * 0.5 if len(test) else None
            yield engines.result_of(
                "best", 10, losses, losses, last if len(test) else None, shown, None
            )


@pytest.fixture
def engine(monkeypatch):
    """The engine in place of the fused one, in this process."""
    stub = Engine(tanh=3e-3, relu=3.3e-2)
    monkeypatch.setitem(sys.modules, "tuned_engine", stub)
    monkeypatch.setitem(engines.ENGINES, "fused", "tuned_engine")
    monkeypatch.setattr(studies, "execute", in_process)
    monkeypatch.setattr(derived, "_write_page", lambda folder, summary: set())
    return stub


@pytest.fixture
def find(tmp_path):
    def found(folder="r", *overrides, text=CONFIG):
        (tmp_path / "c.yaml").write_text(text)
        return studies.find(tmp_path / "c.yaml", overrides, tmp_path / folder)

    return found


def ran(study, told=None, watch=None, **options):
    """Run a study; `told` gets its lines."""
    tell = ([] if told is None else told).append
    return studies.run(
        study,
        workers=1,
        watch=watch or (lambda steps, *_: (s for s in steps if isinstance(s, Finished))),
        log=tell,
        warn=tell,
        **options,
    )


def rows(study, name):
    with (study.folder / name).open(newline="") as stream:
        return list(csv.DictReader(stream))


def contents(study):
    return {name: (study.folder / name).read_bytes() for name in TABLES}


def test_parts_tune_first_and_train_the_rest_once_tuning_is_merged(
    engine, find, tmp_path, monkeypatch
):
    """The grid grows once, for relu, so that tuning takes two rounds; the third seed of tuning is
    in the third part, and the fourth has none.
    """
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: None)  # which takes the disk a while
    results, told, purposes = tmp_path / "parts", [], []
    for _ in range(3):
        engine.trained.clear()
        for part in range(1, 5):
            find()
            words = (tmp_path / "c.yaml", (), results)
            before = len(engine.trained)
            one = studies.find(*words, shard=Shard(part, 4))
            ahead = studies.plan(one, 1, log=told.append)
            ran(one, told)
            todo = ahead.tuning.todo if ahead.tuning.waits else ahead.todo
            assert {run.id for run in todo.missing} == {run.id for run in engine.trained[before:]}
            assert {run.seed % 4 for run in engine.trained[before:]} <= {part - 1}
        purposes.append({run.purpose for run in engine.trained})
        given = [results / "tuned.shards"]
        merged = merging.merge_parts(results / "tuned", given, log=told.append, warn=told.append)
        if merged.missing:
            commands = [one.split()[-1] for one in merged.missing.commands]
            tunes = merged.missing.runs[0].purpose == "tuning"
            assert commands == ["1/4", "2/4", "3/4", "4/4"][: 3 if tunes else 4]
            assert tunes == merged.state.startswith("each learning rate is chosen once the tuning")
    assert purposes == [{"tuning"}, {"tuning"}, {"evaluation"}] and merged.missing is None
    ran(find("whole"))
    assert contents(studies.find(tmp_path / "c.yaml", (), results)) == contents(find("whole"))
    assert any("part 2 of 4 has trained tuning runs alone, because each" in line for line in told)
    for part in range(1, 5):  # each holds what it was told, so that its report is whole
        report = results / "tuned.shards" / f"{part}of4" / "report.md"
        assert "Tuning is not complete" not in report.read_text()


def test_variants_are_tuned_alike_and_judged_at_what_was_chosen(engine, find):
    """relu is best beyond the grid, at 0.033, to which the grid grows for both."""
    told = []
    summary = ran(find(), told).summary
    assert not ran(find()).failed
    lines = [line for line in told if line.startswith("tuned: ")]
    assert [line.partition(", in groups of up to ")[0] for line in lines] == [
        "tuned: 18 tuning runs, 0 done, 18 to train",
        "tuned: 24 tuning runs, 18 done, 6 to train",
        "tuned: 12 runs, 0 done, 12 to train",
    ]
    assert [(one.variant, one.chosen) for one in summary.tuned] == [("tanh", 3e-3), ("relu", 0.033)]
    table = rows(find(), "tuning.csv")
    head, *_ = (find().folder / "tuning.csv").read_text().splitlines()
    assert head == "task,variant,value,seed,status,validation_loss,chosen,run"
    assert [(r["variant"], float(r["value"]), int(r["seed"]), r["chosen"]) for r in table] == [
        (variant, value, seed, str(value == chosen))
        for variant, chosen in (("tanh", 3e-3), ("relu", 0.033))
        for value in (1e-3, 3e-3, 1e-2, 0.033)
        for seed in range(3)
    ]
    judged = [run for run in engine.trained if run.purpose == "evaluation"]
    assert {(r.variant, r.settings.training.optimizer.learning_rate) for r in judged} == {
        ("tanh", 3e-3),
        ("relu", 0.033),
    }
    runs = rows(find(), "runs.csv")
    assert len(runs) == 12 and not {r["run"] for r in runs} & {r["run"] for r in table}
    assert {r["run"] for r in rows(find(), "timings.csv")} == {r["run"] for r in (*runs, *table)}
    where = "After 3 epochs of Adam, each at its tuned learning rate (tanh 0.003, relu 0.033)."
    edge = (
        "The learning rate of relu, 0.033, is the largest that was tried: a larger one may suit it"
        " better."
    )
    assert f"{where} {edge}" in summary.rows[1].sentence


def test_nothing_else_is_said_where_the_choice_stands_inside(engine, find):
    engine.best = {"tanh": 3e-3, "relu": 3e-3}
    sentence = ran(find()).summary.rows[1].sentence
    assert "each at its tuned learning rate (tanh 0.003, relu 0.003)." in sentence
    assert "may suit" not in sentence


def test_another_path_is_named_and_the_rate_is_too(engine, find):
    text = CONFIG.replace("learning_rate, grid: [1e-3, 3e-3, 1e-2]", "beta_1, grid: [0.5, 0.9]")
    summary = ran(find(text=text.replace("extend: 1", "extend: 0"))).summary
    assert (
        "After 3 epochs of Adam at 0.001, each at its tuned beta 1 (tanh 0.5, relu 0.5). The beta 1"
        " of tanh, 0.5, is the smallest that was tried: a smaller one may suit it better."
    ) in summary.rows[1].sentence


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (
            (),
            "0 of 18 tuning runs are done and kept: runs train in groups of up to 5 that end"
            " together, and on an idle machine the first would have been kept after about [0-9]+ s."
            " With group_size=1 each run is kept as it ends, which takes longer in all",
        ),
        (
            ("group_size=1",),
            "0 of 18 tuning runs are done and kept: on an idle machine the first would have been"
            " kept after about [0-9]+ s",
        ),
    ],
)
def test_an_interruption_before_anything_is_kept_says_when_that_would_have_been(
    overrides, text, engine, find
):
    def interrupted(steps, *_):
        for number, step in enumerate(steps):
            if isinstance(step, Finished) or number == 2:
                raise KeyboardInterrupt
        yield

    told = []
    with pytest.raises(KeyboardInterrupt):
        ran(find("r", *overrides), told, interrupted)
    assert re.fullmatch(f"interrupted: {text}; call again to go on", told[-1])
    assert re.fullmatch(
        r"tuned: 18 tuning runs, 0 done, 18 to train(, in groups of up to 5 that end together)?;"
        r" the first are kept after about [0-9]+ s on an idle machine",
        told[-2],
    )


def test_losses_are_sealed_while_a_tuning_or_a_look_is_open(engine, find):
    def stages_of(study):
        stages = []

        def watch(steps, stage):
            stages.append(stage)
            return (step for step in steps if isinstance(step, Finished))

        ran(study, watch=watch)
        assert all(stage.seconds > 0 for stage in stages)  # how fast this machine is, is known
        return {({run.purpose for run in one.todo.missing}.pop(), one.sealed) for one in stages}

    assert stages_of(find()) == {("tuning", True), ("evaluation", False)}
    assert stages_of(find("looks", LOOKS)) == {("tuning", True), ("evaluation", True)}
    assert stages_of(find("alone", text=CONFIG[: CONFIG.index("tune:")])) == {("evaluation", False)}


def test_an_interruption_that_adds_nothing_to_what_was_kept_says_so(engine, find):
    def interrupted(after):
        def watch(steps, *_):
            for step in steps:
                if isinstance(step, Finished):
                    yield step
                if not after.pop():
                    raise KeyboardInterrupt

        return watch

    told = []
    for after in ([0, *[1] * 15], [0]):  # the first group has 15 epochs
        with pytest.raises(KeyboardInterrupt):
            ran(find(), told, interrupted(after))
    assert "interrupted: 1 of 18 tuning runs are done and kept; call again to go on" in told
    assert "interrupted: 1 of 18 tuning runs are done and kept, none of them since" in told[-1]


@pytest.mark.parametrize("stop", [1, 7, 18, 19, 24, 25, 30])
def test_an_interruption_changes_no_byte(stop, engine, find):
    ran(find("whole"))
    left = [stop]

    def interrupted(steps, *_):
        for step in steps:
            if isinstance(step, Finished):
                yield step
                left[0] -= 1
                if not left[0]:
                    raise KeyboardInterrupt

    told = []
    with pytest.raises(KeyboardInterrupt):
        ran(find("stopped"), told, interrupted)
    kept = len(records.read_all(find("stopped").folder).records)
    assert kept == stop
    if stop <= 24:
        asked = 18 if stop <= 18 else 24
        assert told[-1] == (
            f"interrupted: {stop} of {asked} tuning runs are done and kept; call again to go on"
        )
    else:
        assert told[-1].startswith(f"interrupted: {stop - 24} of 12 runs are done")
    studies.report(find("stopped").folder, told.append)  # beside or after it
    ran(find("stopped"))
    assert contents(find("stopped")) == contents(find("whole"))
    studies.report(find("stopped").folder, told.append)
    assert contents(find("stopped")) == contents(find("whole"))


def test_the_order_of_groups_changes_no_byte(engine, find, monkeypatch):
    ran(find("whole"))

    def backwards(work, groups, **options):
        for event in in_process(work, groups[::-1], **options):
            yield replace(event, group=len(groups) - 1 - event.group)

    monkeypatch.setattr(studies, "execute", backwards)
    ran(find("backwards"))
    assert contents(find("backwards")) == contents(find("whole"))


def test_groups_are_filled_across_values(engine, find):
    """24 runs of two structures in groups of 5: first 2 x 9 = 5 + 4 twice, then 2 x 3."""
    sizes = []

    def execute(work, groups, **options):
        sizes.append([len(group) for group in groups])
        return in_process(work, groups, **options)

    study = find("r", "group_size=5")
    studies.execute = execute
    ran(study)
    assert sizes == [[5, 4, 5, 4], [3, 3], [5, 1, 5, 1]]


def test_a_report_before_tuning_is_complete_says_so(engine, find):
    def interrupted(steps, *_):
        for number, step in enumerate(step for step in steps if isinstance(step, Finished)):
            if number == 5:
                raise KeyboardInterrupt
            yield step

    with pytest.raises(KeyboardInterrupt):
        ran(find(), watch=interrupted)
    assert len(rows(find(), "tuning.csv")) == 6 and not rows(find(), "runs.csv")
    summary = studies.report(find().folder, print)
    assert summary.notes == (
        "Tuning is not complete: 12 of 18 runs for it are missing. What is judged is trained once"
        " each learning rate is chosen.",
    )
    assert "After 3 epochs of Adam; no learning rate is chosen for both yet." in (
        summary.rows[1].sentence
    )
    assert {row["chosen"] for row in rows(find(), "tuning.csv")} == {"False"}


LOOKS = "seeds={until: decided, step: 10, most: 30}"


def test_a_variant_is_not_called_hopeless_while_another_one_is_tuned(engine, find):
    """All runs of tanh are there, and none of relu."""

    def interrupted(steps, *_):
        for number, step in enumerate(step for step in steps if isinstance(step, Finished)):
            if number == 8:
                raise KeyboardInterrupt
            yield step

    with pytest.raises(KeyboardInterrupt):
        ran(find(), watch=interrupted)
    assert {row["variant"] for row in rows(find(), "tuning.csv")} == {"tanh"}
    summary = studies.report(find().folder, print)
    assert any(note.startswith("Tuning is not complete: 9 of 18") for note in summary.notes)
    assert not any(note.startswith("No learning rate can be chosen") for note in summary.notes)


def test_looks_wait_for_tuning(engine, find):
    def interrupted(steps, *_):
        yield from ()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ran(find("r", LOOKS), watch=interrupted)
    summary = studies.report(find().folder, print)
    assert [(row.seeds, row.not_needed, row.waits) for row in summary.rows] == [(0, 0, 0)] * 2
    assert summary.rows[1].sentence == (
        "relu is not compared with tanh yet. After 3 epochs of Adam; no learning rate is chosen for"
        " both yet."
    )
    assert [cells.cells(summary, row)[2] for row in summary.rows] == ["-", "-"]


@pytest.mark.parametrize("stop", [10, 24, 31, 44, 59])
def test_an_interruption_changes_no_byte_with_looks(stop, engine, find):
    """24 runs tune; looks at 10 and 20 seeds do not decide, where relu wins every other seed."""
    last = [stop]
    engine.better = {"relu": 0.5}
    engine.alternates = True

    def interrupted(steps, *_):
        for step in (step for step in steps if isinstance(step, Finished)):
            yield step
            last[0] -= 1
            if not last[0]:
                raise KeyboardInterrupt

    whole = ran(find("whole", LOOKS)).summary
    assert whole.rows[1].verdict == "inconclusive" and whole.rows[1].seeds == 30
    with pytest.raises(KeyboardInterrupt):
        ran(find("stopped", LOOKS), watch=interrupted)
    studies.report(find("stopped", LOOKS).folder, print)
    ran(find("stopped", LOOKS))
    for name in (*TABLES, "looks.yaml"):
        mine, other = (find(at, LOOKS).folder / name for at in ("stopped", "whole"))
        assert mine.read_bytes() == other.read_bytes(), name


def test_looks_at_what_can_be_compared_alone(engine, find):
    """For gelu nothing can be chosen; relu wins all seeds, and the baseline stops with it."""
    text = CONFIG.replace("tune:", "  gelu: {model.activation: gelu}\ntune:")
    engine.best = {"tanh": 1e-2, "relu": 1e-2, "gelu": 1e-2}
    engine.raises = lambda run: run.variant == "gelu"
    engine.better = {"relu": 0.5}
    summary = ran(find("r", LOOKS, text=text)).summary
    assert [(row.variant, row.seeds, row.not_needed) for row in summary.rows] == [
        ("tanh", 10, 20), ("relu", 10, 20), ("gelu", 0, 0),
    ]  # fmt: skip
    assert summary.rows[2].sentence == (
        "gelu is not compared with tanh yet. After 3 epochs of Adam; no learning rate is chosen for"
        " both yet."
    )
    prospect = studies.plan(find("r", LOOKS, text=text), log=print)
    assert (len(prospect.todo.runs), len(prospect.todo.missing)) == (20, 0)
    engine.raises = lambda run: run.variant == "tanh"
    summary = ran(find("s", LOOKS, text=text)).summary
    assert [(row.seeds, row.not_needed, row.verdict) for row in summary.rows[1:]] == [
        (0, 0, "no pair")
    ] * 2
    prospect = studies.plan(find("s", LOOKS, text=text), log=print)
    assert (len(prospect.todo.runs), len(prospect.todo.missing)) == (0, 0)


def test_diverged_runs_choose_nothing_else(engine, find):
    """Above 3e-3 all runs diverge: 3e-3 is chosen for both, and nothing grows."""
    engine.diverges = 3e-3
    summary = ran(find()).summary
    assert {one.chosen for one in summary.tuned} == {3e-3}
    assert summary.troubles == ()
    assert "infinite (3 diverged)" in (find().folder / "report.md").read_text()
    assert {r["status"] for r in rows(find(), "tuning.csv") if r["value"] == "0.01"} == {"diverged"}


def test_a_failed_tuning_run_is_missing_told_and_tried_again_only_on_request(engine, find):
    engine.best = {"tanh": 3e-3, "relu": 3e-3}
    engine.raises = lambda run: (run.tries, run.seed, run.variant) == (3e-3, 1, "relu")
    first = ran(find())
    assert first.failed
    (trouble,) = first.summary.troubles
    assert trouble.startswith("tuning, default, relu, 0.003, seed 1: failed: ArithmeticError")
    assert {one.chosen for one in first.summary.tuned} == {3e-3}
    assert len(rows(find(), "tuning.csv")) == 18
    engine.trained.clear()
    assert ran(find()).failed and not engine.trained
    engine.raises = lambda run: False
    assert not ran(find(), retry_failed=True).failed
    assert [(run.variant, run.tries, run.seed) for run in engine.trained] == [("relu", 3e-3, 1)]


def test_a_variant_for_which_nothing_can_be_chosen_is_named_and_the_others_go_on(engine, find):
    engine.best = {"tanh": 3e-3, "relu": 3e-3}
    engine.raises = lambda run: run.variant == "relu"
    first = ran(find())
    assert first.failed and len(rows(find(), "runs.csv")) == 6
    told = "No learning rate can be chosen for relu, because none of its tuning runs ended: it has"
    assert any(note.startswith(told) for note in first.summary.notes)
    assert told in (find().folder / "report.md").read_text()
    assert first.summary.rows[1].verdict == "no pair"
    studies.plan(find(), log=print)


def test_fail_fast_ends_it_before_anything_is_judged(engine, find):
    engine.raises = lambda run: run.tries == 3e-3
    assert ran(find(), fail_fast=True).failed
    assert {run.purpose for run in engine.trained} == {"tuning"} and len(engine.trained) < 12
    engine.trained.clear()
    assert ran(find(), fail_fast=True).failed  # the failed one is not tried again, the next one is
    assert engine.trained


def test_records_of_other_tuning_are_told_as_such(engine, find):
    engine.best = {"tanh": 3e-3, "relu": 3e-3}
    ran(find())
    told = []
    ran(find("r", "tune.grid=[2e-3, 3e-3, 4e-3]"), told)
    assert f"{find().folder}: 12 records of other tuning stay, and choose nothing" in told
    assert not any("of other settings" in line for line in told)
    told.clear()
    ran(find("r", "tune=null"), told)
    assert f"{find().folder}: 30 records of other tuning stay, and choose nothing" in told
    assert f"{find().folder}: 12 records of other settings stay, and are not in the tables" in told
    assert not (find().folder / "tuning.csv").exists()


def test_plan_shows_both_stages(engine, find):
    from lstm_ablate.cli.plan import _as_json
    from lstm_ablate.display import plan

    before = studies.plan(find(), 2, log=print)
    assert before.tuning.todo.missing == before.tuning.todo.runs and len(before.todo.missing) == 12
    assert (len(before.tuning.grid), before.tuning.most_runs) == (3, 2 * 5 * 3)
    assert before.tuning.cost.seconds > 0 < before.cost.seconds
    training, first, *_, follow, _, _, evidence = plan._lines(before)
    folder = find().folder
    assert training.startswith(
        "training  epochs 3, batch size 2, optimizer adam, learning rate one"
    )
    assert first == f"tuning    18 runs, 30 at most, of which 18 are missing in {folder}"
    assert follow == "runs      12, which follow at the values that tuning chooses"
    ran(find())
    after = studies.plan(find(), 2, log=print)
    training, *lines = plan._lines(after)
    assert "one of" not in training  # what was chosen stands there, or beside the variants
    assert lines == [
        f"tuning    24 runs, 30 at most, of which 0 are missing in {folder}",
        f"runs      12, of which 0 are missing in {folder}",
        evidence,
    ]
    assert {share.missing for share in after.shares} == {0}
    assert _as_json(after)["tuning"]["runs"] == 24
    assert studies.plan(find("other", "tune=null"), log=print).tuning is None


def test_times_of_tuning_tell_how_long_the_rest_takes(engine, find, monkeypatch):
    engine.best = {"tanh": 3e-3, "relu": 3e-3}
    ran(find())
    other = studies.plan(find("r", "seeds=8"), 1, log=print)
    assert len(other.todo.missing) == 4 and other.cost.measured


def test_every_format_shows_the_losses_by_value(engine, find):
    engine.best = {"tanh": 3e-3, "relu": 3e-3}
    summary = ran(find()).summary
    text = (find().folder / "report.md").read_text()
    assert "## Tuning" in text
    assert "| learning rate | 0.001 | 0.003 | 0.01 | without one seed |" in text
    # With the middle one of seeds 0, 1, 2: 0.101 exp(log10(rate / 0.003)^2).
    away = [0.101 * math.exp(math.log10(rate / 3e-3) ** 2) for rate in (1e-3, 1e-2)]
    assert f"| relu | {away[0]:.3g} | **0.101** | {away[1]:.3g} | the same |" in text
    tuned = json.loads(FORMATS["json"](summary))["tuning"]
    assert [one["chosen"] for one in tuned] == [3e-3, 3e-3]
    assert tuned[1]["trials"][0] == {
        "value": 0.001, "loss": pytest.approx(away[0]), "ended": 3, "diverged": 0, "failed": 0,
        "missing": 0,
    }  # fmt: skip
    assert (tuned[1]["stays"], tuned[1]["without"]) == (True, {"0": 3e-3, "1": 3e-3, "2": 3e-3})
    page = FORMATS["html"](summary)
    assert "<strong>0.101</strong>" in page and 'id="tuning"' in page
    grid = (
        "Every variant of a task tries the same values at the same seeds: those of the settings,"
        " and one more beyond an edge where any variant&#39;s choice stands, once a side. These"
    )
    assert grid in page and grid.replace("&#39;", "'") in text
    assert "each variant at its tuned learning rate" in page
    assert inventory.foreign(find().folder) == []
    assert page.count("Validation loss of tuning runs by learning rate") == 1
    label = (
        "The learning rate chosen, with its typical validation loss: tanh 0.003, with 0.101; relu"
    )
    assert f'aria-label="{label} 0.003, with 0.101."' in page


def test_the_figure_shows_each_seed_the_typical_loss_and_the_choice(engine, find):
    """At 0.01 every run diverges, and nothing is drawn."""
    engine.best = {"tanh": 3e-3, "relu": 3e-3}
    engine.diverges = 3e-3
    summary = ran(find()).summary
    ((name, _, figure),) = (one for one in plots.figures(summary) if one[0] == "tuning")
    assert [axes.get_title() for axes in figure.axes] == ["tanh", "relu"]
    dots, line, mark = figure.axes[1].lines
    away = 0.1 * math.exp(math.log10(1 / 3) ** 2)
    seeds = (1.0, 1.01, 1.02)
    assert dots.get_xdata().tolist() == [1e-3] * 3 + [3e-3] * 3
    np.testing.assert_allclose(
        dots.get_ydata(), [away * s for s in seeds] + [0.1 * s for s in seeds]
    )
    np.testing.assert_allclose(line.get_xydata(), [(1e-3, 1.01 * away), (3e-3, 0.101)])
    np.testing.assert_allclose(mark.get_xydata(), [(3e-3, 0.101)])
    assert plots.svg(name, figure) == plots.svg(name, figure)


def test_of_a_file_the_report_says_what_tuning_has_seen(engine, find, tmp_path):
    lines = "\n".join(f"{math.sin(k)}" for k in range(60))
    (tmp_path / "a.csv").write_text(f"x\n{lines}\n")
    study = find("r", "data={family: file, path: a.csv, timesteps: 3}")
    (note,) = (note for note in ran(study).summary.notes if note.startswith("Tuning"))
    assert note == (
        "Tuning has seen the training and the validation part of the file, as every run does: the"
        " validation part has chosen both the learning rate and the epoch, so that validation"
        " losses flatter. The test part has chosen neither."
    )


def test_files_are_checked_for_every_value(find, tmp_path):
    (tmp_path / "a.csv").write_text("x\n" + "\n".join(f"{math.sin(k)}" for k in range(60)))
    text = CONFIG.replace(
        "optimizer.learning_rate, grid: [1e-3, 3e-3, 1e-2]", "batch_size, grid: [2, 64]"
    )
    with pytest.raises(UserError) as told:
        find("r", "data={family: file, path: a.csv, timesteps: 3}", "tune.extend=0", text=text)
    assert f"{tmp_path}/c.yaml:12:41: training.batch_size: 64 is more than the" in str(told.value)


def test_the_command_line_ends_with_3_where_a_tuning_run_failed(engine, find, monkeypatch, capsys):
    from pathlib import Path

    from lstm_ablate.cli import run

    engine.raises = lambda run: (run.tries, run.seed) == (1e-3, 0)
    study = find()
    monkeypatch.chdir(study.config_folder)
    with pytest.raises(typer.Exit) as end:
        run.run(Path("c.yaml"), results=Path("r"))
    assert end.value.exit_code == 3
    printed = capsys.readouterr()
    assert "tuning, default, tanh, 0.001, seed 0: failed: ArithmeticError" in printed.out
    assert "tuning.csv" in printed.err and "30/30 tuning" not in printed.err


def test_a_choice_that_one_seed_decides_is_told_so():
    trials = (tuning.Trial(0.1, {0: 1.0}, 0, 0),)
    tuned = tuning.Tuned("t", "v", trials, 0.1, None, {0: 0.2, 1: 0.1, 2: 0.2, 3: None, 4: 0.3})
    assert cells._without_a_seed(tuned) == "0.2 (without 0, 2); none (without 3); 0.3 (without 4)"
    assert cells._without_a_seed(replace(tuned, without={0: 0.1})) == "the same"
    assert cells._without_a_seed(replace(tuned, without={})) == "-"
