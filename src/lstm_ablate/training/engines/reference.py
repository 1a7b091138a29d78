"""The keras engine: plain Keras, what a user would write, and the arbiter of every other engine.

A variant's model is built and traced once; each seed resets its weights and its optimizer, and each
learning rate is set in it. Building anew for each run would cost seconds of tracing and leak
memory. The other numbers of an optimizer are constants in what Keras traces, so another model is
built for them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from lstm_ablate.experiment.network import LSTM, Network, network_of
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
from lstm_ablate.training.inputs import randomness
from lstm_ablate.training.inputs.randomness import Weights
from lstm_ablate.training.inputs.windows import Arrays

__all__ = ["device", "train"]

EVALUATION_BATCH = 256  # windows in a batch of validation and test: changes the speed only

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


class AblationLSTMCell(layers.LSTMCell):  # type: ignore[misc]
    """An LSTM cell whose two tanh can be set apart, which `keras.layers.LSTM` cannot.

    z = x W + h R + b, split in Keras' order into z_i, z_f, z_g, z_o; i, f, o = gates(z_i),
    gates(z_f), gates(z_o); g = candidate(z_g); c' = f c + i g; h' = o output(c'). Hochreiter &
    Schmidhuber 1997 with the forget gate of Gers et al. 2000; without peepholes, as in Keras.
    Shapes: x [B, F], h and c [B, U], W [F, 4U], R [U, 4U], b [4U]. `kwargs` are those of Keras'
    cell; without `use_bias` there is no b. It has no dropout, and raises ValueError where that is
    asked for.
    """

    def __init__(
        self,
        units: int,
        candidate: str,
        output_activation: str,
        gates: str,
        **kwargs: Any,
    ):
        super().__init__(units, activation=candidate, recurrent_activation=gates, **kwargs)
        if self.dropout or self.recurrent_dropout:
            raise ValueError("AblationLSTMCell has no dropout")
        self.output_activation = keras.activations.get(output_activation)

    # Keras passes `training`.
    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:  # noqa: ARG002
        """Return h' and the states [h', c']."""
        h, c = states
        z = keras.ops.matmul(inputs, self.kernel) + keras.ops.matmul(h, self.recurrent_kernel)
        if self.use_bias:
            z += self.bias
        z_i, z_f, z_g, z_o = keras.ops.split(z, 4, axis=-1)
        i, f, o = map(self.recurrent_activation, (z_i, z_f, z_o))
        c = f * c + i * self.activation(z_g)
        h = o * self.output_activation(c)
        return h, [h, c]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of a cell like this one; Keras' own lacks one of them."""
        config: dict[str, Any] = super().get_config()
        return config | {
            "candidate": config.pop("activation"),
            "output_activation": keras.activations.serialize(self.output_activation),
            "gates": config.pop("recurrent_activation"),
        }


def build(network: Network) -> keras.Model:
    """Return a network as a Keras model, [B, T, F] -> [B, T, F], in Keras' current float type."""
    x = inputs = keras.Input((network.timesteps, network.features))
    for layer in network.lstm:
        if layer.repeated:
            x = layers.RepeatVector(network.timesteps)(x)
        x = _lstm(layer)(x)
        if layer.between:
            x = layers.Activation(layer.between)(x)
    for dense in network.dense:
        x = layers.Dense(dense.units, activation=dense.activation)(x)
    return keras.Model(inputs, x)


def _lstm(layer: LSTM) -> layers.Layer:
    if layer.candidate == layer.output:
        return layers.LSTM(
            layer.units,
            activation=layer.candidate,
            recurrent_activation=layer.gates,
            return_sequences=not layer.last_step,
            use_cudnn=False,  # cuDNN knows only tanh: every variant shall run the same kernel
        )
    cell = AblationLSTMCell(layer.units, layer.candidate, layer.output, layer.gates)
    return layers.RNN(cell, return_sequences=not layer.last_step)


@dataclass(frozen=True)
class _Compiled:
    key: tuple[Any, ...]
    model: keras.Model
    optimizer_start: list[Any]  # the values of the optimizer's variables before its first step


_latest: list[_Compiled] = []  # at most one: runs of equal settings follow one another


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
    start = randomness.initial_weights(network, run.seed, run.purpose)
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
