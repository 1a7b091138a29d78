"""The environment of a results folder: environment.json, which says where its runs were trained."""

import json
from pathlib import Path
from typing import Any

from lstm_ablate.store import files

_NAME = "environment.json"
# We write four levels, values included. A deeper file was not written by this program.
_LEVELS = 5


def write(folder: Path, content: dict[str, Any]) -> None:
    """Write environment.json; `machine.describe` gives its content."""
    files.replace(folder / _NAME, json.dumps(content, indent=2) + "\n")


def read(folder: Path) -> dict[str, Any]:
    """Return the content of environment.json; empty if it is missing, or if we did not write it."""
    path = folder / _NAME
    try:
        return parsed(path.read_bytes()) if path.is_file() else {}
    except OSError:
        return {}


def parsed(written: bytes) -> dict[str, Any]:
    """Return what a file of this kind says; empty if we did not write it."""
    try:
        content = json.loads(written)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) and _shallow(content, _LEVELS) else {}


def _shallow(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_shallow(part, levels - 1) for part in inner)
