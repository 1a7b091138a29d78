"""Reads strict YAML 1.2, and keeps the file, line and column of every value.

PyYAML scans and parses; `scalars` decides what plain scalars mean. Repeated keys, tags, several
documents and keys that are not printable text are errors. The merge key `<<` is that of YAML 1.1
(https://yaml.org/type/merge.html): version 1.2 dropped it, but editors and programs kept it.
"""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lstm_ablate.errors import UserError
from lstm_ablate.experiment import scalars
from lstm_ablate.experiment.nodes import Node, Place

MAX_BYTES = 1 << 20
MAX_DEPTH = 50
MAX_NODES = 50_000  # after the expansion of aliases; PyYAML takes a second for them

_MERGE = "<<"
HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")


def read_file(path: Path) -> Node:
    """Read one YAML document from a file of at most 1 MiB in UTF-8.

    Raises UserError, with the place, if the file cannot be read or is not strict YAML.
    """
    content = _content(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"byte {error.start} (0x{content[error.start]:02x})"
        raise UserError(f"{path}:{line}: {byte} is not UTF-8; save the file as UTF-8") from None
    return read_text(text, str(path))


def _content(path: Path) -> bytes:
    try:
        status = path.stat()
    except OSError as error:
        looked = "" if path.is_absolute() else f" (looked in {Path.cwd()})"
        raise UserError(f"{path}: {error.strerror or error}{looked}") from None
    if stat.S_ISDIR(status.st_mode):
        raise UserError(f"{path}: this is a folder; name {_yaml_in(path)}")
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{path}: not a regular file")
    if status.st_size > MAX_BYTES:
        raise UserError(f"{path}: {status.st_size:,} bytes; a config has at most {MAX_BYTES:,}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None


def _yaml_in(folder: Path) -> str:
    """Return which file in a folder was meant: the config of a results folder, or the only one."""
    try:
        names = sorted(path.name for path in folder.glob("*.yaml"))
    except OSError:
        names = []
    known = [name for name in names if name == "experiment.yaml"] or names
    return f"the config in it: {folder / known[0]}" if len(known) == 1 else "the YAML file in it"


def read_text(text: str, source: str, *, located: bool = True) -> Node:
    """Read one YAML document from text; `source` is what error messages call it.

    With `located=False`, for a value from the command line, places have no line and column.
    """
    try:
        return _Builder(text, source, located).document()
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        where = Place(source)
        if mark is not None and located:
            where = Place(source, mark.line + 1, mark.column + 1)
        words = [part for part in (error.context, error.problem) if part]
        raise UserError(f"{where}: not YAML: {', '.join(words)}{_yaml_hint(text, mark)}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        where = Place(source, line, column) if located else Place(source)
        code = f"U+{error.character:04X}"
        raise UserError(f"{where}: the character {code} is not allowed in YAML") from None


def _yaml_hint(text: str, mark: Any) -> str:
    line = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
    indent = line[: len(line) - len(line.lstrip())]
    return " (indent with spaces, not tabs)" if "\t" in indent else ""


def dump(value: Any) -> str:
    """Return plain values as YAML that this module reads back as they are."""
    return yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=None,
    )


class _Dumper(yaml.SafeDumper):
    """Quotes text such as 1e3, which this module would read as a number and YAML 1.1 as text."""


def _quoted_where_needed(dumper: _Dumper, text: str) -> yaml.Node:
    try:
        plain = isinstance(scalars.meaning(text, Place("")), str)
    except UserError:
        plain = False
    # Other programs take some characters for the end of a line. Only text in double quotes can
    # spell these out.
    style = None if plain and text.isprintable() else "'" if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _quoted_where_needed)


def _merged(written: Node) -> Node:
    """Return the keys and values that a merge key brings in, from one mapping or a list of them.

    If several mappings of a list have a key, the first of them wins. Each key and value keeps the
    place where it was written.
    """
    sources = written.value if isinstance(written.value, list) else [written]
    values: dict[str, Node] = {}
    keys: dict[str, Place] = {}
    for source in reversed(sources):
        if not isinstance(source.value, dict):
            wanted = "<< takes a mapping or a list of mappings, such as *base or [*one, *other]"
            raise UserError(f"{source.place}: {wanted}; found {source.described()}")
        values |= source.value
        keys |= source.keys
    return Node(values, written.place, keys)


class _Builder:
    """Builds nodes from PyYAML's events, so that tags, aliases and repeated keys stay visible."""

    def __init__(self, text: str, source: str, located: bool):
        self.events: Iterator[yaml.Event] = yaml.parse(text, yaml.SafeLoader)
        self.source = source
        self.located = located
        # Each node, with the number of values in it and the number of levels below it.
        self.anchors: dict[str, tuple[Node, int, int]] = {}
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
            what = "a second document starts here; a config is one document"
            raise UserError(f"{self.place(after)}: {what}")
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
        node = self.content(event, place, depth)
        if event.anchor:
            self.open_anchors.discard(event.anchor)
            self.anchors[event.anchor] = (node, self.nodes - before, self.deepest - depth)
        self.deepest = max(outside, self.deepest)
        self.count(place)
        return node

    def content(self, event: Any, place: Place, depth: int) -> Node:
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(place, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(item := next(self.events), yaml.SequenceEndEvent):
                items.append(self.node(item, depth + 1))
            return Node(items, place)
        if half := HALF_A_CHARACTER.search(event.value):
            code = f"U+{ord(half[0]):04X}"
            raise UserError(f"{place}: {code} is half a character; write the whole one")
        value = scalars.meaning(event.value, place) if event.style is None else event.value
        return Node(value, place)

    def alias(self, event: yaml.AliasEvent, place: Place, depth: int) -> Node:
        if event.anchor in self.open_anchors:
            raise UserError(f"{place}: *{event.anchor} refers to itself")
        if event.anchor not in self.anchors:
            name = event.anchor
            raise UserError(f"{place}: *{name} refers to nothing; define it before with &{name}")
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
        merged = None
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key_place = self.place(event)
            key = self.node(event, depth + 1).value
            if not isinstance(key, str):
                is_scalar = not isinstance(key, list | dict)
                shown = Node(key, key_place).described() if is_scalar else "(a list or mapping)"
                raise UserError(f"{key_place}: the key {shown} is not text; put it in quotes")
            if not key.isprintable():
                what = "holds a character that cannot be seen"
                raise UserError(f"{key_place}: the key {json.dumps(key)} {what}")
            if key in values:
                raise UserError(f'{key_place}: the key "{key}" was already given at {keys[key]}')
            keys[key] = key_place
            values[key] = self.node(next(self.events), depth + 1)
            if key == _MERGE and isinstance(event, yaml.ScalarEvent) and event.style is None:
                merged = _merged(values[key])
        if merged is not None:
            del values[_MERGE], keys[_MERGE]
            values, keys = {**merged.entries, **values}, {**merged.keys, **keys}
        return Node(values, place, keys)
