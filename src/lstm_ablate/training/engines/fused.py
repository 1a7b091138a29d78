"""The fused engine: a group of runs as one compiled program, with no Python call within an epoch.

Shapes: P runs, N windows, B batch, T time, F features. A program holds one epoch: every training
step, then the validation. It is compiled once for a structure; weights, windows, their order and
the numbers of each run's optimizer, such as its learning rate, are its arguments. The test is an
epoch without a training step: a program of its own took 0.8 s of a core to trace and compile.

A run's numbers are the same bit for bit whatever its place in the group and its neighbours: nothing
is ever summed over runs, and P is fixed by the settings, since a program of another P may round
otherwise.

Programs are not kept on disk. TensorFlow can do that, but reads a damaged file of its cache
without a check: of 8 single flipped bits, 2 ended in a segmentation fault. It would save some 2 s
for each network and worker. A cache with checksums would change our mind.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lstm_ablate.experiment.network import Network, network_of
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import Optimizer
from lstm_ablate.experiment.structure import TrainingStructure
from lstm_ablate.training.engines import (
    SHOWN,
    EpochEnd,
    OnEpoch,
    Trained,
    fused_network,
    fused_optimizers,
    result_of,
)
from lstm_ablate.training.engines.devices import device
from lstm_ablate.training.engines.fused_blocks import Tensor
from lstm_ablate.training.engines.fused_optimizers import Tensors
from lstm_ablate.training.engines.fused_weights import pack, unpack
from lstm_ablate.training.inputs.randomness import Weights, batch_order, initial_weights
from lstm_ablate.training.inputs.windows import Arrays

__all__ = ["device", "train"]

_EVALUATED = 256  # windows evaluated at once, at most
_FEW = 32  # windows that take hardly longer to evaluate than one


def train(runs: Sequence[Run], arrays: Sequence[Arrays], on_epoch: OnEpoch) -> Iterator[Trained]:
    """Train a group; see the contract in `lstm_ablate.training.engines`.

    A short group is filled up with copies of its first run, whose results are dropped.
    """
    settings, size = runs[0].settings, runs[0].group_size
    training = settings.training
    places = [place if place < len(runs) else 0 for place in range(size)]
    windows = _windows([arrays[place] for place in places], training.dtype)
    samples, timesteps, features = windows.train.shape[1:]
    network = network_of(settings.model, timesteps, features)
    initial = [
        initial_weights(network, run.seed, run.purpose, run.settings.model.initializers)
        for run in runs
    ]
    structure = runs[0].structure.training
    program = _program(network, structure, samples)
    state = _start([pack(network, initial[place]) for place in places], structure)
    numbers = _numbers([runs[place].settings.training.optimizer for place in places], structure)

    train_losses: list[list[float]] = [[] for _ in runs]
    validation_losses: list[list[float]] = [[] for _ in runs]
    alive = np.ones(size, bool)
    for epoch in range(training.epochs):
        order = _orders([runs[place] for place in places], epoch, samples, program.batch)
        state, losses, _ = program.epoch(
            state, numbers, order, tf.constant(alive), windows, program.steps, windows.validation
        )
        for index, (train, validation) in enumerate(losses.numpy().tolist()[: len(runs)]):
            if alive[index]:
                train_losses[index].append(train)
                validation_losses[index].append(validation)
                weights = partial(_weights, network, state, index)
                on_epoch(EpochEnd(index, epoch + 1, train, validation, weights))
        alive &= np.isfinite(losses.numpy()).all(axis=1)
        if not alive.any():
            break

    matrices = state.best if training.select == "best" else state.matrices
    test_losses: list[float | None] = [None] * size
    reconstructions: Sequence[NDArray[np.float64] | None] = [None] * size
    if number := len(arrays[0].test):
        chosen = state._replace(matrices=matrices)
        _, losses, shown = program.epoch(
            chosen, numbers, order, tf.constant(alive), windows, tf.constant(0), windows.test
        )
        test_losses = losses[:, 1].numpy().tolist()
        reconstructions = shown[:, :number].numpy().astype(np.float64)
    trained = {name: matrix.numpy().astype(np.float64) for name, matrix in matrices.items()}
    for index in range(len(runs)):
        yield result_of(
            training.select,
            network.parameters,
            train_losses[index],
            validation_losses[index],
            test_losses[index],
            reconstructions[index],
            unpack(network, {name: matrix[index] for name, matrix in trained.items()}),
        )


def _weights(network: Network, state: "State", index: int) -> Weights:
    """Return the weights of a run by Keras' names."""
    matrices = {name: matrix[index].numpy() for name, matrix in state.matrices.items()}
    return unpack(network, {name: matrix.astype(np.float64) for name, matrix in matrices.items()})


def _orders(runs: Sequence[Run], epoch: int, samples: int, batch: int) -> Tensor:
    """Return the orders [P, batches, B] in which runs visit their windows in an epoch (from 0)."""
    each = (batch_order(run.seed, epoch, samples, run.purpose) for run in runs)
    return tf.constant(np.stack([_batches(order, batch) for order in each]))


def _batches(order: NDArray[np.int64], batch: int) -> NDArray[np.int32]:
    """Return the order [N] as [batches, B].

    A smaller last batch is filled with its first window, which does not count there.
    """
    missing = -len(order) % batch
    first = order[len(order) - len(order) % batch] if missing else 0
    return np.append(order, np.full(missing, first)).reshape(-1, batch).astype(np.int32)


# --------------------------------------------------------------------------------- the program


class State(NamedTuple):
    """What an epoch takes from the one before: tensors stacked over runs [P, ...]."""

    matrices: Tensors
    memory: dict[str, Tensors]  # the optimizer's
    step: Tensor  # scalar, training steps done
    best: Tensors  # of the epoch with the lowest validation loss
    best_loss: Tensor  # [P]


class Windows(NamedTuple):
    """The windows of a group, and which of them are validation and test.

    Those that are evaluated stand in chunks, first all of validation, then all of test. The last
    chunk of each is filled up with windows that do not count. `validation` and `test` are int32
    [first chunk, number of windows].
    """

    train: Tensor  # [P, N, T, F]
    evaluated: Tensor  # [P, chunks, N, T, F]
    validation: Tensor
    test: Tensor


class Program(NamedTuple):
    """The compiled function of a group."""

    batch: int
    steps: Tensor  # int32, of an epoch
    epoch: Callable[..., tuple[State, Tensor, Tensor]]


class _Fixed(NamedTuple):
    """What a program is compiled for."""

    network: Network
    training: TrainingStructure
    samples: int  # windows of an epoch
    batch: int

    @property
    def batches(self) -> int:
        """The training steps of an epoch; the last batch may have fewer windows."""
        return -(-self.samples // self.batch)


@lru_cache(maxsize=4)  # groups of one structure follow one another
def _program(network: Network, training: TrainingStructure, samples: int) -> Program:
    fixed = _Fixed(network, training, samples, min(training.batch_size, samples))
    return Program(
        fixed.batch,
        tf.constant(fixed.batches),
        tf.function(partial(_epoch, fixed), jit_compile=True, autograph=False),
    )


def _epoch(
    fixed: _Fixed,
    state: State,
    numbers: dict[str, Tensor],
    order: Tensor,
    alive: Tensor,
    windows: Windows,
    steps: Tensor,
    part: Tensor,
) -> tuple[State, Tensor, Tensor]:
    """Return what is there after an epoch: the state, the losses (training, evaluation) [P, 2], and
    the reconstructions of the first evaluated windows [P, <= SHOWN, T, F].

    numbers: those of the optimizers, each [P, 1, 1]; order [P, batches, B] int32; alive [P] bool:
    the other runs keep their state; steps: of training, int32, all of an epoch or none; part: the
    windows that are evaluated.
    """
    network, train = fixed.network, windows.train
    dtype, runs = train.dtype, train.shape[0]

    def train_batch(k: Tensor, matrices: Tensors, memory: Any, buffers: Any, total: Tensor) -> Any:
        x = _features_first(tf.gather(train, order[:, k], batch_dims=1))  # [P, F, T, B]
        summed, gradient, buffers = fused_network.gradients(
            network, matrices, x, partial(_batch_loss, fixed, k, x), buffers
        )
        step = tf.cast(state.step + tf.cast(k, tf.int64) + 1, dtype)
        matrices, memory = fused_optimizers.update(
            fixed.training.optimizer, numbers, matrices, gradient, memory, step
        )
        return k + 1, matrices, memory, buffers, total + summed

    start = (
        tf.constant(0),
        state.matrices,
        state.memory,
        fused_network.buffers(network, runs, fixed.batch, dtype),
        tf.zeros([runs], dtype),
    )
    end = tf.while_loop(lambda k, *_: k < steps, train_batch, start)
    _, matrices, memory, _, total = end
    matrices, memory = _where(alive, (matrices, memory), (state.matrices, state.memory))
    train_loss = total / (fixed.samples * network.timesteps * network.features)
    loss, shown = _evaluate(fixed, matrices, windows.evaluated, part)
    better = alive & (loss < state.best_loss)
    best, best_loss = _where(better, (matrices, loss), (state.best, state.best_loss))
    state = State(matrices, memory, state.step + tf.cast(steps, tf.int64), best, best_loss)
    return state, tf.stack([train_loss, loss], axis=1), shown


def _batch_loss(
    fixed: _Fixed,
    k: Tensor,
    x: Tensor,
    reconstruction: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the sum of the losses of batch k [P], and the derivative of their mean.

    That is by the reconstruction of x [P, F, T, B]. The windows that fill up a smaller last batch
    count in neither.
    """
    count = tf.minimum(fixed.samples - k * fixed.batch, fixed.batch)
    losses, slopes = _losses(fixed.training.loss, reconstruction - x)
    if fixed.samples % fixed.batch:
        counts = tf.range(fixed.batch) < count
        losses, slopes = (tf.where(counts, values, 0.0) for values in (losses, slopes))
    values = tf.cast(count * fixed.network.timesteps * fixed.network.features, x.dtype)
    return tf.reduce_sum(losses, axis=[1, 2, 3]), slopes / values


def _evaluate(
    fixed: _Fixed, matrices: Tensors, windows: Tensor, part: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the mean loss [P] over a part of the windows [P, chunks, N, T, F], and the
    reconstructions of its first ones [P, <= SHOWN, T, F].
    """
    runs, _, size, timesteps, features = windows.shape
    first, number = part[0], part[1]

    def add(k: Tensor, total: Tensor, shown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        # Of a slice that begins at `first`, XLA takes `first` for a constant: it would compile the
        # whole program once more for the test.
        x = _features_first(tf.gather(windows, first + k, axis=1))
        reconstruction = fused_network.predict(fixed.network, matrices, x)
        losses, _ = _losses(fixed.training.loss, reconstruction - x)
        counts = k * size + tf.range(size) < number
        shown = tf.where(k == 0, reconstruction[..., : shown.shape[-1]], shown)
        return k + 1, total + tf.reduce_sum(tf.where(counts, losses, 0.0), axis=[1, 2, 3]), shown

    start = (
        tf.constant(0),
        tf.zeros([runs], windows.dtype),
        tf.zeros([runs, features, timesteps, min(SHOWN, size)], windows.dtype),
    )
    _, total, shown = tf.while_loop(lambda k, *_: k * size < number, add, start)
    values = tf.cast(number, windows.dtype) * (timesteps * features)
    return total / values, tf.transpose(shown, [0, 3, 2, 1])


def _windows(arrays: Sequence[Arrays], dtype: str) -> Windows:
    """Return the windows of a group, from those of each of its runs."""
    train, validation, test = (
        np.stack([getattr(drawn, part) for drawn in arrays])
        for part in ("train", "validation", "test")
    )
    chunk = _chunk(validation.shape[1], test.shape[1])
    chunks = [_chunks(part, chunk) for part in (validation, test)]
    return Windows(
        train=tf.constant(train, dtype),
        evaluated=tf.constant(np.concatenate(chunks, axis=1), dtype),
        validation=tf.constant([0, validation.shape[1]]),
        test=tf.constant([chunks[0].shape[1], test.shape[1]]),
    )


def _chunk(validation: int, test: int) -> int:
    """Return how many windows are evaluated at once: as few are filled up in validation as can be,
    which every epoch has, and test takes the same number, or some where validation has very few.
    """
    number = max(validation, min(test, _FEW))
    return -(-number // -(-number // _EVALUATED))


def _chunks(windows: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return windows [P, N, T, F] as [P, chunks, size, T, F], the last one filled up with zeros."""
    missing = -windows.shape[1] % size
    filled = np.pad(windows, [(0, 0), (0, missing), (0, 0), (0, 0)])
    return filled.reshape(len(windows), -1, size, *windows.shape[2:])


def _numbers(optimizers: Sequence[Optimizer], training: TrainingStructure) -> dict[str, Tensor]:
    """Return the numbers of the optimizers of a group by name, each [P, 1, 1] as its matrices are
    [P, ., .].
    """
    values = [fused_optimizers.numbers(optimizer) for optimizer in optimizers]
    return {
        name: tf.constant([[[of_a_run[name]]] for of_a_run in values], training.dtype)
        for name in values[0]
    }


def _start(matrices: list[dict[str, np.ndarray[Any, Any]]], training: TrainingStructure) -> State:
    stacked = {
        name: tf.constant(np.stack([run[name] for run in matrices]), training.dtype)
        for name in matrices[0]
    }
    zeros = {name: tf.zeros_like(matrix) for name, matrix in stacked.items()}
    return State(
        matrices=stacked,
        memory=dict.fromkeys(fused_optimizers.slots(training.optimizer), zeros),
        step=tf.constant(0, tf.int64),
        best=stacked,
        best_loss=tf.fill([len(matrices)], tf.constant(math.inf, training.dtype)),
    )


def _losses(name: str, error: Tensor) -> tuple[Tensor, Tensor]:
    """Return each element's loss and its derivative by the error; Huber's (1964) with delta 1."""
    if name == "mse":
        return tf.square(error), 2.0 * error
    if name == "mae":
        return tf.abs(error), tf.sign(error)
    small = tf.abs(error) <= 1.0
    return (
        tf.where(small, 0.5 * tf.square(error), tf.abs(error) - 0.5),
        tf.where(small, error, tf.sign(error)),
    )


def _features_first(windows: Tensor) -> Tensor:
    """Return windows [P, B, T, F] as [P, F, T, B]."""
    return tf.transpose(windows, [0, 3, 2, 1])


def _where(chosen: Tensor, these: Any, those: Any) -> Any:
    """Return the tensors [P, ...] of these where chosen [P], of those elsewhere.

    A NaN in what is not chosen does no harm.
    """

    def select(this: Tensor, that: Tensor) -> Tensor:
        return tf.where(tf.reshape(chosen, [-1] + [1] * (len(this.shape) - 1)), this, that)

    return tf.nest.map_structure(select, these, those)
