"""Blocks of the fused engine's buffers, read and written in place, and products over time.

Shapes: P runs, U rows, B batch, T time, K chunks of C time steps.
"""

from typing import Any

import tensorflow as tf

# TensorFlow's public interface has no operation that XLA performs in place, so these two are taken
# from inside of it.
from tensorflow.compiler.tf2xla.python.xla import dynamic_slice, dynamic_update_slice

Tensor = Any  # TensorFlow carries no types


def flat(x: Tensor) -> Tensor:
    """Return [P, U, B] as [P, UB]: a CPU computes along the last axis, which should be long."""
    return tf.reshape(x, [x.shape[0], -1])


def tall(x: Tensor, batch: int) -> Tensor:
    """Return [P, UB] as [P, U, B]."""
    return tf.reshape(x, [x.shape[0], -1, batch])


def by_time(x: Tensor) -> Tensor:
    """Return [P, U, T, B] as [T, P, UB]."""
    runs, units, steps, batch = x.shape
    return tf.reshape(tf.transpose(x, [2, 0, 1, 3]), [steps, runs, units * batch])


def read(buffer: Tensor, t: Tensor) -> Tensor:
    """Return the block [P, n] of a buffer [T, P, n] at time t."""
    return tf.squeeze(dynamic_slice(buffer, tf.stack([t, 0, 0]), [1, *buffer.shape[1:]]), 0)


def write(buffer: Tensor, block: Tensor, t: Tensor, first: int = 0) -> Tensor:
    """Return the buffer [T, P, n] with a block [P, m] at time t, from column `first` on."""
    return dynamic_update_slice(buffer, block[None], tf.stack([t, 0, first]))


def write_rows(buffer: Tensor, block: Tensor, t: Tensor) -> Tensor:
    """Return the buffer [P, U, T, B] with a block [P, UB] at time t."""
    runs, rows, _, batch = buffer.shape
    block = tf.reshape(block, [runs, rows, 1, batch])
    return dynamic_update_slice(buffer, block, tf.stack([0, 0, t, 0]))


def read_chunk(buffer: Tensor, k: Tensor) -> Tensor:
    """Return the block [P, U, C, B] of a buffer [K, P, U, C, B] at chunk k."""
    return tf.squeeze(dynamic_slice(buffer, tf.stack([k, 0, 0, 0, 0]), [1, *buffer.shape[1:]]), 0)


def write_chunk(buffer: Tensor, block: Tensor, t: Tensor) -> Tensor:
    """Return the buffer [K, P, U, C, B] with a block [P, UB] at time t."""
    _, runs, rows, chunk, batch = buffer.shape
    block = tf.reshape(block, [1, runs, rows, 1, batch])
    return dynamic_update_slice(buffer, block, tf.stack([t // chunk, 0, 0, t % chunk, 0]))


def columns(x: Tensor) -> Tensor:
    """Return [P, U, T, B] as [P, U, TB]."""
    return tf.reshape(x, [x.shape[0], x.shape[1], -1])


def over_time(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum over time and batch of a b', [P, U, V]; a is [P, U, T, B], b [P, V, T, B]."""
    return tf.matmul(columns(a), columns(b), transpose_b=True)
