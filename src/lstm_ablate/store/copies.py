"""Copies of shipped configs in a user's folder: all files or none."""

import os
from collections.abc import Mapping
from pathlib import Path

from lstm_ablate.errors import UserError
from lstm_ablate.store.files import publish


def write(contents: Mapping[str, bytes], folder: Path) -> list[Path]:
    """Write contents, by the names of their files, into a folder in this order; return the files.

    All are written or none, and nothing is replaced: raises UserError where a file exists.
    """
    paths = [folder / name for name in contents]
    if taken := [path for path in paths if os.path.lexists(path)]:
        raise UserError(*map(_exists, taken))
    written: list[Path] = []
    try:
        for path, content in zip(paths, contents.values(), strict=True):
            if not publish(path, content):  # somebody else was faster
                raise UserError(_exists(path))
            written.append(path)
    except BaseException:
        for path in written:
            path.unlink()
        raise
    return written


def _exists(path: Path) -> str:
    return f"{path}: exists, and init replaces nothing; move it, or call init in another folder"
