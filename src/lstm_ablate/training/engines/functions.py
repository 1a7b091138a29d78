"""The activations as functions of tensors, for the fused engine and for the keras engine.

Both have the meaning of `keras.activations`, and their derivatives are TensorFlow's own, also at
kinks.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import tensorflow as tf

from lstm_ablate.experiment.activations import parameters
from lstm_ablate.experiment.elementwise import KINDS
from lstm_ablate.experiment.expressions import ARGUMENTS, evaluator

Tensor = Any  # TensorFlow carries no types
Function = Callable[[Tensor], Tensor]


# `tf.nn` has these too, but takes a third of a second to load what nobody needs.
def _relu(x: Tensor) -> Tensor:
    return tf.raw_ops.Relu(features=x)


def _relu6(x: Tensor) -> Tensor:
    return tf.raw_ops.Relu6(features=x)


def _elu(x: Tensor, alpha: float) -> Tensor:
    y = tf.raw_ops.Elu(features=x)
    return y if alpha == 1 else tf.where(x > 0, y, alpha * y)


def _hard_sigmoid(x: Tensor) -> Tensor:
    return _relu6(x + 3.0) / 6.0


def _sparse_plus(x: Tensor) -> Tensor:
    inner = tf.where(x < 1, 0.25 * tf.square(x + 1.0), x)
    return tf.where(x <= -1, tf.zeros_like(x), inner)


def _soft_shrink(x: Tensor, threshold: float) -> Tensor:
    negative = tf.where(x < -threshold, x + threshold, tf.zeros_like(x))
    return tf.where(x > threshold, x - threshold, negative)


# Functions of x and of the parameters, by the name of their kind.
_KINDS: dict[str, Callable[..., Tensor]] = {
    "linear": tf.identity,
    "relu": _relu,
    "leaky_relu": lambda x, slope: tf.raw_ops.LeakyRelu(features=x, alpha=slope),
    "relu6": _relu6,
    "elu": _elu,
    "celu": lambda x, alpha: tf.maximum(x, 0.0) + alpha * tf.math.expm1(tf.minimum(x, 0.0) / alpha),
    "selu": lambda x: tf.raw_ops.Selu(features=x),
    "gelu": lambda x: tf.nn.gelu(x, approximate=False),
    "silu": lambda x: tf.nn.silu(x, beta=1.0),
    "mish": lambda x: x * tf.math.tanh(tf.math.softplus(x)),
    "softplus": tf.math.softplus,
    "squareplus": lambda x, b: (x + tf.sqrt(tf.square(x) + b)) / 2.0,
    "sparse_plus": _sparse_plus,
    "softsign": lambda x: tf.raw_ops.Softsign(features=x),
    "tanh": tf.math.tanh,
    "hard_tanh": lambda x: tf.clip_by_value(x, -1.0, 1.0),
    "tanh_shrink": lambda x: x - tf.math.tanh(x),
    "hard_shrink": lambda x, threshold: tf.where(tf.abs(x) > threshold, x, tf.zeros_like(x)),
    "soft_shrink": _soft_shrink,
    "threshold": lambda x, threshold, value: tf.where(x > threshold, x, tf.cast(value, x.dtype)),
    "sigmoid": tf.math.sigmoid,
    "log_sigmoid": tf.math.log_sigmoid,
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": lambda x: x * _hard_sigmoid(x),
    "sparse_sigmoid": lambda x: tf.where(
        x <= -1, tf.zeros_like(x), tf.where(x >= 1, tf.ones_like(x), 0.5 * (x + 1.0))
    ),
    "exponential": tf.math.exp,
}

# The other functions that an expression can call.
_OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "abs": tf.math.abs,
    "exp": tf.math.exp,
    "expm1": tf.math.expm1,
    "log": tf.math.log,
    "log1p": tf.math.log1p,
    "sqrt": tf.math.sqrt,
    "sin": tf.math.sin,
    "cos": tf.math.cos,
    "sinh": tf.math.sinh,
    "cosh": tf.math.cosh,
    "arctan": tf.math.atan,
    "erf": tf.math.erf,
    "sign": tf.math.sign,
    "minimum": tf.math.minimum,
    "maximum": tf.math.maximum,
}


@cache
def fused(text: str) -> Function:
    """Return the activation that a canonical text describes, made of TensorFlow's operations."""
    named = parameters(text)
    if named is None:
        functions = _OPERATIONS | {name: fused(name) for name in ARGUMENTS if name in KINDS}
        return evaluator(text, functions, lambda value, x: tf.constant(value, x.dtype))
    name, values = named
    function = _KINDS[name]
    return lambda x: function(x, *values)


@cache
def reference(text: str) -> Function:
    """Return the activation that a canonical text describes, made of Keras' own functions.

    A Keras layer can use it.
    """
    import keras  # it takes half a second to load, and the fused engine does not need it

    named = parameters(text)
    if named is None:
        functions = {
            name: reference(name) if name in KINDS else getattr(keras.ops, name)
            for name in ARGUMENTS
        }
        return evaluator(
            text, functions, lambda value, x: keras.ops.convert_to_tensor(value, x.dtype)
        )
    name, values = named
    function: Function = getattr(keras.activations, name)
    return (lambda x: function(x, *values)) if KINDS[name].parameters else function
