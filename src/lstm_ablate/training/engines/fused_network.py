"""The forward pass and the hand-written reverse pass of the autoencoder, for a population of runs.

Shapes: P runs, B batch, T time, F features, U units of a layer, I inputs of a layer. Features come
before the batch: an LSTM layer is one matrix M = [W' R' b], [P, 4U, I + U + 1], with the gates in
the order i, f, o, g, so that a time step is one product z = M [x_t; h_{t-1}; 1] whose gates are
contiguous [P, U, B] blocks. (On a CPU such a product and its transpose are 1.1 and 1.5 times as
fast as with the batch first, and the bias costs nothing, its gradient neither.)

All layers of a stack advance together, in one loop over time. With `latent: sequence` encoder and
decoder are one stack, with `latent: vector` two. Where a derivative is asked for, the forward loop
saves the local derivatives (`_cell`, `Saved`)

    J_i = g gates'(z_i)          J_f = c_{t-1} gates'(z_f)
    J_o = output(c_t) gates'(z_o)    J_g = i candidate'(z_g)    k = o output'(c_t)    f

and back-propagation through time (`_reverse_step`) needs nothing else (Hochreiter & Schmidhuber
1997; with forget gates and the whole gradient, Gers et al. 2000, Graves & Schmidhuber 2005; the
names as in Greff et al. 2017, appendix A):

    dc_t = dc_{t+1} f_{t+1} + k dh_t    dz = [J_i dc, J_f dc, J_o dh, J_g dc]
    [dx_t; dh_{t-1}] += [W' R']' dz

with the gradient of M, the sum over time of dz [x_t; h_{t-1}; 1]', as one product for each chunk of
C time steps. Of dz no more than a chunk is held, because what the reverse loop needs soon outgrows
the caches, and then time per time step goes up with T: to hold dz whole took 11% longer with 240
time steps of the default network, no longer with 30.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

# Not in TensorFlow's public interface, which has no other operation that XLA writes in place.
from tensorflow.compiler.tf2xla.python.xla import dynamic_slice, dynamic_update_slice

from lstm_ablate.experiment.network import LSTM, Network
from lstm_ablate.training.inputs.randomness import Weights

Tensor = Any  # TensorFlow carries no types
# By layer: "encoder.0" [P, 4U, I + U + 1], "reconstruction" [P, F, I + 1].
Matrices = dict[str, Tensor]

_CHUNK = 32  # time steps in a chunk of the reverse pass, at most

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


def value_and_slope(activation: str, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the activation of each element and its derivative there."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = _FUNCTIONS[activation](x)
    return y, tape.gradient(y, x)


@dataclass(frozen=True)
class Stack:
    """LSTM layers that advance together, from the bottom up, over a number of time steps."""

    layers: tuple[LSTM, ...]
    timesteps: int

    @property
    def constant(self) -> bool:
        """Whether the input is the same at every time step."""
        return self.layers[0].repeated

    @property
    def last_step(self) -> bool:
        """Whether only the last time step is passed on."""
        return self.layers[-1].last_step

    def saves_slope(self, level: int) -> bool:
        """Whether between'(h) of a layer is saved: it is not 1, and a layer follows."""
        return level < len(self.layers) - 1 and self.layers[level].between != "linear"

    @property
    def chunks(self) -> tuple[int, int]:
        """K and C: the chunks of the reverse pass, and the time steps of each but the last."""
        chunks = -(-self.timesteps // _CHUNK)
        return chunks, -(-self.timesteps // chunks)


def stacks(network: Network) -> list[Stack]:
    """Return the stacks of a network, from input to output.

    One ends where a layer passes on the last time step only, for the next layer must wait for that.
    """
    ends = [k for k, layer in enumerate(network.lstm[:-1], start=1) if layer.last_step]
    seams = [0, *ends, len(network.lstm)]
    return [Stack(network.lstm[first:end], network.timesteps) for first, end in pairwise(seams)]


class Saved(NamedTuple):
    """What the forward loop saves of a layer for the reverse loop.

    The local derivatives are read and written as one block at each time step. What is multiplied
    lies in chunks, ready for a product that sums over time.
    """

    jacobian: Tensor  # [T, P, 4UB]: J_i, J_f, J_o, J_g
    k: Tensor  # [T, P, UB]
    f: Tensor  # [T, P, UB]
    slope: Tensor | tuple[()]  # [T, P, UB]: between'(h), or () where `Stack.saves_slope` is false
    inputs: Tensor  # [K, P, rows, C, B]: [x; h; 1]


class Buffers(NamedTuple):
    """The memory of a stack, kept from batch to batch, so that it is cleared once an epoch."""

    saved: list[Saved]  # by layer
    output: Tensor | tuple[()]  # [P, U, T, B]: h of the top layer, or () with `Stack.last_step`
    dz: list[Tensor]  # by layer [P, 4U, C, B], of one chunk


def buffers(network: Network, runs: int, batch: int, dtype: Tensor) -> list[Buffers]:
    """Return empty buffers for each stack of a network."""
    return [_stack_buffers(stack, runs, batch, dtype) for stack in stacks(network)]


def _stack_buffers(stack: Stack, runs: int, batch: int, dtype: Tensor) -> Buffers:
    steps, (chunks, chunk) = stack.timesteps, stack.chunks

    def by_time(units: int) -> Tensor:
        return tf.zeros([steps, runs, units * batch], dtype)

    top = stack.layers[-1].units
    return Buffers(
        saved=[
            Saved(
                jacobian=by_time(4 * layer.units),
                k=by_time(layer.units),
                f=by_time(layer.units),
                slope=by_time(layer.units) if stack.saves_slope(level) else (),
                inputs=tf.zeros([chunks, runs, _rows(layer), chunk, batch], dtype),
            )
            for level, layer in enumerate(stack.layers)
        ],
        output=() if stack.last_step else tf.zeros([runs, top, steps, batch], dtype),
        dz=[tf.zeros([runs, 4 * layer.units, chunk, batch], dtype) for layer in stack.layers],
    )


def _rows(layer: LSTM) -> int:
    """Return the rows of what a layer multiplies: [x; h; 1], or h alone where x is constant."""
    return layer.units if layer.repeated else layer.inputs + layer.units + 1


# --------------------------------------------------------------------------- the network as a whole


def predict(network: Network, matrices: Matrices, x: Tensor) -> Tensor:
    """Return the reconstruction [P, F, T, B] of x [P, F, T, B]."""
    value = x
    for stack in stacks(network):
        value, _, _ = _forward(stack, matrices, value, [], _empty_output(stack, x))
        if between := stack.layers[-1].between:
            value = _FUNCTIONS[between](value)
    for layer in network.dense:
        value = _FUNCTIONS[layer.activation](_dense(matrices[layer.name], value))
    return value


def gradients(
    network: Network,
    matrices: Matrices,
    x: Tensor,
    loss: Callable[[Tensor], tuple[Tensor, Tensor]],
    memory: list[Buffers],
) -> tuple[Tensor, Matrices, list[Buffers]]:
    """Return the loss of the reconstruction of x, its gradient by layer, and the used buffers.

    x is [P, F, T, B]; `loss` returns (a value for each run [P], its derivative by the
    reconstruction).
    """
    value, passes = x, []
    for stack, empty in zip(stacks(network), memory, strict=True):
        inputs, slope = value, None
        value, saved, output = _forward(stack, matrices, inputs, empty.saved, empty.output)
        if between := stack.layers[-1].between:
            value, slope = value_and_slope(between, value)
        passes.append((stack, inputs, slope, Buffers(saved, output, empty.dz)))
    dense = []
    for layer in network.dense:
        output, slope = value_and_slope(layer.activation, _dense(matrices[layer.name], value))
        dense.append((layer.name, value, slope))
        value = output

    total, d_value = loss(value)

    gradient: Matrices = {}
    for name, inputs, slope in reversed(dense):
        d_value, gradient[name] = _dense_reverse(matrices[name], inputs, d_value * slope)
    used = []
    for stack, inputs, slope, filled in reversed(passes):
        if slope is not None:
            d_value = d_value * slope
        d_value, of_stack, dz = _reverse(stack, matrices, inputs, d_value, filled)
        gradient |= of_stack
        used.append(filled._replace(dz=dz))
    return total, gradient, used[::-1]


# ----------------------------------------------------------------------------- forward through time


class _State(NamedTuple):
    """What the forward loop carries from time step to time step, by layer, each [P, UB]."""

    h: list[Tensor]
    c: list[Tensor]


class _Local(NamedTuple):
    """The local derivatives of a layer at one time step, each [P, UB]."""

    J_i: Tensor
    J_f: Tensor
    J_o: Tensor
    J_g: Tensor
    k: Tensor
    f: Tensor


def _cell(layer: LSTM, z: Tensor, c_before: Tensor) -> tuple[Tensor, Tensor, _Local]:
    """Return h_t, c_t and the local derivatives, given z [P, 4UB] and c_{t-1} [P, UB]."""
    n = c_before.shape[1]
    gates, d_gates = value_and_slope(layer.gates, z[:, : 3 * n])
    g, d_g = value_and_slope(layer.candidate, z[:, 3 * n :])
    i, f, o = gates[:, :n], gates[:, n : 2 * n], gates[:, 2 * n :]
    c = f * c_before + i * g
    output, d_output = value_and_slope(layer.output, c)
    h = o * output
    local = _Local(
        J_i=g * d_gates[:, :n],
        J_f=c_before * d_gates[:, n : 2 * n],
        J_o=output * d_gates[:, 2 * n :],
        J_g=i * d_g,
        k=o * d_output,
        f=f,
    )
    return h, c, local


def _save(saved: Saved, t: Tensor, local: _Local, inputs: Tensor) -> Saved:
    """Return what is saved of a layer, with that of time t; `slope` is not touched."""
    jacobian, n = saved.jacobian, local.f.shape[1]
    for position, block in enumerate((local.J_i, local.J_f, local.J_o, local.J_g)):
        jacobian = _write(jacobian, block, t, position * n)
    return saved._replace(
        jacobian=jacobian,
        k=_write(saved.k, local.k, t),
        f=_write(saved.f, local.f, t),
        inputs=_write_chunk(saved.inputs, inputs, t),
    )


class _Multiplied(NamedTuple):
    """What the forward loop multiplies.

    These are M of each layer; of the lowest layer R' alone, if its input is constant.
    """

    matrices: list[Tensor]
    drive: Tensor | None  # W' x + b of a constant input [P, 4UB], the same at every time step
    ones: Tensor  # [P, B]


def _multiplied(stack: Stack, matrices: Matrices, x: Tensor) -> _Multiplied:
    multiplied, drive = [matrices[layer.name] for layer in stack.layers], None
    if stack.constant:
        inputs = stack.layers[0].inputs
        drive = _flat(tf.matmul(multiplied[0][:, :, :inputs], x) + multiplied[0][:, :, -1:])
        multiplied[0] = multiplied[0][:, :, inputs:-1]
    return _Multiplied(multiplied, drive, tf.ones([x.shape[0], x.shape[-1]], x.dtype))


def _forward_step(
    stack: Stack,
    by: _Multiplied,
    t: Tensor,
    x: Tensor | None,
    before: _State,
    saved: list[Saved],
) -> tuple[_State, list[Saved]]:
    """Return h_t and c_t of every layer, given those of t - 1, and what is saved up to time t.

    x [P, IB] is x_t, or None where the input is constant. Where `saved` is empty, nothing is saved.
    """
    hs, cs, saved = list(before.h), list(before.c), list(saved)
    (runs, batch), top = by.ones.shape, len(stack.layers) - 1
    y = x
    for level, layer in enumerate(stack.layers):
        inputs = hs[level] if y is None else tf.concat([y, hs[level], by.ones], axis=1)
        z = _flat(tf.matmul(by.matrices[level], tf.reshape(inputs, [runs, -1, batch])))
        if y is None:
            z += by.drive
        hs[level], cs[level], local = _cell(layer, z, cs[level])
        if saved:
            saved[level] = _save(saved[level], t, local, inputs)
        if layer.between and level < top:
            y, slope = value_and_slope(layer.between, hs[level])
            if saved and stack.saves_slope(level):
                saved[level] = saved[level]._replace(slope=_write(saved[level].slope, slope, t))
    return _State(hs, cs), saved


def _empty_output(stack: Stack, x: Tensor) -> Tensor | tuple[()]:
    """Return memory for the output of a stack, for x [P, F, T, B]."""
    units = stack.layers[-1].units
    return () if stack.last_step else tf.zeros([x.shape[0], units, *x.shape[2:]], x.dtype)


def _forward(
    stack: Stack, matrices: Matrices, x: Tensor, saved: list[Saved], output: Tensor | tuple[()]
) -> tuple[Tensor, list[Saved], Tensor | tuple[()]]:
    """Return the stack's value and the filled buffers.

    The value is [P, U, T, B], or of the last time step [P, U, B]; x is [P, I, T, B], or constant in
    time [P, I, B]. Where `saved` is empty, nothing is saved but the output.
    """
    runs, batch = x.shape[0], x.shape[-1]
    by = _multiplied(stack, matrices, x)
    xs = None if stack.constant else _by_time(x)

    def step(t: Tensor, before: _State, saved: list[Saved], output: Tensor) -> Tensor:
        x_now = None if xs is None else _read(xs, t)
        now, saved = _forward_step(stack, by, t, x_now, before, saved)
        if not stack.last_step:
            output = _write_rows(output, now.h[-1], t)
        return t + 1, now, saved, output

    zeros = [tf.zeros([runs, layer.units * batch], x.dtype) for layer in stack.layers]
    start = (tf.constant(0), _State(zeros, zeros), saved, output)
    _, end, saved, output = tf.while_loop(lambda t, *_: t < stack.timesteps, step, start)
    value = tf.reshape(end.h[-1], [runs, -1, batch]) if stack.last_step else output
    return value, saved, output


# ----------------------------------------------------------------------------- reverse through time


class _Backward(NamedTuple):
    """What the reverse loop carries from time step to time step, by layer."""

    dh: list[Tensor]  # [P, UB], the derivative by h_t through h_{t+1}
    dc: list[Tensor]  # [P, UB], the derivative by c_t through c_{t+1}
    dz: list[Tensor]  # [P, 4U, C, B], of the time steps of the chunk so far


def _transposed(stack: Stack, matrices: Matrices) -> list[Tensor]:
    """Return [W' R']' of each layer, [P, I + U, 4U]; of the lowest R alone, [P, U, 4U].

    The derivative by the input is not asked for, or taken once for all time steps where it is
    constant.
    """
    firsts = [stack.layers[0].inputs] + [0] * (len(stack.layers) - 1)
    return [
        tf.transpose(matrices[layer.name][:, :, first:-1], [0, 2, 1])
        for layer, first in zip(stack.layers, firsts, strict=True)
    ]


def _reverse_step(
    stack: Stack,
    transposed: list[Tensor],
    saved: list[Saved],
    t: Tensor,
    d_output: Tensor | None,
    after: _Backward,
) -> _Backward:
    """Return the derivatives by h_{t-1} and c_{t-1} of every layer, and dz up to time t.

    `d_output` [P, UB] is the derivative by what the stack passes on at time t, or None.
    """
    dhs, dcs, dzs = list(after.dh), list(after.dc), list(after.dz)
    d_y = d_output
    for level in reversed(range(len(saved))):
        now, n, (runs, _, chunk, batch) = saved[level], dhs[level].shape[1], dzs[level].shape
        dh = dhs[level] if d_y is None else dhs[level] + d_y
        dc = dcs[level] + dh * _read(now.k, t)
        jacobian = _read(now.jacobian, t)
        J_i, J_f, J_o, J_g = (jacobian[:, block * n : (block + 1) * n] for block in range(4))
        dz = tf.concat([J_i * dc, J_f * dc, J_o * dh, J_g * dc], axis=1)
        dzs[level] = _write_rows(dzs[level], dz, t % chunk)
        dcs[level] = dc * _read(now.f, t)
        back = _flat(tf.matmul(transposed[level], tf.reshape(dz, [runs, -1, batch])))
        dhs[level] = back[:, -n:]
        if level:
            d_y = back[:, :-n]
            if stack.saves_slope(level - 1):
                d_y *= _read(saved[level - 1].slope, t)
    return _Backward(dhs, dcs, dzs)


def _reverse(
    stack: Stack, matrices: Matrices, x: Tensor, d_output: Tensor, memory: Buffers
) -> tuple[Tensor | None, Matrices, list[Tensor]]:
    """Return the derivative by a constant input, those by the stack's matrices, and the used dz.

    `d_output` is the derivative by the stack's value, `memory` what the forward loop left.
    """
    (chunks, chunk), saved = stack.chunks, memory.saved
    runs, batch = d_output.shape[0], d_output.shape[-1]
    transposed = _transposed(stack, matrices)
    d_outputs = None if stack.last_step else _by_time(d_output)

    def step(t: Tensor, after: _Backward) -> Tensor:
        now = None if d_outputs is None else _read(d_outputs, t)
        return t - 1, _reverse_step(stack, transposed, saved, t, now, after)

    def reverse_chunk(k: Tensor, after: _Backward, products: Any, summed: Tensor) -> Tensor:
        first = k * chunk
        last = tf.minimum(first + chunk, stack.timesteps) - 1
        _, before = tf.while_loop(lambda t, *_: t >= first, step, (last, after))
        products = [
            product + _over_time(dz, _read_chunk(of_layer.inputs, k))
            for product, dz, of_layer in zip(products, before.dz, saved, strict=True)
        ]
        if stack.constant:
            summed += tf.reduce_sum(before.dz[0], axis=2)
        return k - 1, before, products, summed

    zeros = [tf.zeros([runs, layer.units * batch], d_output.dtype) for layer in stack.layers]
    dh = [*zeros[:-1], _flat(d_output)] if stack.last_step else zeros
    dz = memory.dz
    if chunks * chunk > stack.timesteps:  # the last chunk, first here, leaves some of dz as it is
        dz = [tf.zeros_like(of_layer) for of_layer in dz]
    shapes = [[runs, 4 * layer.units, _rows(layer)] for layer in stack.layers]
    products = [tf.zeros(shape, d_output.dtype) for shape in shapes]
    # The sum of dz over time, for a constant input.
    summed = tf.zeros([runs, 4 * stack.layers[0].units, batch], d_output.dtype)
    start = (tf.constant(chunks - 1), _Backward(dh, zeros, dz), products, summed)
    _, before, products, summed = tf.while_loop(lambda k, *_: k >= 0, reverse_chunk, start)
    d_x = None
    if stack.constant:
        d_x, products[0] = _constant_reverse(stack.layers[0], matrices, x, products[0], summed)
    names = [layer.name for layer in stack.layers]
    return d_x, dict(zip(names, products, strict=True)), before.dz


def _constant_reverse(
    layer: LSTM,
    matrices: Matrices,
    x: Tensor,
    d_r: Tensor,
    summed: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the derivatives by a constant input x [P, I, B] and by M.

    `d_r` is that by R', `summed` the sum of dz over time [P, 4U, B].
    """
    d_w = tf.matmul(summed, x, transpose_b=True)
    d_b = tf.reduce_sum(summed, axis=2, keepdims=True)
    d_x = tf.matmul(matrices[layer.name][:, :, : layer.inputs], summed, transpose_a=True)
    return d_x, tf.concat([d_w, d_r, d_b], axis=2)


def _flat(x: Tensor) -> Tensor:
    """Return [P, U, B] as [P, UB]: a CPU computes along the last axis, which should be long."""
    return tf.reshape(x, [x.shape[0], -1])


def _by_time(x: Tensor) -> Tensor:
    """Return [P, U, T, B] as [T, P, UB]."""
    runs, units, steps, batch = x.shape
    return tf.reshape(tf.transpose(x, [2, 0, 1, 3]), [steps, runs, units * batch])


def _read(buffer: Tensor, t: Tensor) -> Tensor:
    """Return the block [P, n] of a buffer [T, P, n] at time t."""
    return tf.squeeze(dynamic_slice(buffer, tf.stack([t, 0, 0]), [1, *buffer.shape[1:]]), 0)


def _write(buffer: Tensor, block: Tensor, t: Tensor, first: int = 0) -> Tensor:
    """Return the buffer [T, P, n] with a block [P, m] at time t, from column `first` on."""
    return dynamic_update_slice(buffer, block[None], tf.stack([t, 0, first]))


def _write_rows(buffer: Tensor, block: Tensor, t: Tensor) -> Tensor:
    """Return the buffer [P, U, T, B] with a block [P, UB] at time t."""
    runs, rows, _, batch = buffer.shape
    block = tf.reshape(block, [runs, rows, 1, batch])
    return dynamic_update_slice(buffer, block, tf.stack([0, 0, t, 0]))


def _read_chunk(buffer: Tensor, k: Tensor) -> Tensor:
    """Return the block [P, U, C, B] of a buffer [K, P, U, C, B] at chunk k."""
    return tf.squeeze(dynamic_slice(buffer, tf.stack([k, 0, 0, 0, 0]), [1, *buffer.shape[1:]]), 0)


def _write_chunk(buffer: Tensor, block: Tensor, t: Tensor) -> Tensor:
    """Return the buffer [K, P, U, C, B] with a block [P, UB] at time t."""
    _, runs, rows, chunk, batch = buffer.shape
    block = tf.reshape(block, [1, runs, rows, 1, batch])
    return dynamic_update_slice(buffer, block, tf.stack([t // chunk, 0, 0, t % chunk, 0]))


def _columns(x: Tensor) -> Tensor:
    """Return [P, U, T, B] as [P, U, TB]."""
    return tf.reshape(x, [x.shape[0], x.shape[1], -1])


def _over_time(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum over time and batch of a b', [P, U, V]; a is [P, U, T, B], b [P, V, T, B]."""
    return tf.matmul(_columns(a), _columns(b), transpose_b=True)


def _dense(matrix: Tensor, x: Tensor) -> Tensor:
    """Return W'x + b, [P, O, T, B], of x [P, I, T, B] and [W' b] [P, O, I + 1]."""
    runs, outputs = matrix.shape[:2]
    y = tf.matmul(matrix[:, :, :-1], _columns(x)) + matrix[:, :, -1:]
    return tf.reshape(y, [runs, outputs, *x.shape[2:]])


def _dense_reverse(matrix: Tensor, x: Tensor, d_y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivatives by x [P, I, T, B] and by [W' b] [P, O, I + 1]; d_y is by W'x + b."""
    d_w = _over_time(d_y, x)
    d_y = _columns(d_y)
    d_x = tf.matmul(matrix[:, :, :-1], d_y, transpose_a=True)
    d_b = tf.reduce_sum(d_y, axis=2, keepdims=True)
    return tf.reshape(d_x, x.shape), tf.concat([d_w, d_b], axis=2)


# ------------------------------------------------------------------------------- weights in and out

_GATES = (0, 1, 3, 2)  # Keras' i, f, c, o as i, f, o, g, and back


def pack(weights: Weights) -> dict[str, NDArray[np.float64]]:
    """Return the matrix of each layer, [4U, I + U + 1] or [O, I + 1], of weights by name."""
    matrices = {}
    for layer in dict.fromkeys(name.rpartition(".")[0] for name in weights):
        names = [f"{layer}.{part}" for part in ("kernel", "recurrent_kernel", "bias")]
        parts = [np.atleast_2d(weights[name]) for name in names if name in weights]
        matrix = np.concatenate(parts).T
        matrices[layer] = _reorder(matrix) if names[1] in weights else matrix
    return matrices


def unpack(matrices: dict[str, NDArray[np.float64]], like: Weights) -> Weights:
    """Return the weights by name, in the order and the shapes of `like`: the inverse of `pack`."""
    weights: Weights = {}
    for name, shaped in like.items():
        layer, _, part = name.rpartition(".")
        recurrent = f"{layer}.recurrent_kernel" in like
        columns = _reorder(matrices[layer]).T if recurrent else matrices[layer].T
        inputs = len(like[f"{layer}.kernel"])
        rows = {
            "kernel": slice(0, inputs),
            "recurrent_kernel": slice(inputs, -1),
            "bias": slice(-1, None),
        }[part]
        weights[name] = np.ascontiguousarray(columns[rows].reshape(shaped.shape))
    return weights


def _reorder(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([np.split(matrix, 4)[k] for k in _GATES])
