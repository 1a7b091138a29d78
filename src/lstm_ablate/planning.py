"""What an experiment would cost: time, memory and disk, and the smallest p-value that its seeds can reach."""

import statistics
from dataclasses import dataclass

from lstm_ablate import memory, sweep
from lstm_ablate.engines import group_size
from lstm_ablate.errors import UserError
from lstm_ablate.experiment import Experiment
from lstm_ablate.limits import memory_bytes
from lstm_ablate.runs import Run, groups
from lstm_ablate.settings import FileData, Settings

# A rough model of the engines on one core of a 2020s server, used until a run has finished here: a step costs some
# overhead for each layer and time step, and its floating-point operations.
_OVERHEAD_SECONDS = {"keras": 85e-6, "fused": 6e-6}
_FLOPS_PER_SECOND = {"keras": 55e9, "fused": 95e9}
_SECONDS_PER_MODEL = 4.0  # building, tracing, compiling: once for each variant and worker
_SECONDS_TO_START = 4.0  # a worker
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


def shares(experiment: Experiment, plan: sweep.Plan) -> list[Share]:
    """Return how many runs each variant has in each task, and how many of them are missing."""
    missing = {run.id for run in plan.missing}
    counts: dict[tuple[str, str], list[bool]] = {}
    for run in plan.runs:
        counts.setdefault((run.task, run.variant), []).append(run.id in missing)
    return [
        Share(task, variant, experiment.formula(task, variant), len(mine), sum(mine))
        for (task, variant), mine in counts.items()
    ]


def cost(plan: sweep.Plan, workers: int) -> Cost:
    """Predict what training the missing runs of a plan takes on a number of workers."""
    rates: dict[Settings, list[float]] = {}
    for run in plan.runs:
        record = plan.records.get(run.id)
        if record and "training_seconds" in record.meta:
            rates.setdefault(run.settings, []).append(record.meta["training_seconds"] / record.result["epochs"])
    parts = groups(plan.missing)
    seconds = 0.0
    for group in parts:
        run = group[0]
        known = rates.get(run.settings)
        per_epoch = statistics.median(known) if known else _seconds_per_epoch(run.settings, run.engine)
        seconds += per_epoch * run.settings.training.epochs * len(group)
    distinct = {run.settings for run in plan.missing}
    seconds += _SECONDS_PER_MODEL * len(distinct)
    busy = max(1, min(workers, len(parts)))
    return Cost(
        seconds=seconds / busy + _SECONDS_TO_START * bool(parts),
        measured=bool(distinct) and all(settings in rates for settings in distinct),
        memory_bytes=max((_memory_bytes(group[0]) for group in parts), default=0.0),
        disk_bytes=sum(_RECORD_BYTES + _EPOCH_BYTES * run.settings.training.epochs for run in plan.missing),
    )


def _shape(settings: Settings) -> tuple[int, int, int]:
    """Return (training windows, time steps, features), as far as the settings tell."""
    if isinstance(settings.data, FileData):
        return 1000, settings.timesteps, len(settings.data.columns or (1,))
    return settings.data.samples.train, settings.timesteps, settings.data.features


def _seconds_per_epoch(settings: Settings, engine: str) -> float:
    samples, timesteps, features = _shape(settings)
    steps = -(-samples // settings.training.batch_size)
    layers = len(settings.model.encoder) + len(settings.model.decoder)
    overhead = steps * timesteps * layers * _OVERHEAD_SECONDS[engine]
    return overhead + 6 * samples * timesteps * memory.weights(settings, features) / _FLOPS_PER_SECOND[engine]


def workers(experiment: Experiment) -> int:
    """Return how many workers to start: as the experiment says, or one per core or GPU, as far as memory goes."""
    if experiment.workers != "auto":
        return experiment.workers
    largest = max(sum(_group_parts(experiment, settings).values()) for settings in experiment.settings.values())
    return max(1, min(sweep.default_workers(), int(memory_bytes() / (_BASE_BYTES + largest))))


def check_memory(experiment: Experiment) -> None:
    """Raise UserError where a run is predicted to take more memory than we may use here."""
    problems: dict[str, None] = {}
    for (task, variant), settings in experiment.settings.items():
        parts = _group_parts(experiment, settings)
        predicted = _BASE_BYTES + sum(parts.values())
        if predicted > memory_bytes():
            largest = max(parts, key=parts.__getitem__)
            problems[
                f"{experiment.place(task, variant, largest)}: training would take about {predicted / 1e9:,.1f} GB of "
                f"memory, {parts[largest] / 1e9:,.1f} GB of it for {largest}; there are "
                f"{memory_bytes() / 1e9:,.1f} GB. Make {', '.join(_SIZES[largest])} smaller"
            ] = None
    if problems:
        raise UserError(*problems)


_SIZES = {  # what takes memory, and the values that its size comes from
    "data.samples": ("data.samples", "data.timesteps", "data.features"),
    "model": ("model.encoder", "model.decoder"),
    "training.batch_size": ("training.batch_size", "data.timesteps", "model.encoder", "model.decoder"),
}


def _group_parts(experiment: Experiment, settings: Settings) -> dict[str, float]:
    return _memory_parts(settings, group_size(experiment.engine, settings, experiment.group_size))


def _memory_parts(settings: Settings, runs_at_once: int) -> dict[str, float]:
    """Return the bytes that a group takes for its windows, its weights and the activations of a batch."""
    samples, timesteps, features = _shape(settings)
    windows = 3 * samples
    if not isinstance(settings.data, FileData):
        windows = samples + settings.data.samples.validation + settings.data.samples.test
    parts = memory.run_parts(settings, windows, timesteps, features)
    return {name: runs_at_once * part for name, part in parts.items()}


def _memory_bytes(run: Run) -> float:
    return _BASE_BYTES + sum(_memory_parts(run.settings, run.group_size).values())
