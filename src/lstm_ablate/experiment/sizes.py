"""How large a run is, as far as its settings tell: its windows, its memory, and how many train at
once.
"""

from typing import Literal

from lstm_ablate.experiment.network import Network, network_of, products
from lstm_ablate.experiment.settings import FileData, Settings

MOST = 256  # runs at once: beyond it a GPU has enough to do
WORKER_BYTES = 700e6  # a worker with TensorFlow loaded
_SAFETY = 2.0  # of the memory that is free, so much more than what the runs are predicted to take


def weights(network: Network) -> int:
    """Return the number of weights in the matrices of the LSTM layers and of the head."""
    return sum(products(layer) for layer in network.hidden)


def run_bytes(settings: Settings, windows: int, timesteps: int, features: int) -> float:
    """Return roughly how many bytes a run of the fused engine holds."""
    return sum(run_parts(settings, windows, timesteps, features).values())


def run_parts(settings: Settings, windows: int, timesteps: int, features: int) -> dict[str, float]:
    """Return these bytes by the key that they grow with: windows, weights, and what is saved for
    the reverse pass.

    `windows` are those of all three parts. Measured on a CPU, as what a process gains with each
    further run: 0.5 times as much with 200 time steps of the default network, 1.2 with 30, 1.0 with
    4 of [400], nearly all of it weights.
    """
    network, training = network_of(settings.model, timesteps, features), settings.training
    cells = sum(layer.cells for layer in network.hidden)
    size = 8.0 if training.dtype == "float64" else 4.0
    return {
        "data.samples": 2 * windows * timesteps * features * size,
        "model": 16 * weights(network) * size,
        "training.batch_size": 20 * cells * timesteps * training.batch_size * size,
    }


def fitting(bytes_each: float, seeds: int, free_bytes: float) -> int:
    """Return how many runs of a number of seeds to train at once on a GPU: a power of two.

    Rounded down, so that it stays the same while the free memory changes little: a run's numbers
    depend on it. No more than hold all seeds of one variant, for a short group is filled up.
    """
    fit = int(free_bytes / (_SAFETY * bytes_each))
    return min(MOST, 1 << (seeds - 1).bit_length(), 1 << max(0, fit.bit_length() - 1))


def shape(settings: Settings) -> tuple[int, int, int]:
    """Return (training windows, time steps, features), as far as the settings tell."""
    if isinstance(settings.data, FileData):
        return 1000, settings.timesteps, len(settings.data.columns or (1,))
    return settings.data.samples.train, settings.timesteps, settings.data.features


def group_parts(settings: Settings, runs_at_once: int) -> dict[str, float]:
    """Return the bytes that a group takes for its windows, its weights and the activations of a
    batch.
    """
    samples, timesteps, features = shape(settings)
    windows = 3 * samples
    if not isinstance(settings.data, FileData):
        windows = samples + settings.data.samples.validation + settings.data.samples.test
    parts = run_parts(settings, windows, timesteps, features)
    return {name: runs_at_once * part for name, part in parts.items()}


def group_size(engine: str, settings: Settings, wanted: int | Literal["auto"] = "auto") -> int:
    """Return how many runs of equal structure an engine trains at once; the keras engine trains
    one.

    A run's numbers depend on it, so it is part of a run's identity, and `auto` a function of the
    settings alone: what is best on a CPU. One run of a large network keeps a core busy; of small
    ones, several share the cost of starting each operation, as long as what they save for the
    reverse pass, some 12 numbers for each unit, time step and window, stays in cache. Measured on
    one core in ms per step and run: [16, 8] with 30 steps 1.0 alone, 0.75 from 4 to 8 runs, 1.1
    with 16; with 200 steps 6.4 alone, 9.2 with 4; [100, 50] 9.8 alone, 12.4 with 2. Sizes divide
    10, a usual number of seeds, and leave two groups of it for two workers.
    """
    if engine != "fused":
        return 1
    if wanted != "auto":
        return wanted
    training = settings.training
    _, timesteps, features = shape(settings)
    cells = sum(layer.cells for layer in network_of(settings.model, timesteps, features).lstm)
    numbers = 12 * cells * timesteps * training.batch_size
    saved = numbers * (8 if training.dtype == "float64" else 4)  # bytes for each run
    return next((size for size in (5, 2) if size * saved <= 18 * 2**20), 1)
