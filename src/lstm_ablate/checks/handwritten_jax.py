"""The loop that a user of JAX would write by hand, for the benchmark to measure engines against.

It is not an engine: it trains one run after the other, with plain LSTM layers, the mean squared
error and Adam. Shapes: B batch, T time, N windows, F features, I inputs and U units of a layer.
Inside the network time comes first, because `lax.scan` loops over the first axis.
"""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from lstm_ablate.experiment.network import LSTM, Network, network_of
from lstm_ablate.experiment.settings import Adam, Settings
from lstm_ablate.training.inputs.randomness import Weights, batch_order
from lstm_ablate.training.inputs.windows import Arrays

Array = Any  # an array of JAX, which need not be installed where types are checked


def train(
    settings: Settings, arrays: Arrays, weights: Weights, seed: int
) -> Iterator[tuple[float, float]]:
    """Train one run from given weights, by Keras' names, and yield the losses of each epoch.

    The losses are (training, validation). The order of the batches is that of a run with this seed;
    all batches must be full.

    An epoch is one call. With one call for each step, the network [16, 8] took 1.4 times as long,
    and [100, 50] 1.05 times. Multiplying the inputs of all time steps before the scan was no
    faster.
    """
    training, optimizer = settings.training, settings.training.optimizer
    assert isinstance(optimizer, Adam)
    network = network_of(settings.model, *arrays.train.shape[1:])
    adam = optax.adam(
        optimizer.learning_rate, optimizer.beta_1, optimizer.beta_2, optimizer.epsilon
    )

    def loss(params: Any, x: Array) -> Array:
        return jnp.mean((_reconstruction(network, params, x) - x) ** 2)

    def epoch(state: Any, windows: Array, batches: Array) -> tuple[Any, Array]:
        def step(state: Any, batch: Array) -> tuple[Any, Array]:
            params, memory = state
            value, gradient = jax.value_and_grad(loss)(params, windows[batch])
            updates, memory = adam.update(gradient, memory)
            return (optax.apply_updates(params, updates), memory), value

        state, losses = lax.scan(step, state, batches)
        return state, jnp.mean(losses)

    train_epoch, evaluate = jax.jit(epoch), jax.jit(loss)
    windows, validation = (
        jnp.asarray(part, training.dtype) for part in (arrays.train, arrays.validation)
    )
    params = {name: jnp.asarray(value, training.dtype) for name, value in weights.items()}
    state = params, adam.init(params)
    for k in range(training.epochs):
        batches = batch_order(seed, k, len(windows)).reshape(-1, training.batch_size)
        state, mean = train_epoch(state, windows, batches)
        yield float(mean), float(evaluate(state[0], validation))


def _reconstruction(network: Network, params: Any, x: Array) -> Array:
    """Return the reconstruction [B, T, F] of x [B, T, F]."""
    h = jnp.swapaxes(x, 0, 1)
    for layer in network.lstm:
        if layer.repeated:
            h = jnp.broadcast_to(h, (network.timesteps, *h.shape))
        h = _lstm(layer, params, h)
        if layer.last_step:
            h = h[-1]
    y = h @ params["reconstruction.kernel"] + params["reconstruction.bias"]
    return jnp.swapaxes(y, 0, 1)


def _lstm(layer: LSTM, params: Any, x: Array) -> Array:
    """Return h [T, B, U] of x [T, B, I]; the gates have Keras' order: i, f, c, o."""
    kernel, recurrent, bias = (
        params[f"{layer.name}.{part}"] for part in ("kernel", "recurrent_kernel", "bias")
    )
    activation = getattr(jax.nn, layer.candidate)

    def step(before: tuple[Array, Array], x_t: Array) -> tuple[tuple[Array, Array], Array]:
        h, c = before
        i, f, g, o = jnp.split(x_t @ kernel + h @ recurrent + bias, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * activation(g)
        h = jax.nn.sigmoid(o) * activation(c)
        return (h, c), h

    zeros = jnp.zeros((x.shape[1], layer.units), x.dtype)
    _, hs = lax.scan(step, (zeros, zeros), x)
    return hs
