"""Durable records of finished runs: what is done, and what it gave.

A record is one immutable JSON file, `runs/<id>.json`, with the values of its run, its result, and a `meta` part that
may differ between reruns (seconds, device). It carries a checksum; a file that fails it, or has not the shape given
here, is no record.
"""

import hashlib
import json
import os
import re
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import filelock
from pydantic import BaseModel, ConfigDict, Field, model_validator

from lstm_ablate.errors import FolderError
from lstm_ablate.experiment.identity import SCHEMA, canonical_json
from lstm_ablate.store import files

_NAME = re.compile(r"[0-9a-f]{16}\.json")
_BUSY_SECONDS = 0.3  # a lock held so long is another driver's, which has then said who it is
_DERIVING_SECONDS = 30.0


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


class _Shape(BaseModel):
    """What those who read records count on; there may be more."""

    model_config = ConfigDict(strict=True)


class _Trained(_Shape):
    parameters: int
    epochs: int = Field(ge=1)
    best_epoch: int | None
    train_loss: float | None
    validation_loss: float | None
    test_loss: float | None
    diverged_epoch: int | None
    floor: float
    ceiling: float
    train_losses: list[float | None]
    validation_losses: list[float | None]
    windows: list[list[float]] = []
    reconstructions: list[list[float]] = []

    @model_validator(mode="after")
    def _lengths(self) -> Self:
        if not self.epochs == len(self.train_losses) == len(self.validation_losses):
            raise ValueError("one loss for each epoch is due")
        if list(map(len, self.windows)) != list(map(len, self.reconstructions)):
            raise ValueError("one value for each of the windows is due")
        return self


class _Ok(_Trained):
    status: Literal["ok"]
    test_loss: float


class _Diverged(_Trained):
    status: Literal["diverged"]
    diverged_epoch: int


class _Failed(_Shape):
    status: Literal["failed"]
    message: str


class _Meta(_Shape):
    seconds: float = 0.0
    training_seconds: float = 0.0


class _Content(_Shape):
    run: str
    identity: dict[str, Any]
    result: Annotated[_Ok | _Diverged | _Failed, Field(discriminator="status")]
    meta: _Meta


def _text(record: Record) -> str:
    content = {"identity": record.identity, "meta": record.meta, "result": record.result, "run": record.run}
    checksum = hashlib.sha256(canonical_json(content).encode()).hexdigest()
    return json.dumps({**content, "checksum": checksum}, indent=1, allow_nan=False) + "\n"


def _parsed(path: Path) -> Record | None:
    """Return the record in a file, None where it is damaged or none of ours.

    Raises FolderError where a newer program wrote it: its records may have another shape, and are not ours to judge.
    """
    try:
        content = json.loads(_read(path))
        checksum = content.pop("checksum")
        if hashlib.sha256(canonical_json(content).encode()).hexdigest() != checksum:
            return None
        schema = content["identity"]["schema"]
        if type(schema) is not int:
            return None
        if schema <= SCHEMA:
            _Content.model_validate(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if schema > SCHEMA:
        raise FolderError(
            f"{path.parent.parent}: holds records of schema {schema}, newer than this program, which knows {SCHEMA}; "
            "update it, or name another folder with --results"
        )
    record = Record(content["run"], content["identity"], content["result"], content["meta"])
    return record if record.run == path.stem else None


def _read(path: Path) -> bytes:
    """Return what lies in a file; nothing of what is no file, such as a pipe, where a reader would wait for ever."""
    try:
        mode = path.stat().st_mode
    except OSError:
        mode = path.lstat().st_mode  # of a link that leads nowhere; without one there is nothing, and this raises too
    return path.read_bytes() if stat.S_ISREG(mode) else b""


def listed(folder: Path) -> list[Path]:
    """Return what is a record of a results folder by its name; raise FolderError where that cannot be told."""
    try:
        return sorted(path for path in (folder / "runs").iterdir() if _NAME.fullmatch(path.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FolderError(_unusable(folder, error)) from None


def load(folder: Path) -> tuple[dict[str, Record], list[Path]]:
    """Return the records of a results folder by run, and the files that should be records but are damaged.

    May be called beside a driver at work. Raises FolderError where a record cannot be read, or is a newer program's.
    """
    found: dict[str, Record] = {}
    damaged: list[Path] = []
    for path in listed(folder):
        try:
            record = _parsed(path)
        except FileNotFoundError:  # a driver has just moved it aside
            continue
        except OSError as error:
            raise FolderError(_unusable(folder, error)) from None
        if record:
            found[record.run] = record
        else:
            damaged.append(path)
    return found, damaged


def publish(folder: Path, record: Record) -> str:
    """Store a record durably. Return 'stored', 'same' or 'conflict'.

    'same': the run was recorded before with the same result. 'conflict': with another result; the new record is kept
    beside the old one as `runs/conflicts/<id>.<n>.json`, and the old one stays. Only of a failed run, which was tried
    again, the old record is replaced.
    """
    path = folder / "runs" / f"{record.run}.json"
    if files.publish(path, _text(record)):
        return "stored"
    old = _parsed(path)
    if old is None:
        set_aside(path)
        return publish(folder, record)
    if old.result == record.result:
        return "same"
    if old.status == "failed":
        files.replace(path, _text(record))
        return "stored"
    _keep_beside(folder / "runs" / "conflicts", record.run, _text(record))
    return "conflict"


def _keep_beside(folder: Path, name: str, text: str) -> None:
    files.make_folder(folder)
    n = 1
    while not files.publish(folder / f"{name}.{n}.json", text):
        n += 1


def set_aside(path: Path) -> Path:
    """Move a damaged record to `runs/damaged/`, so that its run is trained again; return where it lies now."""
    folder = path.parent / "damaged"
    files.make_folder(folder)
    n = 1
    while os.path.lexists(target := folder / f"{path.stem}.{n}.json"):
        n += 1
    path.rename(target)
    return target


def note_failure(folder: Path, run: str, log: str) -> None:
    """Keep durably that a run failed, with all that is known of it, in `logs/<id>.log`."""
    files.make_folder(folder / "logs")
    files.replace(folder / "logs" / f"{run}.log", log)


def noted_failures(folder: Path) -> set[str]:
    """Return the runs of which a failure is noted, recorded or still to be tried once more."""
    return {path.stem for path in (folder / "logs").glob("*.log")}


def forget_failure(folder: Path, run: str) -> None:
    """Remove the log of a run that succeeded after all."""
    (folder / "logs" / f"{run}.log").unlink(missing_ok=True)


def _unusable(folder: Path, error: OSError) -> str:
    what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    return (
        f"{folder}: cannot be used: {what}; mend that and call again, or name another folder with --results. "
        "What is recorded is kept."
    )


@contextmanager
def deriving(folder: Path) -> Iterator[None]:
    """Hold the right to write derived files, so that none of an older state replaces one of a newer.

    To be held from before the records are read. A holder that stands still is waited for some seconds, not for ever.
    """
    lock = filelock.FileLock(folder / ".derived.lock")
    with suppress(filelock.Timeout, OSError):  # a folder that cannot be written is the writer's to tell
        lock.acquire(timeout=_DERIVING_SECONDS)
    try:
        yield
    finally:
        lock.release()


def holder(folder: Path) -> str | None:
    """Return who holds a results folder at this moment, if anybody does."""
    if not (folder / ".lock").exists():
        return None
    try:
        with filelock.FileLock(folder / ".lock", timeout=0):
            return None  # what a killed driver left says nothing
    except (filelock.Timeout, OSError):
        return _named(folder)


def _named(folder: Path) -> str:
    with suppress(OSError):
        if name := _read(folder / ".holder").decode(errors="replace").strip():
            return name
    return "another process"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a results folder for one driver; raise FolderError where another one holds it or it cannot be written.

    The lock spares two drivers double work; correctness never depends on it (records are published without
    replacing).
    """
    lock = filelock.FileLock(folder / ".lock")
    try:
        files.make_folder(folder / "runs")
        lock.acquire(timeout=_BUSY_SECONDS)
    except filelock.Timeout:
        raise FolderError(
            f"{folder}: in use by {_named(folder)}; wait for it, or name another folder with --results"
        ) from None
    except OSError as error:
        raise FolderError(_unusable(folder, error)) from None
    try:
        (folder / ".holder").unlink(missing_ok=True)  # to write into a pipe or through a link of that name is not ours
        (folder / ".holder").write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
        for place in (folder, folder / "runs", folder / "logs", folder / "figures"):
            files.remove_leftovers(place)
        files.sync_folder(folder / "runs")  # a record that a killed driver left unacknowledged counts from now on
        yield
    except OSError as error:
        raise FolderError(_unusable(folder, error)) from error
    finally:
        with suppress(OSError):
            (folder / ".holder").unlink()
        lock.release()
