"""What signals do to a run: the first one stops it in order, the second one exits immediately."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_received: list[int] = []  # the signals that have stopped something, by their number


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn Ctrl-C, a scheduler's signal and a closed terminal into KeyboardInterrupt(number).

    After the first signal, and after the `with` block, another signal exits immediately. That loses
    nothing, because files are whole at any moment, and workers end with their driver.
    """
    _handle(_interrupt)
    try:
        yield
    finally:
        _handle(_leave)


def exit_code() -> int:
    """Return the exit code of what a signal has stopped.

    The KeyboardInterrupt that arrives need not say which signal: if it comes while Ray waits, Ray
    raises another one, without the number.
    """
    return 128 + (_received[-1] if _received else signal.SIGINT)


def _handle(handler: Callable[[int, Any], None]) -> None:
    """Set the handler of the signals, except those that nohup or a shell's & tells us to ignore."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _interrupt(number: int, _: Any) -> None:
    """Stop in order. A second signal exits immediately."""
    _handle(_leave)
    _received.append(number)
    raise KeyboardInterrupt(number)


def _leave(number: int, _: Any) -> None:
    os._exit(128 + number)
