"""Values of a program as nodes that know their dotted places, as if a config held them."""

import json
import numbers
import os
from collections.abc import Mapping
from typing import Any

from lstm_ablate.errors import UserError
from lstm_ablate.experiment.nodes import Node, Place, Scalar
from lstm_ablate.experiment.yaml_source import HALF_A_CHARACTER, MAX_DEPTH, MAX_NODES

_LARGEST = 10**100  # as YAML has it: a whole number has at most a hundred digits


def read_value(value: object, source: str, *keys: str) -> Node:
    """Return a value of a program, and all that is in it, as nodes.

    `source` is what error messages call it, before its keys joined by dots. Mappings, lists, tuples
    and ranges, text, paths, numbers (NumPy's too), true, false and None can stand in a config.
    Raises UserError, naming the place, where anything else does.
    """
    place = Place(f"{source}, {'.'.join(keys)}" if keys else source)
    if len(keys) > MAX_DEPTH:
        raise UserError(f"{source}, {keys[0]}: nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping | list | tuple | range) and len(value) > MAX_NODES:
        raise UserError(f"{place}: more than {MAX_NODES:,} values")
    if isinstance(value, Mapping):
        return _mapping(value, place, source, keys)
    if isinstance(value, list | tuple | range):
        items = enumerate(value)
        return Node([read_value(item, source, *keys, str(index)) for index, item in items], place)
    return Node(_scalar(value, place), place)


def _mapping(
    values: Mapping[Any, object], place: Place, source: str, keys: tuple[str, ...]
) -> Node:
    nodes: dict[str, Node] = {}
    for key, value in values.items():
        if not isinstance(key, str):
            raise UserError(f"{place}: the key {key!r} is not text; put it in quotes")
        if not key.isprintable():
            what = "holds a character that cannot be seen"
            raise UserError(f"{place}: the key {json.dumps(key)} {what}")
        nodes[key] = read_value(value, source, *keys, key)
    return Node(nodes, place, {key: node.place for key, node in nodes.items()})


def _scalar(value: object, place: Place) -> Scalar:
    if value is None or isinstance(value, bool):
        return value
    if type(value).__name__ == "bool":  # NumPy's
        return bool(value)
    if isinstance(value, numbers.Integral):
        if abs(int(value)) >= _LARGEST:
            raise UserError(f"{place}: a whole number of so many digits is out of range")
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, str | os.PathLike):
        text = os.fspath(value)
        if isinstance(text, str):
            if half := HALF_A_CHARACTER.search(text):
                code = f"U+{ord(half[0]):04X}"
                raise UserError(f"{place}: {code} is half a character; write the whole one")
            return text
    allowed = "a mapping, a list, text, a number, True, False or None"
    found, instead = type(value).__name__, ""
    if hasattr(value, "to_csv"):
        instead = '. Save it with .to_csv("own.csv", index=False)'
    elif hasattr(value, "__array__"):
        instead = '. Save it with numpy.save("own.npy", ...)'
    if instead:
        name = "own.csv" if "csv" in instead else "own.npy"
        instead += f', and write {{"family": "file", "path": "{name}"}} for data'
    raise UserError(f"{place}: found a {found}; a config holds {allowed}{instead}")
