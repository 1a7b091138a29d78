"""Records of an older schema are counted and left alone, and the tables from them are kept."""

import hashlib
import json

import pytest
from recorded import OK

from lstm_ablate.errors import FolderError
from lstm_ablate.experiment.identity import SCHEMA, canonical_json
from lstm_ablate.store import files, inventory, locks, older, records
from lstm_ablate.store.records import Found, Record

RECORD = Record("0123456789abcdef", {"schema": SCHEMA, "rate": 1e-3}, OK, {"seconds": 2.5})
OLD = "fedcba9876543210"
HEADER = "task,variant,seed,status,test_loss,run"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "runs").mkdir()
    return tmp_path


def written(folder, content, name=OLD):
    """Write a record with its checksum, whatever it holds."""
    checksum = hashlib.sha256(canonical_json(content).encode()).hexdigest()
    path = folder / "runs" / f"{name}.json"
    path.write_text(json.dumps({**content, "checksum": checksum}))
    return path


def an_old_one(folder, **others):
    return written(folder, {"run": OLD, "identity": {"schema": SCHEMA - 1}, **others})


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("others", [{}, {"result": 5, "meta": []}, {"result": {"status": "lost"}}])
def test_a_record_of_an_older_schema_is_never_damaged_whatever_its_shape(folder, others):
    an_old_one(folder, **others)
    records.publish(folder, RECORD)
    found = records.read_all(folder)
    assert found == Found({RECORD.run: RECORD}, [], {OLD: SCHEMA - 1})
    assert records.told_older(found.older) == "1 record of schema 1"
    assert records.told_older({"a": 2, "b": 1, "c": 2}) == (
        "1 record of schema 1, 2 records of schema 2"
    )


def test_an_older_record_without_its_checksum_its_id_or_a_schema_is_damaged(folder):
    path = an_old_one(folder)
    path.write_text(path.read_text().replace('"schema": 1', '"schema":  1'))
    assert records.read_all(folder) == Found({}, [], {OLD: 1})
    path.write_text(path.read_text().replace('"run"', '"ran"'))
    assert records.read_all(folder) == Found({}, [path], {})
    for content in (
        {"run": RECORD.run, "identity": {"schema": 1}},
        {"run": OLD, "identity": {"schema": 0}},
        {"run": OLD, "identity": {"schema": True}},
        {"run": OLD, "identity": {"schema": "1"}},
        {"identity": {"schema": 1}},
    ):
        written(folder, content)
        assert records.read_all(folder) == Found({}, [path], {}), content


def test_an_older_record_under_the_id_of_a_run_of_today_is_moved_aside(folder):
    written(folder, {"run": RECORD.run, "identity": {"schema": 1}}, RECORD.run)
    assert records.publish(folder, RECORD) == "stored"
    assert records.read_all(folder) == Found({RECORD.run: RECORD}, [], {})
    assert len(list((folder / "runs" / "damaged").iterdir())) == 1


# ------------------------------------------------------------------------------------------- tables


def with_tables(folder, run=OLD, end="\n"):
    for name in older.TABLES:
        (folder / name).write_text(f"old {name}\n")
    (folder / "runs.csv").write_text(
        f"{HEADER}{end}default,tanh,0,ok,0.5,{run}{end}", encoding="utf-8", newline=""
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_tables_of_older_records_are_copied_once(folder, end):
    with_tables(folder, end=end)
    (folder / "report.html").write_text("a page")
    before = files_of(folder)
    assert older.keep_tables(folder, {OLD: 1}) == folder / "schema-1"
    copies = {name.removeprefix("schema-1/") for name in files_of(folder).keys() - before.keys()}
    assert copies == set(older.TABLES)
    assert all(files_of(folder)[f"schema-1/{name}"] == before[name] for name in copies)
    assert inventory.foreign(folder) == []
    (folder / "summary.csv").write_text("new")
    assert older.keep_tables(folder, {OLD: 1}) is None  # the copy is complete
    assert (folder / "schema-1" / "summary.csv").read_text() == "old summary.csv\n"


def test_tables_of_today_and_folders_without_tables_are_not_copied(folder):
    assert older.keep_tables(folder, {OLD: 1}) is None
    with_tables(folder, RECORD.run)
    assert older.keep_tables(folder, {OLD: 1}) is None
    with_tables(folder)
    assert older.keep_tables(folder, {}) is None
    assert not (folder / "schema-1").exists()


def test_the_newest_of_several_older_schemas_names_the_folder(folder):
    with_tables(folder)
    with (folder / "runs.csv").open("a") as stream:
        stream.write(f"default,tanh,1,ok,0.5,{RECORD.run}\n")
    assert older.schema_of_tables(folder, {OLD: 1, RECORD.run: 3, "0" * 16: 4}) == 3


def test_an_interrupted_copy_is_continued_and_replaces_no_file(folder, monkeypatch):
    with_tables(folder)
    whole = {name: (folder / name).read_bytes() for name in older.TABLES}
    publish = files.publish
    for n in range(len(older.TABLES)):
        left = [n]

        def until_then(path, content, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return publish(path, content)

        monkeypatch.setattr(files, "publish", until_then)
        with pytest.raises(KeyboardInterrupt):
            older.keep_tables(folder, {OLD: 1})
        monkeypatch.setattr(files, "publish", publish)
        assert not (folder / "schema-1" / "runs.csv").exists()
    assert older.keep_tables(folder, {OLD: 1}) == folder / "schema-1"
    assert {name: (folder / "schema-1" / name).read_bytes() for name in older.TABLES} == whole


def test_the_temporary_file_of_a_killed_copy_is_removed(folder):
    (folder / "schema-1").mkdir()
    left = files._written(folder / "schema-1" / "runs.csv", "half")
    assert left.exists() and inventory.foreign(folder) == []
    with locks.locked(folder):
        assert not left.exists()


def test_a_file_in_the_place_of_the_copies_is_reported(folder):
    with_tables(folder)
    (folder / "schema-1").write_text("mine")
    with pytest.raises(FolderError, match="schema-1: File exists"), locks.locked(folder):
        older.keep_tables(folder, {OLD: 1})
    assert (folder / "schema-1").read_text() == "mine"
