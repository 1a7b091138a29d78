"""Random numbers by purpose: independent streams, Keras' distributions, Keras' order of weights."""

import itertools
from typing import get_args

import keras
import numpy as np
import pytest
from scipy import stats

from lstm_ablate.experiment.network import Network, network_of
from lstm_ablate.experiment.settings import (
    Head,
    Initializers,
    KernelInitializer,
    Model,
    RecurrentInitializer,
)
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
    """The key is written out, so that this test notices a change of it, which would move every
    number.
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
        # Keras does not draw biases: those of forget gates are 1, all others 0.
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


# ------------------------------------------------------------------------------------- initializers

KERNELS = get_args(KernelInitializer)
UNIFORM = [name for name in KERNELS if name.endswith("uniform")]
NORMAL = [name for name in KERNELS if name.endswith("normal")]
BIG = network(Model(encoder=(100, 50), decoder=(7,), projection=60, head=Head(units=(90,))), 30)


def kernels(name: str, seed: int = 1) -> dict[str, np.ndarray]:
    """Return the matrices that `kernel_initializer` draws."""
    weights = initial_weights(BIG, seed, initializers=Initializers(kernel=name))
    return {
        part: value
        for part, value in weights.items()
        if part.endswith(("kernel", "projection")) and not part.endswith("recurrent_kernel")
    }


def in_keras(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.asarray(keras.initializers.get(name).__class__(seed=seed)(shape))


def stated(name: str, rows: int, columns: int) -> tuple[float, float]:
    """Return the scale and the connections that a paper states; variance = scale / connections."""
    return {
        "glorot": (1.0, (rows + columns) / 2),  # Glorot & Bengio 2010, equation 12
        "he": (2.0, rows),  # He et al. 2015, equation 10
        "lecun": (1.0, rows),  # LeCun et al. 1998, equation 16
    }[name.split("_", maxsplit=1)[0]]


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_are_drawn_from_the_distribution_of_their_name(name: str) -> None:
    """Only the reconstruction's kernel is always Glorot's."""
    drawn = kernels(name)
    assert len(drawn) == 8
    for seed, (part, kernel) in enumerate(drawn.items()):
        acting = "glorot_uniform" if part == "reconstruction.kernel" else name
        scale, connections = stated(acting, *kernel.shape)
        deviation = np.sqrt(scale / connections)
        if acting.endswith("uniform"):
            limit = np.sqrt(3) * deviation
            distribution = stats.uniform(-limit, 2 * limit)
        else:
            cut = stats.truncnorm(-2, 2)
            distribution = stats.truncnorm(-2, 2, scale=deviation / cut.std())
        assert distribution.std() == pytest.approx(deviation)
        assert np.abs(kernel).max() < distribution.support()[1]
        assert stats.kstest(kernel.ravel(), distribution.cdf).pvalue > 1e-4, part
        theirs = in_keras(acting, kernel.shape, seed).ravel()
        assert stats.ks_2samp(kernel.ravel(), theirs).pvalue > 1e-4, part
        assert np.abs(theirs).max() < distribution.support()[1]


@pytest.mark.parametrize("name", NORMAL)
def test_normal_kernels_are_exact_quantiles_of_their_stream(name: str) -> None:
    for part, kernel in list(kernels(name).items())[:-1]:
        scale, connections = stated(name, *kernel.shape)
        cut = stats.truncnorm(-2, 2)
        quantiles = cut.ppf(generator("weights", *part.rsplit(".", 1), 1).random(kernel.shape))
        expected = np.sqrt(scale / connections) / cut.std() * quantiles
        np.testing.assert_allclose(kernel, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_kernels_use_their_stream_in_order(name: str) -> None:
    for part, kernel in list(kernels(name).items())[:-1]:
        scale, connections = stated(name, *kernel.shape)
        fractions = generator("weights", *part.rsplit(".", 1), 1).random(kernel.shape)
        expected = np.sqrt(3 * scale / connections) * (2 * fractions - 1)
        np.testing.assert_allclose(kernel, expected, rtol=1e-12, atol=1e-14)


def test_the_default_weights_of_the_first_release_have_not_moved_a_bit() -> None:
    """Written out as that release drew them, so that no result of it would change."""
    weights = initial_weights(network(Model(), 3), seed=4)
    for layer in ("encoder.0", "encoder.1", "decoder.0", "decoder.1", "reconstruction"):
        rows, columns = weights[f"{layer}.kernel"].shape
        limit = np.sqrt(6.0 / (rows + columns))
        drawn = generator("weights", layer, "kernel", 4).uniform(-limit, limit, (rows, columns))
        np.testing.assert_array_equal(weights[f"{layer}.kernel"], drawn)
        if layer != "reconstruction":
            recurrent = weights[f"{layer}.recurrent_kernel"]
            normal = generator("weights", layer, "recurrent_kernel", 4).standard_normal(
                recurrent.shape[::-1]
            )
            q, r = np.linalg.qr(normal)
            q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
            np.testing.assert_array_equal(recurrent, q.T)


@pytest.mark.parametrize("name", get_args(RecurrentInitializer))
def test_recurrent_kernels_are_drawn_from_the_distribution_of_their_name(name: str) -> None:
    weights = initial_weights(BIG, 2, initializers=Initializers(recurrent=name))
    for layer in ("encoder.0", "encoder.1", "decoder.0"):
        kernel = weights[f"{layer}.recurrent_kernel"]
        units = weights[f"{layer}.bias"].size // 4
        assert kernel.shape == (60, 4 * units)  # with a projection of 60 numbers
        if name == "orthogonal":
            rows_or_columns = kernel @ kernel.T if 4 * units >= 60 else kernel.T @ kernel
            np.testing.assert_allclose(rows_or_columns, np.eye(min(60, 4 * units)), atol=1e-13)
        else:
            theirs = in_keras(name, kernel.shape, seed=5).ravel()
            assert stats.ks_2samp(kernel.ravel(), theirs).pvalue > 1e-4
            assert kernel.std() == pytest.approx(np.sqrt(2 / sum(kernel.shape)), rel=0.03)


def test_without_the_forget_bias_every_bias_starts_at_0() -> None:
    for unit_forget_bias in (True, False):
        drawn = initial_weights(
            BIG, 2, initializers=Initializers(unit_forget_bias=unit_forget_bias)
        )
        for layer in ("encoder.0", "encoder.1", "decoder.0"):
            units = drawn[f"{layer}.bias"].size // 4
            cell = keras.layers.LSTM(units, unit_forget_bias=unit_forget_bias)
            cell.build((None, None, 2))
            np.testing.assert_array_equal(drawn[f"{layer}.bias"], cell.get_weights()[2])
        assert not drawn["head.0.bias"].any() and not drawn["reconstruction.bias"].any()


def test_peepholes_start_at_0_gamma_at_1_and_beta_at_0() -> None:
    model = SMALL.model_copy(update={"peepholes": True, "normalization": "layer"})
    weights = initial_weights(network(model, 2), 0, initializers=Initializers("he_normal"))
    peepholes = [value for name, value in weights.items() if ".peephole_" in name]
    assert [len(value) for value in peepholes] == [5] * 3 + [3] * 3 + [4] * 3 + [6] * 3
    assert not np.concatenate(peepholes).any()
    for layer, units in (("encoder.0", 5), ("encoder.1", 3), ("decoder.0", 4)):
        np.testing.assert_array_equal(weights[f"{layer}.normalization.gamma"], np.ones(units))
        np.testing.assert_array_equal(weights[f"{layer}.normalization.beta"], np.zeros(units))
    assert "decoder.1.normalization.gamma" not in weights


EVERY = ("encoder.0", "encoder.1", "decoder.0", "decoder.1")


@pytest.mark.parametrize(
    ("key", "moved"),
    [
        ({"peepholes": True}, []),
        ({"cell_clip": 3.0}, []),
        ({"residual": True}, []),
        ({"normalization": "layer"}, []),
        ({"between": "relu", "candidate": ("relu", "tanh", "elu", "tanh")}, []),
        # A layer above one with two directions has more inputs.
        ({"bidirectional": "decoder"}, ["decoder.1.kernel", "head.0.kernel"]),
        ({"unit_forget_bias": False}, [f"{layer}.bias" for layer in EVERY]),
        (
            {"recurrent_initializer": "glorot_normal"},
            [f"{layer}.recurrent_kernel" for layer in EVERY],
        ),
    ],
    ids=str,
)
def test_variants_share_the_weights_that_they_have_in_common(
    key: dict[str, object], moved: list[str]
) -> None:
    """The forward direction of a layer starts like a layer with one direction."""
    model = SMALL.model_copy(update=key)
    plain = initial_weights(network(SMALL, 2), 7)
    other = initial_weights(network(model, 2), 7, initializers=model.initializers)
    assert [name for name in plain if not np.array_equal(plain[name], other[name])] == moved


def test_the_directions_of_a_layer_start_apart() -> None:
    weights = initial_weights(network(SMALL.model_copy(update={"bidirectional": True}), 2), 7)
    for layer in EVERY:
        for part in ("kernel", "recurrent_kernel"):
            forward, backward = weights[f"{layer}.{part}"], weights[f"{layer}.backward.{part}"]
            assert forward.shape == backward.shape and not np.any(forward == backward)
        np.testing.assert_array_equal(weights[f"{layer}.bias"], weights[f"{layer}.backward.bias"])


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
