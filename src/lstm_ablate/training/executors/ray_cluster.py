"""The nodes of a Ray cluster that work for us, from the moment when they join until they are gone.

Only this module and `ray_groups` know Ray. Nothing is installed on a node: it has lstm-ablate and
its packages in the same versions as the driver, and that is looked at before it gets any work.
"""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lstm_ablate import machine
from lstm_ablate.errors import Log, UserError, counted
from lstm_ablate.training.executors import ray_versions

# Set before Ray is imported. Ray asks nobody whether it may send statistics of its use; and under
# `uv run` it would have every worker call `uv run` again (ray#50961).
_RAY_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
}
_CONNECT_SECONDS = 10.0
_LOOK_SECONDS = 1.0  # between two looks for nodes that joined or are gone
_JOIN_SECONDS = 60.0  # a node that does not say its versions for so long at the start is an error
# What passes through the store is one copy of the work, data of the user's own included, and
# messages of some kB; Ray would take 30% of the memory for it.
_STORE_BYTES = 200 * 2**20


@dataclass(frozen=True)
class Node:
    """A node by Ray's number, what people call it, and how many groups it can work on at once."""

    id: str
    name: str
    size: int


@dataclass(frozen=True)
class Slot:
    """A place for one group at a time on a node; `index` is what events call a worker."""

    index: int
    node: Node


@contextmanager
def connected(
    address: str | None, *, gpus: bool, memory_bytes: int, log: Log, warn: Log
) -> Iterator["Cluster"]:
    """Connect to a Ray cluster; the connection ends with the block, and all work with it.

    `address` is one that `ray.init` takes. Without one it is that of RAY_ADDRESS or of the cluster
    that runs on this machine; if there is none, Ray is started on this machine alone. A group takes
    one core, so much memory and, with `gpus`, one GPU. `log` and `warn` hear of nodes. Raises
    UserError where there is no cluster, or where a node has other versions than this process.
    """
    ray = _ray()
    mine = not ray.is_initialized()
    if mine:
        _connect(ray, address, log)
    try:
        cluster = Cluster(gpus=gpus, memory_bytes=memory_bytes, log=log, warn=warn)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        if mine:
            ray.shutdown()


class Cluster:
    """The nodes that work for us; `look` keeps them up to date."""

    def __init__(self, *, gpus: bool, memory_bytes: int, log: Log, warn: Log):
        self.gpus = gpus
        self.memory_bytes = memory_bytes
        self.slots: list[Slot] = []
        self._log, self._warn = log, warn
        self._known: dict[str, Node] = {}  # all that were ever seen, by Ray's number
        self._asked: dict[Any, Node] = {}  # that have not said their versions yet
        self._next_slot = 0
        self._looked = -_LOOK_SECONDS

    def wait_for_nodes(self) -> None:
        """Wait until all nodes that there are have said their versions; raise UserError if one has
        others than we have, or if none has what a group needs.
        """
        end = time.monotonic() + _JOIN_SECONDS
        lacks, problems = self._look(), list[str]()
        while self._asked:
            if time.monotonic() > end:
                names = ", ".join(node.name for node in self._asked.values())
                problems.append(f"{names}: says no versions within {_JOIN_SECONDS:.0f} s")
                break
            time.sleep(0.02)
            problems += self._answers()
        if lacks and not self.slots:
            problems += lacks
        if problems:
            raise UserError(*(f"Ray: {problem}" for problem in problems))
        self._leave_out(lacks)
        nodes = len({slot.node.id for slot in self.slots})
        self._log(f"Ray: {counted(nodes, 'node')}, {counted(len(self.slots), 'worker')}")
        self._looked = time.monotonic()

    def look(self) -> None:
        """Notice which nodes have joined, and which are gone; once a second is often enough."""
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        before = {slot.node.id for slot in self.slots}
        self._leave_out([*self._look(), *self._answers()])
        for node in {slot.node.id: slot.node for slot in self.slots}.values():
            if node.id not in before:
                self._log(f"Ray: {node.name} has joined with {counted(node.size, 'worker')}")

    def lose(self, node: Node) -> None:
        """Give a node no more work, because it is gone."""
        if any(slot.node == node for slot in self.slots):
            self.slots = [slot for slot in self.slots if slot.node != node]
            self._warn(f"Ray: {node.name} is gone; the other nodes get what it had at work")

    def is_alive(self, node: Node) -> bool:
        """Return whether Ray takes a node for alive."""
        return any(info["NodeID"] == node.id and info["Alive"] for info in _ray().nodes())

    def _leave_out(self, problems: list[str]) -> None:
        for problem in problems:
            self._warn(f"Ray: {problem}; it gets no work")

    def _look(self) -> list[str]:
        """Ask the nodes that are new for their versions; return what those lack that have cores,
        and no place for a group.
        """
        lacks = []
        there = [info for info in _ray().nodes() if info["Alive"]]
        for info in there:
            if info["NodeID"] in self._known:
                continue
            node = self._described(info)
            self._known[node.id] = node
            if node.size:
                ask = _ray().remote(ray_versions.asked())
                options = {"num_cpus": 0, "max_retries": 0, "scheduling_strategy": on(node)}
                self._asked[ask.options(**options).remote()] = node
            elif info["Resources"].get("CPU"):
                needs = f"{self.memory_bytes / 1e9:.1f} GB of memory"
                if self.gpus and not info["Resources"].get("GPU"):
                    needs = "a GPU"
                lacks.append(f"{node.name} lacks {needs} for a worker")
        alive = {info["NodeID"] for info in there}
        for node in {slot.node.id: slot.node for slot in self.slots}.values():
            if node.id not in alive:
                self.lose(node)
        return lacks

    def _described(self, info: dict[str, Any]) -> Node:
        """Return a node from what Ray says of it."""
        has = info["Resources"]
        size = int(has.get("CPU", 0))
        if self.gpus:
            size = min(size, int(has.get("GPU", 0)))
        if self.memory_bytes:
            size = min(size, int(has.get("memory", 0) // self.memory_bytes))
        name, address = info["NodeName"], info["NodeManagerAddress"]
        if name == address:  # nobody has named it
            name = f"{info['NodeManagerHostname']} ({address})"
        return Node(info["NodeID"], name, size)

    def _answers(self) -> list[str]:
        """Give places to the nodes that have said the right versions; return what is wrong with
        the others.
        """
        ray = _ray()
        if not self._asked:
            return []
        problems = []
        answered, _ = ray.wait(list(self._asked), num_returns=len(self._asked), timeout=0)
        for answer in answered:
            node = self._asked.pop(answer)
            try:
                theirs = ray.get(answer)
            except ray.exceptions.RayError as error:
                if self.is_alive(node):
                    problems.append(f"{node.name} cannot say its versions ({_first_line(error)})")
                continue
            if others := ray_versions.differences(theirs, ray_versions.own()):
                problems.append(f"{node.name} has {others}")
                continue
            for _ in range(node.size):
                self.slots.append(Slot(self._next_slot, node))
                self._next_slot += 1
        return problems


def on(node: Node) -> Any:
    """Return Ray's way to say that a task is for this node, and for no other."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node.id, soft=False)


# --------------------------------------------------------------------------------------- connecting


def _ray() -> Any:
    os.environ.update(_RAY_ENVIRONMENT)
    try:
        import ray
    except ImportError:
        raise UserError(
            "the executor ray needs Ray: install lstm-ablate[ray] here and on every node"
        ) from None
    return ray


def _connect(ray: Any, address: str | None, log: Log) -> None:
    """Connect this process to a cluster, or start one on this machine if none is asked for."""
    asked = address or os.environ.get("RAY_ADDRESS")
    if asked and asked.startswith("ray://"):
        raise UserError(
            f"Ray: {asked}: Ray's client cannot stream; call lstm-ablate on a node of the cluster,"
            " with --address auto"
        )
    try:
        if asked == "local":
            _start(ray)
            return
        try:
            found = _found(ray, asked or "auto")
        except ConnectionError as error:
            if asked:
                raise UserError(f"Ray: no cluster at {asked} ({_first_line(error)})") from None
            cores = counted(machine.cores(), "core")
            log(f"Ray: no cluster runs here; starting one on {cores} of this machine")
            _start(ray)
        else:
            _init(ray, address=found)
    except (ConnectionError, RuntimeError, ValueError) as error:
        ray.shutdown()
        raise UserError(f"Ray: {' '.join(str(error).split())}") from None


def _found(ray: Any, address: str) -> str:
    """Return the address of a cluster as HOST:PORT; raise ConnectionError if nobody answers there.

    Where nobody does, Ray tries again for minutes and says so; the file from which it knows the
    cluster of this machine outlives one that was killed.
    """
    if address == "auto":
        address = ray._private.services.canonicalize_bootstrap_address_or_die(address)
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise ConnectionError(f"{address}: {error}") from None
    return address


def _start(ray: Any) -> None:
    """Start a cluster on this machine that ends with this process."""
    options = {"object_store_memory": _STORE_BYTES, "include_dashboard": False}
    _init(ray, address="local", num_cpus=machine.cores(), **options)


def _init(ray: Any, **options: Any) -> None:
    """Call `ray.init`, and leave the handlers of signals as they are.

    Workers can import from the folder in which it is called, whatever lies there. So that is the
    folder from which the driver has this package.
    """
    before = signal.getsignal(signal.SIGTERM)
    with chdir(Path(__file__).parents[3]):
        try:
            logging.getLogger("ray").setLevel(logging.CRITICAL)
            ray.init(log_to_driver=False, configure_logging=False, **options)
            # Even so Ray prints on standard output what befalls its processes (ray#28216), where it
            # would lie in the midst of --json. What matters of it is said.
            ray._private.worker._worker_logs_enabled = False
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, before)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
