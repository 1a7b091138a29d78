"""The update of each optimizer, with the arithmetic of Keras 3.15, for a population of runs.

Weights, gradients and slots are dictionaries of P-stacked tensors [P, ...]; a slot starts at zero.
"""

from typing import Any

import tensorflow as tf

from lstm_ablate.experiment.settings import SGD, Adam, AdamW, Optimizer, RMSprop

Tensor = Any
Tensors = dict[str, Tensor]


def slots(optimizer: Optimizer) -> tuple[str, ...]:
    """Return the names of what the optimizer remembers of each weight."""
    match optimizer:
        case Adam() | AdamW():
            return ("momentum", "velocity")
        case SGD():
            return ("momentum",) if optimizer.momentum else ()
        case RMSprop():
            return ("velocity", "momentum") if optimizer.momentum else ("velocity",)


def update(
    optimizer: Optimizer,
    weights: Tensors,
    gradients: Tensors,
    memory: dict[str, Tensors],
    step: Tensor,
) -> tuple[Tensors, dict[str, Tensors]]:
    """Return the weights and the memory after a step (from 1, a scalar of the weights' dtype)."""
    if optimizer.global_clipnorm is not None:
        gradients = _clip(gradients, optimizer.global_clipnorm)
    new_weights: Tensors = {}
    new_memory: dict[str, Tensors] = {name: {} for name in memory}
    for name, gradient in gradients.items():
        remembered = {slot: tensors[name] for slot, tensors in memory.items()}
        match optimizer:
            case Adam() | AdamW():
                new_weights[name], new = _adam(optimizer, weights[name], gradient, remembered, step)
            case SGD():
                new_weights[name], new = _sgd(optimizer, weights[name], gradient, remembered)
            case RMSprop():
                new_weights[name], new = _rmsprop(optimizer, weights[name], gradient, remembered)
        for slot, tensor in new.items():
            new_memory[slot][name] = tensor
    return new_weights, new_memory


def _clip(gradients: Tensors, limit: float) -> Tensors:
    """Scale each run's whole gradient down to the norm `limit`; a gradient that is not finite
    becomes NaN.
    """
    squares = [tf.reduce_sum(tf.square(g), axis=[1, 2]) for g in gradients.values()]
    norm = tf.sqrt(tf.add_n(squares))  # [P]
    scale = limit * tf.minimum(1.0 / norm, 1.0 / limit) + (norm - norm)
    return {name: g * scale[:, None, None] for name, g in gradients.items()}


def _adam(
    optimizer: Adam | AdamW, w: Tensor, g: Tensor, memory: Tensors, step: Tensor
) -> tuple[Tensor, Tensors]:
    """Kingma & Ba 2015, the formula just before section 2.1; the decay of Loshchilov & Hutter 2019
    is taken first.

    m += (g - m)(1 - b1); v += (g^2 - v)(1 - b2); w -= m a / (sqrt(v) + epsilon), a = lr sqrt(1 -
    b2^t) / (1 - b1^t)
    """
    if isinstance(optimizer, AdamW):
        w = w - w * _rounded(optimizer.weight_decay, w) * optimizer.learning_rate
    b1, b2 = _rounded(optimizer.beta_1, w), _rounded(optimizer.beta_2, w)
    alpha = optimizer.learning_rate * tf.sqrt(1.0 - tf.pow(b2, step)) / (1.0 - tf.pow(b1, step))
    m = memory["momentum"] + (g - memory["momentum"]) * (1.0 - optimizer.beta_1)
    v = memory["velocity"] + (tf.square(g) - memory["velocity"]) * (1.0 - optimizer.beta_2)
    return w - m * alpha / (tf.sqrt(v) + optimizer.epsilon), {"momentum": m, "velocity": v}


def _sgd(optimizer: SGD, w: Tensor, g: Tensor, memory: Tensors) -> tuple[Tensor, Tensors]:
    """m = mu m - lr g; w += m, or with Nesterov w += mu m - lr g (Sutskever et al. 2013)."""
    step = g * optimizer.learning_rate
    if not memory:
        return w - step, {}
    momentum = _rounded(optimizer.momentum, w)
    m = memory["momentum"] * momentum - step
    return w + (m * momentum - step if optimizer.nesterov else m), {"momentum": m}


def _rmsprop(optimizer: RMSprop, w: Tensor, g: Tensor, memory: Tensors) -> tuple[Tensor, Tensors]:
    """v = rho v + (1 - rho) g^2; m = mu m + lr g / sqrt(v + epsilon); w -= m (Tieleman & Hinton
    2012).
    """
    v = optimizer.rho * memory["velocity"] + (1.0 - optimizer.rho) * tf.square(g)
    increment = optimizer.learning_rate * g / tf.sqrt(v + optimizer.epsilon)
    if "momentum" not in memory:
        return w - increment, {"velocity": v}
    m = optimizer.momentum * memory["momentum"] + increment
    return w - m, {"velocity": v, "momentum": m}


def _rounded(value: float, like: Tensor) -> Tensor:
    """Return a setting as Keras' cast makes it: rounded to float32 on its way, 1e-8 off."""
    return tf.cast(tf.constant(value, tf.float32), like.dtype)
