"""From nodes to validated settings, or to what is wrong, in the user's words and at its place."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lstm_ablate.errors import did_you_mean
from lstm_ablate.experiment.experiment_file import CHANGEABLE
from lstm_ablate.experiment.field_types import Frozen
from lstm_ablate.experiment.nodes import Node
from lstm_ablate.experiment.problems import Problems
from lstm_ablate.experiment.schema import keys_below
from lstm_ablate.experiment.wording import message, tag

Form = TypeVar("Form", bound=Frozen)


def validated(
    form: type[Form],
    node: Node,
    problems: Problems,
    context: str = "",
    own: Mapping[str, str] | None = None,
) -> Form | None:
    """Return what a node means in a form; where it is not valid, add the problems, return None.

    `own` are the texts of the user's own activations by their names.
    """
    try:
        return form.model_validate(_without_null_changes(node.plain()), context=own)
    except ValidationError as error:
        for fault in error.errors():
            _report(fault, node, problems, context)
        return None


def _without_null_changes(values: Any) -> Any:
    """Read `tanh:` with nothing behind it as no changes."""
    if isinstance(values, dict):
        for kind in CHANGEABLE:
            if isinstance(values.get(kind), dict):
                named = values[kind].items()
                values[kind] = {name: {} if given is None else given for name, given in named}
        if values.get("tasks", 0) is None:
            del values["tasks"]
    return values


def _report(fault: ErrorDetails, root: Node, problems: Problems, context: str) -> None:
    keys, nodes = _way(root, fault["loc"])
    kind, dotted, node = fault["type"], ".".join(keys), nodes[-1]
    if kind == "extra_forbidden":
        _report_unknown(keys[-1], ".".join(keys[:-1]), nodes[-2], problems, context)
        return
    if kind.startswith("union_tag"):  # its keys can be judged even without a family
        for key in node.entries.keys() - keys_below(dotted, node):
            _report_unknown(key, dotted, node, problems, context)
    prefix = f"{dotted}: " if dotted else ""
    if kind == "union_tag_invalid" and node.entries:
        key = tag(fault)
        node, prefix = node.entries[key], f"{prefix}{key}: "
    problems.add(node.place, prefix + message(fault, node), context)


def _way(root: Node, location: tuple[int | str, ...]) -> tuple[list[str], list[Node]]:
    """Follow pydantic's location through the nodes, past the tags of unions.

    Return the keys on the way, and the nodes, the root first.
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


def _report_unknown(key: str, path: str, node: Node, problems: Problems, context: str) -> None:
    known = keys_below(path, node)
    where = f" in {path}" if path else ""
    what = f'unknown key "{key}"{where}.{did_you_mean(key, known)}'
    problems.add(node.keys[key], f"{what}\n  known: {', '.join(known)}", context)
