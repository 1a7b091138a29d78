"""The forward pass and the hand-written reverse pass of the autoencoder, for a population of runs.

Shapes: P runs, B batch, T time, F features, U outputs of a layer, I inputs of a layer. Weights and
their derivatives have the names of `fused_weights`, each [P, ., .].

LSTM layers that can advance together form a stack, and a network consists of stacks, then dense
layers. A stack ends where the next layer must wait for all of its time steps: below and above a
layer that reads in two directions, and after the layer that passes on only its last time step. A
layer of two directions is treated as a population of 2P runs, of which the second half reads the
windows from their end.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import tensorflow as tf

from lstm_ablate.experiment.network import LSTM, Network
from lstm_ablate.training.engines import fused_forward, fused_reverse, fused_stack, fused_weights
from lstm_ablate.training.engines.functions import fused
from lstm_ablate.training.engines.fused_blocks import Tensor, columns, over_time
from lstm_ablate.training.engines.fused_cell import (
    normalized,
    normalized_reverse,
    value_and_slope,
)
from lstm_ablate.training.engines.fused_optimizers import Tensors
from lstm_ablate.training.engines.fused_stack import Buffers, Matrices, Stack


def stacks(network: Network) -> list[Stack]:
    """Return the stacks of a network, from input to output."""
    layers = network.lstm
    ends = [
        k
        for k in range(1, len(layers))
        if layers[k - 1].last_step or layers[k - 1].bidirectional or layers[k].bidirectional
    ]
    seams = [0, *ends, len(layers)]
    return [
        Stack(layers[first:end], network.timesteps, first == 0) for first, end in pairwise(seams)
    ]


def buffers(network: Network, runs: int, batch: int, dtype: Tensor) -> list[Buffers]:
    """Return empty buffers for each stack of a network."""
    return [fused_stack.buffers(stack, runs, batch, dtype) for stack in stacks(network)]


def predict(network: Network, weights: Tensors, x: Tensor) -> Tensor:
    """Return the reconstruction [P, F, T, B] of x [P, F, T, B]."""
    value = x
    for stack in stacks(network):
        of_layers = _matrices(stack, weights)
        read = _directions(stack, value)
        h, _, _ = fused_forward.forward(stack, of_layers, read, [], None)
        value = _seam(stack, weights, _side_by_side(stack, value, h)).value
    for layer in network.dense:
        value = fused(layer.activation)(_dense(weights[layer.name], value))
    return value


class _StackPass(NamedTuple):
    """What the forward pass of a stack leaves for its reverse pass."""

    stack: Stack
    matrices: list[Matrices]
    inputs: Tensor
    filled: Buffers
    seam: "_Seam"


def gradients(
    network: Network,
    weights: Tensors,
    x: Tensor,
    loss: Callable[[Tensor], tuple[Tensor, Tensor]],
    memory: list[Buffers],
) -> tuple[Tensor, Tensors, list[Buffers]]:
    """Return the loss of the reconstruction of x, its gradient by layer, and the used buffers.

    x is [P, F, T, B]; `loss` returns (a value for each run [P], its derivative by the
    reconstruction).
    """
    value, passes = x, []
    for stack, empty in zip(stacks(network), memory, strict=True):
        inputs, matrices = value, _matrices(stack, weights)
        h, saved, output = fused_forward.forward(
            stack, matrices, _directions(stack, inputs), empty.saved, empty.output
        )
        seam = _seam(stack, weights, _side_by_side(stack, inputs, h))
        filled = empty._replace(saved=saved, output=output)
        passes.append(_StackPass(stack, matrices, inputs, filled, seam))
        value = seam.value
    dense = []
    for layer in network.dense:
        output, slope = value_and_slope(layer.activation, _dense(weights[layer.name], value))
        dense.append((layer.name, value, slope))
        value = output

    total, d_value = loss(value)

    gradient: Tensors = {}
    for name, inputs, slope in reversed(dense):
        d_value, gradient[name] = _dense_reverse(weights[name], inputs, d_value * slope)
    used = []
    for done in reversed(passes):
        d_h, of_seam = _seam_reverse(done.stack, weights, done.seam, d_value)
        d_read, of_layers, buffers = fused_reverse.reverse(
            done.stack,
            done.matrices,
            _directions(done.stack, done.inputs),
            _apart(done.stack, d_h),
            done.filled,
        )
        if d_read is not None:
            d_value = _directions_reverse(done.stack, d_read, d_h)
        gradient |= of_seam | _by_name(done.stack, of_layers)
        used.append(buffers)
    return total, gradient, used[::-1]


# ------------------------------------------------------------------------------- the two directions


def _matrices(stack: Stack, weights: Tensors) -> list[Matrices]:
    """Return the weights of each layer of a stack; two directions are stacked as 2P runs."""

    def of(level: int, layer: LSTM) -> Matrices:
        names = fused_weights.directions(layer)

        def each(part: str) -> Tensor:
            return tf.concat([weights[name + part] for name in names], axis=0)

        return Matrices(
            m=each(""),
            peepholes=each(".peepholes") if layer.peepholes else (),
            projection=each(".projection") if layer.projection else (),
            scaling=weights[_scaling(layer)] if stack.normalizes(level) else (),
        )

    return [of(level, layer) for level, layer in enumerate(stack.layers)]


def _by_name(stack: Stack, gradients: list[Matrices]) -> Tensors:
    """Return the derivatives by the weights of each layer, by name: the inverse of `_matrices`."""
    named: Tensors = {}
    for level, (layer, gradient) in enumerate(zip(stack.layers, gradients, strict=True)):
        names = fused_weights.directions(layer)
        parts = {"": gradient.m}
        if layer.peepholes:
            parts[".peepholes"] = gradient.peepholes
        if layer.projection:
            parts[".projection"] = gradient.projection
        for part, of_both in parts.items():
            each = tf.split(of_both, len(names), axis=0)
            named |= {name + part: tensor for name, tensor in zip(names, each, strict=True)}
        if stack.normalizes(level):
            named[_scaling(layer)] = gradient.scaling
    return named


def _scaling(layer: LSTM) -> str:
    return f"{layer.name}.normalization"


def _directions(stack: Stack, x: Tensor) -> Tensor:
    """Return what the directions of a stack read, [2P, ...] if there are two."""
    if not stack.bidirectional:
        return x
    return tf.concat([x, x if stack.constant else _reversed(x)], axis=0)


def _directions_reverse(stack: Stack, d_read: Tensor, d_h: Tensor) -> Tensor:
    """Return the derivative by the input of a stack.

    `d_read` is the derivative by what the directions read. A residual of two directions adds the
    derivative straight from h; `d_h` is the derivative by h as `_side_by_side` returns it.
    """
    if not stack.bidirectional:
        return d_read
    ahead, back = tf.split(d_read, 2, axis=0)
    d_x = ahead + (back if stack.constant else _reversed(back))
    if not stack.layers[0].residual:
        return d_x
    if stack.last_step:
        d_ahead, d_back = tf.split(d_h[:, :, None], 2, axis=1)
        padding = [[0, 0], [0, 0], [stack.timesteps - 1, 0], [0, 0]]
        straight = [tf.pad(d_ahead, padding), _reversed(tf.pad(d_back, padding))]
        return d_x + tf.concat(straight, axis=1)
    return d_x + (tf.reduce_sum(d_h, axis=2) if stack.constant else d_h)


def _side_by_side(stack: Stack, x: Tensor, h: Tensor) -> Tensor:
    """Return the value of a stack, [P, U, T, B] or [P, U, B].

    With one direction it is h as it is. With two it is both, side by side and in the order of time,
    with their residual.
    """
    if not stack.bidirectional:
        return h
    ahead, back = tf.split(h, 2, axis=0)
    both = tf.concat([ahead, back if stack.last_step else _reversed(back)], axis=1)
    if not stack.layers[0].residual:
        return both
    if stack.last_step:  # each direction adds the input that it read last
        n = ahead.shape[1]
        return both + tf.concat([x[:, :n, -1], x[:, n:, 0]], axis=1)
    return both + (x[:, :, None] if stack.constant else x)


def _apart(stack: Stack, d_both: Tensor) -> Tensor:
    """Return the derivative by h of each direction, [2P, ...], given the one by both together."""
    if not stack.bidirectional:
        return d_both
    ahead, back = tf.split(d_both, 2, axis=1)
    return tf.concat([ahead, back if stack.last_step else _reversed(back)], axis=0)


def _reversed(x: Tensor) -> Tensor:
    """Return [P, U, T, B] with its time steps in reverse order."""
    return tf.reverse(x, axis=[2])


# ----------------------------------------------------------------------------------- between stacks


class _Seam(NamedTuple):
    """What the next stack reads, and what the reverse pass needs; () if a seam does not have it."""

    value: Tensor  # [P, U, T, B] or [P, U, B]: between(normalization(h))
    slope: Tensor  # between', of the same shape
    standard: Tensor  # (h - mean) / deviation, of the same shape
    scale: Tensor  # [P, 1, ...]: 1 / deviation


def _seam(stack: Stack, weights: Tensors, h: Tensor) -> _Seam:
    layer, standard, scale = stack.layers[-1], (), ()
    if layer.normalized:
        h, standard, scale = normalized(weights[_scaling(layer)], h)
    if layer.between is None:
        return _Seam(h, (), standard, scale)
    return _Seam(*value_and_slope(layer.between, h), standard, scale)


def _seam_reverse(
    stack: Stack, weights: Tensors, seam: _Seam, d_value: Tensor
) -> tuple[Tensor, Tensors]:
    """Return the derivatives by h and by the weights of the normalization."""
    layer = stack.layers[-1]
    if layer.between is not None:
        d_value = d_value * seam.slope
    if not layer.normalized:
        return d_value, {}
    others = list(range(2, len(d_value.shape)))
    d_gamma, d_beta = (tf.reduce_sum(d, axis=others) for d in (d_value * seam.standard, d_value))
    scaling = weights[_scaling(layer)]
    d_h = normalized_reverse(scaling, seam.standard, seam.scale, d_value)
    return d_h, {_scaling(layer): tf.stack([d_gamma, d_beta], axis=2)}


def _dense(matrix: Tensor, x: Tensor) -> Tensor:
    """Return W'x + b, [P, O, T, B], of x [P, I, T, B] and [W' b] [P, O, I + 1]."""
    runs, outputs = matrix.shape[:2]
    y = tf.matmul(matrix[:, :, :-1], columns(x)) + matrix[:, :, -1:]
    return tf.reshape(y, [runs, outputs, *x.shape[2:]])


def _dense_reverse(matrix: Tensor, x: Tensor, d_y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivatives by x [P, I, T, B] and by [W' b] [P, O, I + 1]; d_y is by W'x + b."""
    d_w = over_time(d_y, x)
    d_y = columns(d_y)
    d_x = tf.matmul(matrix[:, :, :-1], d_y, transpose_a=True)
    d_b = tf.reduce_sum(d_y, axis=2, keepdims=True)
    return tf.reshape(d_x, x.shape), tf.concat([d_w, d_b], axis=2)
