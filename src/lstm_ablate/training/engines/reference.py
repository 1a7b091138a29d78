"""The keras engine: plain Keras, what a user would write, and the arbiter of every other engine.

A variant's model (`reference_network`) is built and traced once. For each run its weights and its
optimizer are reset, and the learning rate is set. Building a model for each run would cost seconds
of tracing and leak memory. The other numbers of an optimizer are constants in what Keras traces, so
a new model is built if one of them changes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from lstm_ablate.experiment.network import Network, network_of
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import Training
from lstm_ablate.training.engines import (
    SHOWN,
    EpochEnd,
    OnEpoch,
    Trained,
    diverged_and_selected,
    result_of,
)
from lstm_ablate.training.engines.devices import device
from lstm_ablate.training.engines.reference_network import build
from lstm_ablate.training.inputs import randomness
from lstm_ablate.training.inputs.randomness import Weights
from lstm_ablate.training.inputs.windows import Arrays

__all__ = ["device", "train"]

EVALUATION_BATCH = 256  # windows in a batch of validation and test, which only changes the speed

_OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
}
_LOSSES = {
    "mse": keras.losses.MeanSquaredError,
    "mae": keras.losses.MeanAbsoluteError,
    "huber": keras.losses.Huber,
}


@dataclass(frozen=True)
class _Compiled:
    key: tuple[Any, ...]
    model: keras.Model
    optimizer_start: list[Any]  # the values of the optimizer's variables before its first step


_latest: list[_Compiled] = []  # at most one, because runs of equal settings follow each other


def _compiled(network: Network, training: Training) -> _Compiled:
    of_any_rate = training.optimizer.model_copy(update={"learning_rate": 1.0})
    key = (network, of_any_rate, training.loss, training.dtype)
    if _latest and _latest[0].key == key:
        return _latest[0]
    _latest.clear()
    keras.backend.clear_session()
    keras.config.set_floatx(training.dtype)
    model = build(network)
    optimizer = _optimizer(training)
    model.compile(optimizer, _LOSSES[training.loss](), jit_compile=False)
    optimizer.build(model.trainable_variables)
    _latest.append(_Compiled(key, model, [variable.numpy() for variable in optimizer.variables]))
    return _latest[0]


def _optimizer(training: Training) -> keras.optimizers.Optimizer:
    options = training.optimizer.model_dump(exclude={"name"})
    return _OPTIMIZERS[training.optimizer.name](**options)


def train(runs: Sequence[Run], arrays: Sequence[Arrays], on_epoch: OnEpoch) -> Iterator[Trained]:
    """Train runs one after the other; see the contract in `lstm_ablate.training.engines`."""
    for index, (run, data) in enumerate(zip(runs, arrays, strict=True)):
        yield _train_one(index, run, data, on_epoch)


def _train_one(index: int, run: Run, data: Arrays, on_epoch: OnEpoch) -> Trained:
    training = run.settings.training
    network = network_of(run.settings.model, *data.train.shape[1:])
    compiled = _compiled(network, training)
    model = compiled.model
    parts = (data.train, data.validation, data.test)
    x, validation, test = (part.astype(training.dtype) for part in parts)
    start = randomness.initial_weights(
        network, run.seed, run.purpose, run.settings.model.initializers
    )
    model.set_weights(list(start.values()))
    for variable, value in zip(model.optimizer.variables, compiled.optimizer_start, strict=True):
        variable.assign(value)
    model.optimizer.learning_rate = training.optimizer.learning_rate

    def weights() -> Weights:
        return _named(start, model.get_weights())

    train_losses: list[float] = []
    validation_losses: list[float] = []
    selected_weights = model.get_weights()
    diverged = None
    for epoch in range(1, training.epochs + 1):
        ordered = x[randomness.batch_order(run.seed, epoch - 1, len(x), run.purpose)]
        fit = model.fit(ordered, ordered, batch_size=training.batch_size, shuffle=False, verbose=0)
        train_loss, validation_loss = float(fit.history["loss"][0]), _evaluate(model, validation)
        train_losses.append(train_loss)
        validation_losses.append(validation_loss)
        on_epoch(EpochEnd(index, epoch, train_loss, validation_loss, weights))
        diverged, selected = diverged_and_selected(train_losses, validation_losses, training.select)
        if diverged:
            break
        if selected == epoch:
            selected_weights = model.get_weights()

    test_loss, reconstructions = None, None
    if not diverged and len(test):
        model.set_weights(selected_weights)
        test_loss = _evaluate(model, test)
        reconstructions = np.asarray(model(test[:SHOWN]), np.float64)
    return result_of(
        training.select,
        network.parameters,
        train_losses,
        validation_losses,
        test_loss,
        reconstructions,
        _named(start, selected_weights),
    )


def _named(names: Iterable[str], values: list[Any]) -> Weights:
    return {name: value.astype(np.float64) for name, value in zip(names, values, strict=True)}


def _evaluate(model: keras.Model, windows: Any) -> float:
    return float(model.evaluate(windows, windows, batch_size=EVALUATION_BATCH, verbose=0))
