"""The keras engine against stock Keras layers, against NumPy in float64, and against itself."""

import json
import sys

import keras
import numpy as np
import processes
import pytest
import tensorflow as tf
from numpy_lstm import random_weights, reconstruct

from lstm_ablate.experiment.activations import ACTIVATIONS, canonical
from lstm_ablate.experiment.network import network_of
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import Head, Initializers, Model, Settings
from lstm_ablate.training.engines import SHOWN, reference
from lstm_ablate.training.inputs import randomness
from lstm_ablate.training.inputs.windows import Arrays

SIZES = {"encoder": (4, 7), "decoder": (6, 8)}
FEWER = {"encoder": (4,), "decoder": (3,)}  # every site once
EQUAL = {"encoder": (4, 7, 7), "decoder": (6, 6)}  # where residuals are added
OWN = canonical("x / sqrt(1 + x**2)")
BATCH, TIME, FEATURES = 2, 5, 3

MODELS = {
    "tanh": Model(**SIZES),
    "relu": Model(**SIZES, activation="relu"),
    "candidate": Model(**SIZES, candidate="relu"),
    "output": Model(**SIZES, output="softsign"),
    "both apart": Model(**SIZES, candidate="elu", output="gelu"),
    "gates": Model(**SIZES, gates="hard_sigmoid"),
    "gates apart": Model(**SIZES, gates="hard_sigmoid", output="relu"),
    "between": Model(**SIZES, between="leaky_relu"),
    "between one layer": Model(**FEWER, between="selu"),
    "head": Model(**SIZES, head=Head(units=(7, 4), activation="silu")),
    "vector": Model(**SIZES, latent="vector"),
    "vector, all sites": Model(
        **SIZES,
        latent="vector",
        candidate="softplus",
        output="hard_tanh",
        gates="sigmoid",
        between="relu6",
    ),
    **{
        f"everywhere {name}": Model(**FEWER, activation=name, between=name)
        for name in ACTIVATIONS
        if name != "exponential"  # of one another they overflow
    },
    "exponential": Model(**SIZES, candidate="exponential", between="exponential"),
    "with a parameter": Model(
        **SIZES, activation="elu(0.5)", between="leaky_relu(0.01)", bidirectional=True
    ),
    "one's own": Model(
        **SIZES,
        activation=OWN,
        gates=canonical("sigmoid(2 * x)"),
        between=("relu", OWN, "tanh"),
        head=Head(units=(5,), activation=OWN),
        bidirectional="encoder",
    ),
}

KEYS = {
    "bidirectional": Model(**SIZES, bidirectional=True),
    "bidirectional encoder": Model(**SIZES, bidirectional="encoder"),
    "bidirectional decoder": Model(**SIZES, bidirectional="decoder"),
    "peepholes": Model(**SIZES, peepholes=True),
    "projection": Model(**SIZES, projection=2),
    "residual": Model(**EQUAL, residual=True),
    "cell_clip": Model(**SIZES, cell_clip=0.3),
    "projection_clip": Model(**SIZES, projection=2, projection_clip=0.2),
    "normalization": Model(**SIZES, normalization="layer"),
    "another activation in each layer": Model(
        **SIZES,
        candidate=("relu", "tanh", "softsign", "elu"),
        output=("tanh", "tanh", "hard_tanh", "selu"),
        gates=("sigmoid", "hard_sigmoid", "sigmoid", "softplus"),
        between=("linear", "relu", "silu"),
    ),
    "bidirectional, residual": Model(**EQUAL, bidirectional=True, residual=True),
    "a residual between the parts": Model(
        encoder=(4, 3), decoder=(6, 5), bidirectional="encoder", residual=True
    ),
    "residual, projection, normalization": Model(
        **SIZES, residual=True, projection=2, normalization="layer", between="relu"
    ),
    "all": Model(
        **SIZES,
        candidate="softsign",
        output=("elu", "tanh", "linear", "tanh"),
        between="silu",
        head=Head(units=(7,), activation="relu"),
        bidirectional=True,
        peepholes=True,
        projection=2,
        residual=True,
        cell_clip=0.3,
        projection_clip=0.2,
        normalization="layer",
    ),
}
MODELS |= KEYS
MODELS |= {f"{key}, vector": KEYS[key].model_copy(update={"latent": "vector"}) for key in KEYS}


def windows(seed=0, samples=BATCH):
    return np.random.default_rng(seed).normal(0, 1, (samples, TIME, FEATURES))


def built(model, weights, dtype="float64"):
    keras.config.set_floatx(dtype)
    network = reference.build(network_of(model, TIME, FEATURES))
    network.set_weights(list(weights.values()))
    return network


@pytest.fixture(autouse=True)
def a_type_of_its_own():
    """Keras remembers the type of layers that an earlier test set, until its session is cleared."""
    before = keras.config.floatx()
    keras.utils.clear_session()
    yield
    keras.config.set_floatx(before)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_forward_equals_numpy(model):
    """And the weights are those of the description, in its order."""
    weights = random_weights(model, FEATURES)
    network = built(model, weights)
    assert [one.name for one in network.weights] == [name.split(".")[-1] for name in weights]
    assert [tuple(one.shape) for one in network.weights] == [w.shape for w in weights.values()]
    acting = {*model.places("output"), *model.places("between")}
    # Their constants are float32 in TensorFlow.
    rounded = any(text.startswith(("gelu", "leaky_relu")) for text in acting)
    np.testing.assert_allclose(
        network(windows()),
        reconstruct(model, weights, windows()),
        rtol=1e-7 if rounded else 1e-10,
        atol=1e-12,
    )


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_gradients_equal_finite_differences_of_numpy(model):
    """Along random directions: Keras' gradient against central differences of the NumPy network's
    loss.
    """
    weights = random_weights(model, FEATURES, seed=3)
    x = windows(seed=4)
    network = built(model, weights)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(network(x) - x))
    gradients = tape.gradient(loss, [w.value for w in network.trainable_variables])

    def numpy_loss(step, direction):
        moved = {
            name: w + step * d for (name, w), d in zip(weights.items(), direction, strict=True)
        }
        return np.mean(np.square(reconstruct(model, moved, x) - x))

    random = np.random.default_rng(5)
    for tensor in range(len(gradients)):  # each tensor of weights on its own
        direction = [
            random.normal(0, 1, w.shape) * (k == tensor) for k, w in enumerate(weights.values())
        ]
        slope = (numpy_loss(1e-6, direction) - numpy_loss(-1e-6, direction)) / 2e-6
        expected = sum(
            np.sum(g * d) for g, d in zip(map(np.array, gradients), direction, strict=True)
        )
        assert slope == pytest.approx(expected, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("peepholes", "peepholes"),
        ("residual", "residual"),
        ("cell_clip", "cell_clip"),
        ("projection_clip", "projection_clip"),
        ("normalization", "normalization"),
        *(("all", key) for key in ("peepholes", "residual", "cell_clip", "projection_clip")),
    ],
)
def test_every_key_makes_a_difference_at_the_weights_of_these_tests(name, key):
    """Or the equalities above would say nothing about it."""
    model, weights = MODELS[name], random_weights(MODELS[name], FEATURES)
    without = model.model_copy(update={key: Model.model_fields[key].default})
    with_it, without_it = (reconstruct(m, weights, windows()) for m in (model, without))
    assert np.abs(with_it - without_it).max() > 0.01


def by_hand_bidirectional():
    return [
        keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True)),
        keras.layers.Bidirectional(keras.layers.LSTM(7)),
        keras.layers.RepeatVector(TIME),
        keras.layers.Bidirectional(keras.layers.LSTM(6, return_sequences=True)),
        keras.layers.Bidirectional(keras.layers.LSTM(8, return_sequences=True)),
        keras.layers.Dense(FEATURES),
    ]


def by_hand_normalized():
    return [
        keras.layers.LSTM(4, return_sequences=True),
        keras.layers.LayerNormalization(),
        keras.layers.Activation("relu"),
        keras.layers.LSTM(7, return_sequences=True),
        keras.layers.LayerNormalization(),
        keras.layers.Activation("relu"),
        keras.layers.LSTM(6, return_sequences=True),
        keras.layers.LayerNormalization(),
        keras.layers.Activation("relu"),
        keras.layers.LSTM(8, return_sequences=True),
        keras.layers.Dense(FEATURES),
    ]


def by_hand_residual():
    inputs = keras.Input((TIME, FEATURES))
    first = keras.layers.LSTM(4, return_sequences=True)(inputs)
    second = keras.layers.LSTM(7, return_sequences=True)(first)
    third = keras.layers.add([second, keras.layers.LSTM(7, return_sequences=True)(second)])
    fourth = keras.layers.LSTM(6, return_sequences=True)(third)
    fifth = keras.layers.add([fourth, keras.layers.LSTM(6, return_sequences=True)(fourth)])
    return keras.Model(inputs, keras.layers.Dense(FEATURES)(fifth))


def by_hand_residual_in_the_vector():
    """The code is each direction's own last step, and so is what is added to it."""
    inputs = keras.Input((TIME, FEATURES))
    both = keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True))(inputs)
    last = keras.layers.Bidirectional(keras.layers.LSTM(4))(both)
    added = keras.layers.concatenate([both[:, -1, :4], both[:, 0, 4:]])
    code = keras.layers.add([added, last])
    repeated = keras.layers.RepeatVector(TIME)(code)
    decoded = keras.layers.Bidirectional(keras.layers.LSTM(6, return_sequences=True))(repeated)
    return keras.Model(inputs, keras.layers.Dense(FEATURES)(decoded))


BY_HAND = {
    "bidirectional": (MODELS["bidirectional, vector"], by_hand_bidirectional),
    "normalization": (Model(**SIZES, normalization="layer", between="relu"), by_hand_normalized),
    "residual": (MODELS["residual"], by_hand_residual),
    "residual in the vector": (
        Model(encoder=(4, 4), decoder=(6,), bidirectional=True, residual=True, latent="vector"),
        by_hand_residual_in_the_vector,
    ),
}


@pytest.mark.parametrize(("model", "written"), BY_HAND.values(), ids=BY_HAND)
def test_forward_equals_stock_layers_written_by_hand(model, written):
    weights = random_weights(model, FEATURES)
    ours, stock = built(model, weights), written()
    if isinstance(stock, list):
        stock = keras.Sequential([keras.Input((TIME, FEATURES)), *stock])
    stock.set_weights(list(weights.values()))
    np.testing.assert_allclose(ours(windows()), stock(windows()), rtol=1e-12, atol=1e-12)


def test_stock_layers_wherever_the_variant_can_be_said_with_them():
    def recurrent(name):
        network = reference.build(network_of(MODELS[name], TIME, FEATURES))
        parts = [getattr(layer, "forward_layer", layer) for layer in network.layers]
        return {type(part).__name__ for part in parts} & {"LSTM", "RNN"}

    for name in ("tanh", "relu", "gates", "between", "head", "vector"):
        assert recurrent(name) == {"LSTM"}, name
    for name in ("bidirectional", "residual", "normalization", "bidirectional, residual, vector"):
        assert recurrent(name) == {"LSTM"}, name
    for name in ("candidate", "peepholes", "projection", "cell_clip", "with a parameter", "all"):
        assert recurrent(name) == {"RNN"}, name
    assert recurrent("another activation in each layer") == {"LSTM", "RNN"}


def test_no_direction_runs_a_kernel_of_its_own():
    """CuDNN knows only tanh; Keras does not keep the flag in the config that it clones."""
    network = reference.build(network_of(MODELS["bidirectional"], TIME, FEATURES))
    both = [layer for layer in network.layers if isinstance(layer, keras.layers.Bidirectional)]
    directions = [d for layer in both for d in (layer.forward_layer, layer.backward_layer)]
    assert [direction.use_cudnn for direction in directions] == [False] * 8


# ----------------------------------------------------------------------------------------- training

SAMPLES = 11  # with batches of 4 the last one has 3


def settings(**training):
    values = {
        "model": {"encoder": [4, 3], "decoder": [5]},
        "training": {"batch_size": 4, "epochs": 3, "dtype": "float64", **training},
    }
    return Settings.model_validate(values)


def arrays(seed=0):
    return Arrays(windows(seed, SAMPLES), windows(100, 6), windows(101, 7))


def trained(config, seed=0, data=None):
    run = Run("default", "x", seed, config, "keras")
    (result,) = reference.train([run], [data or arrays(seed)], lambda *at: None)
    return result


OPTIMIZERS = {
    "adam": {"name": "adam", "learning_rate": 0.01},
    "adam, other betas": {
        "name": "adam",
        "learning_rate": 0.01,
        "beta_1": 0.7,
        "beta_2": 0.9,
        "epsilon": 1e-3,
    },
    "adam, clipped": {"name": "adam", "learning_rate": 0.01, "global_clipnorm": 0.01},
    "adamw": {"name": "adamw", "learning_rate": 0.01, "weight_decay": 0.1},
    "sgd": {"name": "sgd", "learning_rate": 0.1},
    "sgd, momentum": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9},
    "sgd, nesterov": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
    "sgd, clipped": {"name": "sgd", "learning_rate": 0.1, "global_clipnorm": 0.01},
    "rmsprop": {"name": "rmsprop", "learning_rate": 0.01, "rho": 0.8},
    "rmsprop, momentum": {"name": "rmsprop", "learning_rate": 0.01, "momentum": 0.5},
}


def numpy_step(options, step, weights, gradients, state):
    """One update of every weight in NumPy, from the equations of the optimizers' papers."""
    name, rate = options["name"], options["learning_rate"]
    if clip := options.get("global_clipnorm"):
        norm = np.sqrt(sum(np.sum(g * g) for g in gradients))
        gradients = [g * min(1.0, clip / norm) for g in gradients]
    for k, g in enumerate(gradients):
        m, v = state.setdefault(k, [np.zeros_like(g), np.zeros_like(g)])
        if name in ("adam", "adamw"):
            b1, b2 = options.get("beta_1", 0.9), options.get("beta_2", 0.999)
            m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
            rounded_1, rounded_2 = float(np.float32(b1)), float(np.float32(b2))
            # Kingma & Ba 2015, end of section 2
            corrected = rate * np.sqrt(1 - rounded_2**step) / (1 - rounded_1**step)
            decayed = weights[k] * (1 - rate * options.get("weight_decay", 0.0))
            weights[k] = decayed - corrected * m / (np.sqrt(v) + options.get("epsilon", 1e-7))
        elif name == "sgd":
            momentum = float(np.float32(options.get("momentum", 0.0)))
            m = momentum * m - rate * g
            weights[k] = weights[k] + (momentum * m - rate * g if options.get("nesterov") else m)
        else:
            rho = options.get("rho", 0.9)
            v = rho * v + (1 - rho) * g * g
            m = options.get("momentum", 0.0) * m + rate * g / np.sqrt(v + 1e-7)
            weights[k] = weights[k] - m
        state[k] = [m, v]


@pytest.mark.parametrize("options", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_training_equals_a_loop_written_by_hand(options):
    """Batches in the given order, the smaller last one too; NumPy's updates; losses by their
    definition.

    In float64; Keras rounds some constants of its optimizers to float32 all the same, and so do we
    here.
    """
    config, data = settings(optimizer=options), arrays()
    result = trained(config)

    keras.config.set_floatx("float64")
    network = reference.build(network_of(config.model, TIME, FEATURES))
    weights = list(
        randomness.initial_weights(network_of(config.model, TIME, FEATURES), seed=0).values()
    )
    state, step, train_losses, validation_losses, kept = {}, 0, [], [], []

    def loss(x):
        return tf.reduce_mean(tf.square(network(x) - x))

    for epoch in range(3):
        losses = []
        order = randomness.batch_order(0, epoch, SAMPLES)
        for batch in (order[:4], order[4:8], order[8:]):
            step += 1
            network.set_weights(weights)
            with tf.GradientTape() as tape:
                value = loss(data.train[batch])
            gradients = [
                np.array(g)
                for g in tape.gradient(value, [w.value for w in network.trainable_variables])
            ]
            numpy_step(options, step, weights, gradients, state)
            losses += [float(value)] * len(batch)
        network.set_weights(weights)
        train_losses.append(np.mean(losses))
        validation_losses.append(float(loss(data.validation)))
        kept.append(list(weights))
    best = int(np.argmin(validation_losses))
    network.set_weights(kept[best])

    np.testing.assert_allclose(result.train_losses, train_losses, rtol=1e-10)
    np.testing.assert_allclose(result.validation_losses, validation_losses, rtol=1e-10)
    assert result.best_epoch == best + 1
    assert result.validation_loss == result.validation_losses[best]
    assert result.train_loss == result.train_losses[best]
    assert result.test_loss == pytest.approx(float(loss(data.test)), rel=1e-10)
    np.testing.assert_allclose(
        result.reconstructions, network(data.test[:SHOWN]), rtol=1e-8, atol=1e-10
    )
    for (name, value), expected in zip(result.weights.items(), kept[best], strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-8, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_losses_by_their_definition(loss):
    error = windows(0, SAMPLES) * 3
    definition = {
        "mse": np.mean(error**2),
        "mae": np.mean(np.abs(error)),
        "huber": np.mean(np.where(np.abs(error) <= 1, error**2 / 2, np.abs(error) - 0.5)),
    }
    zeros = {"optimizer": {"name": "sgd", "learning_rate": 1e-300}, "epochs": 1}
    result = trained(settings(loss=loss, **zeros), data=Arrays(windows(), error, windows()))
    config = settings().model
    reconstructed = reconstruct(
        config, randomness.initial_weights(network_of(config, TIME, FEATURES), 0), error
    )
    error = error - reconstructed
    assert definition[loss] > 0
    expected = {
        "mse": np.mean(error**2),
        "mae": np.mean(np.abs(error)),
        "huber": np.mean(np.where(np.abs(error) <= 1, error**2 / 2, np.abs(error) - 0.5)),
    }[loss]
    assert result.validation_loss == pytest.approx(expected, rel=1e-9)


def test_select_last_keeps_the_last_epoch():
    rising = {"optimizer": {"name": "sgd", "learning_rate": 3.0, "momentum": 0.9}, "epochs": 5}
    best, last = trained(settings(**rising)), trained(settings(select="last", **rising))
    assert best.validation_losses == last.validation_losses
    assert best.best_epoch < 5 == last.best_epoch
    assert best.validation_loss == min(best.validation_losses) < last.validation_loss
    assert best.test_loss != last.test_loss


def test_a_run_that_diverges_says_when_and_stops():
    result = trained(settings(optimizer={"name": "sgd", "learning_rate": 1e200}, epochs=9))
    assert result.status == "diverged"
    assert result.diverged_epoch == len(result.validation_losses) < 9
    assert not np.isfinite([result.train_losses[-1], result.validation_losses[-1]]).all()
    assert np.isfinite(result.train_losses[:-1] + result.validation_losses[:-1]).all()
    assert result.test_loss is result.validation_loss is result.best_epoch is result.weights is None


@pytest.mark.parametrize(("value", "loss"), [(1e200, "inf"), (np.nan, "nan")])
def test_a_run_of_which_only_the_test_loss_is_not_finite_has_diverged(value, loss):
    data = Arrays(windows(0, SAMPLES), windows(), np.full((2, TIME, FEATURES), value))
    with np.errstate(over="ignore"):
        assert str(np.mean(np.square(data.test))) == loss
    result = trained(settings(), data=data)
    assert np.isfinite(result.train_losses + result.validation_losses).all()
    assert (result.status, result.diverged_epoch) == ("diverged", 3)
    assert result.best_epoch is result.train_loss is result.validation_loss is None
    assert result.test_loss is result.reconstructions is result.weights is None


def numbers(result):
    return json.dumps(
        [result.train_losses, result.validation_losses, result.test_loss]
        + [value.tolist() for value in result.weights.values()]
    )


def test_a_run_gives_the_same_bits_whatever_ran_before_it():
    """Also in another process (rung 6), and after a run that diverged in the same model."""
    config = settings(dtype="float32")
    first = numbers(trained(config, seed=1))
    trained(settings(optimizer={"name": "sgd", "learning_rate": 1e200}))
    trained(config, seed=2)
    trained(config, seed=3, data=Arrays(*(np.full((SAMPLES, TIME, FEATURES), np.inf),) * 3))
    assert numbers(trained(config, seed=1)) == first
    code = (
        "import test_reference as t; print(t.numbers(t.trained(t.settings(dtype='float32'),"
        " seed=1)))"
    )
    code = "import sys; sys.path[:0] = ['.', '..']; import conftest;" + code
    again = processes.run([sys.executable, "-c", code], cwd=__file__.rpartition("/")[0])
    assert again.stdout.strip() == first


@pytest.fixture
def built_networks(monkeypatch):
    """The networks that are built from here on."""
    reference._latest.clear()
    built = []
    build = reference.build
    monkeypatch.setattr(reference, "build", lambda *args: built.append(args) or build(*args))
    return built


def test_a_model_is_built_once_for_all_seeds(built_networks):
    config = settings(epochs=1, batch_size=5)
    for seed in range(3):
        trained(config, seed)
    assert len(built_networks) == 1


@pytest.mark.parametrize(("name", "dtype"), [("adamw", "float64"), ("sgd", "float32")])
def test_a_model_is_built_once_for_all_learning_rates(name, dtype, built_networks):
    """And trains as one that is built for its own, bit for bit."""
    low, high = (
        settings(dtype=dtype, optimizer={"name": name, "learning_rate": rate})
        for rate in (1e-3, 0.3)
    )
    first, second, third = (numbers(trained(config)) for config in (low, high, low))
    assert first == third != second
    assert len(built_networks) == 1
    reference._latest.clear()
    assert second == numbers(trained(high))


def test_a_model_is_built_once_for_all_initial_weights(built_networks):
    """And each run starts from the distributions of its own settings."""
    still = {"optimizer": {"name": "sgd", "learning_rate": 1e-300}, "epochs": 1}
    for drawn in (Initializers(), Initializers("he_normal", "glorot_normal", False)):
        names = ("kernel_initializer", "recurrent_initializer", "unit_forget_bias")
        changes = dict(zip(names, drawn, strict=True))
        config = settings(**still)
        config = config.model_copy(update={"model": config.model.model_copy(update=changes)})
        result = trained(config, seed=3)
        network = network_of(config.model, TIME, FEATURES)
        for name, value in randomness.initial_weights(network, 3, initializers=drawn).items():
            np.testing.assert_allclose(result.weights[name], value, rtol=0, atol=1e-250)
    assert len(built_networks) == 1


def test_another_number_of_an_optimizer_takes_another_model(built_networks):
    """It is a constant in what Keras traces."""
    both = [
        numbers(trained(settings(optimizer={"name": "adam", "beta_1": beta}))) for beta in (0.9, 0)
    ]
    assert len(built_networks) == 2 and both[0] != both[1]


def test_every_epoch_is_told():
    told = []
    run = Run("default", "x", 0, settings(), "keras")
    (result,) = reference.train(
        [run],
        [arrays()],
        lambda end: told.append(
            (end.index, end.epoch, end.train_loss, end.validation_loss, end.weights())
        ),
    )
    losses = zip(result.train_losses, result.validation_losses, strict=True)
    assert [at[:4] for at in told] == [
        (0, epoch, *both) for epoch, both in enumerate(losses, start=1)
    ]
    for name, value in result.weights.items():
        np.testing.assert_array_equal(told[result.best_epoch - 1][4][name], value)
    assert not np.array_equal(told[0][4]["encoder.0.kernel"], told[1][4]["encoder.0.kernel"])
