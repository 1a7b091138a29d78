"""Files that are whole or absent, also after a crash or a power cut.

Why files are published by a link. A write in place can stop halfway. Removing the old file and
renaming the new one leaves a moment with neither. A rename alone is atomic, but replaces silently
what another driver has just written. A hard link from a temporary file is atomic as well, and fails
if the name is taken, so that no record's correctness depends on the folder's lock. The price is two
fsyncs for each file, and both are needed: in power cuts on ext4, 0 of 283 acknowledged records were
lost; without the fsync of the file it was 56 of 56, without that of the folder 10 of 53. A disk
that reports data as synced before it has stored them defeats this, and so may a network's file
system, which `doctor` names. On file systems without links a rename takes the link's place, and
there the lock does matter; if such file systems turn out to be common, that is what to improve.
"""

import errno
import os
import re
import secrets
import stat
from pathlib import Path

from lstm_ablate.errors import FolderError

# The name of a file that is not yet published; see _written.
TEMPORARY = r"\.[^/]+\.[0-9a-f]{8}\.tmp"


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
        # This file system has no links. A rename replaces an existing file, so only the folder's
        # lock keeps a second driver from writing between this check and the rename.
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
    """Return the content of a regular file, and no bytes if the name is that of anything else.

    A reader of a pipe, for example, would wait for ever. Raises FileNotFoundError if nothing has
    the name.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        mode = path.lstat().st_mode  # for a link that leads nowhere; without a link this raises too
    return path.read_bytes() if stat.S_ISREG(mode) else b""


def unusable(folder: Path, error: OSError) -> FolderError:
    """Return the error for the user if the system refuses something in a results folder."""
    what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    return FolderError(
        f"{folder}: cannot be used: {what}; fix that and call again, "
        "or name another folder (--results of `run`). What is recorded is kept."
    )


def make_folder(path: Path) -> None:
    """Make a folder durably, and those above it that do not exist."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed processes left before they published them."""
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
