"""The elementwise activations of Keras: formulas, parameters, and NumPy functions and derivatives
with the meaning of `keras.activations`.

Softmax, log_softmax, glu and sparsemax are not among them, because each of their values depends on
several inputs.
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

erf = np.vectorize(math.erf, otypes=[np.float64])


@dataclass(frozen=True)
class Parameter:
    """A number that an activation takes, by Keras' name, with its range.

    Beyond a million, and nearer to 0 than a millionth, float32 leaves no room to compute with it.
    """

    name: str
    default: float | None  # None: it must be written
    least: float = -1e6
    most: float = 1e6


@dataclass(frozen=True)
class Kind:
    """An elementwise function f of x and its parameters, and its derivative f' by x.

    Both are called with an array of any shape and the parameters in their order, and return an
    array of the same shape. Where f has a kink, f' is the value that TensorFlow's gradient has.
    """

    name: str
    formula: str  # in x and the parameters' names
    function: Callable[..., Array]
    derivative: Callable[..., Array]
    parameters: tuple[Parameter, ...] = ()

    @property
    def defaults(self) -> tuple[float, ...] | None:
        """The values of the parameters if only the name is written; None if one has no default."""
        values = [parameter.default for parameter in self.parameters]
        return None if None in values else tuple(value for value in values if value is not None)


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))  # no overflow on either side


def _softplus(x: Array) -> Array:
    return np.asarray(np.logaddexp(x, 0.0))


def _normal_cdf(x: Array) -> Array:
    return np.asarray(0.5 * (1.0 + erf(x / math.sqrt(2.0))))


def _normal_pdf(x: Array) -> Array:
    return np.asarray(np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi))


def _expm1_negative(x: Array) -> Array:
    return np.asarray(np.expm1(np.minimum(x, 0.0)))


def _exp_negative(x: Array) -> Array:
    return np.asarray(np.exp(np.minimum(x, 0.0)))


def _hard_sigmoid(x: Array) -> Array:
    return np.asarray(np.clip(x / 6.0 + 0.5, 0.0, 1.0))


def _hard_sigmoid_slope(x: Array) -> Array:
    return np.where((x > -3) & (x < 3), 1.0 / 6.0, 0.0)


def _mish_slope(x: Array) -> Array:
    saturated = np.tanh(_softplus(x))
    return np.asarray(saturated + x * _sigmoid(x) * (1.0 - np.square(saturated)))


def _threshold(x: Array, threshold: float, value: float) -> Array:
    return np.where(x > threshold, x, value)


def _beyond(x: Array, threshold: float) -> Array:
    return np.where(np.abs(x) > threshold, 1.0, 0.0)


_ALL = (
    Kind("linear", "x", lambda x: x, np.ones_like),
    Kind("relu", "max(0, x)", lambda x: np.maximum(x, 0.0), lambda x: np.where(x > 0, 1.0, 0.0)),
    Kind(
        "leaky_relu",
        "x if x > 0 else negative_slope * x",
        lambda x, slope: np.where(x > 0, x, slope * x),
        lambda x, slope: np.where(x > 0, 1.0, slope),
        # Other libraries use 0.01.
        (Parameter("negative_slope", 0.2, least=0.0),),
    ),
    Kind(
        "relu6",
        "min(max(0, x), 6)",
        lambda x: np.clip(x, 0.0, 6.0),
        lambda x: np.where((x > 0) & (x < 6), 1.0, 0.0),
    ),
    Kind(
        "elu",
        "x if x > 0 else alpha * (exp(x) - 1)",
        lambda x, alpha: np.where(x > 0, x, alpha * _expm1_negative(x)),
        lambda x, alpha: np.where(x > 0, 1.0, alpha * _exp_negative(x)),
        (Parameter("alpha", 1.0, least=1e-6),),
    ),
    Kind(
        "celu",
        "x if x > 0 else alpha * (exp(x / alpha) - 1)",
        lambda x, alpha: np.where(x > 0, x, alpha * _expm1_negative(x / alpha)),
        # Keras adds two terms that both have a slope of 1 at 0 itself.
        lambda x, alpha: (
            np.where(x >= 0, 1.0, 0.0) + np.where(x > 0, 0.0, _exp_negative(x / alpha))
        ),
        (Parameter("alpha", 1.0, least=1e-6),),
    ),
    Kind(
        "selu",
        "1.0507 * x if x > 0 else 1.7581 * (exp(x) - 1)",
        lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * _expm1_negative(x)),
        lambda x: SELU_SCALE * np.where(x >= 0, 1.0, SELU_ALPHA * _exp_negative(x)),
    ),
    Kind(
        "gelu",
        "x * Phi(x), Phi the standard normal distribution function",
        lambda x: x * _normal_cdf(x),
        lambda x: _normal_cdf(x) + x * _normal_pdf(x),
    ),
    Kind(
        "silu",
        "x / (1 + exp(-x))",
        lambda x: x * _sigmoid(x),
        lambda x: _sigmoid(x) * (1.0 + x * (1.0 - _sigmoid(x))),
    ),
    Kind("mish", "x * tanh(ln(1 + exp(x)))", lambda x: x * np.tanh(_softplus(x)), _mish_slope),
    Kind("softplus", "ln(1 + exp(x))", _softplus, _sigmoid),
    Kind(
        "squareplus",
        "(x + sqrt(x**2 + b)) / 2",
        lambda x, b: 0.5 * (x + np.sqrt(np.square(x) + b)),
        lambda x, b: 0.5 * (1.0 + x / np.sqrt(np.square(x) + b)),
        (Parameter("b", 4.0, least=1e-6),),
    ),
    Kind(
        "sparse_plus",
        "0 if x <= -1 else (x + 1)**2 / 4 if x < 1 else x",
        lambda x: np.where(x <= -1, 0.0, np.where(x < 1, 0.25 * np.square(x + 1.0), x)),
        lambda x: np.where(x <= -1, 0.0, np.where(x < 1, 0.5 * (x + 1.0), 1.0)),
    ),
    Kind(
        "softsign",
        "x / (1 + |x|)",
        lambda x: x / (1.0 + np.abs(x)),
        lambda x: 1.0 / np.square(1.0 + np.abs(x)),
    ),
    Kind("tanh", "tanh(x)", np.tanh, lambda x: 1.0 - np.square(np.tanh(x))),
    Kind(
        "hard_tanh",
        "min(max(x, -1), 1)",
        lambda x: np.clip(x, -1.0, 1.0),
        lambda x: np.where((x >= -1) & (x <= 1), 1.0, 0.0),
    ),
    Kind("tanh_shrink", "x - tanh(x)", lambda x: x - np.tanh(x), lambda x: np.square(np.tanh(x))),
    Kind(
        "hard_shrink",
        "x if |x| > threshold else 0",
        lambda x, threshold: np.where(np.abs(x) > threshold, x, 0.0),
        _beyond,
        (Parameter("threshold", 0.5, least=0.0),),
    ),
    Kind(
        "soft_shrink",
        "x - threshold if x > threshold else x + threshold if x < -threshold else 0",
        lambda x, threshold: np.sign(x) * np.maximum(np.abs(x) - threshold, 0.0),
        _beyond,
        (Parameter("threshold", 0.5, least=0.0),),
    ),
    Kind(
        "threshold",
        "x if x > threshold else default_value",
        _threshold,
        lambda x, threshold, _: np.where(x > threshold, 1.0, 0.0),
        (Parameter("threshold", None), Parameter("default_value", None)),
    ),
    Kind("sigmoid", "1 / (1 + exp(-x))", _sigmoid, lambda x: _sigmoid(x) * (1.0 - _sigmoid(x))),
    Kind("log_sigmoid", "-ln(1 + exp(-x))", lambda x: -_softplus(-x), lambda x: _sigmoid(-x)),
    Kind("hard_sigmoid", "min(max(x / 6 + 1/2, 0), 1)", _hard_sigmoid, _hard_sigmoid_slope),
    Kind(
        "hard_silu",
        "x * min(max(x / 6 + 1/2, 0), 1)",
        lambda x: x * _hard_sigmoid(x),
        lambda x: _hard_sigmoid(x) + x * _hard_sigmoid_slope(x),
    ),
    Kind(
        "sparse_sigmoid",
        "min(max((x + 1) / 2, 0), 1)",
        lambda x: np.clip(0.5 * (x + 1.0), 0.0, 1.0),
        lambda x: np.where((x > -1) & (x < 1), 0.5, 0.0),
    ),
    Kind("exponential", "exp(x)", np.exp, np.exp),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}


# The names that other libraries or people use for some of them.
OTHER_NAMES = {
    "swish": "silu",
    "identity": "linear",
    "none": "linear",
    "null": "linear",
    "hard_swish": "hard_silu",
    "hardswish": "hard_silu",
    "logistic": "sigmoid",
    "exp": "exponential",
}
