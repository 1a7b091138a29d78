"""Both engines against PyTorch, as tests/measure/pytorch_reference.py recorded it, in float64."""

import json
from pathlib import Path

import numpy as np
import pytest

from lstm_ablate.experiment.network import network_of
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.training import engines
from lstm_ablate.training.inputs import randomness, windows

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "pytorch.json").read_text())
CASES = RECORDED["cases"]


def relative_error(values, expected):
    """Return the largest difference, in units of the largest expected value."""
    values, expected = np.asarray(values), np.asarray(expected)
    assert values.shape == expected.shape
    return np.abs(values - expected).max() / np.abs(expected).max()


# The doubt about Keras' optimizers is where they add epsilon, so the keras engine trains with Adam.
# With SGD another test compares the two engines.
@pytest.mark.parametrize(
    ("name", "engine"),
    [
        *((name, "fused") for name in CASES),
        *((name, "keras") for name in CASES if name.endswith("adam")),
    ],
)
def test_training_equals_pytorch(name, engine):
    """Losses of every epoch and the last weights, after 24 steps."""
    case = CASES[name]
    settings = Settings.model_validate(case["settings"])
    run = Run("default", "x", RECORDED["seed"], settings, engine)
    data = windows.of(settings.data, run.seed)
    (result,) = engines.engine(engine).train([run], [data], lambda _: None)
    for losses in ("train_losses", "validation_losses", "test_loss"):
        assert relative_error(getattr(result, losses), case[losses]) <= 1e-9
    assert list(result.weights) == list(case["weights"])
    for weight, value in result.weights.items():
        assert relative_error(value, case["weights"][weight]) <= 1e-9, weight


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_recorded_weights_are_far_from_the_initial_ones(case):
    """If they did not, equal numbers would say little."""
    settings = Settings.model_validate(case["settings"])
    data = settings.data
    network = network_of(settings.model, data.timesteps, data.features)
    for name, value in randomness.initial_weights(network, RECORDED["seed"]).items():
        assert relative_error(value, case["weights"][name]) > 1e-3, name
