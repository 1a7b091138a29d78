"""Layers that advance together through time, forward, for a population of runs.

Shapes: P runs (in a layer that reads in two directions each run counts twice), B batch, T time, U
units of a layer, I inputs of a layer, n kept numbers of a layer. An LSTM layer is one matrix
M = [W' R' b], [P, 4U, I + n + 1], with the gates in the order i, f, o, g. What a layer does at a
time step is in `fused_cell`.

Why features come before the batch, unlike in Keras. A time step is one product
z = M [x_t; m_{t-1}; 1], and in its result [P, 4U, B] each gate is a contiguous block [P, U, B]. On
a CPU this product was 1.1 times as fast as with the batch first, and its transpose in the reverse
pass 1.5 times. As a column of M the bias costs nothing, and neither does its gradient. The price is
that weights have to be rearranged on their way in and out (`fused_weights`). Nothing of this has
been measured on a GPU. If products with the batch first are faster there, or on a CPU after a
change of XLA, the order should be decided anew.
"""

from typing import NamedTuple

import tensorflow as tf

from lstm_ablate.experiment.network import LSTM
from lstm_ablate.training.engines.fused_blocks import (
    Tensor,
    by_time,
    flat,
    read,
    tall,
    write,
    write_chunk,
    write_rows,
)
from lstm_ablate.training.engines.fused_cell import (
    Local,
    cell,
    clipped,
    normalized,
    value_and_slope,
)
from lstm_ablate.training.engines.fused_stack import Matrices, Saved, Stack, empty_output


class _State(NamedTuple):
    """What the forward loop carries from time step to time step, by layer."""

    m: list[Tensor]  # [P, nB]
    c: list[Tensor]  # [P, UB]


class _Multiplied(NamedTuple):
    """The factors of the products in the loops, by layer."""

    m: list[Tensor]  # M; for the lowest layer only R', if its input is constant
    peepholes: list[Tensor | None]  # [P, 3UB], repeated over the batch
    x: Tensor | None  # a constant input [P, IB]
    drive: Tensor | None  # W' x + b of a constant input [P, 4UB], the same at every time step
    ones: Tensor  # [P, B]


def _multiplied(stack: Stack, weights: list[Matrices], x: Tensor) -> _Multiplied:
    matrices, drive, batch = [of_layer.m for of_layer in weights], None, x.shape[-1]
    if stack.constant:
        inputs = stack.layers[0].inputs
        drive = flat(tf.matmul(matrices[0][:, :, :inputs], x) + matrices[0][:, :, -1:])
        matrices[0] = matrices[0][:, :, inputs:-1]
    return _Multiplied(
        matrices,
        repeated_peepholes(weights, batch),
        flat(x) if stack.constant else None,
        drive,
        tf.ones([x.shape[0], batch], x.dtype),
    )


def repeated_peepholes(weights: list[Matrices], batch: int) -> list[Tensor | None]:
    """Return the peepholes [P, 3U, 1] of each layer, repeated over the batch, as [P, 3UB].

    A layer without peepholes has None.
    """
    return [
        flat(tf.repeat(of_layer.peepholes, batch, axis=2))
        if isinstance(of_layer.peepholes, tf.Tensor)
        else None
        for of_layer in weights
    ]


def forward(
    stack: Stack, weights: list[Matrices], x: Tensor, saved: list[Saved], output: Tensor | None
) -> tuple[Tensor, list[Saved], Tensor]:
    """Return the stack's value and the filled buffers.

    The value is h of the top layer, [P, n, T, B], or only its last time step, [P, n, B]. x is
    [P, I, T, B], or [P, I, B] if it is constant in time. If `saved` is empty, only the output is
    saved, and `output` may be None.
    """
    runs, batch = x.shape[0], x.shape[-1]
    by = _multiplied(stack, weights, x)
    xs = None if stack.constant else by_time(x)
    if output is None:
        output = empty_output(stack, runs, batch, x.dtype)

    def step(t: Tensor, before: _State, saved: list[Saved], output: Tensor) -> Tensor:
        x_now = None if xs is None else read(xs, t)
        now, h, saved = _forward_step(stack, weights, by, t, x_now, before, saved)
        return t + 1, now, saved, h if stack.last_step else write_rows(output, h, t)

    start = _State(
        [tf.zeros([runs, layer.kept * batch], x.dtype) for layer in stack.layers],
        [tf.zeros([runs, layer.units * batch], x.dtype) for layer in stack.layers],
    )
    loop = (tf.constant(0), start, saved, output)
    _, _, saved, output = tf.while_loop(lambda t, *_: t < stack.timesteps, step, loop)
    return tall(output, batch) if stack.last_step else output, saved, output


def _forward_step(
    stack: Stack,
    weights: list[Matrices],
    by: _Multiplied,
    t: Tensor,
    x: Tensor | None,
    before: _State,
    saved: list[Saved],
) -> tuple[_State, Tensor, list[Saved]]:
    """Return m_t and c_t of every layer, h_t of the top layer, and what is saved up to time t.

    `before` holds those of t - 1. x is x_t [P, IB], or None if the input is constant. If `saved` is
    empty, nothing is saved.
    """
    ms, cs = list(before.m), list(before.c)
    kept: list[Saved] = []
    (runs, batch), y = by.ones.shape, x
    h = x
    for level, layer in enumerate(stack.layers):
        inputs = ms[level] if y is None else tf.concat([y, ms[level], by.ones], axis=1)
        z = flat(tf.matmul(by.m[level], tf.reshape(inputs, [runs, -1, batch])))
        if y is None:
            z += by.drive
        r, c, local = cell(layer, z, cs[level], by.peepholes[level])
        now = _save(saved[level], t, local, inputs, c) if saved else None
        m, now = _projected(layer, weights[level].projection, r, t, now)
        h = m + (by.x if y is None else y) if stack.adds(level) else m
        y, now = _passed_on(stack, level, weights[level].scaling, h, t, now)
        ms[level], cs[level] = m, c
        if now:
            kept.append(now)
    return _State(ms, cs), h, kept


def _projected(
    layer: LSTM, projection: Tensor, r: Tensor, t: Tensor, saved: Saved | None
) -> tuple[Tensor, Saved | None]:
    """Return m_t [P, nB] of r_t [P, UB], and what is saved of the layer."""
    if not layer.projection:
        return r, saved
    units = layer.units
    m = flat(tf.matmul(projection, tall(r, r.shape[1] // units)))
    if saved:
        saved = saved._replace(r=write_chunk(saved.r, r, t))
    if layer.projection_clip:
        m, inside = clipped(m, layer.projection_clip)
        if saved:
            saved = saved._replace(unclipped=write(saved.unclipped, inside, t))
    return m, saved


def _passed_on(
    stack: Stack, level: int, scaling: Tensor, h: Tensor, t: Tensor, saved: Saved | None
) -> tuple[Tensor, Saved | None]:
    """Return what the layer above reads, y_t = between(normalization(h_t)) [P, nB], and what is
    saved of the layer.
    """
    layer = stack.layers[level]
    if not stack.seam(level) or layer.between is None:
        return h, saved
    if stack.normalizes(level):
        batch = h.shape[1] // layer.kept
        y, standard, scale = normalized(scaling, tall(h, batch))
        h = flat(y)
        if saved:
            standard = write(saved.standard, flat(standard), t)
            saved = saved._replace(standard=standard, scale=write(saved.scale, flat(scale), t))
    y, slope = value_and_slope(layer.between, h)
    if saved and stack.saves_slope(level):
        saved = saved._replace(slope=write(saved.slope, slope, t))
    return y, saved


def _save(saved: Saved, t: Tensor, local: Local, inputs: Tensor, c: Tensor) -> Saved:
    """Return what is saved of a layer, now with the cell's part at time t."""
    jacobian, n = saved.jacobian, local.f.shape[1]
    for position, block in enumerate((local.J_i, local.J_f, local.J_o, local.J_g)):
        jacobian = write(jacobian, block, t, position * n)
    return saved._replace(
        jacobian=jacobian,
        k=write(saved.k, local.k, t),
        f=write(saved.f, local.f, t),
        inputs=write_chunk(saved.inputs, inputs, t),
        c=write(saved.c, c, t + 1) if isinstance(saved.c, tf.Tensor) else (),
    )
