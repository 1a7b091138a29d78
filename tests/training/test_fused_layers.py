"""The fused engine against the keras engine and itself, over all that a model can be.

The rows of tests/data/covering_array.csv hold every pair of values of any two keys;
tests/measure/covering_array.py made it, and covering_rows reads it. `make test-full` trains all of
them for 24 steps. `make test` trains those of SHORT for 4 steps; they hold every value, and every
pair of the keys that cut a network into stacks.
"""

import itertools
from functools import partial
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from covering_rows import LISTS, OPTIMIZERS, ROWS, settings_of
from faults import FULL
from fused_runs import (
    assert_identical,
    make,
    network,
    other_numbers,
    run_fused,
    run_keras_eagerly,
)

from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.training.engines import (
    Trained,
    fused_network,
    fused_stack,
    fused_weights,
    reference,
)
from lstm_ablate.training.inputs import windows
from lstm_ablate.training.inputs.randomness import initial_weights

# A row takes three seconds of a core. These hold 485 of the 696 pairs.
SHORT = [ROWS[number] for number in (1, 4, 5, 6, 9, 11, 15, 16, 19)]
CUTTING = ["bidirectional", "latent", "residual", "normalization"]


def test_every_pair_of_values_stands_in_a_row() -> None:
    keys = list(ROWS[0])
    values = {key: {row[key] for row in ROWS} for key in keys}
    assert {key: len(values[key]) for key in LISTS} == dict.fromkeys(LISTS, 4)
    assert missing_pairs(ROWS, keys, values) == []
    assert len(ROWS) <= 32


def test_the_short_form_holds_every_value_and_the_pairs_that_cut() -> None:
    values = {key: {row[key] for row in ROWS} for key in ROWS[0]}
    assert {key: {row[key] for row in SHORT} for key in ROWS[0]} == values
    assert missing_pairs(SHORT, CUTTING, values) == []


def missing_pairs(
    rows: list[dict[str, str]], keys: list[str], values: dict[str, set[str]]
) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Return the pairs of values of two of the keys that stand in no row."""
    return [
        ((one, a), (other, b))
        for one, other in itertools.combinations(keys, 2)
        for a, b in itertools.product(values[one], values[other])
        if not any((row[one], row[other]) == (a, b) for row in rows)
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    "row",
    ROWS if FULL else SHORT,
    ids=lambda row: " ".join(value for value in row.values() if value != "none"),
)
def test_equals_the_keras_engine(row: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In float64, after 24 steps or 4; and bit for bit what the run is without its neighbour.

    An error in any gradient or update is far above 1e-9 after the first step. What builds up over
    more of them, test_fused and test_pytorch would find in the short form.
    """
    monkeypatch.setattr(fused_stack, "_CHUNK", 3)  # 5 time steps as 3 and 2
    settings = settings_of(row) if FULL else of_four_steps(settings_of(row))
    _, together = run_fused([other_numbers(settings), settings], [3, 1], size=2)
    (alone,) = run_fused(settings, [1], size=2)
    assert_identical(together, alone)
    arbiter = run_keras(settings, 1) if FULL else run_keras_eagerly(settings, 1)
    assert together.status == arbiter.status == "ok"
    assert len(together.train_losses) == settings.training.epochs
    np.testing.assert_allclose(together.train_losses, arbiter.train_losses, rtol=1e-9)
    np.testing.assert_allclose(together.validation_losses, arbiter.validation_losses, rtol=1e-9)
    np.testing.assert_allclose(together.test_loss, arbiter.test_loss, rtol=1e-9)
    np.testing.assert_allclose(together.reconstructions, arbiter.reconstructions, atol=1e-9)
    assert together.weights and arbiter.weights
    assert list(together.weights) == list(arbiter.weights)
    for name, expected in arbiter.weights.items():
        error = np.linalg.norm(together.weights[name] - expected)
        assert error <= 1e-9 * np.linalg.norm(expected), name


def of_four_steps(settings: Settings) -> Settings:
    """Return the settings with two epochs of two batches, of which the second is smaller."""
    samples = settings.data.samples.model_copy(update={"train": 6, "validation": 5})
    data = settings.data.model_copy(update={"samples": samples})
    training = settings.training.model_copy(update={"epochs": 2})
    return settings.model_copy(update={"data": data, "training": training})


def run_keras(settings: Settings, seed: int) -> Trained:
    """Train a run with the keras engine."""
    run = Run("task", "variant", seed, settings, "keras")
    (result,) = reference.train([run], [windows.of(settings.data, seed)], lambda end: None)
    return result


EVERYTHING = {
    "encoder": [4, 3],
    "decoder": [5, 4],
    "activation": ["tanh", "softsign", "tanh", "silu"],
    "between": ["tanh", "softplus", "linear"],
    "peepholes": True,
    "projection": 2,
    "residual": True,
    "cell_clip": 0.3,
    "projection_clip": 0.3,
    "normalization": "layer",
}
NETWORKS: dict[str, dict[str, Any]] = {
    "two in the decoder, vector": {**EVERYTHING, "bidirectional": "decoder", "latent": "vector"},
    "two in the encoder": {**EVERYTHING, "bidirectional": "encoder"},
    "two in the encoder, vector": {**EVERYTHING, "bidirectional": "encoder", "latent": "vector"},
}


@pytest.mark.parametrize("model", NETWORKS.values(), ids=NETWORKS)
def test_gradients_are_finite_differences(
    model: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each weight along a direction of its own, for two runs with other weights."""
    monkeypatch.setattr(fused_stack, "_CHUNK", 3)
    layers, random = network(make(model, features=2, timesteps=5)), np.random.default_rng(0)
    runs = [
        {name: random.normal(0, 0.6, w.shape) for name, w in initial_weights(layers, 0).items()}
        for _ in range(2)
    ]
    packed = [fused_weights.pack(layers, weights) for weights in runs]
    weights = {name: tf.constant(np.stack([run[name] for run in packed])) for name in packed[0]}
    x = tf.constant(random.standard_normal((2, 2, 5, 3)))

    def losses(y: Any) -> tuple[Any, Any]:
        return tf.reduce_sum(tf.square(y - x), axis=[1, 2, 3]), 2.0 * (y - x)

    compiled = partial(tf.function, jit_compile=True, autograph=False)
    memory = fused_network.buffers(layers, 2, 3, tf.float64)
    gradients = compiled(lambda w, memory: fused_network.gradients(layers, w, x, losses, memory))
    value = compiled(lambda w: losses(fused_network.predict(layers, w, x))[0])
    _, _, memory = gradients(weights, memory)
    total, gradient, _ = gradients(weights, memory)  # with memory that was used before
    np.testing.assert_allclose(total, value(weights), rtol=1e-12)
    assert gradient.keys() == weights.keys()
    for name, weight in weights.items():
        direction, step = random.standard_normal(weight.shape), 1e-6
        ahead, back = (
            value({**weights, name: weight + sign * step * direction}) for sign in (1.0, -1.0)
        )
        slope = np.sum(gradient[name] * direction, axis=(1, 2))
        np.testing.assert_allclose((ahead - back) / (2 * step), slope, rtol=1e-5, atol=1e-7)


def test_float32_is_as_close_to_float64_as_keras_is() -> None:
    """Within a factor 2, epoch by epoch; and a run does not depend on its place or neighbours."""
    model = NETWORKS["two in the encoder"]
    training = {"optimizer": OPTIMIZERS["adam"], "dtype": "float32"}
    single = make(model, training, features=2)
    double = make(model, {**training, "dtype": "float64"}, features=2)
    (truth,) = run_fused(double, [7], size=2)
    (alone,) = run_fused(single, [7], size=4)
    beside = run_fused(single, [1, 2, 7], scale={1: 1e30}, size=4)
    assert beside[0].status == "diverged"
    assert_identical(beside[2], alone)
    keras = run_keras(single, 7)
    ours, theirs = (
        np.abs(np.array(result.validation_losses) / truth.validation_losses - 1)
        for result in (alone, keras)
    )
    rounding = np.finfo(np.float32).eps
    assert np.all(ours <= 2 * np.maximum(theirs, 8 * rounding)), (ours, theirs)
