"""Our LSTM cell against Keras' published cases, against `keras.layers.LSTM`, and against NumPy."""

from typing import Any

import keras
import numpy as np
import pytest
from numpy_lstm import lstm

from lstm_ablate.experiment.activations import activation
from lstm_ablate.training.engines.reference_network import AblationLSTMCell

OF_LAYER = {
    "return_sequences", "return_state", "go_backwards",
    "stateful", "unroll", "zero_output_for_mask",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _float64() -> Any:
    before = keras.config.floatx()
    keras.utils.clear_session()  # otherwise layers would have the type that an earlier test set
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def ours(units: int, activation: str = "tanh", gates: str = "sigmoid", **options: Any) -> Any:
    """Return the layer that says with our cell what `keras.layers.LSTM` says with these options."""
    of_layer = {name: options.pop(name) for name in OF_LAYER if name in options}
    cell = AblationLSTMCell(units, activation, activation, gates, **options)
    return keras.layers.RNN(cell, **of_layer)


# ------------------------------------------------------------------------ Keras' published cases
# Inputs and values are those of keras/src/layers/rnn/lstm_test.py in Keras 3.15. Their weights are
# constant, so all units of a layer are alike. So these cases show errors of masks, states and
# directions, but not swapped gates.

CONSTANT = {
    "kernel_initializer": keras.initializers.Constant(0.01),
    "recurrent_initializer": keras.initializers.Constant(0.02),
    "bias_initializer": keras.initializers.Constant(0.03),
}
PUBLISHED = {
    "forwards": ({}, [0.6288687, 0.86899155, 0.9460773]),
    "backwards": ({"go_backwards": True}, [0.35622165, 0.74789524, 0.8872726]),
    "unrolled": ({"unroll": True}, [0.6288687, 0.86899155, 0.9460773]),
    "forget gate without its 1": (
        {"unit_forget_bias": False},
        [0.57019705, 0.8661914, 0.9459622],
    ),
    "no bias": ({"use_bias": False}, [0.54986924, 0.86226785, 0.9443936]),
}


def counted(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=float).reshape(shape)


@pytest.mark.parametrize(("options", "expected"), PUBLISHED.values(), ids=PUBLISHED)
def test_published_outputs(options: dict[str, Any], expected: list[float]) -> None:
    output = ours(3, **CONSTANT, **options)(counted(3, 6, 4))
    np.testing.assert_allclose(output, np.repeat(expected, 3).reshape(3, 3), rtol=1e-5, atol=1e-5)


def test_published_outputs_of_a_layer_that_keeps_its_state() -> None:
    layer = ours(4, stateful=True, **CONSTANT)
    for _ in range(2):
        layer(counted(2, 3, 4))
        second = layer(counted(2, 3, 4))
        expected = np.repeat([0.3124785, 0.6863672], 4).reshape(2, 4)
        np.testing.assert_allclose(second, expected, rtol=1e-5, atol=1e-5)
        layer.reset_state()


@pytest.mark.parametrize(
    ("backwards", "expected"),
    [
        (False, [[0.20574439, 0.3558822], [0.64930826, 0.66276]]),
        (True, [[0.13281618, 0.2790356], [0.5839337, 0.5992567]]),
    ],
)
def test_published_outputs_from_a_given_state(backwards: bool, expected: list[Any]) -> None:
    state = [counted(2, 2), counted(2, 2)]
    output = ours(2, go_backwards=backwards, **CONSTANT)(counted(2, 4, 3), initial_state=state)
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-5)


MASK = np.array([[True, True, True, False], [True, True, False, False]])
# Of both samples, as far as they go.
STEPS = [[0.01588910, 0.05552048, 0.11755939], [0.14185596, 0.28556206]]
MASKED = {
    "the last output": ({"unroll": True}, MASK, [STEPS[0][-1], STEPS[1][-1]]),
    "every output": (
        {"return_sequences": True},
        MASK,
        [[*STEPS[0], STEPS[0][-1]], [*STEPS[1], STEPS[1][-1], STEPS[1][-1]]],
    ),
    "0 where masked": (
        {"return_sequences": True, "zero_output_for_mask": True},
        MASK,
        [[*STEPS[0], 0.0], [*STEPS[1], 0.0, 0.0]],
    ),
    "backwards": ({"go_backwards": True}, MASK[:, ::-1], [0.15341201, 0.3844719]),
}


@pytest.mark.parametrize(("options", "mask", "expected"), MASKED.values(), ids=MASKED)
def test_published_outputs_under_a_mask(options: dict[str, Any], mask: Any, expected: Any) -> None:
    output = ours(2, **CONSTANT, **options)(counted(2, 4, 3), mask=mask)
    both_units = np.stack([expected, expected], axis=-1)
    np.testing.assert_allclose(output, both_units, rtol=1e-5, atol=1e-5)


REGULARIZERS = {"kernel_regularizer": "l2", "recurrent_regularizer": "l2", "bias_regularizer": "l1"}


@pytest.mark.parametrize(
    ("options", "shape", "weights", "losses"),
    [
        ({}, (3, 3), 3, 0),
        ({"use_bias": False}, (3, 3), 2, 0),
        ({"return_sequences": True, **REGULARIZERS}, (3, 2, 3), 3, 3),
    ],
    ids=["last output", "no bias", "every output, regularized"],
)
def test_published_basics(options: dict[str, Any], shape: Any, weights: int, losses: int) -> None:
    """Shapes and counts, on values on symbols; the layer comes back from its config, and learns."""
    layer, x = ours(3, **options), counted(3, 2, 4) / 24
    output = layer(x)
    assert tuple(output.shape) == shape
    assert layer(keras.KerasTensor((3, 2, 4))).shape == shape
    assert layer.compute_output_shape((3, 2, 4)) == shape
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (weights, 0)
    assert len(layer.losses) == losses and layer.supports_masking

    again = keras.layers.RNN.from_config(layer.get_config())
    again.build(x.shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x), output)

    model = keras.Sequential([keras.Input((2, 4)), layer])
    model.compile("sgd", "mse")
    before = layer.get_weights()
    model.fit(x, np.zeros(shape), verbose=0)
    assert all(np.any(old != new) for old, new in zip(before, layer.get_weights(), strict=True))


@pytest.mark.parametrize("which", ["dropout", "recurrent_dropout"])
def test_dropout_is_refused_and_not_ignored(which: str) -> None:
    with pytest.raises(ValueError, match="has no dropout"):
        ours(3, **{which: 0.5})


# -------------------------------------------------------------- keras.layers.LSTM, random weights

BATCH, TIME, FEATURES, UNITS = 3, 5, 2, 4  # all different, so that no two axes can be confused
DRAW = np.random.default_rng(8)
X, STATE = DRAW.normal(0, 1, (BATCH, TIME, FEATURES)), DRAW.normal(0, 1, (2, BATCH, UNITS))
HOLES = np.array([[1, 1, 1, 1, 0], [1, 0, 1, 0, 1], [0, 1, 1, 1, 1]], bool)

OPTIONS = {
    "the last output": {},
    "every output": {"return_sequences": True},
    "with the states": {"return_sequences": True, "return_state": True},
    "the last output with the states": {"return_state": True},
    "backwards": {"return_sequences": True, "return_state": True, "go_backwards": True},
    "unrolled": {"return_sequences": True, "unroll": True},
    "0 where masked": {"return_sequences": True, "zero_output_for_mask": True},
    "stateful": {"return_sequences": True, "return_state": True, "stateful": True},
}
CALLS = {
    "plain": {},
    "mask": {"mask": HOLES},
    "state": {"initial_state": list(STATE)},
    "mask and state": {"mask": HOLES, "initial_state": list(STATE)},
}


def random_weights(layer: Any) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.normal(0, 0.7, weight.shape) for weight in layer.get_weights()]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_equals_keras_lstm(options: dict[str, Any], bias: bool, call: dict[str, Any]) -> None:
    stock = keras.layers.LSTM(UNITS, use_bias=bias, use_cudnn=False, **options)
    cell = ours(UNITS, use_bias=bias, **options)
    for layer in (stock, cell):
        layer.build(X.shape)
        layer.set_weights(random_weights(stock))
    for x in (X, X[:, ::-1]):  # the second time from the state of the first, where it is kept
        expected, found = (keras.tree.flatten(layer(x, **call)) for layer in (stock, cell))
        assert len(found) == len(expected) == (3 if "return_state" in options else 1)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
    assert np.ptp(expected[0], axis=-1).max() > 0.1  # units differ


ACTIVATED = [("relu", "sigmoid"), ("softsign", "hard_sigmoid")]


@pytest.mark.parametrize(("activation", "gates"), ACTIVATED)
def test_equals_keras_lstm_with_other_activations(activation: str, gates: str) -> None:
    options = {"use_cudnn": False, "return_sequences": True}
    stock = keras.layers.LSTM(UNITS, activation, gates, **options)
    cell = ours(UNITS, activation, gates, return_sequences=True)
    for layer in (stock, cell):
        layer.build(X.shape)
        layer.set_weights(random_weights(stock))
    np.testing.assert_allclose(cell(X), stock(X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_equals_numpy_with_every_activation_apart(bias: bool) -> None:
    """Different activations for candidate and output, which `keras.layers.LSTM` cannot have."""
    names = ("relu", "softsign", "hard_sigmoid")
    cell = AblationLSTMCell(UNITS, *names, use_bias=bias)
    layer = keras.layers.RNN(cell, return_sequences=True)
    layer.build(X.shape)
    layer.set_weights(weights := random_weights(layer))
    arrays = weights if bias else [*weights, np.zeros(4 * UNITS)]
    expected = lstm(X, *arrays, *(activation(name).function for name in names))
    np.testing.assert_allclose(layer(X), expected, rtol=1e-12, atol=1e-12)


# -------------------------------------------------------- NumPy, what Keras' own cell does not have

KEPT = 6  # how many numbers a projection keeps
KEYS: dict[str, dict[str, Any]] = {
    "peepholes": {"peepholes": True},
    "projection": {"projection": KEPT},
    "cell_clip": {"cell_clip": 0.4},
    "projection_clip": {"projection": KEPT, "projection_clip": 0.1},
    "all": {"peepholes": True, "projection": KEPT, "cell_clip": 0.4, "projection_clip": 0.1},
}
SITES = ("elu(0.5)", "x / sqrt(1 + x ** 2)", "hard_sigmoid")
ACTING = [activation(text).function for text in SITES]


def by_numpy(x: Any, weights: list[np.ndarray], keys: dict[str, Any]) -> np.ndarray:
    *basic, rest = *weights[:3], weights[3:]
    peepholes = rest[:3] if "peepholes" in keys else None
    projection = rest[-1] if "projection" in keys else None
    clips = keys.get("cell_clip"), keys.get("projection_clip")
    return lstm(x, *basic, *ACTING, peepholes, projection, *clips)


def layer_of(keys: dict[str, Any]) -> Any:
    return keras.layers.RNN(AblationLSTMCell(UNITS, *SITES, **keys), return_sequences=True)


@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
def test_equals_numpy_with_peepholes_projection_and_clips(keys: dict[str, Any]) -> None:
    layer = layer_of(keys)
    layer.build(X.shape)
    layer.set_weights(weights := random_weights(layer))
    outputs = KEPT if "projection" in keys else UNITS
    assert [w.shape for w in weights] == [
        (FEATURES, 4 * UNITS), (outputs, 4 * UNITS), (4 * UNITS,),
        *[(UNITS,)] * (3 if "peepholes" in keys else 0),
        *[(UNITS, KEPT)] * ("projection" in keys),
    ]  # fmt: skip
    found = layer(X)
    assert layer.compute_output_shape(X.shape) == found.shape == (BATCH, TIME, outputs)
    np.testing.assert_allclose(found, by_numpy(X, weights, keys), rtol=1e-12, atol=1e-12)
    for name in keys:  # each of them makes a difference, at these weights
        if name != "projection":
            others = {key: value for key, value in keys.items() if key != name}
            without = [w for w in weights if name != "peepholes" or w.shape != (UNITS,)]
            assert np.abs(found - by_numpy(X, without, others)).max() > 0.02


@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
def test_keras_clones_the_cell_for_the_second_direction(keys: dict[str, Any]) -> None:
    layer = keras.layers.Bidirectional(layer_of(keys))
    layer.build(X.shape)
    layer.set_weights(weights := random_weights(layer))
    half = len(weights) // 2
    forward = by_numpy(X, weights[:half], keys)
    backward = by_numpy(X[:, ::-1], weights[half:], keys)[:, ::-1]
    expected = np.concatenate([forward, backward], axis=-1)
    np.testing.assert_allclose(layer(X), expected, rtol=1e-12, atol=1e-12)


def test_peepholes_start_at_0_and_a_projection_as_the_kernel() -> None:
    layer = layer_of(KEYS["all"] | {"kernel_initializer": keras.initializers.Constant(0.5)})
    layer.build(X.shape)
    start = {weight.name: weight.numpy() for weight in layer.weights}
    assert list(start)[3:] == ["peephole_i", "peephole_f", "peephole_o", "projection"]
    for name, value in start.items():
        if name.startswith("peephole"):
            np.testing.assert_array_equal(value, np.zeros(UNITS))
    np.testing.assert_array_equal(start["projection"], np.full((UNITS, KEPT), 0.5))
