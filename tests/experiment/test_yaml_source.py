"""Strict YAML: what scalars mean, where what is wrong is found, and PyYAML as arbiter on ordinary
documents.
"""

import json
import math
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lstm_ablate.errors import UserError
from lstm_ablate.experiment.nodes import NOTHING, Place
from lstm_ablate.experiment.yaml_source import MAX_BYTES, dump, read_file, read_text

# -------------------------------------------------------------------------------- what scalars mean

MEANING = {
    # floats, as in YAML 1.2 (PyYAML alone reads the first four as text)
    "1e-3": 0.001,
    "1e3": 1000.0,
    "1E+3": 1000.0,
    "-2e-1": -0.2,
    "1.5": 1.5,
    "1.": 1.0,
    ".5": 0.5,
    "-.5e1": -5.0,
    "0e5": 0.0,
    "0.0": 0.0,
    "1e-300": 1e-300,
    "1.7976931348623157e308": 1.7976931348623157e308,
    ".inf": math.inf,
    "+.Inf": math.inf,
    "-.INF": -math.inf,
    # whole numbers
    "0": 0,
    "-0": 0,
    "+7": 7,
    "-12": -12,
    "9" * 100: int("9" * 100),
    # text where YAML 1.1, 1.2 and people disagree
    "010": "010",
    "0o10": "0o10",
    "0x10": "0x10",
    "0b1": "0b1",
    "1_000": "1_000",
    "1,000": "1,000",
    "12:30": "12:30",
    "12:30:45": "12:30:45",
    "2024-01-31": "2024-01-31",
    "01.5": "01.5",
    "1e": "1e",
    "e5": "e5",
    ".": ".",
    ".e1": ".e1",
    "1 000": "1 000",
    "10%": "10%",
    "NaN": "NaN",
    "inf": "inf",
    "infinity": "infinity",
    "٣": "٣",  # an Arabic digit, which Python's float() and int() would take
    # truth
    "true": True,
    "True": True,
    "FALSE": False,
    "no": "no",
    "No": "No",
    "off": "off",
    "on": "on",
    "yes": "yes",
    "y": "y",
    "tRUE": "tRUE",
    # nothing
    "~": None,
    "null": None,
    "": NOTHING,
    "None": "None",
    "nil": "nil",
    # quotes make text
    '"1e-3"': "1e-3",
    "'12'": "12",
    "'true'": "true",
    '""': "",
    '"\\u00e9"': "é",
    '"5\\u00a0"': "5\u00a0",
}


@pytest.mark.parametrize(("written", "value"), MEANING.items())
@pytest.mark.parametrize("template", ["key: {}", "- {}", "{{key: {}}}"])
def test_scalars_mean_what_yaml_1_2_says(template: str, written: str, value: object) -> None:
    if "," in written:  # in braces, a comma ends the value
        template = "key: {}"
    plain = read_text(template.format(written), "c.yaml").plain()
    found = next(iter(plain.values())) if isinstance(plain, dict) else plain[0]
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("written", [".nan", ".NaN", ".NAN"])
def test_not_a_number_is_a_number(written: str) -> None:
    assert math.isnan(read_text(written, "c.yaml").plain())


def test_blocks_are_text() -> None:
    text = "folded: >-\n  1\n  2\nliteral: |\n  3\nplain: a\n\n  b\n"
    assert read_text(text, "c.yaml").plain() == {"folded": "1 2", "literal": "3\n", "plain": "a\nb"}


def test_every_value_and_key_knows_its_place() -> None:
    root = read_text("a: 1\nb:\n  - x\n  - {c: 'y'}\n", "c.yaml")
    assert root.keys == {"a": Place("c.yaml", 1, 1), "b": Place("c.yaml", 2, 1)}
    assert root.value["a"].place == Place("c.yaml", 1, 4)
    inner = root.value["b"].value[1]
    assert inner.keys["c"] == Place("c.yaml", 4, 6)
    assert inner.value["c"].place == Place("c.yaml", 4, 9)
    assert str(inner.value["c"].place) == "c.yaml:4:9"
    assert (
        str(read_text("1", "command line, seeds=1", located=False).place) == "command line, seeds=1"
    )


def test_aliases_stand_for_what_was_anchored() -> None:
    root = read_text("a: &x {k: [1, 2]}\nb: *x\nc: &x 3\nd: *x\n", "c.yaml")
    assert root.plain() == {"a": {"k": [1, 2]}, "b": {"k": [1, 2]}, "c": 3, "d": 3}


# --------------------------------------------------------------------------------------- merge keys

BASES = "x: {a: &a {k: 1, l: {m: 2}}, b: &b {k: 3, n: 4}, none: &none {}}\n"
MERGES = {
    "one mapping": "y: {<<: *a}",
    "what is there wins, before the merge": "y: {k: 0, <<: *a}",
    "and after it": "y: {<<: *a, k: 0}",
    "no level below is merged": "y: {<<: *a, l: {o: 5}}",
    "of a list the earlier wins": "y: {<<: [*a, *b]}",
    "in whatever order": "y: {<<: [*b, *a], z: 1}",
    "nothing": "y: {<<: *none}",
    "a list of nothing": "y: {<<: []}",
    "a mapping that is no alias": "y: {<<: {k: 7}, z: 1}",
    "a merge of a merge": "y: &y {<<: *a, z: 1}\nz: {<<: [*y, *b], k: 9}",
    "at the top": "<<: *a\nk: 5",
    "in a block": "y:\n  <<: *a\n  k: 5",
    "a quoted key is a key": "y: {'<<': 5}",
}


@pytest.mark.parametrize("text", MERGES.values(), ids=MERGES)
def test_merge_keys_mean_what_pyyaml_takes_them_for(text: str) -> None:
    found = read_text(BASES + text, "c.yaml").plain()
    assert found == yaml.safe_load(BASES + text)
    assert list(found) == list(yaml.safe_load(BASES + text))  # in which order variants stand


def test_what_a_merge_brings_in_keeps_its_place() -> None:
    root = read_text("x: &x\n  k: 1\ny:\n  <<: *x\n  l: 2\n", "c.yaml")
    merged = root.entries["y"]
    assert merged.entries["k"].place == Place("c.yaml", 2, 6)
    assert merged.keys == {"k": Place("c.yaml", 2, 3), "l": Place("c.yaml", 5, 3)}


# -------------------------------------------------------------------------------- PyYAML as arbiter


def _number_to_us_alone(text: str) -> bool:
    """Return whether YAML 1.2 takes a text for a number that PyYAML takes for text, such as `1e3`,
    and therefore writes without quotes.
    """
    try:
        float(text)
    except ValueError:
        return False
    return True


# PyYAML writes U+0085 in such a way that it reads a space, and typographic quotes as they are.
letters = st.characters(
    exclude_categories=["C", "Z", "Pi", "Pf"], exclude_characters="\u201a\u201e"
) | st.just(" ")
texts = st.text(letters, max_size=20).filter(lambda text: not _number_to_us_alone(text))
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(documents, st.sampled_from([None, True, False]))
def test_reads_what_pyyaml_writes(document: object, flow: bool | None) -> None:
    text = yaml.safe_dump(document, default_flow_style=flow, allow_unicode=True)
    found = read_text(text, "c.yaml").plain()
    assert found == document == yaml.safe_load(text)
    assert repr(found) == repr(yaml.safe_load(text))  # 1 is neither 1.0 nor true


@settings(deadline=None)
@given(documents)
def test_reads_json(document: object) -> None:
    assert read_text(json.dumps(document, ensure_ascii=False), "c.yaml").plain() == document


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        read_text(text, "c.yaml").plain()
    except UserError as error:
        assert str(error).startswith("c.yaml:")


@settings(deadline=None)
@given(
    st.text(
        st.characters(exclude_categories=["Cs"]) | st.sampled_from("\u201c\u2019«\u00a0\u3000\t"),
        max_size=9,
    )
)
def test_any_text_is_written_so_that_it_is_read_back(text: str) -> None:
    assert read_text(dump({"key": [text]}), "c.yaml").plain() == {"key": [text]}


# ---------------------------------------------------------------------------------- what is refused

REFUSED_TEXTS = {
    "empty": ("", "c.yaml: the file is empty"),
    "only comments": ("# one\n\n# two\n", "c.yaml: the file is empty"),
    "empty document": ("---\n...\n---\n", "c.yaml:3:1: a second document starts here"),
    "two documents": ("a: 1\n---\nb: 2\n", "c.yaml:2:1: a second document starts here"),
    "text after the end": (
        "a: 1\n...\nb: 2\n",
        "c.yaml:3:1: not YAML: expected '<document start>'",
    ),
    "tab indent": (
        "model:\n\tencoder: 1\n",
        "c.yaml:2:1: not YAML: while scanning for the next token",
    ),
    "tab indent, hint": ("model:\n\tencoder: 1\n", "(indent with spaces, not tabs)"),
    "no-break space indent": (
        "model:\n\u00a0 encoder: 1\n",
        'c.yaml:2:1: "\\u00a0 encoder" holds a blank',
    ),
    "no-break space after spaces": ("model:\n  \u00a0encoder: 1\n", "c.yaml:2:3: "),
    "no-break space before a value": (
        "encoder:\u00a01\nx: 2\n",
        'c.yaml:1:1: "encoder:\\u00a01 x" holds a blank that is not a space (U+00A0)',
    ),
    "no-break space after a value": (
        "encoder: 1\u00a0\n",
        'c.yaml:1:10: "1\\u00a0" holds a blank that is not a space',
    ),
    "wide space": ("encoder: \u30001\n", "U+3000"),
    "unclosed quote": (
        'name: "abc\nb: 2\n',
        "c.yaml:3:1: not YAML: while scanning a quoted scalar",
    ),
    "unclosed list": ("seeds: [1, 2\n", "c.yaml:2:1: not YAML: while parsing a flow sequence"),
    "unclosed mapping": ("a: {b: 1\n", "c.yaml:2:1: not YAML: while parsing a flow mapping"),
    "colon in text": ("a: b: c\n", "c.yaml:1:5: not YAML: mapping values are not allowed here"),
    "wrong indent": ("a:\n  b: 1\n c: 2\n", "c.yaml:3:2: not YAML"),
    "forbidden start": (
        "a: @b\n",
        "c.yaml:1:4: not YAML: while scanning for the next token, found character '@'",
    ),
    "percent start": ("margin: %10\n", "c.yaml:1:9: not YAML"),
    "unknown escape": ('a: "\\q"\n', "c.yaml:1:6: not YAML: while scanning a double-quoted scalar"),
    "repeated key": (
        "a: 1\nb: 2\na: 3\n",
        'c.yaml:3:1: the key "a" was already given at c.yaml:1:1',
    ),
    "repeated key, quoted": (
        "x:\n  a: 1\n  'a': 1\n",
        'c.yaml:3:3: the key "a" was already given at c.yaml:2:3',
    ),
    "repeated merge": (
        "x: &x {a: 1}\ny: {<<: *x, <<: *x}\n",
        'c.yaml:2:13: the key "<<" was already given at c.yaml:2:5',
    ),
    "merge of text": (
        "y: {<<: x}\n",
        "c.yaml:1:9: << takes a mapping or a list of mappings, such as *base or [*one, *other];"
        ' found "x" (text)',
    ),
    "merge of nothing": ("y:\n  <<:\n", "c.yaml:2:6: << takes a mapping"),
    "merge of a list of text": (
        "x: &x {}\ny: {<<: [*x, 5]}\n",
        "c.yaml:2:14: << takes a mapping or a list of mappings, such as *base or [*one, *other];"
        " found 5",
    ),
    "merge of itself": ("y: &y {<<: *y}\n", "c.yaml:1:12: *y refers to itself"),
    "NUL": ("a: 1\nb: \0\n", "c.yaml:2:4: the character U+0000 is not allowed in YAML"),
    "escape character": ("a: \x1b[0m\n", "c.yaml:1:4: the character U+001B is not allowed in YAML"),
    "tag": (
        "a: !!str 5\n",
        "c.yaml:1:4: the tag tag:yaml.org,2002:str is not allowed; write plain values",
    ),
    "Python tag": (
        "a: !!python/object/apply:os.system [id]\n",
        "c.yaml:1:4: the tag tag:yaml.org,2002:python/",
    ),
    "own tag": ("a:\n- !x {}\n", "c.yaml:2:3: the tag !x is not allowed"),
    "empty tag": ("a: ! 5\n", "c.yaml:1:4: the tag ! is not allowed"),
    "set": ("a: !!set {x, y}\n", "c.yaml:1:4: the tag tag:yaml.org,2002:set is not allowed"),
    "undefined alias": ("a: *x\n", "c.yaml:1:4: *x refers to nothing; define it before with &x"),
    "alias before anchor": ("a: *x\nb: &x 1\n", "c.yaml:1:4: *x refers to nothing"),
    "recursive list": ("a: &x [1, *x]\n", "c.yaml:1:11: *x refers to itself"),
    "recursive mapping": ("&x a: &y\n  b: *y\n", "c.yaml:2:6: *y refers to itself"),
    "alias bomb": (
        "x0: &x0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        + "".join(f"x{k}: &x{k} [{', '.join([f'*x{k - 1}'] * 10)}]\n" for k in range(1, 10)),
        "c.yaml:5:20: more than 50,000 values after expanding aliases",
    ),
    "deep alias": (
        "x0: &x0 [1]\n" + "".join(f"x{k}: &x{k} [*x{k - 1}]\n" for k in range(1, 400)),
        "c.yaml:50:12: nested deeper than 50 levels",
    ),
    "depth 2000, flow": (
        "a: " + "[" * 2000 + "]" * 2000,
        "c.yaml:1:54: nested deeper than 50 levels",
    ),
    "depth 2000, unclosed": ("[" * 2000, "c.yaml:1:52: nested deeper than 50 levels"),
    "depth 2000, block": ("- " * 2000 + "1", "c.yaml:1:103: nested deeper than 50 levels"),
    "depth 60, indented": (
        "".join(" " * k + f"k{k}:\n" for k in range(60)),
        "nested deeper than 50 levels",
    ),
    "key is a number": ("a:\n  1: x\n", "c.yaml:2:3: the key 1 is not text; put it in quotes"),
    "key is a float": ("1e-3: x\n", "c.yaml:1:1: the key 0.001 is not text"),
    "key is a truth value": ("true: x\n", "c.yaml:1:1: the key true is not text"),
    "key is not written": ("{? : x}\n", "c.yaml:1:3: the key nothing is not text"),
    "key is null": ("~: x\n", "c.yaml:1:1: the key null is not text"),
    "key is a list": ("? [a, b]\n: x\n", "c.yaml:1:3: the key (a list or mapping) is not text"),
    "typographic quote": (
        "a: \u201cb\u201d\n",
        "c.yaml:1:4: \u201cb\u201d begins with a typographic quote; write",
    ),
    "half a character": (
        'a: "x\\uD800"\n',
        "c.yaml:1:4: U+D800 is half a character; write the whole one",
    ),
    "5000 digits": (
        "a: " + "9" * 5000,
        "c.yaml:1:4: a whole number of 5000 digits is out of range",
    ),
    "too large": ("a: 1e400", "c.yaml:1:4: 1e400 is outside the range of a float"),
    "too large, negative": ("a: -1.5e309", "c.yaml:1:4: -1.5e309 is outside the range of a float"),
    "too small": ("a: [0, 1e-400]", "c.yaml:1:8: 1e-400 is outside the range of a float"),
    "YAML 2": ("%YAML 2.0\n---\na: 1\n", "c.yaml:1:1: not YAML: found incompatible YAML document"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED_TEXTS.values(), ids=REFUSED_TEXTS)
def test_refuses_and_says_where(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_text(text, "c.yaml")
    assert message in str(caught.value)


def test_errors_of_the_command_line_have_no_line() -> None:
    for text in ("[1", "1\n---\n2", "\x01", "*x"):
        with pytest.raises(UserError, match=r"^command line: "):
            read_text(text, "command line", located=False)


BYTES = {
    "UTF-8 byte order mark": (b"\xef\xbb\xbfa: 1\n", None),
    "Windows line ends": (b"a: 1\r\n", None),
    "no line end": (b"a: 1", None),
    "largest file": (b"a: 1\n#" + b"x" * (MAX_BYTES - 6), None),
    "UTF-16": ("a: 1\n".encode("utf-16"), ":1: byte 0 (0xff) is not UTF-8; save the file as UTF-8"),
    "UTF-16 without a mark": (
        "a: 1\n".encode("utf-16-le"),
        ":1:2: the character U+0000 is not allowed in YAML",
    ),
    "Latin-1": ("b: 2\na: é\n".encode("latin-1"), ":2: byte 8 (0xe9) is not UTF-8"),
    "half a character": (b"a: \xc3", ":1: byte 3 (0xc3) is not UTF-8"),
    "surrogate": (b"a: \xed\xa0\x80", ":1: byte 3 (0xed) is not UTF-8"),
    "NUL": (b"a: 1\n\0", ":2:1: the character U+0000 is not allowed in YAML"),
    "too large": (b"#" * (MAX_BYTES + 1), ": 1,048,577 bytes; a config has at most 1,048,576"),
    "empty": (b"", ": the file is empty"),
}


@pytest.mark.parametrize(("content", "message"), BYTES.values(), ids=BYTES)
def test_files(tmp_path: Path, content: bytes, message: str | None) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    if message is None:
        root = read_file(path)
        assert root.plain() == {"a": 1}
        assert root.keys["a"] == Place(str(path), 1, 1)
        return
    with pytest.raises(UserError) as caught:
        read_file(path)
    assert str(caught.value).startswith(f"{path}{message}")


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "fifo")
    for name, message in {
        "missing": "No such file or directory",
        "dangling": "No such file or directory",
        "loop": "Too many levels of symbolic links",
        "folder": "this is a folder; name the YAML file in it",
        "fifo": "not a regular file",
        "x" * 300: "File name too long",
    }.items():
        with pytest.raises(UserError) as caught:
            read_file(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: {message}"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        read_file(Path("missing"))
    assert str(caught.value) == f"missing: No such file or directory (looked in {tmp_path})"


def test_a_folder_is_answered_with_the_config_in_it(tmp_path: Path) -> None:
    def said() -> str:
        with pytest.raises(UserError) as caught:
            read_file(tmp_path)
        return str(caught.value).partition("; ")[2]

    assert said() == "name the YAML file in it"
    (tmp_path / "one.yaml").touch()
    assert said() == f"name the config in it: {tmp_path / 'one.yaml'}"
    (tmp_path / "looks.yaml").touch()
    assert said() == "name the YAML file in it"
    (tmp_path / "experiment.yaml").touch()  # of a results folder
    assert said() == f"name the config in it: {tmp_path / 'experiment.yaml'}"


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text("a: 1")
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    assert read_file(tmp_path / "link.yaml").plain() == {"a": 1}
