"""The local executor: groups of work in processes on this machine, which start anew when they die.

A worker is a process and a socket to it. The driver never waits for a message to become whole, so
that a process that is stopped in the middle of one holds nobody up. The kernel ends the processes
with their driver, whatever ends the driver.

A pool library stood here first: pebble, with a pool for each worker, so that groups could stay with
the worker that had compiled for them. It survives the death of a worker. But its workers lived on
when the driver was killed, one that hung was never ended, and messages had to be kept below 4,000
bytes, so that a worker that died while writing one left no half of it in the pipe. The workers here
cost some 150 lines more. A library whose workers end with their driver and can be killed one at a
time would take their place.
"""

import ctypes
import io
import math
import multiprocessing
import os
import pickle
import signal
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import ModuleType
from typing import Any

from lstm_ablate.training.executors import Done, Event, Failed, Progress, Work, failures, idle
from lstm_ablate.training.executors.waiting import Waiting

_TURN_SECONDS = 0.1  # between two looks for processes that died or hang
_TURN_BYTES = 2**16  # read from one worker, before the others are looked at
_LENGTH = struct.Struct("!Q")  # before every message
_INTERRUPTS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_DEATH_OF_PARENT = 1  # PR_SET_PDEATHSIG, prctl(2)


def execute(
    work: Work,
    groups: Sequence[Any],
    *,
    key: Callable[[Any], Any],
    workers: int,
    environment: Callable[[int], Mapping[str, str]],
    timeout: float = math.inf,
    meanwhile: Callable[[], object] = idle,
) -> Generator[Event, None, None]:
    """Carry out `work(group, send)` for every group; see the contract in `executors`."""
    waiting = Waiting([key(group) for group in groups])
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lstm-ablate-")))
        pool = [
            _Worker(index, logs / f"{index}.log", dict(environment(index)))
            for index in range(min(workers, len(groups)))
        ]
        for end in (_Worker.bury, _Worker.kill):  # called in the opposite order
            for worker in pool:
                stack.callback(end, worker)

        def give_out() -> None:
            for worker in pool:
                if worker.group is None and waiting:
                    busy = {other.last_key for other in pool if other.group is not None}
                    index, chosen = waiting.take(worker.last_key, busy)
                    worker.start(work, index, groups[index], chosen)

        give_out()
        meanwhile()
        before = time.monotonic()
        while any(worker.group is not None for worker in pool):
            pipes = [worker.pipe for worker in pool if worker.group is not None]
            wait(pipes, timeout=_TURN_SECONDS)
            now = time.monotonic()
            # No worker is blamed for the time that the driver slept through.
            seconds = min(now - before, 2 * _TURN_SECONDS)
            before = now
            for worker in pool:
                if worker.group is not None:
                    yield from worker.turn(seconds, timeout)
            give_out()


@contextmanager
def without_main() -> Iterator[None]:
    """Let processes that start meanwhile leave the program's main module alone.

    Otherwise each of them runs it again, up to its `if __name__ == "__main__"`: that loads the
    whole command line, a quarter of a second, and never ends in a script without that line.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class _Worker:
    """A process that works on one group at a time, with a socket and a file for its output."""

    process: SpawnProcess
    pipe: Connection

    def __init__(self, index: int, log: Path, environment: dict[str, str]):
        self.index = index
        self.log = log
        self.environment = environment
        self.group: int | None = None
        self.last_key: Any = None
        self.alive = False

    def start(self, work: Work, group: int, content: Any, key: Any) -> None:
        """Give an idle worker a group, and a process if it has none that lives."""
        if not (self.alive and self.process.is_alive()):
            self.bury()
            self._spawn()
        if self.log.exists():
            os.truncate(self.log, 0)  # a log tells of one group
        self.group, self.last_key, self.silence = group, key, 0.0
        # If the process has died just now, the next turn finds out.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send((work, group, content))

    def _spawn(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.unread = bytearray()
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, self.index, str(self.log), self.environment), daemon=True
        )
        # Ctrl-C and the signals of schedulers reach the whole process group, but only the driver
        # handles them. A process inherits the blocked signals. Starting a process also starts the
        # resource tracker, which would unblock them, so it is started before.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
        try:
            with without_main():
                self.process.start()
            self.alive = True
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()

    def turn(self, seconds: float, timeout: float) -> Iterator[Event]:
        """Yield what the group at work has sent, and its end if it ended; `seconds` have passed."""
        alive = self.process.is_alive()  # first, so that all messages of a dead process are here
        if self._read():
            self.silence = 0.0
            for event in self._arrived():
                if isinstance(event, Progress):
                    yield event
                elif isinstance(event, Done):
                    self.group = None
                    yield event
                else:
                    yield self._failed(event.message, event.log)
            return
        self.silence += seconds
        if not alive:
            yield self._failed(_death(self.process.exitcode))
        elif self.silence > timeout:
            self.kill()
            self.bury()
            yield self._failed(failures.silent(timeout))

    def _read(self) -> bool:
        """Read some of what the process has sent; return whether there was anything."""
        if not self.pipe.poll():
            return False
        try:
            some = os.read(self.pipe.fileno(), _TURN_BYTES)
        except ConnectionResetError:
            return False
        self.unread += some
        return bool(some)

    def _arrived(self) -> Iterator[Event]:
        """Yield the events that have arrived as a whole."""
        start = 0
        while len(self.unread) >= start + _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self.unread, start)
            end = start + _LENGTH.size + length
            if len(self.unread) < end:
                break
            yield pickle.loads(memoryview(self.unread)[start + _LENGTH.size : end].tobytes())
            start = end
        del self.unread[:start]

    def _failed(self, message: str, details: str = "") -> Failed:
        assert self.group is not None
        group, self.group = self.group, None
        printed = ""
        if self.log.exists():
            printed = self.log.read_text(encoding="utf-8", errors="replace")
        return Failed(group, self.index, *failures.described(message, details, printed))

    def kill(self) -> None:
        """End the process at once, also one that is stopped."""
        if self.alive:
            self.process.kill()

    def bury(self) -> None:
        """Release what is left of a process that died or was killed."""
        if self.alive:
            self.alive, self.last_key = False, None
            self.process.join()
            self.process.close()
            self.pipe.close()


def _death(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return "its process was killed (SIGKILL), as the system does when memory runs out"
    if code is not None and code < 0:
        return f"its process was killed ({signal.Signals(-code).name})"
    return f"its process ended with exit code {code}"


def _serve(pipe: Connection, index: int, log: str, environment: dict[str, str]) -> None:
    """Be a worker: carry out one group after the other, until the driver ends."""
    _end_with_driver()
    os.environ.update(environment)  # before the work, and with it any library, is imported
    with suppress(OSError):  # when memory runs out, the system kills a worker before the driver
        Path("/proc/self/oom_score_adj").write_text("500")
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for standard in (1, 2):  # output and error, whether the driver's are open or not
        os.dup2(descriptor, standard)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)  # the last lines before a death are kept too
    with suppress(EOFError):
        while True:
            _serve_one(pipe, index, pipe.recv_bytes())


def _serve_one(pipe: Connection, index: int, order: bytes) -> None:
    group = -1

    def send(message: Any) -> None:
        _send(pipe, Progress(group, index, message))

    try:
        work, group, content = pickle.loads(order)
        _send(pipe, Done(group, index, work(content, send)))
    except BaseException as error:
        _send(pipe, Failed(group, index, *failures.of_error(error)))


def _send(pipe: Connection, event: Event) -> None:
    content = pickle.dumps(event)
    left = memoryview(_LENGTH.pack(len(content)) + content)
    while left:
        left = left[os.write(pipe.fileno(), left) :]


def _end_with_driver() -> None:
    """End when the driver ends.

    On Linux the kernel sees to it, even while this process is stopped; elsewhere a thread does.
    """

    def watch() -> None:
        parent = multiprocessing.parent_process()
        assert parent is not None
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)

    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH_OF_PARENT, signal.SIGKILL)
    # The thread is needed on Linux too, because the driver may have died before the call.
    threading.Thread(target=watch, daemon=True).start()
