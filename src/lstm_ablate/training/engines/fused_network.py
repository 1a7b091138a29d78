"""The forward pass and the hand-written reverse pass of the autoencoder, for a population of runs.

Shapes: P runs, B batch, T time, F features, U units of a layer, I inputs of a layer. Features come before the batch:
an LSTM layer is one matrix M = [W' R' b], [P, 4U, I + U + 1], with the gates in the order i, f, o, g, so that a time
step is one product z = M [x_t; h_{t-1}; 1] whose gates are contiguous [P, U, B] blocks. (On a CPU such a product and
its transpose are 1.1 and 1.5 times as fast as with the batch first, and the bias costs nothing, its gradient neither.)

All layers of a stack advance together, in one loop over time. With `latent: sequence` encoder and decoder are one
stack, with `latent: vector` two. Where a derivative is asked for, the forward loop saves the local derivatives

    J_i = g gates'(z_i)    J_f = c_{t-1} gates'(z_f)    J_o = output(c_t) gates'(z_o)    J_g = i candidate'(z_g)
    k   = o output'(c_t)   f

and back-propagation through time needs nothing else (Hochreiter & Schmidhuber 1997; with forget gates and the whole
gradient, Gers et al. 2000, Graves & Schmidhuber 2005; the names as in Greff et al. 2017, appendix A):

    dc_t = dc_{t+1} f_{t+1} + k dh_t    dz = [J_i dc, J_f dc, J_o dh, J_g dc]    [dx_t; dh_{t-1}] += [W' R']' dz

with the gradient of M, the sum over time of dz [x_t; h_{t-1}; 1]', as one product for each chunk of C time steps. Of
dz no more than a chunk is held, for what the reverse loop needs soon outgrows the caches, and then time per time step
goes up with T: to hold dz whole took 11% longer with 240 time steps of the default network, no longer with 30.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

# Not in TensorFlow's public interface, which has no other operation that XLA writes in place.
from tensorflow.compiler.tf2xla.python.xla import dynamic_slice, dynamic_update_slice

from lstm_ablate.experiment.settings import Model
from lstm_ablate.training.inputs.randomness import Weights

Tensor = Any  # TensorFlow carries no types
Matrices = dict[str, Tensor]  # by layer: "encoder.0" [P, 4U, I + U + 1], "reconstruction" [P, F, I + 1]
Scratch = list[list[dict[str, Tensor]]]  # by stack and layer, what the forward loop saves for the reverse loop

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
    """LSTM layers that advance together: names and units from the bottom up, the inputs of the lowest."""

    names: tuple[str, ...]
    units: tuple[int, ...]
    inputs: int
    constant: bool  # the input is the same at every time step
    last: bool  # only the last time step is passed on

    def depth(self, layer: int) -> int:
        """The rows of what a layer multiplies at each time step: [x; h; 1], or h where x is constant."""
        if layer:
            return self.units[layer - 1] + self.units[layer] + 1
        return self.units[0] if self.constant else self.inputs + self.units[0] + 1


@dataclass(frozen=True)
class Network:
    """The autoencoder of a model for windows [T, F]; everything but numbers is fixed, so a program compiles once."""

    model: Model
    timesteps: int
    features: int

    @property
    def stacks(self) -> list[Stack]:
        """The stacks, from input to output."""
        encoder, decoder = self.model.encoder, self.model.decoder
        names = [
            tuple(f"{part}.{k}" for k in range(len(u))) for part, u in (("encoder", encoder), ("decoder", decoder))
        ]
        if self.model.latent == "sequence":
            return [Stack(names[0] + names[1], encoder + decoder, self.features, constant=False, last=False)]
        return [
            Stack(names[0], encoder, self.features, constant=False, last=True),
            Stack(names[1], decoder, encoder[-1], constant=True, last=False),
        ]

    @property
    def dense(self) -> list[tuple[str, str]]:
        """The name and the activation of each dense layer, from the head to the reconstruction."""
        head = self.model.head
        hidden = [(f"head.{k}", head.activation) for k in range(len(head.units))] if head else []
        return [*hidden, ("reconstruction", "linear")]

    @property
    def chunks(self) -> tuple[int, int]:
        """K and C: the chunks of the reverse pass and the time steps of each; the last may have fewer."""
        chunks = -(-self.timesteps // _CHUNK)
        return chunks, -(-self.timesteps // chunks)

    def scratch(self, runs: int, batch: int, dtype: Tensor) -> Scratch:
        """Return empty buffers; kept from batch to batch, so that they are cleared once an epoch.

        Local derivatives are [T, P, UB], read and written as one block; what a product sums over time is [..., T, B]:
        [x; h; 1], in K chunks, [K, P, rows, C, B], dz, of one chunk, [P, 4U, C, B], and the output [P, U, T, B].
        """
        steps, (chunks, chunk) = self.timesteps, self.chunks
        stacks: Scratch = []
        for stack in self.stacks:
            layers = []
            for layer, units in enumerate(stack.units):
                blocks = {"jacobian": 4 * units, "k": units, "f": units}
                shapes = {
                    "inputs": [chunks, runs, stack.depth(layer), chunk, batch],
                    "dz": [runs, 4 * units, chunk, batch],
                }
                if layer + 1 == len(stack.units):
                    shapes |= {} if stack.last else {"top": [runs, units, steps, batch]}  # the stack's output
                elif self.model.between != "linear":
                    blocks["slope"] = units  # between'(h)
                layers.append(
                    {name: tf.zeros([steps, runs, count * batch], dtype) for name, count in blocks.items()}
                    | {name: tf.zeros(shape, dtype) for name, shape in shapes.items()}
                )
            stacks.append(layers)
        return stacks

    def predict(self, matrices: Matrices, x: Tensor) -> Tensor:
        """Return the reconstruction [P, F, T, B] of x [P, F, T, B]."""
        value = x
        for position, stack in enumerate(self.stacks):
            if position:
                value = _FUNCTIONS[self.model.between](value)
            value, _ = self._forward(stack, matrices, value, None)
        for name, activation in self.dense:
            value = _FUNCTIONS[activation](_dense(matrices[name], value))
        return value

    def gradients(
        self, matrices: Matrices, x: Tensor, loss: Callable[[Tensor], tuple[Tensor, Tensor]], scratch: Scratch
    ) -> tuple[Tensor, Matrices, Scratch]:
        """Return what `loss` makes of the reconstruction of x [P, F, T, B], and its gradient by layer.

        `loss` returns (a value for each run [P], its derivative by the reconstruction [P, F, T, B]).
        """
        gradient: Matrices = {}
        value, slope, slopes, saved = x, None, [], []
        for position, stack in enumerate(self.stacks):
            if position:
                value, slope = value_and_slope(self.model.between, value)
            slopes.append((value, slope))
            value, buffers = self._forward(stack, matrices, value, scratch[position])
            saved.append(buffers)
        dense = []
        for name, activation in self.dense:
            output, slope = value_and_slope(activation, _dense(matrices[name], value))
            dense.append((name, value, slope))
            value = output

        total, d_value = loss(value)

        for name, inputs, slope in reversed(dense):
            d_value, gradient[name] = _dense_reverse(matrices[name], inputs, d_value * slope)
        for position in reversed(range(len(self.stacks))):
            stack, (inputs, slope) = self.stacks[position], slopes[position]
            d_value, saved[position] = self._reverse(stack, matrices, inputs, d_value, saved[position], gradient)
            if position:
                d_value = d_value * slope
        return total, gradient, saved

    def _forward(
        self, stack: Stack, matrices: Matrices, x: Tensor, scratch: list[dict[str, Tensor]] | None
    ) -> tuple[Tensor, list[dict[str, Tensor]]]:
        """Return the stack's output, [P, U, T, B] or of the last time step [P, U, B], and the buffers filled.

        x is [P, I, T, B], or constant in time [P, I, B]. Without scratch nothing is saved but the output.
        """
        model, top = self.model, len(stack.units) - 1
        runs, batch = x.shape[0], x.shape[-1]
        ones = tf.ones([runs, batch], x.dtype)
        multiplied = [matrices[name] for name in stack.names]
        if stack.constant:
            inputs = stack.inputs
            drive = _flat(tf.matmul(multiplied[0][:, :, :inputs], x) + multiplied[0][:, :, -1:])
            multiplied[0] = multiplied[0][:, :, inputs:-1]
        else:
            x = _by_time(x)

        def step(t: Tensor, hs: list[Tensor], cs: list[Tensor], buffers: list[dict[str, Tensor]]) -> Tensor:
            hs, cs, buffers = list(hs), list(cs), [dict(layer) for layer in buffers]
            y = None if stack.constant else _read(x, t)
            for layer, units in enumerate(stack.units):
                save, n = buffers[layer], units * batch
                constant = stack.constant and not layer
                inputs = hs[layer] if constant else tf.concat([y, hs[layer], ones], axis=1)
                z = _flat(tf.matmul(multiplied[layer], tf.reshape(inputs, [runs, -1, batch])))  # [P, 4UB]
                if constant:
                    z += drive
                gates, d_gates = value_and_slope(model.gates, z[:, : 3 * n])
                g, d_g = value_and_slope(model.cell_input, z[:, 3 * n :])
                i, f, o = gates[:, :n], gates[:, n : 2 * n], gates[:, 2 * n :]
                c = f * cs[layer] + i * g
                output, d_output = value_and_slope(model.cell_output, c)
                h = o * output
                if scratch:
                    factors = (g, cs[layer], output, i)
                    slopes = (d_gates[:, :n], d_gates[:, n : 2 * n], d_gates[:, 2 * n :], d_g)
                    for k, (factor, slope) in enumerate(zip(factors, slopes, strict=True)):
                        save["jacobian"] = _write(save["jacobian"], factor * slope, t, k * n)
                    save["k"] = _write(save["k"], o * d_output, t)
                    save["f"] = _write(save["f"], f, t)
                    save["inputs"] = _write_chunk(save["inputs"], inputs, t)
                hs[layer], cs[layer] = h, c
                if layer < top:
                    y, slope = value_and_slope(model.between, h)
                    if "slope" in save:
                        save["slope"] = _write(save["slope"], slope, t)
                elif not stack.last:
                    save["top"] = _write_rows(save["top"], h, t)
            return t + 1, hs, cs, buffers

        if scratch is None:
            scratch_top = (
                {} if stack.last else {"top": tf.zeros([runs, stack.units[-1], self.timesteps, batch], x.dtype)}
            )
            start: list[dict[str, Tensor]] = [{} for _ in range(top)] + [scratch_top]
        else:
            start = scratch
        zeros = [tf.zeros([runs, units * batch], x.dtype) for units in stack.units]
        _, hs, _, buffers = tf.while_loop(lambda t, *_: t < self.timesteps, step, (tf.constant(0), zeros, zeros, start))
        return tf.reshape(hs[-1], [runs, -1, batch]) if stack.last else buffers[-1]["top"], buffers

    def _reverse(
        self,
        stack: Stack,
        matrices: Matrices,
        x: Tensor,
        d_output: Tensor,
        saved: list[dict[str, Tensor]],
        gradient: Matrices,
    ) -> tuple[Tensor, list[dict[str, Tensor]]]:
        """Write the gradients of the stack's matrices; return that of a constant input and the buffers.

        `d_output` is the derivative by the stack's output.
        """
        top, (chunks, chunk) = len(stack.units) - 1, self.chunks
        runs, batch = d_output.shape[0], d_output.shape[-1]
        backward = []  # [W' R']' without the rows that nobody asks for, [P, I + U, 4U]
        for layer, name in enumerate(stack.names):
            first = 0 if layer else stack.inputs
            backward.append(tf.transpose(matrices[name][:, :, first:-1], [0, 2, 1]))

        if not stack.last:
            d_output = _by_time(d_output)

        def step(t: Tensor, dhs: list[Tensor], dcs: list[Tensor], dzs: list[Tensor]) -> Tensor:
            dhs, dcs, dzs = list(dhs), list(dcs), list(dzs)
            d_y = None if stack.last else _read(d_output, t)
            for layer in range(top, -1, -1):
                n, save = stack.units[layer] * batch, saved[layer]
                dh = dhs[layer] if d_y is None else dhs[layer] + d_y
                dc = dcs[layer] + dh * _read(save["k"], t)
                jacobian = _read(save["jacobian"], t)
                blocks = [jacobian[:, k * n : (k + 1) * n] * d for k, d in enumerate((dc, dc, dh, dc))]
                dz = tf.concat(blocks, axis=1)
                dzs[layer] = _write_rows(dzs[layer], dz, t % chunk)
                dcs[layer] = dc * _read(save["f"], t)
                back = _flat(tf.matmul(backward[layer], tf.reshape(dz, [runs, -1, batch])))
                dhs[layer] = back[:, -n:]
                if layer:
                    d_y, below = back[:, :-n], saved[layer - 1]
                    if "slope" in below:
                        d_y *= _read(below["slope"], t)
            return t - 1, dhs, dcs, dzs

        zeros = [tf.zeros([runs, units * batch], d_output.dtype) for units in stack.units]
        dhs = [*zeros[:-1], _flat(d_output)] if stack.last else zeros
        dzs = [layer["dz"] for layer in saved]
        if chunks * chunk > self.timesteps:  # the last chunk, first here, leaves some of dz as it is
            dzs = [tf.zeros_like(dz) for dz in dzs]
        products = [
            tf.zeros([runs, 4 * units, stack.depth(layer)], d_output.dtype) for layer, units in enumerate(stack.units)
        ]
        summed = tf.zeros([runs, 4 * stack.units[0], batch], d_output.dtype)  # dz over time, for a constant input

        def reverse_chunk(
            k: Tensor, dhs: list[Tensor], dcs: list[Tensor], dzs: list[Tensor], products: list[Tensor], summed: Tensor
        ) -> Tensor:
            first = k * chunk
            last = tf.minimum(first + chunk, self.timesteps) - 1
            _, dhs, dcs, dzs = tf.while_loop(lambda t, *_: t >= first, step, (last, dhs, dcs, dzs))
            products = [
                product + tf.matmul(_columns(dz), _columns(_read_chunk(save["inputs"], k)), transpose_b=True)
                for product, dz, save in zip(products, dzs, saved, strict=True)
            ]
            if stack.constant:
                summed += tf.reduce_sum(dzs[0], axis=2)
            return k - 1, dhs, dcs, dzs, products, summed

        _, _, _, dzs, products, summed = tf.while_loop(
            lambda k, *_: k >= 0, reverse_chunk, (tf.constant(chunks - 1), dhs, zeros, dzs, products, summed)
        )
        d_x = None
        if stack.constant:
            d_w = tf.matmul(summed, x, transpose_b=True)
            d_b = tf.reduce_sum(summed, axis=2, keepdims=True)
            products[0] = tf.concat([d_w, products[0], d_b], axis=2)
            d_x = tf.matmul(matrices[stack.names[0]][:, :, : stack.inputs], summed, transpose_a=True)
        gradient |= dict(zip(stack.names, products, strict=True))
        return d_x, [{**layer, "dz": dz} for layer, dz in zip(saved, dzs, strict=True)]


def _flat(x: Tensor) -> Tensor:
    """Return [P, U, B] as [P, UB]: a CPU computes elementwise along the last axis, so it had better be long."""
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
    return dynamic_update_slice(buffer, tf.reshape(block, [runs, rows, 1, batch]), tf.stack([0, 0, t, 0]))


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


def _dense(matrix: Tensor, x: Tensor) -> Tensor:
    """Return W'x + b, [P, O, T, B], of x [P, I, T, B] and [W' b] [P, O, I + 1]."""
    runs, outputs = matrix.shape[:2]
    y = tf.matmul(matrix[:, :, :-1], _columns(x)) + matrix[:, :, -1:]
    return tf.reshape(y, [runs, outputs, *x.shape[2:]])


def _dense_reverse(matrix: Tensor, x: Tensor, d_y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivatives by x [P, I, T, B] and by the matrix [P, O, I + 1], given that by W'x + b."""
    d_y = _columns(d_y)
    d_x = tf.matmul(matrix[:, :, :-1], d_y, transpose_a=True)
    d_w = tf.matmul(d_y, _columns(x), transpose_b=True)
    d_b = tf.reduce_sum(d_y, axis=2, keepdims=True)
    return tf.reshape(d_x, x.shape), tf.concat([d_w, d_b], axis=2)


# --------------------------------------------------------------------------------- weights in and out

_GATES = (0, 1, 3, 2)  # Keras' i, f, c, o as i, f, o, g, and back


def pack(weights: Weights) -> dict[str, NDArray[np.float64]]:
    """Return the matrix of each layer, [4U, I + U + 1] or [O, I + 1], of weights by Keras' names."""
    matrices = {}
    for layer in dict.fromkeys(name.rpartition(".")[0] for name in weights):
        names = [f"{layer}.{part}" for part in ("kernel", "recurrent_kernel", "bias")]
        matrix = np.concatenate([np.atleast_2d(weights[name]) for name in names if name in weights]).T
        matrices[layer] = _reorder(matrix) if names[1] in weights else matrix
    return matrices


def unpack(matrices: dict[str, NDArray[np.float64]], like: Weights) -> Weights:
    """Return the weights by Keras' names, in the order and the shapes of `like`: the inverse of `pack`."""
    weights: Weights = {}
    for name, shaped in like.items():
        layer, _, part = name.rpartition(".")
        recurrent = f"{layer}.recurrent_kernel" in like
        columns = _reorder(matrices[layer]).T if recurrent else matrices[layer].T
        inputs = len(like[f"{layer}.kernel"])
        rows = {"kernel": slice(0, inputs), "recurrent_kernel": slice(inputs, -1), "bias": slice(-1, None)}[part]
        weights[name] = np.ascontiguousarray(columns[rows].reshape(shaped.shape))
    return weights


def _reorder(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([np.split(matrix, 4)[k] for k in _GATES])
