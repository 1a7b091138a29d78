"""Runs of the fused engine for tests: small settings, groups of them, and equality of results."""

from typing import Any

import numpy as np

from lstm_ablate.experiment.network import Network, network_of
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.experiment.structure import structure_of
from lstm_ablate.training.engines import Trained, fused, reference
from lstm_ablate.training.inputs import windows

SINES = {
    "family": "sines",
    "timesteps": 7,
    "features": 1,
    "samples": {"train": 21, "validation": 11, "test": 6},
}
NETWORK = {"encoder": [5], "decoder": [4, 6]}


def make(model: Any = None, training: Any = None, **sines: Any) -> Settings:
    values = {
        "data": {**SINES, **sines},
        "model": {**NETWORK, **(model or {})},
        "training": {"epochs": 4, "batch_size": 4, "dtype": "float64", **(training or {})},
    }
    return Settings.model_validate(values)


def network(settings: Settings) -> Network:
    return network_of(settings.model, settings.data.timesteps, settings.data.features)


def run_fused(
    settings: Settings | list[Settings],
    seeds: list[int],
    scale: dict[int, float] | None = None,
    size: int | None = None,
    test_scale: dict[int, float] | None = None,
) -> list[Trained]:
    """Train a group, whose runs have the same settings or each its own.

    The training windows of a seed in `scale` are multiplied by its factor, and so are the test
    windows of a seed in `test_scale`.
    """
    each = settings if isinstance(settings, list) else [settings] * len(seeds)
    runs = [
        Run("task", "variant", seed, own, "fused", size or "auto")
        for seed, own in zip(seeds, each, strict=True)
    ]
    arrays = []
    for seed in seeds:
        drawn = windows.of(each[0].data, seed)
        train, test = ((factors or {}).get(seed, 1.0) for factors in (scale, test_scale))
        arrays.append(windows.Arrays(drawn.train * train, drawn.validation, drawn.test * test))
    calls: list[tuple[int, int, float, float]] = []
    results = list(
        fused.train(
            runs,
            arrays,
            lambda end: calls.append((end.index, end.epoch, end.train_loss, end.validation_loss)),
        )
    )
    for index, result in enumerate(results):
        losses = zip(result.train_losses, result.validation_losses, strict=True)
        told = [(index, epoch, *pair) for epoch, pair in enumerate(losses, start=1)]
        np.testing.assert_equal([call for call in calls if call[0] == index], told)
    return results


def forget_programs() -> None:
    """Let the next group compile its program anew."""
    fused._program.cache_clear()


def compilations(settings: Settings) -> int:
    """Return how often programs have been compiled since they were forgotten.

    All of them must have been for the structure of these settings.
    """
    program = fused._program(network(settings), structure_of(settings).training, 21)
    assert fused._program.cache_info().misses == 1
    return program.epoch.experimental_get_tracing_count()


def run_keras_eagerly(settings: Settings, seed: int) -> Trained:
    """Train a run with the keras engine operation by operation.

    For a few steps of a small network that takes a quarter of the time of tracing it.
    """
    data = windows.of(settings.data, seed)
    drawn = network(settings)
    compiled = reference._compiled(drawn, settings.training)
    compiled.model.run_eagerly = True
    run = Run("task", "variant", seed, settings, "keras")
    (result,) = reference.train([run], [data], lambda end: None)
    assert reference._compiled(drawn, settings.training) is compiled
    return result


def assert_identical(one: Trained, other: Trained) -> None:
    """Assert that two results are equal to the last bit, including NaN and infinity."""
    for name in vars(one):
        if name != "weights":
            np.testing.assert_equal(getattr(one, name), getattr(other, name))
    assert (one.weights is None) == (other.weights is None)
    if one.weights and other.weights:
        assert list(one.weights) == list(other.weights)
        for name, weight in one.weights.items():
            np.testing.assert_array_equal(weight, other.weights[name], err_msg=name)


def other_numbers(settings: Settings, factor: float = 0.7) -> Settings:
    """Return settings of equal structure in which every number of the optimizer is different."""
    optimizer = settings.training.optimizer
    changed = {
        name: value * factor
        for name, value in optimizer
        if value is not None and name not in ("name", "nesterov")
    }
    other = optimizer.model_copy(update=changed)
    assert changed.keys() >= {"learning_rate"}
    return settings.model_copy(
        update={"training": settings.training.model_copy(update={"optimizer": other})}
    )
