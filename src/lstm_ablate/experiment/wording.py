"""What pydantic finds wrong with a value, in the user's words."""

import re

from pydantic_core import ErrorDetails

from lstm_ablate.experiment.advice import about_value
from lstm_ablate.experiment.nodes import NOTHING, Node

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


def message(fault: ErrorDetails, node: Node, path: str) -> str:
    """Return what is wrong with the node at a path, without the path."""
    kind, limits = fault["type"], fault.get("ctx", {})
    expected = str(limits.get("expected")).replace(" or ", " ")
    if kind == "union_tag_not_found" and node.value is NOTHING:
        kind = "dict_type"
    if kind in ("missing", "union_tag_not_found"):
        return _missing(fault, node)
    if kind == "union_tag_invalid":
        return _choice(node, path, re.findall(r"'([^']*)'", limits["expected_tags"]))
    if kind == "literal_error":
        return _choice(node, path, list(map(_as_yaml, re.findall(r"[\w.+-]+", expected))))
    if kind == "activation":
        return fault["msg"]
    text = _MESSAGES.get(kind, "{msg}").format(**{"msg": fault["msg"], **limits})
    return f"{text}; found {node.described()}"


def _missing(fault: ErrorDetails, node: Node) -> str:
    if isinstance(node.value, list):  # (low, high) with one of them
        return f"two values are due, such as [1, 5]; found {len(node.value)}"
    key = fault["loc"][-1] if fault["type"] == "missing" else tag(fault)
    where = fault["loc"][-2] if len(fault["loc"]) > 1 else ""
    both = f"; write both in the base, as in {where}: {{units: 32, layers: 4}}, to change one"
    return f'the key "{key}" is missing' + both * (where in ("encoder", "decoder"))


def _as_yaml(value: str) -> str:
    return {"True": "true", "False": "false"}.get(value, value)


def tag(fault: ErrorDetails) -> str:
    """Return the key that decides which member of a union a mapping is."""
    key: str = fault["ctx"]["discriminator"].strip("'")
    return key


def _choice(node: Node, path: str, allowed: list[str]) -> str:
    hint = about_value(path, node.value, allowed) if isinstance(node.value, str) else ""
    return f"found {node.described()}; allowed: {', '.join(allowed)}.{hint}"
