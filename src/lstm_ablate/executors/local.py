"""The local executor: groups of work in spawned processes on this machine, each worker a pebble pool of its own.

One pool per worker, so that groups can be kept with the worker that has set up for them, and so that a worker that
dies takes nothing with it but its group; pebble starts it anew.
"""

import math
import multiprocessing
import os
import pickle
import signal
import tempfile
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import pebble

from lstm_ablate.executors import Done, Event, Failed, Progress, Work

_POLL_SECONDS = 0.05
_MESSAGES_A_TURN = 100  # of one worker, before the others are looked at
_MESSAGE_BYTES = 4000  # at most: a pipe takes so many whole or not at all, even from a process that dies writing


def execute(
    work: Work,
    groups: Sequence[Any],
    *,
    key: Callable[[Any], Any],
    workers: int,
    environment: Callable[[int], Mapping[str, str]],
) -> Generator[Event, None, None]:
    """Carry out `work(group, send)` for every group in spawned processes; see the contract in `executors`."""
    keys = [key(group) for group in groups]
    waiting = list(range(len(groups)))
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lstm-ablate-")))
        pool = [
            _Worker(index, logs / f"{index}.log", dict(environment(index)), stack)
            for index in range(min(workers, len(groups)))
        ]
        while waiting or any(worker.group is not None for worker in pool):
            for worker in pool:
                if worker.group is None and waiting:
                    busy = {keys[other.group] for other in pool if other.group is not None}
                    group = _choose(waiting, keys, worker.last_key, busy)
                    waiting.remove(group)
                    worker.start(work, group, groups[group], keys[group])
            wait([worker.inbox for worker in pool], timeout=_POLL_SECONDS)
            for worker in pool:
                done = worker.done()  # asked first: what it sent has then arrived
                yield from worker.messages(math.inf if done else _MESSAGES_A_TURN)
                if done:
                    yield worker.ended()


def _choose(waiting: Sequence[int], keys: Sequence[Any], last: Any, busy: set[Any]) -> int:
    """Return the group for an idle worker: of the key that it has, or else a key that nobody has, or else any.

    Among keys the one with the most groups waiting goes first.
    """
    counts: dict[Any, int] = {}
    for group in waiting:
        counts[keys[group]] = counts.get(keys[group], 0) + 1
    if last in counts:
        chosen = last
    else:
        free = [one for one in counts if one not in busy]
        chosen = max(free or counts, key=counts.__getitem__)
    return next(group for group in waiting if keys[group] == chosen)


class _Worker:
    """A process that works on one group at a time, with a pipe for its messages and a file for what it prints."""

    def __init__(self, index: int, log: Path, environment: dict[str, str], stack: ExitStack):
        self.index = index
        self.log = log
        self.group: int | None = None
        self.last_key: Any = None
        self.future: Future[Any] | None = None
        context = multiprocessing.get_context("spawn")
        self.inbox, outbox = context.Pipe(duplex=False)
        begin = (outbox, str(log), environment)
        self.pool = pebble.ProcessPool(1, initializer=_begin, initargs=begin, context=context)
        stack.callback(self.inbox.close)
        stack.callback(outbox.close)
        stack.callback(self.pool.join)
        stack.callback(self.pool.stop)

    def start(self, work: Work, group: int, content: Any, key: Any) -> None:
        self.group, self.last_key = group, key
        if self.log.exists():
            os.truncate(self.log, 0)  # a log tells of one group
        self.future = self.pool.schedule(_call, args=(work, group, content))

    def messages(self, most: float) -> Iterator[Progress]:
        taken = 0
        while taken < most and self.inbox.poll():
            group, message = pickle.loads(self.inbox.recv_bytes())
            taken += 1
            if group == self.group:
                yield Progress(group, self.index, message)

    def done(self) -> bool:
        return self.group is not None and self.future is not None and self.future.done()

    def ended(self) -> Done | Failed:
        """Return how the group ended; the worker is idle afterwards. To be called when it is done."""
        assert self.group is not None and self.future is not None
        group, self.group = self.group, None
        error = self.future.exception()
        if error is None:
            return Done(group, self.index, self.future.result())
        self.last_key = None  # the process may be a new one
        if isinstance(error, pebble.ProcessExpired):
            message = f"its process ended with exit code {error.exitcode}"
        else:
            message = f"{type(error).__name__}: {error}"
        told = getattr(error, "traceback", None) or "".join(traceback.format_exception(error))
        printed = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return Failed(group, self.index, message, f"{told}\n--- the worker printed ---\n{printed[-20_000:]}")


_outbox: Connection | None = None


def _begin(outbox: Connection, log: str, environment: dict[str, str]) -> None:
    """Set up a worker: interrupts are the driver's to handle, and what libraries print goes to a file."""
    global _outbox  # noqa: PLW0603 - a process has one pipe
    _outbox = outbox
    os.environ.update(environment)  # before the work, and with it any library, is imported
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for standard in (1, 2):  # output and error, whether the driver's are open or not
        os.dup2(descriptor, standard)


def _call(work: Work, group: int, content: Any) -> Any:
    def send(message: Any) -> None:
        assert _outbox is not None
        content = pickle.dumps((group, message))
        if len(content) > _MESSAGE_BYTES:
            raise ValueError(f"a message of {len(content)} bytes; at most {_MESSAGE_BYTES}")
        _outbox.send_bytes(content)

    return work(content, send)
