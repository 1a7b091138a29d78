"""The fused engine: a group of runs as one compiled program, with no Python call within an epoch.

Shapes: P runs, N windows, B batch, T time, F features. A program holds one epoch: every training step, then the
validation. It is compiled once for all seeds; weights, windows and their order are its arguments.

A run's numbers are the same bit for bit whatever its place in the group and its neighbours: nothing is ever summed
over runs, and P is fixed by the settings, since a program of another P may round otherwise.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import Model, Training
from lstm_ablate.training.engines import SHOWN, OnEpoch, Result, fused_optimizers, judge
from lstm_ablate.training.engines.devices import device
from lstm_ablate.training.engines.fused_network import Matrices, Network, Tensor, pack, unpack
from lstm_ablate.training.inputs.randomness import Weights, batch_order, initial_weights
from lstm_ablate.training.inputs.windows import Arrays

__all__ = ["device", "train"]

_EVALUATED = 256  # windows evaluated at once, at most


def train(runs: Sequence[Run], arrays: Sequence[Arrays], on_epoch: OnEpoch) -> Iterator[Result]:
    """Train a group; see the contract in `lstm_ablate.training.engines`.

    A short group is filled up with copies of its first run, whose results are dropped.
    """
    settings, size = runs[0].settings, runs[0].group_size
    model, training = settings.model, settings.training
    places = [place if place < len(runs) else 0 for place in range(size)]
    windows = {
        part: tf.constant(np.stack([getattr(arrays[place], part) for place in places]), training.dtype)
        for part in ("train", "validation", "test")
    }  # [P, N, T, F]
    samples, timesteps, features = windows["train"].shape[1:]
    initial = [initial_weights(model, features, run.seed) for run in runs]
    program = _program(model, _compiled_part(training), samples, timesteps, features)
    state = _start([pack(initial[place]) for place in places], training)

    train_losses: list[list[float]] = [[] for _ in runs]
    validation_losses: list[list[float]] = [[] for _ in runs]
    alive = np.ones(size, bool)
    for epoch in range(training.epochs):
        order = [_batches(batch_order(run.seed, epoch, samples), program.batch) for run in runs]
        state, losses = program.epoch(
            state,
            tf.constant(np.stack([order[place] for place in places])),
            tf.constant(alive),
            windows["train"],
            windows["validation"],
        )
        for index, (train_loss, validation_loss) in enumerate(losses.numpy().tolist()[: len(runs)]):
            if alive[index]:
                train_losses[index].append(train_loss)
                validation_losses[index].append(validation_loss)
                on_epoch(index, epoch + 1, train_loss, validation_loss, partial(_weights, state, index, initial[index]))
        alive &= np.isfinite(losses.numpy()).all(axis=1)
        if not alive.any():
            break

    matrices = state.best if training.select == "best" else state.matrices
    losses, first = program.evaluate(matrices, windows["test"])
    test_losses, reconstructions = losses.numpy().tolist(), first.numpy().astype(np.float64)
    trained = {name: matrix.numpy().astype(np.float64) for name, matrix in matrices.items()}
    for index in range(len(runs)):
        diverged, chosen = judge(train_losses[index], validation_losses[index], training.select)
        if chosen is not None and not math.isfinite(test_losses[index]):
            diverged, chosen = len(train_losses[index]), None
        kept = chosen is not None
        yield Result(
            parameters=sum(weight.size for weight in initial[index].values()),
            train_losses=train_losses[index],
            validation_losses=validation_losses[index],
            diverged_epoch=diverged,
            best_epoch=chosen,
            train_loss=train_losses[index][chosen - 1] if chosen else None,
            validation_loss=validation_losses[index][chosen - 1] if chosen else None,
            test_loss=test_losses[index] if kept else None,
            reconstructions=reconstructions[index] if kept else None,
            weights=unpack({name: m[index] for name, m in trained.items()}, initial[index]) if kept else None,
        )


def _weights(state: "State", index: int, like: Weights) -> Weights:
    """Return the weights of a run by Keras' names."""
    return unpack({name: matrix[index].numpy().astype(np.float64) for name, matrix in state.matrices.items()}, like)


def _batches(order: np.ndarray[Any, np.dtype[np.int64]], batch: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Return the order [N] as [batches, B]; a smaller last batch is filled with its first window, which won't count."""
    missing = -len(order) % batch
    first = order[len(order) - len(order) % batch] if missing else 0
    return np.append(order, np.full(missing, first)).reshape(-1, batch).astype(np.int32)


# ------------------------------------------------------------------------------------------------ the program


class State(NamedTuple):
    """What an epoch takes from the one before: tensors stacked over runs [P, ...]."""

    matrices: Matrices
    memory: dict[str, Matrices]  # the optimizer's
    step: Tensor  # scalar, training steps done
    best: Matrices  # of the epoch with the lowest validation loss
    best_loss: Tensor  # [P]


class Program(NamedTuple):
    """The compiled functions of a group."""

    batch: int
    epoch: Callable[..., tuple[State, Tensor]]
    evaluate: Callable[[Matrices, Tensor], tuple[Tensor, Tensor]]


def _compiled_part(training: Training) -> Training:
    """Return the settings without what no program depends on, so that it serves any number of epochs."""
    return training.model_copy(update={"epochs": 1, "select": "best"})


@lru_cache(maxsize=2)  # groups of a variant follow one another
def _program(model: Model, training: Training, samples: int, timesteps: int, features: int) -> Program:
    network = Network(model, timesteps, features)
    batch = min(training.batch_size, samples)
    batches = -(-samples // batch)
    dtype = tf.as_dtype(training.dtype)

    def epoch(state: State, order: Tensor, alive: Tensor, train: Tensor, validation: Tensor) -> tuple[State, Tensor]:
        """Return the state and the losses (training, validation) [P, 2] after an epoch.

        order [P, batches, B] int32; alive [P] bool: the other runs keep their state; train, validation [P, N, T, F].
        """

        def train_batch(k: Tensor, matrices: Matrices, memory: Any, scratch: Any, total: Tensor) -> tuple[Any, ...]:
            x = _features_first(tf.gather(train, order[:, k], batch_dims=1))  # [P, F, T, B]
            count = tf.minimum(samples - k * batch, batch)
            counts = tf.range(batch) < count if samples % batch else None

            def loss(reconstruction: Tensor) -> tuple[Tensor, Tensor]:
                losses, slopes = _losses(training.loss, reconstruction - x)
                if counts is not None:
                    losses, slopes = (tf.where(counts, values, 0.0) for values in (losses, slopes))
                values = tf.cast(count * timesteps * features, dtype)
                return tf.reduce_sum(losses, axis=[1, 2, 3]), slopes / values

            summed, gradient, scratch = network.gradients(matrices, x, loss, scratch)
            step = tf.cast(state.step + tf.cast(k, tf.int64) + 1, dtype)
            matrices, memory = fused_optimizers.update(training.optimizer, matrices, gradient, memory, step)
            return k + 1, matrices, memory, scratch, total + summed

        runs = train.shape[0]
        start = (
            tf.constant(0),
            state.matrices,
            state.memory,
            network.scratch(runs, batch, dtype),
            tf.zeros([runs], dtype),
        )
        _, matrices, memory, _, total = tf.while_loop(lambda k, *_: k < batches, train_batch, start)
        matrices, memory = _where(alive, (matrices, memory), (state.matrices, state.memory))
        train_loss = total / (samples * timesteps * features)
        validation_loss, _ = evaluate(matrices, validation)
        better = alive & (validation_loss < state.best_loss)
        best, best_loss = _where(better, (matrices, validation_loss), (state.best, state.best_loss))
        state = State(matrices, memory, state.step + batches, best, best_loss)
        return state, tf.stack([train_loss, validation_loss], axis=1)

    def evaluate(matrices: Matrices, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss [P] over windows [P, N, T, F], and the first reconstructions [P, <= SHOWN, T, F]."""
        number = windows.shape[1]
        chunks = -(-number // _EVALUATED)
        size = -(-number // chunks)

        def add(k: Tensor, total: Tensor, shown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            first = tf.minimum(k * size, number - size)  # the last chunk takes some windows again, for equal shapes
            x = _features_first(tf.gather(windows, first + tf.range(size), axis=1))
            reconstruction = network.predict(matrices, x)
            losses, _ = _losses(training.loss, reconstruction - x)
            new = first + tf.range(size) >= k * size
            shown = tf.where(k == 0, reconstruction[..., : shown.shape[-1]], shown)
            return k + 1, total + tf.reduce_sum(tf.where(new, losses, 0.0), axis=[1, 2, 3]), shown

        runs = windows.shape[0]
        start = (
            tf.constant(0),
            tf.zeros([runs], dtype),
            tf.zeros([runs, features, timesteps, min(SHOWN, size)], dtype),
        )
        _, total, shown = tf.while_loop(lambda k, *_: k < chunks, add, start)
        return total / (number * timesteps * features), tf.transpose(shown, [0, 3, 2, 1])

    return Program(
        batch,
        tf.function(epoch, jit_compile=True, autograph=False),
        tf.function(evaluate, jit_compile=True, autograph=False),
    )


def _start(matrices: list[dict[str, np.ndarray[Any, Any]]], training: Training) -> State:
    stacked = {name: tf.constant(np.stack([m[name] for m in matrices]), training.dtype) for name in matrices[0]}
    zeros = {name: tf.zeros_like(matrix) for name, matrix in stacked.items()}
    return State(
        matrices=stacked,
        memory=dict.fromkeys(fused_optimizers.slots(training.optimizer), zeros),
        step=tf.constant(0, tf.int64),
        best=stacked,
        best_loss=tf.fill([len(matrices)], tf.constant(math.inf, training.dtype)),
    )


def _losses(name: str, error: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of each element of an error and its derivative; Huber 1964 with Keras' delta of 1."""
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
    """Return the tensors [P, ...] of these where chosen [P], of those elsewhere; a NaN of the others is not touched."""

    def select(this: Tensor, that: Tensor) -> Tensor:
        return tf.where(tf.reshape(chosen, [-1] + [1] * (len(this.shape) - 1)), this, that)

    return tf.nest.map_structure(select, these, those)
