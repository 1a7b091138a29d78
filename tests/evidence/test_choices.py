"""Tuning replayed from records: choices against NumPy's medians, edges, and what is missing."""

import math

import numpy as np
import pytest
from configurations import HEAD, Configs
from recorded import DIVERGED, FAILED, OK

from lstm_ablate.evidence import tuning
from lstm_ablate.experiment import runs
from lstm_ablate.store.records import Record

TASKS = "tasks: {a: {}, b: {data.noise: 0.2}}\n"
TUNE = "tune: {path: training.optimizer.learning_rate, grid: [3e-4, 1e-3, 3e-3, 1e-2]}\n"
GRID = (3e-4, 1e-3, 3e-3, 1e-2)


@pytest.fixture
def load(tmp_path):
    return lambda *changes, text=HEAD + TUNE: Configs(tmp_path).load(text, *changes)


def recorded(run, outcome):
    """Return the record of a run with a validation loss, or with another outcome than a loss."""
    result = outcome
    if isinstance(outcome, float):
        nothing = dict.fromkeys(("test_loss", "ceiling", "linear"))
        result = {**OK, **nothing, "validation_loss": outcome}
    return Record(run.id, run.identity, result, {})


def replayed(experiment, outcome):
    """Return the state when tuning asks for no more runs, and how many rounds that took."""
    records, rounds = {}, 0
    while (state := tuning.replay(experiment, records)).missing:
        assert state.experiment.choices.keys() <= {
            (task, variant) for task in experiment.tasks for variant in experiment.variants
        }
        records |= {run.id: recorded(run, outcome(run)) for run in state.missing}
        rounds += 1
        assert rounds < 50, "tuning asks for more runs for ever"
    return state, rounds


def best_at(**rates):
    """Return outcomes by a parabola on log axes, with a factor for each seed."""

    def outcome(run):
        distance = math.log(run.tries / rates[run.variant])
        return math.exp(distance**2 - 3 + 0.1 * run.seed)

    return outcome


def test_the_lowest_median_log_loss_is_chosen_as_numpy_has_it():
    random = np.random.default_rng(0)
    values, seen = (0.1, 0.2, 0.3, 0.4), set()
    for seeds in [1, 2, 3, 4, 5, 6] * 60:
        losses = np.exp(random.normal(0, 3, (4, seeds)))
        losses[random.random((4, seeds)) < 0.3] = np.inf  # diverged
        left_out = random.random((4, seeds)) < 0.4  # failed
        logs = np.where(left_out, np.nan, np.log(losses))
        known = {
            value: {seed: loss for seed, loss in enumerate(row) if not left_out[k, seed]}
            for k, (value, row) in enumerate(zip(values, losses.tolist(), strict=True))
        }
        medians = {
            value: np.median(row[~np.isnan(row)])
            for value, row in zip(values, logs, strict=True)
            if not np.isnan(row).all()
        }
        order = np.argsort(
            list(medians.values()), kind="stable"
        )  # the sort is stable: of equal medians, the smaller value is taken
        due = list(medians)[order[0]] if medians else None
        assert tuning.choice(known) == due
        seen.add((due, bool(np.isinf(medians[due])) if due else None))
    assert {*((value, False) for value in values), (0.1, True), (None, None)} <= seen


def test_of_two_equally_good_values_the_smaller_is_chosen():
    assert tuning.choice({0.3: {0: 2.0}, 0.2: {0: 1.0, 1: 4.0}, 0.1: {1: 2.0, 0: 2.0}}) == 0.1
    assert tuning.choice({0.2: {0: math.inf}, 0.1: {0: math.inf}}) == 0.1
    assert tuning.choice({0.2: {0: math.inf}, 0.1: {}}) == 0.2
    assert tuning.choice({0.2: {}, 0.1: {}}) is None
    # A median between a finite and an infinite loss is infinite, and a loss of 0 is the lowest.
    assert tuning.choice({0.2: {0: 1e9}, 0.1: {0: 0.1, 1: math.inf}}) == 0.2
    assert tuning.choice({0.2: {0: 0.0}, 0.1: {0: 1e-300}}) == 0.2


def test_a_choice_inside_the_grid_extends_nothing(load):
    state, rounds = replayed(load(), best_at(tanh=3e-3, relu=1e-3))
    assert rounds == 1 and len(state.runs) == 2 * 4 * 5
    assert state.experiment.choices == {("default", "tanh"): 3e-3, ("default", "relu"): 1e-3}
    assert [one.edge for one in state.tuned] == [None, None]
    judged = runs.expand(state.experiment)
    assert {(run.variant, run.settings.training.optimizer.learning_rate) for run in judged} == {
        ("tanh", 3e-3),
        ("relu", 1e-3),
    }


@pytest.mark.parametrize(
    ("best", "values", "edge", "rounds"),
    [
        (1e-2, (*GRID, 0.033), None, 2),
        (0.033, (*GRID, 0.033, 0.11), None, 3),
        (1.0, (*GRID, 0.033, 0.11), "largest", 3),
        (3e-4, (9e-5, *GRID), None, 2),
        (1e-6, (2.7e-5, 9e-5, *GRID), "smallest", 3),
    ],
)
def test_the_edge_of_one_variant_extends_the_grid_of_all(best, values, edge, rounds, load):
    state, needed = replayed(load(), best_at(tanh=1e-3, relu=best))
    assert needed == rounds
    for one in state.tuned:
        assert tuple(trial.value for trial in one.trials) == values
        assert all(len(trial.losses) == 5 for trial in one.trials)
    assert [one.edge for one in state.tuned] == [None, edge]


def test_both_sides_may_grow_and_tasks_grow_apart(load):
    def outcome(run):
        rates = {"a": {"tanh": 1e-6, "relu": 1.0}, "b": {"tanh": 1e-3, "relu": 3e-3}}
        return best_at(**rates[run.task])(run)

    state, rounds = replayed(load(text=HEAD + TASKS + TUNE), outcome)
    values = {(one.task, one.variant): tuple(t.value for t in one.trials) for one in state.tuned}
    assert values["a", "tanh"] == values["a", "relu"] == (2.7e-5, 9e-5, *GRID, 0.033, 0.11)
    assert values["b", "tanh"] == values["b", "relu"] == GRID
    assert rounds == 3


def test_no_extension_where_none_is_allowed(load):
    state, rounds = replayed(load("tune.extend=0"), best_at(tanh=1e-6, relu=1.0))
    assert rounds == 1 and [one.edge for one in state.tuned] == ["smallest", "largest"]


def test_nothing_is_chosen_while_a_run_of_the_task_is_missing(load):
    experiment = load(text=HEAD + TASKS + TUNE)
    asked = tuning.replay(experiment, {}).missing
    assert len(asked) == 2 * 2 * 4 * 5
    outcome = best_at(tanh=1e-3, relu=1e-3)
    records = {run.id: recorded(run, outcome(run)) for run in asked}
    left = asked[-1]
    del records[left.id]
    state = tuning.replay(experiment, records)
    assert state.missing == (left,) and left.task == "b"
    assert state.experiment.choices.keys() == {("a", "tanh"), ("a", "relu")}
    assert [run.task for run in runs.expand(state.experiment)] == ["a"] * 20
    assert {one.chosen for one in state.tuned if one.task == "b"} == {None}


def test_failed_runs_are_missing_and_diverged_ones_infinite(load):
    """At 1e-3, the best value, three of five runs diverge; at 3e-3, the next best, four fail."""

    def outcome(run):
        if run.tries == 1e-3 and run.seed < 3:
            return DIVERGED
        if run.tries == 3e-3 and run.seed < 4:
            return FAILED
        return best_at(tanh=1e-3, relu=1e-3)(run)

    state, _ = replayed(load(), outcome)
    for one in state.tuned:
        counts = {t.value: (len(t.losses), t.diverged, t.failed, t.missing) for t in one.trials}
        assert counts[1e-3] == (5, 3, 0, 0) and counts[3e-3] == (1, 0, 4, 0)
        losses = {trial.value: trial.loss for trial in one.trials}
        assert losses[1e-3] == math.inf
        assert losses[3e-3] == pytest.approx(math.exp(math.log(3) ** 2 - 3 + 0.4))
        # At 3e-4 all runs end; the median run, with seed 2, has a loss of exp(log(0.3)^2 - 2.8).
        assert losses[3e-4] == pytest.approx(math.exp(math.log(0.3) ** 2 - 3 + 0.2))
        assert one.chosen == 3e-3


def test_a_variant_whose_runs_all_fail_chooses_nothing_and_the_others_do(load):
    def outcome(run):
        return FAILED if run.variant == "relu" else best_at(tanh=1e-3)(run)

    state, rounds = replayed(load(), outcome)
    assert rounds == 1 and not state.missing
    assert state.experiment.choices == {("default", "tanh"): 1e-3}
    assert (state.tuned[1].chosen, state.tuned[1].edge, state.tuned[1].stays) == (None, None, None)
    assert {run.variant for run in runs.expand(state.experiment)} == {"tanh"}


def test_a_variant_whose_runs_all_diverge_takes_the_smallest_value(load):
    state, _ = replayed(load(), lambda run: DIVERGED)
    assert {(one.chosen, one.edge) for one in state.tuned} == {(2.7e-5, "smallest")}


def test_whether_a_choice_stays_if_one_seed_is_left_out(load):
    """Two seeds prefer 1e-3, and three prefer 3e-3. Without one of the three, two and two are left,
    and the mean of the middle two log losses decides.
    """
    table = {
        1e-3: {0: 0.1, 1: 0.1, 2: 0.5, 3: 0.5, 4: 0.5},
        3e-3: {0: 0.9, 1: 0.9, 2: 0.4, 3: 0.4, 4: 0.4},
    }

    def outcome(run):
        return table.get(run.tries, dict.fromkeys(range(5), 5.0))[run.seed]

    state, _ = replayed(load(), outcome)
    for one in state.tuned:
        assert one.chosen == 3e-3 and one.stays is False
        due = {}
        for left in range(5):
            medians = {
                value: np.median(np.log([loss for seed, loss in row.items() if seed != left]))
                for value, row in table.items()
            }
            due[left] = min(medians, key=medians.get)
        assert one.without == due
        assert due == {0: 3e-3, 1: 3e-3, 2: 1e-3, 3: 1e-3, 4: 1e-3}
    steady, _ = replayed(load(), best_at(tanh=3e-3, relu=1e-3))
    assert [one.stays for one in steady.tuned] == [True, True]
    single, _ = replayed(load("tune.seeds=1"), best_at(tanh=3e-3, relu=1e-3))
    assert [one.stays for one in single.tuned] == [None, None]


def test_without_tuning_there_is_nothing_to_do(load):
    experiment = load(text=HEAD)
    assert tuning.replay(experiment, {}) == tuning.State(experiment, (), (), ())


def test_variants_that_mean_the_same_in_a_task_share_their_runs(load):
    """In the task that sets a relu at the output itself, the variant changes nothing. Both variants
    are then what the variant is in the other task.
    """
    text = HEAD.replace("model.activation: relu", "model.output: relu") + TUNE
    state, _ = replayed(
        load(text=f"{text}tasks: {{a: {{}}, same: {{model.output: relu}}}}\n"),
        lambda run: 0.5 + abs(math.log(run.tries / 1e-3)),
    )
    assert len(state.runs) == 2 * 2 * 4 * 5 and len({run.id for run in state.runs}) == 40
    assert set(state.experiment.choices.values()) == {1e-3}
