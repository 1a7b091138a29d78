"""What training the missing runs of an experiment would cost: time, memory and disk."""

import heapq
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from lstm_ablate.experiment import sizes
from lstm_ablate.experiment.network import Network, network_of
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run, groups
from lstm_ablate.experiment.settings import Data, FileData, Settings
from lstm_ablate.experiment.structure import Structure
from lstm_ablate.store.records import Record
from lstm_ablate.training import sweep
from lstm_ablate.training.executors.waiting import Waiting
from lstm_ablate.training.inputs import windows
from lstm_ablate.training.speed import Speed

_DRIVER, _ROW = 0.85, 0.25  # starts of a worker
_RECORD_BYTES = 2000
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
    """Predictions for the missing runs: seconds in all and until the first of them are kept, memory
    per worker, bytes on disk.

    Seconds are None where it is not known how fast this machine is.
    """

    seconds: float | None
    first_seconds: float | None
    measured: bool  # whether the seconds come from finished runs of this experiment
    memory_bytes: float
    disk_bytes: float


def shares(experiment: Experiment, plan: sweep.Plan) -> list[Share]:
    """Return the share of each variant in each task; in a part without seeds it is none."""
    missing = {run.id for run in plan.missing}
    counts: dict[tuple[str, str], list[bool]] = {cell: [] for cell in experiment.settings}
    for run in plan.runs:
        counts[run.task, run.variant].append(run.id in missing)
    found = []
    for (task, variant), mine in counts.items():
        settings, formula = experiment.settings[task, variant], experiment.formula(task, variant)
        network = network_for(settings)
        found.append(Share(task, variant, formula, network, len(mine), sum(mine)))
    return found


class _Shape(NamedTuple):
    train: int  # windows
    validation: int  # windows
    timesteps: int
    features: int


def _shape(data: Data) -> _Shape:
    """Return the shape of some data; that of a file is known when it is read."""
    if isinstance(data, FileData):
        return _read_shape(data)
    return _Shape(data.samples.train, data.samples.validation, data.timesteps, data.features)


@lru_cache(maxsize=16)
def _read_shape(data: FileData) -> _Shape:
    arrays = windows.of(data, 0)
    return _Shape(len(arrays.train), len(arrays.validation), *arrays.train.shape[1:])


def network_for(settings: Settings) -> Network:
    """Return the network of settings, for which the user's own file is read."""
    shape = _shape(settings.data)
    return network_of(settings.model, shape.timesteps, shape.features)


def cost(plan: sweep.Plan, workers: int, speed: Speed | None, others: Sequence[Run] = ()) -> Cost:
    """Predict what training the missing runs of a plan takes on a number of workers.

    `speed` is that of their engine on this machine. The records of other runs tell too how long a
    structure takes.
    """
    known = _epoch_seconds((*plan.runs, *others), plan.records)
    parts = groups(plan.missing)
    ends = None if speed is None else _ends(parts, workers, speed, known)
    seconds = None
    if speed and ends is not None:
        seconds = max(ends) + _driver_seconds(plan, speed) if ends else 0.0
    distinct = {run.structure for run in plan.missing}
    return Cost(
        seconds=seconds,
        first_seconds=None if ends is None else min(ends, default=0.0),
        measured=bool(distinct) and distinct <= known.keys(),
        memory_bytes=max((_memory_bytes(group[0]) for group in parts), default=0.0),
        disk_bytes=sum(_disk_bytes(run) for run in plan.missing),
    )


def _epoch_seconds(runs: Sequence[Run], records: Mapping[str, Record]) -> dict[Structure, float]:
    """Return the seconds that an epoch of a whole group takes, where finished runs tell.

    A short group is filled up, so that it takes as long as a whole one.
    """
    found: dict[Structure, list[float]] = {}
    for run in runs:
        record = records.get(run.id)
        if record and "training_seconds" in record.meta:
            of_run = record.meta["training_seconds"] / record.result["epochs"]
            together = record.meta.get("together", run.group_size)
            found.setdefault(run.structure, []).append(of_run * together)
    return {structure: statistics.median(seconds) for structure, seconds in found.items()}


def _ends(
    parts: Sequence[Sequence[Run]], workers: int, speed: Speed, known: Mapping[Structure, float]
) -> list[float]:
    """Return when each group ends, in seconds from the start.

    Workers take groups as those of the local executor do, and each of them compiles every structure
    that it meets.
    """
    waiting = Waiting([group[0].structure for group in parts])
    idle = [(speed.start, worker) for worker in range(min(workers, len(parts)))]
    last: dict[int, Structure] = {}
    compiled: set[tuple[int, Structure]] = set()
    ends = []
    while waiting:
        now, worker = heapq.heappop(idle)
        busy = {last[other] for end, other in idle if end > now and other in last}
        index, structure = waiting.take(last.get(worker), busy)
        run = parts[index][0]
        network, shape = network_for(run.settings), _shape(run.settings.data)
        seconds = run.settings.training.epochs * (
            known.get(structure)
            or speed.of_epoch(run.settings, network, shape.train, shape.validation, run.group_size)
        )
        if (worker, structure) not in compiled:
            seconds += speed.to_compile(network)
        compiled.add((worker, structure))
        last[worker] = structure
        ends.append(now + seconds)
        heapq.heappush(idle, (now + seconds, worker))
    return ends


def _driver_seconds(plan: sweep.Plan, speed: Speed) -> float:
    """Return what the driver takes itself, before the workers start, beside them and for the
    report: it loads libraries, as a worker does, and draws.

    All of that is counted in starts of a worker, so that it grows as they do on a slow machine.
    Beside workers that start in 1.2 s the driver took 0.45 s to start, and 0.25 s from the cores
    that two workers started on. The report of 2 rows (a variant in a task) took 0.9 s, of 4 rows
    1.3 s, of 12 rows 3.4 s, of 25 rows 8.4 s: about 0.3 s, and 0.3 s for each row. A stage that
    tunes has no report.
    """
    rows = {(run.task, run.variant) for run in plan.runs if run.purpose == "evaluation"}
    return speed.start * (_DRIVER + _ROW * len(rows)) if rows else 0.0


def _disk_bytes(run: Run) -> int:
    return _RECORD_BYTES + _EPOCH_BYTES * run.settings.training.epochs


def _memory_bytes(run: Run) -> float:
    return sizes.WORKER_BYTES + sum(sizes.group_parts(run.settings, run.group_size).values())
