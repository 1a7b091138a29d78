"""Locks of a results folder: one driver at a time trains, one process at a time derives files.

The locks avoid double work. No record's correctness depends on them, because publishing a record
never replaces one.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from lstm_ablate.errors import FolderError
from lstm_ablate.store import files

# If the lock is held for longer, its holder has written who it is.
_BUSY_SECONDS = 0.3
_DERIVING_SECONDS = 30.0


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a results folder for one driver.

    Raises FolderError if another driver holds the folder, or if it cannot be written.
    """
    lock = filelock.FileLock(folder / ".lock")
    try:
        files.make_folder(folder / "runs")
        lock.acquire(timeout=_BUSY_SECONDS)
    except filelock.Timeout:
        advice = "wait for it, or name another folder (--results of `run`)"
        raise FolderError(f"{folder}: in use by {_named(folder)}; {advice}") from None
    except OSError as error:
        raise files.unusable(folder, error) from None
    try:
        _take_over(folder)
        yield
    except OSError as error:
        raise files.unusable(folder, error) from error
    finally:
        with suppress(OSError):
            (folder / ".holder").unlink()
        lock.release()


def _take_over(folder: Path) -> None:
    """Write who holds the folder, and remove what a killed driver left behind."""
    name = folder / ".holder"
    name.unlink(missing_ok=True)  # never write into a pipe or through a link of that name
    name.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
    ours = (folder, folder / "runs", folder / "logs", folder / "figures")
    for place in (*ours, *folder.glob("schema-*")):
        files.remove_leftovers(place)
    # A killed driver may have published a record without acknowledging it. It counts from now on.
    files.sync_folder(folder / "runs")


def holder(folder: Path) -> str | None:
    """Return who holds a results folder at this moment, or None if nobody does."""
    if not (folder / ".lock").exists():
        return None
    try:
        with filelock.FileLock(folder / ".lock", timeout=0):
            return None  # the lock is free, even if a killed driver left its name
    except (filelock.Timeout, OSError):
        return _named(folder)


def _named(folder: Path) -> str:
    with suppress(OSError):
        if name := files.read(folder / ".holder").decode(errors="replace").strip():
            return name
    return "another process"


@contextmanager
def deriving(folder: Path) -> Iterator[None]:
    """Hold the right to write derived files, so that no older state replaces a newer one.

    Take it before reading the records. If another process does not release the lock within 30
    seconds, this goes on without it.
    """
    lock = filelock.FileLock(folder / ".derived.lock")
    # If the folder cannot be written, the caller's own write raises the error.
    with suppress(filelock.Timeout, OSError):
        lock.acquire(timeout=_DERIVING_SECONDS)
    try:
        yield
    finally:
        lock.release()
