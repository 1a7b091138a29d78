"""The contract of an executor, the code that carries out groups of work, here or elsewhere.

An executor is a function

    execute(work, groups, *, key, workers, environment, timeout=inf, meanwhile=idle)
        -> Generator[Event]

that calls `work(group, send)` once for every group, in processes of its own, and yields what
happens as it happens (`Execute` is its type):

- `Progress` for every picklable message that the work gave to `send`,
- `Done` with the value that the work returned,
- `Failed` where it raised, or its process died, or was silent for `timeout` seconds and was killed;
  every other group goes on.

`key(group)` names what is costly to set up for a group; groups of one key go to the same worker
while that keeps no worker idle. `environment(worker)` gives the variables that a worker, by its
index, has before it imports the work. `meanwhile()` is called once, when the first processes are on
their way: what the driver does then costs no time, for they take seconds to load TensorFlow.
Closing the generator ends the workers, and so does the end of the driver, whatever ends it.
An executor knows nothing of LSTMs.
"""

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Work = Callable[[Any, Callable[[Any], None]], Any]


@dataclass(frozen=True)
class Progress:
    """A message from a group at work; groups and workers are named by their index."""

    group: int
    worker: int
    message: Any


@dataclass(frozen=True)
class Done:
    """A group ended with a value."""

    group: int
    worker: int
    value: Any


@dataclass(frozen=True)
class Failed:
    """A group failed: why, in one line, and all that is known of it."""

    group: int
    worker: int
    message: str
    log: str


Event = Progress | Done | Failed


def idle() -> None:
    """Do nothing while processes start."""


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
