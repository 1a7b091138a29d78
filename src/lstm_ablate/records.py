"""Durable records of finished runs: what is done, and what it gave.

A record is one immutable JSON file, `runs/<id>.json`, with the values of its run, its result, and a `meta` part that
may differ between reruns (seconds, device). It carries a checksum; a file that fails it is no record.
"""

import hashlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from lstm_ablate import files
from lstm_ablate.errors import FolderError
from lstm_ablate.runs import canonical_json


@dataclass(frozen=True)
class Record:
    """What a finished run left: `result` is a function of the run, `meta` of the circumstances."""

    run: str
    identity: dict[str, Any]
    result: dict[str, Any]
    meta: dict[str, Any]

    @property
    def status(self) -> str:
        """`ok`, `diverged` or `failed`."""
        return str(self.result["status"])


def _text(record: Record) -> str:
    content = {"identity": record.identity, "meta": record.meta, "result": record.result, "run": record.run}
    checksum = hashlib.sha256(canonical_json(content).encode()).hexdigest()
    return json.dumps({**content, "checksum": checksum}, indent=1, allow_nan=False) + "\n"


def _parsed(path: Path) -> Record | None:
    try:
        content = json.loads(path.read_bytes())
        checksum = content.pop("checksum")
        whole = hashlib.sha256(canonical_json(content).encode()).hexdigest() == checksum
    except (ValueError, KeyError, AttributeError, RecursionError):
        return None
    return Record(**content) if whole and content.get("run") == path.stem else None


def load(folder: Path) -> tuple[dict[str, Record], list[Path]]:
    """Return the records of a results folder by run, and the files that should be records but are damaged."""
    found: dict[str, Record] = {}
    damaged: list[Path] = []
    for path in sorted((folder / "runs").glob("[0-9a-f]" * 16 + ".json")):
        record = _parsed(path)
        if record:
            found[record.run] = record
        else:
            damaged.append(path)
    return found, damaged


def publish(folder: Path, record: Record) -> str:
    """Store a record durably. Return 'stored', 'same' or 'conflict'.

    'same': the run was recorded before with the same result. 'conflict': with another result; the new record is kept
    beside the old one as `runs/conflicts/<id>.<n>.json`, and the old one stays.
    """
    path = folder / "runs" / f"{record.run}.json"
    if files.publish(path, _text(record)):
        return "stored"
    old = _parsed(path)
    if old and old.result == record.result:
        return "same"
    _keep_beside(folder / "runs" / "conflicts", record.run, _text(record))
    return "conflict"


def _keep_beside(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    n = 1
    while not files.publish(folder / f"{name}.{n}.json", text):
        n += 1


def set_aside(path: Path) -> Path:
    """Move a damaged record to `runs/damaged/`, so that its run is trained again; return where it lies now."""
    folder = path.parent / "damaged"
    folder.mkdir(exist_ok=True)
    n = 1
    while (target := folder / f"{path.stem}.{n}.json").exists():
        n += 1
    path.rename(target)
    return target


def forget(folder: Path, run: str) -> None:
    """Remove the record and the log of a failed run, which is tried again."""
    (folder / "runs" / f"{run}.json").unlink()
    (folder / "logs" / f"{run}.log").unlink(missing_ok=True)


def _unusable(folder: Path, error: OSError) -> str:
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return f"{folder}: cannot be used: {what}; mend that, or name another folder with --results. Records are kept."


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a results folder for one driver; raise FolderError where another one holds it or it cannot be written.

    The lock spares two drivers double work; correctness never depends on it (records are published without
    replacing).
    """
    try:
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except filelock.Timeout:
        holder = folder / ".holder"
        who = holder.read_text(encoding="utf-8").strip() if holder.exists() else "another process"
        raise FolderError(f"{folder}: in use by {who}; wait for it, or name another folder with --results") from None
    except OSError as error:
        raise FolderError(_unusable(folder, error)) from None
    try:
        (folder / ".holder").write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
        for place in (folder, folder / "runs"):
            files.remove_leftovers(place)
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FolderError(_unusable(folder, error)) from error
    finally:
        (folder / ".holder").unlink(missing_ok=True)
        lock.release()
