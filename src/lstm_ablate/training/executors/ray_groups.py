"""The executor on a Ray cluster: one of Ray's tasks for each group, on whichever node has a place.

A task is a generator that streams what its group sends. Every task is meant for one place on one
node, as the local executor's are for one process: groups of one structure follow one another there,
and Ray keeps the process for tasks of equal variables, so that each compiles a structure once. Left
to itself, Ray puts a group wherever a core is free. That was faster by a seventh (386 empty groups
a second against 326 and 346, once, beside other work), but mixes the structures, of which each
takes a process seconds to compile; and it gives work to a node that has joined with other versions.
"""

import math
import time
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from lstm_ablate.training.executors import (
    Event,
    Execute,
    Failed,
    Progress,
    Work,
    failures,
    idle,
    ray_worker,
)
from lstm_ablate.training.executors.ray_cluster import Cluster, Node, Slot, on
from lstm_ablate.training.executors.waiting import Waiting

_TURN_SECONDS = 0.1  # between two looks for tasks that are silent
_BURIAL_SECONDS = 10.0  # for the last words of a process; a node that is gone too says none


def on_cluster(cluster: Cluster) -> Execute:
    """Return the executor of a cluster; see the contract in `executors`."""
    return partial(_execute, cluster)


@dataclass
class _Task:
    """A group at work, or on its way to a process."""

    group: int
    key: Any
    slot: Slot
    log: str  # on its node
    process: int | None = None
    silence: float = 0.0  # seconds

    def failed(self, message: str, details: str = "", printed: str = "") -> Failed:
        return Failed(self.group, self.slot.index, *failures.described(message, details, printed))


def _execute(
    cluster: Cluster,
    work: Work,
    groups: Sequence[Any],
    *,
    key: Callable[[Any], Any],
    workers: int,
    environment: Callable[[int], Mapping[str, str]],
    timeout: float = math.inf,
    meanwhile: Callable[[], object] = idle,
) -> Generator[Event, None, None]:
    import ray

    waiting = Waiting([key(group) for group in groups])
    at_work: dict[Any, _Task] = {}  # by Ray's generator
    last_keys: dict[int, Any] = {}  # of each place
    carried = ray.put(work)  # once, whatever data it holds
    carry_out = ray.remote(ray_worker.carry_out)

    def give_out() -> None:
        taken = {task.slot.index for task in at_work.values()}
        for slot in cluster.slots:
            if not waiting or len(at_work) >= workers:
                break
            if slot.index in taken:
                continue
            busy = {task.key for task in at_work.values()}
            group, chosen = waiting.take(last_keys.get(slot.index), busy)
            last_keys[slot.index] = chosen
            task = _Task(group, chosen, slot, _log())
            options = _options(cluster, slot.node, environment(slot.index))
            started = carry_out.options(**options).remote(
                carried, group, slot.index, groups[group], task.log
            )
            at_work[started] = task

    try:
        give_out()
        meanwhile()
        before = time.monotonic()
        while at_work or waiting:
            ready = _ready(ray, list(at_work))
            now = time.monotonic()
            # No process is blamed for the time that the driver slept through.
            seconds = min(now - before, 2 * _TURN_SECONDS)
            before = now
            for generator, task in list(at_work.items()):
                if generator in ready:
                    task.silence = 0.0
                    events = _arrived(ray, cluster, generator, task)
                    if events is None:
                        waiting.give_back(task.group)
                        cluster.lose(task.slot.node)
                    if events is None or (events and not isinstance(events[-1], Progress)):
                        del at_work[generator]
                    yield from events or ()
                elif task.process is not None:
                    task.silence += seconds
                    if task.silence > timeout:
                        del at_work[generator]
                        ray.cancel(generator, force=True)
                        printed = _buried(ray, task)
                        yield task.failed(failures.silent(timeout), printed=printed)
            cluster.look()
            give_out()
    finally:
        for generator in at_work:
            ray.cancel(generator, force=True)


def _ready(ray: Any, tasks: list[Any]) -> set[Any]:
    """Return all tasks that have something to say, as soon as one of them has, or a turn is over.

    All of them, so that one which says a great deal does not hold up the others.
    """
    if not tasks:
        time.sleep(_TURN_SECONDS)
        return set()
    some, _ = ray.wait(tasks, timeout=_TURN_SECONDS)
    if not some:
        return set()
    ready, _ = ray.wait(tasks, num_returns=len(tasks), timeout=0)
    return set(ready)


def _arrived(ray: Any, cluster: Cluster, generator: Any, task: _Task) -> list[Event] | None:
    """Return the next events of a task, or None if its node is gone: that is no failure of its."""
    errors = ray.exceptions
    try:
        arrived = ray.get(next(generator))
    except errors.RayError as error:
        gone = isinstance(error, (errors.NodeDiedError, errors.TaskUnschedulableError))
        if gone or not cluster.is_alive(task.slot.node):
            return None
        return [_failure(ray, error, task)]
    if isinstance(arrived, int):
        task.process = arrived
        return []
    events: list[Event] = arrived
    return events


def _failure(ray: Any, error: Any, task: _Task) -> Failed:
    """Return the failure of a group whose task has ended with an error of Ray's."""
    errors = ray.exceptions
    if isinstance(error, errors.RayTaskError):  # outside of the work, such as a value without copy
        message, details = failures.of_error(error.cause)
        return task.failed(message, f"{details}{error}", _buried(ray, task))
    task.process = None  # it is gone, and its number may be another's
    printed = _buried(ray, task)
    message = f"its process on {task.slot.node.name} died"
    if isinstance(error, errors.OutOfMemoryError):
        message = f"out of memory: {message}, because Ray ended it"
    elif isinstance(error, errors.WorkerCrashedError):
        message += ", as it does where the system kills it when memory runs out"
    return task.failed(message, f"{message}\n{error}", printed)


def _buried(ray: Any, task: _Task) -> str:
    """Return what the process of a task has printed; if it lives, it is killed."""
    bury = ray.remote(ray_worker.bury)
    options = {"num_cpus": 0, "max_retries": 0, "scheduling_strategy": on(task.slot.node)}
    try:
        printed: str = ray.get(
            bury.options(**options).remote(task.process, task.log), timeout=_BURIAL_SECONDS
        )
    except ray.exceptions.RayError as error:
        return f"(unknown: {type(error).__name__})"
    return printed


def _log() -> str:
    """Return a name for the file of what a process prints, in the temporary folder of its node."""
    return f"lstm-ablate-{uuid.uuid4().hex}.log"


def _options(cluster: Cluster, node: Node, variables: Mapping[str, str]) -> dict[str, Any]:
    """Return what a task needs, as Ray calls it.

    Which GPU of its node a worker sees, Ray chooses. Without GPUs it sees none: if it saw those of
    another machine, the processor would not be what trains.
    """
    seen = {} if cluster.gpus else {"CUDA_VISIBLE_DEVICES": ""}
    variables = {name: value for name, value in variables.items() if name != "CUDA_VISIBLE_DEVICES"}
    return {
        "num_cpus": 1,
        "num_gpus": int(cluster.gpus),
        "memory": cluster.memory_bytes or None,
        "max_retries": 0,
        "runtime_env": {"env_vars": variables | seen},
        "scheduling_strategy": on(node),
    }
