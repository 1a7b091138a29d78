"""The activations of both engines, against Keras' own, NumPy and finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lstm_ablate.experiment.activations import ACTIVATIONS, activation, canonical
from lstm_ablate.experiment.expressions import ARGUMENTS
from lstm_ablate.training.engines.functions import fused, reference

WITH_PARAMETERS = {
    "leaky_relu(0.01)": lambda x: keras.activations.leaky_relu(x, 0.01),
    "elu(0.5)": lambda x: keras.activations.elu(x, 0.5),
    "celu(0.25)": lambda x: keras.activations.celu(x, 0.25),
    "hard_shrink(2)": lambda x: keras.activations.hard_shrink(x, 2),
    "soft_shrink(1.5)": lambda x: keras.activations.soft_shrink(x, 1.5),
    "squareplus(0.1)": lambda x: keras.activations.squareplus(x, 0.1),
    "threshold(-1, 2.5)": lambda x: keras.activations.threshold(x, -1, 2.5),
}
KNOWN = {name: getattr(keras.activations, name) for name in ACTIVATIONS} | WITH_PARAMETERS
EXPRESSIONS = [
    canonical(text)
    for text in (
        "x + sin(x)**2",
        "x * sigmoid(1.702 * x)",
        "2**x - x**3 / 10",
        "minimum(maximum(x, -1), 6) - 0.1",
        "abs(x) + sign(x) + arctan(x) + erf(x)",
        "expm1(x / 4) + sinh(x / 4) - cosh(x / 4) * cos(x)",
        "log1p(exp(x)) + log(x**2 + 1) * sqrt(x**2 + 1)",
        " + ".join(f"{name}(x)" for name in ("elu", "mish", "hard_silu", "squareplus", "gelu")),
    )
]
# Every twentieth, among them -1, 0, 1, and the kinks of all activations.
GRID = np.arange(-140, 141) / 20
SMOOTH = GRID + 0.0131  # no kink is near


def value_and_slope(function, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return y.numpy(), tape.gradient(y, x).numpy()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("text", KNOWN)
def test_known_ones_are_those_of_keras_slopes_at_kinks_included(text, dtype):
    expected = value_and_slope(KNOWN[text], GRID.astype(dtype))
    digits = {"rtol": 1e-13, "atol": 1e-15} if dtype == "float64" else {"rtol": 1e-5, "atol": 1e-6}
    if text == "gelu":  # Keras holds the square root of 2 in single precision, TensorFlow does not
        digits = {"rtol": 1e-5, "atol": 1e-6}
    of_fused = value_and_slope(fused(text), GRID.astype(dtype))
    of_reference = value_and_slope(reference(text), GRID.astype(dtype))
    for wanted, near, equal in zip(expected, of_fused, of_reference, strict=True):
        assert near.dtype == equal.dtype == dtype
        np.testing.assert_allclose(near, wanted, **digits)
        np.testing.assert_array_equal(equal, wanted)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions_are_those_of_numpy(text, dtype):
    digits = {"rtol": 1e-12, "atol": 1e-13} if dtype == "float64" else {"rtol": 1e-4, "atol": 1e-5}
    if "gelu" in text:
        digits = {"rtol": 1e-4, "atol": 1e-5}
    for function in (fused(text), reference(text)):
        y, slope = value_and_slope(function, GRID.astype(dtype))
        assert y.dtype == slope.dtype == dtype
        np.testing.assert_allclose(y, activation(text).function(GRID), **digits)
        assert np.isfinite(slope).all()


@pytest.mark.parametrize("text", [*KNOWN, *EXPRESSIONS])
def test_slopes_are_the_limit_of_differences(text):
    h = 1e-6
    for function in (fused(text), reference(text)):
        _, slope = value_and_slope(function, SMOOTH)
        above, below = (function(tf.constant(x)).numpy() for x in (SMOOTH + h, SMOOTH - h))
        np.testing.assert_allclose(slope, (above - below) / (2 * h), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("text", [*KNOWN, *EXPRESSIONS])
def test_a_compiled_program_computes_the_same(text):
    """XLA rounds differently, but must not compute anything else."""
    compiled = tf.function(fused(text), jit_compile=True)
    for x in (GRID, GRID.astype("float32")):
        digits = 1e-12 if x.dtype == "float64" else 1e-4
        np.testing.assert_allclose(
            compiled(tf.constant(x)).numpy(), fused(text)(tf.constant(x)).numpy(), digits, digits
        )


def test_every_function_of_the_language_is_tried():
    called = " ".join(EXPRESSIONS)
    assert all(f"{name}(" in called for name in ARGUMENTS if name not in ACTIVATIONS)


def test_a_keras_layer_takes_any_of_them():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for text in ("relu", "leaky_relu(0.01)", "x + sin(x) ** 2"):
        model = keras.Sequential(
            [
                keras.Input((3, 4)),
                keras.layers.LSTM(5, activation=reference(text), return_sequences=True),
                keras.layers.Activation(reference(text)),
            ]
        )
        assert model(x).shape == (2, 3, 5)
