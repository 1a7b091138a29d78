"""What training the missing runs of an experiment would cost: time, memory and disk."""

import statistics
from dataclasses import dataclass

from lstm_ablate.experiment import sizes
from lstm_ablate.experiment.network import Network, network_of
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run, groups
from lstm_ablate.experiment.settings import FileData, Settings
from lstm_ablate.experiment.structure import Structure
from lstm_ablate.training import sweep
from lstm_ablate.training.inputs import windows

# A rough model of the engines on one core of a server of the 2020s, used until a run has finished
# here. A step costs some overhead for each layer and time step, and its floating-point operations.
_OVERHEAD_SECONDS = {"keras": 85e-6, "fused": 6e-6}
_FLOPS_PER_SECOND = {"keras": 55e9, "fused": 95e9}
_SECONDS_PER_MODEL = (
    4.0  # building, tracing, compiling: once for each structure and worker at least
)
_SECONDS_TO_START = 4.0  # a worker
_RECORD_BYTES = 1500
_EPOCH_BYTES = 55


@dataclass(frozen=True)
class Share:
    """The runs of one variant in one task, and the network that they train."""

    task: str
    variant: str
    formula: str
    network: Network
    runs: int
    missing: int


@dataclass(frozen=True)
class Cost:
    """Predictions for the missing runs: seconds in all, memory per worker, bytes on disk."""

    seconds: float
    measured: bool  # whether the seconds come from finished runs of this experiment
    memory_bytes: float
    disk_bytes: float


def shares(experiment: Experiment, plan: sweep.Plan) -> list[Share]:
    """Return the share of each variant in each task."""
    missing = {run.id for run in plan.missing}
    counts: dict[tuple[str, str], list[bool]] = {}
    for run in plan.runs:
        counts.setdefault((run.task, run.variant), []).append(run.id in missing)
    shapes = {settings.data: _shape(settings) for settings in experiment.settings.values()}
    found = []
    for (task, variant), mine in counts.items():
        settings, formula = experiment.settings[task, variant], experiment.formula(task, variant)
        network = network_of(settings.model, *shapes[settings.data])
        found.append(Share(task, variant, formula, network, len(mine), sum(mine)))
    return found


def _shape(settings: Settings) -> tuple[int, int]:
    """Return (time steps, features); those of a file are known when it is read."""
    if isinstance(settings.data, FileData):
        _, timesteps, features = windows.of(settings.data, 0).train.shape
    else:
        _, timesteps, features = sizes.shape(settings)
    return timesteps, features


def cost(plan: sweep.Plan, workers: int) -> Cost:
    """Predict what training the missing runs of a plan takes on a number of workers."""
    rates: dict[Structure, list[float]] = {}
    for run in plan.runs:
        record = plan.records.get(run.id)
        if record and "training_seconds" in record.meta:
            per_epoch = record.meta["training_seconds"] / record.result["epochs"]
            rates.setdefault(run.structure, []).append(per_epoch)
    parts = groups(plan.missing)
    seconds = 0.0
    for group in parts:
        run = group[0]
        if known := rates.get(run.structure):
            per_epoch = statistics.median(known)
        else:
            per_epoch = _seconds_per_epoch(run.settings, run.engine)
        seconds += per_epoch * run.settings.training.epochs * len(group)
    distinct = {run.structure for run in plan.missing}
    busy = max(1, min(workers, len(parts)))
    if parts:
        seconds += _SECONDS_PER_MODEL * max(len(distinct), busy)
    return Cost(
        seconds=seconds / busy + _SECONDS_TO_START * bool(parts),
        measured=bool(distinct) and all(structure in rates for structure in distinct),
        memory_bytes=max((_memory_bytes(group[0]) for group in parts), default=0.0),
        disk_bytes=sum(_disk_bytes(run) for run in plan.missing),
    )


def _seconds_per_epoch(settings: Settings, engine: str) -> float:
    samples, timesteps, features = sizes.shape(settings)
    steps = -(-samples // settings.training.batch_size)
    network = network_of(settings.model, timesteps, features)
    directions = sum(len(layer.directions) for layer in network.lstm)
    overhead = steps * timesteps * directions * _OVERHEAD_SECONDS[engine]
    operations = 6 * samples * timesteps * sizes.weights(network)
    return overhead + operations / _FLOPS_PER_SECOND[engine]


def _disk_bytes(run: Run) -> int:
    return _RECORD_BYTES + _EPOCH_BYTES * run.settings.training.epochs


def _memory_bytes(run: Run) -> float:
    return sizes.WORKER_BYTES + sum(sizes.group_parts(run.settings, run.group_size).values())
