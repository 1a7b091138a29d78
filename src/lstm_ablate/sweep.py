"""A sweep: find the runs that have no record yet, train them on workers, and record each as it ends."""

import json
import math
import os
import statistics
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from lstm_ablate import data, engines, environment, files, limits, memory, records
from lstm_ablate.errors import UserError
from lstm_ablate.executors import Done, Failed, Progress
from lstm_ablate.executors.local import execute
from lstm_ablate.experiment import Experiment, load
from lstm_ablate.records import Record
from lstm_ablate.runs import Run, canonical_json, expand, groups
from lstm_ablate.settings import Data, FileData

FLOOR = 0.0  # an autoencoder's target is its input

# Set in every worker before TensorFlow is imported. One thread: results are then the same bits on every rerun, and
# two workers of one thread are faster than one of two.
WORKER_ENVIRONMENT = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}

# Set besides where there are GPUs.
GPU_ENVIRONMENT = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # or TensorFlow takes all memory at once, whatever else needs some
    "NVIDIA_TF32_OVERRIDE": "0",  # full float32 products in cuBLAS and cuDNN; engines.devices sees to XLA's own
    "TF_DETERMINISTIC_OPS": "1",  # XLA then chooses among kernels without timing them, and takes none that races
}


def worker_environment(worker: int) -> dict[str, str]:
    """Return the variables of a worker, by its index: where there are GPUs, each worker sees one of them."""
    gpus = environment.gpus()
    if not gpus:
        return WORKER_ENVIRONMENT
    return WORKER_ENVIRONMENT | GPU_ENVIRONMENT | {"CUDA_VISIBLE_DEVICES": gpus[worker % len(gpus)].uuid}


def default_workers() -> int:
    """Return how many workers this machine is good for: one per GPU, or else one per core that we may use."""
    return len(environment.gpus()) or limits.cores()


def settled(experiment: Experiment, folder: Path) -> Experiment:
    """Return the experiment with a number for `group_size: auto`, where there are GPUs that tell their free memory.

    The number in the results folder's experiment.yaml is kept: another one would train everything anew. Without one it
    is the largest that fits the GPU with the least free memory, whatever the task and the variant.
    """
    free = [gpu.free_bytes for gpu in environment.gpus() if gpu.free_bytes is not None]
    if experiment.group_size != "auto" or not free:
        return experiment
    before = folder / "experiment.yaml"
    size = load(before, with_data=False).group_size if before.is_file() else experiment.group_size
    if size == "auto":
        shapes = {one.data: _shape(one.data) for one in experiment.settings.values()}
        largest = max(memory.run_bytes(one, *shapes[one.data]) for one in experiment.settings.values())
        size = memory.fitting(largest, len(experiment.seeds), min(free))
    return replace(experiment, group_size=size, resolved={**experiment.resolved, "group_size": size})


def _shape(windows: Data) -> tuple[int, int, int]:
    """Return (windows of all three parts, time steps, features)."""
    arrays = data.load(windows, 0)
    return sum(map(len, (arrays.train, arrays.validation, arrays.test))), *arrays.train.shape[1:]


@dataclass(frozen=True)
class Plan:
    """What is asked for and what of it is missing. Two variants of equal values share a run, so ids can repeat."""

    runs: list[Run]
    missing: list[Run]
    records: dict[str, Record]
    damaged: list[Path]

    @property
    def others(self) -> int:
        """Records in the folder that this experiment does not ask for."""
        return len(self.records.keys() - {run.id for run in self.runs})


@dataclass(frozen=True)
class Epoch:
    """A run at work has finished an epoch (from 1)."""

    run: Run
    epoch: int
    train_loss: float
    validation_loss: float


@dataclass(frozen=True)
class Finished:
    """A run has a durable record; `stored` is what `records.publish` said."""

    run: Run
    record: Record
    stored: str


def plan(experiment: Experiment, folder: Path, *, engine: str | None = None, retry_failed: bool = False) -> Plan:
    """Compare an experiment with the records of its results folder; nothing is written."""
    runs = expand(experiment, engine)
    found, damaged = records.load(folder)
    done = {run for run, record in found.items() if not (retry_failed and record.status == "failed")}
    missing = {run.id: run for run in runs if run.id not in done}
    return Plan(runs, list(missing.values()), found, damaged)


def check_data(experiment: Experiment) -> None:
    """Read the user's own files once, before anything is trained; raise UserError naming the place in the config."""
    problems: dict[str, None] = {}
    for (task, variant), settings in experiment.settings.items():
        if isinstance(settings.data, FileData):
            try:
                samples = len(data.load(settings.data, 0).train)
            except UserError as error:
                place = experiment.place(task, variant, "data.path")
                problems |= {f"{place}: {problem}": None for problem in error.problems}
                continue
            if settings.training.batch_size > samples:
                batch = settings.training.batch_size
                place = experiment.place(task, variant, "training.batch_size")
                problems[
                    f"{place}: training.batch_size: {batch} is more than the {samples} training windows of the file"
                ] = None
    if problems:
        raise UserError(*problems)


def train(
    todo: Plan,
    folder: Path,
    *,
    workers: int,
    config_folder: Path,
    timeout: float = math.inf,
    fail_fast: bool = False,
) -> Generator[Epoch | Finished, None, None]:
    """Train what a plan misses and record it; yield what happens. Closing the iterator ends the workers.

    A group fails where it raises, its worker dies, or no epoch of it ends for `timeout` seconds. Its runs are tried
    once more, each alone; one that fails again is recorded as failed, with all that is known in `logs/<id>.log`, where
    the first failure is noted, so that a driver that takes over counts it.
    With `fail_fast` what failed is tried again at once, and the sweep ends with the first failed run.
    """
    tried = records.noted_failures(folder) - todo.records.keys()
    first = groups([run for run in todo.missing if run.id not in tried])
    again = [[run] for run in todo.missing if run.id in tried]
    described = False
    while first or again:
        last_try = bool(again) and (fail_fast or not first)
        parts, again = (again, []) if last_try else (first, again)
        left = dict(enumerate(parts))  # the groups that have not ended
        events = execute(
            _work,
            parts,
            key=lambda group: group[0].settings,
            workers=workers,
            environment=worker_environment,
            timeout=timeout,
        )
        with closing(events):
            for event in events:
                group = parts[event.group]
                if isinstance(event, Progress):
                    index, epoch, train_loss, validation_loss = event.message
                    yield Epoch(group[index], epoch, train_loss, validation_loss)
                    continue
                del left[event.group]
                if isinstance(event, Failed):
                    for run in group:
                        records.note_failure(folder, run.id, event.log)
                    if not last_try:
                        again += [[run] for run in group]
                        if fail_fast:
                            break
                        continue
                for run, (result, meta) in zip(group, _outcomes(event, group), strict=True):
                    record = Record(run.id, run.identity, result, {**meta, "worker": event.worker})
                    stored = records.publish(folder, record)
                    if isinstance(event, Done):
                        records.forget_failure(folder, run.id)
                    yield Finished(run, record, stored)
                if isinstance(event, Done) and not described:
                    described = True
                    settings = worker_environment(event.worker)
                    content = environment.describe(event.value[0][1]["device"], settings, config_folder)
                    files.replace(folder / "environment.json", json.dumps(content, indent=2) + "\n")
                if isinstance(event, Failed) and fail_fast:
                    return
        if not last_try:
            first = list(left.values())


def _outcomes(event: Done | Failed, group: list[Run]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    if isinstance(event, Done):
        outcomes: list[tuple[dict[str, Any], dict[str, Any]]] = event.value
        return outcomes
    return [({"status": "failed", "message": event.message}, {}) for _ in group]


def _work(group: list[Run], send: Callable[[Any], None]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Train a group in a worker; return a result and a meta part for each of its runs."""
    engine = engines.load(group[0].engine)
    arrays = [data.load(run.settings.data, run.seed) for run in group]
    start = time.perf_counter()
    ends: dict[int, float] = {}  # of the epochs

    def on_epoch(index: int, epoch: int, *told: Any) -> None:
        ends.setdefault(epoch, time.perf_counter())
        send((index, epoch, *told[:2]))

    results = list(engine.train(group, arrays, on_epoch))
    seconds = (time.perf_counter() - start) / len(group)
    later = [end - before for before, end in pairwise(ends.values())]  # the first epoch compiles: it is not among them
    epoch_seconds = statistics.median(later) / len(group) if later else None
    loss = group[0].settings.training.loss
    return [
        (
            _recorded(result, windows.test, loss),
            {
                "seconds": round(seconds, 3),
                **({"training_seconds": round(epoch_seconds * len(result.train_losses), 3)} if epoch_seconds else {}),
                "engine": group[0].engine,
                "device": engine.device(),
                "process": os.getpid(),
            },
        )
        for result, windows in zip(results, arrays, strict=True)
    ]


def _recorded(result: engines.Result, test: data.Array, loss: str) -> dict[str, Any]:
    """Return a result as JSON values; a loss of an epoch that is not finite becomes null.

    Of the test windows [N, T, F] the first feature of the first ones, and of what was made of them, is kept for the
    eye, to four decimals. Raises FloatingPointError where any of the rest is not finite.
    """
    shown = result.reconstructions
    recorded = {
        "status": result.status,
        "parameters": result.parameters,
        "epochs": len(result.train_losses),
        "best_epoch": result.best_epoch,
        "train_loss": result.train_loss,
        "validation_loss": result.validation_loss,
        "test_loss": result.test_loss,
        "diverged_epoch": result.diverged_epoch,
        "floor": FLOOR,
        "ceiling": data.ceiling(test, loss),
        "train_losses": [loss if math.isfinite(loss) else None for loss in result.train_losses],
        "validation_losses": [loss if math.isfinite(loss) else None for loss in result.validation_losses],
        "windows": [] if shown is None else _curves(test[: len(shown)]),
        "reconstructions": [] if shown is None else _curves(shown),
    }
    try:
        canonical_json(recorded)
    except ValueError:  # here the run fails; where the driver writes it, the sweep would
        raise FloatingPointError("a number of the result is not finite, though the run did not diverge") from None
    return recorded


def _curves(windows: data.Array) -> list[list[float]]:
    """Return the first feature of windows [N, T, F] as [N][T]."""
    curves: list[list[float]] = windows[:, :, 0].round(4).tolist()
    return curves
