"""Which texts can name an experiment, variant or task; names become file names and CSV cells."""

import json
import re
import unicodedata

from lstm_ablate.experiment.experiment_file import CHANGEABLE
from lstm_ablate.experiment.nodes import Node
from lstm_ablate.experiment.problems import Problems

# File systems allow names of 255 bytes, and figures and temporary files add about 35 to a name.
_LETTERS = "letters, digits and _ - + . (a letter, digit or _ first)"
_ALLOWED = f"{_LETTERS}, at most 64 and 200 bytes of UTF-8"
_NAME = re.compile(r"\w[\w.+\-]*")
_FILLERS = re.compile("[\u115f\u1160\u3164\uffa0]")  # letters of Hangul that nobody can see
RESERVED = re.compile(
    r"(none|na|nan|null)|(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?",
    re.IGNORECASE,
)


def check_names(document: Node, problems: Problems) -> None:
    """Check every name of a document, and that no two of a kind differ only in their spelling."""
    name = document.entries.get("name")
    if name and isinstance(name.value, str) and (why := why_no_name(name.value)):
        problems.add(name.place, why)
    for kind in CHANGEABLE:
        if kind in document.entries:
            _check_names_of(kind, document.entries[kind], problems)


def _check_names_of(kind: str, named: Node, problems: Problems) -> None:
    seen: dict[str, str] = {}
    for name in named.entries:
        place = named.keys[name]
        if why := why_no_name(name):
            problems.add(place, why)
        folded = unicodedata.normalize("NFC", name).casefold()
        if folded in seen:
            pair = f'"{name}" and "{seen[folded]}" in {kind}'
            problems.add(place, f"{pair} differ only in case or accents' form")
        seen[folded] = name


def why_no_name(name: str) -> str:
    """Return why a text cannot be a name, or "" if it can."""
    if not _NAME.fullmatch(name) or len(name) > 64 or len(name.encode()) > 200 or ".." in name:
        return f"{json.dumps(name)} cannot be a name; allowed: {_ALLOWED}"
    if _FILLERS.search(name):
        return f"the name {json.dumps(name)} holds a character that cannot be seen"
    if RESERVED.fullmatch(name):
        return f'"{name}" cannot be a name: other programs read it as something else'
    return ""
