"""Every activation against `keras.activations`, its derivative against TensorFlow's gradient and
finite differences.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lstm_ablate.experiment.activations import ACTIVATIONS, Activation

KINKS = {
    "relu": [0.0],
    "leaky_relu": [0.0],
    "elu": [],  # once differentiable at 0, as alpha is 1
    "selu": [0.0],
    "hard_sigmoid": [-3.0, 3.0],
    "hard_tanh": [-1.0, 1.0],
    "relu6": [0.0, 6.0],
}
GRID = np.concatenate([np.linspace(-12, 12, 481), [-6, -3, -1, -1e-9, -0.0, 0, 1e-9, 1, 3, 6]])

every_activation = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)


def _keras(activation: Activation, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Keras' function and TensorFlow's gradient of it."""
    point = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(point)
        y = getattr(keras.activations, activation.name)(point)
    return y.numpy(), tape.gradient(y, point).numpy()


def _tolerance(activation: Activation) -> dict[str, float]:
    """TensorFlow holds leaky_relu's slope, Keras gelu's square root of 2, in single precision."""
    if activation.name in ("leaky_relu", "gelu"):
        return {"rtol": 1e-7, "atol": 1e-8}
    return {"rtol": 1e-13, "atol": 1e-14}


def test_the_activations_are_those_of_the_design_and_keras_has_all_of_them() -> None:
    assert set(ACTIVATIONS) == {
        *("linear", "relu", "leaky_relu", "elu", "selu", "gelu", "silu"),
        *("softplus", "softsign", "tanh", "sigmoid", "hard_sigmoid", "hard_tanh", "relu6"),
    }
    for name, activation in ACTIVATIONS.items():
        assert activation.name == name
        assert keras.activations.get(name) is getattr(keras.activations, name)


@every_activation
def test_function_is_that_of_keras(activation: Activation) -> None:
    y, _ = _keras(activation, GRID)
    found = activation.function(GRID)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, y, **_tolerance(activation))


@every_activation
def test_derivative_is_the_gradient_of_tensorflow_kinks_included(activation: Activation) -> None:
    _, slope = _keras(activation, GRID)
    found = activation.derivative(GRID)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, slope, **_tolerance(activation))


@every_activation
def test_derivative_is_the_limit_of_differences(activation: Activation) -> None:
    h = 1e-5
    smooth = np.all(np.abs(np.subtract.outer(GRID, KINKS.get(activation.name, []))) > 2 * h, axis=1)
    x = GRID[smooth]
    differences = (activation.function(x + h) - activation.function(x - h)) / (2 * h)
    np.testing.assert_allclose(activation.derivative(x), differences, rtol=1e-5, atol=1e-8)


@every_activation
def test_shape_is_kept_and_the_input_too(activation: Activation) -> None:
    x = GRID[:24].reshape(2, 3, 4)
    before = x.copy()
    assert activation.function(x).shape == activation.derivative(x).shape == x.shape
    np.testing.assert_array_equal(activation.function(x).ravel(), activation.function(GRID[:24]))
    np.testing.assert_array_equal(x, before)


@every_activation
@pytest.mark.filterwarnings("error")
def test_extreme_inputs_give_neither_warnings_nor_nan(activation: Activation) -> None:
    x = np.array([-1e3, -750.0, -40.0, 40.0, 750.0, 1e3])
    y, slope = _keras(activation, x)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        np.testing.assert_allclose(activation.function(x), y, rtol=1e-7, atol=1e-15)
        np.testing.assert_allclose(activation.derivative(x), slope, rtol=1e-7, atol=1e-15)


@every_activation
def test_formula_says_what_the_function_does(activation: Activation) -> None:
    from scipy.stats import norm  # the distribution function in gelu's formula

    formula = activation.formula.replace("0.2 x", "0.2 * x").replace("1.0507 x", "1.0507 * x")
    formula = formula.replace("1.7581 (", "1.7581 * (").replace("|x|", "abs(x)")
    formula = formula.replace(
        "x Phi(x), Phi the standard normal distribution function", "x * Phi(x)"
    )
    words = {
        "max": max,
        "min": min,
        "exp": np.exp,
        "ln": np.log,
        "tanh": np.tanh,
        "abs": abs,
        "Phi": norm.cdf,
    }
    found = [eval(formula, {"__builtins__": {}}, {**words, "x": x}) for x in GRID]
    np.testing.assert_allclose(
        found,
        activation.function(GRID),
        rtol=1e-4 if activation.name == "selu" else 1e-12,
        atol=1e-14,
    )
