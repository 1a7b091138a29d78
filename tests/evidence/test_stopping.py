"""Where comparisons stop, against the published counts of six looks and cases made by hand.

One comparison, looks at 10, 20, ... 60 seeds: 10, 16, 22, 28, 34 and 40 wins decide.
"""

import math
from dataclasses import asdict

import pytest
from recorded import DIVERGED, FAILED, OK

from lstm_ablate.evidence import analysis, notes, stopping
from lstm_ablate.experiment import loading, runs
from lstm_ablate.report.markdown import markdown
from lstm_ablate.report.values import as_json
from lstm_ablate.store.records import Record

COUNTS = [10, 16, 22, 28, 34, 40]
CONFIG = """
version: 1
name: looked
data: {family: sines, samples: {train: 4, validation: 2, test: 2}, timesteps: 3}
training: {batch_size: 2, epochs: 2}
seeds: {until: decided, step: 10, most: 60}
baseline: base
variants:
  base: {}
  one: {model.activation: relu}
"""
TWO = "  two: {model.activation: elu}\n"


@pytest.fixture
def case(tmp_path):
    """Return a function that makes an experiment, its runs, and their records from losses by seed.

    A loss of None is a failed run, infinity a diverged one; a seed without a loss has no record.
    """

    def made(losses, text="", *overrides):
        path = tmp_path / "c.yaml"
        path.write_text(CONFIG + text)
        experiment = loading.load(path, overrides)
        expanded = runs.expand(experiment)
        records = {}
        for run in expanded:
            given = losses.get(run.variant, lambda seed: 0.5)
            loss = given(run.seed) if callable(given) else given.get(run.seed, "none")
            if loss != "none":
                result = {**OK, "test_loss": loss}
                result = FAILED if loss is None else DIVERGED if math.isinf(loss) else result
                records[run.id] = Record(run.id, run.identity, result, {})
        return experiment, expanded, records

    return made


def wins_at(seeds):
    """Return losses of a variant that wins at these seeds, and loses at the others."""
    return lambda seed: 0.25 if seed in seeds else 1.0 * 0.75


def row_of(case_, variant="one", task="default"):
    (row,) = [
        row for row in analysis.summarise(*case_).rows if (row.task, row.variant) == (task, variant)
    ]
    return row


def stand(case_, variant="one", task="default"):
    return stopping.replay(*case_)[task, variant]


def just_below(last):
    """Return seeds at which a variant wins: one too few at each of five looks, then that many."""
    seeds = []
    for start, count in zip(range(0, 60, 10), [*(c - 1 for c in COUNTS[:5]), last], strict=True):
        seeds += range(start, start + count - len(seeds))
    return seeds


# ------------------------------------------------------------------------------------ where it ends


def test_the_first_look_decides_and_nothing_beyond_it_counts(case):
    """All sixty seeds are recorded, and the fifty after the first look point the other way."""
    found = case({"one": wins_at(range(10))})
    one = stand(found)
    assert (one.looks, one.look.seeds, one.decided, one.wanted, one.waits) == (1, 10, True, 10, 0)
    row = row_of(found)
    assert (row.verdict, row.seeds, row.not_needed, row.missing, row.look) == (
        "better",
        10,
        50,
        0,
        1,
    )
    assert (row.comparison.pairs, row.comparison.wins, row.comparison.needed) == (10, 10, 10)
    assert "one reconstructs better than base at 10 of 10 seeds (10 needed)" in row.sentence
    assert "Decided at look 1 of 6, at 10 seeds. After 2 epochs" in row.sentence
    assert {run.seed for run in stopping.runs_asked_for(*found)} == set(range(10))
    assert row_of(found, "base").ok == 10


@pytest.mark.parametrize("worse", [False, True])
def test_a_look_in_the_middle(case, worse):
    """8 of 10 seeds do not decide at the first look; 16 of 20 do at the second."""
    seeds = {*range(8), *range(10, 18)}
    found = case({"one": wins_at(set(range(60)) - seeds if worse else seeds)})
    assert (stand(found).looks, stand(found).decided) == (2, True)
    row = row_of(found)
    assert row.verdict == ("worse" if worse else "better")
    assert (row.comparison.wins, row.comparison.losses) == ((4, 16) if worse else (16, 4))
    assert (row.comparison.needed, row.seeds, row.not_needed) == (16, 20, 40)
    assert "Decided at look 2 of 6, at 20 seeds." in row.sentence


def test_the_last_look(case):
    """At every look before, one seed too few agrees, and at the last, exactly as many as needed."""
    found = case({"one": wins_at(just_below(40))})
    assert (stand(found).looks, stand(found).decided, stand(found).waits) == (6, True, 0)
    row = row_of(found)
    assert (row.verdict, row.comparison.wins, row.not_needed) == ("better", 40, 0)


def test_the_last_look_may_be_inconclusive(case):
    found = case({"one": wins_at(just_below(39))})
    assert (stand(found).looks, stand(found).decided, stand(found).wanted) == (6, False, 60)
    row = row_of(found)
    assert (row.verdict, row.comparison.wins, row.comparison.needed) == ("inconclusive", 39, 40)
    assert "Inconclusive at the maximum of 60 seeds. After" in row.sentence
    assert "ask again" not in row.sentence  # there are no more seeds to ask for


@pytest.mark.parametrize(("outliers", "look"), [(0, 1), (1, 2), (4, 2), (5, 3)])
def test_equivalence_decides_by_the_count_of_its_look(case, outliers, look):
    """With c = 16 of 20, the 5th to 16th ratios are inside the margin if there are at most 4
    outliers.
    """
    found = case({
        "one": lambda seed: 0.5 * (1.5 if seed < outliers else 1.02 if seed % 2 else 0.98)
    })  # fmt: skip
    row = row_of(found)
    assert (row.verdict, row.look) == ("practically equivalent", look)
    assert f"Decided at look {look} of 6" in row.sentence


def test_nothing_learned_stops_too(case):
    found = case({"one": lambda seed: 2.0, "base": lambda seed: 3.0})
    assert (stand(found).looks, stand(found).decided) == (1, True)
    assert "Stopped at look 1 of 6, at 10 seeds." in row_of(found).sentence
    assert row_of(found).verdict == "nothing learned" and row_of(found).not_needed == 50


def test_a_diverged_run_loses_its_seed_and_is_never_equivalent(case):
    found = case({"one": lambda seed: math.inf if seed == 3 else 0.5})
    assert (row_of(found).verdict, row_of(found).look) == ("inconclusive", 6)
    found = case({"base": lambda seed: math.inf if seed < 10 else 0.5})
    assert (row_of(found).verdict, row_of(found).look) == ("better", 1)


@pytest.mark.parametrize(("failed", "look"), [(0, 1), (2, 2), (4, 2), (5, 3)])
def test_a_failed_run_leaves_the_count_as_it_is(case, failed, look):
    """All other pairs are won. At the second look, 16 of 16 are just enough, although a test of 16
    pairs would need only 13; and 15 are too few, although a test of 15 pairs would need only 12.
    """
    found = case({"one": lambda seed: None if seed < failed else 0.25})
    row = row_of(found)
    assert (row.look, row.verdict) == (look, "better")
    assert row.comparison.needed == COUNTS[look - 1]
    assert (row.comparison.wins, row.failed) == (10 * look - failed, failed)
    assert analysis.summarise(*found).failed == failed


def test_where_all_runs_of_a_variant_fail_it_ends_without_a_pair(case):
    found = case({"one": lambda seed: None})
    row = row_of(found)
    assert (row.verdict, row.look, row.failed) == ("no pair", 6, 60)
    assert "Inconclusive at the maximum of 60 seeds." in row.sentence


# --------------------------------------------------------------------------- several comparisons


def test_the_baseline_and_the_undecided_go_on(case):
    """The decided comparison still counts, and is shown with the numbers of its look."""
    base = lambda seed: math.inf if seed == 30 else 0.5  # noqa: E731
    found = case({"one": wins_at(range(60)), "two": wins_at(range(0, 60, 2)), "base": base}, TWO)
    summary = analysis.summarise(*found)
    assert summary.comparisons == 2
    assert [look.count for look in summary.looks] == [
        look.count for look in stopping.looks([10, 20, 30, 40, 50, 60], 0.05 / 2)
    ]
    seeds = {row.variant: (row.seeds, row.not_needed, row.verdict) for row in summary.rows}
    assert seeds == {
        "base": (60, 0, "baseline"), "one": (10, 50, "better"), "two": (60, 0, "inconclusive"),
    }  # fmt: skip
    assert "no run diverges" in row_of(found, "one").sentence
    assert "it diverges at 0 of 60 seeds (base: 1)" in row_of(found, "two").sentence
    asked = stopping.runs_asked_for(*found)
    assert [sum(run.variant == name for run in asked) for name in ("base", "one", "two")] == [
        60, 10, 60,
    ]  # fmt: skip
    assert set(summary.outcomes["default", "one"]) == set(range(10))


def test_what_the_baseline_does_later_changes_no_decision(case):
    """A pair with a diverged run is never equivalent; this one diverges after the decision."""
    base = lambda seed: math.inf if seed == 30 else 0.5  # noqa: E731
    found = case({"one": lambda seed: 0.49, "two": wins_at(range(0, 60, 2)), "base": base}, TWO)
    row = row_of(found)
    assert (row.seeds, row.comparison.within_margin, row.verdict) == (10, True, "better")
    assert row_of(found, "base").diverged == 1


def test_tasks_stop_one_by_one(case):
    tasks = "tasks: {a: {}, b: {data.noise: 0.5}}\n"
    experiment, expanded, records = case({"one": wins_at(range(60))}, tasks)
    change = {
        run.id: {**OK, "test_loss": 0.25 if run.seed % 2 else 0.75}
        for run in expanded
        if (run.task, run.variant) == ("b", "one")
    }
    records |= {one: Record(one, {}, result, {}) for one, result in change.items()}
    found = experiment, expanded, records
    assert (row_of(found, task="a").seeds, row_of(found, task="b").seeds) == (10, 60)
    assert (row_of(found, "base", "a").seeds, row_of(found, "base", "b").seeds) == (10, 60)
    overall = analysis.summarise(*found).overall
    assert [(row.seeds, row.ok, row.not_needed) for row in overall] == [(70, 70, 50)] * 2


def test_the_first_look_decides_two_variants_that_mean_the_same_training(case):
    tasks = "tasks: {a: {model.activation: relu}, b: {}}\n"
    falls = lambda other: lambda seed: math.inf if seed == 3 else other(seed)  # noqa: E731
    found = case(
        {"base": falls(lambda seed: 0.5), "one": falls(wins_at(range(0, 60, 2)))}, tasks
    )  # because a run diverges, they cannot be equivalent either
    assert (row_of(found, task="a").verdict, row_of(found, task="a").seeds) == ("same training", 10)
    assert row_of(found, "base", "a").not_needed == 50
    assert row_of(found, task="b").seeds == 60
    experiment, expanded, _ = found
    assert stopping.replay(experiment, expanded, {})["a", "one"].waits == 10  # they share them


def test_seeds_are_taken_in_the_order_of_their_list(case):
    seeds = (
        "seeds={until: decided, step: 10, most: [" + ", ".join(map(str, range(59, -1, -1))) + "]}"
    )
    found = case({"one": wins_at(range(50, 60))}, "", seeds)
    assert (row_of(found).verdict, row_of(found).look) == ("better", 1)
    assert {run.seed for run in stopping.runs_asked_for(*found)} == set(range(50, 60))


# ------------------------------------------------------------------------------------- on the way


def test_a_look_waits_for_each_of_its_runs(case):
    for gone, waits in (("one", 1), ("base", 1)):
        experiment, expanded, records = case({"one": wins_at(range(0, 60, 2))})
        (lost,) = [r.id for r in expanded if (r.variant, r.seed) == (gone, 17)]
        del records[lost]
        one = stand((experiment, expanded, records))
        assert (one.looks, one.look.seeds, one.decided, one.wanted) == (1, 10, False, 20)
        assert one.waits == waits
        assert {run.seed for run in stopping.runs_asked_for(experiment, expanded, records)} == set(
            range(20)
        )
        row = row_of((experiment, expanded, records))
        assert (row.verdict, row.seeds, row.not_needed, row.missing) == ("undecided", 10, 0, 0)
        assert (row.comparison.wins, row.comparison.pairs) == (5, 10)
        assert "Undecided at look 1: look 2 of 6, at 20 seeds, waits for 1 run." in row.sentence


def test_before_the_first_look_a_report_shows_no_result(case):
    found = case({"one": dict.fromkeys(range(7), 0.25)})
    row = row_of(found)
    assert (row.verdict, row.comparison, row.seeds, row.ok, row.look) == (
        "undecided",
        None,
        0,
        0,
        0,
    )
    assert row.sentence == (
        "one is not compared with base yet. Look 1 of 6, at 10 seeds, waits for 3 runs. After 2"
        " epochs of Adam at 0.001."
    )
    experiment, expanded, _ = found
    empty = analysis.summarise(experiment, expanded, {})
    assert [row.waits for row in empty.rows] == [20, 20]


def test_no_report_shows_results_of_an_incomplete_look(case):
    """The report is the same, whatever the results beyond the last complete look are."""
    texts = set()
    for loss in (0.1, 0.5, 0.9, math.inf):
        experiment, expanded, records = case(
            {"one": lambda seed, x=loss: (0.25 if seed % 2 else 0.75) if seed < 10 else x}
        )
        gone = [run.id for run in expanded if run.seed == 15]
        kept = {run: record for run, record in records.items() if run not in gone}
        summary = analysis.summarise(experiment, expanded, kept)
        texts.add(markdown(summary) + as_json(summary) + summary.ratios_table().to_csv())
    (text,) = texts
    assert "waits for 2 runs" in text


def test_a_failure_is_reported_before_its_look_is_complete(case):
    """A failure says nothing about the answer, and the user may be able to fix its cause."""
    losses = dict.fromkeys(range(5), 0.25) | {5: None}
    summary = analysis.summarise(*case({"one": losses}))
    assert summary.failed == 1 and summary.troubles[0].startswith("default, one, seed 5: failed")
    assert summary.rows[1].failed == 0


@pytest.mark.parametrize(
    ("variants", "note"),
    [
        (4, ""),
        (
            5,
            "No verdict is possible at the first look, of 10 seeds, whatever they give: it takes"
            " 20.",
        ),
    ],
)
def test_a_note_says_that_the_first_look_cannot_decide(case, variants, note):
    """By the published counts it cannot decide if there are five comparisons or more."""
    rates = [f"  v{k}: {{training.optimizer.learning_rate: 0.{k}}}\n" for k in range(1, variants)]
    found = case({"one": wins_at(range(60))}, "".join(rates))
    summary = analysis.summarise(*found)
    assert list(summary.notes) == [*([note] * bool(note)), notes.UNTUNED]
    assert row_of(found).look == (2 if note else 1)
    assert summary.least_seeds == stopping.least_seeds(found[0]) == (20 if note else 10)


def test_the_runs_that_an_experiment_may_still_ask_for(case):
    losses = {"one": wins_at(range(60)), "two": wins_at(range(0, 60, 2))}
    experiment, expanded, records = case(losses, TWO)
    kept = {r.id: records[r.id] for r in expanded if r.seed < 10}
    counts = [
        sum(run.variant == name for run in asked)
        for asked in (
            stopping.possible(experiment, expanded, kept),
            stopping.runs_asked_for(experiment, expanded, kept),
        )
        for name in ("base", "one", "two")
    ]
    assert counts == [60, 10, 60, 20, 10, 20]


def test_without_looks_every_run_is_asked_for(case):
    found = case({"one": wins_at(range(60))}, "", "seeds=60")
    assert stopping.replay(*found) == {} and stopping.runs_asked_for(*found) == found[1]
    row = row_of(found)
    assert (row.look, row.waits, row.not_needed, row.seeds) == (None, 0, 0, 60)
    assert asdict(analysis.summarise(*found))["looks"] == ()


def test_a_picture_shows_a_seed_that_all_variants_have(case):
    """The baseline's median of sixty seeds lies beyond the look at which the first was decided."""
    base = lambda seed: 0.5 + abs(seed - 40) / 1000  # noqa: E731
    found = case({"one": wins_at(range(60)), "two": wins_at(range(0, 60, 2)), "base": base}, TWO)
    shown = analysis.summarise(*found).shown["default"]
    assert shown.seed < 10 and set(shown.reconstructions) == {"base", "one", "two"}
