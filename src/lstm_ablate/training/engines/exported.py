"""A model of Keras from the code of a variant and the weights of a run.

The code is executed here, and in no other file of this program. It was written by `keras_code`, of
settings that were validated: names are of letters and digits, expressions of arithmetic alone. No
text that was read stands in it in any other way, and a test holds it to that.
"""

import tempfile
from pathlib import Path
from typing import Any

import keras
from numpy.typing import NDArray

from lstm_ablate.training.inputs.randomness import Weights

_BATCH = 256  # windows evaluated at once: changes the speed only


def built(code: str, weights: Weights) -> keras.Model:
    """Return the compiled model that the code builds, with these weights.

    Its optimizer has taken no step: its memory is not that of the run. Keras' float type is
    afterwards what it was before.
    """
    before = keras.config.floatx()
    module: dict[str, Any] = {"__name__": "lstm_ablate_code"}
    try:
        exec(code, module)
        model = module["build_model"]()
    finally:
        keras.config.set_floatx(before)
    model.set_weights(list(weights.values()))
    model.optimizer.build(model.trainable_variables)  # or Keras warns where it loads the model
    return model


def content(model: keras.Model) -> bytes:
    """Return what the .keras file of a model holds."""
    with tempfile.TemporaryDirectory(prefix="lstm-ablate-") as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


def loss(model: keras.Model, windows: NDArray[Any]) -> float:
    """Return the loss with which a model reconstructs windows [N, T, F]."""
    return float(model.evaluate(windows, windows, batch_size=_BATCH, verbose=0))
