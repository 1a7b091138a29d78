"""What signals do to a run: the first one stops it in order, the second one exits immediately."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


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


def _handle(handler: Callable[[int, Any], None]) -> None:
    """Set the handler of the signals, except those that nohup or a shell's & tells us to ignore."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _interrupt(number: int, _: Any) -> None:
    """Stop in order. A second signal exits immediately."""
    _handle(_leave)
    raise KeyboardInterrupt(number)


def _leave(number: int, _: Any) -> None:
    os._exit(128 + number)
