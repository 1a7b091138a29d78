"""What the command line, tasks and variants change, with a reason for what cannot be changed."""

import json
import shlex
from collections.abc import Iterable
from typing import Literal

from lstm_ablate.errors import UserError, did_you_mean
from lstm_ablate.experiment.advice import Form, about_key
from lstm_ablate.experiment.applying import NAMED, Change, apply, changed, without
from lstm_ablate.experiment.experiment_file import CHANGEABLE, is_changeable
from lstm_ablate.experiment.nodes import NOTHING, Node, Place
from lstm_ablate.experiment.problems import Problems
from lstm_ablate.experiment.python_source import read_value
from lstm_ablate.experiment.rules import check_sites_of
from lstm_ablate.experiment.schema import dotted_paths
from lstm_ablate.experiment.yaml_source import read_text

Kind = Literal["variants", "tasks"]
Changes = dict[str, list[Change]]  # by the name of a task or variant
Override = str | tuple[str, object]  # path=value as text, or the two as a program has them

COMMAND_LINE = "command line"  # where overrides come from, unless said otherwise

_LOSS = "training.loss"
_SIGNS = ("+", "~")  # of Hydra, which adds or removes with them
_EXAMPLES = {
    "model": "model.activation: relu",
    "training": "training.epochs: 5",
    "data": "data.family: lorenz",
}


def overridden(
    document: Node, overrides: Iterable[Override], problems: Problems, source: str = COMMAND_LINE
) -> Node:
    """Return the document with every override applied; `source` is what error messages call
    where they come from.
    """
    for override in overrides:
        if isinstance(override, str):
            place = Place(f"{source}, " + override.replace("\n", "\\n"))
            if override[0:1] in _SIGNS:
                sign = f'"{override[0]}" before a path is Hydra\'s'
                problems.add(place, f"{sign}: write {_unsigned(override)}")
                continue
            path, value = _read(override, place)
        else:
            path, given = override
            value = read_value(given, source, path)
            place = value.place
        in_call: Form = "text" if isinstance(override, str) else "keyword"
        form = "command line" if source == COMMAND_LINE else in_call
        if keys := _keys(document, path, value, form, problems):
            removes = value.value is None and keys[0] in NAMED and len(keys) == 2
            if removes and _is_there(document, keys[0], keys[1], place, problems):
                document = without(document, keys[0], keys[1])
            elif not removes:
                if path == "model":
                    check_sites_of(value, "", "model: ", problems)
                document = changed(document, keys, value, place)
    return document


def _read(text: str, place: Place) -> tuple[str, Node]:
    """Return the path and the value of a text such as `training.epochs=5`."""
    path, equals, written = text.partition("=")
    if not equals or not path:
        raise UserError(f"{place}: write path=value, such as training.epochs=5")
    if not written.strip():
        return path, Node(NOTHING, place)
    if written in (",", "|"):  # data.decimal=, would need quotes in quotes; it is no YAML by itself
        return path, Node(written, place)
    try:
        return path, read_text(written, place.source, located=False)
    except UserError as error:
        if "not YAML" not in str(error):
            raise
        quoted = shlex.quote(json.dumps(written, ensure_ascii=False))
        hint = f"as text it is written with quotes in quotes: {path}={quoted}"
        raise UserError(f"{error}\n  {hint}") from None


def _unsigned(text: str) -> str:
    """Return what is written here for `+path=value` and `~path` of Hydra."""
    path = text.lstrip("+~")
    return f"{path.partition('=')[0]}=null" if text.startswith("~") else path


def _keys(
    document: Node, path: str, value: Node, form: Form, problems: Problems
) -> tuple[str, ...]:
    """Return the keys that a path of an override leads through; none if it does not exist."""
    parts = path.split(".")
    section, _, name = path.partition(".")
    if section in NAMED and name in _names(document, section):
        return section, name
    if section in CHANGEABLE and len(parts) > 2:
        return _keys_of_change(document, path, value.place, problems)
    # variants.NAME="{...}" adds one
    if path in dotted_paths() or (section in NAMED and len(parts) == 2):
        return tuple(parts)
    known = [*dotted_paths(), *(f"{other}.{name}" for other in NAMED if name)]
    advice = about_key("", path, value, form, document, known)
    problems.add(value.place, f'"{path}" is not a path of an experiment.{advice}')
    return ()


def _names(document: Node, section: str) -> dict[str, Node]:
    return document.entries[section].entries if section in document.entries else {}


def _is_there(document: Node, section: str, name: str, place: Place, problems: Problems) -> bool:
    """Return whether a section has a name; add a problem where it has not."""
    names = _names(document, section)
    if name not in names:
        problems.add(place, f'"{name}" is not a name in {section}.{did_you_mean(name, names)}')
    return name in names


def _keys_of_change(document: Node, path: str, place: Place, problems: Problems) -> tuple[str, ...]:
    """Return the keys of variants.NAME.PATH, where both the name and the path may hold dots."""
    kind, _, rest = path.partition(".")
    names = _names(document, kind)
    for name in sorted(names, key=len, reverse=True):
        if rest.startswith(name + "."):
            return kind, name, rest[len(name) + 1 :]
    first = rest.partition(".")[0]
    hint = f'{did_you_mean(first, names)} To add one, write {kind}.{first}="{{path: value}}".'
    problems.add(place, f'"{first}" is not a name in {kind}.{hint}')
    return ()


def changes_of(document: Node, kind: Kind, problems: Problems) -> Changes:
    """Return the changes of every variant or of every task, without those that cannot be made."""
    # The loss is a path that exists, and a good guess at a misspelt one, even where it is refused.
    paths = [path for path in dotted_paths() if is_changeable(kind, path) or path == _LOSS]
    changes: Changes = {}
    for name, written in _names(document, kind).items():
        changes[name] = []
        changed = _with_names(document, written)
        for path, value in written.entries.items():
            place = written.keys[path]
            if path in paths and is_changeable(kind, path):
                changes[name].append(Change(path, value, place))
            else:
                why = _why_unchangeable(kind, path, value, changed, paths)
                problems.add(place, why, f"{kind}.{name}: ")
    return changes


def _with_names(document: Node, changes: Node) -> Node:
    """Return the document with the family and the optimizer that changes name."""
    named = [
        Change(path, value, changes.keys[path])
        for path, value in changes.entries.items()
        if path in ("data.family", "training.optimizer.name", "training.optimizer")
    ]
    return apply(document, named)


def _why_unchangeable(kind: Kind, path: str, value: Node, document: Node, known: list[str]) -> str:
    section = path.split(".", maxsplit=1)[0]
    if path == _LOSS:
        shared = "variants are compared by their loss, so they share it"
        return f"{shared}; change training.loss in a task"
    if kind == "variants" and section == "data":
        return "variants of a task share its data, so that they are paired; change data in a task"
    if path in CHANGEABLE[kind]:
        advice = f"write what changes in it as a path, such as {_EXAMPLES[path]}"
        return f'"{path}" is a whole section; {advice}'
    advice = about_key("", path, value, kind, document, known)
    return f'"{path}" is not a path that {kind} can change.{advice}'
