"""Records are whole or absent, never replaced, and a damaged one is noticed."""

import json

import pytest

from lstm_ablate import files, records
from lstm_ablate.errors import FolderError
from lstm_ablate.records import Record

RECORD = Record("0123456789abcdef", {"seed": 1, "rate": 1e-3}, {"status": "ok", "test_loss": 0.1}, {"seconds": 2.5})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "runs").mkdir()
    return tmp_path


def test_publish_never_replaces_and_leaves_nothing_else(tmp_path):
    assert files.publish(tmp_path / "a", "one")
    assert not files.publish(tmp_path / "a", "two")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "one"}


def test_replace_swaps_the_whole_content(tmp_path):
    files.replace(tmp_path / "a", "one\n" * 1000)
    files.replace(tmp_path / "a", "two\n")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"two\n"}


@pytest.mark.parametrize("write", [files.publish, files.replace])
def test_content_is_on_disk_before_its_name_is_and_the_name_before_the_return(write, tmp_path, monkeypatch):
    """The order of system calls that makes a file survive a power cut: fsync file, link or rename, fsync folder."""
    calls = []
    fsync, link, rename = files.os.fsync, files.os.link, files.Path.replace
    is_folder = files.os.path.isdir
    monkeypatch.setattr(
        files.os, "fsync", lambda fd: calls.append(f"fsync {is_folder(f'/proc/self/fd/{fd}')}") or fsync(fd)
    )
    monkeypatch.setattr(files.os, "link", lambda *names: calls.append("name") or link(*names))
    monkeypatch.setattr(files.Path, "replace", lambda *names: calls.append("name") or rename(*names))
    write(tmp_path / "a", "one")
    assert calls == ["fsync False", "name", "fsync True"]


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    files.replace(tmp_path / "a", "old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    for write, name in ((files.replace, "a"), (files.publish, "b")):
        with pytest.raises(OSError, match="No space"):
            write(tmp_path / name, "new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old"}


def test_a_record_comes_back_as_it_was(folder):
    assert records.publish(folder, RECORD) == "stored"
    assert records.load(folder) == ({RECORD.run: RECORD}, [])


def test_the_same_result_again_is_no_conflict_another_one_is_kept_beside(folder):
    slower = Record(RECORD.run, RECORD.identity, RECORD.result, {"seconds": 9.0})
    other = Record(RECORD.run, RECORD.identity, {**RECORD.result, "test_loss": 0.2}, {})
    assert [records.publish(folder, one) for one in (RECORD, slower, other, other)] == [
        "stored", "same", "conflict", "conflict",
    ]  # fmt: skip
    assert records.load(folder)[0] == {RECORD.run: RECORD}
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
        found, damaged = records.load(folder)
        assert damaged == [path] or found[RECORD.run] == RECORD  # only the last line break may be missing
        harmless += bool(found)
    assert harmless <= 1
    for position in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[position] ^= 1 << bit
            path.write_bytes(changed)
            found, damaged = records.load(folder)
            assert damaged == [path] or found == {RECORD.run: RECORD}, (position, bit)  # a blank for another


def test_a_record_under_another_name_is_damaged(folder):
    records.publish(folder, RECORD)
    path = folder / "runs" / f"{RECORD.run}.json"
    moved = path.rename(path.with_name("fedcba9876543210.json"))
    assert records.load(folder) == ({}, [moved])
    aside = records.set_aside(moved)
    assert records.load(folder) == ({}, [])
    assert aside.parent.name == "damaged"


def test_one_driver_at_a_time_and_the_second_is_told_who_holds_the_folder(tmp_path):
    busy = pytest.raises(FolderError, match=r"in use by process \d+ on ")
    with records.locked(tmp_path / "x"), busy, records.locked(tmp_path / "x"):
        pass
    with records.locked(tmp_path / "x"):
        pass


def test_folders_survive_a_power_cut_and_so_does_what_a_killed_driver_published(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(files, "sync_folder", synced.append)
    with records.locked(tmp_path / "x" / "y"):
        assert synced == [tmp_path, tmp_path / "x", tmp_path / "x" / "y", tmp_path / "x" / "y" / "runs"]


def test_a_damaged_record_gives_way_and_a_failed_one_too(folder):
    path = folder / "runs" / f"{RECORD.run}.json"
    path.write_text("{")
    failed = Record(RECORD.run, RECORD.identity, {"status": "failed", "message": "no luck"}, {})
    assert [records.publish(folder, one) for one in (failed, RECORD, RECORD)] == ["stored", "stored", "same"]
    assert records.load(folder) == ({RECORD.run: RECORD}, [])


def test_a_record_that_is_moved_aside_while_it_is_read_is_passed_over(folder, monkeypatch):
    records.publish(folder, RECORD)
    parsed = records._parsed
    monkeypatch.setattr(records, "_parsed", lambda path: path.unlink() or parsed(path))
    assert records.load(folder) == ({}, [])


def test_a_folder_that_is_a_file_is_an_error_for_the_user(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(FolderError, match="cannot be used"), records.locked(tmp_path / "x"):
        pass
