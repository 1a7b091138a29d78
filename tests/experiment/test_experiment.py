"""From a config to an experiment: what it means, and what a user is told about each mistake."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from configurations import HEAD, Configs

from lstm_ablate.experiment.data_settings import Chirp, FileData, Lorenz, Samples, Sines, Square
from lstm_ablate.experiment.loading import load
from lstm_ablate.experiment.runs import expand
from lstm_ablate.experiment.settings import SGD, Adam, RMSprop
from lstm_ablate.experiment.yaml_source import dump, read_text

# ------------------------------------------------------------------------------------ what it means


def test_defaults(configs: Configs) -> None:
    experiment = configs.load(HEAD)
    assert experiment.name == "test"
    assert experiment.seeds == tuple(range(10))
    assert experiment.tasks == ("default",)
    assert experiment.variants == ("tanh", "relu")
    assert experiment.baseline == "tanh"
    assert experiment.margin == 0.1
    assert (experiment.engine, experiment.group_size, experiment.workers) == (
        "fused",
        "auto",
        "auto",
    )
    settings = experiment.settings["default", "tanh"]
    assert settings.data == Sines()
    assert settings.training.optimizer == Adam()
    assert (settings.model.encoder, settings.model.decoder, settings.model.latent) == (
        (100, 50),
        (50, 100),
        "sequence",
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("seeds: 1", {"seeds": (0,)}),
        ("seeds: [7, 0, 3]", {"seeds": (7, 0, 3)}),
        ("seeds: [9223372036854775807]", {"seeds": (2**63 - 1,)}),
        ("analysis: {margin: 10%}", {"margin": 0.1}),
        ("analysis: {margin: 2.5%}", {"margin": 0.025}),
        ("analysis: {margin: 0.2}", {"margin": 0.2, "stuck": 3.0}),
        ("analysis: {stuck: 5}", {"margin": 0.1, "stuck": 5.0}),
        ("group_size: 8", {"group_size": 8}),
        ("group_size: auto", {"group_size": "auto"}),
        ("execution: {workers: 3}", {"workers": 3}),
        ("execution: {workers: auto}", {"workers": "auto"}),
    ],
)
def test_values_of_an_experiment(configs: Configs, written: str, meant: dict[str, Any]) -> None:
    experiment = configs.load(f"{HEAD}{written}\n")
    assert {name: getattr(experiment, name) for name in meant} == meant


# (base model, changes, cell input, cell output): docs/experiment.md
CELLS = [
    ("", "", "tanh", "tanh"),
    ("activation: relu", "", "relu", "relu"),
    ("candidate: relu", "", "relu", "tanh"),
    ("output: relu", "", "tanh", "relu"),
    ("candidate: relu, output: elu", "", "relu", "elu"),
    ("", "model.candidate: relu", "relu", "tanh"),
    ("", "model.output: relu", "tanh", "relu"),
    ("activation: elu", "model.candidate: relu", "relu", "elu"),
    ("activation: elu", "model.output: relu", "elu", "relu"),
    ("activation: elu", "model.candidate: relu, model.output: gelu", "relu", "gelu"),
    ("candidate: elu", "model.output: relu", "elu", "relu"),
    ("candidate: elu", "model.activation: relu", "relu", "relu"),
    ("candidate: elu, output: gelu", "model.activation: relu", "relu", "relu"),
    ("activation: elu", "model.activation: relu", "relu", "relu"),
    ("activation: elu", "model.between: relu", "elu", "elu"),
    ("head: {units: [4]}, candidate: elu", "model.head.activation: relu", "elu", "tanh"),
]


@pytest.mark.parametrize(("base", "changes", "candidate", "output"), CELLS)
@pytest.mark.parametrize("by", ["variant", "task", "command line"])
def test_activation_candidate_and_output(
    configs: Configs, by: str, base: str, changes: str, candidate: str, output: str
) -> None:
    text = f"version: 1\nname: t\nbaseline: v\nmodel: {{{base}}}\n"
    if by == "variant":
        experiment = configs.load(f"{text}variants: {{v: {{{changes}}}}}")
    elif by == "task":
        experiment = configs.load(f"{text}variants: {{v: {{}}}}\ntasks: {{default: {{{changes}}}}}")
    else:
        overrides = [change.replace(": ", "=") for change in changes.split(", ") if change]
        experiment = configs.load(f"{text}variants: {{v: {{}}}}", *overrides)
    model = experiment.settings["default", "v"].model
    assert (model.site("candidate"), model.site("output")) == (candidate, output)
    assert f"g = {candidate}(z_g); h = o * {output}(c)" in experiment.formula("default", "v")


def test_formulas_name_every_change(configs: Configs) -> None:
    experiment = configs.load(
        HEAD
        + "  all: {model.gates: hard_sigmoid, model.between: relu, model.head: {units: [64, 8],"
        " activation: elu}," + " training.optimizer.learning_rate: 1e-2, model.latent: vector}\n"
    )
    usual = "i, f, o = sigmoid(z); "  # where those of another variant differ
    assert experiment.formula("default", "relu") == f"{usual}g = relu(z_g); h = o * relu(c)"
    assert (
        experiment.formula("default", "all")
        == "i, f, o = hard_sigmoid(z); g = tanh(z_g); h = o * tanh(c); y = relu(h); head = elu[64,"
        " 8]; training.optimizer.learning_rate = 0.01; model.latent = vector"
    )


def test_as_many_seeds_as_are_allowed(configs: Configs) -> None:
    """As a list of 20,000; as a number, also once it is written down and read again."""
    seeds = tuple(range(1, 20_001))
    assert configs.load(f"{HEAD}seeds: {list(seeds)}\n").seeds == seeds
    one = configs.load(f"{HEAD}seeds: 500000\n")
    assert one.seeds == tuple(range(500_000))
    assert configs.load(dump(one.resolved)) == one


def test_a_large_grid_is_that_of_its_cells(configs: Configs) -> None:
    """Above 10,000 cells some are looked at first, and all in the end: a mistake that only one has
    is found.
    """
    rates = "".join(f"  v{k}: {{training.optimizer.learning_rate: {k + 1}}}\n" for k in range(110))
    text = f"{HEAD}{rates}  sgd: {{training.optimizer: {{name: sgd}}}}\nseeds: 1\ntasks:\n"
    text += "".join(f"  t{k}: {{data.noise: {k}}}\n" for k in range(100))
    one = configs.load(text)
    assert list(one.settings) == [(task, variant) for task in one.tasks for variant in one.variants]
    assert len(one.settings) == 100 * 113
    assert (
        one.settings["t7", "v3"] == configs.load(text[: text.index("  t8:")]).settings["t7", "v3"]
    )
    (problem,) = configs.problems(
        f"{text}  wide: {{data.samples.train: 64}}\n".replace(
            "sgd}}", "sgd}, training.batch_size: 65}"
        )
    )
    assert problem.startswith(
        "c.yaml:117:63: tasks.wide: variants.sgd: training.batch_size: 65 is more than the 64"
    )


def test_optimizers(configs: Configs) -> None:
    text = (
        HEAD + "  sgd: {training.optimizer: sgd}\n"
        "  named: {training.optimizer.name: sgd, model.gates: relu}\n"
        "  full: {training.optimizer: {name: sgd, momentum: 0.9}}\n"
        "  faster: {training.optimizer.learning_rate: 1e-2}\n"
        "training: {optimizer: adam}\n"
    )
    settings = configs.load(text).settings
    found = {variant: one.training.optimizer for (_, variant), one in settings.items()}
    assert found["tanh"] == Adam()
    assert found["sgd"] == found["named"] == SGD()
    assert found["full"] == SGD(momentum=0.9)
    assert found["faster"] == Adam(learning_rate=0.01)


def test_tasks_change_data_model_and_training_for_all_variants(configs: Configs) -> None:
    text = (
        HEAD + "data: {family: sines, noise: 0.25}\n"
        "tasks:\n"
        "  plain: {}\n"
        "  chirp: {data.family: chirp, data.end: [4, 5.5]}\n"
        "  deep: {model.encoder: [8, 4, 2], training.loss: mae, model.activation: elu}\n"
    )
    experiment = configs.load(text)
    assert experiment.tasks == ("plain", "chirp", "deep")
    assert list(experiment.settings) == [
        (task, variant) for task in experiment.tasks for variant in ("tanh", "relu")
    ]
    settings = experiment.settings
    assert settings["plain", "tanh"].data == Sines(noise=0.25)
    assert settings["chirp", "relu"].data == Chirp(noise=0.25, end=(4.0, 5.5))
    assert settings["deep", "tanh"].model.encoder == (8, 4, 2)
    assert settings["deep", "tanh"].training.loss == "mae"
    assert settings["deep", "tanh"].model.site("candidate") == "elu"
    # A variant's changes come after the task's.
    assert settings["deep", "relu"].model.site("candidate") == "relu"


# ---------------------------------------------------------------------------------------- overrides


def test_overrides_of_the_command_line(configs: Configs) -> None:
    experiment = configs.load(
        HEAD + "  v1.5: {}\n  v1: {}\ndata: {family: sines}\ntasks: {long: {}}\n",
        "training.epochs=5",
        "seeds=[3, 1]",
        "data.family=lorenz",
        "data.step=1e-2",
        "training.optimizer.learning_rate=1e-2",
        "training.epochs=6",
        "model.encoder=[7]",
        "model.head=null",
        "variants.relu.model.activation=elu",
        "variants.relu.model.gates=relu",
        "variants.v1.5.model.between=relu",
        "variants.v1.model.between=elu",
        "tasks.long.data.timesteps=60",
        "analysis.margin=5%",
        "execution.workers=2",
        "name=renamed",
        "baseline=relu",
    )
    settings = experiment.settings["long", "relu"]
    assert (experiment.name, experiment.seeds, experiment.baseline) == ("renamed", (3, 1), "relu")
    assert (experiment.margin, experiment.workers) == (0.05, 2)
    assert settings.data == Lorenz(step=0.01, timesteps=60)
    assert settings.training.epochs == 6
    assert settings.training.optimizer == Adam(learning_rate=0.01)
    assert settings.model.encoder == (7,)
    assert settings.model.head is None
    assert (settings.model.site("candidate"), settings.model.gates) == ("elu", "relu")
    assert experiment.settings["long", "v1.5"].model.between == "relu"
    assert experiment.settings["long", "v1"].model.between == "elu"
    assert experiment.resolved["variants"]["relu"] == {
        "model.activation": "elu",
        "model.gates": "relu",
    }


def test_a_change_of_a_section_that_is_not_written_starts_from_its_default(
    configs: Configs,
) -> None:
    experiment = configs.load(
        HEAD
        + "  fast: {training.optimizer.learning_rate: 1e-2}\n"
        + "tasks: {loud: {data.noise: 2}, square: {data.family: square}}\n",
        "data.timesteps=9",
    )
    assert experiment.settings["loud", "tanh"].data == Sines(noise=2.0, timesteps=9)
    assert experiment.settings["square", "tanh"].data == Square(timesteps=9)
    assert experiment.settings["loud", "fast"].training.optimizer == Adam(learning_rate=0.01)


def test_an_override_adds_a_variant_or_a_task(configs: Configs) -> None:
    written = configs.load(
        HEAD + "  selu: {model.activation: selu}\ntasks: {long: {data.timesteps: 60}}\n"
    )
    added = configs.load(
        HEAD, "variants.selu={model.activation: elu}", "tasks.long={data.timesteps: 60}",
        "variants.selu.model.activation=selu",
    )  # fmt: skip
    assert added == written


def test_an_override_is_what_the_file_would_say(configs: Configs) -> None:
    written = configs.load(HEAD + "training: {epochs: 5}\nmodel: {latent: vector}\n")
    overridden = configs.load(HEAD, "training.epochs=5", "model.latent=vector")
    assert overridden == written


CHANGED_BASE = f"""{HEAD}  sgd: {{training.optimizer: {{name: sgd, momentum: 0.5}}}}
  slow: {{training.optimizer: {{learning_rate: 1e-5}}}}
data: {{family: sines, samples: {{train: 64, validation: 32, test: 16}}, timesteps: 9, noise: 1}}
model: {{encoder: {{units: 5, layers: 2}}, candidate: elu, head: {{units: [3], activation: elu}}}}
training: {{batch_size: 8, optimizer: {{name: adam, learning_rate: 3e-3, beta_1: 0.5}}}}
seeds: {{until: decided, step: 7, most: 21}}
tasks: {{usual: {{}}, few: {{data.samples: {{train: 8}}}}}}
tune: null
analysis: {{margin: 5%, stuck: 5}}
execution: {{workers: 2, timeout: 5}}
"""

# A mapping, and the paths that say the same.
MAPPINGS = {
    "training={epochs: 2}": ["training.epochs=2"],
    "training={}": [],
    "training={optimizer: {learning_rate: 1}, loss: mae}": [
        "training.optimizer.learning_rate=1", "training.loss=mae",
    ],
    "training.optimizer={name: adam, epsilon: 1}": ["training.optimizer.epsilon=1"],
    "data={noise: 2, family: lorenz}": ["data.family=lorenz", "data.noise=2"],
    "data={samples: {test: 4}}": ["data.samples.test=4"],
    "model={encoder: {layers: 3}, head: {units: [4]}}": [
        "model.encoder.layers=3", "model.head.units=[4]",
    ],
    "model={activation: selu}": ["model.activation=selu"],
    "model={output: relu, candidate: gelu}": ["model.candidate=gelu", "model.output=relu"],
    "seeds={most: 14}": ["seeds.most=14"],
    "analysis={margin: 10%}": ["analysis.margin=10%"],
    "execution={timeout: 9}": ["execution.timeout=9"],
    "variants.sgd.training.optimizer={nesterov: true}": [
        "variants.sgd={training.optimizer: {name: sgd, momentum: 0.5, nesterov: true}}"
    ],
    "tasks.few.data.samples={test: 8}": ["tasks.few={data.samples: {train: 8, test: 8}}"],
}  # fmt: skip


@pytest.mark.parametrize(("mapping", "paths"), MAPPINGS.items())
def test_a_mapping_changes_the_keys_that_it_names(
    configs: Configs, mapping: str, paths: list[str]
) -> None:
    path, _, text = mapping.partition("=")
    by_text = configs.load(CHANGED_BASE, mapping)
    value = read_text(text, "test").plain()
    assert by_text == configs.load(CHANGED_BASE, *paths) == load(configs.path, [(path, value)])
    assert (by_text == configs.load(CHANGED_BASE)) == (not paths)


def test_a_mapping_is_checked_as_one(configs: Configs) -> None:
    """Key by key, `activation` would drop what stands before it, and `path` the digest."""
    (problem,) = configs.problems(CHANGED_BASE, "model={output: elu, activation: relu}")
    assert '"output" and "activation" exclude each other' in problem
    (configs.folder / "a.csv").touch()
    data = f"data={{digest: {'0' * 64}, family: file, path: a.csv}}"
    assert "not the digest given here" in configs.problems(HEAD, data)[0]


def test_what_a_mapping_of_a_change_leaves_out_stays(configs: Configs) -> None:
    settings = configs.load(CHANGED_BASE).settings
    assert settings["few", "tanh"].data.samples == Samples(train=8, validation=32, test=16)
    slow = settings["usual", "slow"].training.optimizer
    assert slow == Adam(learning_rate=1e-5, beta_1=0.5)


def test_mappings_that_stand_by_themselves(configs: Configs) -> None:
    """Another optimizer starts from its own defaults; names of the user's own are not mixed."""
    experiment = configs.load(
        CHANGED_BASE, "training.optimizer={name: rmsprop}", "variants.relu={model.gates: relu}"
    )
    assert experiment.settings["usual", "relu"].training.optimizer == RMSprop()
    assert experiment.settings["usual", "sgd"].training.optimizer == SGD(momentum=0.5)
    assert experiment.resolved["variants"]["relu"] == {"model.gates": "relu"}
    one = configs.load(CHANGED_BASE, "variants={tanh: {}}", "tasks={}")
    assert (one.variants, one.tasks) == (("tanh",), ("default",))
    two = configs.load(CHANGED_BASE, "model.encoder=[3, 4]", "model.encoder={units: 2, layers: 1}")
    assert two.settings["usual", "tanh"].model.encoder == (2,)


def test_numbers_without_the_name_of_an_optimizer_are_those_of_adam(configs: Configs) -> None:
    text = f"{HEAD}  sgd: {{training.optimizer: sgd}}\n"
    experiment = configs.load(f"{text}training: {{optimizer: {{learning_rate: 1e-2}}}}\n")
    found = {variant: one.training.optimizer for (_, variant), one in experiment.settings.items()}
    assert found == {"tanh": Adam(learning_rate=0.01), "relu": found["tanh"], "sgd": SGD()}
    (problem,) = configs.problems(f"{HEAD}training: {{optimizer: {{beta1: 0.5, epsilon: 1}}}}\n")
    assert 'Did you mean "beta_1"?' in problem
    assert problem.endswith("known: global_clipnorm, name, learning_rate, beta_1, beta_2, epsilon")


BAD_OVERRIDES = {
    "model={activation: relu, output: elu}": '"output" and "activation" exclude each other',
    "training={epohcs: 2}": 'unknown key "epohcs" in training. Did you mean "epochs"?',
    "epochs": "command line, epochs: write path=value, such as training.epochs=5",
    "=5": "command line, =5: write path=value",
    "training.epoch=5": (
        '"training.epoch" is not a path of an experiment. Here it is training.epochs: write'
        " training.epochs=5"
    ),
    "epochs=5": '"epochs" is not a path of an experiment.',
    "training.epochs=many": (
        'command line, training.epochs=many: training.epochs: expected a whole number, found "many"'
        " (text)"
    ),
    "training.epochs=": (
        "command line, training.epochs=: training.epochs: expected a whole number, found nothing"
    ),
    "training.epochs=[1": "command line, training.epochs=[1: not YAML",
    "training.epochs=1e400": (
        "command line, training.epochs=1e400: 1e400 is outside the range of a float"
    ),
    "model.gates=relyu": (
        'command line, model.gates=relyu: model.gates: "relyu" is not an activation. Did you mean'
        ' "relu"?'
    ),
    "variants.rleu.model.gates=relu": (
        '"rleu" is not a name in variants. Did you mean "relu"? To add one, write'
    ),
    "model.gates=RELU": 'model.gates: "RELU" is not an activation. Did you mean "relu"?',
    "variants.silu.model.gates=relu": (
        '"silu" is not a name in variants. To add one, write variants.silu="{path: value}".'
    ),
    "variants.a/b={}": '"a/b" cannot be a name',
    "variants.relu.model.gate=relu": (
        'variants.relu: "model.gate" is not a path that variants can change. Did you mean'
        ' "model.gates"?'
    ),
    "variants.relu.data.noise=1": (
        "variants.relu: variants of a task share its data, so that they are paired"
    ),
    "variants.relu.model.output=elu": '"model.output" and "activation" exclude each other',
    "tasks.long.data.noise=1": (
        '"long" is not a name in tasks. To add one, write tasks.long="{path: value}".'
    ),
    "variants.relu=5": "command line, variants.relu=5: variants.relu: expected a mapping"
    " such as {model.activation: relu}, found 5",
    "varants.relu={}": (
        '"varants.relu" is not a path of an experiment. Did you mean "variants.relu"?'
    ),
    "version=2": "command line, version=2: version: found 2; allowed: 1.",
    "baseline=x": 'command line, baseline=x: baseline: "x" is not a variant.',
    "name=a/b": '"a/b" cannot be a name',
    "seeds.0=1": '"seeds.0" is not a path of an experiment.',
}


@pytest.mark.parametrize(("override", "message"), BAD_OVERRIDES.items())
def test_bad_overrides(configs: Configs, override: str, message: str) -> None:
    problems = configs.problems(HEAD, override)
    assert any(message in problem for problem in problems), problems
    assert all(
        problem.startswith(f"command line, {override}") or "c.yaml:6:" in problem
        for problem in problems
    )


def test_rules_of_a_section_are_told_beside_mistakes_in_others(configs: Configs) -> None:
    (configs.folder / "a.csv").touch()
    data = "data: {family: file, path: a.csv, split: {train: 0.5}}\n"
    model = "model: {encoder: [4], projection: 4}\n"
    training = "training: {epochs: 0}\n"
    split = "c.yaml:7:42: data.split: the fractions must add up to 1, not to 0.8"
    projection = "c.yaml:8:35: model.projection: 4 is not smaller than the 4 units of encoder.0"
    epochs = "c.yaml:9:20: training.epochs: must be at least 1; found 0"
    assert configs.problems(HEAD + data + model + training) == [split, projection, epochs]
    few = "data: {family: sines, samples: {train: 8}}\n"
    wrong = "model: {encoder: [0]}\n"
    assert configs.problems(HEAD + few + wrong + "training: {batch_size: 9}\n")[1:] == [
        "c.yaml:9:24: training.batch_size: 9 is more than the 8 training samples"
    ]


def test_a_separator_is_a_value_without_quotes_in_quotes(configs: Configs) -> None:
    (configs.folder / "a.csv").touch()
    text = f"{HEAD}data: {{family: file, path: a.csv, separator: ';'}}\n"
    data = configs.load(text, "data.decimal=,").settings["default", "tanh"].data
    assert isinstance(data, FileData) and data.decimal == ","
    data = configs.load(text, "data.separator=|").settings["default", "tanh"].data
    assert isinstance(data, FileData) and data.separator == "|"


def test_an_override_does_not_hide_a_mistake_of_the_file(configs: Configs) -> None:
    assert configs.problems(f"{HEAD}training: 5\n", "training.epochs=3") == [
        "c.yaml:7:11: training: expected a mapping such as {epochs: 30}, found 5"
    ]


# ----------------------------------------------------------------------------------------- mistakes

# name: (text after HEAD, the problems, each by its beginning)
MISTAKES: dict[str, tuple[str, list[str]]] = {
    "unknown key of a family": (
        "data: {family: lorenz, cycles: [1, 2]}\n",
        [
            'c.yaml:7:24: unknown key "cycles" in data. It is a key of sines, square: change'
            " family, or leave it out"
        ],
    ),
    "unknown key of samples": (
        "data: {family: ar, samples: {tain: 3}}\n",
        [
            'c.yaml:7:30: unknown key "tain" in data.samples. Did you mean "train"?\n  known:'
            " train, validation, test"
        ],
    ),
    "unknown key of an optimizer": (
        "training: {optimizer: {name: sgd, beta_1: 0.5}}\n",
        [
            'c.yaml:7:35: unknown key "beta_1" in training.optimizer. It is a key of adam, adamw:'
            " change name, or leave it out"
        ],
    ),
    "path at the top": (
        "model.gates: relu\n",
        [
            'c.yaml:7:1: unknown key "model.gates". Here it is nested (paths stand in variants, in'
            " tasks and on the command line alone): write model: {gates: relu}"
        ],
    ),
    "path in a section": (
        "training: {optimizer.rho: 0.5}\n",
        [
            'c.yaml:7:12: unknown key "optimizer.rho" in training. Here it is nested (paths stand'
            " in variants, in tasks and on the command line alone): write training: {optimizer:"
            " {name: rmsprop, rho: 0.5}}"
        ],
    ),
    "activation of a head": (
        "model: {head: {units: [4], activation: rleu}}\n",
        ['c.yaml:7:40: model.head.activation: "rleu" is not an activation. Did you mean "relu"?'],
    ),
    "activation is a number": (
        "model: {between: 1}\n",
        ["c.yaml:7:18: model.between: expected the name of an activation, found 1"],
    ),
    "family is a list": (
        "data: {family: [ar]}\n",
        ["c.yaml:7:16: data: family: found a list; allowed: sines"],
    ),
    "no family": ("data: {noise: 1}\n", ['c.yaml:7:7: data: the key "family" is missing']),
    "unknown optimizer": (
        "training: {optimizer: {name: adm}}\n",
        [
            'c.yaml:7:30: training.optimizer: name: found "adm" (text); allowed: adam, adamw, sgd,'
            " rmsprop. Did you mean"
        ],
    ),
    "unknown optimizer, in one word": (
        "training: {optimizer: adm}\n",
        [
            'c.yaml:7:23: training.optimizer: found "adm" (text); allowed: adam, adamw, sgd,'
            " rmsprop."
        ],
    ),
    "section is a list": (
        "model: [1]\n",
        ["c.yaml:7:8: model: expected a mapping such as {encoder: [100, 50]}, found a list"],
    ),
    "section is nothing": (
        "training:\n",
        ["c.yaml:7:10: training: expected a mapping such as {epochs: 30}, found nothing"],
    ),
    "float for a whole number": (
        "training: {epochs: 5.0}\n",
        ["c.yaml:7:20: training.epochs: expected a whole number"],
    ),
    "truth for a number": (
        "training: {epochs: true}\n",
        ["c.yaml:7:20: training.epochs: expected a whole number"],
    ),
    "too small": (
        "training: {epochs: 0}\n",
        ["c.yaml:7:20: training.epochs: must be at least 1; found 0"],
    ),
    "negative": (
        "data: {family: ar, noise: -0.1}\n",
        ["c.yaml:7:27: data.noise: must be at least 0"],
    ),
    "not positive": (
        "training: {optimizer: {name: adam, learning_rate: 0}}\n",
        ["c.yaml:7:51: training.optimizer.learning_rate: must be greater than 0"],
    ),
    "units": (
        "model:\n  encoder: [8, 0, 1.5, a]\n  decoder: 4\n",
        [
            "c.yaml:8:16: model.encoder.1: must be at least 1; found 0",
            "c.yaml:8:19: model.encoder.2: expected a whole number, found 1.5",
            'c.yaml:8:24: model.encoder.3: expected a whole number, found "a" (text)',
            "c.yaml:9:12: model.decoder: expected a list such as [4], found 4",
        ],
    ),
    "range backwards": (
        "data: {family: sines, cycles: [5, 1]}\n",
        ["c.yaml:7:31: data.cycles: the lower end of the range comes first"],
    ),
    "range of one": (
        "data: {family: sines, cycles: [5]}\n",
        ["c.yaml:7:31: data.cycles: expected two values such as [1, 5], found 1"],
    ),
    "range of three": (
        "data: {family: sines, cycles: [1, 2, 3]}\n",
        ["c.yaml:7:31: data.cycles: too many values"],
    ),
    "not stationary": (
        "data: {family: ar, coefficients: [0.5, 0.5]}\n",
        ["c.yaml:7:34: data.coefficients: the process is not stationary"],
    ),
    "large batches": (
        "data: {family: ar, samples: {train: 8}}\ntraining: {batch_size: 9}\n",
        ["c.yaml:8:24: training.batch_size: 9 is more than the 8 training samples"],
    ),
    "activation and candidate": (
        "model: {activation: tanh, candidate: relu, output: relu}\n",
        [
            'c.yaml:7:27: model: "candidate" and "activation" exclude each other',
            'c.yaml:7:44: model: "output" and "activation" exclude each other',
        ],
    ),
    "seeds 0": (
        "seeds: 0\n",
        ["c.yaml:7:8: seeds: a number of seeds is between 1 and 1,000,000; found 0"],
    ),
    "a seed twice": ("seeds: [1, 2, 1]\n", ["c.yaml:7:8: seeds: the seed 1 is named twice"]),
    "a negative seed": (
        "seeds: [-1]\n",
        ["c.yaml:7:8: seeds: a seed is a whole number from 0 to 2^63 - 1; -1 is"],
    ),
    "seeds are text": (
        "seeds: 010\n",
        ["c.yaml:7:8: seeds: write a number of seeds, or a list of whole numbers"],
    ),
    "margin without %": (
        "analysis: {margin: 10}\n",
        ["c.yaml:7:20: analysis.margin: must be less than 1"],
    ),
    "margin in words": (
        "analysis: {margin: ten%}\n",
        ["c.yaml:7:20: analysis.margin: write a percentage such as 10%"],
    ),
    "margin 0": (
        "analysis: {margin: 0%}\n",
        ["c.yaml:7:20: analysis.margin: must be greater than 0"],
    ),
    "margin 100": (
        "analysis: {margin: 100%}\n",
        ["c.yaml:7:20: analysis.margin: must be less than 1"],
    ),
    "stuck at the median": (
        "analysis: {stuck: 1}\n",
        ["c.yaml:7:19: analysis.stuck: must be greater than 1"],
    ),
    "workers 0": (
        "execution: {workers: 0}\n",
        ["c.yaml:7:22: execution.workers: write auto, or a whole number from 1; found 0"],
    ),
    "group size 0": (
        "group_size: 0\n",
        ["c.yaml:7:13: group_size: write auto, or a whole number from 1; found 0"],
    ),
    "many runs": (
        "seeds: 900000\n",
        ["c.yaml:7:8: 1 tasks x 2 variants x 900,000 seeds are 1,800,000 runs; at most 1,000,000"],
    ),
    "split": (
        "data: {family: file, path: c.yaml, split: {train: 0.5}}\n",
        ["c.yaml:7:43: data.split: the fractions must add up to 1, not to 0.8"],
    ),
    "columns": (
        "data: {family: file, path: c.yaml, columns: [a, 1]}\n",
        ["c.yaml:7:49: data.columns.1: expected text, found 1"],
    ),
    "variant with another loss": (
        "  third: {training.loss: mae}\n",
        ["c.yaml:7:11: variants.third: variants are compared by their loss, so they share it"],
    ),
    "variant with a section": (
        "  third: {model: {gates: relu}}\n",
        [
            'c.yaml:7:11: variants.third: "model" is a whole section; write what changes in it as a'
            " path, such as model."
        ],
    ),
    "variant with a key for a path": (
        "  third: {activation: relu}\n",
        [
            'c.yaml:7:11: variants.third: "activation" is not a path that variants can change. Here'
            " it is model.activation (it sets candidate and output of the cell): write"
            " model.activation: relu"
        ],
    ),
    "variant is a list": (
        "  third: [relu]\n",
        [
            "c.yaml:7:10: variants.third: expected a mapping such as {model.activation:"
            " relu}, found a list"
        ],
    ),
    "variants alike but for case": (
        "  Relu: {}\n",
        ['c.yaml:7:3: "Relu" and "relu" in variants differ only in case'],
    ),
    "reserved name": (
        "  NaN: {}\n",
        ['c.yaml:7:3: "NaN" cannot be a name: other programs read it as something else'],
    ),
    "name with a slash": (
        "  a/b: {}\n",
        ['c.yaml:7:3: "a/b" cannot be a name; allowed: letters, digits and _ - + .'],
    ),
    "name that leads up": ('  "..": {}\n', ['c.yaml:7:3: ".." cannot be a name']),
    "name with a comma": ('  "a,b": {}\n', ['c.yaml:7:3: "a,b" cannot be a name']),
    "name with a line end": (
        '  "a\\n": {}\n',
        ['c.yaml:7:3: the key "a\\n" holds a character that cannot be seen'],
    ),
    "task with a wrong value": (
        "tasks: {long: {data.noise: x}}\ndata: {family: ar}\n",
        ['c.yaml:7:28: tasks.long: data.noise: expected a number, found "x" (text)'],
    ),
    "task name": ("tasks: {a b: {}}\n", ['c.yaml:7:9: "a b" cannot be a name']),
}


@pytest.mark.parametrize(("text", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_shown_where_they_are(
    configs: Configs, text: str, expected: list[str]
) -> None:
    problems = configs.problems(HEAD + text)
    assert len(problems) == len(expected), problems
    for problem, beginning in zip(problems, expected, strict=True):
        assert problem.startswith(beginning), problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5\n", "c.yaml:1:1: an experiment is a mapping (name: ..., variants: ...), found 5"),
        (
            "- a\n",
            "c.yaml:1:1: an experiment is a mapping (name: ..., variants: ...), found a list",
        ),
        (
            "---\n",
            "c.yaml:2:1: an experiment is a mapping (name: ..., variants: ...), found nothing",
        ),
        ("", "c.yaml: the file is empty"),
        (HEAD.replace("version: 1", "version: 2"), "c.yaml:1:10: version: found 2; allowed: 1."),
        (
            HEAD.replace("version: 1", "version: 1.0"),
            "c.yaml:1:10: version: expected a whole number, found 1.0",
        ),
        (
            HEAD.replace("version: 1", "version: true"),
            "c.yaml:1:10: version: expected a whole number, found true",
        ),
        (HEAD.replace("version: 1\n", ""), 'c.yaml:1:1: the key "version" is missing'),
        (HEAD.replace("name: test", "name: 1e3"), "c.yaml:2:7: name: expected text, found 1000.0"),
        (
            HEAD.replace("name: test", "name: ../x"),
            'c.yaml:2:7: "../x" cannot be a name; allowed: letters, digits',
        ),
        (
            HEAD.replace("baseline: tanh", "baseline: tnah"),
            (
                'c.yaml:3:11: baseline: "tnah" is not a variant. Did you mean "tanh"?\n  known:'
                " tanh, relu"
            ),
        ),
        (HEAD.replace("baseline: tanh\n", ""), 'c.yaml:1:1: the key "baseline" is missing'),
        ("version: 1\nname: a\nbaseline: b\n", 'c.yaml:1:1: the key "variants" is missing'),
        (
            "version: 1\nname: a\nbaseline: b\nvariants: [b]\n",
            "c.yaml:4:11: variants: expected a mapping such as {tanh: {}, relu:"
            " {model.activation: relu}}, found a list",
        ),
        (
            "version: 1\nname: a\nbaseline: b\nvariants:\n",
            "c.yaml:4:10: variants: expected a mapping such as {tanh: {}, relu:"
            " {model.activation: relu}}, found nothing",
        ),
    ],
)
def test_mistakes_in_the_frame(configs: Configs, text: str, expected: str) -> None:
    problems = configs.problems(text)
    assert len(problems) == 1, problems
    assert problems[0].startswith(expected)


def test_no_variants(configs: Configs) -> None:
    problems = configs.problems("version: 1\nname: a\nbaseline: b\nvariants: {}\n")
    assert "c.yaml:4:11: variants: expected at least 1, found an empty mapping" in problems


def test_all_mistakes_of_a_file_are_shown_at_once_and_each_once(configs: Configs) -> None:
    problems = configs.problems(
        "version: 1\n"
        "name: a/b\n"
        "baseline: rleu\n"
        "data: {family: sines, noise: x}\n"
        "model: {gates: sigmod}\n"
        "training: {epochs: 0, batch_size: 2.5}\n"
        "variants:\n"
        "  relu: {model.activation: geul}\n"
        "  tanh: {data.noise: 1, model.ouput: relu}\n"
        "sedes: 5\n"
        "tasks: {long: {training.epochs: -1}}\n",
        "analysis.margin=1",
        "modl.gates=relu",
    )
    assert [problem.split(": ")[0] for problem in problems] == [
        "command line, modl.gates=relu",
        "command line, analysis.margin=1",
        *("c.yaml:2:7", "c.yaml:3:11", "c.yaml:4:30", "c.yaml:5:16", "c.yaml:6:20", "c.yaml:6:35"),
        *("c.yaml:8:28", "c.yaml:9:10", "c.yaml:9:25", "c.yaml:10:1", "c.yaml:11:33"),
    ]


def test_a_wrong_value_of_an_alias_is_shown_where_it_was_written(configs: Configs) -> None:
    problems = configs.problems(
        HEAD + "  a: {model.encoder: &units [0]}\n  b: {model.decoder: *units}\n"
    )
    assert problems[0].startswith(
        "c.yaml:7:30: variants.a: model.encoder.0: must be at least 1; found 0"
    )
    assert problems[1].startswith(
        "c.yaml:7:30: variants.b: model.decoder.0: must be at least 1; found 0"
    )


# ---------------------------------------------------------------------------------------- file data


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_data_file_lies_beside_the_config_or_in_the_working_folder(
    configs: Configs, monkeypatch: pytest.MonkeyPatch
) -> None:
    working = configs.folder / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    text = HEAD + "data: {family: file, path: a.csv}\n"
    problems = configs.problems(text)
    assert len(problems) == 1
    assert problems[0].startswith(
        f'c.yaml:7:28: data file "a.csv" not found (looked in {configs.folder} and '
    )
    (working / "a.csv").write_text("working")
    data = configs.load(text).settings["default", "tanh"].data
    assert isinstance(data, FileData)
    assert (data.path, data.digest) == (str(working / "a.csv"), _sha("working"))
    (configs.folder / "a.csv").write_text("beside")
    data = configs.load(text).settings["default", "relu"].data
    assert isinstance(data, FileData)
    assert (data.path, data.digest) == (str(configs.folder / "a.csv"), _sha("beside"))


def test_the_digest_given_is_held_against_the_file(configs: Configs) -> None:
    (configs.folder / "a.csv").write_text("one")
    text = f"{HEAD}data: {{family: file, path: a.csv, digest: '{_sha('one')}'}}\n"
    assert configs.load(text).settings
    (configs.folder / "a.csv").write_text("two")
    (problem,) = configs.problems(text)
    assert f'"a.csv" has the SHA-256 {_sha("two")}, not the digest given here' in problem


@pytest.mark.parametrize(
    "order",
    ["data.path: b.csv", "data.path: b.csv, data.digest: {}", "data.digest: {}, data.path: b.csv"],
)
def test_tasks_have_data_files_of_their_own(configs: Configs, order: str) -> None:
    for name in "ab":
        (configs.folder / f"{name}.csv").write_text(name)
    changes = order.replace("{}", f'"{_sha("b")}"')
    experiment = configs.load(
        f"{HEAD}data: {{family: file, path: a.csv}}\ntasks: {{a: {{}}, b: {{{changes}}}}}\n"
    )
    for name in "ab":
        data = experiment.settings[name, "tanh"].data
        assert isinstance(data, FileData)
        assert (Path(data.path).name, data.digest) == (f"{name}.csv", _sha(name))
        assert experiment.place(name, "tanh", "data.path").source == str(configs.path)


def test_a_path_where_none_belongs_is_one_mistake(configs: Configs) -> None:
    problems = configs.problems(f"{HEAD}data: {{family: sines, path: c.yaml}}\n")
    assert [problem.split("\n")[0] for problem in problems] == [
        'c.yaml:7:23: unknown key "path" in data. It is a key of file: change family, or leave it'
        " out"
    ]


# ------------------------------------------------------------------------- null, and variants alike

NULL = "null is no value of a site; Keras' activation=None is linear: write linear"


@pytest.mark.parametrize("site", ["activation", "candidate", "output", "gates", "between"])
def test_null_is_no_value_of_a_site(configs: Configs, site: str) -> None:
    for written in ("null", "~", ""):
        text = f"{HEAD}model: {{{site}: {written}}}\n"
        column = 10 + len(site) + bool(written)
        expected = [f"c.yaml:7:{column}: model.{site}: {NULL}"]
        assert configs.problems(text) == expected, written
    for text, context in (
        (f"{HEAD}  third: {{model.{site}: null}}\n", "variants.third: "),
        (f"{HEAD}tasks: {{t: {{model.{site}: null}}}}\n", "tasks.t: "),
    ):
        (problem,) = configs.problems(text)
        assert problem.endswith(f": {context}model.{site}: {NULL}")
        assert problem.startswith("c.yaml:7:")
    for override in (f"model.{site}=null", f"model.{site}="):
        place = f"command line, {override}: "
        assert configs.problems(HEAD, override) == [f"{place}model.{site}: {NULL}"]


def test_null_is_no_activation_of_a_head_but_no_head(configs: Configs) -> None:
    text = f"{HEAD}model: {{head: {{units: [3], activation: null}}}}\n"
    assert configs.problems(text) == [f"c.yaml:7:40: model.head.activation: {NULL}"]
    experiment = configs.load(f"{HEAD}model: {{head: null}}\n")
    assert experiment.settings["default", "tanh"].model.head is None


def test_variants_that_mean_the_same_training_in_every_task_are_named(configs: Configs) -> None:
    text = (
        f"{HEAD}  same: {{model.candidate: relu, model.output: relu}}\n"
        "  default: {model.gates: sigmoid}\n  again: {training.epochs: 30}\n"
    )
    same = "means the same training as {} in every task; keep one of the two"
    expected = [
        f"c.yaml:7:3: variants.same: {same.format(chr(34) + 'relu' + chr(34))}",
        f"c.yaml:8:3: variants.default: {same.format(chr(34) + 'tanh' + chr(34))}",
        f"c.yaml:9:3: variants.again: {same.format(chr(34) + 'tanh' + chr(34))}",
    ]
    assert configs.problems(text) == expected
    tasks = "tasks: {a: {}, b: {data.noise: 0}, c: {model.latent: vector}}\n"
    assert configs.problems(text + tasks) == expected
    (problem,) = configs.problems(HEAD, "model.activation=relu")
    assert problem.startswith('c.yaml:6:3: variants.relu: means the same training as "tanh"')
    (problem,) = configs.problems(HEAD, "variants.new={model.activation: relu}")
    assert problem.startswith("command line, variants.new={model.activation: relu}: variants.new: ")


def test_variants_that_coincide_in_some_tasks_only_may_stay(configs: Configs) -> None:
    """In each of two tasks the four variants are two, and other two in the second."""
    text = (
        f"{HEAD}  gates: {{model.gates: relu}}\n"
        "  all: {model.activation: relu, model.gates: relu}\n"
        "tasks: {a: {model.activation: relu}, b: {model.gates: relu}}\n"
    )
    experiment = configs.load(text)
    ids = {(run.task, run.variant): run.id for run in expand(experiment, "fused") if run.seed == 0}
    assert ids["a", "tanh"] == ids["a", "relu"] and ids["a", "gates"] == ids["a", "all"]
    assert ids["b", "tanh"] == ids["b", "gates"] and ids["b", "relu"] == ids["b", "all"]


# ------------------------------------------------------------------- nothing written, names removed

EMPTY = {
    "  third:": (
        "9: variants.third: expected a mapping such as {model.activation: relu}, found"
        " nothing; write {} where nothing changes"
    ),
    "  third: null": (
        "10: variants.third: expected a mapping such as {model.activation: relu}, found"
        " null; write {} where nothing changes"
    ),
    "tasks: {a: }": "11: tasks.a: expected a mapping such as {data.timesteps: 60}, found"
    " nothing; write {} where nothing changes",
    "tasks:": "7: tasks: expected a mapping such as {usual: {}, long: {data.timesteps:"
    " 60}}, found nothing; write {} where there are none",
    "tasks: ~": "8: tasks: expected a mapping such as {usual: {}, long: {data.timesteps:"
    " 60}}, found null; write {} where there are none",
    "model:": "7: model: expected a mapping such as {encoder: [100, 50]}, found nothing",
    "data: null": "7: data: expected a mapping such as {family: sines}, found null",
    "training: {optimizer: }": "22: training.optimizer: expected a mapping such as {name:"
    " adam, learning_rate: 1e-3}, found nothing",
    "training: {epochs: null}": "20: training.epochs: expected a whole number, found null",
    "tune:": "6: tune: expected a mapping such as {path:"
    " training.optimizer.learning_rate, grid: [3e-4, 1e-3, 3e-3]}, found nothing; write null for"
    " none",
    "model: {head: }": "14: model.head: expected a mapping such as {units: [64],"
    " activation: relu}, found nothing; write null for none",
    "model:\n  projection:": (
        "14: model.projection: expected a whole number, found nothing; write null for none"
    ),
    "  third: {model.cell_clip: }": (
        "27: variants.third: model.cell_clip: expected a number, found nothing; write null for none"
    ),
    "data: {family: file, path: c.yaml, columns: }": (
        "44: data.columns: expected a list such as [value], found nothing; write null for none"
    ),
    "seeds:": "7: seeds: write a number of seeds, or a list of whole numbers from 0, such as",
    "seeds:\n  -": '3: seeds: a seed is a whole number from 0 to 2^63 - 1; "nothing" is none',
    "activations: {snake: }": "21: activations.snake: expected text, found nothing",
    "engine:": "8: engine: found nothing; allowed: fused, keras.",
}


@pytest.mark.parametrize(("text", "expected"), EMPTY.items())
def test_nothing_is_no_value_anywhere(configs: Configs, text: str, expected: str) -> None:
    line = 7 + text.count("\n")
    (problem,) = configs.problems(f"{HEAD}{text}\n")
    assert problem.startswith(f"c.yaml:{line}:{expected}")


def test_null_on_the_command_line_removes_a_name(configs: Configs) -> None:
    text = (
        f"{HEAD}  snake: {{model.gates: wave}}\n  v1.5: {{model.gates: elu}}\n"
        "activations: {wave: x*sin(x), other: x*cos(x)}\n"
        "tasks: {chirp: {data.family: chirp}, lorenz: {data.family: lorenz}}\n"
    )
    experiment = configs.load(
        text, "tasks.lorenz=null", "variants.v1.5=~", "activations.other=null"
    )
    assert experiment.tasks == ("chirp",)
    assert experiment.variants == ("tanh", "relu", "snake")
    assert list(experiment.own) == ["wave"]
    assert configs.load(text, "tasks.chirp=null", "tasks.lorenz=null").tasks == ("default",)
    again = configs.load(text, "variants.relu=null", "variants.relu={model.output: relu}")
    assert again.settings["chirp", "relu"].model.site("candidate") == "tanh"
    assert configs.problems(text, "variants.tanh=null", "tasks.lorent=null", "tasks.chirp=") == [
        'command line, tasks.lorent=null: "lorent" is not a name in tasks. Did you mean "lorenz"?',
        "command line, tasks.chirp=: tasks.chirp: expected a mapping such as"
        " {data.timesteps: 60}, found nothing; write {} where"
        " nothing changes",
        'c.yaml:3:11: baseline: "tanh" is not a variant.\n  known: relu, snake, v1.5',
    ]


# ----------------------------------------------------------------------- the decoder of an encoder


@pytest.mark.parametrize(
    ("base", "change", "decoder"),
    [
        ("", "", (50, 100)),
        ("encoder: [24, 12]", "", (12, 24)),
        ("encoder: [24, 12]", "model.encoder: [7, 5, 3]", (3, 5, 7)),
        ("", "model.encoder: [8]", (8,)),
        ("latent: vector", "model.encoder: {units: 6, layers: 3}", (6, 6, 6)),
        ("encoder: {units: 32, layers: 4}", "", (32, 32, 32, 32)),
        ("encoder: {units: 32, layers: 4}", "model.encoder.layers: 2", (32, 32)),
        ("encoder: {units: 32, layers: 2}", "model.encoder.units: 3", (3, 3)),
        ("encoder: [24, 12]", "model.decoder: [5]", (5,)),
        ("decoder: [5]", "model.encoder: [8]", (5,)),
        ("encoder: [24, 12], decoder: [12, 24]", "model.encoder: [8]", (12, 24)),
    ],
)
def test_a_decoder_mirrors_its_encoder_unless_it_is_named(
    configs: Configs, base: str, change: str, decoder: tuple[int, ...]
) -> None:
    model = f"model: {{{base}}}\n"
    other = ", ".join(filter(None, ["model.gates: elu", change]))
    experiment = configs.load(f"{HEAD}  v: {{{other}}}\n{model}")
    assert experiment.settings["default", "v"].model.decoder == decoder
    experiment = configs.load(f"{HEAD}{model}tasks: {{t: {{{change}}}}}\n")
    assert experiment.settings["t", "tanh"].model.decoder == decoder


def test_a_decoder_that_mirrors_is_the_same_run_as_one_that_is_written(configs: Configs) -> None:
    short = configs.load(f"{HEAD}model: {{encoder: [9, 8, 7], latent: vector}}\n")
    long = configs.load(
        f"{HEAD}model: {{encoder: [9, 8, 7], decoder: [7, 8, 9], latent: vector}}\n"
    )
    assert [run.id for run in expand(short)] == [run.id for run in expand(long)]


def test_an_encoder_that_is_wrong_is_one_mistake(configs: Configs) -> None:
    assert configs.problems(f"{HEAD}model: {{encoder: [0]}}\n") == [
        "c.yaml:7:19: model.encoder.0: must be at least 1; found 0"
    ]


def test_a_list_of_names_must_fit_the_decoder_that_mirrors(configs: Configs) -> None:
    text = (
        f"{HEAD}  deep: {{model.encoder: [4, 3, 2]}}\n"
        "model: {encoder: [8, 4], gates: [elu, sigmoid, sigmoid, elu]}\n"
    )
    assert configs.problems(text) == [
        "c.yaml:8:33: variants.deep: model.gates: 4 names for 6 places: encoder.0, encoder.1,"
        " encoder.2, decoder.0, decoder.1, decoder.2"
    ]


# ----------------------------------------------------------------------------------------- resolved

RESOLVED = {
    "defaults": HEAD,
    "everything": (
        HEAD
        + "  half: {model.candidate: relu, training.optimizer.learning_rate: 1e-7}\n"
        + "  bare: {model.head: null}\n"
        + "data: {family: ar, coefficients: [0.5], noise: 0}\nmodel: {activation: elu, head:"
        " {units: [3]}}\n"
        + "training: {optimizer: {name: rmsprop, rho: 0.95}, epochs: 2}\nseeds: [4, 2]\nanalysis:"
        " {margin: 5%}\n"
        + "tasks: {short: {data.timesteps: 5}, long: {data.timesteps: 70, model.encoder:"
        " [4]}}\nexecution: {workers: 3}\n" + "group_size: 3\n"
    ),
    "file": HEAD + "data: {family: file, path: c.yaml, stride: 2}\n",
    "optimizer in one word": (
        HEAD + "  sgd: {training.optimizer: sgd}\ntraining: {optimizer: adamw}\n"
    ),
    "another optimizer": HEAD + "  sgd: {training.optimizer.name: sgd}\n",
    "a family with keys of its own": (
        HEAD
        + "data: {family: sines, components: 3, cycles: [2, 3], noise: 0.2}\n"
        + "tasks: {a: {}, b: {data.family: square}, c: {data.step: 0.1, data.family: lorenz}}\n"
    ),
    "names like numbers": HEAD
    + "  '1e3': {model.gates: relu}\n  '5.': {model.gates: elu}\n  007: {model.gates: gelu}\n",
    "another family": (
        HEAD + "data: {family: sines, noise: 0.2}\ntasks: {a: {}, b: {data.family: square}}\n"
    ),
    "a decoder that mirrors its encoder": (
        HEAD + "  small: {model.encoder: [3]}\nmodel: {encoder: [8, 4]}\n"
    ),
    "a tuned encoder": (
        HEAD + "model: {encoder: {units: 4, layers: 2}}\n"
        "tune: {path: model.encoder.units, grid: [4, 8]}\n"
    ),
    "a decoder that is named": (
        HEAD + "  small: {model.encoder: [3]}\nmodel: {encoder: [8, 4], decoder: [5]}\n"
    ),
    "merges": ("x-a: &a {model.gates: elu}\n" + HEAD + "  third: {<<: *a, training.epochs: 5}\n"),
}


@pytest.mark.parametrize("text", RESOLVED.values(), ids=RESOLVED)
def test_resolved_and_loaded_again_it_is_the_same_experiment(configs: Configs, text: str) -> None:
    first = configs.load(text)
    again = configs.folder / "experiment.yaml"
    again.write_text(dump(first.resolved), encoding="utf-8")
    second = load(again)
    assert second.settings == first.settings and second.tuning == first.tuning
    assert [run.id for run in expand(second, "fused")] == [run.id for run in expand(first, "fused")]
    assert second.resolved == first.resolved
    assert (second.name, second.seeds, second.margin) == (first.name, first.seeds, first.margin)
    assert "execution" not in first.resolved
