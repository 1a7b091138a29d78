"""Layers that advance together through time: what a stack of them consists of and remembers.

Shapes: P runs (in a layer that reads in two directions each run counts twice), B batch, T time, U
units of a layer, I inputs of a layer, n kept numbers of a layer. All layers of a stack advance in
one loop over time: forward in `fused_forward`, and in reverse in `fused_reverse`.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from lstm_ablate.experiment.network import LSTM
from lstm_ablate.training.engines.fused_blocks import Tensor

_CHUNK = 32  # time steps in a chunk of the reverse pass, at most


@dataclass(frozen=True)
class Stack:
    """LSTM layers that advance together, from the bottom up, over a number of time steps."""

    layers: tuple[LSTM, ...]
    timesteps: int
    first: bool = True  # it reads the windows, by which no derivative is needed

    @property
    def bidirectional(self) -> bool:
        """Whether its only layer reads in two directions."""
        return self.layers[0].bidirectional

    @property
    def constant(self) -> bool:
        """Whether the input is the same at every time step."""
        return self.layers[0].repeated

    @property
    def last_step(self) -> bool:
        """Whether only the last time step is passed on."""
        return self.layers[-1].last_step

    @property
    def passes_back(self) -> bool:
        """Whether the derivative by the input is needed at each time step."""
        return not (self.first or self.constant)

    def adds(self, level: int) -> bool:
        """Whether a layer adds its input to what it keeps.

        In a layer of two directions `fused_network` adds it, once both are side by side.
        """
        return self.layers[level].residual and not self.bidirectional

    def seam(self, level: int) -> bool:
        """Whether another layer of the stack reads this one.

        The seam above a stack is computed by `fused_network`.
        """
        return level < len(self.layers) - 1

    def normalizes(self, level: int) -> bool:
        """Whether a layer's value is normalized within the stack."""
        return self.seam(level) and self.layers[level].normalized

    def saves_slope(self, level: int) -> bool:
        """Whether between' of a layer is saved: if it is not 1, and another layer follows."""
        return self.seam(level) and self.layers[level].between != "linear"

    @property
    def chunks(self) -> tuple[int, int]:
        """K and C: how many chunks the reverse pass has, and time steps each but the last."""
        chunks = -(-self.timesteps // _CHUNK)
        return chunks, -(-self.timesteps // chunks)


class Matrices(NamedTuple):
    """The weights of a layer, or their derivatives; () for those that it does not have."""

    m: Tensor  # [P, 4U, I + n + 1]
    peepholes: Tensor  # [P, 3U, 1]
    projection: Tensor  # [P, n, U]
    scaling: Tensor  # [P, n, 2]: gamma, beta of the normalization within the stack


class Saved(NamedTuple):
    """What the forward loop saves of a layer for the reverse loop; () for what is not needed.

    The local derivatives are read and written as one block at each time step. The factors of
    products that sum over time are stored in chunks, as these products need them.
    """

    jacobian: Tensor  # [T, P, 4UB]: J_i, J_f, J_o, J_g
    k: Tensor  # [T, P, UB]
    f: Tensor  # [T, P, UB]
    inputs: Tensor  # [K, P, rows, C, B]: [x; m; 1]
    c: Tensor  # [T + 1, P, UB]: c_{t-1} at t, with peepholes
    r: Tensor  # [K, P, U, C, B], with a projection
    unclipped: Tensor  # [T, P, nB]: clip'(P r), where that is clipped
    standard: Tensor  # [T, P, nB]: (h - mean) / deviation, with `Stack.normalizes`
    scale: Tensor  # [T, P, B]: 1 / deviation
    slope: Tensor  # [T, P, nB]: between', with `Stack.saves_slope`


class Buffers(NamedTuple):
    """The memory of a stack, kept from batch to batch, so that it is cleared only once an epoch."""

    saved: list[Saved]  # by layer
    output: Tensor  # [P, n, T, B]: h of the top layer, or [P, nB] with `Stack.last_step`
    dz: list[Tensor]  # by layer [P, 4U, C, B], of one chunk
    dm: list[Tensor]  # by layer [P, n, C, B] with a projection, or ()


def buffers(stack: Stack, runs: int, batch: int, dtype: Tensor) -> Buffers:
    """Return empty buffers for a stack; a layer of two directions has two populations of runs."""
    steps, (chunks, chunk) = stack.timesteps, stack.chunks
    runs *= len(stack.layers[0].directions)

    def zeros(*shape: int, when: Any = True) -> Tensor:
        return tf.zeros(shape, dtype) if when else ()

    def of(level: int, layer: LSTM) -> Saved:
        units, kept = layer.units * batch, layer.kept * batch
        normalizes = stack.normalizes(level)
        return Saved(
            jacobian=zeros(steps, runs, 4 * units),
            k=zeros(steps, runs, units),
            f=zeros(steps, runs, units),
            inputs=zeros(chunks, runs, rows(layer), chunk, batch),
            c=zeros(steps + 1, runs, units, when=layer.peepholes),
            r=zeros(chunks, runs, layer.units, chunk, batch, when=layer.projection),
            unclipped=zeros(steps, runs, kept, when=layer.projection_clip),
            standard=zeros(steps, runs, kept, when=normalizes),
            scale=zeros(steps, runs, batch, when=normalizes),
            slope=zeros(steps, runs, kept, when=stack.saves_slope(level)),
        )

    return Buffers(
        saved=[of(level, layer) for level, layer in enumerate(stack.layers)],
        output=empty_output(stack, runs, batch, dtype),
        dz=[zeros(runs, 4 * layer.units, chunk, batch) for layer in stack.layers],
        dm=[zeros(runs, layer.kept, chunk, batch, when=layer.projection) for layer in stack.layers],
    )


def empty_output(stack: Stack, runs: int, batch: int, dtype: Tensor) -> Tensor:
    kept = stack.layers[-1].kept
    shape = [runs, kept * batch] if stack.last_step else [runs, kept, stack.timesteps, batch]
    return tf.zeros(shape, dtype)


def rows(layer: LSTM) -> int:
    """Return the rows of what M multiplies: [x; m; 1], or m alone if x is constant."""
    return layer.kept if layer.repeated else layer.inputs + layer.kept + 1
