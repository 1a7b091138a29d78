"""The activations: name, formula, and NumPy function and derivative with the meaning of
`keras.activations`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

# Klambauer et al. 2017, "Self-normalizing neural networks", equation 14; digits as in Keras.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
LEAKY_RELU_SLOPE = 0.2  # keras.activations.leaky_relu(negative_slope=0.2); other libraries use 0.01

_erf = np.vectorize(math.erf, otypes=[np.float64])


@dataclass(frozen=True)
class Activation:
    """An elementwise function f and its derivative f'; both map an array of any shape to one of the
    same shape.

    Where f has a kink, f' is the one-sided value that TensorFlow's gradient takes.
    """

    name: str
    formula: str
    function: Callable[[Array], Array]
    derivative: Callable[[Array], Array]


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))  # no overflow on either side


def _normal_cdf(x: Array) -> Array:
    return np.asarray(0.5 * (1.0 + _erf(x / math.sqrt(2.0))))


def _normal_pdf(x: Array) -> Array:
    return np.asarray(np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi))


def _expm1_negative(x: Array) -> Array:
    return np.asarray(np.expm1(np.minimum(x, 0.0)))


def _exp_negative(x: Array) -> Array:
    return np.asarray(np.exp(np.minimum(x, 0.0)))


_ALL = (
    Activation("linear", "x", lambda x: x, np.ones_like),
    Activation(
        "relu", "max(0, x)", lambda x: np.maximum(x, 0.0), lambda x: np.where(x > 0, 1.0, 0.0)
    ),
    Activation(
        "leaky_relu",
        "x if x > 0 else 0.2 x",
        lambda x: np.where(x > 0, x, LEAKY_RELU_SLOPE * x),
        lambda x: np.where(x > 0, 1.0, LEAKY_RELU_SLOPE),
    ),
    Activation(
        "elu",
        "x if x > 0 else exp(x) - 1",
        lambda x: np.where(x > 0, x, _expm1_negative(x)),
        lambda x: np.where(x > 0, 1.0, _exp_negative(x)),
    ),
    Activation(
        "selu",
        "1.0507 x if x > 0 else 1.7581 (exp(x) - 1)",
        lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * _expm1_negative(x)),
        lambda x: SELU_SCALE * np.where(x >= 0, 1.0, SELU_ALPHA * _exp_negative(x)),
    ),
    Activation(
        "gelu",
        "x Phi(x), Phi the standard normal distribution function",
        lambda x: x * _normal_cdf(x),
        lambda x: _normal_cdf(x) + x * _normal_pdf(x),
    ),
    Activation(
        "silu",
        "x / (1 + exp(-x))",
        lambda x: x * _sigmoid(x),
        lambda x: _sigmoid(x) * (1.0 + x * (1.0 - _sigmoid(x))),
    ),
    Activation("softplus", "ln(1 + exp(x))", lambda x: np.logaddexp(x, 0.0), _sigmoid),
    Activation(
        "softsign",
        "x / (1 + |x|)",
        lambda x: x / (1.0 + np.abs(x)),
        lambda x: 1.0 / np.square(1.0 + np.abs(x)),
    ),
    Activation("tanh", "tanh(x)", np.tanh, lambda x: 1.0 - np.square(np.tanh(x))),
    Activation(
        "sigmoid", "1 / (1 + exp(-x))", _sigmoid, lambda x: _sigmoid(x) * (1.0 - _sigmoid(x))
    ),
    Activation(
        "hard_sigmoid",
        "min(max(x / 6 + 1/2, 0), 1)",
        lambda x: np.clip(x / 6.0 + 0.5, 0.0, 1.0),
        lambda x: np.where((x > -3) & (x < 3), 1.0 / 6.0, 0.0),
    ),
    Activation(
        "hard_tanh",
        "min(max(x, -1), 1)",
        lambda x: np.clip(x, -1.0, 1.0),
        lambda x: np.where((x >= -1) & (x <= 1), 1.0, 0.0),
    ),
    Activation(
        "relu6",
        "min(max(0, x), 6)",
        lambda x: np.clip(x, 0.0, 6.0),
        lambda x: np.where((x > 0) & (x < 6), 1.0, 0.0),
    ),
)

ACTIVATIONS: dict[str, Activation] = {activation.name: activation for activation in _ALL}
