"""Applies changes to a config, and adds or drops the other values that a new value concerns.

A mapping changes the keys that it names, as their paths would, and the others stay. When it took
the place of what was there, `la.run(config, training={"epochs": 2})` trained at the default
learning rate instead of the config's. Two kinds of mappings stand by themselves: those whose keys
are names of the user's own (variants, tasks, activations, and what one of them changes), because no
default silently takes the place of what they leave out; and an optimizer of another name, because
the learning rate and the momentum of one optimizer mean little for another.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from lstm_ablate.experiment.experiment_file import CHANGEABLE
from lstm_ablate.experiment.nodes import Node, Place
from lstm_ablate.experiment.schema import keys_below
from lstm_ablate.experiment.settings import Settings


@dataclass(frozen=True)
class Change:
    """One change of a task or a variant, with the place where its path was written."""

    path: str
    value: Node
    place: Place


# Sections in which one key decides which other keys are allowed: that key, the path of the section,
# and the value of the key if the config does not write the section.
_DECIDED = {
    "data": ("family", "data", Settings().data.family),
    "optimizer": ("name", "training.optimizer", Settings().training.optimizer.name),
}

NAMED = (*CHANGEABLE, "activations")  # sections whose keys are names of the user's own

# The layers of these are written as a list, or as a mapping with the keys units and layers.
_STACKS = ("encoder", "decoder")


def apply(settings: Node, changes: Iterable[Change]) -> Node:
    """Return the settings with changes; the order in which these were written does not matter."""
    for change in sorted(changes, key=_precedence):
        keys = tuple(change.path.split("."))
        settings = changed(settings, keys, change.value, change.place)
    return settings


def _precedence(change: Change) -> tuple[int, int]:
    """Return the place of a change in the order in which changes are applied.

    A family or an optimizer comes first, because it decides which other keys are allowed. A section
    comes before what is inside it. A digest comes last, because a new path drops the old digest.
    """
    inside = change.path.count(".")
    if change.path in ("data.family", "training.optimizer.name"):
        return 0, inside
    return 2 if change.path == "data.digest" else 1, inside


def changed(node: Node, keys: tuple[str, ...], value: Node, place: Place) -> Node:
    """Return the node with a value at the end of these keys; of a mapping, with each of its values
    at its own keys, unless it stands by itself. `place` is where the keys were written.
    """
    if not _changes_keys(node, keys, value):
        return with_value(node, keys, value, place)
    for key in sorted(value.entries, key=lambda key: key == "digest"):  # a path drops the old one
        node = changed(node, (*keys, key), value.entries[key], value.keys[key])
    return node


def _changes_keys(node: Node, keys: tuple[str, ...], value: Node) -> bool:
    """Return whether a value is a mapping that changes keys of the mapping that is there."""
    of_names = keys[0] in NAMED and len(keys) < 3
    if of_names or not isinstance(value.value, dict):
        return False
    there = node
    for key in keys:
        there = there.entries.get(key) or _unwritten(key, value.place)
    if _section(keys) != "optimizer":
        return bool(there.entries)
    name = there if isinstance(there.value, str) else there.entries.get("name")
    otherwise = Settings().training.optimizer.name
    return "name" not in value.entries or value.entries["name"].value == (
        name.value if name else otherwise
    )


def _section(keys: tuple[str, ...]) -> str:
    """Return the last key, also where it is the end of a path, as in the changes of a variant."""
    return keys[-1].rpartition(".")[2]


def with_value(node: Node, keys: tuple[str, ...], value: Node, place: Place) -> Node:
    """Return the node with a value at the end of these keys, without the values that it replaces.

    `place` is where the keys were written. Setting the activation of the model, for example, drops
    `candidate` and `output`, because it sets both.
    """
    if not isinstance(node.value, dict | str | None):
        return node  # an error, which the validation reports
    values, places = dict(node.entries), dict(node.keys)
    head, *rest = keys
    if isinstance(node.value, str) and head != "name":  # optimizer: adam
        values["name"], places["name"] = node, node.place
    if rest:
        section = values.get(head) or _unwritten(head, place)
        if head in _STACKS and isinstance(section.value, list):
            section = Node({}, place)  # the validation reports that the other key is missing
        value = with_value(section, tuple(rest), value, place)
        if head in _DECIDED and rest == [_DECIDED[head][0]] and isinstance(value.value, dict):
            value = _without_strangers(head, value)
    elif head == "activation" and "units" not in values:  # in the model, and not in its head
        values.pop("candidate", None)
        values.pop("output", None)
    elif head in ("candidate", "output") and (both := values.pop("activation", None)):
        values |= {"candidate": both, "output": both}
        places |= {"candidate": both.place, "output": both.place}
    elif head == "path":
        values.pop("digest", None)
    return Node(values | {head: value}, node.place, places | {head: place})


def without(node: Node, section: str, name: str) -> Node:
    """Return the node without one of the names in a section, such as a variant."""
    named = node.entries[section]
    kept = {other: value for other, value in named.entries.items() if other != name}
    section_of_others = Node(kept, named.place, named.keys)
    return Node({**node.entries, section: section_of_others}, node.place, node.keys)


def _unwritten(section: str, place: Place) -> Node:
    """Return how a section starts that the config does not write.

    It is empty, or it has the name of the default family or optimizer.
    """
    if section not in _DECIDED:
        return Node({}, place)
    key, _, default = _DECIDED[section]
    return Node({key: Node(default, place)}, place, {key: place})


def _without_strangers(section: str, node: Node) -> Node:
    """Drop the keys that the section's new family or optimizer does not know."""
    known = keys_below(_DECIDED[section][1], node)
    kept = {key: value for key, value in node.entries.items() if key in known}
    return Node(kept, node.place, node.keys)
