"""What the command line, tasks and variants change, with a reason for what cannot be changed."""

from collections.abc import Iterable

from lstm_ablate.errors import UserError, did_you_mean
from lstm_ablate.experiment.applying import Change, with_value
from lstm_ablate.experiment.experiment_file import CHANGEABLE, is_changeable
from lstm_ablate.experiment.nodes import Node, Place
from lstm_ablate.experiment.problems import Problems
from lstm_ablate.experiment.schema import dotted_paths
from lstm_ablate.experiment.yaml_source import read_text

Changes = dict[str, list[Change]]  # by the name of a task or variant

_LOSS = "training.loss"
_EXAMPLES = {
    "model": "model.activation: relu",
    "training": "training.epochs: 5",
    "data": "data.family: lorenz",
}


def overridden(document: Node, overrides: Iterable[str], problems: Problems) -> Node:
    """Return the document with every `path=value` of the command line applied."""
    for text in overrides:
        place = Place("command line, " + text.replace("\n", "\\n"))
        path, equals, written = text.partition("=")
        if not equals or not path:
            raise UserError(f"{place}: write path=value, such as training.epochs=5")
        value = Node(None, place)
        if written.strip():
            value = read_text(written, place.source, located=False)
        if keys := _keys(document, path, place, problems):
            document = with_value(document, keys, value, place)
    return document


def _keys(document: Node, path: str, place: Place, problems: Problems) -> tuple[str, ...]:
    """Return the keys that a path of the command line leads through; none if it does not exist."""
    parts = path.split(".")
    if parts[0] in CHANGEABLE and len(parts) > 2:
        return _keys_of_change(document, path, place, problems)
    named = parts[0] in (*CHANGEABLE, "activations")  # variants.NAME="{...}" adds one
    if path in dotted_paths() or (named and len(parts) == 2):
        return tuple(parts)
    hint = did_you_mean(path, dotted_paths())
    problems.add(place, f'"{path}" is not a path of an experiment.{hint}')
    return ()


def _keys_of_change(document: Node, path: str, place: Place, problems: Problems) -> tuple[str, ...]:
    """Return the keys of variants.NAME.PATH, where both the name and the path may hold dots."""
    kind, _, rest = path.partition(".")
    names = document.nearest(kind).entries if kind in document.entries else {}
    for name in sorted(names, key=len, reverse=True):
        if rest.startswith(name + "."):
            return kind, name, rest[len(name) + 1 :]
    first = rest.partition(".")[0]
    hint = f'{did_you_mean(first, names)} To add one, write {kind}.{first}="{{path: value}}".'
    problems.add(place, f'"{first}" is not a name in {kind}.{hint}')
    return ()


def changes_of(document: Node, kind: str, problems: Problems) -> Changes:
    """Return the changes of every variant or of every task, without those that cannot be made."""
    named = document.entries[kind].entries if kind in document.entries else {}
    # The loss is a path that exists, and a good guess at a misspelt one, even where it is refused.
    paths = [path for path in dotted_paths() if is_changeable(kind, path) or path == _LOSS]
    changes: Changes = {}
    for name, written in named.items():
        changes[name] = []
        for path, value in written.entries.items():
            place = written.keys[path]
            if path in paths and is_changeable(kind, path):
                changes[name].append(Change(path, value, place))
            else:
                why = _why_unchangeable(kind, path, paths)
                problems.add(place, why, f"{kind}.{name}: ")
    return changes


def _why_unchangeable(kind: str, path: str, known: list[str]) -> str:
    section = path.split(".", maxsplit=1)[0]
    if path == _LOSS:
        shared = "variants are compared by their loss, so they share it"
        return f"{shared}; change training.loss in a task"
    if kind == "variants" and section == "data":
        return "variants of a task share its data, so that they are paired; change data in a task"
    if path in CHANGEABLE[kind]:
        advice = f"write what changes in it as a path, such as {_EXAMPLES[path]}"
        return f'"{path}" is a whole section; {advice}'
    return f'"{path}" is not a path that {kind} can change.{did_you_mean(path, known)}'
