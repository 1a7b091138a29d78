"""Merges that are killed, or whose writes fail: nothing is lost, nothing is invented, and the next
call ends with the tables of one undivided run.
"""

import errno
import os
import random
import time
from pathlib import Path

import in_process
import pytest
from faults import TESTS, Marked, config, derived, often, python, start
from processes import ended, line, until
from stub_behaviour import Behaviour

from lstm_ablate import merging, study
from lstm_ablate.errors import FolderError
from lstm_ablate.experiment.shards import Shard
from lstm_ablate.store import files, inventory, locks, merge, records, sources
from lstm_ablate.training.sweep import Finished

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("stub_marks")]


@pytest.fixture
def parts(stub_engine, monkeypatch, tmp_path):
    """Two trained parts of a small experiment, and the derived files of it in one go."""
    monkeypatch.setattr(study, "execute", in_process.execute)
    monkeypatch.syspath_prepend(str(TESTS.parent))
    path = config(tmp_path, quick=Behaviour.QUICK)

    def trained(results, shard):
        found = study.find(path, (), results, shard=shard)
        steps = lambda steps, *_: (step for step in steps if isinstance(step, Finished))  # noqa: E731
        return study.run(found, watch=steps, log=lambda _: None, warn=lambda _: None).folder

    folders = [trained(tmp_path / "results", Shard(part, 2)) for part in (1, 2)]
    return folders, derived(trained(tmp_path / "undivided", None))


def offered(folders):
    return {
        run: record
        for folder in folders
        for run, record in records.read_all(folder).records.items()
    }


def merged(whole, folders):
    return merging.merge_parts(whole, folders, log=lambda _: None, warn=lambda _: None)


def check(whole, all_of_them):
    """What is there is whole, is what the parts have, and is nothing else."""
    found = records.read_all(whole)
    assert found.damaged == [] and found.older == {}
    assert found.records.items() <= all_of_them.items()
    assert not (whole / "runs" / "conflicts").exists() and inventory.foreign(whole) == []


def test_a_merge_killed_at_any_moment_loses_and_invents_nothing(parts, tmp_path):
    """Each merge is killed at any share of the time that an undisturbed one takes, and goes on from
    what the killed one left.
    """
    folders, expected = parts
    all_of_them, draw = offered(folders), random.Random(3)
    started, marked = [], Marked()
    for name in ("first", "calm"):  # the first one waits until the zygote has loaded everything
        begin = time.monotonic()
        ended(start("merge", tmp_path / name / "stub", *folders))
        whole_time = time.monotonic() - begin
    kills = drivers = 0
    while kills < often(6, 300):
        whole = tmp_path / f"killed{kills // 3}" / "stub"
        drivers += 1
        assert drivers <= 5 * often(6, 300), "merges end before they are killed"
        driver = start("merge", whole, *folders, **marked.environment)
        started.append(driver)
        time.sleep(draw.uniform(0.1, 0.9) * whole_time)
        kills += driver.poll() is None
        driver.kill()
        until(lambda driver=driver: driver.poll() is not None, "the end of a killed merge")
        if whole.exists():
            check(whole, all_of_them)
    marked.gone()
    print(f"{kills} of {drivers} merges were killed")
    for place in tmp_path.glob("killed*"):
        assert merged(place / "stub", folders).missing is None
        check(place / "stub", all_of_them)
        assert not list(place.rglob("*.tmp")) and derived(place / "stub") == expected
    assert not any("This is a bug" in "".join(ended(driver)) for driver in started)


EVERY_LINE = """
import sys
from pathlib import Path
from killed_at_lines import kill_before_lines
from lstm_ablate.store import files, merge, records, sources
from test_faults_merge import taken
whole, part = map(Path, sys.argv[1:3])
modules = (files, merge, records, sources)
kill_before_lines(lambda: taken(whole, part), modules, most=100_000, step=int(sys.argv[3]))
"""


def taken(whole, part):
    """Copy what a part has, as a merge does."""
    (source,) = sources.found(part)
    asked = {run for run, _ in source.records()}
    return merge.take(whole, source, asked, records.read_all(whole).records)


def test_killed_at_every_line_of_copying(parts, tmp_path):
    """After every kill it begins with an empty folder again."""
    part, whole = parts[0][1], tmp_path / "whole"  # of two records
    all_of_them = offered([part])
    (whole / "runs").mkdir(parents=True)
    process = python(EVERY_LINE, whole, part, often(5, 1))
    kills = 0
    while (code := int(line(process, "how a child ended"))) != 0:
        assert code == -9
        kills += 1
        assert kills < 5000, "a copy of two records does not end"
        check(whole, all_of_them)
        for path in (whole / "runs").iterdir():
            path.unlink()
        process.stdin.write("go on\n")
        process.stdin.flush()
    ended(process)
    assert records.read_all(whole).records == all_of_them
    assert kills > 20
    print(f"{kills} points")


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_write_that_fails_is_told_and_the_next_call_completes_it(
    number, parts, tmp_path, monkeypatch
):
    folders, expected = parts
    all_of_them = offered(folders)
    fsync, count, failing = os.fsync, 0, 0

    def broken(descriptor):
        nonlocal count
        count += 1
        if count == failing:
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(files.os, "fsync", broken)
    merged(tmp_path / "calm" / "stub", folders)
    syncs, tried = count, 0
    for failing in range(1 + number % 2, syncs, often(6, 1)):
        whole, count, tried = tmp_path / f"{failing}" / "stub", 0, tried + 1
        with pytest.raises(FolderError, match=r"cannot be used: .*; fix that and call again"):
            merged(whole, folders)
        check(whole, all_of_them)
        assert count == failing
        assert merged(whole, folders).missing is None and derived(whole) == expected
    print(f"{tried} of {syncs} syncs of a merge failed")


def test_every_record_is_on_disk_before_it_has_its_name_and_its_name_before_the_next(
    parts, tmp_path, monkeypatch
):
    """In the order in which a power cut loses nothing: the file, its name, the folder."""
    folders, _ = parts
    whole, events, fsync, link = tmp_path / "whole" / "stub", [], os.fsync, os.link

    def told_fsync(descriptor):
        events.append(("sync", Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    def told_link(source, target):
        events.append(("name", Path(target)))
        events.append(("was", Path(source)))
        link(source, target)

    monkeypatch.setattr(files.os, "fsync", told_fsync)
    monkeypatch.setattr(files.os, "link", told_link)
    merged(whole, folders)
    names = [place for place, (what, _) in enumerate(events) if what == "name"]
    assert {events[place][1].stem for place in names} == offered(folders).keys()
    for place, following in zip(names, [*names[1:], len(events)], strict=True):
        assert ("sync", events[place + 1][1]) in events[:place]
        assert ("sync", whole / "runs") in events[place:following]


def test_a_folder_in_use_is_told_and_nothing_is_merged_into_it(parts, tmp_path):
    folders, _ = parts
    whole = tmp_path / "results" / "stub"
    with locks.locked(whole), pytest.raises(FolderError, match="in use by process"):
        merged(whole, folders)
    assert records.read_all(whole).records == {}
