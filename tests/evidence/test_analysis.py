"""Summaries against Python's statistics and cases by hand, and every sentence that they can say."""

import dataclasses
import math
import statistics

import numpy as np
import pytest
import reported

from lstm_ablate.evidence import analysis, counting, references, sentences
from lstm_ablate.evidence.summary import Row
from lstm_ablate.evidence.typical import Typical
from lstm_ablate.experiment import loading, runs
from lstm_ablate.store.records import Record

INF = math.inf


@pytest.fixture
def case(tmp_path):
    return reported.two_tasks(tmp_path)


def changed(records, change):
    """Return the records with results changed: `change(result, record)` gives what is new."""
    return {
        key: Record(key, record.identity, {**record.result, **change(record)}, record.meta)
        for key, record in records.items()
    }


def diverged(record):
    return {"status": "diverged", "test_loss": None, "diverged_epoch": 2}


def row_of(summary, variant, task=None):
    return next(
        row for row in (*summary.rows, *summary.overall)
        if row.variant == variant and task in (None, row.task)
    )  # fmt: skip


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
            assert row.mean is row.q1 is row.q3 is row.minimum is row.maximum is None
            continue
        values = sorted(ok.values())
        assert row.mean == pytest.approx(statistics.mean(values), rel=1e-12)
        q1, _, q3 = statistics.quantiles(values, method="inclusive")
        assert (row.q1, row.q3) == pytest.approx((q1, q3), rel=1e-12)
        assert (row.minimum, row.maximum) == (values[0], values[-1])
        ended = [*values, *[INF] * row.diverged]
        assert row.loss.value == pytest.approx(statistics.median(ended), rel=1e-12)
        assert (row.diverging.count, row.diverging.runs) == (row.diverged, len(ended))
        if row.variant == "base":
            assert (row.comparison, row.verdict, row.sentence) == (None, "baseline", None)
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


def test_a_typical_loss_has_the_interval_of_its_own_number_of_runs(case):
    """Of the level's share for each comparison; 8 of them, and 5 or 6 runs, are too few here."""
    one, expanded, records = case
    assert all(row.loss is None or row.loss.interval is None
               for row in analysis.summarise(one, expanded, records).rows)  # fmt: skip
    summary = analysis.summarise(one, expanded, records, level=8 / 16)
    row = row_of(summary, "base")
    losses = sorted(
        reported.loss(run)
        for run in expanded
        if run.id in records and (run.task, run.variant) == ("easy", "base")
    )
    assert counting.count_needed(5, 1 / 16) == 5
    assert row.loss.interval == (losses[0], losses[-1])
    gone = row_of(summary, "gone").loss
    assert (gone.value, gone.interval) == (INF, (INF, INF))


def test_losses_are_paired_by_seed_whichever_seeds_are_missing(case):
    """At every seed 007 has e times the loss of base; a place off, the ratio would be 1 or e^2."""
    one, expanded, records = case
    gone = {("base", 0), ("007", 1)}
    left = [run.id for run in expanded if (run.variant, run.seed) not in gone]
    kept = {run: records[run] for run in left if run in records}
    summary = analysis.summarise(one, expanded, kept)
    for row in summary.rows:
        if row.variant == "007":  # pairs at 2, which diverged, 3 and 4
            assert (row.comparison.pairs, row.comparison.losses) == (3, 3)
            assert row.comparison.ratio.value == pytest.approx(math.e, rel=1e-12)


def test_all_tasks_together_are_described_seed_by_seed(case):
    """The mean of d over the tasks, which judges nothing; no loss is pooled."""
    one, expanded, records = case
    factor = {("hard", seed): 2.0**-seed for seed in range(6)}  # the variant's, in one of the tasks

    def change(record):
        run = next(run for run in expanded if run.id == record.run)
        if run.variant != "007" or record.status != "ok":
            return {}
        return {"test_loss": reported.loss(run) * factor.get((run.task, run.seed), 1.0)}

    summary = analysis.summarise(one, expanded, changed(records, change))
    assert [row.variant for row in summary.overall] == list(one.variants)
    row = row_of(summary, "007", "all tasks")
    # d is 1 in one task and 1 - seed log 2 in the other; seed 2 diverged in both, base has no 5.
    means = [(1 + 1 - seed * math.log(2)) / 2 for seed in (0, 1, 3, 4)] + [INF]
    assert row.comparison.ratio.value == pytest.approx(math.exp(statistics.median(means)))
    assert (row.comparison.pairs, row.comparison.wins, row.comparison.losses) == (5, 2, 3)
    assert [sum(one < 0 for one in means), sum(one > 0 for one in means)] == [2, 3]
    assert (row.verdict, row.sentence, row.comparison.needed) == ("described", None, None)
    assert (row.comparison.ratio.interval, row.loss, row.mean, row.stuck) == (None,) * 4
    assert (row.seeds, row.ok, row.diverged) == (12, 10, 2)
    assert row_of(summary, "gone", "all tasks").comparison.ratio.value == INF
    assert row_of(summary, "broken", "all tasks").comparison is None
    assert row_of(summary, "base", "all tasks").verdict == "baseline"
    assert summary.comparisons == 8  # of two tasks and four variants; the description is none


def test_a_seed_that_each_side_loses_in_one_task_is_a_draw_over_all(case):
    one, expanded, records = case
    lost = {("easy", "007"), ("hard", "base")}

    def change(record):
        run = next(run for run in expanded if run.id == record.run)
        return diverged(record) if (run.task, run.variant) in lost and run.seed == 0 else {}

    summary = analysis.summarise(one, expanded, changed(records, change))
    assert row_of(summary, "007", "all tasks").comparison.draws == 1


def test_every_comparison_of_the_experiment_shares_the_level(case):
    """Also those that cannot be made, and those that coincide: 8 here, so that it takes 9 seeds."""
    one, expanded, records = case
    summary = analysis.summarise(one, expanded, records)
    assert (summary.comparisons, summary.least_seeds) == (8, 9)
    assert 2 / 2**9 <= 0.05 / 8 < 2 / 2**8
    handed = analysis.summarise(one, expanded, records, needed=lambda pairs: pairs)
    assert row_of(handed, "007").comparison.needed == 5
    assert row_of(handed, "007").verdict == "worse"


def test_the_run_shown_is_the_one_of_median_loss(case):
    """Of an even number the better of the two in the middle; the reconstruction tells the run."""
    one, expanded, records = case
    losses = [0.3, 0.1, 0.6, 0.2, 0.5, 0.4]  # by seed
    shown = {}
    for run in expanded:
        if run.variant == "007":
            told = {"status": "ok", "test_loss": losses[run.seed], "windows": [[9.0]]}
            told["validation_losses"] = [0.5, 0.4, 0.3, 0.2]
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


def test_a_failure_takes_one_line_whatever_its_message(case):
    one, expanded, records = case
    run = next(run for run in expanded if run.variant == "broken")
    message = "first\n# second\r\n- \x1b[31mred\x00"
    records[run.id] = Record(run.id, run.identity, {"status": "failed", "message": message}, {})
    summary = analysis.summarise(one, expanded, records)
    (trouble,) = [trouble for trouble in summary.troubles if "first" in trouble]
    assert f"failed: first # second - [31mred (logs/{run.id}.log)" in trouble


def test_over_all_tasks_a_formula_that_differs_is_not_that_of_the_first(tmp_path):
    path = tmp_path / "tasks.yaml"
    path.write_text(
        reported.TWO_TASKS.replace("hard: {data.noise: 0.5}", "hard: {model.activation: softsign}")
    )
    one = loading.load(path)
    overall = analysis.summarise(one, runs.expand(one, "keras"), {}).overall
    formulas = {row.variant: row.formula for row in overall}
    assert formulas["base"] == "differs from task to task"
    in_keras = {row.variant: row.keras for row in overall}
    assert in_keras["base"] == "" and in_keras["007"].startswith("LSTM(")
    assert formulas["007"] == "i, f, o = sigmoid(z); g = relu(z_g); h = o * relu(c)"


def test_references_are_medians_over_the_seeds_of_the_baseline(case):
    experiment, expanded, records = case

    def references(record):
        seed = record.identity["seed"]
        return {} if record.status == "failed" else {"ceiling": 1.0 + seed, "linear": seed / 10}

    summary = analysis.summarise(experiment, expanded, changed(records, references))
    for row in summary.rows:
        seeds = [
            run.seed
            for run in expanded
            if (run.task, run.variant) == (row.task, row.variant)
            and run.id in records
            and records[run.id].status != "failed"
        ]
        expected = (
            (1 + statistics.median(seeds), statistics.median(seeds) / 10) if seeds else (None, None)
        )
        assert (row.ceiling, row.linear) == expected
    # The code of a sequence latent: 3 steps of 50 numbers, for windows of 3 numbers.
    assert summary.references["easy"] == (
        "Predicting the mean of the test windows gives 3. The code holds 150 numbers for windows"
        " of 3: nothing is compressed."
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            ("model.latent=vector", "model.encoder=[2]"),
            "Predicting the mean of the test windows gives 1, the best linear code of the same"
            " size (2 numbers for windows of 3) 0.25.",
        ),
        (
            ("model.latent=vector", "model.encoder=[2]", "data.features=2"),
            "Predicting the mean of the test windows gives 1, the best linear code of the same"
            " size (2 numbers for windows of 6) 0.25.",
        ),
        (
            ("model.latent=vector", "model.encoder=[3]"),
            "Predicting the mean of the test windows gives 1. The code holds 3 numbers for windows"
            " of 3: nothing is compressed.",
        ),
        (
            ("model.latent=vector", "model.encoder=[2]", "variants.007={model.encoder: [1]}"),
            "Predicting the mean of the test windows gives 1, the best linear code of the same"
            " size (2 numbers for windows of 3) 0.25. So with the code of base; some variants have"
            " another.",
        ),
    ],
)
def test_the_references_say_whether_anything_is_compressed(changes, told, tmp_path):
    one, expanded, records = reported.two_tasks(tmp_path, changes)
    assert analysis.summarise(one, expanded, records).references["easy"] == told


def test_of_a_file_only_the_record_says_whether_anything_is_compressed(tmp_path):
    changes = ("data={family: file, path: x.csv, timesteps: 3}", "tasks={}")
    (tmp_path / "x.csv").write_text("a\n" + "1.5\n" * 40)
    one, expanded, records = reported.two_tasks(tmp_path, changes)
    (told,) = analysis.summarise(one, expanded, records).references.values()
    assert told == (
        "Predicting the mean of the test windows gives 1, the best linear code of the same size"
        " 0.25."
    )
    records = changed(records, lambda record: {"linear": 0.0})
    (told,) = analysis.summarise(one, expanded, records).references.values()
    assert told == (
        "Predicting the mean of the test windows gives 1. The code holds at least as many numbers"
        " as a window: nothing is compressed."
    )


def test_records_without_references_have_none_and_judge_no_learning(case):
    one, expanded, records = case
    bare = {
        key: Record(
            key,
            record.identity,
            {
                name: value
                for name, value in record.result.items()
                if name not in ("ceiling", "linear")
            },
            {},
        )
        for key, record in records.items()
    }
    summary = analysis.summarise(one, expanded, bare)
    assert set(summary.references.values()) == {"No run of the baseline has recorded a reference."}
    assert {(row.ceiling, row.linear, row.learned) for row in summary.rows} == {(None, None, None)}
    assert row_of(summary, "007").verdict == "inconclusive"


# ---------------------------------------------------------------------------------------- sentences

NOISE = [0.03, -0.02, 0.01, -0.04, 0.02, 0.05, -0.03, -0.01, 0.0, 0.04, -0.05, 0.015]
WHERE = "After 4 epochs of Adam at 0.001."
NEVER = "no run diverges or ends far above the typical loss"
ON = " To go on, ask again with more seeds, all of them new, in an experiment of their own."


def verdicts(folder, changes=(), change=lambda run, result: {}, seeds=12):
    """Return the rows of an experiment with one variant for each verdict; 12 seeds, 6 comparisons.

    It takes 11 wins. `change(run, result)` gives what is another in a result.
    """
    path = folder / "verdicts.yaml"
    path.write_text(reported.VERDICTS)
    one = loading.load(path, (f"seeds={seeds}", *changes))
    factor = {"worse": 1.4, "better": 0.5, "alike": 1.003, "slightly": 1.06, "unclear": 1.0}
    records = {}
    for run in runs.expand(one, "keras"):
        spread = {"unclear": 6, "alike": 0.2, "slightly": 0.2, "base": 0}.get(run.variant, 1)
        loss = 0.1 * factor.get(run.variant, 1.0) * math.exp(spread * NOISE[run.seed])
        result = {
            "status": "ok", "test_loss": loss, "diverged_epoch": None, "parameters": 10,
            "floor": 0.0, "ceiling": 1.0, "linear": 0.25,
            "validation_losses": [1.0] * run.settings.training.epochs,
        }  # fmt: skip
        if run.variant == "gone":
            result |= {"status": "diverged", "test_loss": None, "diverged_epoch": 1}
        records[run.id] = Record(run.id, run.identity, result | change(run, result), {})
    return {row.variant: row for row in analysis.summarise(one, runs.expand(one), records).rows}


def test_sentences_say_the_verdict_with_its_numbers_and_its_scope(tmp_path):
    found = verdicts(tmp_path, ("engine=keras",))
    assert {name: row.verdict for name, row in found.items()} == {
        "base": "baseline", "worse": "worse", "better": "better", "alike": "practically equivalent",
        "slightly": "worse", "unclear": "inconclusive", "gone": "worse",
    }  # fmt: skip
    assert {name: row.sentence for name, row in found.items()} == {
        "base": None,
        "worse": "worse reconstructs worse than base at 12 of 12 seeds (11 needed): 1.41 times its"
        f" loss in a typical pair (1.35 to 1.46); {NEVER}. {WHERE}",
        "better": "better reconstructs better than base at 12 of 12 seeds (11 needed): 0.50 times"
        f" its loss in a typical pair (0.48 to 0.52); {NEVER}. {WHERE}",
        "alike": "alike is practically equivalent to base, within the margin of 10%: 1.004 times"
        " base's loss in a typical pair (0.995 to 1.01); it wins at 4 of 12 seeds and loses at 8;"
        f" {NEVER}. {WHERE}",
        "slightly": "slightly reconstructs worse than base at 12 of 12 seeds (11 needed), within"
        " the margin of 10%: 1.06 times its loss in a typical pair (1.05 to 1.07);"
        f" {NEVER}. {WHERE}",
        "unclear": "unclear cannot be told from base: it wins at 5 of 12 seeds and loses at 6 (11"
        f" needed); 1.03 times base's loss in a typical pair (0.79 to 1.27); {NEVER}. {WHERE}{ON}",
        "gone": "gone reconstructs worse than base at 12 of 12 seeds (11 needed): infinitely many"
        f" times its loss in a typical pair; it diverges at 12 of 12 seeds (base: 0). {WHERE}",
    }


def test_too_few_seeds_are_said_with_how_many_it_takes(tmp_path):
    row = verdicts(tmp_path, ("engine=keras",), seeds=5)["better"]
    assert (row.verdict, row.comparison.needed) == ("inconclusive", None)
    assert row.sentence == (
        "better cannot be told from base: it wins at 5 of 5 seeds and loses at 0 (too few seeds for"
        f" a verdict); 0.51 times base's loss in a typical pair; {NEVER}. {WHERE} To go on, train 8"
        " seeds or more."
    )
    assert 2 / 2**8 <= 0.05 / 6 < 2 / 2**7


def test_what_was_still_learning_stands_first(tmp_path):
    """A gain at the margin is none; of the baseline it concerns every comparison."""
    for learning, lead in (
        ({"base"}, "While base was still learning, better "),
        ({"better"}, "While better was still learning, better "),
        ({"base", "better"}, "While both were still learning, better "),
        (set(), "better "),
    ):

        def change(run, result, learning=learning):
            early = 1.1001 if run.variant in learning else 1.1
            return {"validation_losses": [2.0, early, 1.2, 1.0]}

        found = verdicts(tmp_path, ("engine=keras",), change)
        assert found["better"].sentence.startswith(f"{lead}reconstructs better than base at")
        assert found["better"].verdict == "better"
        assert found["worse"].unfinished == ("base" in learning)
        assert {name for name, row in found.items() if row.still_learning} == learning


def test_failures_stand_in_the_same_sentence(tmp_path):
    def change(run, result):
        if run.variant == "better" and run.seed == 3:
            return {"test_loss": 7.0}
        if (run.variant, run.seed) in (("better", 4), ("base", 5), ("base", 6)):
            return diverged(None)
        return {"status": "failed", "message": "no"} if run.variant == "worse" and run.seed else {}

    found = verdicts(tmp_path, ("engine=keras",), change)
    assert found["better"].sentence == (
        "better cannot be told from base: it wins at 10 of 12 seeds and loses at 2 (11 needed);"
        " 0.50 times base's loss in a typical pair (0 to 70); it diverges at 1 of 12 seeds"
        f" (base: 2), ends far above the typical loss at 1 of 12 seeds (base: 0), and does not beat"
        f" predicting the mean by 10% at 1 of 12 seeds (base: 0). {WHERE}{ON}"
    )
    assert "it diverges at 0 of 1 seed (base: 2 of 12)" in found["worse"].sentence
    assert found["alike"].verdict == "inconclusive"  # as some run of the baseline diverged


def test_nothing_learned_is_no_verdict_of_any_kind(tmp_path):
    found = verdicts(tmp_path, ("engine=keras",), lambda run, result: {"ceiling": 0.11})
    assert {name: row.verdict for name, row in found.items()} == {
        "base": "baseline", "worse": "nothing learned", "better": "better",
        "alike": "nothing learned", "slightly": "nothing learned", "unclear": "nothing learned",
        "gone": "nothing learned",
    }  # fmt: skip
    assert found["worse"].sentence == (
        "Neither worse nor base reconstructs the test windows much better than predicting their"
        " mean does, so that there is no verdict: their typical losses are 0.141 and 0.1, and that"
        f" mean gives 0.11; {NEVER}. {WHERE}"
    )
    assert "are infinite (diverged) and 0.1, and" in found["gone"].sentence


def test_runs_that_have_not_learned_are_counted_where_nothing_is_far_above(tmp_path):
    def change(run, result):
        loss = result["test_loss"] or 1.0
        ceiling = loss * (1.2 if run.variant == "better" and run.seed % 3 else 1.1)
        return {"ceiling": ceiling if run.variant in ("better", "worse") else 2 * loss}

    found = verdicts(tmp_path, ("engine=keras",), change)
    counts = {name: row.not_learned and row.not_learned.count for name, row in found.items()}
    assert counts == {
        "base": 0, "worse": 12, "better": 4, "alike": 0, "slightly": 0, "unclear": 0, "gone": 0,
    }  # fmt: skip
    assert (found["better"].not_learned.runs, found["better"].stuck.count) == (12, 0)
    assert "; it does not beat predicting the mean by 10% at 4 of 12 seeds (base: 0). " in (
        found["better"].sentence
    )
    assert "by 10% at 12 of 12 seeds (base: 0)" in found["worse"].sentence
    assert f"; {NEVER}. " in found["alike"].sentence


def test_of_records_without_a_ceiling_it_is_not_known_which_have_learned(tmp_path):
    found = verdicts(tmp_path, ("engine=keras",), lambda run, result: {"ceiling": None})
    assert {row.not_learned for row in found.values()} == {None}
    assert "predicting" not in "".join(row.sentence or "" for row in found.values())


def test_the_scope_names_task_rates_and_what_was_judged(tmp_path):
    rate = "variants.better={training.optimizer: {name: sgd, learning_rate: 3e-2}}"
    for changes, where in (
        ((), WHERE),
        (("training.select=last",), "After 4 epochs of Adam at 0.001, judged at the last epoch."),
        ((rate,), "After 4 epochs of SGD at 0.03 (base: 4 epochs of Adam at 0.001)."),
        (("training.epochs=1",), "After 1 epoch of Adam at 0.001."),
        (
            ("tasks={easy: {}, long: {training.epochs: 9}}",),
            "Task long, after 9 epochs of Adam at 0.001.",
        ),
    ):
        row = verdicts(tmp_path, ("engine=keras", *changes))["better"]
        assert row.sentence.endswith(f". {where}")


def test_without_a_pair_the_sentence_says_that(case):
    """Where every run failed, or is missing."""
    one, expanded, records = case
    summary = analysis.summarise(one, expanded, records)
    for variant in ("broken", "unstarted"):
        row = row_of(summary, variant, "hard")
        assert (row.verdict, row.comparison) == ("no pair", None)
        assert row.sentence.startswith(
            f"{variant} cannot be compared with base: no seed has a run of both that ended. Task"
        )
    assert summary.notes[0] == (
        "12 runs failed and 14 runs are missing: they leave no pair, and no loss."
    )


def all_of(kind):
    def change(run, result):
        if kind == "diverged":
            return diverged(None)
        if kind == "failed":
            return {"status": "failed", "message": "no"}
        return {"test_loss": 0.1, "status": "ok"}

    return change


@pytest.mark.parametrize(
    ("kind", "verdict", "told"),
    [
        (
            "diverged",
            "nothing learned",
            "their typical losses are infinite (diverged) and infinite",
        ),
        ("failed", "no pair", "better cannot be compared with base: no seed has a run of both"),
        (
            "tied",
            "practically equivalent",
            "1.00 times base's loss in a typical pair; it wins at 0 of 12 seeds and loses at 0;",
        ),
    ],
)
def test_a_folder_of_which_every_run_is_alike_says_something_true(kind, verdict, told, tmp_path):
    row = verdicts(tmp_path, ("engine=keras",), all_of(kind))["better"]
    assert row.verdict == verdict and told in row.sentence
    if kind == "diverged":
        assert "it diverges at 12 of 12 seeds (base: 12)" in row.sentence


def test_an_experiment_with_nothing_but_its_baseline_compares_nothing(tmp_path):
    path = tmp_path / "alone.yaml"
    path.write_text("version: 1\nname: alone\nbaseline: base\nvariants: {base: {}}\nseeds: 4\n")
    one = loading.load(path)
    summary = analysis.summarise(one, runs.expand(one), {})
    assert (summary.comparisons, [row.verdict for row in summary.rows]) == (0, ["baseline"])


# ------------------------------------------------------------------------- what to do next


def falling(by):
    """Return curves of which the last fifth of the epochs gains so much."""
    return {"validation_losses": [2.0, by, 1.2 * by, 1.0]}


def test_where_networks_still_learn_the_advice_is_to_train_longer_first(tmp_path):
    """A relu head was 14% better at 20 epochs, all of them still falling, and 3% worse at 50."""
    for seeds, verdict in ((12, "inconclusive"), (5, "inconclusive")):
        found = verdicts(tmp_path, ("engine=keras",), lambda run, result: falling(1.2), seeds=seeds)
        assert found["unclear"].verdict == verdict
        assert f"{WHERE} Train longer first, for example with `training.epochs=8`: while" in (
            found["unclear"].sentence
        )
        assert "more seeds, all of them new" not in found["unclear"].sentence
        assert ("A verdict takes 8 seeds or more." in found["unclear"].sentence) == (seeds == 5)
    assert "`training.epochs=8`" in found["better"].sentence


def test_what_to_type_for_a_longer_training_is_where_the_epochs_are_written(tmp_path):
    path = tmp_path / "verdicts.yaml"
    path.write_text(
        reported.VERDICTS.replace("better: {", "better: {training.epochs: 7, ")
        + "tasks: {short: {training.epochs: 5}, usual: {}}\n"
    )
    one = loading.load(path)
    words = sentences.longer(one, "short", "better").split("`")[1].split()
    assert words == ["tasks.short.training.epochs=10", "variants.better.training.epochs=14"]
    longer = loading.load(path, words)
    assert longer.settings["short", "base"].training.epochs == 10
    assert longer.settings["short", "better"].training.epochs == 14
    assert sentences.longer(one, "usual", "worse") == "for example with `training.epochs=8`"


def test_a_difference_no_larger_than_the_last_gains_says_so(tmp_path):
    """6% between the two, beside 7% gained in the last fifth: no gain beyond the margin."""
    found = verdicts(tmp_path, ("engine=keras",), lambda run, result: falling(1.07))
    assert found["slightly"].verdict == "worse" and not found["slightly"].unfinished
    assert found["slightly"].sentence.endswith(
        f"{WHERE} The last fifth of the epochs still lowered the validation loss of base by a"
        " factor of 1.07, no less than the factor of 1.06 between the two: whether the difference"
        " stays, a longer training shows, for example with `training.epochs=8`."
    )
    for name in ("better", "worse", "alike"):  # differ by more, or not at all
        assert "last fifth" not in found[name].sentence
    found = verdicts(tmp_path, ("engine=keras",), lambda run, result: falling(1.05))
    assert "last fifth" not in found["slightly"].sentence


@pytest.mark.parametrize(
    ("factors", "shown"),
    [
        ({"base": 2.6, "relu": 14.04}, "exceeds by a factor of 2.6 (base) and 14 (relu): this"),
        ({"base": 2.6}, "exceeds by a factor of 2.6 (base): this"),
        ({"a": 3, "base": 9, "c": 5, "d": 4}, "by a factor of 3 (a) to 9 (base): this"),
        ({"base": 1.9, "relu": 14}, ""),
        ({"base": 3.0, "gone": math.inf}, "exceeds by a factor of 3 (base): this"),
    ],
)
def test_networks_far_above_the_linear_code_are_said_to_be(factors, shown):
    rows = [
        Row("default", name, "", 6, 6, 0, 0, 0, loss=Typical((0.1 * one,) * 2, None), linear=0.1)
        for name, one in factors.items()
    ]
    text = references.far_above_linear(rows)
    assert (shown in text) if shown else text == ""
    free = [dataclasses.replace(row, linear=0.0) for row in rows]  # nothing is compressed
    assert references.far_above_linear(free) == ""


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.1035, "1.103"), (1.1, "1.10"), (1.0996, "1.0996"), (1.10000003, "1.1000000"),
        (0.9092, "0.91"), (1 / 1.1 - 2e-4, "0.909"), (0.49, "0.49"), (1.004, "1.004"),
        (0.0123, "0.0123"),
    ],
)  # fmt: skip
def test_a_ratio_is_shown_on_its_side_of_the_margin(ratio, text):
    """0.943 to 1.1 beside "0.909 to 1.1 counts as equivalent" gave no reason for "inconclusive"."""
    bounds = (1.0, 1 / 1.1, 1.1)
    shown = sentences.times(ratio, bounds)
    assert shown == text
    if text != "1.1000000":  # as near as nobody measures
        assert all(np.sign(float(shown) - edge) == np.sign(ratio - edge) for edge in bounds)
