"""Every random number of a run, drawn in NumPy from streams with names.

The name of a stream is a tuple of words such as ("weights", "encoder.0", "kernel") and a seed. Each
name has a stream of its own, so a new one never moves another draw, and variants of one seed share
the weights of the layers that they share. Runs that tune and runs that are judged share no stream.
"""

import hashlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstm_ablate.experiment.identity import Purpose
from lstm_ablate.experiment.network import LSTM, Layer, Network

Weights = dict[str, NDArray[np.float64]]


def generator(*name: str | int) -> np.random.Generator:
    """Return the stream of a name: PCG64, keyed by the SHA-256 of its words and seed."""
    key = hashlib.sha256("\0".join(map(repr, name)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(key[:16], "little")))


def stream(purpose: Purpose, *name: str | int) -> np.random.Generator:
    """Return the stream of a name in the runs of a purpose; evaluation is not written out."""
    return generator(*name) if purpose == "evaluation" else generator(purpose, *name)


def batch_order(
    seed: int, epoch: int, samples: int, purpose: Purpose = "evaluation"
) -> NDArray[np.int64]:
    """Return the order [samples] in which an epoch (from 0) visits the training windows."""
    return stream(purpose, "order", seed, epoch).permutation(samples)


def initial_weights(network: Network, seed: int, purpose: Purpose = "evaluation") -> Weights:
    """Return the initial weights in float64, by name, in the order of `keras.Model.get_weights()`.

    Keras' defaults: Glorot uniform kernels [inputs, 4U], orthogonal recurrent kernels [U, 4U],
    biases [4U] that are 0 but 1 at the forget gate (gates in Keras' order i, f, c, o); dense
    kernels [inputs, U] Glorot uniform, biases 0. Glorot & Bengio 2010 (equation 16); Saxe et al.
    2014; Jozefowicz et al. 2015 for the forget bias.
    """
    return {
        f"{layer.name}.{part}": _initial(
            layer, part, shape, stream(purpose, "weights", layer.name, part, seed)
        )
        for layer in network.layers
        for part, shape in layer.shapes.items()
    }


def _initial(
    layer: Layer, part: str, shape: tuple[int, ...], random: np.random.Generator
) -> NDArray[np.float64]:
    match part:
        case "kernel":
            return _glorot_uniform(random, *shape)
        case "recurrent_kernel":
            return _orthogonal(random, *shape)
        case "bias":
            of_gates = [0.0, 1.0, 0.0, 0.0]
            return np.repeat(of_gates, layer.units) if isinstance(layer, LSTM) else np.zeros(shape)
    raise ValueError(f"no initial values are known for {part}")


def _glorot_uniform(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    limit = math.sqrt(6.0 / (rows + columns))
    return random.uniform(-limit, limit, (rows, columns))


def _orthogonal(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    """Return a matrix with orthonormal rows or columns, whichever are fewer, uniform over all such.

    The signs of R's diagonal are moved into Q (Mezzadri 2007, section 5), else QR's result is not
    uniform.
    """
    shape = max(rows, columns), min(rows, columns)
    normal: NDArray[Any] = random.standard_normal(shape)
    q, r = np.linalg.qr(normal)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return np.ascontiguousarray(q if rows >= columns else q.T)
