"""`verify` passes what is right and finds what is wrong; the benchmark counts and measures what it
says.
"""

import json
import math
import os
from itertools import pairwise
from pathlib import Path

import biased_engine
import numpy as np
import pytest
from command_line import call
from scipy import stats

from lstm_ablate.checks import benchmark, verification
from lstm_ablate.checks.verification import Deviation, Epoch
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import Settings

ROOT = Path(__file__).parents[2]


def run(engine, batch_size=8, seed=0, **training):
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
    return Run("default", "x", seed, Settings.model_validate(values), engine)


def verdict(engine, seeds=1, **settings):
    comparisons = [
        verification._deviation(run(engine, seed=seed, **settings), lambda _: None)
        for seed in range(seeds)
    ]
    (one,) = verification.verdicts(comparisons)
    return one, comparisons


def test_the_fused_engine_holds():
    one, comparisons = verdict("fused")
    assert one.holds and one.seeds == 1
    assert 0 < one.after_steps < 1e-12
    for comparison in comparisons:
        assert [epoch.epoch for epoch in comparison.epochs] == [1, 2]
        for epoch in comparison.epochs:
            assert (
                epoch.exact_weights < 1e-9 < epoch.keras_weights < 1e-3 and 0 < epoch.weights < 1e-3
            )


def test_keras_against_itself_is_exactly_equal():
    one, comparisons = verdict("keras")
    assert one.holds and one.after_steps == 0 and one.median_factor == 1.0
    assert comparisons[0].epochs[0].keras_weights == comparisons[0].epochs[0].weights > 0


def test_a_slightly_wrong_learning_rate_is_found_in_float64():
    one, _ = verdict("biased_engine", batch_size=biased_engine.WRONG_RATE)
    assert not one.holds and one.after_steps > 1e-8


def test_lost_digits_are_found_in_float32():
    one, comparisons = verdict("biased_engine", seeds=2, batch_size=biased_engine.NOISY_FLOAT32)
    assert one.after_steps == 0 and one.beyond == one.seeds == 2 < one.seeds_needed
    (more,) = verification.verdicts(comparisons * 3)
    assert not more.holds and more.median_factor > 2


# 1e200 in float32.
@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_runs_that_diverge_hold_where_both_diverge_at_once():
    one, comparisons = verdict("fused", optimizer={"name": "sgd", "learning_rate": 1e200})
    assert None not in comparisons[0].diverged
    assert one.holds


def test_an_engine_without_a_finite_weight_fails():
    """Wherever the truth goes on: in float64, and in float32 alone."""
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
        # 1 / 2^5 > 0.05 / 2: five seeds cannot tell over two epochs.
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


def test_verify_and_its_exit_code_on_the_command_line(tmp_path):
    words = ["seeds=1", "training.epochs=1", "model.encoder=[4]", "variants={tanh: {}}", "--json"]
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


def test_every_contestant_trains_in_turn_and_leaves_no_process(tmp_path):
    found = {one.contestant: one for one in benchmark.measure("small", 1, cores=1)}
    assert found.keys() == {"plain", "tuned", "fused"}
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
    assert [row[1] for row in rows[1:]] == ["plain", "tuned", "fused"]
    assert rows[3][3] == "1.0x as fast"


def test_the_cases_are_the_networks_of_their_names():
    assert benchmark.settings_of("default").model == Settings().model
    assert benchmark.settings_of("small").model.encoder == (16, 8)
    assert benchmark.settings_of("vector").model.latent == "vector"
    assert benchmark.settings_of("long").data.timesteps == 200
