"""What the benchmark measures the engines against: the loops that a user would write by hand, and a
matrix product.

The loops are not engines: they train one run after the other, and shuffle as Keras does. Their
networks have layers of Keras wherever it has the one that is needed. For the others they take the
cell of the keras engine, since a user would have to write a similar one. They have no activation
between the layers and no head.
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from lstm_ablate.experiment.network import network_of
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.training.engines import reference_network
from lstm_ablate.training.inputs.windows import Arrays


def plain(settings: Settings, arrays: Arrays, callbacks: list[Any]) -> float:
    """Train one run as the question's code would, in a new model; return its test loss."""
    return _fit(
        settings,
        arrays,
        callbacks,
        layers.TimeDistributed(layers.Dense(arrays.train.shape[2])),
        None,
    )


def tuned(settings: Settings, arrays: Arrays, callbacks: list[Any]) -> float:
    """Train one run as fast as plain Keras is known to go, and return its test loss.

    That is with XLA, and with `Dense` in place of `TimeDistributed(Dense)`.
    """
    return _fit(settings, arrays, callbacks, layers.Dense(arrays.train.shape[2]), True)


def _fit(
    settings: Settings, arrays: Arrays, callbacks: list[Any], output: Any, jit_compile: bool | None
) -> float:
    network, training = network_of(settings.model, *arrays.train.shape[1:]), settings.training
    drawn = settings.model.initializers
    initializers = {
        "kernel_initializer": drawn.kernel,
        "recurrent_initializer": drawn.recurrent,
        "unit_forget_bias": drawn.unit_forget_bias,
    }
    x = inputs = keras.Input((network.timesteps, network.features))
    for layer in network.lstm:
        if layer.repeated:
            x = layers.RepeatVector(network.timesteps)(x)
        x = reference_network.output(layer, x, **initializers)
    model = keras.Model(inputs, output(x))
    options = training.optimizer.model_dump(exclude={"name"})
    optimizer = keras.optimizers.get({"class_name": training.optimizer.name, "config": options})
    model.compile(optimizer, training.loss, **({"jit_compile": True} if jit_compile else {}))
    parts = [part.astype(training.dtype) for part in (arrays.train, arrays.validation, arrays.test)]
    model.fit(
        parts[0], parts[0], batch_size=training.batch_size, epochs=training.epochs,
        validation_data=(parts[1], parts[1]), callbacks=callbacks, verbose=0,
    )  # fmt: skip
    return float(model.evaluate(parts[2], parts[2], verbose=0))


def on_epoch_end(call: Callable[[], None]) -> keras.callbacks.Callback:
    """Return a Keras callback that calls a function at the end of every epoch, after validation."""
    return keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: call())


def matrix_products(size: int, times: int, between: Callable[[], None]) -> None:
    """Multiply two float32 matrices [size, size], `times` times.

    It shows how many operations a second the machine can do at best.
    """
    left, right = (tf.random.stateless_normal([size, size], [seed, 0]) for seed in (1, 2))
    product = tf.function(tf.matmul, jit_compile=True)
    for _ in range(times):
        product(left, right).numpy()
        between()
