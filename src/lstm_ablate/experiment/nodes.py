"""Values of a config that know where they were written."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


class Nothing:
    """Stands for the value of a key behind which nothing is written; unlike null, it is no value.

    So `relu:` is not taken for `relu: {}`, which says that nothing changes.
    """

    def __repr__(self) -> str:
        return "nothing"


NOTHING = Nothing()
Scalar = str | int | float | bool | Nothing | None


@dataclass(frozen=True)
class Place:
    """Where a value was written.

    Line and column count from 1; values from the command line have neither.
    """

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass(frozen=True)
class Node:
    """A mapping of nodes, a list of nodes or a scalar, with its place and those of its keys."""

    value: Scalar | list[Node] | dict[str, Node]
    place: Place
    keys: dict[str, Place] = field(default_factory=dict)

    @property
    def entries(self) -> dict[str, Node]:
        """The values of a mapping by their keys; empty if the node is not a mapping."""
        return self.value if isinstance(self.value, dict) else {}

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def nearest(self, *keys: str) -> Node:
        """Return the node at the end of these keys, or the last on the way that was written."""
        node = self
        for key in keys:
            if key not in node.entries:
                break
            node = node.entries[key]
        return node

    def described(self) -> str:
        """Return what an error message says was found here."""
        if isinstance(self.value, str):
            return f"{json.dumps(self.value[:80], ensure_ascii=False)} (text)"
        if self.value is NOTHING:
            return "nothing"
        if isinstance(self.value, dict | list):
            what = "mapping" if isinstance(self.value, dict) else "list"
            return f"a {what}" if self.value else f"an empty {what}"
        return json.dumps(self.value)
