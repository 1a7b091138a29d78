"""The weights of a run as the matrices that the fused engine multiplies, and back.

U units, I inputs and n kept numbers of a layer, O outputs of a dense layer. A layer that reads in
two directions has two of each, except of the normalization:

    "encoder.0"                 [4U, I + n + 1]   M = [W' R' b], its gates in the order i, f, o, g
    "encoder.0.peepholes"       [3U, 1]           p_i, p_f, p_o
    "encoder.0.projection"      [n, U]            P
    "encoder.0.backward"        [4U, I + n + 1]   and so on, of the direction that reads backward
    "encoder.0.normalization"   [outputs, 2]      gamma, beta
    "reconstruction"            [O, I + 1]        [W' b] of a dense layer
"""

import numpy as np
from numpy.typing import NDArray

from lstm_ablate.experiment.network import LSTM, Network
from lstm_ablate.training.inputs.randomness import Weights

Array = NDArray[np.float64]

_GATES = (0, 1, 3, 2)  # from Keras' order i, f, c, o to i, f, o, g, and back


def pack(network: Network, weights: Weights) -> dict[str, Array]:
    """Return the matrices of weights that are given by Keras' names."""
    matrices: dict[str, Array] = {}
    for layer in network.lstm:
        for name in directions(layer):
            parts = (weights[f"{name}.{part}"] for part in ("kernel", "recurrent_kernel", "bias"))
            matrices[name] = _reorder(np.concatenate([np.atleast_2d(part) for part in parts]).T)
            if layer.peepholes:
                each = [weights[f"{name}.peephole_{gate}"] for gate in "ifo"]
                matrices[f"{name}.peepholes"] = np.concatenate(each)[:, None]
            if layer.projection:
                matrices[f"{name}.projection"] = weights[f"{name}.projection"].T
        if layer.normalized:
            name = f"{layer.name}.normalization"
            matrices[name] = np.stack([weights[f"{name}.{part}"] for part in _SCALING], axis=1)
    for dense in network.dense:
        kernel, bias = (weights[f"{dense.name}.{part}"] for part in ("kernel", "bias"))
        matrices[dense.name] = np.concatenate([kernel, bias[None]]).T
    return matrices


_SCALING = ("gamma", "beta")  # of a normalization


def unpack(network: Network, matrices: dict[str, Array]) -> Weights:
    """Return the weights by Keras' names, in their order: the inverse of `pack`."""
    weights: Weights = {}
    for layer in network.lstm:
        for name in directions(layer):
            rows = _reorder(matrices[name]).T
            weights[f"{name}.kernel"] = rows[: layer.inputs]
            weights[f"{name}.recurrent_kernel"] = rows[layer.inputs : -1]
            weights[f"{name}.bias"] = rows[-1]
            if layer.peepholes:
                each = np.split(matrices[f"{name}.peepholes"][:, 0], 3)
                names = [f"{name}.peephole_{gate}" for gate in "ifo"]
                weights |= dict(zip(names, each, strict=True))
            if layer.projection:
                weights[f"{name}.projection"] = matrices[f"{name}.projection"].T
        if layer.normalized:
            name = f"{layer.name}.normalization"
            names = [f"{name}.{part}" for part in _SCALING]
            weights |= dict(zip(names, matrices[name].T, strict=True))
    for dense in network.dense:
        weights[f"{dense.name}.kernel"] = matrices[dense.name][:, :-1].T
        weights[f"{dense.name}.bias"] = matrices[dense.name][:, -1]
    return {name: np.ascontiguousarray(weight) for name, weight in weights.items()}


def directions(layer: LSTM) -> list[str]:
    """Return the names of the matrices of a layer's directions, the forward one first."""
    return [f"{layer.name}.{direction}".rstrip(".") for direction in layer.directions]


def _reorder(matrix: Array) -> Array:
    return np.concatenate([np.split(matrix, 4)[k] for k in _GATES])
