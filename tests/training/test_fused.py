"""The fused engine against plain Keras, step by step in float64, and itself, bit for bit."""

import hashlib
import importlib
import math
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import keras
import numpy as np
import processes
import pytest
import tensorflow as tf
from fused_runs import (
    assert_identical,
    compilations,
    forget_programs,
    make,
    network,
    other_numbers,
    run_fused,
)
from numpy_lstm import reconstruct

from lstm_ablate.experiment import sizes
from lstm_ablate.experiment.activations import ACTIVATIONS
from lstm_ablate.experiment.runs import Run, groups
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.experiment.structure import structure_of
from lstm_ablate.training.engines import (
    SHOWN,
    Trained,
    devices,
    fused,
    fused_cell,
    fused_optimizers,
    fused_stack,
    fused_weights,
)
from lstm_ablate.training.inputs import windows
from lstm_ablate.training.inputs.randomness import batch_order, generator, initial_weights
from lstm_ablate.training.variables import GPU_ENVIRONMENT

# -------------------------------------------------------------------------------------- plain Keras


@keras.saving.register_keras_serializable("test_fused")
class SplitCell(keras.layers.Layer):
    """An LSTM cell with an activation of its own for the cell input and for the cell output."""

    def __init__(self, units: int, candidate: str, output: str, gates: str, **options: Any):
        super().__init__(**options)
        self.state_size, self.output_size = [units, units], units
        self.units, self.names = units, (candidate, output, gates)

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], 4 * self.units), name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, 4 * self.units), name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=(4 * self.units,), name="bias")

    def call(self, x: Any, states: Any, training: bool = False) -> Any:
        candidate, output, gates = map(keras.activations.get, self.names)
        h, c = states
        z_i, z_f, z_c, z_o = keras.ops.split(
            x @ self.kernel + h @ self.recurrent_kernel + self.bias, 4, axis=-1
        )
        c = gates(z_f) * c + gates(z_i) * candidate(z_c)
        h = gates(z_o) * output(c)
        return h, [h, c]


def keras_model(settings: Settings) -> Any:
    model, dtype = settings.model, settings.training.dtype
    timesteps, features = settings.data.timesteps, settings.data.features

    def lstm(units: int, sequences: bool) -> Any:
        if model.site("candidate") == model.site("output"):
            return keras.layers.LSTM(
                units,
                activation=model.site("candidate"),
                recurrent_activation=model.gates,
                return_sequences=sequences,
                use_cudnn=False,
                dtype=dtype,
            )
        cell = SplitCell(
            units, model.site("candidate"), model.site("output"), model.gates, dtype=dtype
        )
        return keras.layers.RNN(cell, return_sequences=sequences, dtype=dtype)

    layers: list[Any] = [keras.Input((timesteps, features), dtype=dtype)]
    stacked = model.encoder + model.decoder
    for k, units in enumerate(stacked):
        vector = model.latent == "vector" and k == len(model.encoder) - 1
        layers.append(lstm(units, sequences=not vector))
        if k < len(stacked) - 1:
            layers.append(keras.layers.Activation(model.between, dtype=dtype))
        if vector:
            layers.append(keras.layers.RepeatVector(timesteps, dtype=dtype))
    for units in model.head.units if model.head else ():
        layers.append(keras.layers.Dense(units, model.head.activation, dtype=dtype))
    return keras.Sequential([*layers, keras.layers.Dense(features, dtype=dtype)])


def keras_optimizer(settings: Settings) -> Any:
    values = settings.training.optimizer.model_dump()
    classes = {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
        "sgd": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
    }
    return classes[values.pop("name")](**values)


@cache
def run_keras(
    settings: Settings, seed: int
) -> tuple[list[float], list[float], list[float], list[list[Any]]]:
    """Return training, validation and test losses and the weights of each epoch of a plain training
    loop.
    """
    training, arrays = settings.training, windows.of(settings.data, seed)
    model, optimizer = keras_model(settings), keras_optimizer(settings)
    model.set_weights(list(initial_weights(network(settings), seed).values()))
    loss_of = {
        "mse": keras.losses.mean_squared_error,
        "mae": keras.losses.mean_absolute_error,
        "huber": keras.losses.huber,
    }[training.loss]

    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(loss_of(x, model(x, training=True)))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    train, *others = (
        tf.constant(part, training.dtype) for part in (arrays.train, arrays.validation, arrays.test)
    )
    train_losses, other_losses, weights = [], [], []
    for epoch in range(training.epochs):
        order, total = batch_order(seed, epoch, len(arrays.train)), 0.0
        for first in range(0, len(order), training.batch_size):
            batch = order[first : first + training.batch_size]
            total += float(step(tf.gather(train, batch))) * len(batch)
        train_losses.append(total / len(order))
        other_losses.append([float(tf.reduce_mean(loss_of(part, model(part)))) for part in others])
        weights.append(model.get_weights())
    validation_losses, test_losses = (list(losses) for losses in zip(*other_losses, strict=True))
    return train_losses, validation_losses, test_losses, weights


@pytest.fixture(autouse=True)
def _float64() -> Any:
    """Keras holds its learning rate in this type; in float32 it is wrong by 5e-8."""
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)
    keras.utils.clear_session()


CASES = {  # 20 steps or more each; 21 windows in batches of 4 leave one over
    "defaults": make(),
    "relu everywhere, features, plain sgd": make(
        {"activation": "relu", "between": "relu"},
        {"optimizer": {"name": "sgd", "learning_rate": 0.1}},
        features=3,
    ),
    "split cell, vector, head, adamw": make(
        {
            "candidate": "softsign",
            "output": "elu",
            "gates": "hard_sigmoid",
            "between": "gelu",
            "latent": "vector",
            "encoder": [5, 3],
            "head": {"units": [7, 2], "activation": "silu"},
        },
        {"loss": "huber", "optimizer": {"name": "adamw", "weight_decay": 0.1}},
        features=2,
    ),
    "split cell, one layer each, vector, clipped rmsprop, last": make(
        {
            "output": "selu",
            "gates": "softplus",
            "between": "tanh",
            "latent": "vector",
            "decoder": [3],
        },
        {
            "select": "last",
            "loss": "mae",
            "optimizer": {"name": "rmsprop", "momentum": 0.5, "global_clipnorm": 0.3},
        },
    ),
    "clipped nesterov, even batches": make(
        {"candidate": "leaky_relu", "between": "linear", "head": {"units": [4]}},
        {
            "epochs": 7,
            "batch_size": 7,
            "optimizer": {
                "name": "sgd",
                "momentum": 0.9,
                "nesterov": True,
                "global_clipnorm": 0.05,
            },
        },
        features=3,
    ),
    "one batch holds all, momentum": make(
        {"encoder": [3], "decoder": [5], "gates": "hard_tanh", "between": "relu6"},
        {
            "epochs": 20,
            "batch_size": 32,
            "loss": "huber",
            "optimizer": {"name": "sgd", "momentum": 0.8},
        },
        noise=3.0,
    ),
}


@pytest.mark.parametrize(
    ("settings", "size"),
    [*((settings, None) for settings in CASES.values()), (CASES["defaults"], 8)],
    ids=[*CASES, "8 at once"],
)
def test_equals_keras(
    settings: Settings, size: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused, "_EVALUATED", 4)  # 11 and 6 windows as 4, 4, 3 and 4, 2
    monkeypatch.setattr(fused_stack, "_CHUNK", 3)  # 7 time steps as 3, 3 and 1
    seed, beside = 1, other_numbers(settings)
    _, result, _ = run_fused([beside, settings, beside], [3, seed, seed], size=size)
    train_losses, validation_losses, test_losses, weights = run_keras(settings, seed)
    np.testing.assert_allclose(result.train_losses, train_losses, rtol=1e-9)
    np.testing.assert_allclose(result.validation_losses, validation_losses, rtol=1e-9)
    best = settings.training.select == "best"
    chosen = int(np.argmin(validation_losses)) if best else len(validation_losses) - 1
    assert (result.status, result.best_epoch) == ("ok", chosen + 1)
    assert result.test_loss == pytest.approx(test_losses[chosen], rel=1e-9)
    test = windows.of(settings.data, seed).test[:SHOWN]
    np.testing.assert_allclose(
        result.reconstructions, reconstruct(settings.model, result.weights, test), atol=1e-9
    )
    chosen_losses = (result.train_loss, result.validation_loss)
    assert chosen_losses == (result.train_losses[chosen], result.validation_losses[chosen])
    assert result.weights is not None
    names = list(initial_weights(network(settings), seed))
    assert list(result.weights) == names
    for name, expected in zip(names, weights[chosen], strict=True):
        error = np.linalg.norm(result.weights[name] - expected) / np.linalg.norm(expected)
        assert error <= 1e-9, (name, error)
    assert result.parameters == sum(weight.size for weight in weights[chosen])


@pytest.mark.parametrize("site", ["candidate", "output", None])
def test_a_relu_between_layers_whose_outputs_are_not_negative_changes_nothing(
    site: str | None,
) -> None:
    """To the bit: with sigmoid gates a relu at either place of the cell leaves no negative output,
    so that relu(h) is h. The default's outputs do have signs.
    """
    cell = {site: "relu"} if site else {}
    once, twice = (
        run_fused(make({**cell, "between": between}), [7])[0] for between in ("linear", "relu")
    )
    assert ((once.train_losses, once.test_loss) == (twice.train_losses, twice.test_loss)) == (
        site is not None
    )


@pytest.mark.parametrize(
    ("validation", "test", "size", "first_of_test", "all_chunks"),
    [
        (256, 1024, 256, 1, 5),  # as many as there may be at once
        (300, 1000, 150, 2, 9),  # two chunks of validation, both full
        (257, 10, 129, 2, 3),
        (40, 1024, 40, 1, 27),  # no window too many in validation, which every epoch has
        (1, 1024, 32, 1, 33),  # but test does not take a thousand turns
        (1, 3, 3, 1, 2),
        (9, 0, 9, 1, 1),  # runs that tune have no test windows
    ],
)
def test_windows_are_evaluated_in_chunks_of_one_size(
    validation: int, test: int, size: int, first_of_test: int, all_chunks: int
) -> None:
    """Counted by hand; every window stands in its place, in its part."""
    parts = [generator("part", part).standard_normal((part, 2, 3)) for part in (5, validation)]
    drawn = windows.Arrays(*parts, generator("test").standard_normal((test, 2, 3)))
    found = fused._windows([drawn, drawn], "float64")
    assert found.evaluated.shape == (2, all_chunks, size, 2, 3)
    in_order = found.evaluated.numpy()[1].reshape(-1, 2, 3)
    np.testing.assert_array_equal(in_order[:validation], drawn.validation)
    begin = first_of_test * size
    np.testing.assert_array_equal(in_order[begin : begin + test], drawn.test)
    assert found.validation.numpy().tolist() == [0, validation]
    assert found.test.numpy().tolist() == [first_of_test, test]


def test_the_test_trains_nothing() -> None:
    """An epoch without a step gives the state that it was given, and the loss of the test part.

    It also compiles nothing. XLA compiles once more for every value of an argument that one of its
    operations takes for a constant, as the begin of a slice was; TensorFlow then traces once all
    the same, so that only the processor time shows it: 5 s of a smoke run's 11 in a worker.
    """
    forget_programs()
    size, drawn = 2, windows.of(SMALL.data, 7)
    structure = structure_of(SMALL).training
    program = fused._program(network(SMALL), structure, 21)
    start = fused._start(
        [fused_weights.pack(network(SMALL), initial_weights(network(SMALL), 7))] * size, structure
    )
    order = tf.constant(np.stack([fused._batches(batch_order(7, 0, 21), program.batch)] * size))
    mine = fused._windows([drawn] * size, "float32")
    numbers = fused._numbers([SMALL.training.optimizer] * size, structure)
    everybody = tf.constant([True] * size)
    compiled = time.process_time()
    program.epoch(start, numbers, order, everybody, mine, program.steps, mine.validation)
    called = time.process_time()
    after, losses, shown = program.epoch(
        start, numbers, order, everybody, mine, tf.constant(0), mine.test
    )
    assert time.process_time() - called < (called - compiled) / 4
    for name, matrix in start.matrices.items():
        np.testing.assert_array_equal(after.matrices[name], matrix)
    assert int(after.step) == 0 and losses.numpy()[:, 0].tolist() == [0.0, 0.0]
    made = reconstruct(SMALL.model, initial_weights(network(SMALL), 7), drawn.test)
    expected = np.mean(np.square(made - drawn.test))
    assert losses.numpy()[0, 1] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(shown.numpy()[0], made[:SHOWN], atol=1e-5)


@pytest.mark.parametrize(("module", "name"), [(fused, "_EVALUATED"), (fused_stack, "_CHUNK")])
def test_chunks_are_as_large_as_the_comparison_sets_them(
    module: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None can be of 0; were the size set elsewhere, this one would not be looked at."""
    forget_programs()
    monkeypatch.setattr(module, name, 0)
    with pytest.raises(ZeroDivisionError):
        run_fused(SMALL, [1], size=1)
    forget_programs()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_equal_keras(name: str) -> None:
    kinks = [-3.0, -1.0, 0.0, 1.0, 3.0, 6.0]
    if name == "selu":
        # Where TensorFlow's own kernels, compiled by XLA or not, differ: 1.758 or 1.051.
        kinks.remove(0.0)
    x = np.concatenate([kinks, 4.0 * generator("activations").standard_normal(50)])
    with tf.GradientTape() as tape:
        inputs = tf.constant(x)
        tape.watch(inputs)
        expected = keras.activations.get(name)(inputs)
    y, slope = tf.function(fused_cell.value_and_slope, jit_compile=True)(name, inputs)
    np.testing.assert_allclose(y, expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(slope, tape.gradient(expected, inputs), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    "optimizer",
    [
        {"name": "adam", "beta_1": 0.7, "beta_2": 0.8, "epsilon": 0.01, "global_clipnorm": 0.5},
        {"name": "adamw", "learning_rate": 0.3},
        {"name": "sgd", "global_clipnorm": 0.5},
        {"name": "sgd", "momentum": 0.7, "nesterov": True},
        {"name": "rmsprop", "rho": 0.6, "epsilon": 0.1, "global_clipnorm": 0.5},
        {"name": "rmsprop", "momentum": 0.7},
    ],
    ids=lambda optimizer: " ".join(map(str, optimizer.values())),
)
def test_optimizers_equal_keras(optimizer: dict[str, Any]) -> None:
    """Of two runs, each with numbers of its own."""
    first, random = make(training={"optimizer": optimizer}), generator("optimizers")
    each = [first, other_numbers(first)]
    structure = structure_of(first).training
    assert structure_of(each[1]).training == structure
    numbers = fused._numbers([settings.training.optimizer for settings in each], structure)
    shapes = {"a": (2, 3, 4), "b": (2, 5, 1)}
    weights = {name: tf.constant(random.standard_normal(shape)) for name, shape in shapes.items()}
    plain = [[keras.Variable(w[run]) for w in weights.values()] for run in range(2)]
    arbiters = [keras_optimizer(settings) for settings in each]
    slots = fused_optimizers.slots(structure.optimizer)
    memory = {slot: {name: tf.zeros_like(w) for name, w in weights.items()} for slot in slots}
    for step in range(1, 6):
        # The second run's gradient is clipped, the first's is not.
        size = np.array([0.01, 10.0]).reshape(2, 1, 1)
        gradients = {
            name: tf.constant(size * random.standard_normal(shape))
            for name, shape in shapes.items()
        }
        weights, memory = fused_optimizers.update(
            structure.optimizer,
            numbers,
            weights,
            gradients,
            memory,
            tf.constant(float(step), tf.float64),
        )
        for run, arbiter in enumerate(arbiters):
            arbiter.apply([g[run] for g in gradients.values()], plain[run])
            for w, expected in zip(weights.values(), plain[run], strict=True):
                np.testing.assert_allclose(w[run], expected.numpy(), rtol=1e-12)


# -------------------------------------------------------------------------------------- bit for bit

SMALL = make(
    {"encoder": [3], "decoder": [5], "activation": "linear"},
    {
        "dtype": "float32",
        "epochs": 6,
        "batch_size": 8,
        "optimizer": {"name": "sgd", "learning_rate": 0.05},
    },
)


@pytest.fixture(scope="module")
def optimizing() -> Any:
    """Call a function in a process whose XLA optimizes, as that of a run does.

    Only there the place of a number in a vector could change how it is rounded.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("XLA_FLAGS", raising=False)
            assert process.submit(os.getenv, "XLA_FLAGS").result(processes.SECONDS) is None

        def call(function: Any, *words: Any, **options: Any) -> Any:
            return process.submit(function, *words, **options).result(processes.SECONDS)

        yield call


@pytest.mark.parametrize("size", [sizes.group_size("fused", SMALL), 8])
def test_a_run_does_not_depend_on_its_group(size: int, optimizing: Any) -> None:
    run = partial(optimizing, run_fused, SMALL, size=size)
    optimizing(forget_programs)
    (alone,) = run([7])
    full = run([7, *range(100, 99 + size)])
    last = run([*range(200, 199 + size), 7])
    beside = run([1, 7, 2, 3], scale={1: 1e30, 2: math.nan, 3: 6.0})
    assert size > 3
    for other in (full[0], last[-1], beside[1]):
        assert_identical(alone, other)
    assert alone.status == "ok"
    assert [beside[place].diverged_epoch for place in (0, 2)] == [1, 1]
    late = beside[3]
    assert late.diverged_epoch == len(late.train_losses) == len(late.validation_losses) > 1
    assert (late.status, late.best_epoch, late.test_loss, late.weights) == (
        "diverged",
        None,
        None,
        None,
    )
    assert optimizing(compilations, SMALL) == 1


# Everything that an optimizer can be, with numbers at which a run of 18 steps learns.
OPTIMIZERS = [
    {"name": "adam", "learning_rate": 0.01},
    {"name": "adamw", "learning_rate": 0.01, "weight_decay": 0.1, "global_clipnorm": 0.3},
    {"name": "sgd", "learning_rate": 0.05},
    {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
    {"name": "rmsprop", "learning_rate": 0.01, "global_clipnorm": 0.3},
    {"name": "rmsprop", "learning_rate": 0.01, "momentum": 0.5},
]


@pytest.mark.parametrize(
    ("optimizer", "size", "optimizes"),
    [(OPTIMIZERS[0], 5, True), *((one, 8, one is OPTIMIZERS[3]) for one in OPTIMIZERS)],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_a_run_does_not_depend_on_the_numbers_of_its_neighbours(
    optimizer: dict[str, Any], size: int, optimizes: bool, request: pytest.FixtureRequest
) -> None:
    """At every place, beside other rates, betas and the like, and beside a run that diverges."""
    here = request.getfixturevalue("optimizing") if optimizes else lambda call, *words: call(*words)
    run = partial(here, run_in_groups_of, size)
    here(forget_programs)
    mine = with_optimizer(optimizer)
    others = [other_numbers(mine, factor) for factor in (0.3, 0.5, 0.7, 0.9, 0.2, 0.6)]
    diverges = with_optimizer({**optimizer, "learning_rate": 1e30})
    ((alone,),) = run([[mine]])
    assert alone.status == "ok" and alone.train_losses[-1] < alone.train_losses[0]
    neighbours = [*others, diverges][-size + 1 :]
    places = [[*neighbours[:place], mine, *neighbours[place:]] for place in range(size)]
    for place, together in enumerate(run(places)):
        assert_identical(together[place], alone)
        assert together[-1 if place < size - 1 else -2].diverged_epoch
        finished = [result.test_loss for result in together if result.status == "ok"]
        assert len(set(finished)) == len(finished) == size - 1
    assert here(compilations, mine) == 1


def run_in_groups_of(size: int, each: list[list[Settings]]) -> list[list[Trained]]:
    """Train groups, all runs of them with one seed."""
    return [run_fused(group, [7] * len(group), size=size) for group in each]


def with_optimizer(optimizer: dict[str, Any]) -> Settings:
    return make(
        {"encoder": [3], "decoder": [5]},
        {"dtype": "float32", "epochs": 3, "batch_size": 4, "optimizer": optimizer},
    )


def test_seven_rates_cost_one_compilation() -> None:
    """And each run is what it is alone, bit for bit."""
    forget_programs()
    rates = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1]
    each = [with_optimizer({"name": "adam", "learning_rate": rate}) for rate in rates]
    asked = [
        Run("task", f"{rate}", seed, settings, "fused")
        for rate, settings in zip(rates, each, strict=True)
        for seed in (0, 1)
    ]
    cut = groups(asked)
    assert [len(group) for group in cut] == [5, 5, 4]
    trained = [
        (run, result)
        for group in cut
        for run, result in zip(
            group,
            run_fused([run.settings for run in group], [run.seed for run in group]),
            strict=True,
        )
    ]
    assert compilations(each[0]) == 1
    assert len({result.test_loss for _, result in trained}) == 14
    for run, result in trained:
        (alone,) = run_fused(run.settings, [run.seed])
        assert_identical(result, alone)
    assert compilations(each[0]) == 1


def test_a_rate_beyond_float32_is_infinite() -> None:
    """The run diverges, as with plain Keras; its neighbours do not notice."""
    optimizer = {"name": "adamw", "learning_rate": 1e300, "weight_decay": 1e300}
    mine = with_optimizer({"name": "adamw", "learning_rate": 0.01})
    (alone,) = run_fused(mine, [1])
    infinite, beside = run_fused([with_optimizer(optimizer), mine], [1, 1])
    assert infinite.diverged_epoch == 1
    assert_identical(beside, alone)


def test_a_diverged_run_stands_still_in_its_group() -> None:
    """An epoch with every other run dead: they keep every bit, the others are as with all alive."""
    size, drawn = 8, windows.of(SMALL.data, 7)
    mine = fused._windows([drawn] * size, "float32")
    structure = structure_of(SMALL).training
    program = fused._program(network(SMALL), structure, 21)
    start = [
        fused_weights.pack(network(SMALL), initial_weights(network(SMALL), seed))
        for seed in range(size)
    ]
    before = fused._start(start, structure)
    numbers = fused._numbers([SMALL.training.optimizer] * size, structure)
    order = tf.constant(np.stack([fused._batches(batch_order(7, 0, 21), program.batch)] * size))
    alive = np.array([True, False] * size)[:size]
    rest = (mine, program.steps, mine.validation)
    after, *_ = program.epoch(before, numbers, order, tf.constant(alive), *rest)
    together, *_ = program.epoch(before, numbers, order, tf.constant([True] * size), *rest)
    for name, matrix in before.matrices.items():
        new = after.matrices[name]
        moved = np.any(np.reshape(new != matrix, (size, -1)), axis=1)
        np.testing.assert_array_equal(moved, alive)
        np.testing.assert_array_equal(new[alive], together.matrices[name][alive])


def test_a_run_of_which_only_the_test_loss_is_not_finite_has_diverged() -> None:
    # The square of 1e30 is infinite in float32.
    results = run_fused(SMALL, [1, 2, 3], size=8, test_scale={1: 1e30, 2: math.nan})
    for result in results[:2]:
        assert np.isfinite(result.train_losses + result.validation_losses).all()
        assert (result.status, result.diverged_epoch) == ("diverged", len(result.train_losses))
        assert len(result.train_losses) == SMALL.training.epochs
        assert result.best_epoch is result.train_loss is result.validation_loss is None
        assert result.test_loss is result.reconstructions is result.weights is None
    assert results[2].status == "ok" and results[2].weights


def test_a_group_stops_when_all_have_diverged() -> None:
    assert [
        result.diverged_epoch for result in run_fused(SMALL, [1, 2], scale={1: 1e30, 2: 6.0})
    ] == [1, 2]


def digest() -> str:
    (result,) = run_fused(SMALL, [7])
    assert result.weights is not None
    numbers = [
        result.train_losses,
        result.validation_losses,
        result.test_loss,
        *map(bytes, result.weights.values()),
    ]
    return hashlib.sha256(repr(numbers).encode()).hexdigest()


def test_a_rerun_in_another_process_is_identical() -> None:
    code = (
        "import sys; sys.path[:0] = ['.', '..']; import conftest, test_fused;"
        " print(test_fused.digest())"
    )
    rerun = processes.run([sys.executable, "-c", code], cwd=Path(__file__).parent)
    assert rerun.stdout.strip() == digest()


def test_float32_is_close_to_float64() -> None:
    double = SMALL.model_copy(
        update={"training": SMALL.training.model_copy(update={"dtype": "float64"})}
    )
    (single,), (truth,) = run_fused(SMALL, [7]), run_fused(double, [7])
    np.testing.assert_allclose(single.validation_losses, truth.validation_losses, rtol=1e-5)
    assert single.weights and truth.weights
    for name, weight in truth.weights.items():
        assert np.linalg.norm(single.weights[name] - weight) <= 1e-4 * np.linalg.norm(weight), name


def test_a_gpu_multiplies_in_full_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    options = tf.config.experimental
    # TensorFlow's default; without a GPU it stays.
    assert options.tensor_float_32_execution_enabled()
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    try:
        importlib.reload(devices)
        assert not options.tensor_float_32_execution_enabled()
    finally:
        options.enable_tensor_float_32_execution(True)


def test_tensorflow_reads_the_variable_that_makes_operations_deterministic() -> None:
    """In this version too, though its documentation names a function only."""
    from tensorflow.python.util import _pywrap_determinism

    code = "from tensorflow.python.util import _pywrap_determinism as d; print(d.is_enabled())"
    told = processes.run([sys.executable, "-c", code], env=os.environ | GPU_ENVIRONMENT).stdout
    assert (_pywrap_determinism.is_enabled(), told) == (False, "True\n")
