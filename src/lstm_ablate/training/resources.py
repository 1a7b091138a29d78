"""What an experiment needs from this machine, and what it gets: workers, memory and group size."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lstm_ablate import machine
from lstm_ablate.errors import UserError
from lstm_ablate.experiment import sizes
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.settings import Data, Settings
from lstm_ablate.store import inventory
from lstm_ablate.training.inputs import windows


def default_workers() -> int:
    """Return the number of GPUs or, without GPUs, the number of cores that we may use."""
    return len(machine.gpus()) or machine.cores()


def settled(experiment: Experiment, folder: Path) -> Experiment:
    """Return the experiment with a number for `group_size: auto`, if GPUs report their free memory.

    A number in the folder's experiment.yaml is kept, because with another number every run would be
    trained again. Otherwise it is the largest one that fits into the GPU with the least free
    memory, for every task and variant.
    """
    free = [gpu.free_bytes for gpu in machine.gpus() if gpu.free_bytes is not None]
    if experiment.group_size != "auto" or not free:
        return experiment
    size = inventory.group_size(folder) or experiment.group_size
    if size == "auto":
        every = [settings for *_, settings in experiment.possible_settings()]
        shapes = {data: _loaded_shape(data) for data in {settings.data for settings in every}}
        largest = max(sizes.run_bytes(settings, *shapes[settings.data]) for settings in every)
        size = sizes.fitting(largest, len(experiment.seeds), min(free))
    resolved = {**experiment.resolved, "group_size": size}
    return replace(experiment, group_size=size, resolved=resolved)


def settled_before_cutting(experiment: Experiment, folders: Sequence[Path]) -> Experiment:
    """Return an experiment whose group size is the same in each of its parts.

    Without GPUs it follows from the settings. Where it follows from a GPU's free memory, it is the
    number in the experiment.yaml of the first folder that has one. Raises UserError, saying how to
    settle it, where none has.
    """
    size = next(filter(None, map(inventory.group_size, folders)), None)
    on_gpus = settled(experiment, folders[0])
    if on_gpus is experiment:
        return experiment
    if size is None:
        raise UserError(
            "group_size: auto: on GPUs it follows from the memory that is free, and runs trained in"
            " groups of another size are other runs, so that it must be settled before the"
            f" experiment is cut. Add group_size={on_gpus.group_size}, which fits the GPUs here, to"
            " the command of every part"
        )
    return replace(
        experiment, group_size=size, resolved={**experiment.resolved, "group_size": size}
    )


def _loaded_shape(data: Data) -> tuple[int, int, int]:
    """Return (windows of all three parts, time steps, features)."""
    arrays = windows.of(data, 0)
    return sum(map(len, (arrays.train, arrays.validation, arrays.test))), *arrays.train.shape[1:]


def workers(experiment: Experiment) -> int:
    """Return how many workers to start: what the experiment says, or as many as fit into memory."""
    if experiment.workers != "auto":
        return experiment.workers
    fitting = int(machine.memory_bytes() / worker_bytes(experiment))
    return max(1, min(default_workers(), fitting))


def worker_bytes(experiment: Experiment) -> int:
    """Return the memory that a worker is predicted to need at most."""
    every = experiment.possible_settings()
    largest = max(sum(_group_parts(experiment, settings).values()) for *_, settings in every)
    return int(sizes.WORKER_BYTES + largest)


def check_memory(experiment: Experiment) -> None:
    """Raise UserError if a group is predicted to need more memory than we may use here."""
    problems: dict[str, None] = {}
    for task, variant, settings in experiment.possible_settings():
        parts = _group_parts(experiment, settings)
        predicted = sizes.WORKER_BYTES + sum(parts.values())
        if predicted > machine.memory_bytes():
            largest = max(parts, key=parts.__getitem__)
            problems[
                f"{experiment.place(task, variant, largest)}: training would take about "
                f"{predicted / 1e9:,.1f} GB of memory, {parts[largest] / 1e9:,.1f} GB of it for "
                f"{largest}; there are "
                f"{machine.memory_bytes() / 1e9:,.1f} GB. Make {', '.join(_SIZES[largest])} smaller"
            ] = None
    if problems:
        raise UserError(*problems)


_SIZES = {  # what takes memory, and the settings on which its size depends
    "data.samples": ("data.samples", "data.timesteps", "data.features"),
    "model": ("model.encoder", "model.decoder"),
    "training.batch_size": (
        "training.batch_size",
        "data.timesteps",
        "model.encoder",
        "model.decoder",
    ),
}


def _group_parts(experiment: Experiment, settings: Settings) -> dict[str, float]:
    size = sizes.group_size(experiment.engine, settings, experiment.group_size)
    return sizes.group_parts(settings, size)
