"""The groups that wait for a worker, and which of them an idle worker gets."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any


class Waiting:
    """The groups that no worker has yet, by their index; each of them has a key."""

    def __init__(self, keys: Sequence[Any]):
        self._keys = keys
        self._groups: dict[Any, deque[int]] = {}
        for index, key in enumerate(keys):
            self._groups.setdefault(key, deque()).append(index)

    def __bool__(self) -> bool:
        return bool(self._groups)

    def take(self, last: Any, busy: set[Any]) -> tuple[int, Any]:
        """Return the next group for an idle worker, with its key; see `choose`."""
        key = choose(self._groups, last, busy)
        index = self._groups[key].popleft()
        if not self._groups[key]:
            del self._groups[key]
        return index, key

    def give_back(self, index: int) -> None:
        """Let a group wait again, before the others of its key."""
        self._groups.setdefault(self._keys[index], deque()).appendleft(index)


def choose(waiting: Mapping[Any, Sequence[int]], last: Any, busy: set[Any]) -> Any:
    """Return the key for an idle worker: its own, or else one that no worker has, or else any.

    Of several keys it is the one with the most groups waiting.
    """
    if last in waiting:
        return last
    free = [key for key in waiting if key not in busy]
    return max(free or waiting, key=lambda key: len(waiting[key]))
