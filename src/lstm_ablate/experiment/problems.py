"""What is wrong with a config, in the user's words: pydantic's findings and ours, each at its place."""

import json
import re
from typing import Any, TypeVar

from pydantic import ValidationError

from lstm_ablate.errors import UserError, did_you_mean
from lstm_ablate.experiment.field_types import Frozen
from lstm_ablate.experiment.schema import CHANGEABLE, keys_below
from lstm_ablate.experiment.yaml_source import Node, Place

Kind = TypeVar("Kind", bound=Frozen)


class Problems:
    """Collects every problem of a config once, to be shown together."""

    def __init__(self) -> None:
        self.found: dict[tuple[Place, str], str] = {}

    def add(self, place: Place, message: str, context: str = "") -> None:
        self.found.setdefault((place, message), f"{place}: {context}{message}")

    def stop_if_any(self) -> None:
        if self.found:
            in_order = sorted(self.found, key=lambda key: (key[0].line, key[0].column))
            raise UserError(*(self.found[key] for key in in_order))


def validate(kind: type[Kind], node: Node, problems: Problems, context: str = "") -> Kind | None:
    try:
        return kind.model_validate(_without_null_changes(node.plain()))
    except ValidationError as error:
        for detail in error.errors():
            path, where = _walk(node, detail["loc"])
            _report(detail, path, where, problems, context)
        return None


def _without_null_changes(values: Any) -> Any:
    """Read `tanh:` with nothing behind it as no changes."""
    if isinstance(values, dict):
        for kind in CHANGEABLE:
            if isinstance(values.get(kind), dict):
                values[kind] = {name: {} if c is None else c for name, c in values[kind].items()}
        if values.get("tasks", 0) is None:
            del values["tasks"]
    return values


def _walk(node: Node, loc: tuple[int | str, ...]) -> tuple[list[str], list[Node]]:
    """Follow pydantic's location through the nodes, past the tags of unions; return the path and the nodes on it."""
    path: list[str] = []
    nodes = [node]
    for part in loc:
        value = nodes[-1].value
        known = part in value if isinstance(value, dict) else isinstance(value, list) and part in range(len(value))
        if known:
            nodes.append(value[part])
            path.append(str(part))
    return path, nodes


def _report(detail: Any, path: list[str], where: list[Node], problems: Problems, context: str) -> None:
    kind, dotted, node = detail["type"], ".".join(path), where[-1]
    if kind == "extra_forbidden":
        _unknown(path[-1], ".".join(path[:-1]), where[-2], problems, context)
        return
    if kind.startswith("union_tag") and isinstance(node.value, dict):  # without a family its keys can still be told
        for key in node.value.keys() - keys_below(dotted, node):
            _unknown(key, dotted, node, problems, context)
    prefix = f"{dotted}: " if dotted else ""
    if kind == "missing" and isinstance(node.value, list):  # (low, high) with one of them
        problems.add(node.place, f"{prefix}two values are due, such as [1, 5]; found {len(node.value)}", context)
    elif kind == "missing":
        problems.add(node.place, f'{prefix}the key "{detail["loc"][-1]}" is missing', context)
    elif kind == "union_tag_not_found":
        key = detail["ctx"]["discriminator"].strip("'")
        problems.add(node.place, f'{prefix}the key "{key}" is missing', context)
    elif kind == "union_tag_invalid":
        key = detail["ctx"]["discriminator"].strip("'")
        allowed = re.findall(r"'([^']*)'", detail["ctx"]["expected_tags"])
        if isinstance(node.value, dict):
            node, prefix = node.value[key], f"{prefix}{key}: "
        problems.add(node.place, prefix + _choice(node, allowed), context)
    elif kind == "literal_error":
        allowed = re.findall(r"[\w.+-]+", detail["ctx"]["expected"].replace(" or ", " "))
        problems.add(node.place, prefix + _choice(node, allowed), context)
    elif kind == "activation":
        problems.add(node.place, prefix + detail["msg"], context)
    else:
        message = _MESSAGES.get(kind, "{msg}").format(**{"msg": detail["msg"], **detail.get("ctx", {})})
        problems.add(node.place, f"{prefix}{message}; found {found(node)}", context)


def _unknown(key: str, section: str, node: Node, problems: Problems, context: str) -> None:
    known = keys_below(section, node)
    where = f" in {section}" if section else ""
    message = f'unknown key "{key}"{where}.{did_you_mean(key, known)}\n  known: {", ".join(known)}'
    problems.add(node.keys[key], message, context)


def _choice(node: Node, allowed: list[str]) -> str:
    hint = did_you_mean(node.value, allowed) if isinstance(node.value, str) else ""
    return f"found {found(node)}; allowed: {', '.join(allowed)}.{hint}"


_MESSAGES = {
    "int_type": "a whole number is due",
    "int_from_float": "a whole number is due",
    "float_type": "a number is due",
    "finite_number": "a finite number is due",
    "bool_type": "true or false is due",
    "string_type": "text is due",
    "tuple_type": "a list is due, such as [64]",
    "dict_type": "a mapping is due",
    "model_type": "a mapping is due",
    "model_attributes_type": "a mapping is due",
    "too_short": "at least {min_length} is due",
    "too_long": "too many values",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
}


def found(node: Node) -> str:
    value = node.plain()
    if isinstance(value, str):
        return f"{json.dumps(value[:80], ensure_ascii=False)} (text)"
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        what = "mapping" if isinstance(value, dict) else "list"
        return f"a {what}" if value else f"an empty {what}"
    return json.dumps(value)


def find(node: Node, path: tuple[str, ...]) -> Node:
    """Return the node at a path, or the nearest above it that was written."""
    for part in path:
        if not isinstance(node.value, dict) or part not in node.value:
            break
        node = node.value[part]
    return node
