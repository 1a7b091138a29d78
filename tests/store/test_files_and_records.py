"""Records are whole or absent, never replaced, and a damaged one is noticed."""

import errno
import json
import os

import pytest
from recorded import DIVERGED, FAILED, OK

from lstm_ablate.errors import FolderError
from lstm_ablate.experiment.identity import SCHEMA
from lstm_ablate.store import files, locks, records
from lstm_ablate.store.records import Found, Record

# What a record says of the windows; one that was written before there was any of it says nothing.
PART = {"mean": 0.0, "variance": 1.0, "low": -2.0, "high": 2.0, "outside": 0.0, "ceiling": 1.0}
PARTS = {"train": PART, "validation": PART, "test": PART}
RECORD = Record("0123456789abcdef", {"schema": SCHEMA, "rate": 1e-3}, OK, {"seconds": 2.5})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "runs").mkdir()
    return tmp_path


def test_publish_never_replaces_a_file_and_leaves_no_other(tmp_path):
    assert files.publish(tmp_path / "a", "one")
    assert not files.publish(tmp_path / "a", "two")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "one"}


@pytest.mark.parametrize(
    "number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS], ids=errno.errorcode.get
)
def test_publish_never_replaces_a_file_on_a_file_system_without_links(
    number, tmp_path, monkeypatch
):
    calls = []

    def refused(*names):
        calls.append(names)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "link", refused)
    (tmp_path / "b").symlink_to("nowhere")
    assert [
        files.publish(tmp_path / name, text)
        for name, text in (("a", "one"), ("a", "two"), ("b", "three"))
    ] == [
        True,
        False,
        False,
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert (tmp_path / "a").read_text() == "one" and not (tmp_path / "b").exists()
    assert len(calls) == 3


def test_only_temporary_files_of_killed_writes_are_removed(tmp_path):
    left = [files._written(tmp_path / name, "half") for name in ("runs.csv", ".holder")]
    others = [
        ".mine.tmp",
        ".notes.12345678.temp",
        "runs.csv.12345678.tmp",
        ".runs.csv.1234567g.tmp",
        ".12345678.tmp",
    ]
    for name in others:
        (tmp_path / name).write_text("mine")
    files.remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others) and len(left) == 2


def test_replace_swaps_the_whole_content(tmp_path):
    files.replace(tmp_path / "a", "one\n" * 1000)
    files.replace(tmp_path / "a", "two\n")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"two\n"}


@pytest.mark.parametrize("write", [files.publish, files.replace])
def test_content_is_on_disk_before_its_name_is_and_the_name_before_the_return(
    write, tmp_path, monkeypatch
):
    """Only this order survives a power cut: fsync the file, link or rename, fsync the folder."""
    calls = []
    fsync, link, rename = files.os.fsync, files.os.link, files.Path.replace
    is_folder = files.os.path.isdir
    monkeypatch.setattr(
        files.os,
        "fsync",
        lambda fd: calls.append(f"fsync {is_folder(f'/proc/self/fd/{fd}')}") or fsync(fd),
    )
    monkeypatch.setattr(files.os, "link", lambda *names: calls.append("name") or link(*names))
    monkeypatch.setattr(
        files.Path, "replace", lambda *names: calls.append("name") or rename(*names)
    )
    write(tmp_path / "a", "one")
    assert calls == ["fsync False", "name", "fsync True"]


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    files.replace(tmp_path / "a", "old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    for write, name in ((files.replace, "a"), (files.publish, "b")):
        with pytest.raises(OSError, match="No space"):
            write(tmp_path / name, "new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old"}


def test_a_record_is_read_as_it_was_written(folder):
    assert records.publish(folder, RECORD) == "stored"
    assert records.read_all(folder) == Found({RECORD.run: RECORD}, [], {})


def test_the_same_result_again_is_no_conflict_and_another_result_is_kept_as_one(folder):
    slower = Record(RECORD.run, RECORD.identity, RECORD.result, {"seconds": 9.0})
    other = Record(RECORD.run, RECORD.identity, {**RECORD.result, "test_loss": 0.2}, {})
    third = Record(RECORD.run, RECORD.identity, {**RECORD.result, "test_loss": 0.3}, {})
    offered = (RECORD, slower, other, third, other)  # the last one is kept already
    assert [records.publish(folder, record) for record in offered] == [
        "stored", "same", "conflict", "conflict", "conflict",
    ]  # fmt: skip
    assert records.read_all(folder).records == {RECORD.run: RECORD}
    kept = sorted((folder / "runs" / "conflicts").iterdir())
    assert [path.name for path in kept] == [f"{RECORD.run}.1.json", f"{RECORD.run}.2.json"]
    assert json.loads(kept[0].read_text())["result"]["test_loss"] == 0.2


def test_every_truncation_and_every_flipped_bit_is_noticed(folder):
    records.publish(folder, RECORD)
    path = folder / "runs" / f"{RECORD.run}.json"
    whole = path.read_bytes()
    harmless = 0
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        found = records.read_all(folder)
        # Only the last line break may be missing.
        assert found.damaged == [path] or found.records[RECORD.run] == RECORD
        harmless += bool(found.records)
    assert harmless <= 1
    for position in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[position] ^= 1 << bit
            path.write_bytes(changed)
            found = records.read_all(folder)
            # The bit may turn one kind of white space into another.
            same = found == Found({RECORD.run: RECORD}, [], {})
            assert same or found == Found({}, [path], {}), (position, bit)


def test_a_record_under_another_name_is_damaged(folder):
    records.publish(folder, RECORD)
    path = folder / "runs" / f"{RECORD.run}.json"
    moved = path.rename(path.with_name("fedcba9876543210.json"))
    assert records.read_all(folder) == Found({}, [moved], {})
    aside = records.set_aside(moved)
    assert records.read_all(folder) == Found({}, [], {})
    assert aside.parent.name == "damaged"


def test_one_driver_works_at_a_time_and_a_second_one_says_who_holds_the_folder(tmp_path):
    busy = pytest.raises(FolderError, match=r"in use by process \d+ on ")
    with locks.locked(tmp_path / "x"), busy, locks.locked(tmp_path / "x"):
        pass
    with locks.locked(tmp_path / "x"):
        pass


def test_new_folders_and_the_records_of_a_killed_driver_are_synced(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(files, "sync_folder", synced.append)
    with locks.locked(tmp_path / "x" / "y"):
        assert synced == [
            tmp_path,
            tmp_path / "x",
            tmp_path / "x" / "y",
            tmp_path / "x" / "y" / "runs",
        ]


def test_a_new_record_takes_the_place_of_a_damaged_or_a_failed_one(folder):
    path = folder / "runs" / f"{RECORD.run}.json"
    path.write_text("{")
    failed = Record(RECORD.run, RECORD.identity, FAILED, {})
    assert [records.publish(folder, record) for record in (failed, RECORD, RECORD)] == [
        "stored",
        "stored",
        "same",
    ]
    assert records.read_all(folder) == Found({RECORD.run: RECORD}, [], {})
    assert [path.read_text() for path in (folder / "runs" / "damaged").iterdir()] == ["{"]


def test_every_kind_of_record_is_read_again(folder):
    for n, result in enumerate((OK, OK | {"parts": PARTS}, DIVERGED, FAILED)):
        records.publish(folder, Record(f"{n:016x}", RECORD.identity, result, {"worker": 0}))
    found = records.read_all(folder)
    statuses = [record.status for record in found.records.values()]
    assert statuses == ["ok", "ok", "diverged", "failed"] and found.damaged == []


SHAPES = {
    "identity is a list": ([1], OK, {}),
    "no schema": ({"seed": 1}, OK, {}),
    "schema is text": ({"schema": "2"}, OK, {}),
    "schema is a fraction": ({"schema": 1.5}, OK, {}),
    "schema is true": ({"schema": True}, OK, {}),
    "result is a list": (RECORD.identity, [], {}),
    "no result": (RECORD.identity, {}, {}),
    "status alone": (RECORD.identity, {"status": "ok"}, {}),
    "a part without its range": (
        RECORD.identity,
        {**OK, "parts": {"train": {"mean": 0.0}}},
        {},
    ),
    "a part of another name": (RECORD.identity, {**OK, "parts": {"tests": PART}}, {}),
    "unknown status": (RECORD.identity, {**OK, "status": "skipped"}, {}),
    "ok without a loss": (RECORD.identity, {**OK, "test_loss": None}, {}),
    "loss is text": (RECORD.identity, {**OK, "test_loss": "0.1"}, {}),
    "diverged at no epoch": (RECORD.identity, {**DIVERGED, "diverged_epoch": None}, {}),
    "no epochs": (
        RECORD.identity,
        {**OK, "epochs": 0, "train_losses": [], "validation_losses": []},
        {},
    ),
    "fewer training losses than epochs": (RECORD.identity, {**OK, "train_losses": [0.2]}, {}),
    "fewer validation losses": (RECORD.identity, {**OK, "validation_losses": [0.3]}, {}),
    "fewer reconstructions than windows": (RECORD.identity, {**OK, "reconstructions": []}, {}),
    "failed without a message": (RECORD.identity, {"status": "failed"}, {}),
    "meta is a list": (RECORD.identity, OK, [1]),
    "time is text": (RECORD.identity, OK, {"training_seconds": "long"}),
}


@pytest.mark.parametrize(("identity", "result", "meta"), SHAPES.values(), ids=SHAPES)
def test_a_file_with_a_right_checksum_and_another_shape_is_damaged(identity, result, meta, folder):
    records.publish(folder, Record(RECORD.run, identity, result, meta))
    path = folder / "runs" / f"{RECORD.run}.json"
    assert records.read_all(folder) == Found({}, [path], {})
    assert records.publish(folder, RECORD) == "stored"
    assert records.read_all(folder) == Found({RECORD.run: RECORD}, [], {})


@pytest.mark.parametrize(("result", "meta"), [(OK, {}), ({"status": "skipped"}, 1), (5, [])])
def test_a_record_of_a_newer_program_is_an_error_whatever_it_holds(result, meta, folder):
    records.publish(folder, Record(RECORD.run, {"schema": SCHEMA + 1}, result, meta))
    before = (folder / "runs" / f"{RECORD.run}.json").read_bytes()
    for call in (lambda: records.read_all(folder), lambda: records.publish(folder, RECORD)):
        with pytest.raises(
            FolderError, match=r"holds records of schema 3, newer than this program, which knows 2;"
        ):
            call()
    assert (folder / "runs" / f"{RECORD.run}.json").read_bytes() == before


ODD = {
    "a pipe": os.mkfifo,
    "a folder": os.mkdir,
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "too deep": lambda path: path.write_text("[" * 100_000),
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_whatever_is_no_regular_record_at_its_place_is_moved_aside(make, folder):
    path = folder / "runs" / f"{RECORD.run}.json"
    for _ in range(2):
        make(path)
        assert records.read_all(folder) == Found({}, [path], {})
        assert records.publish(folder, RECORD) == "stored"
        assert records.read_all(folder) == Found({RECORD.run: RECORD}, [], {})
        path.unlink()
    assert len(os.listdir(folder / "runs" / "damaged")) == 2  # noqa: PTH208 - also links that lead nowhere


def test_a_link_to_a_record_is_read_as_a_record(folder):
    records.publish(folder, RECORD)
    path = folder / "runs" / f"{RECORD.run}.json"
    path.rename(folder / "elsewhere")
    path.symlink_to(folder / "elsewhere")
    assert records.read_all(folder) == Found({RECORD.run: RECORD}, [], {})


def test_the_holder_is_written_into_a_new_file_never_through_a_link_or_pipe(tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    (tmp_path / "diary").write_text("mine")
    for make in (os.mkfifo, lambda path: path.symlink_to(tmp_path / "diary")):
        make(folder / ".holder")
        with locks.locked(folder):
            assert (folder / ".holder").read_text().startswith(f"process {os.getpid()} on ")
            (folder / ".holder").unlink()
            make(folder / ".holder")
            assert locks.holder(folder) in ("another process", "mine")
    assert (tmp_path / "diary").read_text() == "mine"


def test_a_record_that_disappears_while_it_is_read_is_skipped(folder, monkeypatch):
    records.publish(folder, RECORD)
    parsed = records._parsed
    monkeypatch.setattr(records, "_parsed", lambda path: path.unlink() or parsed(path))
    assert records.read_all(folder) == Found({}, [], {})


def test_a_folder_that_is_a_file_is_an_error_for_the_user(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(FolderError, match="cannot be used"), locks.locked(tmp_path / "x"):
        pass
