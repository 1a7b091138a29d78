"""Estimates from its settings how large a run is: its windows, its memory, and how many runs train
at once.
"""

from typing import Literal

from lstm_ablate.experiment.network import Network, network_of, products
from lstm_ablate.experiment.settings import FileData, Settings

MOST = 256  # runs at once, which are enough to keep a GPU busy
WORKER_BYTES = 700e6  # of a worker that has loaded TensorFlow
_SAFETY = 2.0  # free memory must be this many times what the runs are predicted to take


def weights(network: Network) -> int:
    """Return the number of weights in the matrices of the LSTM layers and of the head."""
    return sum(products(layer) for layer in network.hidden)


def run_bytes(settings: Settings, windows: int, timesteps: int, features: int) -> float:
    """Return roughly how many bytes of memory a run of the fused engine takes."""
    return sum(run_parts(settings, windows, timesteps, features).values())


def run_parts(settings: Settings, windows: int, timesteps: int, features: int) -> dict[str, float]:
    """Return these bytes by the key of the config that they grow with.

    They are the bytes of windows, of weights, and of what is saved for the reverse pass. `windows`
    counts those of all three parts. On a CPU, a process was measured to grow with each further run
    by 0.5 times this prediction (default network, 200 time steps), 1.2 times (30 time steps) and
    1.0 times ([400], 4 time steps, where nearly all of it is weights).
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
    """Return how many runs of a variant with `seeds` seeds train at once on a GPU.

    It is rounded down to a power of two. So it stays the same while the free memory changes little,
    which matters because a run's numbers depend on it. It is at most the smallest power of two that
    holds all seeds of the variant, since a group that is too short is filled up with copies.
    """
    fit = int(free_bytes / (_SAFETY * bytes_each))
    return min(MOST, 1 << (seeds - 1).bit_length(), 1 << max(0, fit.bit_length() - 1))


def shape(settings: Settings) -> tuple[int, int, int]:
    """Return (training windows, time steps, features), as far as the settings say.

    They say nothing of the number of windows in a file, which is taken to be 1,000.
    """
    if isinstance(settings.data, FileData):
        return 1000, settings.timesteps, len(settings.data.columns or (1,))
    return settings.data.samples.train, settings.timesteps, settings.data.features


def group_parts(settings: Settings, runs_at_once: int) -> dict[str, float]:
    """Return the bytes of a group by the key of the config that they grow with."""
    samples, timesteps, features = shape(settings)
    windows = 3 * samples
    if not isinstance(settings.data, FileData):
        windows = samples + settings.data.samples.validation + settings.data.samples.test
    parts = run_parts(settings, windows, timesteps, features)
    return {name: runs_at_once * part for name, part in parts.items()}


def group_size(engine: str, settings: Settings, wanted: int | Literal["auto"] = "auto") -> int:
    """Return how many runs of equal structure an engine trains at once; for keras it is always one.

    A run's numbers depend on this size. Therefore it is part of a run's identity, and `auto` is a
    function of the settings alone: what is best on a CPU.

    One run of a large network keeps a core busy. Several runs of a small network share the cost of
    starting each operation, as long as what they save for the reverse pass stays in the cache:
    about 12 numbers for each unit, time step and window. Measured on one core, in ms per step and
    run: [16, 8] with 30 time steps took 1.0 alone, 0.75 with 4 to 8 runs and 1.1 with 16; with 200
    time steps 6.4 alone and 9.2 with 4 runs; [100, 50] 9.8 alone and 12.4 with 2. The sizes divide
    10, a usual number of seeds, and leave at least two groups of those for two workers.
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
