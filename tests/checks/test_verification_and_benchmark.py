"""`verify` passes what is right and finds what is wrong; the benchmark counts and measures what it
says.
"""

import json
import math
import os
from itertools import pairwise
from pathlib import Path

import biased_engine
import keras
import numpy as np
import pytest
from command_line import call
from numpy_lstm import reconstruct
from scipy import stats

from lstm_ablate.checks import benchmark, handwritten, verification
from lstm_ablate.checks.verification import Deviation, Epoch
from lstm_ablate.experiment.network import network_of
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.training.engines import reference
from lstm_ablate.training.inputs import windows
from lstm_ablate.training.inputs.randomness import initial_weights

ROOT = Path(__file__).parents[2]


def run(engine, batch_size=8, **training):
    values = {
        "data": {
            "family": "sines",
            "timesteps": 6,
            "samples": {"train": 80, "validation": 9, "test": 3},
        },
        "model": {"encoder": [5], "decoder": [4], "candidate": "elu"},
        "training": (
            {
                "epochs": 2,
                "batch_size": batch_size,
                "optimizer": {"name": "adam", "learning_rate": 0.01},
            }
            | training
        ),
    }
    return Run("default", "x", 0, Settings.model_validate(values), engine)


@pytest.fixture(scope="module")
def kept_networks():
    """The keras engine keeps every network that it has traced, and not only the latest one.

    The tests of verdicts train one network in two types with an engine or another; to trace it
    takes four of the five seconds of a training.
    """
    traced, compiled = {}, reference._compiled

    def kept(network, training):
        of_any_rate = training.optimizer.model_copy(update={"learning_rate": 1.0})
        key = (network, of_any_rate, training.loss, training.dtype)
        if key not in traced:
            reference._latest.clear()
            traced[key] = compiled(network, training)
        keras.config.set_floatx(training.dtype)  # Keras gives what it is given this type
        return traced[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "_compiled", kept)
        yield
    assert traced
    reference._latest.clear()
    keras.config.set_floatx("float32")


def verdict(engine, **settings):
    comparisons = [verification._deviation(run(engine, **settings), lambda _: None)]
    (one,) = verification.verdicts(comparisons)
    return one, comparisons


def test_the_fused_engine_holds(kept_networks):
    one, comparisons = verdict("fused")
    assert one.holds and one.seeds == 1
    assert 0 < one.after_steps < 1e-12
    for comparison in comparisons:
        assert [epoch.epoch for epoch in comparison.epochs] == [1, 2]
        for epoch in comparison.epochs:
            assert (
                epoch.exact_weights < 1e-9 < epoch.keras_weights < 1e-3 and 0 < epoch.weights < 1e-3
            )


def test_keras_against_itself_is_exactly_equal(kept_networks):
    one, comparisons = verdict("keras")
    assert one.holds and one.after_steps == 0 and one.median_factor == 1.0
    assert comparisons[0].epochs[0].keras_weights == comparisons[0].epochs[0].weights > 0


def test_a_slightly_wrong_learning_rate_is_found_in_float64(kept_networks):
    one, _ = verdict("biased_engine", batch_size=biased_engine.WRONG_RATE)
    assert not one.holds and one.after_steps > 1e-8


def test_lost_digits_are_found_in_float32(kept_networks):
    one, comparisons = verdict("biased_engine", batch_size=biased_engine.NOISY_FLOAT32)
    assert one.after_steps == 0 and one.beyond == one.seeds == 1 < one.seeds_needed
    (more,) = verification.verdicts(comparisons * 6)
    assert not more.holds and more.median_factor > 2


# 1e200 in float32.
@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_an_engine_holds_if_both_engines_diverge_at_the_same_epoch(kept_networks):
    one, comparisons = verdict("fused", optimizer={"name": "sgd", "learning_rate": 1e200})
    assert None not in comparisons[0].diverged
    assert one.holds


def test_an_engine_without_a_finite_weight_fails(kept_networks):
    """This holds as long as the truth goes on, in float64 and in float32 alone."""
    one, comparisons = verdict("biased_engine", batch_size=biased_engine.NAN_FLOAT32)
    assert not one.holds and one.median_factor == math.inf
    assert [epoch.keras_weights < 1 for epoch in comparisons[0].epochs] == [True, True]


def comparison(factors, after_steps=0.0, diverged=(None, None, None, None)):
    epochs = tuple(
        Epoch(k, 0, 0, factor * 1e-6, 0, 1e-6, 0) for k, factor in enumerate(factors, start=1)
    )
    return Deviation(run("fused"), after_steps, epochs, diverged)


@pytest.mark.parametrize(
    ("comparisons", "epoch", "beyond", "holds"),
    [
        ([comparison([1, 4])] * 6, 2, 6, False),  # 1 / 2^6 < 0.05 / 2
        # 1 / 2^5 > 0.05 / 2: five seeds are too few to judge two epochs.
        ([comparison([1, 4])] * 5, 2, 5, True),
        ([comparison([4])] * 5, 1, 5, False),
        ([comparison([400])] * 7 + [comparison([1.9])], 1, 7, False),  # p = 9 / 256
        ([comparison([400])] * 6 + [comparison([1.9])] * 2, 1, 6, True),  # p = 37 / 256
        ([comparison([1.9])] * 9, 1, 0, True),
        # A run that ends early hides no other.
        ([comparison([1, 1, 5])] * 6 + [comparison([1])], 3, 6, False),
        ([comparison([1, math.inf]), comparison([1, 1])], 2, 1, False),
        ([comparison([1], after_steps=1e-8)], 1, 0, False),
        ([comparison([1], diverged=(2, None, None, None))], 1, 0, False),
        ([comparison([1], diverged=(2, 2, 1, 1))], 1, 0, True),
    ],
)
def test_the_verdict_counts_seeds_and_takes_the_worst_epoch(comparisons, epoch, beyond, holds):
    (one,) = verification.verdicts(comparisons)
    assert (one.worst_epoch, one.beyond, one.holds) == (epoch, beyond, holds)
    assert len(verification.by_epoch(comparisons)) == max(len(each.epochs) for each in comparisons)


def test_the_sign_test_is_scipys():
    for n in range(1, 12):
        for count in range(n + 1):
            expected = stats.binomtest(count, n, 0.5, alternative="greater").pvalue
            assert verification._sign_test(count, n) == pytest.approx(expected)


def test_the_relative_error_is_that_of_the_worst_tensor():
    truth = {"a": np.array([1.0, -4.0]), "b": np.array([[0.5]])}
    weights = {"a": np.array([1.2, -4.0]), "b": np.array([[0.6]])}
    assert verification.relative_error(weights, truth) == pytest.approx(0.2)
    assert (
        verification.relative_error(weights | {"a": np.array([1.0, math.nan])}, truth) == math.inf
    )
    assert verification.relative_error(weights | {"b": np.array([[math.nan]])}, truth) == math.inf


def test_verify_and_its_exit_code_on_the_command_line(tmp_path, monkeypatch):
    """Of programs that XLA optimizes, as it does where a user calls it."""
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    small = ["model.encoder=[4]", "model.decoder=[4]", "variants={tanh: {}}"]
    words = ["seeds=1", "training.epochs=1", *small, "--json"]
    done = call("verify", ROOT / "configs" / "smoke.yaml", *words, cwd=tmp_path)
    content = json.loads(done.stdout)
    assert [(one["variant"], one["holds"]) for one in content["verdicts"]] == [("tanh", True)]
    assert len(content["epochs"]) == 1
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------------- benchmark


def test_flops_are_those_of_the_matrix_products():
    """Counted product by product: forward, by the weights, and by inputs but the network's own."""
    settings = Settings.model_validate(
        {
            "data": {"family": "sines", "timesteps": 7, "features": 1},
            "model": {"encoder": [3], "decoder": [4, 5]},
            "training": {"batch_size": 2},
        }
    )
    count = 0
    for layer, (inputs, units) in enumerate(pairwise([1, 3, 4, 5])):
        for _ in range(7):
            forward_x, forward_h = 2 * 2 * inputs * 4 * units, 2 * 2 * units * 4 * units
            count += 3 * forward_h + (3 if layer else 2) * forward_x
    count += 7 * 3 * 2 * 2 * 5 * 1
    assert benchmark.step_flops(settings) == count


def test_flops_of_two_directions_and_a_projection():
    """Each direction reads the features and its own 4 numbers, and multiplies 3 units to 4."""
    settings = Settings.model_validate(
        {
            "data": {"family": "sines", "timesteps": 7, "features": 2},
            "model": {
                "encoder": [3],
                "decoder": [5],
                "bidirectional": "encoder",
                "projection": 4,
                "peepholes": True,
            },
            "training": {"batch_size": 6},
        }
    )
    encoder = 2 * (2 * (2 * 4 * 3) + 3 * (4 * 4 * 3) + 3 * (3 * 4))
    decoder = 3 * (8 * 4 * 5) + 3 * (4 * 4 * 5) + 3 * (5 * 4)
    assert benchmark.step_flops(settings, features=2) == 7 * 2 * 6 * (
        encoder + decoder + 3 * (4 * 2)
    )


def test_every_contestant_trains_in_turn_and_leaves_no_process(tmp_path):
    found = {one.contestant: one for one in benchmark.measure("small", 1, cores=1)}
    contestants = ["plain", "tuned", *(["jax"] if benchmark.jax_is_installed() else []), "fused"]
    assert list(found) == contestants
    for one in found.values():
        assert one.step_milliseconds > 0 and one.gflops > 0 and 2e8 < one.memory_bytes < 4e9
    assert found["fused"].compile_seconds > 0
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    assert not [c for c in children if "spawn_main" in Path(f"/proc/{c}/cmdline").read_text()]
    rows = benchmark.table(
        benchmark.Benchmark(
            {"name": "x"}, 1, 100.0, tuple(found.values()), benchmark.Growth(1.0, 1.0), None
        )
    )
    assert [row[1] for row in rows[1:]] == contestants
    assert rows[-1][3] == "1.0x as fast"


def test_the_cases_are_the_networks_of_their_names():
    assert benchmark.settings_of("default").model == Settings().model
    assert benchmark.settings_of("small").model.encoder == (16, 8)
    assert benchmark.settings_of("vector").model.latent == "vector"
    assert benchmark.settings_of("long").data.timesteps == 200
    for key in benchmark.KEYS:
        model, default = benchmark.settings_of(key).model, Settings().model
        changed = {name for name, value in model if value != getattr(default, name)}
        named = "kernel_initializer" if key == "he_normal" else key
        assert named in changed <= {named, "projection"}
    residual = network_of(benchmark.settings_of("residual").model, 30, 1)
    assert [layer.residual for layer in residual.lstm] == [False, False, True, False]


class _Weights(keras.callbacks.Callback):
    """Keeps the weights before the first epoch and after the last."""

    def on_train_begin(self, logs=None):
        self.first = self.model.get_weights()

    def on_train_end(self, logs=None):
        self.last = self.model.get_weights()


@pytest.fixture
def eager(monkeypatch):
    """Keras trains operation by operation: for two steps that takes less time than to trace one."""
    compiled, models = keras.Model.compile, []

    def compile_eagerly(model, *words, **options):
        models.append(model)
        compiled(model, *words, **options | {"run_eagerly": True, "jit_compile": False})

    monkeypatch.setattr(keras.Model, "compile", compile_eagerly)
    yield
    assert models


# The tuned loop differs in its compilation, which takes seconds.
@pytest.mark.parametrize(
    ("key", "loop"), [*((key, "plain") for key in benchmark.KEYS), ("peepholes", "tuned")]
)
def test_the_loops_written_by_hand_train_the_network_of_the_case(key, loop, request):
    """Their loss on test is that of NumPy at the weights that they end with."""
    if key != "peepholes":
        request.getfixturevalue("eager")
    changes = benchmark.KEYS[key]["model"] | {"encoder": [4], "decoder": [4, 5]}
    samples = {"train": 16, "validation": 4, "test": 5}
    settings = Settings.model_validate(
        {
            "data": {"family": "sines", "timesteps": 6, "features": 2, "samples": samples},
            "model": changes | ({"projection": 2} if "projection" in changes else {}),
            "training": {"epochs": 1, "batch_size": 8},
        }
    )
    data, kept = windows.of(settings.data, 0), _Weights()
    keras.config.set_floatx("float32")
    loss = getattr(handwritten, loop)(settings, data, [kept])
    names = initial_weights(network_of(settings.model, 6, 2), 0)
    weights = dict(zip(names, kept.last, strict=True))
    assert all(weights[name].shape == value.shape for name, value in names.items())
    reconstructed = reconstruct(settings.model, weights, data.test)
    assert loss == pytest.approx(np.mean((reconstructed - data.test) ** 2), rel=1e-5)
    assert any(np.any(a != b) for a, b in zip(kept.first, kept.last, strict=True))


def test_the_loops_written_by_hand_start_from_the_distribution_of_the_case(eager):
    settings = benchmark.settings_of("he_normal")
    drawn, kept = windows.of(settings.data, 0), _Weights()
    data = windows.Arrays(drawn.train[:1], drawn.validation[:1], drawn.test[:1])
    epoch = settings.training.model_copy(update={"epochs": 1})
    handwritten.plain(settings.model_copy(update={"training": epoch}), data, [kept])
    inputs = {0: 1, 3: 100, 6: 50, 9: 50}  # of the kernels, by their place among the weights
    for place, count in inputs.items():
        assert kept.first[place].std() == pytest.approx(np.sqrt(2 / count), rel=0.1)
