"""How much memory a run takes while it trains, and how many runs a GPU can train at once."""

from lstm_ablate.settings import Settings

MOST = 256  # runs at once: beyond it a GPU has enough to do
_SAFETY = 2.0  # of the memory that is free, so much more than what the runs are predicted to take


def weights(settings: Settings, features: int) -> int:
    """Return the number of weights in the matrices of the LSTM layers and of the head."""
    inputs, total = features, 0
    for units in (*settings.model.encoder, *settings.model.decoder):
        total += 4 * units * (inputs + units)
        inputs = units
    for units in settings.model.head.units if settings.model.head else ():
        total += inputs * units
        inputs = units
    return total


def run_bytes(settings: Settings, windows: int, timesteps: int, features: int) -> float:
    """Return roughly how many bytes a run of the fused engine holds."""
    return sum(run_parts(settings, windows, timesteps, features).values())


def run_parts(settings: Settings, windows: int, timesteps: int, features: int) -> dict[str, float]:
    """Return these bytes by the key that they grow with: windows, weights, and what is saved for the reverse pass.

    `windows` are those of all three parts. Measured on a CPU, as what a process gains with each further run: 0.5 times
    as much with 200 time steps of the default network, 1.2 with 30, 1.0 with 4 of [400], nearly all of it weights.
    """
    model, training = settings.model, settings.training
    units = sum((*model.encoder, *model.decoder, *(model.head.units if model.head else ())))
    size = 8.0 if training.dtype == "float64" else 4.0
    return {
        "data.samples": 2 * windows * timesteps * features * size,
        "model": 16 * weights(settings, features) * size,
        "training.batch_size": 20 * units * timesteps * training.batch_size * size,
    }


def fitting(bytes_each: float, seeds: int, free_bytes: float) -> int:
    """Return how many runs of a number of seeds to train at once on a GPU: a power of two.

    Rounded down, so that it stays the same while the free memory changes little: a run's numbers depend on it. No more
    than hold all seeds, for a short group is filled up.
    """
    fit = int(free_bytes / (_SAFETY * bytes_each))
    return min(MOST, 1 << (seeds - 1).bit_length(), 1 << max(0, fit.bit_length() - 1))
