"""Changes to a config in dotted notation, as variants, tasks and the command line write them."""

from collections.abc import Mapping

from lstm_ablate.errors import UserError, did_you_mean
from lstm_ablate.experiment.problems import Problems
from lstm_ablate.experiment.schema import CHANGEABLE, dotted_paths, keys_below
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.experiment.yaml_source import Node, Place, read_text


def override(root: Node, text: str, problems: Problems) -> Node:
    """Apply one `path=value` of the command line."""
    place = Place("command line, " + text.replace("\n", "\\n"))
    path, equals, value_text = text.partition("=")
    if not equals or not path:
        raise UserError(f"{place}: write path=value, such as training.epochs=5")
    value = read_text(value_text, place.source, located=False) if value_text.strip() else Node(None, place)
    parts = path.split(".")
    if parts[0] in CHANGEABLE and len(parts) > 2:  # variants.NAME.PATH: names and paths both hold dots
        named = root.value.get(parts[0])
        names = named.value if named and isinstance(named.value, dict) else {}
        rest = path.partition(".")[2]
        name = next((n for n in sorted(names, key=len, reverse=True) if rest.startswith(n + ".")), None)
        if name is None:
            hint = f'{did_you_mean(parts[1], names)} To add one, write {parts[0]}.{parts[1]}="{{path: value}}".'
            problems.add(place, f'"{parts[1]}" is not a name in {parts[0]}.{hint}')
            return root
        return put(root, (parts[0], name, rest[len(name) + 1 :]), value, place)
    if path not in dotted_paths() and (len(parts) != 2 or parts[0] not in CHANGEABLE):  # variants.NAME="{...}" adds one
        problems.add(place, f'"{path}" is not a path of an experiment.{did_you_mean(path, dotted_paths())}')
        return root
    return put(root, tuple(parts), value, place)


def changes_of(root: Node, kind: str, problems: Problems) -> dict[str, dict[str, tuple[Node, Place]]]:
    """Return the changes of every variant or task: name -> path -> (value, place of the path)."""
    named = root.value.get(kind)
    found: dict[str, dict[str, tuple[Node, Place]]] = {}
    if named is None or not isinstance(named.value, dict):
        return found
    known = [path for path in dotted_paths() if path.split(".")[0] in CHANGEABLE[kind] and "." in path]
    for name, changes in named.value.items():
        found[name] = {}
        if changes.value is None or not isinstance(changes.value, dict):
            continue
        for path, value in changes.value.items():
            place = changes.keys[path]
            if path in known and (kind, path) != ("variants", "training.loss"):
                found[name][path] = (value, place)
                continue
            problems.add(place, _why_unchangeable(kind, path, known), f"{kind}.{name}: ")
        both = {"model.activation"} & changes.value.keys() and {
            "model.candidate",
            "model.output",
        } & changes.value.keys()
        for path in sorted(both or ()):
            problems.add(changes.keys[path], EXCLUDES.format(path), f"{kind}.{name}: ")
    return found


EXCLUDES = '"{}" and "activation" exclude each other: activation sets both candidate and output'


def _why_unchangeable(kind: str, path: str, known: list[str]) -> str:
    root = path.split(".", maxsplit=1)[0]
    if path == "training.loss":
        return "variants are compared by their loss, so they share it; change training.loss in a task"
    if kind == "variants" and root == "data":
        return "variants of a task share its data, so that they are paired; change data in a task"
    if path in CHANGEABLE[kind]:
        return f'"{path}" is a whole section; write what changes in it as a path, such as {_example(path)}'
    return f'"{path}" is not a path that {kind} can change.{did_you_mean(path, known)}'


def _example(section: str) -> str:
    return {
        "model": "model.activation: relu",
        "training": "training.epochs: 5",
        "data": "data.family: lorenz",
    }[section]


def apply(settings: Node, changes: Mapping[str, tuple[Node, Place]]) -> Node:
    """Return the settings with changes, path -> (value, place of the path)."""
    for path, (value, place) in sorted(changes.items(), key=lambda change: _precedence(change[0])):
        settings = put(settings, tuple(path.split(".")), value, place)
    return settings


def _precedence(path: str) -> int:
    """A family or optimizer decides which other keys there are; a path drops the digest of the one before."""
    return 0 if path in ("data.family", "training.optimizer.name") else 2 if path == "data.digest" else 1


# Sections of which one key decides which others there are: that key, the path, what an unwritten one starts from.
_DECIDED = {
    "data": ("family", "data", Settings().data.family),
    "optimizer": ("name", "training.optimizer", Settings().training.optimizer.name),
}


def _unwritten(section: str, place: Place) -> Node:
    """Return what a section that was not written starts from: its default family or optimizer, by name."""
    if section not in _DECIDED:
        return Node({}, place)
    key, _, default = _DECIDED[section]
    return Node({key: Node(default, place)}, place, {key: place})


def _without_strangers(section: str, node: Node) -> Node:
    """Drop the keys that the section's new family or optimizer does not know."""
    known = keys_below(_DECIDED[section][1], node)
    return Node({key: value for key, value in node.value.items() if key in known}, node.place, node.keys)


def put(node: Node, path: tuple[str, ...], value: Node, place: Place) -> Node:
    """Return the node with a value at a path; what the new value stands in for is dropped."""
    if not isinstance(node.value, dict | str | None):
        return node  # an error, found when the whole is validated
    values = dict(node.value) if isinstance(node.value, dict) else {}
    keys = dict(node.keys)
    if isinstance(node.value, str) and path[0] != "name":  # optimizer: adam
        values["name"], keys["name"] = node, node.place
    head, *rest = path
    if rest:
        value = put(values.get(head) or _unwritten(head, place), tuple(rest), value, place)
        if head in _DECIDED and rest == [_DECIDED[head][0]] and isinstance(value.value, dict):
            value = _without_strangers(head, value)
    elif head == "activation" and "units" not in values:
        values.pop("candidate", None)
        values.pop("output", None)
    elif head in ("candidate", "output") and (both := values.pop("activation", None)):
        values |= {"candidate": both, "output": both}
        keys |= {"candidate": both.place, "output": both.place}
    elif head == "path":
        values.pop("digest", None)
    return Node(values | {head: value}, node.place, keys | {head: place})
