"""Durable records of finished runs: what is done, and what it gave.

A record is one immutable JSON file, `runs/<id>.json`, with the values of its run, its result, and a
`meta` part that may differ between reruns (seconds, device). It carries a checksum. A file that
fails the checksum, or does not have the shape given here, is damaged.

The shape given here is that of today's schema. A whole record of an older schema had its own. It is
a record of other settings, which is counted and left alone, whatever it holds.
"""

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from lstm_ablate.errors import FolderError, counted
from lstm_ablate.experiment.identity import NEUTRAL, SCHEMA, Purpose, canonical_json
from lstm_ablate.store import files
from lstm_ablate.store.results import Failed, Recorded, Shape

_NAME = re.compile(r"[0-9a-f]{16}\.json")


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

    @property
    def purpose(self) -> Purpose:
        """What the run was for: `evaluation` or `tuning`."""
        purpose: Purpose = self.identity.get("purpose", NEUTRAL["purpose"])
        return purpose


@dataclass(frozen=True)
class Found:
    """What lies in a results folder under the names of records.

    `records` are those of today's schema, by run. `damaged` are files. `older` are the runs whose
    records are of an older schema, each with that schema.
    """

    records: dict[str, Record]
    damaged: list[Path]
    older: dict[str, int]


def told_older(older: Mapping[str, int]) -> str:
    """Return "12 records of schema 1", or the like for several schemas."""
    counts = sorted(Counter(older.values()).items())
    return ", ".join(f"{counted(count, 'record')} of schema {schema}" for schema, count in counts)


class _Meta(Shape):
    seconds: float = 0.0
    training_seconds: float = 0.0


class _Content(Shape):
    run: str
    identity: dict[str, Any]
    result: Annotated[Recorded | Failed, Field(discriminator="status")]
    meta: _Meta

    @model_validator(mode="after")
    def _says_what_is_due(self) -> Self:
        purpose = self.identity.get("purpose", NEUTRAL["purpose"])
        if isinstance(self.result, Recorded) and not self.result.says_what_is_due(purpose):
            raise ValueError("what the test windows say is missing, or there were none to say it")
        return self


def _text(record: Record) -> str:
    content = {
        "identity": record.identity,
        "meta": record.meta,
        "result": record.result,
        "run": record.run,
    }
    checksum = hashlib.sha256(canonical_json(content).encode()).hexdigest()
    return json.dumps({**content, "checksum": checksum}, indent=1, allow_nan=False) + "\n"


def _parsed(path: Path) -> Record | int | None:
    """Return the record in a file, its schema where that is an older one, or None where the file is
    damaged or none of ours.

    Raises FolderError where a newer program wrote it: its records may have another shape, and are
    not ours to judge.
    """
    try:
        content = json.loads(files.read(path))
        checksum = content.pop("checksum")
        if hashlib.sha256(canonical_json(content).encode()).hexdigest() != checksum:
            return None
        schema = content["identity"]["schema"]
        if type(schema) is not int or schema < 1:
            return None
        if schema < SCHEMA:
            return schema if content["run"] == path.stem else None
        if schema == SCHEMA:
            _Content.model_validate(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if schema > SCHEMA:
        raise FolderError(
            f"{path.parent.parent}: holds records of schema {schema}, newer than this program,"
            f" which knows {SCHEMA}; update it, or name another folder with --results"
        )
    record = Record(content["run"], content["identity"], content["result"], content["meta"])
    return record if record.run == path.stem else None


def listed(folder: Path) -> list[Path]:
    """Return the files that are named as records; raise FolderError if `runs` cannot be listed."""
    try:
        return sorted(path for path in (folder / "runs").iterdir() if _NAME.fullmatch(path.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise files.unusable(folder, error) from None


def read_all(folder: Path) -> Found:
    """Return what a results folder holds: records, damaged files, and records of older schemas.

    May be called while a driver is at work. Raises FolderError if a record cannot be read, or if a
    newer program wrote it.
    """
    found = Found({}, [], {})
    for path in listed(folder):
        try:
            record = _parsed(path)
        except FileNotFoundError:  # a driver has just set it aside
            continue
        except OSError as error:
            raise files.unusable(folder, error) from None
        if isinstance(record, Record):
            found.records[record.run] = record
        elif record is None:
            found.damaged.append(path)
        else:
            found.older[path.stem] = record
    return found


def publish(folder: Path, record: Record) -> str:
    """Store a record durably. Return 'stored', 'same' or 'conflict'.

    'same': the run was recorded before with the same result. 'conflict': it was recorded with
    another result; the old record stays, and the new one is kept beside it as
    `runs/conflicts/<id>.<n>.json`. Only the record of a failed run, which was tried again, is
    replaced.
    """
    path = folder / "runs" / f"{record.run}.json"
    if files.publish(path, _text(record)):
        return "stored"
    old = _parsed(path)
    # No older record has the id of a run of today, whose schema is in it, unless somebody renamed
    # the file and changed what it says of itself.
    if not isinstance(old, Record):
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
    """Move a damaged record to `runs/damaged/`, so that its run is trained again.

    Returns the new path.
    """
    folder = path.parent / "damaged"
    files.make_folder(folder)
    n = 1
    while os.path.lexists(target := folder / f"{path.stem}.{n}.json"):
        n += 1
    path.rename(target)
    return target
