"""The activations by TensorFlow operations."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Tensor = Any

# With the meaning of keras.activations; derivatives, at kinks too, are TensorFlow's own.
_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": tf.identity,
    "relu": tf.nn.relu,
    "leaky_relu": lambda x: tf.nn.leaky_relu(x, alpha=0.2),
    "elu": tf.nn.elu,
    "selu": tf.nn.selu,
    "gelu": lambda x: tf.nn.gelu(x, approximate=False),
    "silu": tf.nn.silu,
    "softplus": tf.math.softplus,
    "softsign": tf.nn.softsign,
    "tanh": tf.math.tanh,
    "sigmoid": tf.math.sigmoid,
    "hard_sigmoid": lambda x: tf.nn.relu6(x + 3.0) / 6.0,
    "hard_tanh": lambda x: tf.clip_by_value(x, -1.0, 1.0),
    "relu6": tf.nn.relu6,
}


def fused(text: str) -> Callable[[Tensor], Tensor]:
    """Return the function of an activation."""
    return _FUNCTIONS[text]
