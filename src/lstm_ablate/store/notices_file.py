"""notices.yaml: what `run` had to say of the user's own data, so that every later report says it.

A report is made of the records alone, and the data file may be gone by then. So `run` writes its
notices down before the first run. They depend on the data file and the experiment alone. Where
there are none, there is no file.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from lstm_ablate.errors import FolderError, UserError
from lstm_ablate.experiment.yaml_source import dump, read_text
from lstm_ablate.store import files

NAME = "notices.yaml"
_NOTICES = TypeAdapter(list[str])


def read(folder: Path) -> list[str]:
    """Return the notices of a results folder; raise FolderError if their file is damaged."""
    path = folder / NAME
    return parsed(files.read(path), str(path)) if os.path.lexists(path) else []


def parsed(content: bytes, place: str) -> list[str]:
    """Return the notices of a file's content; raise FolderError if it is damaged."""
    try:
        return _NOTICES.validate_python(read_text(content.decode(), place).plain(), strict=True)
    except (UserError, UnicodeDecodeError, ValidationError):
        raise FolderError(
            f"{place}: damaged; it says what a reader should know of the data. `lstm-ablate run`"
            " writes it anew from the data file"
        ) from None


def write(folder: Path, notices: Sequence[str]) -> None:
    """Write the notices durably, in place of earlier ones."""
    if notices:
        text = dump(list(notices))
        if not (folder / NAME).is_file() or files.read(folder / NAME) != text.encode():
            files.replace(folder / NAME, text)
    else:
        (folder / NAME).unlink(missing_ok=True)
