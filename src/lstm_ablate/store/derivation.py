"""What the derived files of a results folder were made of, so that they are not made twice.

`.derived.json` names every derived file with the hash of its bytes, and says by another hash what
all of them came from. As long as both hold, to derive them again would give the same files. A file
that somebody edited or removed no longer has its hash.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from lstm_ablate.store import files, inventory

NAME = ".derived.json"


def holds(folder: Path, made_of: str) -> bool:
    """Return whether the derived files are there as they were made, of the same as now."""
    try:
        noted = json.loads(files.read(folder / NAME))
        return bool(noted == _note(folder, made_of, inventory.derived(folder)))
    except (OSError, ValueError, RecursionError):
        return False


def write(folder: Path, made_of: str, paths: Iterable[Path]) -> None:
    """Note what files of a folder were made of; call it when all of them are written."""
    text = json.dumps(_note(folder, made_of, paths), indent=1) + "\n"
    files.replace(folder / NAME, text)


def _note(folder: Path, made_of: str, paths: Iterable[Path]) -> dict[str, object]:
    hashes = {
        path.relative_to(folder).as_posix(): hashlib.sha256(files.read(path)).hexdigest()
        for path in sorted(paths)
    }
    return {"made_of": made_of, "files": hashes}
