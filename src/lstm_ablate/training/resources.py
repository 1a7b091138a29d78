"""What an experiment needs of this machine, and what it gets: variables and number of workers, memory, group size."""

from dataclasses import replace
from pathlib import Path

from lstm_ablate import machine
from lstm_ablate.errors import UserError
from lstm_ablate.experiment import sizes
from lstm_ablate.experiment.loading import load
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.settings import Data, Settings
from lstm_ablate.training.inputs import windows

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
    gpus = machine.gpus()
    if not gpus:
        return WORKER_ENVIRONMENT
    return WORKER_ENVIRONMENT | GPU_ENVIRONMENT | {"CUDA_VISIBLE_DEVICES": gpus[worker % len(gpus)].uuid}


def default_workers() -> int:
    """Return how many workers this machine is good for: one per GPU, or else one per core that we may use."""
    return len(machine.gpus()) or machine.cores()


def settled(experiment: Experiment, folder: Path) -> Experiment:
    """Return the experiment with a number for `group_size: auto`, where there are GPUs that tell their free memory.

    The number in the results folder's experiment.yaml is kept: another one would train everything anew. Without one it
    is the largest that fits the GPU with the least free memory, whatever the task and the variant.
    """
    free = [gpu.free_bytes for gpu in machine.gpus() if gpu.free_bytes is not None]
    if experiment.group_size != "auto" or not free:
        return experiment
    before = folder / "experiment.yaml"
    size = load(before, with_data=False).group_size if before.is_file() else experiment.group_size
    if size == "auto":
        shapes = {one.data: _loaded_shape(one.data) for one in experiment.settings.values()}
        largest = max(sizes.run_bytes(one, *shapes[one.data]) for one in experiment.settings.values())
        size = sizes.fitting(largest, len(experiment.seeds), min(free))
    return replace(experiment, group_size=size, resolved={**experiment.resolved, "group_size": size})


def _loaded_shape(data: Data) -> tuple[int, int, int]:
    """Return (windows of all three parts, time steps, features)."""
    arrays = windows.of(data, 0)
    return sum(map(len, (arrays.train, arrays.validation, arrays.test))), *arrays.train.shape[1:]


def workers(experiment: Experiment) -> int:
    """Return how many workers to start: as the experiment says, or one per core or GPU, as far as memory goes."""
    if experiment.workers != "auto":
        return experiment.workers
    largest = max(sum(_group_parts(experiment, settings).values()) for settings in experiment.settings.values())
    return max(1, min(default_workers(), int(machine.memory_bytes() / (sizes.WORKER_BYTES + largest))))


def check_memory(experiment: Experiment) -> None:
    """Raise UserError where a run is predicted to take more memory than we may use here."""
    problems: dict[str, None] = {}
    for (task, variant), settings in experiment.settings.items():
        parts = _group_parts(experiment, settings)
        predicted = sizes.WORKER_BYTES + sum(parts.values())
        if predicted > machine.memory_bytes():
            largest = max(parts, key=parts.__getitem__)
            problems[
                f"{experiment.place(task, variant, largest)}: training would take about {predicted / 1e9:,.1f} GB of "
                f"memory, {parts[largest] / 1e9:,.1f} GB of it for {largest}; there are "
                f"{machine.memory_bytes() / 1e9:,.1f} GB. Make {', '.join(_SIZES[largest])} smaller"
            ] = None
    if problems:
        raise UserError(*problems)


_SIZES = {  # what takes memory, and the values that its size comes from
    "data.samples": ("data.samples", "data.timesteps", "data.features"),
    "model": ("model.encoder", "model.decoder"),
    "training.batch_size": ("training.batch_size", "data.timesteps", "model.encoder", "model.decoder"),
}


def _group_parts(experiment: Experiment, settings: Settings) -> dict[str, float]:
    return sizes.group_parts(settings, sizes.group_size(experiment.engine, settings, experiment.group_size))
