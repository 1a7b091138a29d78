"""Files for a folder of the user's own: all of them or none, and none is replaced."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from lstm_ablate.errors import UserError
from lstm_ablate.store.files import publish

OF_INIT = "init replaces no file; move it, or call init in another folder"


def check_free(paths: Iterable[Path], why: str) -> None:
    """Raise UserError for the files that exist; `why` says what the user can do about them."""
    if taken := [path for path in paths if os.path.lexists(path)]:
        raise UserError(*(_exists(path, why) for path in taken))


def write(contents: Mapping[str, bytes], folder: Path, why: str = OF_INIT) -> list[Path]:
    """Write files into a folder, in the order of `contents`, their bytes by name; return them.

    Either all files are written or none, and no existing file is replaced: raises UserError for
    those that exist, as `check_free` does.
    """
    paths = [folder / name for name in contents]
    check_free(paths, why)
    written: list[Path] = []
    try:
        for path, content in zip(paths, contents.values(), strict=True):
            if not publish(path, content):  # another process wrote it in between
                raise UserError(_exists(path, why))
            written.append(path)
    except BaseException:
        for path in written:
            path.unlink()
        raise
    return written


def _exists(path: Path, why: str) -> str:
    return f"{path}: exists, and {why}"
