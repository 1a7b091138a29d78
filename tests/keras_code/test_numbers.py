"""The code of a variant against the keras engine, from the same weights, over all that a model can
be.

The rows are those over which the engines are held to one another. Each epoch is one step here, so
that Keras' order of the windows changes nothing but rounding. Nothing is compiled in the short
form, which takes a third of a second of a core for a row instead of five.
"""

import os
from types import ModuleType

import keras
import numpy as np
import pytest
from covering_rows import OWN, ROWS, settings_of
from fused_runs import network

from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.keras_code.module import Variant, module
from lstm_ablate.training.engines import reference, reference_network
from lstm_ablate.training.inputs import windows
from lstm_ablate.training.inputs.randomness import Weights, initial_weights
from lstm_ablate.training.inputs.windows import Arrays

FULL = os.environ.get("LSTM_ABLATE_FULL") == "yes"


def over(rows):
    """Call a test with each of some rows, named by its values."""
    names = [" ".join(value for value in row.values() if value != "none") for row in rows]
    return pytest.mark.parametrize("row", rows, ids=names)


@pytest.fixture(autouse=True)
def float32_afterwards():
    yield
    keras.config.set_floatx("float32")
    reference._latest.clear()


def made_of(settings: Settings) -> ModuleType:
    """Return the module of a variant, executed."""
    names = {OWN["between"]: "snake"}
    made = ModuleType("made")
    variant = Variant("numbers", "", "variant", settings, network(settings), names)
    exec(module(variant).text, vars(made))
    return made


def steps_of(row: dict[str, str], steps: int) -> tuple[Settings, Arrays, Weights]:
    """Return settings in which an epoch is a step, with the windows and weights of a seed."""
    settings = settings_of(row)
    samples = settings.data.samples.model_copy(update={"train": settings.training.batch_size})
    data = settings.data.model_copy(update={"samples": samples})
    training = settings.training.model_copy(update={"epochs": steps})
    settings = settings.model_copy(update={"data": data, "training": training})
    start = initial_weights(network(settings), 1, initializers=settings.model.initializers)
    return settings, windows.of(data, 1), start


def trained(made: ModuleType, arrays: Arrays, start: Weights, *, eagerly: bool):
    """Return the model that the module builds and trains, and the history of its losses."""
    model = made.build_model()
    model.run_eagerly = eagerly
    model.set_weights(list(start.values()))
    history = made.train(model, {"train": arrays.train, "validation": arrays.validation})
    return model, history.history


def assert_close(found, expected: Weights) -> None:
    for weights, (name, value) in zip(found, expected.items(), strict=True):
        assert np.linalg.norm(weights - value) <= 1e-9 * np.linalg.norm(value), name


@over(ROWS)
def test_the_network_is_that_of_the_keras_engine(row: dict[str, str]) -> None:
    settings, arrays, start = steps_of(row, 1)
    keras.config.set_floatx("float64")
    arbiter, model = reference_network.build(network(settings)), made_of(settings).build_model()
    random = np.random.default_rng(0)  # no peephole at 0, no gamma at 1
    weights = [random.normal(0.15, 0.4, weight.shape) for weight in start.values()]
    for one in (arbiter, model):
        one.set_weights(weights)
    optimizers = model.optimizer, reference._optimizer(settings.training)
    one, other = (optimizer.get_config() | {"name": ""} for optimizer in optimizers)
    assert one == other and type(optimizers[0]) is type(optimizers[1])
    expected = arbiter(arrays.train).numpy()
    np.testing.assert_allclose(model(arrays.train), expected, rtol=1e-12, atol=1e-14)
    assert np.std(expected, axis=(0, 1)).max() > 1e-5


@over(ROWS[:1])
def test_a_step_is_that_of_the_keras_engine(row: dict[str, str]) -> None:
    settings, arrays, start = steps_of(row, 1)
    arbiter = reference._compiled(network(settings), settings.training).model
    arbiter.run_eagerly = True
    arbiter.set_weights(list(start.values()))
    loss = arbiter.train_on_batch(arrays.train, arrays.train)
    model, history = trained(made_of(settings), arrays, start, eagerly=True)
    np.testing.assert_allclose(history["loss"], [loss], rtol=1e-12)
    assert_close(model.get_weights(), dict(zip(start, arbiter.get_weights(), strict=True)))
    moved = zip(model.get_weights(), start.values(), strict=True)
    assert any(np.any(after != before) for after, before in moved)
    expected = np.mean(np.square(arbiter(arrays.validation) - arrays.validation))
    np.testing.assert_allclose(history["val_loss"], [expected], rtol=1e-12)


if FULL:  # it takes minutes

    @pytest.mark.faults  # so that `make test-full` calls it
    @over(ROWS)
    def test_twenty_steps_are_those_of_the_keras_engine(row: dict[str, str]) -> None:
        settings, arrays, start = steps_of(row, 20)
        run = Run("task", "variant", 1, settings, "keras")
        (arbiter,) = reference.train([run], [arrays], lambda end: None)
        model, history = trained(made_of(settings), arrays, start, eagerly=False)
        np.testing.assert_allclose(history["loss"], arbiter.train_losses, rtol=1e-9)
        np.testing.assert_allclose(history["val_loss"], arbiter.validation_losses, rtol=1e-9)
        assert arbiter.weights
        assert_close(model.get_weights(), arbiter.weights)
        test_loss = model.evaluate(arrays.test, arrays.test, verbose=0)
        np.testing.assert_allclose(test_loss, arbiter.test_loss, rtol=1e-9)
