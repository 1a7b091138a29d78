"""The update of each optimizer, with the arithmetic of Keras 3.15, for a population of runs.

Weights, gradients and slots are dictionaries of P-stacked tensors [P, ...]; a slot starts at zero.
The numbers of the optimizers are tensors [P, 1, 1], so that each run has its own.
"""

import numpy as np
import tensorflow as tf

from lstm_ablate.experiment.settings import SGD, Adam, AdamW, Optimizer, RMSprop
from lstm_ablate.experiment.structure import OptimizerStructure
from lstm_ablate.training.engines.fused_blocks import Tensor

Tensors = dict[str, Tensor]


def slots(optimizer: OptimizerStructure) -> tuple[str, ...]:
    """Return the names of what the optimizer remembers of each weight."""
    match optimizer.name:
        case "adam" | "adamw":
            return ("momentum", "velocity")
        case "sgd":
            return ("momentum",) if optimizer.momentum else ()
        case "rmsprop":
            return ("velocity", "momentum") if optimizer.momentum else ("velocity",)


def numbers(optimizer: Optimizer) -> dict[str, float]:
    """Return the numbers of an optimizer, by their names in `update`.

    Keras computes 1 - beta and 1 / limit in double precision, before it casts them to the type of
    the weights. Therefore they are computed here, and not in the program.
    """
    values = {"learning_rate": optimizer.learning_rate}
    match optimizer:
        case Adam() | AdamW():
            values |= {
                "beta_1": _rounded(optimizer.beta_1),
                "beta_2": _rounded(optimizer.beta_2),
                "1 - beta_1": 1.0 - optimizer.beta_1,
                "1 - beta_2": 1.0 - optimizer.beta_2,
                "epsilon": optimizer.epsilon,
            }
            if isinstance(optimizer, AdamW):
                values["weight_decay"] = _rounded(optimizer.weight_decay)
        case SGD():
            values["momentum"] = _rounded(optimizer.momentum)
        case RMSprop():
            values |= {
                "rho": optimizer.rho,
                "1 - rho": 1.0 - optimizer.rho,
                "momentum": optimizer.momentum,
                "epsilon": optimizer.epsilon,
            }
    if optimizer.global_clipnorm is not None:
        values["limit"] = optimizer.global_clipnorm
        values["1 / limit"] = 1.0 / optimizer.global_clipnorm
    return values


def _rounded(value: float) -> float:
    """Return a setting as Keras casts it: rounded to float32, which changes it by about 1e-8."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def update(
    optimizer: OptimizerStructure,
    numbers: Tensors,
    weights: Tensors,
    gradients: Tensors,
    memory: dict[str, Tensors],
    step: Tensor,
) -> tuple[Tensors, dict[str, Tensors]]:
    """Return the weights and the memory after a step.

    `numbers` are what the function of this name returns, each as [P, 1, 1]; `step` counts from 1.
    Both have the type of the weights.
    """
    if optimizer.clipped:
        gradients = _clip(numbers, gradients)
    new_weights: Tensors = {}
    new_memory: dict[str, Tensors] = {name: {} for name in memory}
    for name, gradient in gradients.items():
        w, remembered = weights[name], {slot: tensors[name] for slot, tensors in memory.items()}
        match optimizer.name:
            case "adam" | "adamw":
                new_weights[name], new = _adam(numbers, w, gradient, remembered, step)
            case "sgd":
                new_weights[name], new = _sgd(optimizer, numbers, w, gradient, remembered)
            case "rmsprop":
                new_weights[name], new = _rmsprop(numbers, w, gradient, remembered)
        for slot, tensor in new.items():
            new_memory[slot][name] = tensor
    return new_weights, new_memory


def _clip(numbers: Tensors, gradients: Tensors) -> Tensors:
    """Scale each run's whole gradient down to the norm `limit`.

    The term (norm - norm) makes a gradient that is not finite NaN.
    """
    squares = [tf.reduce_sum(tf.square(g), axis=[1, 2], keepdims=True) for g in gradients.values()]
    norm = tf.sqrt(tf.add_n(squares))  # [P, 1, 1]
    scale = numbers["limit"] * tf.minimum(1.0 / norm, numbers["1 / limit"]) + (norm - norm)
    return {name: g * scale for name, g in gradients.items()}


def _adam(
    numbers: Tensors, w: Tensor, g: Tensor, memory: Tensors, step: Tensor
) -> tuple[Tensor, Tensors]:
    """Return w and the memory after a step of Adam (Kingma & Ba 2015, just before section 2.1).

        m += (g - m)(1 - b1)
        v += (g^2 - v)(1 - b2)
        w -= m a / (sqrt(v) + epsilon),   a = lr sqrt(1 - b2^t) / (1 - b1^t)

    The weight decay of AdamW (Loshchilov & Hutter 2019) comes before that.
    """
    rate, b1, b2 = numbers["learning_rate"], numbers["beta_1"], numbers["beta_2"]
    if "weight_decay" in numbers:
        w = w - w * numbers["weight_decay"] * rate
    alpha = rate * tf.sqrt(1.0 - tf.pow(b2, step)) / (1.0 - tf.pow(b1, step))
    m = memory["momentum"] + (g - memory["momentum"]) * numbers["1 - beta_1"]
    v = memory["velocity"] + (tf.square(g) - memory["velocity"]) * numbers["1 - beta_2"]
    return w - m * alpha / (tf.sqrt(v) + numbers["epsilon"]), {"momentum": m, "velocity": v}


def _sgd(
    optimizer: OptimizerStructure, numbers: Tensors, w: Tensor, g: Tensor, memory: Tensors
) -> tuple[Tensor, Tensors]:
    """Return w and the memory after a step of gradient descent (Sutskever et al. 2013).

    m = mu m - lr g; w += m, or with Nesterov w += mu m - lr g
    """
    step = g * numbers["learning_rate"]
    if not memory:
        return w - step, {}
    m = memory["momentum"] * numbers["momentum"] - step
    return w + (m * numbers["momentum"] - step if optimizer.nesterov else m), {"momentum": m}


def _rmsprop(numbers: Tensors, w: Tensor, g: Tensor, memory: Tensors) -> tuple[Tensor, Tensors]:
    """Return w and the memory after a step of RMSprop (Tieleman & Hinton 2012).

    v = rho v + (1 - rho) g^2; m = mu m + lr g / sqrt(v + epsilon); w -= m
    """
    v = numbers["rho"] * memory["velocity"] + numbers["1 - rho"] * tf.square(g)
    increment = numbers["learning_rate"] * g / tf.sqrt(v + numbers["epsilon"])
    if "momentum" not in memory:
        return w - increment, {"velocity": v}
    m = numbers["momentum"] * memory["momentum"] + increment
    return w - m, {"velocity": v, "momentum": m}
