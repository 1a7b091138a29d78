"""A merge: the records of other results folders are copied into one, and replace nothing in it.

The only record that gives way is that of a failed run, to one of the same run that ended. Nothing
is moved or changed where the records come from. Each record is published as a driver publishes its
own, so that a merge that is killed has lost nothing and invented nothing, and the next call goes
on where it ended.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lstm_ablate.experiment.alike import differences
from lstm_ablate.experiment.identity import id_of
from lstm_ablate.experiment.runs import Run
from lstm_ablate.store import failures, records
from lstm_ablate.store.records import Record
from lstm_ablate.store.sources import Source


@dataclass
class Taken:
    """What became of the records of a results folder.

    `conflicts` are runs that the merged folder has with other numbers; `apart` says in what the two
    places differ at which the first of them was trained. `damaged` are files that are no whole
    record of the run in their name. `older` maps each run whose record is of an older
    schema to that schema. So many `others` are whole records of runs that the experiment does not
    ask for; `other` is the first of them.
    """

    copied: int = 0
    there: int = 0
    conflicts: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    older: dict[str, int] = field(default_factory=dict)
    others: int = 0
    other: Record | None = None


def take(folder: Path, source: Source, asked: Set[str], known: dict[str, Record]) -> Taken:
    """Copy the records of the runs that are `asked` for, durably, and return what became of all.

    `known` are the records of the folder, to which those that are copied are added. The caller
    holds the folder's lock. Raises FolderError where the source cannot be read, or where a newer
    program wrote it; what was copied before stays.
    """
    taken = Taken()
    for run, content in source.records():
        record = records.parsed(content, run, source.place)
        if isinstance(record, int):
            taken.older[run] = record
        elif record is None or id_of(record.identity) != run:
            taken.damaged.append(run)
        elif run not in asked:
            taken.others += 1
            taken.other = taken.other or record
        else:
            _take(folder, record, known, taken)
    _take_logs(folder, source, known)
    return taken


def _take(folder: Path, record: Record, known: dict[str, Record], taken: Taken) -> None:
    """Copy a record, unless the folder has one of the run that says as much."""
    mine = known.get(record.run)
    if mine and (record.status == "failed" or mine.result == record.result):
        taken.there += 1
        return
    if records.publish(folder, record) == "conflict":
        if mine and not taken.conflicts:
            taken.apart = differences(_place(record), _place(mine))
        taken.conflicts.append(record.run)
        return
    taken.copied += 1
    known[record.run] = record
    if mine:
        failures.forget(folder, record.run)


def _place(record: Record) -> dict[str, Any]:
    """Return what a record says of where its run was trained."""
    return {name: record.meta[name] for name in records.PLACE if name in record.meta}


def _take_logs(folder: Path, source: Source, known: dict[str, Record]) -> None:
    """Copy the notes of failed runs that the folder does not have, for the report names them."""
    noted = failures.noted(folder)
    wanted = {run for run, record in known.items() if record.status == "failed"} - noted
    if not wanted:
        return
    for run, content in source.logs():
        if run in wanted:
            failures.note(folder, run, content.decode(errors="replace"))


def nearest(record: Record, asked: Iterable[Run]) -> dict[str, Any]:
    """Return the identity, of runs that are asked for, that has the most in common with a record's;
    empty where none is asked for.
    """

    def unlike(identity: dict[str, Any]) -> int:
        return len(differences(record.identity, identity))

    return min((run.identity for run in asked), key=unlike, default={})
