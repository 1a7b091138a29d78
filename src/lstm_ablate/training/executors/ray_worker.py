"""What a process of a Ray cluster does with a group: it carries it out, and streams its events."""

import io
import os
import queue
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from lstm_ablate.training.executors import Done, Event, Failed, Progress, Work, failures

_AHEAD = 1000  # events that wait for the driver, before the work waits too


def carry_out(work: Work, group: int, worker: int, content: Any, log: str) -> Iterator[Any]:
    """Carry out a group; yield the number of this process, then lists of events up to the end.

    What is printed meanwhile goes to a file called `log`, which outlives this process. Ray takes
    what a generator yields, and the work calls a function, so the work has a thread of its own. A
    list holds all that has come since the last one, because each of them costs a message of Ray's.
    """
    path = _path(log)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)  # the last lines before a death are kept too
    yield os.getpid()
    events: queue.Queue[Event] = queue.Queue(_AHEAD)

    def carry() -> None:
        end: Event
        try:
            end = Done(
                group, worker, work(content, lambda sent: events.put(Progress(group, worker, sent)))
            )
        except BaseException as error:
            message, details = failures.of_error(error)
            end = Failed(group, worker, *failures.described(message, details, _printed(path)))
        events.put(end)

    threading.Thread(target=carry, daemon=True).start()
    ended = False
    while not ended:
        arrived = [events.get()]
        with suppress(queue.Empty):
            while len(arrived) < _AHEAD:
                arrived.append(events.get_nowait())
        ended = not isinstance(arrived[-1], Progress)
        if ended:
            path.unlink(missing_ok=True)
        yield arrived


def bury(process: int | None, log: str) -> str:
    """Return what a process of this node printed before it died; one that lives is killed first."""
    path = _path(log)
    if process is not None:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    printed = _printed(path)
    path.unlink(missing_ok=True)
    return printed


def _path(log: str) -> Path:
    return Path(tempfile.gettempdir(), log)


def _printed(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""
