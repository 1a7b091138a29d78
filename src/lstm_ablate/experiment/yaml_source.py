"""Strict YAML 1.2 reading in which every value knows its file, line and column.

PyYAML scans and parses; the meaning of scalars is decided here, after the core schema of YAML 1.2 and narrower
where YAML 1.1 and 1.2 disagree: `1e-3` is a float, while `010`, `0x10`, `12:30`, `1_000`, `no` and `on` are text, so
that a number is never silently another number. Repeated keys, tags, several documents and keys that are not
printable text are errors.
"""

import json
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lstm_ablate.errors import UserError

MAX_BYTES = 1 << 20
MAX_DEPTH = 50
MAX_NODES = 50_000  # after the expansion of aliases; PyYAML takes a second for them

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_OTHER_BLANK = re.compile(r"[^\S \t\n]")
_SMART_QUOTES = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b«»"
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?")
_CONSTANTS: dict[str, bool | float | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".nan": float("nan"), ".NaN": float("nan"), ".NAN": float("nan"),
    **{sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where a value was written. Line and column count from 1; values from the command line have neither."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass(frozen=True)
class Node:
    """A value of a config: a mapping of nodes, a list of nodes or a scalar, with its place and its keys' places."""

    value: Any
    place: Place
    keys: dict[str, Place] = field(default_factory=dict)

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def read_file(path: Path) -> Node:
    """Read one YAML document from a file of at most 1 MiB in UTF-8.

    Raises UserError, naming the place, where the file cannot be read or is not strict YAML.
    """
    try:
        status = path.stat()
    except OSError as error:
        looked = "" if path.is_absolute() else f" (looked in {Path.cwd()})"
        raise UserError(f"{path}: {error.strerror or error}{looked}") from None
    if stat.S_ISDIR(status.st_mode):
        raise UserError(f"{path}: this is a folder; name the YAML file in it")
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{path}: not a regular file")
    if status.st_size > MAX_BYTES:
        raise UserError(f"{path}: {status.st_size:,} bytes; a config has at most {MAX_BYTES:,}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}:{line}: byte {error.start} (0x{data[error.start]:02x}) is not UTF-8; save the file as UTF-8"
        ) from None
    return read_text(text, str(path))


def read_text(text: str, source: str, *, located: bool = True) -> Node:
    """Read one YAML document from text; `source` is what error messages call it.

    With `located=False` (a value from the command line) places name the source without line and column.
    """
    try:
        return _Builder(text, source, located).document()
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        where = Place(source, mark.line + 1, mark.column + 1) if mark is not None and located else Place(source)
        words = [part for part in (error.context, error.problem) if part]
        raise UserError(f"{where}: not YAML: {', '.join(words)}{_yaml_hint(text, mark)}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        where = Place(source, line, column) if located else Place(source)
        raise UserError(f"{where}: the character U+{error.character:04X} is not allowed in YAML") from None


def _yaml_hint(text: str, mark: Any) -> str:
    line = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
    indent = line[: len(line) - len(line.lstrip())]
    return " (indent with spaces, not tabs)" if "\t" in indent else ""


def dump(value: Any) -> str:
    """Return plain values as YAML that this module reads back as they are."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)


class _Dumper(yaml.SafeDumper):
    """Quotes text that would be read as a number here, though YAML 1.1 reads it as text, such as 1e3."""


def _quoted_where_needed(dumper: _Dumper, text: str) -> yaml.Node:
    try:
        plain = isinstance(_scalar(text, Place("")), str)
    except UserError:
        plain = False
    style = "'" if text.isprintable() else '"'  # which alone can write out what other programs take for a line end
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain and style == "'" else style)


_Dumper.add_representer(str, _quoted_where_needed)


class _Builder:
    """Builds nodes from PyYAML's events, so that tags, aliases and repeated keys stay visible."""

    def __init__(self, text: str, source: str, located: bool):
        self.events: Iterator[yaml.Event] = yaml.parse(text, yaml.SafeLoader)
        self.source = source
        self.located = located
        self.anchors: dict[str, tuple[Node, int, int]] = {}  # with the number of its values and of its levels
        self.open_anchors: set[str] = set()
        self.nodes = 0
        self.deepest = 0

    def document(self) -> Node:
        next(self.events)  # stream start
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            raise UserError(f"{self.source}: the file is empty")
        node = self.node(next(self.events), 0)
        next(self.events)  # document end
        after = next(self.events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise UserError(f"{self.place(after)}: a second document starts here; a config is one document")
        return node

    def place(self, event: Any) -> Place:
        if not self.located:
            return Place(self.source)
        return Place(self.source, event.start_mark.line + 1, event.start_mark.column + 1)

    def node(self, event: Any, depth: int) -> Node:
        place = self.place(event)
        before = self.nodes
        self.nodes += 1
        if depth > MAX_DEPTH:
            raise UserError(f"{place}: nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, place, depth)
        outside, self.deepest = self.deepest, depth
        if event.tag is not None:
            raise UserError(f"{place}: the tag {event.tag} is not allowed; write plain values")
        if event.anchor:
            self.open_anchors.add(event.anchor)
        if isinstance(event, yaml.MappingStartEvent):
            node = self.mapping(place, depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(item := next(self.events), yaml.SequenceEndEvent):
                items.append(self.node(item, depth + 1))
            node = Node(items, place)
        elif half := _HALF_A_CHARACTER.search(event.value):
            raise UserError(f"{place}: U+{ord(half[0]):04X} is half a character; write the whole one")
        else:
            node = Node(_scalar(event.value, place) if event.style is None else event.value, place)
        if event.anchor:
            self.open_anchors.discard(event.anchor)
            self.anchors[event.anchor] = (node, self.nodes - before, self.deepest - depth)
        self.deepest = max(outside, self.deepest)
        self.count(place)
        return node

    def alias(self, event: yaml.AliasEvent, place: Place, depth: int) -> Node:
        if event.anchor in self.open_anchors:
            raise UserError(f"{place}: *{event.anchor} refers to itself")
        if event.anchor not in self.anchors:
            raise UserError(f"{place}: *{event.anchor} refers to nothing; define it before with &{event.anchor}")
        node, size, levels = self.anchors[event.anchor]
        if depth + levels > MAX_DEPTH:
            raise UserError(f"{place}: nested deeper than {MAX_DEPTH} levels")
        self.deepest = max(self.deepest, depth + levels)
        self.nodes += size
        self.count(place)
        return node

    def count(self, place: Place) -> None:
        if self.nodes > MAX_NODES:
            raise UserError(f"{place}: more than {MAX_NODES:,} values after expanding aliases")

    def mapping(self, place: Place, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key_place = self.place(event)
            key = self.node(event, depth + 1)
            if not isinstance(key.value, str):
                raise UserError(f"{key_place}: the key {_shown(key.value)} is not text; put it in quotes")
            if not key.value.isprintable():
                raise UserError(f"{key_place}: the key {json.dumps(key.value)} holds a character that cannot be seen")
            if key.value in values:
                raise UserError(f'{key_place}: the key "{key.value}" was already given at {keys[key.value]}')
            keys[key.value] = key_place
            values[key.value] = self.node(next(self.events), depth + 1)
        return Node(values, place, keys)


def _shown(value: Any) -> str:
    return "(a list or mapping)" if isinstance(value, list | dict) else json.dumps(value)


def _scalar(text: str, place: Place) -> Any:
    """Return the value of a plain scalar after YAML 1.2's core schema, text where 1.1 would read it differently."""
    if blank := _OTHER_BLANK.search(text):  # pasted from a web page: YAML takes it for a letter, eyes for an indent
        raise UserError(f"{place}: {json.dumps(text)} holds a blank that is no space (U+{ord(blank[0]):04X})")
    if text[:1] in _SMART_QUOTES and text:  # pasted from a text processor
        raise UserError(f"{place}: {text[:80]} begins with a typographic quote; write \" or '")
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        if len(text) > 100:
            raise UserError(f"{place}: a whole number of {len(text)} digits is out of range")
        return int(text)
    if _FLOAT.fullmatch(text) and any(character.isdigit() for character in re.split("[eE]", text)[0]):
        number = float(text)
        mantissa = re.split("[eE]", text)[0]
        vanished = number == 0 and any(digit in mantissa for digit in "123456789")
        if number in (float("inf"), float("-inf")) or vanished:
            raise UserError(f"{place}: {text[:80]} is outside the range of a float")
        return number
    return text
