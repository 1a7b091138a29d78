"""Every random number of a run, drawn in NumPy from streams with names.

The name of a stream is a tuple of words such as ("weights", "encoder.0", "kernel") and a seed. Each
name has a stream of its own. Therefore a new stream never changes the numbers of another, and
variants have the same weights at a seed in the layers that they share. Tuning runs and evaluation
runs share no stream.
"""

import hashlib
import math
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstm_ablate.experiment.identity import Purpose
from lstm_ablate.experiment.network import LSTM, Layer, Network
from lstm_ablate.experiment.settings import Initializers

Weights = dict[str, NDArray[np.float64]]

_DEFAULT = Initializers()
_NORMAL = NormalDist()
# The standard deviation of a standard normal variable that is cut at -2 and 2.
_CUT_DEVIATION = 0.87962566103423978


def generator(*name: str | int) -> np.random.Generator:
    """Return the stream of a name: PCG64, keyed by the SHA-256 of its words and seed."""
    key = hashlib.sha256("\0".join(map(repr, name)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(key[:16], "little")))


def stream(purpose: Purpose, *name: str | int) -> np.random.Generator:
    """Return the stream of a name in runs of a purpose; for evaluation, the name is as it is."""
    return generator(*name) if purpose == "evaluation" else generator(purpose, *name)


def batch_order(
    seed: int, epoch: int, samples: int, purpose: Purpose = "evaluation"
) -> NDArray[np.int64]:
    """Return the order [samples] in which an epoch (from 0) visits the training windows."""
    return stream(purpose, "order", seed, epoch).permutation(samples)


def initial_weights(
    network: Network,
    seed: int,
    purpose: Purpose = "evaluation",
    initializers: Initializers = _DEFAULT,
) -> Weights:
    """Return the initial weights in float64, by name, in the order of `keras.Model.get_weights()`.

    With Keras' defaults, kernels [inputs, 4U] and projections [U, n] are Glorot uniform, recurrent
    kernels [n, 4U] are orthogonal, and biases [4U] are 0 but 1 at the forget gate (gates in Keras'
    order i, f, c, o). Dense kernels [inputs, U] are Glorot uniform, and their biases are 0.
    Peepholes start at 0, so that the network starts as the one without them. The gamma of a
    normalization starts at 1, its beta at 0. The kernel of the linear reconstruction is Glorot
    uniform, whatever `initializers` say. Sources: Glorot & Bengio 2010 (equation 16); He et al.
    2015 (equation 10); LeCun et al. 1998 (equation 16); Saxe et al. 2014; Jozefowicz et al. 2015
    for the forget bias.

    A direction that reads backward draws from streams of its own, and each part of a layer draws
    the same whatever other parts there are. So variants share the weights that they have in common.
    """
    return {
        f"{layer.name}.{part}": _initial(
            layer,
            part.removeprefix("backward."),
            shape,
            stream(purpose, "weights", layer.name, part, seed),
            _DEFAULT if layer.name == "reconstruction" else initializers,
        )
        for layer in network.layers
        for part, shape in layer.shapes.items()
    }


def _initial(
    layer: Layer,
    part: str,
    shape: tuple[int, ...],
    random: np.random.Generator,
    initializers: Initializers,
) -> NDArray[np.float64]:
    match part:
        case "kernel" | "projection":
            return _scaled(initializers.kernel, random, *shape)
        case "recurrent_kernel" if initializers.recurrent == "orthogonal":
            return _orthogonal(random, *shape)
        case "recurrent_kernel":
            return _scaled(initializers.recurrent, random, *shape)
        case "bias" if isinstance(layer, LSTM) and initializers.unit_forget_bias:
            return np.repeat([0.0, 1.0, 0.0, 0.0], layer.units)
        case "normalization.gamma":
            return np.ones(shape)
        case "bias" | "peephole_i" | "peephole_f" | "peephole_o" | "normalization.beta":
            return np.zeros(shape)
    raise ValueError(f"no initial values are known for {part}")


def _scaled(name: str, random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    """Return a matrix of Keras' VarianceScaling, such as `he_normal`.

    Its variance is a scale, divided by the mean number of connections (Glorot) or by the number of
    those that enter (He, LeCun). A normal distribution is cut at two standard deviations, and
    widened so that its variance is still this one. It is drawn by the inverse of its distribution
    function.
    """
    family, _, distribution = name.partition("_")
    scale = 2.0 if family == "he" else 1.0
    connections = (rows + columns) / 2 if family == "glorot" else rows
    if distribution == "uniform":
        limit = math.sqrt(3.0 * scale / connections)
        return random.uniform(-limit, limit, (rows, columns))
    deviation = math.sqrt(scale / connections) / _CUT_DEVIATION
    uniform = random.uniform(_NORMAL.cdf(-2.0), _NORMAL.cdf(2.0), (rows, columns))
    drawn: NDArray[np.float64] = np.vectorize(_NORMAL.inv_cdf, otypes=[np.float64])(uniform)
    return deviation * drawn


def _orthogonal(random: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    """Return a matrix with orthonormal rows or columns, whichever are fewer, uniform over all such.

    The signs of R's diagonal are moved into Q (Mezzadri 2007, section 5), because otherwise the
    result of QR would not be uniform.
    """
    shape = max(rows, columns), min(rows, columns)
    normal: NDArray[Any] = random.standard_normal(shape)
    q, r = np.linalg.qr(normal)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return np.ascontiguousarray(q if rows >= columns else q.T)
