"""What is said about a key or value that a config cannot have: what it is called here, that nothing
is like it, or which one was probably misspelt.

The first of these that applies:

1. `key:value` without a space, which is one word to YAML, is answered with the space.
2. A word of another tool is answered with what is written here, or with what to do without it.
3. A key of all layers that stands in the encoder or the decoder is answered with its own, and with
   what that changes in the other.
4. A key of another family of data or of another optimizer is said to be one.
5. A key of the same mapping is suggested where it is spelt nearly alike: difflib's ratio, without
   case, `-` and `_`, is at least 0.8 (one wrong letter of five). The words of a path are compared
   one by one, so that a section that two paths share makes them no more alike.
6. A key that is found elsewhere, in one place of the least depth, is said to belong there; `_` may
   stand for the dots of its path.

Nothing else is suggested. In version 0.1 two paths were compared as a whole, with a ratio of 0.6:
`training.patience` was answered with "training.optimizer.name".
"""

import difflib
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Literal

from lstm_ablate.errors import UserError, counted, did_you_mean
from lstm_ablate.experiment import one_part
from lstm_ablate.experiment.activations import ACTIVATIONS, MEANT_OTHERWISE, canonical
from lstm_ablate.experiment.experiment_file import is_changeable
from lstm_ablate.experiment.habits import HABITS, LAYERS, NO_VALUES, UNITS, VALUES, Habit
from lstm_ablate.experiment.nodes import NOTHING, Node, Place
from lstm_ablate.experiment.schema import dotted_paths, keys_below, tunable_paths
from lstm_ablate.experiment.settings import SITES, Model, Settings
from lstm_ablate.experiment.yaml_source import read_text

# How a key was written, and an answer is: nested in the file, or as a path; in a program as a text
# with a path, or as a keyword of a call.
Form = Literal["file", "variants", "tasks", "command line", "text", "keyword"]
Pairs = dict[str, Node]  # paths with the values that are written there

_ALIKE = 0.8
_SHOWN = 200  # characters of what a user wrote
_OF_ALL_LAYERS = Model.model_fields.keys() - {"encoder", "latent", "decoder", "head"}
_OF_WINDOWS = ("timesteps", "stride", "columns")  # an array has its own
# Sections in which a key says which others there are.
_NAMED = {
    "data": ("family", Settings().data.family),
    "training.optimizer": ("name", Settings().training.optimizer.name),
}


def about_key(
    section: str, key: str, value: Node, form: Form, document: Node, known: Iterable[str]
) -> str:
    """Return what is said about a key that does not exist, after the sentence that says so.

    In a file it stands in a section, and `known` are the keys beside it; elsewhere the section is
    empty, the key a whole path, and all paths are known. `value` is what was written there.
    """
    path = f"{section}.{key}" if section else key
    habit = _habit(path, document)
    spaced = with_space(key, known) if value.value is NOTHING else ""
    said = f" {spaced}" if spaced else _of_part(path, value, section, form, document)
    if said or habit:
        return said or (_answer(habit, value, section, form, document) if habit else "")
    if form == "file" and path in dotted_paths():
        if "." not in key:
            return _of_others(section, key)
        where = "paths stand in variants, in tasks and on the command line alone"
        return f" Here it is nested ({where}){_as_written(_nested({path: value}, document), value)}"
    if near := _nearest(key, known):
        return f' Did you mean "{near}"?'
    there = _elsewhere(path)
    if len(there) == 1 and not _why_impossible(there, document):
        text = _written({there[0]: value}, section, form, document)
        return f" Here it is {there[0]}{_as_written(text, value)}"
    return ""


def _as_written(text: str, value: Node) -> str:
    """Return what to write, unless a user wrote nothing there, or more than a message holds."""
    return f": write {text}" if value.value is not NOTHING and len(text) <= _SHOWN else ""


def with_space(text: str, known: Iterable[str]) -> str:
    """Return what is said about `key:value`, which YAML takes for one word; nothing about a text
    that does not begin with a known key.
    """
    key, colon, value = text.partition(":")
    if not colon or not value.strip() or key not in known:
        return ""
    return f"YAML needs a space after the colon: write {key}: {value.strip()}"


def about_option(path: str, value: str) -> str:
    """Return what is written for an option that the command line does not have, where it is a
    setting: `seeds=5` for `--seeds 5`; nothing where it is none.
    """
    node = Node(value, Place("")) if value else Node(NOTHING, Place(""))
    if value:
        with suppress(UserError):
            node = read_text(value, "option", located=False)
    document = Node({}, Place(""))
    if path in dotted_paths():
        return f"write {path}={_in_shell(_flow(node.plain())) if value else '...'}"
    hint = about_key("", path, node, "command line", document, ())
    return hint.strip() if hint.startswith((" Here it is", " Not supported")) else ""


def about_tuned(path: str, document: Node) -> str:
    """Return what is said about a path that is no number to tune."""
    habit = _habit(path, document)
    if near := "" if habit else _nearest(path, tunable_paths()):
        return f' Did you mean "{near}"?'
    there = list(_pairs(habit.write)) if habit else _elsewhere(path)
    numbers = [other for other in there if other in tunable_paths()]
    return f" Here it is {numbers[-1]}" if numbers else ""


def about_value(path: str, value: str, allowed: Sequence[str]) -> str:
    """Return what is said about a value that is none of those allowed at a path."""
    if ours := _translated(path, value):
        return f" Here it is {ours}: write {ours}"
    words, why = NO_VALUES.get(path, ("", ""))
    if _plain(value) in map(_plain, words.split()):
        return f" Not supported ({why}): write one of these"
    return did_you_mean(value, allowed)


def _translated(path: str, value: str) -> str:
    """Return what a value of another tool is called here; nothing where it is not known."""
    word = _plain(value)
    return next(
        (
            ours
            for ours, words in VALUES.get(path, {}).items()
            if word in map(_plain, words.split())
        ),
        "",
    )


# ----------------------------------------------------------------------------- words of other tools


def _plain(word: str) -> str:
    """Return a word without what tools write differently; `_target_` of Hydra is not `target`."""
    return re.sub(r"(?<=[^\W_])[-_ ]+(?=[^\W_])", "", word.casefold())


@cache
def _habits() -> dict[str, list[Habit]]:
    """Return the rows for each word, or section and word."""
    rows: dict[str, list[Habit]] = {}
    for habit in HABITS:
        for word in habit.words.split():
            rows.setdefault(_plain(word), []).append(habit)
    return rows


def _habit(path: str, document: Node) -> Habit | None:
    """Return what is written for a path of another tool, as far as the document can have it."""
    section, _, key = path.rpartition(".")
    for place in dict.fromkeys((section, section.partition(".")[0], "")):
        rows = _habits().get(_plain(f"{place}.{key}" if place else key), [])
        for habit in rows:
            if not _why_impossible(_pairs(habit.write), document):
                return habit
        if rows:
            why = _why_impossible(_pairs(rows[0].write), document)
            return Habit(key, why=why, supported=False)
    return None


@cache
def _pairs(written: str) -> Pairs:
    return read_text(f"{{{written}}}", "habits").entries


def _why_impossible(paths: Iterable[str], document: Node) -> str:
    """Say which key of some paths the document's data or optimizer has not; nothing if all are."""
    for path in paths:
        for section, (decides, _) in _NAMED.items():
            if not path.startswith(f"{section}.") or f"{section}.{decides}" in paths:
                continue
            key = path.removeprefix(f"{section}.").partition(".")[0]
            node = _section(section, document)
            file = node.nearest("path").value
            is_array = isinstance(file, str) and file.lower().endswith(".npy")
            if key not in keys_below(section, node) or (is_array and key in _OF_WINDOWS):
                return f"{node.entries[decides].value} has no {key}"
    return ""


def _section(section: str, document: Node) -> Node:
    """Return the data or optimizer of a document, as a mapping in which it is named."""
    decides, otherwise = _NAMED[section]
    node = document
    for key in section.split("."):
        node = node.entries.get(key, Node(None, Place("")))
    if isinstance(node.value, str):
        return Node({decides: node}, node.place)
    named = node.entries.get(decides, Node(otherwise, node.place))
    return Node({**node.entries, decides: named}, node.place)


def _answer(habit: Habit, value: Node, section: str, form: Form, document: Node) -> str:
    if habit.write in (UNITS, LAYERS):
        return _of_layers(habit, value, section, form, document)
    # A model without something says so with false or 0.
    is_off = isinstance(value.value, int | float) and not value.value
    pairs = _pairs(habit.otherwise if habit.otherwise and is_off else habit.write)
    why = habit.why
    if pairs and not (habit.otherwise and is_off):
        path, example = list(pairs.items())[-1]
        written = _named(path, value, document) if len(pairs) == 1 else None
        written = written or _alike(example, value, path)
        pairs = {**pairs, path: written}
        if isinstance(written.value, str) and _key(path) in ("activation", *SITES):
            why = "; ".join(filter(None, (why, MEANT_OTHERWISE.get(written.value, ""))))
    text = f"write {_written(pairs, section, form, document)}" if pairs else ""
    if habit.supported:
        reason = f" ({why})" * bool(why)
        return f" Here it is {' and '.join(pairs)}{reason}: {text}"
    return f" Not supported ({why}): leave it out{f', or {text}' * bool(text)}"


def _of_layers(habit: Habit, value: Node, section: str, form: Form, document: Node) -> str:
    """Return what is said about a word for units, or for a number of layers, given the other of the
    two where a file has it beside, and the layers of the encoder.
    """
    path = "model.encoder"
    encoder = document.nearest("model").entries.get("encoder", Node(None, Place("")))
    sizes = encoder.value if isinstance(encoder.value, list) else []
    beside = document.nearest(*section.split(".")).entries if form == "file" else {}
    said = {UNITS: encoder.entries.get("units", sizes[0] if sizes else None)}
    for key, node in beside.items():
        for row in _habits().get(_plain(key), []):
            said[row.write] = node
    said[habit.write] = value
    units, layers = said[UNITS], said.get(LAYERS)
    if units and layers and type(units.value) is type(layers.value) is int:
        written = Node({"units": units, "layers": layers}, value.place)
    else:
        written = _alike(_pairs(habit.write)[path], value, path)
    why, instead = habit.why, ""
    if sizes and habit.write == LAYERS:
        why = f"its list has a number for each of {counted(len(sizes), 'layer')}"
        instead = " leave it out, or"
        if value.value == len(sizes):
            return f" Here it is {path} ({why}): leave it out"
    text = _written({path: written}, section, form, document)
    return f" Here it is {path} ({why}):{instead} write {text}"


def _of_part(path: str, value: Node, section: str, form: Form, document: Node) -> str:
    """Return what is said about a key of all layers that was written for those of the encoder or of
    the decoder; nothing about another.
    """
    found = re.fullmatch(r"(?:model\.)?(encoder|decoder)\.(\w+)", path)
    if not found or _plain(path) in _habits():
        return ""
    part, named = found[1], f"model.{found[2]}"
    habit = _habit(named, document)
    if habit and habit.supported and len(_pairs(habit.write)) == 1:
        ((named, example),) = _pairs(habit.write).items()
        value = _alike(example, value, named)
    key, other = _key(named), one_part.OTHER[part]
    if key not in _OF_ALL_LAYERS:
        return ""
    why = f"it holds for all layers, those of the {other} too"
    if key in ("activation", *SITES):
        value = _alike(Node("relu", value.place), value, named)
        if names := one_part.names(part, key, str(value.value), document.nearest("model")):
            why = f"one name for all layers, or one for each; this leaves the {other} as it is"
            value = Node([Node(name, value.place) for name in names], value.place)
    elif key == "bidirectional" and value.value is True:
        why, value = f"in the {part} alone", Node(part, value.place)
    text = _written({named: value}, section, form, document)
    return f" Here it is {named} ({why}): write {text}"


def _named(path: str, value: Node, document: Node) -> Node | None:
    """Return the family or optimizer that was written, or else that of the document; nothing where
    a path leads to something else.
    """
    section, _, key = path.rpartition(".")
    if section not in _NAMED or key != _NAMED[section][0]:
        return None
    if value.value in _names_with(section, key):
        return value
    return Node(_name_with(section, key, document), value.place)


def _alike(example: Node, value: Node, path: str) -> Node:
    """Return the value that was written, where it is of the kind of the example; or else that."""
    if isinstance(example.value, dict):
        return _layers(example, value)
    if isinstance(example.value, list):
        written = value.value if isinstance(value.value, list) else [value]
        if len(example.value) == 1 and written:
            (one,) = example.value
            if all(_alike(one, item, path) is item for item in written):
                return Node(written, value.place)
        return example
    kinds = [type(node.value) for node in (example, value)]
    if kinds == [str, str]:
        text = _ours(path, str(value.value))
        return Node(text, value.place) if text else example
    same = kinds in ([int, int], [float, float], [float, int], [bool, bool])
    return value if same else example


def _layers(example: Node, value: Node) -> Node:
    """Return layers of the sizes, or as many layers, as a word for layers was given."""
    if "layers" not in example.entries:
        return example
    sizes = value.value if isinstance(value.value, list) else []
    if sizes and all(type(item.value) is int for item in sizes):
        return value
    if type(value.value) is int:
        return Node({**example.entries, "layers": value}, value.place)
    return example


def _ours(path: str, text: str) -> str:
    """Return a text that was written as it can stand at a path; nothing where it cannot."""
    if _key(path) in ("activation", *SITES):
        try:
            return canonical(text)
        except ValueError:
            alike = {_plain(name): name for name in ACTIVATIONS}
            near = difflib.get_close_matches(_plain(text), list(alike), n=1, cutoff=_ALIKE)
            return alike[near[0]] if near else ""
    free = path in ("name", "question") or _key(path) == "columns"
    is_file = path == "data.path" and text.lower().endswith((".csv", ".npy", ".txt"))
    is_sign = path == "data.separator" and len(text) == 1
    return _translated(path, text) or (
        text if free or is_file or is_sign or text in _allowed(path) else ""
    )


def _allowed(path: str) -> set[str]:
    """Return the names of which a value at a path is one; none where a path has none."""

    def named(schema: Any) -> set[str]:
        if not isinstance(schema, Mapping):
            return set()
        own = {*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())}
        return own.union(*map(named, (*schema.get("anyOf", ()), *schema.get("oneOf", ()))))

    return set().union(*map(named, dotted_paths().get(path, ())))


def _of_others(section: str, key: str) -> str:
    """Say which families or optimizers have a key."""
    names = ", ".join(_names_with(section, key))
    return f" It is a key of {names}: change {_NAMED[section][0]}, or leave it out"


def _names_with(section: str, key: str) -> list[str]:
    """Return the families or optimizers that have a key."""
    decides, _ = _NAMED[section]
    names = [schema["const"] for schema in dotted_paths()[f"{section}.{decides}"]]
    nowhere = Place("")
    named = {name: Node({decides: Node(name, nowhere)}, nowhere) for name in names}
    return [name for name, node in named.items() if key in keys_below(section, node)]


def _name_with(section: str, key: str, document: Node) -> str:
    """Return the document's family or optimizer, or where that has no such key one that has it."""
    decides, _ = _NAMED[section]
    names = _names_with(section, key)
    name = _section(section, document).entries[decides].value
    return str(name) if name in names else names[0]


# ------------------------------------------------------------------------------- what was misspelt


def _nearest(path: str, known: Iterable[str]) -> str:
    """Return the known key or path whose words are each spelt nearly as those of a path."""
    matchers = [difflib.SequenceMatcher(None, "", _plain(word)) for word in path.split(".")]
    best, found = 0.0, ""
    for other in known:
        words = _plain_words(other)
        if len(words) == len(matchers):
            ratio = sum(map(_ratio, matchers, words))
            if ratio > best and all(map(_ratio, matchers, words)):
                best, found = ratio, other
    return found


def _ratio(matcher: "difflib.SequenceMatcher[str]", word: str) -> float:
    """Return how nearly a word is spelt as that of a matcher; 0 where it is not near."""
    matcher.set_seq1(word)
    if matcher.real_quick_ratio() < _ALIKE or matcher.quick_ratio() < _ALIKE:
        return 0.0
    ratio = matcher.ratio()
    return ratio if ratio >= _ALIKE else 0.0


@cache
def _plain_words(path: str) -> tuple[str, ...]:
    return tuple(map(_plain, path.split(".")))


def _elsewhere(path: str) -> list[str]:
    """Return the paths that end as a path does, or with its last key: those of the least depth."""
    joined = _plain(path).replace(".", "")
    paths = _places().get(joined) or _places().get(_plain(_key(path))) or []
    return [other for other in paths if other.count(".") == min(p.count(".") for p in paths)]


@cache
def _places() -> dict[str, list[str]]:
    """Return the paths that end with a key, or with the keys of a path."""
    places: dict[str, list[str]] = {}
    for path in dotted_paths():
        keys = path.split(".")
        for first in range(len(keys)):
            places.setdefault(_plain("".join(keys[first:])), []).append(path)
    return places


# -------------------------------------------------------------------------------- how it is written


def _written(pairs: Pairs, section: str, form: Form, document: Node) -> str:
    """Return what a user writes: keys of the section where they wrote, or nested for the whole
    experiment, or paths of a change.
    """
    if form == "file" and all(path.rpartition(".")[0] == section for path in pairs):
        return ", ".join(f"{_key(path)}: {_flow(node.plain())}" for path, node in pairs.items())
    if form == "command line":
        return " ".join(f"{path}={_in_shell(_flow(node.plain()))}" for path, node in pairs.items())
    if form == "text":
        texts = (f"{path}={_flow(node.plain())}" for path, node in pairs.items())
        return ", ".join(json.dumps(text, ensure_ascii=False) for text in texts)
    if form == "keyword":
        return ", ".join(f"{key}={value!r}" for key, value in _mapping(pairs).items())
    if form != "file" and all(is_changeable(form, path) for path in pairs):
        return ", ".join(f"{path}: {_flow(node.plain())}" for path, node in pairs.items())
    return _nested(pairs, document) + f" for all {form}" * (form != "file")


def _mapping(pairs: Pairs) -> dict[str, Any]:
    """Return the mapping of mappings that some paths lead through."""
    nested: dict[str, Any] = {}
    for path, node in pairs.items():
        *sections, key = path.split(".")
        inner = nested
        for name in sections:
            inner = inner.setdefault(name, {})
        inner[key] = node.plain()
    return nested


def _nested(pairs: Pairs, document: Node) -> str:
    nested: dict[str, Any] = {}
    for path, node in pairs.items():
        *sections, key = path.split(".")
        inner = nested
        for depth, name in enumerate(sections):
            inner = inner.setdefault(name, {})
            way = ".".join(sections[: depth + 1])
            if way in _NAMED and f"{way}.{_NAMED[way][0]}" not in pairs:
                below = path.removeprefix(f"{way}.").partition(".")[0]
                inner[_NAMED[way][0]] = _name_with(way, below, document)
        inner[key] = node.plain()
    return _flow(nested)[1:-1]


def _key(path: str) -> str:
    return path.rpartition(".")[2]


def _in_shell(text: str) -> str:
    """Return YAML as it is typed in a shell, whose own signs are quoted."""
    if re.fullmatch(r"[\w.%-]+", text):
        return text
    return shlex.quote(text) if re.search(r'["$`\\!]', text) else f'"{text}"'


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_flow(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    plain = isinstance(value, str) and re.fullmatch(r"[\w(][\w ().%*+/?-]*", value)
    return value if plain else json.dumps(value, ensure_ascii=False, default=repr)
