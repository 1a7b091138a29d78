"""Validates nodes, and reports what is wrong in the user's words and at its place."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lstm_ablate.experiment.advice import about_key, with_space
from lstm_ablate.experiment.experiment_file import CHANGEABLE
from lstm_ablate.experiment.field_types import Frozen
from lstm_ablate.experiment.nodes import NOTHING, Node
from lstm_ablate.experiment.problems import Problems
from lstm_ablate.experiment.schema import keys_below, takes_null
from lstm_ablate.experiment.wording import message, tag

Form = TypeVar("Form", bound=Frozen)


def validated(
    form: type[Form],
    node: Node,
    problems: Problems,
    context: str = "",
    own: Mapping[str, str] | None = None,
) -> Form | None:
    """Return what a node means in a form. If it is not valid, add its problems and return None.

    `own` are the texts of the user's own activations by their names.
    """
    try:
        return form.model_validate(node.plain(), context=own)
    except ValidationError as error:
        for fault in error.errors():
            # This fault says that a decoder has no default because its encoder is wrong, which is
            # reported by itself.
            if fault["type"] != "default_factory_not_called":
                _report(fault, node, problems, context)
        return None


def _report(fault: ErrorDetails, root: Node, problems: Problems, context: str) -> None:
    keys, nodes = _way(root, fault["loc"])
    kind, dotted, node = fault["type"], ".".join(keys), nodes[-1]
    if kind == "extra_forbidden":
        _report_unknown(keys[-1], keys[:-1], nodes[-2], root, problems, context)
        return
    if kind.startswith("union_tag"):  # keys that no family has are unknown whatever the family is
        for key in node.entries.keys() - keys_below(dotted, node):
            _report_unknown(key, keys, node, root, problems, context)
    prefix = f"{dotted}: " if dotted else ""
    if kind == "union_tag_invalid":
        key = tag(fault)
        dotted = f"{dotted}.{key}"
        if node.entries:
            node, prefix = node.entries[key], f"{prefix}{key}: "
    what = message(fault, node, dotted) + _instead(keys, node)
    problems.add(node.place, prefix + what, context)


def _instead(keys: list[str], node: Node) -> str:
    """Return what to write instead, if nothing is written, or null where null is not a value, or a
    key and its value without a space between them.
    """
    if isinstance(node.value, str):
        spaced = with_space(node.value, keys_below(".".join(keys), node))
        return f"; {spaced}" if spaced else ""
    if node.value is not None and node.value is not NOTHING:
        return ""
    if len(keys) == 2 and keys[0] in CHANGEABLE:
        return "; write {} where nothing changes"
    if keys == ["tasks"]:
        return "; write {} where there are none"
    return "; write null for none" if takes_null(".".join(keys)) else ""


def _way(root: Node, location: tuple[int | str, ...]) -> tuple[list[str], list[Node]]:
    """Follow pydantic's location through the nodes, past the tags of unions.

    Return the keys on the way, and the nodes, of which the first is the root.
    """
    keys: list[str] = []
    nodes = [root]
    for part in location:
        if inner := _inside(nodes[-1], part):
            nodes.append(inner)
            keys.append(str(part))
    return keys, nodes


def _inside(node: Node, part: int | str) -> Node | None:
    if isinstance(part, str):
        return node.entries.get(part)
    items = node.value if isinstance(node.value, list) else []
    return items[part] if part < len(items) else None


def _report_unknown(
    key: str, section: list[str], node: Node, root: Node, problems: Problems, context: str
) -> None:
    path = ".".join(section)
    what = f'unknown key "{key}"{f" in {path}" if path else ""}.'
    if problems.has(node.keys[key], what):
        return
    known = keys_below(path, node)
    advice = about_key(path, key, node.entries[key], "file", root, known)
    if not advice or "Did you mean" in advice:
        advice += f"\n  known: {', '.join(known)}"
    problems.add(node.keys[key], what, context, advice)
