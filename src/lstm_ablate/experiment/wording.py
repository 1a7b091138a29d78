"""What pydantic finds wrong with a value, in the user's words."""

import re

from pydantic_core import ErrorDetails

from lstm_ablate.experiment.advice import about_value
from lstm_ablate.experiment.nodes import NOTHING, Node

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list such as {example}",
    "dict_type": "a mapping such as {example}",
    "model_type": "a mapping such as {example}",
    "model_attributes_type": "a mapping such as {example}",
    "too_short": "at least {min_length}",
    "expected": "{what}",
}
_MESSAGES = {
    "too_long": "too many values",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
}
# Of mappings and lists, by their path; what a variant or a task changes comes last.
_EXAMPLES = {
    "data": "{family: sines}",
    "data.samples": "{train: 1024, validation: 256, test: 1024}",
    "data.split": "{train: 0.7, validation: 0.15, test: 0.15}",
    "data.columns": "[value]",
    "data.cycles": "[1, 5]",
    "data.start": "[0.5, 2]",
    "data.end": "[3, 6]",
    "data.coefficients": "[1.5, -0.75]",
    "model": "{encoder: [100, 50]}",
    "model.head": "{units: [64], activation: relu}",
    "training": "{epochs: 30}",
    "training.optimizer": "{name: adam, learning_rate: 1e-3}",
    "variants": "{tanh: {}, relu: {model.activation: relu}}",
    "tasks": "{usual: {}, long: {data.timesteps: 60}}",
    "tune": "{path: training.optimizer.learning_rate, grid: [3e-4, 1e-3, 3e-3]}",
    "tune.grid": "[3e-4, 1e-3, 3e-3]",
    "analysis": "{margin: 10%}",
    "execution": "{workers: 4}",
    "activations": '{snake: "x + sin(x)**2"}',
}
_CHANGES = {"variants": "{model.activation: relu}", "tasks": "{data.timesteps: 60}"}


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
    values = {"msg": fault["msg"], "example": _example(path, node), **limits}
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind].format(**values)}, found {node.described()}"
    return f"{_MESSAGES.get(kind, '{msg}').format(**values)}; found {node.described()}"


def _example(path: str, node: Node) -> str:
    """Return a list or mapping that may stand at a path: with the numbers found, where these seem
    to be a list.
    """
    found = node.value
    if isinstance(found, str) and re.fullmatch(r"\s*[0-9]+(\s*[,;x ]\s*[0-9]+)*\s*", found):
        return f"[{', '.join(re.findall('[0-9]+', found))}]"
    if type(found) is int and path in ("model.encoder", "model.decoder"):
        return f"[{found}]"
    section, _, name = path.partition(".")
    return _EXAMPLES.get(path) or (_CHANGES.get(section) if name else None) or "[64]"


def _missing(fault: ErrorDetails, node: Node) -> str:
    if isinstance(node.value, list):  # (low, high) with one of them
        return f"expected two values such as [1, 5], found {len(node.value)}"
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
