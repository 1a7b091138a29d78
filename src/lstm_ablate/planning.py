"""What an experiment would cost: time, memory and disk, and the smallest p-value that its seeds can reach."""

import statistics
from dataclasses import dataclass

from lstm_ablate.experiment import Experiment
from lstm_ablate.settings import FileData, Settings
from lstm_ablate.sweep import Plan

# A rough model of the keras engine on one core of a 2020s server, used until a run has finished here: a step costs
# some overhead for each layer and time step, and its floating-point operations.
_SECONDS_PER_LAYER_STEP = 85e-6
_FLOPS_PER_SECOND = 55e9
_SECONDS_PER_MODEL = 4.0  # building and tracing, once for each variant and worker
_BASE_BYTES = 700e6  # a worker with TensorFlow loaded
_RECORD_BYTES = 1500
_EPOCH_BYTES = 55


@dataclass(frozen=True)
class Share:
    """The runs of one variant in one task."""

    task: str
    variant: str
    formula: str
    runs: int
    missing: int


@dataclass(frozen=True)
class Cost:
    """Predictions for the missing runs: seconds in all, bytes of memory per worker, bytes on disk."""

    seconds: float
    measured: bool  # whether finished runs of this experiment told the seconds
    memory_bytes: float
    disk_bytes: float


def shares(experiment: Experiment, plan: Plan) -> list[Share]:
    """Return how many runs each variant has in each task, and how many of them are missing."""
    missing = {run.id for run in plan.missing}
    counts: dict[tuple[str, str], list[bool]] = {}
    for run in plan.runs:
        counts.setdefault((run.task, run.variant), []).append(run.id in missing)
    return [
        Share(task, variant, experiment.formula(task, variant), len(mine), sum(mine))
        for (task, variant), mine in counts.items()
    ]


def cost(plan: Plan, workers: int) -> Cost:
    """Predict what training the missing runs of a plan takes on a number of workers."""
    rates: dict[Settings, list[float]] = {}
    for run in plan.runs:
        record = plan.records.get(run.id)
        if record and record.meta.get("seconds") and record.result.get("epochs"):
            rates.setdefault(run.settings, []).append(record.meta["seconds"] / record.result["epochs"])
    seconds = 0.0
    for run in plan.missing:
        known = rates.get(run.settings)
        per_epoch = statistics.median(known) if known else _seconds_per_epoch(run.settings)
        seconds += per_epoch * run.settings.training.epochs
    distinct = {run.settings for run in plan.missing}
    seconds += _SECONDS_PER_MODEL * len(distinct)
    return Cost(
        seconds=seconds / max(1, min(workers, len(plan.missing))),
        measured=bool(distinct) and all(settings in rates for settings in distinct),
        memory_bytes=max((_memory_bytes(settings) for settings in distinct), default=0.0),
        disk_bytes=sum(_RECORD_BYTES + _EPOCH_BYTES * run.settings.training.epochs for run in plan.missing),
    )


def _shape(settings: Settings) -> tuple[int, int, int]:
    """Return (training windows, time steps, features), as far as the settings tell."""
    if isinstance(settings.data, FileData):
        return 1000, settings.data.timesteps, len(settings.data.columns or (1,))
    return settings.data.samples.train, settings.data.timesteps, settings.data.features


def _weights(settings: Settings) -> int:
    inputs, total = _shape(settings)[2], 0
    for units in (*settings.model.encoder, *settings.model.decoder):
        total += 4 * units * (inputs + units)
        inputs = units
    return total


def _seconds_per_epoch(settings: Settings) -> float:
    samples, timesteps, _ = _shape(settings)
    steps = -(-samples // settings.training.batch_size)
    layers = len(settings.model.encoder) + len(settings.model.decoder)
    overhead = steps * timesteps * layers * _SECONDS_PER_LAYER_STEP
    return overhead + 6 * samples * timesteps * _weights(settings) / _FLOPS_PER_SECOND


def _memory_bytes(settings: Settings) -> float:
    samples, timesteps, features = _shape(settings)
    size = 8 if settings.training.dtype == "float64" else 4
    units = sum((*settings.model.encoder, *settings.model.decoder))
    activations = settings.training.batch_size * timesteps * units * 20 * size
    return _BASE_BYTES + activations + 8 * _weights(settings) * size + 6 * samples * timesteps * features * size


def smallest_p(pairs: int) -> float:
    """Return the smallest two-sided p-value of an exact sign-flip test with a number of pairs: 2 / 2^n."""
    return float(min(1.0, 2.0 ** (1 - pairs)))
