"""Durable records of finished runs: which runs are done, and their results.

A record is one immutable JSON file, `runs/<id>.json`, with the values of its run, its result, and a
`meta` part that may differ between reruns (seconds, device). It carries a checksum. A file that
fails the checksum, or does not have the shape given here, is damaged.

The shape given here is that of today's schema. Records of an older schema had a shape of their own.
If such a record is whole, it counts as one of other settings: it is counted and left alone,
whatever it holds.

Why a file for each run. Records are the truth: every table, figure and report is derived from them.
So a kill, a power cut or a flipped bit may cost one run and no more, and two drivers on one folder
must not be able to harm each other. One immutable file for each run gives that with a link and a
checksum (see `files`). A file that all runs share would be changed in place, and its correctness
would depend on a lock. The price is that every reader opens every file. If that becomes slow with a
great many runs, an index can be derived from the records, as the tables are.
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


PLACE = ("processor", "device", "versions")  # what `meta` says of where a run was trained


@dataclass(frozen=True)
class Record:
    """What a finished run left: `result` depends on the run alone, `meta` on the circumstances."""

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
    """The files of a results folder that are named as records, sorted by what they hold.

    `records` are those of today's schema, by run. `damaged` are paths of files. `older` maps each
    run whose record is of an older schema to that schema.
    """

    records: dict[str, Record]
    damaged: list[Path]
    older: dict[str, int]


def told_older(older: Mapping[str, int]) -> str:
    """Return "12 records of schema 1", or such a list for several schemas."""
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
    def _matches_its_purpose(self) -> Self:
        purpose = self.identity.get("purpose", NEUTRAL["purpose"])
        if isinstance(self.result, Recorded) and not self.result.has_what_it_must(purpose):
            raise ValueError("test results are missing, or a run without test windows has some")
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
    """Return what `parsed` does of a file."""
    return parsed(files.read(path), path.stem, path.parent.parent)


def parsed(written: bytes, run: str, place: object) -> Record | int | None:
    """Return the record of a run, its schema if that is older, or None if it is no whole record.

    Raises FolderError, naming the place, if a newer program wrote it: its records may have another
    shape, which this program cannot judge.
    """
    try:
        content = json.loads(written)
        checksum = content.pop("checksum")
        if hashlib.sha256(canonical_json(content).encode()).hexdigest() != checksum:
            return None
        schema = content["identity"]["schema"]
        if type(schema) is not int or schema < 1:
            return None
        if schema < SCHEMA:
            return schema if content["run"] == run else None
        if schema == SCHEMA:
            _Content.model_validate(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if schema > SCHEMA:
        raise FolderError(
            f"{place}: holds records of schema {schema}, newer than this program,"
            f" which knows {SCHEMA}; update it, or name another folder with --results"
        )
    record = Record(content["run"], content["identity"], content["result"], content["meta"])
    return record if record.run == run else None


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

    This may be called while a driver trains. Raises FolderError if a record cannot be read, or if a
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
    another result; the old record stays, and the new one is kept as `runs/conflicts/<id>.<n>.json`,
    unless its numbers are kept there already.
    The only record that is ever replaced is that of a failed run which was tried again.
    """
    path = folder / "runs" / f"{record.run}.json"
    if files.publish(path, _text(record)):
        return "stored"
    old = _parsed(path)
    # The id of a run depends on the schema, so a record of an older schema has another id, unless
    # somebody renamed the file and changed the id in it.
    if not isinstance(old, Record):
        set_aside(path)
        return publish(folder, record)
    if old.result == record.result:
        return "same"
    if old.status == "failed":
        files.replace(path, _text(record))
        return "stored"
    _keep_beside(folder / "runs" / "conflicts", record)
    return "conflict"


def _keep_beside(folder: Path, record: Record) -> None:
    files.make_folder(folder)
    n = 1
    while not files.publish(path := folder / f"{record.run}.{n}.json", _text(record)):
        kept = parsed(files.read(path), record.run, folder)
        if isinstance(kept, Record) and kept.result == record.result:
            break
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
