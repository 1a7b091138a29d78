"""What tuning may try: its values by hand, its runs and their groups, and what people get wrong."""

from fractions import Fraction

import pytest
from configurations import HEAD

from lstm_ablate.experiment import runs
from lstm_ablate.experiment.identity import settings_id
from lstm_ablate.experiment.schema import tunable_paths
from lstm_ablate.report.derived import resolved_yaml

RATE = "training.optimizer.learning_rate"
TUNE = f"tune: {{path: {RATE}, grid: [3e-3, 3e-4, 1e-2, 1e-3]}}\n"


def tune(path=RATE, grid="[1e-3, 1e-2]", more=""):
    return f"{HEAD}tune: {{path: {path}, grid: {grid}{more}}}\n"


def test_the_grid_is_sorted_and_grows_by_the_ratio_at_its_edge(configs):
    """3e-4 / 1e-3 = 0.3: 9e-5, 2.7e-5; 1e-2 / 3e-3 = 3.3: 0.033, 0.11; each to two digits."""
    tuning = configs.load(HEAD + TUNE).tuning
    assert tuning.values(0, 0) == (3e-4, 1e-3, 3e-3, 1e-2)
    assert tuning.values(2, 1) == (2.7e-5, 9e-5, 3e-4, 1e-3, 3e-3, 1e-2, 0.033)
    assert tuning.above == (0.033, 0.11)
    assert (tuning.seeds, tuning.name) == ((0, 1, 2, 3, 4), "learning rate")


@pytest.mark.parametrize(
    ("grid", "edge"),
    [
        ("[1e-3, 1e-2, 1e-1]", (1e-5, 1e-4, 1.0, 10.0)),
        ("[2e-3, 3e-3]", (8.7e-4, 1.3e-3, 4.5e-3, 6.8e-3)),
        ("[0.1, 0.5]", (0.004, 0.02, 2.5, 12.0)),  # 2.5^2 / 0.5 = 12.5, a tie
    ],
)
def test_extensions_by_exact_arithmetic(grid, edge, configs):
    tuning = configs.load(tune(grid=grid)).tuning
    found = (*reversed(tuning.below), *tuning.above)
    exact = []
    values = tuning.grid
    for pair in ((values[0], values[1]), (values[-1], values[-2])):
        last, inner = pair
        for _ in range(2):
            further = Fraction(last) ** 2 / Fraction(inner)
            last, inner = float(f"{float(further):.1e}"), last
            exact.append(last)
    assert (*exact[1::-1], *exact[2:]) == found
    assert found == pytest.approx(edge, rel=0.05)  # by hand


def test_whole_numbers_stay_whole(configs):
    text = tune("training.batch_size", "[64, 32, 128]")
    tuning = configs.load(text).tuning
    assert tuning.values(2, 2) == (8, 16, 32, 64, 128, 256, 512)
    assert all(type(value) is int for value in tuning.values(2, 2))
    written = configs.load(text, "tune.extend=0").resolved["tune"]
    assert written == {
        "path": "training.batch_size", "grid": [64, 32, 128], "seeds": [0, 1, 2, 3, 4], "extend": 0,
    }  # fmt: skip


def test_settings_are_those_of_the_variant_with_the_value(configs):
    plain = configs.load(HEAD, f"{RATE}=0.033", "tasks={a: {}, b: {model.encoder: [3]}}")
    tuned = configs.load(HEAD + TUNE, "tasks={a: {}, b: {model.encoder: [3]}}")
    for cell, settings in plain.settings.items():
        assert tuned.tuning.settings[*cell, 0.033] == settings
    chosen = tuned.with_choices({("a", "relu"): 0.033})
    assert chosen.settings["a", "relu"] == plain.settings["a", "relu"]
    assert chosen.settings["b", "relu"] == tuned.settings["b", "relu"]


def test_the_resolved_experiment_is_the_experiment(configs):
    whole = configs.load(HEAD + TUNE)
    assert configs.load(resolved_yaml(whole)) == whole
    assert "tune" not in configs.load(HEAD).resolved
    assert configs.load(HEAD + TUNE, "tune=null") == configs.load(HEAD)


def test_no_run_is_judged_before_its_value_is_chosen(configs):
    tuned = configs.load(HEAD + TUNE)
    assert runs.expand(tuned) == []
    judged = runs.expand(tuned.with_choices({("default", "relu"): 1e-3}))
    assert [(run.variant, run.purpose, run.tries) for run in judged] == [
        ("relu", "evaluation", None)
    ] * 10
    # The runs are those of an experiment that says so itself.
    plain = runs.expand(configs.load(HEAD, f"{RATE}=1e-3"))
    assert {run.id for run in judged} == {run.id for run in plain if run.variant == "relu"}
    assert len(runs.expand(tuned.untuned())) == 20


def test_tuning_runs_differ_from_judged_ones_and_are_alike_for_every_variant(configs):
    tuned = configs.load(HEAD + TUNE, "tune.seeds=[7, 3]", "engine=keras")
    values = tuned.tuning.values(0, 1)
    found = runs.tuning_runs(tuned, "default", values)
    assert [(run.variant, run.tries, run.seed) for run in found] == [
        (variant, value, seed)
        for variant in ("tanh", "relu")
        for value in (3e-4, 1e-3, 3e-3, 1e-2, 0.033)
        for seed in (7, 3)
    ]
    assert {(run.purpose, run.identity["purpose"], run.engine) for run in found} == {
        ("tuning", "tuning", "keras")
    }
    judged = runs.expand(configs.load(HEAD, "seeds=[7, 3]", f"{RATE}=0.033", "engine=keras"))
    assert not {run.id for run in judged} & {run.id for run in found}
    assert {run.settings_id for run in judged} == {
        settings_id(run.settings) for run in found if run.tries == 0.033
    }


@pytest.mark.parametrize(
    ("path", "grid", "more"),
    [
        (RATE, "[3e-4, 1e-3, 3e-3, 1e-2]", {}),
        ("training.optimizer.weight_decay", "[1e-3, 1e-2, 1e-1]", {}),
        ("training.optimizer.beta_1", "[0.5, 0.9, 0.95]", {"extend": 0}),
        ("training.optimizer.global_clipnorm", "[0.1, 1, 10]", {}),
    ],
)
def test_one_program_serves_a_grid_and_groups_are_filled_across_it(path, grid, more, configs):
    """Of 2 variants x values x 3 seeds, in groups of 5: one structure for each variant, and only
    its last group is not full.
    """
    text = tune(path, grid, "".join(f", {key}: {value}" for key, value in more.items()))
    changes = ("group_size=5", "tune.seeds=3", "training.optimizer.name=adamw")
    tuned = configs.load(text, *changes)
    values = tuned.tuning.values(0, 0)
    groups = runs.groups(runs.tuning_runs(tuned, "default", values))
    assert len({group[0].structure for group in groups}) == 2
    full, rest = divmod(3 * len(values), 5)
    assert [len(group) for group in groups] == 2 * [*[5] * full, *[rest] * bool(rest)]
    assert any(len({run.tries for run in group}) > 1 for group in groups)


def test_what_can_be_tuned():
    assert {RATE, "training.batch_size", "training.epochs", "model.projection"} <= set(
        tunable_paths()
    )
    assert not {
        *("training.optimizer", "training.loss", "data.noise", "model.activation", "seeds"),
        *("model.encoder", "model.head.units", "model.bidirectional", "analysis.margin"),
    } & set(tunable_paths())


NUMBER = "is no number in model or training."
ALIKE = f"tune chooses {RATE} for every variant alike; leave it out here"
# What is written -> what is told of it, as "line:column: ..."
WRONG = {
    "one value": (tune(grid="[1e-3]"), ["7:54: tune.grid: expected at least 2, found a list"]),
    "equal values": (
        tune(grid="[1e-3, 1, 0.001]"),
        ["7:54: tune.grid: 0.001 is named twice; found a list"],
    ),
    "no list": (
        tune(grid="1e-3"),
        ["7:54: tune.grid: expected a list such as [3e-4, 1e-3, 3e-3], found 0.001"],
    ),
    "no number": (
        tune(grid="[1e-3, x]"),
        ['7:61: tune.grid.1: expected a number, found "x" (text)'],
    ),
    "a truth": (tune(grid="[1e-3, true]"), ["7:61: tune.grid.1: expected a number, found true"]),
    "infinite": (
        tune(grid="[1e-3, .inf]"),
        ["7:61: tune.grid.1: expected a finite number, found Infinity"],
    ),
    "no path": (HEAD + "tune: {grid: [1, 2]}", ['7:7: tune: the key "path" is missing']),
    "an unknown key": (
        tune(more=", step: 2"),
        ['7:68: unknown key "step" in tune.\n  known: path, grid, seeds, extend'],
    ),
    "no seeds": (
        tune(more=", seeds: 0"),
        ["7:75: tune.seeds: a number of seeds is between 1 and 1,000,000; found 0"],
    ),
    "a negative extension": (
        tune(more=", extend: -1"),
        ["7:76: tune.extend: must be at least 0; found -1"],
    ),
    "a path that is none": (
        tune("training.optimizer.learn_rate"),
        [f'7:14: tune.path: "training.optimizer.learn_rate" {NUMBER} Did you mean "{RATE}"?'],
    ),
    "a path to a name": (
        tune("training.select"),
        [f'7:14: tune.path: "training.select" {NUMBER}'],
    ),
    "a path to data": (tune("data.noise"), [f'7:14: tune.path: "data.noise" {NUMBER}']),
    "set by a variant": (
        tune().replace("activation: relu", f"activation: relu, {RATE}: 1e-3"),
        [f"6:34: variants.relu: {ALIKE}"],
    ),
    "set by a variant in a section": (
        tune().replace(
            "activation: relu",
            "activation: relu, training.optimizer: {name: sgd, learning_rate: 1e-3}",
        ),
        [f"6:34: variants.relu: {ALIKE}"],
    ),
    "set by a task": (
        tune() + f"tasks: {{fast: {{{RATE}: 0.1}}}}\n",
        [f"8:16: tasks.fast: {ALIKE}"],
    ),
    "out of range": (
        tune(grid="[1e-3, -1e-3]", more=", extend: 0"),
        [
            "7:61: tune.grid: variants.tanh: training.optimizer.learning_rate: must be greater than"
            " 0.0; found -0.001"
        ],
    ),
    "a fraction for a whole number": (
        tune("training.batch_size", "[16, 32.5]", ", extend: 0"),
        [
            "7:46: tune.grid: variants.tanh: training.batch_size: expected a whole"
            " number, found 32.5"
        ],
    ),
    "against a rule of two values": (
        tune("training.batch_size", "[16, 2048]", ", extend: 0"),
        [
            "7:46: tune.grid: variants.tanh: training.batch_size: 2048 is more than the 1024"
            " training samples"
        ],
    ),
    "unknown to one variant": (
        tune("training.optimizer.beta_1", "[0.5, 0.9]", ", extend: 0").replace(
            "activation: relu", "activation: relu, training.optimizer: sgd"
        ),
        [
            '7:14: tune.grid: variants.relu: unknown key "beta_1" in training.optimizer. It is a'
            " key of adam, adamw: change name, or leave it out"
        ],
    ),
    "an extension that leaves the range": (
        tune("training.optimizer.beta_1", "[0.5, 0.9]", ", extend: 1"),
        [
            "7:67: tune.extend: the grid may reach 1.6: variants.tanh: training.optimizer.beta_1:"
            " must be less than 1.0; found 1.6"
        ],
    ),
    "so does that by default": (
        tune("training.batch_size", "[512, 1024]"),
        [
            f"7:7: tune.extend: the grid may reach {size}: variants.tanh: training.batch_size:"
            f" {size} is more than the 1024 training samples"
            for size in (2048, 4096)
        ],
    ),
    "no extension from 0": (
        tune("training.optimizer.weight_decay", "[0, 0.1]", ", extend: 1").replace(
            "tune:", "training: {optimizer: adamw}\ntune:"
        ),
        [
            f"8:71: tune.extend: no ratio leads {side}, to 2 digits; write 0, or another grid"
            for side in ("below 0", "above 0.1")
        ],
    ),
    "values within the rounding": (
        tune(grid="[1, 1.01]", more=", extend: 1"),
        ["7:73: tune.extend: no ratio leads above 1.01, to 2 digits; write 0, or another grid"],
    ),
    "values beyond every number": (
        tune(grid="[1e-300, 1e300]", more=", extend: 1"),
        [
            "7:79: tune.extend: no ratio leads above 1e+300, to 2 digits; write 0, or another grid",
            "7:79: tune.extend: the grid may reach 0: variants.tanh: "
            "training.optimizer.learning_rate: must be greater than 0.0; found 0.0",
        ],
    ),
    "too many runs": (
        tune(more=", seeds: 900000"),
        [
            "7:75: tune: 1 tasks x 2 variants x 6 values x 900,000 seeds are 10,800,000 tuning"
            " runs; at most 1,000,000 are allowed: name fewer"
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_told_with_its_place(text, expected, configs):
    assert configs.problems(text) == [f"c.yaml:{line}" for line in expected]


def test_variants_may_differ_in_what_is_not_tuned(configs):
    sgd = "variants.relu.training.optimizer={name: sgd, momentum: 0.5}"
    tuning = configs.load(tune(), sgd).tuning
    found = tuning.settings["default", "relu", 1e-2].training.optimizer
    assert (found.name, found.learning_rate, found.momentum) == ("sgd", 1e-2, 0.5)
