"""Back-propagation through time of layers that advance together, for a population of runs.

Shapes: P runs (in a layer that reads in two directions each run counts twice), B batch, T time, U
units of a layer, I inputs of a layer, n kept numbers of a layer. Given dz of a time step, from the
local derivatives that the forward loop saved, back-propagation through time goes on with

    [dx_t; dm_{t-1}] += [W' R']' dz

The gradient of M is the sum over time of dz [x_t; m_{t-1}; 1]', computed as one product for each
chunk of C time steps. Only one chunk of dz is held, because what the reverse loop needs soon
outgrows the caches, and then the time per time step grows with T. Holding all of dz took 11% longer
with 240 time steps of the default network, and no longer with 30.
"""

from typing import Any, NamedTuple

import tensorflow as tf

from lstm_ablate.experiment.network import LSTM
from lstm_ablate.training.engines.fused_blocks import (
    Tensor,
    by_time,
    flat,
    over_time,
    read,
    read_chunk,
    tall,
    write_rows,
)
from lstm_ablate.training.engines.fused_cell import Local, cell_reverse, normalized_reverse
from lstm_ablate.training.engines.fused_forward import repeated_peepholes
from lstm_ablate.training.engines.fused_stack import Buffers, Matrices, Saved, Stack, rows


class _Summed(NamedTuple):
    """The derivatives of a layer that are summed over time elementwise; () if it has none."""

    peepholes: Tensor  # [P, 3UB]
    gamma: Tensor  # [P, nB]
    beta: Tensor  # [P, nB]


class _Backward(NamedTuple):
    """What the reverse loop carries from time step to time step; all but `dx` are by layer."""

    dm: list[Tensor]  # [P, nB], the derivative by m_t through later time steps
    dc: list[Tensor]  # [P, UB], the derivative by c_t through later time steps
    dz_chunk: list[Tensor]  # [P, 4U, C, B], of the time steps of the chunk so far
    dm_chunk: list[Tensor]  # [P, n, C, B] with a projection, or ()
    summed: list[_Summed]
    # The derivative by the input, [P, I, T, B], or (). If the input is constant, only its part
    # through a residual, summed over time, [P, IB].
    dx: Tensor


def reverse(
    stack: Stack, weights: list[Matrices], x: Tensor, d_output: Tensor, memory: Buffers
) -> tuple[Tensor | None, list[Matrices], Buffers]:
    """Return the derivatives by the input and by the weights, and the used buffers.

    `d_output` is the derivative by the stack's value, and `memory` is what the forward loop left.
    The derivative by the input has the shape of x; it is None for a stack that reads the windows.
    """
    (chunks, chunk), saved = stack.chunks, memory.saved
    peepholes = repeated_peepholes(weights, x.shape[-1])
    transposed = _transposed(stack, weights)
    d_outputs = None if stack.last_step else by_time(d_output)

    def d_h(t: Tensor) -> Tensor:
        if d_outputs is not None:
            return read(d_outputs, t)
        return tf.where(t == stack.timesteps - 1, flat(d_output), 0.0)

    def step(t: Tensor, after: _Backward) -> Tensor:
        return t - 1, _reverse_step(stack, weights, peepholes, transposed, saved, t, d_h(t), after)

    def reverse_chunk(k: Tensor, after: _Backward, products: Any, dz_sum: Tensor) -> Tensor:
        first = k * chunk
        last = tf.minimum(first + chunk, stack.timesteps) - 1
        _, before = tf.while_loop(lambda t, *_: t >= first, step, (last, after))
        products = [
            _add_products(*of)
            for of in zip(
                products, before.dz_chunk, before.dm_chunk, saved, [k] * len(saved), strict=True
            )
        ]
        if stack.constant:
            dz_sum += tf.reduce_sum(before.dz_chunk[0], axis=2)
        return k - 1, before, products, dz_sum

    start = _start(stack, d_output, memory)
    products = [
        (
            tf.zeros_like(matrices.m[:, :, : rows(layer)]),
            tf.zeros_like(matrices.projection) if layer.projection else (),
        )
        for layer, matrices in zip(stack.layers, weights, strict=True)
    ]
    # The sum of dz over time, which a constant input needs.
    dz_sum = tf.zeros_like(start.dz_chunk[0][:, :, 0])
    loop = (tf.constant(chunks - 1), start, products, dz_sum)
    _, end, products, dz_sum = tf.while_loop(lambda k, *_: k >= 0, reverse_chunk, loop)

    batch = x.shape[-1]
    gradients = [
        Matrices(m, _over_batch(summed.peepholes, batch), projection, _scaling(summed, batch))
        for (m, projection), summed in zip(products, end.summed, strict=True)
    ]
    d_x = end.dx if stack.passes_back else None
    if stack.constant:
        d_x, d_m = _constant_reverse(stack.layers[0], weights[0].m, x, gradients[0].m, dz_sum)
        gradients[0] = gradients[0]._replace(m=d_m)
        if stack.adds(0):
            d_x += tall(end.dx, batch)
    return d_x, gradients, memory._replace(dz=end.dz_chunk, dm=end.dm_chunk)


def _transposed(stack: Stack, weights: list[Matrices]) -> list[Tensor]:
    """Return [W' R']' of each layer, [P, I + n, 4U].

    For the lowest layer it is R alone, [P, n, 4U], if the derivative by its input is not needed at
    each time step. By the windows it is never needed, and by a constant input it is computed once
    for all time steps.
    """
    firsts = [0] * len(weights)
    firsts[0] = 0 if stack.passes_back else stack.layers[0].inputs
    return [
        tf.transpose(of_layer.m[:, :, first:-1], [0, 2, 1])
        for of_layer, first in zip(weights, firsts, strict=True)
    ]


def _start(stack: Stack, d_output: Tensor, memory: Buffers) -> _Backward:
    (chunks, chunk), dz = stack.chunks, memory.dz
    runs, batch, dtype = d_output.shape[0], d_output.shape[-1], d_output.dtype

    def zeros(*shape: int, when: Any = True) -> Tensor:
        return tf.zeros(shape, dtype) if when else ()

    dm = memory.dm
    # If the last chunk, which comes first here, is shorter, it leaves some of the buffer unwritten.
    if chunks * chunk > stack.timesteps:
        dz, dm = tf.nest.map_structure(tf.zeros_like, (dz, dm))
    d_x: Tensor = ()
    if stack.passes_back:
        d_x = zeros(runs, stack.layers[0].inputs, stack.timesteps, batch)
    elif stack.constant and stack.adds(0):
        d_x = zeros(runs, stack.layers[0].inputs * batch)
    return _Backward(
        dm=[zeros(runs, layer.kept * batch) for layer in stack.layers],
        dc=[zeros(runs, layer.units * batch) for layer in stack.layers],
        dz_chunk=dz,
        dm_chunk=dm,
        summed=[
            _Summed(
                zeros(runs, 3 * layer.units * batch, when=layer.peepholes),
                zeros(runs, layer.kept * batch, when=stack.normalizes(level)),
                zeros(runs, layer.kept * batch, when=stack.normalizes(level)),
            )
            for level, layer in enumerate(stack.layers)
        ],
        dx=d_x,
    )


def _reverse_step(
    stack: Stack,
    weights: list[Matrices],
    peepholes: list[Tensor | None],
    transposed: list[Tensor],
    saved: list[Saved],
    t: Tensor,
    d_h: Tensor,
    after: _Backward,
) -> _Backward:
    """Return the derivatives by m_{t-1} and c_{t-1} of every layer, and the sums down to time t.

    `d_h` [P, nB] is the derivative by what the stack passes on at time t.
    """
    dms, dcs, dzs, chunks = (
        list(of) for of in (after.dm, after.dc, after.dz_chunk, after.dm_chunk)
    )
    summed, d_x = list(after.summed), after.dx
    for level in reversed(range(len(saved))):
        now, layer, (_, _, chunk, batch) = saved[level], stack.layers[level], dzs[level].shape
        dr = dms[level] + d_h
        if layer.projection:
            if layer.projection_clip:
                dr *= read(now.unclipped, t)
            chunks[level] = write_rows(chunks[level], dr, t % chunk)
            dr = flat(tf.matmul(weights[level].projection, tall(dr, batch), transpose_a=True))
        dz, dcs[level] = cell_reverse(_local(now, t), dr, dcs[level], peepholes[level])
        dzs[level] = write_rows(dzs[level], dz, t % chunk)
        if layer.peepholes:
            summed[level] = _add_peepholes(summed[level], now, dz, t)
        back = flat(tf.matmul(transposed[level], tall(dz, batch)))
        n = dms[level].shape[1]
        dms[level], d_below = back[:, -n:], back[:, :-n]
        if level:
            if stack.adds(level):
                d_below += d_h
            d_h, summed[level - 1] = _through_seam(
                stack,
                level - 1,
                weights[level - 1].scaling,
                saved[level - 1],
                t,
                d_below,
                summed[level - 1],
            )
        elif stack.passes_back:
            d_x = write_rows(d_x, d_below + d_h if stack.adds(0) else d_below, t)
        elif stack.constant and stack.adds(0):
            d_x += d_h
    return _Backward(dms, dcs, dzs, chunks, summed, d_x)


def _local(saved: Saved, t: Tensor) -> Local:
    jacobian = read(saved.jacobian, t)
    n = jacobian.shape[1] // 4
    J_i, J_f, J_o, J_g = (jacobian[:, block * n : (block + 1) * n] for block in range(4))
    return Local(J_i, J_f, J_o, J_g, read(saved.k, t), read(saved.f, t))


def _add_peepholes(summed: _Summed, saved: Saved, dz: Tensor, t: Tensor) -> _Summed:
    """Add dz_i c_{t-1}, dz_f c_{t-1} and dz_o c_t."""
    before, now = read(saved.c, t), read(saved.c, t + 1)
    seen = tf.concat([before, before, now], axis=1)
    return summed._replace(peepholes=summed.peepholes + dz[:, : seen.shape[1]] * seen)


def _through_seam(
    stack: Stack,
    level: int,
    scaling: Tensor,
    saved: Saved,
    t: Tensor,
    d_y: Tensor,
    summed: _Summed,
) -> tuple[Tensor, _Summed]:
    """Return the derivative by h_t of a layer, given the one by between(normalization(h_t)).

    With it come the sums of the layer, with those of gamma and beta carried on.
    """
    if stack.saves_slope(level):
        d_y *= read(saved.slope, t)
    if not stack.normalizes(level):
        return d_y, summed
    standard = read(saved.standard, t)
    summed = summed._replace(gamma=summed.gamma + d_y * standard, beta=summed.beta + d_y)
    batch = d_y.shape[1] // stack.layers[level].kept
    scale = read(saved.scale, t)[:, None]
    d_h = normalized_reverse(scaling, tall(standard, batch), scale, tall(d_y, batch))
    return flat(d_h), summed


def _add_products(
    products: tuple[Tensor, Tensor], dz: Tensor, dm: Tensor, saved: Saved, k: Tensor
) -> tuple[Tensor, Tensor]:
    """Add a chunk's part of the derivatives by M and by the projection."""
    m, projection = products
    m += over_time(dz, read_chunk(saved.inputs, k))
    if isinstance(projection, tf.Tensor):
        projection += over_time(dm, read_chunk(saved.r, k))
    return m, projection


def _over_batch(x: Tensor, batch: int) -> Tensor:
    """Return the sum of [P, UB] over the batch, as [P, U, 1]; () for ()."""
    if not isinstance(x, tf.Tensor):
        return ()
    return tf.reduce_sum(tall(x, batch), axis=2, keepdims=True)


def _scaling(summed: _Summed, batch: int) -> Tensor:
    """Return the derivatives by gamma and beta, [P, n, 2]; () if there is no normalization."""
    if not isinstance(summed.gamma, tf.Tensor):
        return ()
    return tf.concat([_over_batch(summed.gamma, batch), _over_batch(summed.beta, batch)], axis=2)


def _constant_reverse(
    layer: LSTM, m: Tensor, x: Tensor, d_r: Tensor, dz_sum: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the derivatives by a constant input x [P, I, B] and by M.

    `d_r` is the derivative by R', and `dz_sum` [P, 4U, B] the sum of dz over time.
    """
    d_w = tf.matmul(dz_sum, x, transpose_b=True)
    d_b = tf.reduce_sum(dz_sum, axis=2, keepdims=True)
    d_x = tf.matmul(m[:, :, : layer.inputs], dz_sum, transpose_a=True)
    return d_x, tf.concat([d_w, d_r, d_b], axis=2)
