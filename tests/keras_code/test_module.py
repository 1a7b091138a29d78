"""The text of the code: as ruff lays it out, with nothing in it that is not Keras, and right where
no other engine looks: initial weights, optimizers, names.
"""

import ast
import sys
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import processes
import pytest
from covering_rows import OWN, ROWS, settings_of
from fused_runs import make, network

from lstm_ablate.experiment import loading
from lstm_ablate.experiment.activations import canonical
from lstm_ablate.experiment.elementwise import KINDS
from lstm_ablate.experiment.expressions import _IN_NUMPY, in_numpy
from lstm_ablate.experiment.network import network_of
from lstm_ablate.experiment.runs import expand
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.keras_code.line import line
from lstm_ablate.keras_code.module import Variant, module
from lstm_ablate.keras_code.naming import in_keras
from lstm_ablate.training.inputs.randomness import initial_weights

ROOT = Path(__file__).parents[2]
EXPRESSIONS = [
    "x + sin(x) ** 2",
    "(x ** 2) ** 3",
    "1.01 ** x ** 2 * x",
    "(-x) ** 2 - x ** 2",
    "-x ** 2",
    "(x * x + 1) ** -2",
    "(1 - 3) * x + (1 - 3) ** 2 * x",
    "(2 * -3) ** 3 * x",
    "x / 9 ** 9 ** 9",
    "sin(2) * x + 1 / 3",
    "maximum(x, -0.1) + exp(-x ** 2) * relu(x) - (x * x) ** (1 / 3) + minimum(softsign(x), 2)",
    "0.5 * (1 + erf(x / sqrt(2)))",
    "1e-07 * x - 100000 ** 2 * tanh(x)",
]


def variant_of(settings: Settings, own: dict[str, str] | None = None) -> Variant:
    return Variant("some", "", "one", settings, network(settings), own or {})


def made_of(variant: Variant) -> ModuleType:
    made = ModuleType("made")
    exec(module(variant).text, vars(made))
    return made


@pytest.fixture(autouse=True)
def float32_afterwards():
    yield
    keras.config.set_floatx("float32")


@pytest.fixture(scope="module")
def modules() -> dict[str, str]:
    """Return the code of every row and of every shipped variant, and what is hard to lay out."""
    found = {}
    for number, row in enumerate(ROWS):
        for dtype in ("float32", "float64"):
            variant = variant_of(settings_of(row, dtype), {OWN["between"]: "snake"})
            found[f"row{number}_{dtype}"] = module(variant).text
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        one = loading.load(path)
        for (task, name), settings in one.settings.items():
            layers = network_of(settings.model, settings.timesteps, 1)
            variant = Variant(one.name, task, name, settings, layers, {})
            found[f"{path.stem}-{task}-{name}"] = module(variant).text
    for number, text in enumerate(EXPRESSIONS):
        model = {"candidate": text, "between": text, "gates": "leaky_relu(0.0123456789)"}
        training = {"select": "last", "optimizer": "adamw"} if number % 2 else {}
        found[f"expression{number}"] = module(variant_of(make(model, training))).text
    wide = {
        **{"activation": "soft_shrink(0.123456789)"},
        **{"gates": "hard_sigmoid", "kernel_initializer": "lecun_uniform", "peepholes": True},
        **{"recurrent_initializer": "glorot_normal", "unit_forget_bias": False},
        **{"head": {"units": [12345], "activation": "soft_shrink(0.123456789)"}},
    }
    found["wide"] = module(variant_of(make(wide))).text
    found["wide-stock"] = module(variant_of(make({**wide, "peepholes": False}))).text
    return found


@pytest.mark.parametrize("name", ["relu_vs_tanh", "relu_vs_tanh_vector"])
def test_an_activation_on_the_code_is_told_from_those_between_layers(modules, name):
    lines = modules[f"{name}-default-relu-between"].splitlines()
    places = [place for place, line in enumerate(lines) if 'Activation("relu")' in line]
    said = [lines[place].partition("  # ")[2] for place in places]
    between, code = "between the layers", "on the code, from encoder to decoder"
    assert said == [between, code, between]
    assert lines[places[1] + 1].strip() == "# the decoder"


def test_ruff_would_change_nothing_and_finds_nothing(modules, tmp_path):
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(text)
    ruff = Path(sys.executable).with_name("ruff")
    for words in (["format", "--diff"], ["check", "--select", "E4,E7,E9,F,I,B,UP,N,C4,SIM,RET"]):
        done = processes.run([ruff, *words, "--isolated", tmp_path], code=None, seconds=60)
        assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_but_keras_is_imported_and_no_other_name_is_used(modules):
    known = {"keras", "layers", "ops", "super", "float", "NotImplemented"}
    for text in modules.values():
        tree = ast.parse(text)
        imported = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert [ast.unparse(node).split(" import ")[0].split()[-1] for node in imported] == [
            "keras",
            "keras",
        ]
        assert sum(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(tree)) == 2
        stored = {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        defined = {
            node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
        arguments = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert used <= known | stored | defined | arguments
        attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert {one for one in attributes if one.startswith("_")} <= {"__init__"}
        assert text.startswith('"""The variant ') and "recorded one" in text


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_means_in_keras_what_it_says(text):
    """NumPy stands in for Keras."""
    x = np.linspace(-3, 3, 61)
    functions = ModuleType("functions")
    vars(functions).update(_IN_NUMPY)
    stand_in = ModuleType("keras")
    stand_in.activations = functions
    written = in_keras(canonical(text))
    with np.errstate(all="ignore"):
        found = eval(written, {"ops": functions, "keras": stand_in, "x": x})
    np.testing.assert_allclose(found, in_numpy(canonical(text))(x), rtol=1e-13)


@pytest.mark.parametrize("name", ["lstm", "optimizer", "cell", "ops_2", "h", "train", "snake"])
def test_an_own_activation_may_be_called_as_something_else_in_the_code(name):
    text = "x + sin(x) ** 2"
    settings = make({"activation": text, "peepholes": True, "between": "leaky_relu(0.01)"})
    model = made_of(variant_of(settings, {text: name})).build_model()
    windows = np.ones((1, 7, 1))
    assert model(windows).shape == (1, 7, 1)
    assert "layers.LeakyReLU(negative_slope=0.01)" in module(variant_of(settings)).text


@pytest.mark.parametrize("name", KINDS)
def test_every_name_is_one_of_keras(name):
    if KINDS[name].defaults is not None:
        assert keras.activations.get(name) is getattr(keras.activations, name)


@pytest.mark.parametrize("projected", [None, 30])
def test_initial_weights_are_drawn_as_ours_are(projected):
    """Spread and mean of each weight; all of a bias."""
    model = {
        "encoder": [64],
        "decoder": [48],
        "head": {"units": [40], "activation": "relu"},
        "projection": projected,
        "kernel_initializer": "he_normal",
        "recurrent_initializer": "glorot_uniform",
        "bidirectional": "encoder",
        "peepholes": True,
    }
    settings = make(model, features=3)
    start = initial_weights(network(settings), 0, initializers=settings.model.initializers)
    drawn = made_of(variant_of(settings)).build_model().get_weights()
    for weights, (name, expected) in zip(drawn, start.items(), strict=True):
        assert weights.shape == expected.shape
        if expected.ndim == 1:
            np.testing.assert_array_equal(weights, expected, err_msg=name)
        else:
            few = 4 / np.sqrt(weights.size)
            np.testing.assert_allclose(weights.std(), expected.std(), rtol=few, err_msg=name)
            assert len(np.unique(weights)) > 0.99 * weights.size
    kernels = [weights for weights in drawn if weights.ndim == 2]
    assert not np.array_equal(kernels[0], kernels[2 + bool(projected)])  # of the two directions


def test_no_bias_is_1_where_the_forget_gate_is_to_start_at_0():
    for projection in (None, 2):
        settings = make({"unit_forget_bias": False, "projection": projection, "encoder": [3]})
        drawn = made_of(variant_of(settings)).build_model().get_weights()
        assert all(np.all(weights == 0) for weights in drawn if weights.ndim == 1)


def test_a_number_of_an_optimizer_that_is_0_is_not_left_out():
    optimizer = {"name": "adamw", "weight_decay": 0.0, "beta_1": 0.0, "global_clipnorm": 0.5}
    found = made_of(variant_of(make(training={"optimizer": optimizer}))).build_model().optimizer
    assert (found.weight_decay, found.beta_1, found.global_clipnorm) == (0.0, 0.0, 0.5)


LINES = {
    "relu: {model.activation: relu}": 'LSTM(100, activation="relu")',
    "one: {model.between: relu}": 'LSTM(100), Activation("relu")',
    "one: {model.output: relu}": "no argument for candidate and output apart",
    "one: {model.peepholes: true, model.projection: 9, model.cell_clip: 3}": (
        "no argument for peepholes, a projection and clips"
    ),
    "one: {model.gates: hard_sigmoid}": 'LSTM(100, recurrent_activation="hard_sigmoid")',
    "one: {model.head: {units: [64], activation: relu}}": 'LSTM(100), Dense(64, activation="relu")',
    "one: {model.activation: snake}": "LSTM(100, activation=snake)",
    "one: {model.activation: elu(0.5)}": ("LSTM(100, activation=lambda x: elu(x, alpha=0.5))"),
    "one: {model.between: leaky_relu(0.01)}": "LSTM(100), LeakyReLU(negative_slope=0.01)",
    "one: {model.activation: [tanh, relu, relu, tanh]}": (
        'LSTM(100) in encoder.0 and decoder.1, LSTM(50, activation="relu") in encoder.1 and'
        " decoder.0"
    ),
    "one: {model.between: [linear, relu, linear]}": 'LSTM(100), Activation("relu") after encoder.1',
    "one: {model.bidirectional: encoder}": (
        "Bidirectional(LSTM(100)) in encoder.0 and encoder.1, LSTM(50) in decoder.0 and decoder.1"
    ),
    "one: {model.normalization: layer, model.between: relu}": (
        'LSTM(100), LayerNormalization(), Activation("relu")'
    ),
    "one: {model.residual: true, model.encoder: [9, 9]}": "LSTM(9), Add()",
    "one: {model.kernel_initializer: he_normal, model.unit_forget_bias: false}": (
        'LSTM(100, kernel_initializer="he_normal", unit_forget_bias=False)'
    ),
    "one: {training.optimizer.learning_rate: 0.003}": "LSTM(100), Adam(learning_rate=0.003)",
    "one: {training.optimizer: {name: sgd, learning_rate: 0.5}}": (
        "LSTM(100), SGD(learning_rate=0.5)"
    ),
    "one: {training.epochs: 5, training.batch_size: 8}": "LSTM(100), fit(epochs=5, batch_size=8)",
}


@pytest.mark.parametrize("written", LINES)
def test_the_line_beside_a_formula(written, tmp_path):
    path = tmp_path / "one.yaml"
    path.write_text(
        'version: 1\nname: one\nbaseline: tanh\nactivations: {snake: "x + sin(x) ** 2"}\n'
        f"variants:\n  tanh: {{}}\n  {written}\n"
    )
    one = loading.load(path)
    (task,) = one.tasks
    assert line(one, task, "tanh") == "LSTM(100)"
    assert line(one, task, one.variants[1]) == LINES[written]
    assert len(expand(one)) == 20


@pytest.mark.parametrize("select", ["best", "last"])
def test_the_weights_at_the_end_are_those_of_the_epoch_that_is_selected(select):
    """Of any model: here one number, whose steps of 2.1 times its distance lead away from 1."""
    settings = make(training={"select": select, "epochs": 4, "batch_size": 2})
    windows = {"train": np.ones((2, 1)), "validation": np.ones((2, 1))}
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(1.05), loss="mse", run_eagerly=True)
    model.set_weights([np.array([[1.5]])])
    history = made_of(variant_of(settings)).train(model, windows).history
    assert history["val_loss"] == sorted(history["val_loss"]) and len(history["val_loss"]) == 4
    kept = history["val_loss"][0 if select == "best" else -1]
    np.testing.assert_allclose((model.get_weights()[0].item() - 1) ** 2, kept, rtol=1e-5)


def test_a_training_that_diverges_ends():
    settings = make(training={"epochs": 4, "batch_size": 2})
    windows = {"train": np.full((2, 1), np.inf), "validation": np.ones((2, 1))}
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.05), loss="mse", run_eagerly=True)
    assert len(made_of(variant_of(settings)).train(model, windows).history["loss"]) == 1
