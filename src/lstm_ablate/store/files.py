"""Files that are whole or absent, also after a crash or a power cut."""

import errno
import os
import re
import secrets
import stat
from pathlib import Path

from lstm_ablate.errors import FolderError

TEMPORARY = r"\.[^/]+\.[0-9a-f]{8}\.tmp"  # a file that is not published yet; see _written


def publish(path: Path, content: str | bytes) -> bool:
    """Write a new file durably; return False if `path` exists already, whatever it holds.

    The content goes into a temporary file in the same folder. That file is synced and linked into
    place, and the folder is synced. When this returns True, the file survives a power cut.
    """
    temporary = _written(path, content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        # This file system has no links. A rename replaces, so that only the folder's lock keeps a
        # second driver from writing between this look and the rename.
        if os.path.lexists(path):
            return False
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def replace(path: Path, content: str | bytes) -> None:
    """Write a file durably, in place of an older one.

    A reader sees the old content or the new content, and never a part of either.
    """
    temporary = _written(path, content)
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink()
        raise
    sync_folder(path.parent)


def read(path: Path) -> bytes:
    """Return the content of a regular file, and nothing where something else has the name.

    A reader of a pipe, for example, would wait for ever. Raises FileNotFoundError where the name is
    free.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        mode = path.lstat().st_mode  # of a link that leads nowhere; without a link this raises too
    return path.read_bytes() if stat.S_ISREG(mode) else b""


def unusable(folder: Path, error: OSError) -> FolderError:
    """Return what the user is told where the system refuses something in a results folder."""
    what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    return FolderError(
        f"{folder}: cannot be used: {what}; mend that and call again, "
        "or name another folder with --results. What is recorded is kept."
    )


def make_folder(path: Path) -> None:
    """Make a folder and those above it durably, where they do not exist."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of writes that were killed before they published."""
    for path in folder.glob(".*.tmp"):
        if re.fullmatch(TEMPORARY, path.name):
            path.unlink(missing_ok=True)


def _written(path: Path, content: str | bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
