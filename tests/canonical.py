"""Canonical JSON, written by hand: the arbiter of the text whose hash is an id."""

from typing import Any


def by_hand(value: Any) -> str:
    match value:
        case None | True | False:
            return {None: "null", True: "true", False: "false"}[value]
        case int() | float():
            return repr(value)
        case str():
            return f'"{value}"'
        case list():
            return f"[{','.join(map(by_hand, value))}]"
        case dict():
            pairs = (f"{by_hand(key)}:{by_hand(value[key])}" for key in sorted(value))
            return f"{{{','.join(pairs)}}}"
    raise TypeError(value)
