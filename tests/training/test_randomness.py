"""Random numbers by purpose: independent streams, Keras' distributions, Keras' order of weights."""

import itertools

import keras
import numpy as np
import pytest
from scipy import stats

from lstm_ablate.experiment.network import Network, network_of
from lstm_ablate.experiment.settings import Head, Model
from lstm_ablate.training.inputs.randomness import batch_order, generator, initial_weights

SMALL = Model(encoder=(5, 3), decoder=(4, 6), head=Head(units=(7, 2)))


def network(model: Model, features: int) -> Network:
    return network_of(model, timesteps=9, features=features)


# ------------------------------------------------------------------------------------------ streams


def test_a_purpose_is_a_stream_of_its_own() -> None:
    purposes = [
        ("a",),
        ("b",),
        ("a", 0),
        ("a", 1),
        ("a", "1"),
        (0, "a"),
        ("a", "b"),
        ("ab",),
        ("a\0b",),
        ("a", 10),
    ]
    draws = [generator(*purpose).standard_normal(4000) for purpose in purposes]
    for one, other in itertools.combinations(draws, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(4000)
    for purpose, drawn in zip(purposes, draws, strict=True):
        np.testing.assert_array_equal(drawn, generator(*purpose).standard_normal(4000))
        assert stats.kstest(drawn, "norm").pvalue > 1e-4


def test_a_stream_is_pcg64_keyed_by_sha_256() -> None:
    """The key is written out, so that a change of it, which moves every number, does not pass
    unseen.
    """
    import hashlib

    digest = hashlib.sha256(b"'order'\x007\x003").hexdigest()
    key = sum(int(digest[2 * k : 2 * k + 2], 16) << (8 * k) for k in range(16))
    expected = np.random.default_rng(key).permutation(11)  # default_rng is PCG64
    np.testing.assert_array_equal(batch_order(seed=7, epoch=3, samples=11), expected)


def test_drawing_in_another_order_or_between_other_draws_moves_nothing() -> None:
    before = initial_weights(network(SMALL, 2), seed=5)
    generator("new purpose", 5).standard_normal(100)
    np.random.seed(0)
    np.random.standard_normal(10)
    batch_order(5, 0, 10)
    for name, value in initial_weights(network(SMALL, 2), seed=5).items():
        np.testing.assert_array_equal(value, before[name])


def test_layers_that_two_models_share_start_alike() -> None:
    with_head = initial_weights(network(SMALL, 2), seed=5)
    without = initial_weights(network(SMALL.model_copy(update={"head": None}), 2), seed=5)
    relu = initial_weights(
        network(SMALL.model_copy(update={"activation": "relu", "between": "gelu"}), 2), seed=5
    )
    shared = [name for name in without if not name.startswith("reconstruction")]
    assert len(shared) == 12
    for name in shared:
        np.testing.assert_array_equal(with_head[name], without[name])
    for name, value in relu.items():
        np.testing.assert_array_equal(value, with_head[name])
    deeper = initial_weights(network(SMALL.model_copy(update={"encoder": (5, 3, 3)}), 2), seed=5)
    np.testing.assert_array_equal(deeper["encoder.1.kernel"], with_head["encoder.1.kernel"])
    np.testing.assert_array_equal(deeper["decoder.0.kernel"], with_head["decoder.0.kernel"])


# ------------------------------------------------------------------------------------------ weights


@pytest.mark.parametrize("latent", ["sequence", "vector"])
@pytest.mark.parametrize("head", [None, (7, 2)])
def test_names_shapes_and_order_are_those_of_a_keras_model(
    latent: str, head: tuple[int, ...] | None
) -> None:
    model = Model(encoder=(5, 3), decoder=(4, 6), latent=latent, head=head and Head(units=head))
    keras.utils.clear_session()
    layers = [
        keras.Input((8, 2)),
        keras.layers.LSTM(5, return_sequences=True, name="encoder.0"),
        keras.layers.LSTM(3, return_sequences=latent == "sequence", name="encoder.1"),
        *([keras.layers.RepeatVector(8)] if latent == "vector" else []),
        keras.layers.LSTM(4, return_sequences=True, name="decoder.0"),
        keras.layers.LSTM(6, return_sequences=True, name="decoder.1"),
        *[keras.layers.Dense(units, name=f"head.{k}") for k, units in enumerate(head or ())],
        keras.layers.Dense(2, name="reconstruction"),
    ]
    arbiter = keras.Sequential(layers)
    weights = initial_weights(network(model, 2), seed=0)
    named = {
        f"{layer.name}.{weight.name}": weight.shape
        for layer in arbiter.layers
        for weight in layer.weights
    }
    assert {name: value.shape for name, value in weights.items()} == named
    assert [value.shape for value in weights.values()] == [
        value.shape for value in arbiter.get_weights()
    ]
    assert list(weights) == list(named)
    for name, keras_value in zip(weights, arbiter.get_weights(), strict=True):
        # The only ones that Keras does not draw: forget gates 1, all others 0.
        if name.endswith("bias"):
            np.testing.assert_array_equal(weights[name], keras_value)
        assert weights[name].dtype == np.float64
    arbiter.set_weights(list(weights.values()))


def test_forget_bias_is_one() -> None:
    bias = initial_weights(network(SMALL, 2), seed=3)["decoder.0.bias"]
    np.testing.assert_array_equal(bias.reshape(4, 4), [[0] * 4, [1] * 4, [0] * 4, [0] * 4])


@pytest.mark.parametrize(
    ("name", "rows", "columns"), [("encoder.0", 30, 400), ("encoder.1", 100, 200)]
)
def test_kernels_are_glorot_uniform(name: str, rows: int, columns: int) -> None:
    kernel = initial_weights(network(Model(encoder=(100, 50)), 30), seed=1)[f"{name}.kernel"]
    assert kernel.shape == (rows, columns)
    limit = np.sqrt(6 / (rows + columns))
    assert np.abs(kernel).max() < limit
    assert stats.kstest(kernel.ravel(), stats.uniform(-limit, 2 * limit).cdf).pvalue > 1e-3
    keras_draw = np.asarray(keras.initializers.GlorotUniform(seed=4)((rows, columns)))
    assert stats.ks_2samp(kernel.ravel(), keras_draw.ravel()).pvalue > 1e-3


@pytest.mark.parametrize("units", [1, 2, 50])
def test_recurrent_kernels_have_orthonormal_rows(units: int) -> None:
    recurrent = initial_weights(network(Model(encoder=(units,)), 1), seed=1)[
        "encoder.0.recurrent_kernel"
    ]
    assert recurrent.shape == (units, 4 * units)
    assert recurrent.flags.c_contiguous
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(units), atol=1e-13)


def test_orthogonal_matrices_are_uniform() -> None:
    """Every column of a uniform orthogonal matrix is uniform on the sphere: for 1 x 4, each entry
    is uniform-like.

    An entry of a uniform point on the sphere in R^4 has the density 2/pi sqrt(1 - x^2), Wigner's
    semicircle. Without the signs of R's diagonal, QR's first entry would be negative throughout.
    """
    entries = np.array(
        [
            initial_weights(network(Model(encoder=(1,)), 1), seed)["encoder.0.recurrent_kernel"][0]
            for seed in range(400)
        ]
    )
    for entry in entries.T:
        assert stats.kstest(entry, stats.semicircular.cdf).pvalue > 1e-3


def test_seeds_layers_and_kernels_differ() -> None:
    kernels = [
        weights[f"{layer}.{kind}"].ravel()[:36]
        for seed in (0, 1)
        for weights in [initial_weights(network(Model(encoder=(3, 3, 3), decoder=(3, 3)), 3), seed)]
        for layer in ("encoder.0", "encoder.1", "encoder.2", "decoder.0", "decoder.1")
        for kind in ("kernel", "recurrent_kernel")
    ]
    for one, other in itertools.combinations(kernels, 2):
        assert not np.any(one == other)


# -------------------------------------------------------------------------------------- batch order


@pytest.mark.parametrize("samples", [1, 2, 1000])
def test_batch_order_is_a_permutation(samples: int) -> None:
    np.testing.assert_array_equal(np.sort(batch_order(3, 2, samples)), np.arange(samples))


def test_batch_order_differs_by_seed_and_epoch_and_not_by_chance() -> None:
    orders = {
        (seed, epoch): batch_order(seed, epoch, 500) for seed in range(4) for epoch in range(4)
    }
    for one, other in itertools.combinations(orders.values(), 2):
        assert abs(stats.spearmanr(one, other).statistic) < 5 / np.sqrt(500)
    np.testing.assert_array_equal(batch_order(2, 1, 500), orders[2, 1])


def test_runs_that_tune_and_runs_that_are_judged_share_no_number():
    """Weights (but biases, which are constants) and orders, at the same seed and at another."""
    layers = network(SMALL, 2)
    judged = initial_weights(layers, 0)
    for tuned in (initial_weights(layers, seed, "tuning") for seed in (0, 1)):
        for name in judged:
            if not name.endswith("bias"):
                assert not np.intersect1d(judged[name], tuned[name]).size
    orders = [batch_order(0, 0, 500), batch_order(0, 0, 500, "tuning"), batch_order(1, 0, 500)]
    assert len({tuple(order) for order in orders}) == 3
