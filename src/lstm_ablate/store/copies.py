"""Copies of shipped configs in a user's folder: all files or none."""

import os
from collections.abc import Mapping
from pathlib import Path

from lstm_ablate.errors import UserError
from lstm_ablate.store.files import publish


def write(contents: Mapping[str, bytes], folder: Path) -> list[Path]:
    """Write files into a folder, in the order of `contents`, their bytes by name; return them.

    Either all files are written or none, and no existing file is replaced: raises UserError for
    those that exist.
    """
    paths = [folder / name for name in contents]
    if taken := [path for path in paths if os.path.lexists(path)]:
        raise UserError(*map(_exists, taken))
    written: list[Path] = []
    try:
        for path, content in zip(paths, contents.values(), strict=True):
            if not publish(path, content):  # another process wrote it in between
                raise UserError(_exists(path))
            written.append(path)
    except BaseException:
        for path in written:
            path.unlink()
        raise
    return written


def _exists(path: Path) -> str:
    return f"{path}: exists, and init replaces no file; move it, or call init in another folder"
