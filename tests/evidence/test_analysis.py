"""Summaries against Python's statistics."""

import math
import re
import statistics

import pytest
import reported
from scipy import stats

from lstm_ablate.evidence import analysis
from lstm_ablate.experiment import loading, runs
from lstm_ablate.store.records import Record


@pytest.fixture
def case(tmp_path):
    return reported.two_tasks(tmp_path)


def test_statistics_equal_pythons(case):
    one, expanded, records = case
    summary = analysis.summarise(one, expanded, records)
    for row in summary.rows:
        mine = [r for r in expanded if (r.task, r.variant) == (row.task, row.variant)]
        ok = {
            r.seed: reported.loss(r)
            for r in mine
            if r.id in records and records[r.id].status == "ok"
        }
        assert (row.ok, row.seeds) == (len(ok), 6)
        assert row.ok + row.diverged + row.failed + row.missing == 6
        if not ok:
            assert row.mean is row.median is row.iqm is row.sd is row.minimum is None
            continue
        values = sorted(ok.values())
        assert row.mean.value == pytest.approx(statistics.mean(values), rel=1e-12)
        assert row.sd.value == pytest.approx(statistics.stdev(values), rel=1e-12)
        assert row.median.value == pytest.approx(statistics.median(values), rel=1e-12)
        # Of 5 or 6, one at each end.
        assert row.iqm.value == pytest.approx(statistics.mean(values[1:-1]), rel=1e-12)
        assert (row.minimum, row.maximum) == (values[0], values[-1])
        for one in (row.mean, row.sd, row.median, row.iqm):
            assert one.low < one.value < one.high or one is row.median
        if row.variant == "base":
            assert (row.comparison, row.verdict, row.sentence) == (None, "baseline", None)
            continue
        base = {
            r.seed: reported.loss(r)
            for r in expanded
            if (r.task, r.variant) == (row.task, "base") and r.seed != 5
        }
        pairs = sorted(ok.keys() & base.keys())
        assert row.comparison.pairs == len(pairs)
        expected = stats.gmean([ok[s] for s in pairs]) / stats.gmean([base[s] for s in pairs])
        assert row.comparison.ratio.value == pytest.approx(expected, rel=1e-12)
    counts = {row.variant: (row.ok, row.diverged, row.failed, row.missing) for row in summary.rows}
    assert counts == {
        "base": (5, 0, 0, 1), "007": (5, 1, 0, 0), "gone": (0, 6, 0, 0), "broken": (0, 0, 6, 0),
        "unstarted": (0, 0, 0, 6),
    }  # fmt: skip
    assert (
        summary.seconds["easy", "007"]
        == statistics.median(map(reported.spent, range(6)))
        != statistics.mean(map(reported.spent, range(6)))
    )


def test_losses_are_paired_by_seed_whichever_seeds_are_missing(case):
    """At every seed 007 has e times the loss of base; a place off, the ratio would be 1 or e^2."""
    one, expanded, records = case
    gone = {("base", 0), ("007", 1)}
    left = [run.id for run in expanded if (run.variant, run.seed) not in gone]
    kept = {run: records[run] for run in left if run in records}
    summary = analysis.summarise(one, expanded, kept)
    for row in (*summary.rows, *summary.overall):
        if row.variant == "007":
            assert row.comparison.pairs == 2  # of 3 and 4: 2 diverged, and base has no 5 either
            assert row.comparison.ratio.value == pytest.approx(math.e, rel=1e-12)


def test_over_all_tasks_each_seed_counts_once(case):
    """Losses scaled from floor to ceiling cancel in the ratio; each seed's is the geometric mean
    over the tasks.
    """
    one, expanded, records = case
    summary = analysis.summarise(one, expanded, records)
    by_variant = {row.variant: row for row in summary.overall}
    assert list(by_variant) == list(one.variants)
    row = by_variant["007"]
    seeds = [0, 1, 3, 4]  # 2 diverged, and of 5 the baseline is missing
    ratios = [math.exp(len("base") - len("007"))] * len(seeds)
    assert row.comparison.ratio.value == pytest.approx(stats.gmean(ratios), rel=1e-12)
    assert (
        row.comparison.pairs,
        row.comparison.finished,
        row.comparison.only_variant_diverged,
    ) == (4, 5, 1)
    # Floors are 0, ceilings 1.
    scaled = [reported.loss(r) for r in expanded if r.variant == "007" and r.seed != 2]
    assert row.mean.value == pytest.approx(statistics.mean(scaled), rel=1e-12)
    assert (row.seeds, row.ok, row.diverged) == (12, 10, 2)
    assert by_variant["gone"].comparison.pairs == 0 and by_variant["gone"].mean is None
    assert by_variant["broken"].comparison.finished == 0
    family = len(one.tasks) * 4 + 4  # every comparison of the report
    easy = next(
        row for row in summary.rows if (row.task, row.variant) == ("easy", "007")
    ).comparison
    assert easy.p == 2 / 2**4 and not easy.reachable
    assert easy.p_holm == family * 2 / 2**5  # too few converged: the ranks of 5 pairs decide
    assert f"after Holm over {family} comparisons" in " ".join(summary.notes)


@pytest.mark.parametrize("other", [0.0, 1e-9, 5.0])
def test_a_seed_that_diverged_in_one_task_has_diverged_over_all(other, case):
    """Whatever its loss in the other task; the logarithm of 0 would make it a NaN."""
    one, expanded, records = case
    diverged = {"status": "diverged", "test_loss": None, "diverged_epoch": 4}
    for run in expanded:
        if (run.variant, run.seed) == ("007", 0):
            changed = diverged if run.task == "easy" else {"test_loss": other}
            result = {**records[run.id].result, **changed}
            records[run.id] = Record(run.id, run.identity, result, {})
    rows = analysis.summarise(one, expanded, records).overall
    found = next(row.comparison for row in rows if row.variant == "007")
    assert (found.only_variant_diverged, found.pairs) == (2, 3)  # 0 in one task, 2 in both; 1, 3, 4


def test_the_run_shown_is_the_one_of_median_loss(case):
    """Of an even number the better of the two in the middle; the reconstruction tells the run."""
    one, expanded, records = case
    losses = [0.3, 0.1, 0.6, 0.2, 0.5, 0.4]  # by seed
    shown = {}
    for run in expanded:
        if run.variant == "007":
            told = {"status": "ok", "test_loss": losses[run.seed], "windows": [[9.0]]}
            told["reconstructions"] = [[losses[run.seed]]]
            shown[run.id] = Record(run.id, run.identity, {**records[run.id].result, **told}, {})
    for seeds in range(1, 7):
        some = {key: record for key, record in shown.items() if record.identity["seed"] < seeds}
        summary = analysis.summarise(one, expanded, some)
        for task in one.tasks:
            assert summary.shown[task].windows == [[9.0]]
            median = statistics.median_low(losses[:seeds])
            assert summary.shown[task].reconstructions == {"007": [[median]]}


def test_what_is_shown_is_of_one_seed_for_all_variants(case):
    """Each seed has windows of its own: the baseline's median seed decides for all."""
    experiment, expanded, records = case
    median = [0.3, 0.1, 0.6, 0.2, 0.5]  # seed 0 for the baseline
    shown = {}
    for run in expanded:
        if run.seed < 5 and not (run.variant == "gone" and run.seed == 0):
            loss = median[run.seed] if run.variant == "base" else 1.0 - run.seed / 10
            told = {"status": "ok", "test_loss": loss, "windows": [[float(run.seed)]]}
            told["reconstructions"] = [[run.seed + len(run.variant) / 100]]
            result = {**next(iter(records.values())).result, **told}
            shown[run.id] = Record(run.id, run.identity, result, {})
    for picture in analysis.summarise(experiment, expanded, shown).shown.values():
        assert (picture.seed, picture.windows) == (0, [[0.0]])
        expected = {name: [[len(name) / 100]] for name in experiment.variants if name != "gone"}
        assert picture.reconstructions == expected


def test_where_the_mean_loses_nothing_no_loss_is_scaled(case):
    """As where the test part of a file is constant."""
    experiment, expanded, records = case
    flat = {
        key: Record(key, record.identity, {**record.result, "ceiling": 0.0}, {})
        for key, record in records.items()
        if record.status == "ok"
    }
    summary = analysis.summarise(experiment, expanded, flat)
    assert summary.overall and all(row.median is None for row in summary.overall)


def test_references_are_medians_over_the_seeds_and_scale_each_run_by_its_own(case):
    experiment, expanded, records = case
    changed = {}
    for run in expanded:
        record = records.get(run.id)
        if record and record.status != "failed":
            result = {**record.result, "ceiling": 1.0 + run.seed, "linear": run.seed / 10}
            changed[run.id] = Record(run.id, run.identity, result, {})
    summary = analysis.summarise(experiment, expanded, changed)
    for row in summary.rows:
        seeds = [
            run.seed
            for run in expanded
            if (run.task, run.variant) == (row.task, row.variant) and run.id in changed
        ]
        expected = (
            None if not seeds else (1 + statistics.median(seeds), statistics.median(seeds) / 10)
        )
        assert (None if row.ceiling is None else (row.ceiling, row.linear)) == expected
    (base,) = [row for row in summary.overall if row.variant == "base"]
    scaled = [
        changed[run.id].result["test_loss"] / (1 + run.seed)
        for run in expanded
        if run.variant == "base" and run.id in changed and changed[run.id].status == "ok"
    ]
    assert base.median.value == pytest.approx(statistics.median(scaled))


def test_a_note_counts_processors_and_the_pairs_that_are_split_over_them(case):
    experiment, expanded, records = case
    for kinds, split in ((["A"], None), (["A", "B"], 0), (["B", "A"], "some")):
        metas = {}
        for run in expanded:
            kind = kinds[run.seed % len(kinds)]
            if split == "some" and run.variant == "base" and run.seed == 1:
                kind = "C"
            metas[run.id] = {"processor": kind}
        told = {
            key: Record(record.run, record.identity, record.result, metas[key])
            for key, record in records.items()
        }
        notes = [
            note
            for note in analysis.summarise(experiment, expanded, told).notes
            if "processors" in note
        ]
        here = [run for run in expanded if run.id in records]
        base = {(run.task, run.seed) for run in here if run.variant == "base"}
        pairs = [run for run in here if run.variant != "base" and (run.task, run.seed) in base]
        if split is None:
            assert notes == []
        elif split == 0:
            (note,) = notes
            assert "2 kinds of processors" in note and f"none of {len(pairs)} pairs" in note
        else:
            (note,) = notes
            apart = sum(run.seed == 1 for run in pairs)
            assert f"{apart} of {len(pairs)} pairs of runs are split over two of them" in note


def test_a_note_names_what_has_learned_next_to_nothing(case):
    """Where predicting the mean costs hardly more than the median run, verdicts say little."""
    one, expanded, records = case
    medians = {
        row.variant: row.median.value
        for row in analysis.summarise(one, expanded, records).rows
        if row.median
    }
    for share, named in ((0.91, {"base", "007"}), (0.89, set())):
        results = {
            run.id: {**records[run.id].result, "ceiling": medians[run.variant] / share}
            for run in expanded
            if run.id in records and run.task == "hard" and run.variant in medians
        }
        changed = {
            key: Record(r.run, r.identity, results.get(key, {**r.result, "ceiling": 1e9}), r.meta)
            for key, r in records.items()
        }
        notes = [
            note
            for note in analysis.summarise(one, expanded, changed).notes
            if "predicting the mean" in note
        ]
        assert {
            name for name in medians if any(f"{name} in hard" in note for note in notes)
        } == named
        assert not any("in easy" in note for note in notes)


def test_sentences_say_the_verdict_with_its_numbers(tmp_path):
    """The same experiment with losses set for each verdict; 12 seeds, 6 comparisons."""
    path = tmp_path / "verdicts.yaml"
    path.write_text(reported.VERDICTS)
    one = loading.load(path)
    noise = [0.03, -0.02, 0.01, -0.04, 0.02, 0.05, -0.03, -0.01, 0.0, 0.04, -0.05, 0.015]
    factor = {
        "base": 1.0,
        "worse": 1.4,
        "better": 0.5,
        "alike": 1.003,
        "slightly": 1.06,
        "unclear": 1.1,
        "gone": 1.0,
    }
    records = {}
    for run in runs.expand(one, "keras"):
        spread = (
            6 if run.variant == "unclear" else 0.2 if run.variant in ("alike", "slightly") else 1
        )
        value = (
            factor[run.variant] * math.exp(spread * noise[run.seed])
            if run.variant != "base"
            else 1.0
        )
        gone = run.variant == "gone"
        result = {
            "status": "diverged" if gone else "ok",
            "test_loss": None if gone else value,
            "diverged_epoch": 1,
            "parameters": 10,
            "floor": 0.0,
            "ceiling": 1.0,
            "linear": 0.25,
            "validation_losses": [],
        }
        records[run.id] = Record(run.id, run.identity, result, {})
    summary = analysis.summarise(one, runs.expand(one, "keras"), records)
    found = {row.variant: row for row in summary.rows}
    assert {name: row.verdict for name, row in found.items()} == {
        "base": "baseline", "worse": "worse", "better": "better", "alike": "practically equivalent",
        "slightly": "worse", "unclear": "inconclusive", "gone": "worse",
    }  # fmt: skip
    assert (
        found["worse"].sentence
        == "worse reconstructs worse than base: loss 1.4x (95% interval 1.37 to 1.43; p = 0.0029"
        " after Holm; 12 paired seeds; 0 of 12 diverged)"
    )
    assert found["better"].sentence.startswith("better reconstructs better than base: loss 0.5")
    assert (
        found["alike"].sentence
        == "alike is practically equivalent to base: loss 1x (90% interval 1 to 1.01, within the"
        " margin of 0.909 to 1.1; 12 paired seeds; 0 of 12 diverged)"
    )
    assert (
        "than base, but within the margin of 0.909 to 1.1: loss 1.06x" in found["slightly"].sentence
    )
    assert re.search(
        r"unclear cannot be told from base: .*; 0 of 12 diverged\)$", found["unclear"].sentence
    )
    assert (
        found["gone"].sentence
        == "gone reconstructs worse than base: all diverged (12 of 12), base: 0 of 12 diverged "
        "(p = 0.0029 after Holm, with diverged runs ranked last)"
    )


def test_pairs_of_which_both_runs_diverged_tell_nothing(case):
    one, expanded, records = case
    for run in expanded:
        if run.variant == "base" and run.id in records and run.seed < 4:
            result = records[run.id].result | {
                "status": "diverged",
                "test_loss": None,
                "diverged_epoch": 2,
            }
            records[run.id] = Record(run.id, run.identity, result, {})
    summary = analysis.summarise(
        one, expanded, {k: v for k, v in records.items() if v.identity["seed"] < 4}
    )
    gone = next(row for row in summary.rows if row.variant == "gone")
    assert gone.comparison.finished == 4 and gone.comparison.telling == 0
    assert (
        gone.sentence
        == "gone cannot be told from base: at every seed that both finished, both diverged"
    )
    (note,) = [note for note in summary.notes if "2/2^" in note]
    assert "With 3 paired seeds no" in note  # of 007: both diverged at the fourth


def test_a_failure_takes_one_line_whatever_its_message(case):
    one, expanded, records = case
    run = next(run for run in expanded if run.variant == "broken")
    message = "first\n# second\r\n- \x1b[31mred\x00"
    records[run.id] = Record(run.id, run.identity, {"status": "failed", "message": message}, {})
    summary = analysis.summarise(one, expanded, records)
    (trouble,) = [trouble for trouble in summary.troubles if "first" in trouble]
    assert f"failed: first # second - [31mred (logs/{run.id}.log)" in trouble


def test_a_loss_of_0_is_named_where_it_leaves_no_ratio(case):
    one, expanded, records = case
    for run in expanded:
        if run.variant == "007" and run.seed == 0:
            records[run.id] = Record(
                run.id, run.identity, records[run.id].result | {"test_loss": 0.0}, {}
            )
    row = next(
        row for row in analysis.summarise(one, expanded, records).rows if row.variant == "007"
    )
    assert (
        row.comparison.ratio is None
        and "after Holm; by ranks, for a loss of 0 has no ratio)" in row.sentence
    )


def test_over_all_tasks_a_formula_that_differs_is_not_that_of_the_first(tmp_path):
    path = tmp_path / "tasks.yaml"
    path.write_text(
        reported.TWO_TASKS.replace("hard: {data.noise: 0.5}", "hard: {model.activation: softsign}")
    )
    one = loading.load(path)
    overall = analysis.summarise(one, runs.expand(one, "keras"), {}).overall
    formulas = {row.variant: row.formula for row in overall}
    assert formulas["base"] == "differs from task to task"
    assert formulas["007"] == "g = relu(z_g); h = o * relu(c)"
