"""The loop in JAX trains what the fused engine trains: two libraries agree from equal weights."""

import pytest
from fused_runs import make, network

from lstm_ablate.experiment.runs import Run
from lstm_ablate.training.engines import fused
from lstm_ablate.training.inputs import windows
from lstm_ablate.training.inputs.randomness import initial_weights

jax = pytest.importorskip("jax")
pytest.importorskip("optax")

from lstm_ablate.checks import handwritten_jax  # noqa: E402

# Keras adds epsilon to the root of v before its bias is corrected, optax after it; and it rounds
# the betas to float32, which leaves these as they are.
ADAM = {
    "name": "adam",
    "learning_rate": 1e-2,
    "beta_1": 0.875,
    "beta_2": 0.9921875,
    "epsilon": 1e-30,
}
SAMPLES = {"train": 20, "validation": 11, "test": 6}


@pytest.mark.parametrize("model", [{}, {"activation": "relu"}, {"latent": "vector"}], ids=str)
def test_the_losses_are_those_of_the_fused_engine(model):
    training = {"epochs": 3, "optimizer": ADAM}
    settings = make({"encoder": [5, 3], **model}, training, features=2, samples=SAMPLES)
    arrays, losses = windows.of(settings.data, 3), []
    list(
        fused.train(
            [Run("task", "variant", 3, settings, "fused", 1)],
            [arrays],
            lambda end: losses.append((end.train_loss, end.validation_loss)),
        )
    )
    with jax.enable_x64(True):
        weights = initial_weights(network(settings), 3)
        found = list(handwritten_jax.train(settings, arrays, weights, 3))
    assert len(found) == 3
    for one, other in zip(found, losses, strict=True):
        assert one == pytest.approx(other, rel=1e-9)
