"""The contract of an executor, the code that carries out groups of work, here or elsewhere.

An executor is a function

    execute(work, groups, *, key, workers, environment, timeout=inf, meanwhile=idle)
        -> Generator[Event]

that calls `work(group, send)` once for every group, in processes of its own, and yields events as
they happen (`Execute` is its type):

- `Progress` for every picklable message that the work gave to `send`,
- `Done` with the value that the work returned,
- `Failed` if the work raised, its process died, or its process was silent for `timeout` seconds and
  was killed. Every other group goes on.

`key(group)` names what is costly to set up for a group. Groups with the same key go to the same
worker, as long as this keeps no worker idle. `environment(worker)` returns the variables that a
worker, given by its index, has before it imports the work. `meanwhile()` is called once, when the
first processes have been started. What the driver does in it costs no time, because the processes
take seconds to load TensorFlow. Closing the generator ends the workers, and so does the end of the
driver, whatever ends it. An executor knows nothing of LSTMs.
"""

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Work = Callable[[Any, Callable[[Any], None]], Any]


@dataclass(frozen=True)
class Progress:
    """A message from the work on a group; groups and workers are given by their index."""

    group: int
    worker: int
    message: Any


@dataclass(frozen=True)
class Done:
    """The work on a group returned a value."""

    group: int
    worker: int
    value: Any


@dataclass(frozen=True)
class Failed:
    """The work on a group failed: why, in one line, and all that is known about it."""

    group: int
    worker: int
    message: str
    log: str


Event = Progress | Done | Failed


def idle() -> None:
    """Do nothing while processes start: the default of `meanwhile`."""


class Execute(Protocol):
    """The type of an executor; see the contract above."""

    def __call__(
        self,
        work: Work,
        groups: Sequence[Any],
        *,
        key: Callable[[Any], Any],
        workers: int,
        environment: Callable[[int], Mapping[str, str]],
        timeout: float = math.inf,
        meanwhile: Callable[[], object] = idle,
    ) -> Generator[Event, None, None]:
        """Carry out `work(group, send)` for every group and yield its events."""
        ...
