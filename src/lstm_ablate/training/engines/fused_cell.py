"""One LSTM layer at one time step, for a population of runs: its value and its derivatives.

Shapes: P runs (in a layer that reads in two directions each run counts twice), B batch, U units, n
kept numbers of a layer. Tensors that are multiplied elementwise are flat, [P, UB], because a CPU
computes along the last axis, which should be long.

With z = [z_i, z_f, z_o, z_g] of the product with M, and p_i, p_f, p_o the peepholes (Graves 2013,
arXiv 1308.0850, equations 7 to 11), P the projection (Sak et al. 2014):

    i, f = gates(z_i + p_i c_{t-1}), gates(z_f + p_f c_{t-1})    g = candidate(z_g)
    c_t  = clip(f c_{t-1} + i g)           o   = gates(z_o + p_o c_t)
    r_t  = o output(c_t)                   m_t = clip(P r_t), or r_t without a projection

The forward pass saves the local derivatives, with s = clip'(f c_{t-1} + i g):

    J_i = s g gates'(z_i)    J_f = s c_{t-1} gates'(z_f)    J_g = s i candidate'(z_g)    s f
    J_o = output(c_t) gates'(z_o)    k = o output'(c_t)

and back-propagation needs nothing else from the cell (Hochreiter & Schmidhuber 1997; with forget
gates and the whole gradient, Gers et al. 2000, Graves & Schmidhuber 2005; the names are those of
Greff et al. 2017, appendix A, which also has the peepholes):

    dm_t = clip'(P r_t) dm_t    dr_t = P' dm_t    dz_o = J_o dr_t
    dc_t = dc_{t+1} + k dr_t + p_o dz_o
    dz_i, dz_f, dz_g = J_i dc_t, J_f dc_t, J_g dc_t
    dc_{t-1} = s f dc_t + p_i dz_i + p_f dz_f
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from lstm_ablate.experiment.network import LSTM
from lstm_ablate.training.engines.functions import fused
from lstm_ablate.training.engines.fused_blocks import Tensor

EPSILON = 1e-3  # Keras' default for a normalization


def value_and_slope(activation: str, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the activation of each element and its derivative, which is TensorFlow's own."""
    return _value_and_slope(fused(activation), x)


def clipped(x: Tensor, limit: float) -> tuple[Tensor, Tensor]:
    """Return each element clipped to +- a limit, and 1 where it was within it, 0 elsewhere."""
    return _value_and_slope(lambda x: tf.clip_by_value(x, -limit, limit), x)


def _value_and_slope(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return y, tape.gradient(y, x)


class Local(NamedTuple):
    """The local derivatives of a cell at one time step, each [P, UB]; J and f contain clip'."""

    J_i: Tensor
    J_f: Tensor
    J_o: Tensor
    J_g: Tensor
    k: Tensor
    f: Tensor


def cell(
    layer: LSTM, z: Tensor, c_before: Tensor, peepholes: Tensor | None
) -> tuple[Tensor, Tensor, Local]:
    """Return r_t, c_t and the local derivatives, given z [P, 4UB] and c_{t-1} [P, UB].

    `peepholes` [P, 3UB] are p_i, p_f, p_o, repeated over the batch, or None.
    """
    n = c_before.shape[1]
    z_if, z_o = z[:, : 2 * n], z[:, 2 * n : 3 * n]
    if peepholes is not None:
        z_if += peepholes[:, : 2 * n] * tf.concat([c_before, c_before], axis=1)
    i_f, d_if = value_and_slope(layer.gates, z_if)
    g, d_g = value_and_slope(layer.candidate, z[:, 3 * n :])
    i, f = i_f[:, :n], i_f[:, n:]
    c = f * c_before + i * g
    J_i, J_f, J_g = g * d_if[:, :n], c_before * d_if[:, n:], i * d_g
    if layer.cell_clip:
        c, inside = clipped(c, layer.cell_clip)
        J_i, J_f, J_g, f = (slope * inside for slope in (J_i, J_f, J_g, f))
    if peepholes is not None:
        z_o += peepholes[:, 2 * n :] * c
    o, d_o = value_and_slope(layer.gates, z_o)
    output, d_output = value_and_slope(layer.output, c)
    return o * output, c, Local(J_i, J_f, output * d_o, J_g, o * d_output, f)


def cell_reverse(
    local: Local, dr: Tensor, dc_after: Tensor, peepholes: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return dz [P, 4UB] and the derivative by c_{t-1} [P, UB].

    `dr` is the derivative by r_t, and `dc_after` the one by c_t through later time steps; each is
    [P, UB].
    """
    n = dr.shape[1]
    dz_o = local.J_o * dr
    dc = dc_after + dr * local.k
    if peepholes is not None:
        dc += peepholes[:, 2 * n :] * dz_o
    dz_i, dz_f = local.J_i * dc, local.J_f * dc
    dc_before = dc * local.f
    if peepholes is not None:
        dc_before += peepholes[:, :n] * dz_i + peepholes[:, n : 2 * n] * dz_f
    return tf.concat([dz_i, dz_f, dz_o, local.J_g * dc], axis=1), dc_before


def normalized(scaling: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return gamma x' + beta, x' = (x - mean) / deviation, and 1 / deviation (Ba et al. 2016).

    x is [P, n, ...], its mean and deviation are over the n; scaling [P, n, 2] is gamma, beta.
    """
    mean = tf.reduce_mean(x, axis=1, keepdims=True)
    scale = tf.math.rsqrt(tf.reduce_mean(tf.square(x - mean), axis=1, keepdims=True) + EPSILON)
    standard = (x - mean) * scale
    gamma, beta = _broadcast(scaling, len(x.shape))
    return gamma * standard + beta, standard, scale


def normalized_reverse(scaling: Tensor, standard: Tensor, scale: Tensor, d_y: Tensor) -> Tensor:
    """Return the derivative by x of `normalized`, given the derivative by its value."""
    gamma, _ = _broadcast(scaling, len(d_y.shape))
    d = gamma * d_y
    mean = tf.reduce_mean(d, axis=1, keepdims=True)
    along = tf.reduce_mean(d * standard, axis=1, keepdims=True)
    return scale * (d - mean - standard * along)


def _broadcast(scaling: Tensor, dimensions: int) -> tuple[Tensor, Tensor]:
    """Return gamma and beta as [P, n, 1, ...], with this number of dimensions."""
    shape = [*scaling.shape[:2]] + [1] * (dimensions - 2)
    return tf.reshape(scaling[..., 0], shape), tf.reshape(scaling[..., 1], shape)
