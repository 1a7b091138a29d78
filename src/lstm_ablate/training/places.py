"""Where an experiment is trained: on this machine, or on the nodes of a Ray cluster."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from lstm_ablate import machine
from lstm_ablate.errors import Log, UserError
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.training import resources
from lstm_ablate.training.executors import Execute

Executor = Literal["local", "ray"]


@dataclass(frozen=True)
class Place:
    """An executor, and how many workers it may have at most, and has now.

    `has_files` is False where workers do not see the files that the driver sees.
    """

    execute: Execute
    most_workers: int
    workers: int
    has_files: bool


def check(experiment: Experiment, executor: Executor | None, address: str | None) -> None:
    """Raise UserError where there is no such executor, or none that takes the address."""
    if executor not in (None, "local", "ray"):
        raise UserError(f"executor: local or ray is needed; found {executor!r}")
    if address is not None and (executor or experiment.executor) != "ray":
        raise UserError(f"--address {address}: needs --executor ray; found local")


@contextmanager
def place(
    experiment: Experiment,
    executor: Executor | None,
    address: str | None,
    workers: int | None,
    *,
    here: Execute,
    log: Log,
    warn: Log,
) -> Iterator[Place]:
    """Give the place where an experiment says it is trained, or where `executor` says; it lasts as
    long as the block.

    `here` is the executor on this machine. `workers` are as many as asked for, whatever the
    experiment says. Raises UserError where there is no cluster at the address, or where it cannot
    be used.
    """
    if (executor or experiment.executor) == "local":
        count = workers or resources.workers(experiment)
        yield Place(here, count, count, has_files=True)
        return
    from lstm_ablate.training.executors import ray_cluster, ray_groups

    asked = workers or (experiment.workers if experiment.workers != "auto" else None)
    memory_bytes = 0 if asked else resources.worker_bytes(experiment)
    with ray_cluster.connected(
        address, gpus=bool(machine.gpus()), memory_bytes=memory_bytes, log=log, warn=warn
    ) as cluster:
        most = asked or sys.maxsize  # nodes may join
        now = max(1, min(most, len(cluster.slots)))
        yield Place(ray_groups.on_cluster(cluster), most, now, has_files=False)
