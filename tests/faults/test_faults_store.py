"""Records are whole or absent, or their damage is reported, after kills at every step, power cuts,
full and broken disks, and flipped bits.
"""

import errno
import fcntl
import hashlib
import json
import os
import random
import re
import shutil
import struct
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import processes
import pytest
from faults import FULL, config, derived, lines, often, python, run, start
from processes import ended, line, until
from recorded import FAILED as NO_LUCK
from recorded import OK
from stub_behaviour import Behaviour

from lstm_ablate.experiment.identity import SCHEMA, canonical_json
from lstm_ablate.store import files, locks, records
from lstm_ablate.store.records import Found, Record

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("stub_marks")]

RECORD = Record("0123456789abcdef", {"schema": SCHEMA, "rate": 1e-3}, OK, {"seconds": 2.5})
OTHER = replace(RECORD, result={**OK, "test_loss": 0.2})
FAILED = replace(RECORD, result=NO_LUCK)

# Carries out one operation on the folder argv[1] in one child after another. Child k kills itself
# before the k-th line of our code, until there are no more lines. After each child the parent asks
# on standard output for a look at what is left.
EVERY_LINE = """
import sys
from pathlib import Path
from killed_at_lines import kill_before_lines
from lstm_ablate.store import files, records
from test_faults_store import OPERATIONS
folder, operation = Path(sys.argv[1]), OPERATIONS[sys.argv[2]]
kill_before_lines(lambda: operation(folder), (files, records), most=10_000)
"""

OPERATIONS = {
    "a new record": lambda folder: records.publish(folder, RECORD),
    "the same again": lambda folder: records.publish(folder, RECORD),
    "other numbers": lambda folder: records.publish(folder, OTHER),
    "after a failure": lambda folder: records.publish(folder, RECORD),
    "a damaged one": lambda folder: records.publish(folder, RECORD),
    "a derived file": lambda folder: files.replace(folder / "runs.csv", "new\n" * 1000),
}


def prepare(folder, name):
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "runs").mkdir(parents=True)
    (folder / "runs.csv").write_text("old\n" * 1000)
    if name in ("the same again", "other numbers"):
        records.publish(folder, RECORD)
    if name == "after a failure":
        records.publish(folder, FAILED)
    if name == "a damaged one":
        (folder / "runs" / f"{RECORD.run}.json").write_text("{")


def look(folder, name):
    """What a kill leaves is whole or absent, and doing the operation again completes it."""
    found = records.read_all(folder)
    allowed = {
        "a new record": [None, RECORD],
        "the same again": [RECORD],
        "other numbers": [RECORD],
        "after a failure": [FAILED, RECORD],
        "a damaged one": [None, RECORD],
        "a derived file": [None],
    }[name]
    assert found.records.get(RECORD.run) in allowed
    assert len(found.damaged) <= (name == "a damaged one")
    assert (folder / "runs.csv").read_text() in ("old\n" * 1000, "new\n" * 1000)
    with locks.locked(folder):
        OPERATIONS[name](folder)
    assert records.read_all(folder) == Found(
        {} if name == "a derived file" else {RECORD.run: RECORD}, [], {}
    )
    if name == "a derived file":
        assert (folder / "runs.csv").read_text() == "new\n" * 1000
    assert not list(folder.glob("*.tmp")) and not list((folder / "runs").glob(".*.tmp"))
    for path in folder.glob("runs/conflicts/*.json"):
        assert json.loads(path.read_text())["result"] == OTHER.result


@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_every_line_of_a_write(name, tmp_path):
    if not FULL and name not in ("a new record", "after a failure"):
        pytest.skip("in the full run")
    folder = tmp_path / "r"
    prepare(folder, name)
    process = python(EVERY_LINE, folder, name)
    kills = 0
    while (code := int(line(process, "how a child ended"))) != 0:
        assert code == -9
        kills += 1
        assert kills < 2000, "a write of some lines does not end"
        look(folder, name)
        prepare(folder, name)
        process.stdin.write("go on\n")
        process.stdin.flush()
    ended(process)
    look(folder, name)
    print(f"{name}: {kills} points")
    assert kills > 10


UNDER_STRACE = """
import sys
from pathlib import Path
from test_faults_store import OPERATIONS
print("ready", flush=True)
sys.stdin.readline()
OPERATIONS[sys.argv[2]](Path(sys.argv[1]))
print("done", flush=True)
"""


def traced(folder, name, *options):
    """Do an operation under strace; return whether it came to its end."""
    process = python(UNDER_STRACE, folder, name)
    assert line(process, "that it is ready") == "ready\n"
    strace = processes.start(["strace", "-qq", *options, "-p", process.pid])
    status = Path(f"/proc/{process.pid}/status")
    until(
        lambda: strace.poll() is not None or "TracerPid:\t0\n" not in status.read_text(),
        "strace to attach to a process",
    )
    assert strace.poll() is None, "strace may not attach here"
    process.stdin.write("go\n")
    said, _ = ended(process)
    ended(strace)
    return said == "done\n"


@pytest.mark.skipif(
    not shutil.which("strace"), reason="strace is not installed; see the kills at every line"
)
@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_every_system_call_of_a_write(name, tmp_path):
    if not FULL and name != "a new record":
        pytest.skip("in the full run")
    folder = tmp_path / "r"
    prepare(folder, name)
    assert traced(folder, name, "-o", tmp_path / "calls")
    before_done = (tmp_path / "calls").read_text().partition("write(1,")[0].splitlines()
    calls = [
        line.partition("(")[0]
        for line in before_done
        if not line.startswith(("read(", "restart_", "---"))
    ]
    assert {"fsync", "write"} < set(calls)
    for index in range(0, len(calls), often(3, 1)):
        prepare(folder, name)
        call, count = calls[index], calls[: index + 1].count(calls[index])
        inject = f"inject={call}:signal=KILL:when={count}"
        assert not traced(folder, name, "-o", "/dev/null", "-e", inject), (call, count)
        look(folder, name)
    print(f"{name}: {len(calls)} system calls: {' '.join(calls)}")


WRITER = """
import os, sys, time, random
from pathlib import Path
from lstm_ablate.store import files, locks, records
from test_faults_store import numbered
folder, dropped = Path(sys.argv[1]), sys.argv[2]
fsync = os.fsync
def lossy(descriptor):
    kind = "folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file"
    if kind != dropped:
        fsync(descriptor)
with locks.locked(folder):
    files.os.fsync = lossy
    for n in range(100_000):
        records.publish(folder, numbered(n))
        os.write(1, f"{n}\\n".encode())
        time.sleep(random.uniform(0, 0.01))
"""


def numbered(n):
    return replace(
        RECORD, run=f"{n:016x}", result={**OK, "test_loss": n / 7, "losses": [n / 3] * 200}
    )


def system(*command):
    """Run a command of the system that takes only an instant."""
    subprocess.run(command, check=True, capture_output=True, timeout=60)


EXT4_IOC_SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2


class Disk:
    """An ext4 file system in a file, whose power can be cut."""

    def __init__(self, place):
        self.image, self.at = place / "disk.img", place / "disk"
        self.at.mkdir()
        system("truncate", "-s", "16M", self.image)
        system("mkfs.ext4", "-q", self.image)
        self.mount()

    def mount(self):
        system("mount", "-o", "loop", self.image, self.at)

    def cut(self):
        descriptor = os.open(self.at, os.O_RDONLY)
        fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(descriptor)

    def unmount(self):
        system("umount", self.at)


@pytest.fixture
def disk(tmp_path):
    try:
        disk = Disk(tmp_path)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no ext4 in a loop file here: {error}")
    yield disk
    disk.unmount()


@pytest.mark.parametrize("dropped", ["nothing", "file", "folder"])
def test_a_power_cut_loses_no_record_that_was_acknowledged(dropped, disk):
    """Without the fsync of the file, or that of the folder, records are lost, so the test would
    notice.
    """
    lost = told = 0
    draw = random.Random(11)
    for _ in range(often(3, 50 if dropped == "nothing" else 10)):
        folder = disk.at / f"r{draw.random()}"
        process = python(WRITER, folder, dropped)
        acknowledged = [line(process, "a record") for _ in range(draw.randint(1, 10))]
        time.sleep(draw.uniform(0, 0.004))
        disk.cut()
        process.kill()
        acknowledged += ended(process)[0].splitlines(keepends=True)
        disk.unmount()
        disk.mount()
        found = records.read_all(folder)
        wanted = [numbered(int(n)) for n in acknowledged if n.endswith("\n")]
        told += len(wanted)
        lost += sum(found.records.get(record.run) != record for record in wanted)
        if dropped == "nothing":
            assert found.damaged == []
        shutil.rmtree(folder, ignore_errors=True)
    print(f"without the fsync of {dropped}: {told} records acknowledged, {lost} lost")
    assert (lost > 0) == (dropped != "nothing")


@pytest.fixture
def small(tmp_path):
    """A file system of 200 KB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k,nr_inodes=10k", "tmpfs", place]
    try:
        system(*mount)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no tmpfs may be mounted here: {error}")
    yield place
    system("umount", place)


def remount(place, options):
    system("mount", "-o", f"remount,{options}", place)


def recorded_as_told(acks, folder):
    found = records.read_all(folder)
    assert found.damaged == [] and set(lines(acks)) == found.records.keys()


def test_a_full_disk_and_a_read_only_one_are_told_and_then_made_good(small, tmp_path):
    path = config(tmp_path, quick=Behaviour.QUICK)
    words = (path, "seeds=40", "--workers", 2, "--results")
    acks = tmp_path / "acks"
    run(*words, tmp_path)
    for _ in range(2):
        _, err = run(*words, small, code=4, STUB_ACKS=str(acks))
        told = (
            f"{small / 'stub'}: cannot be used: No space left on device; fix that and call again,"
            " or name another"
        )
        assert told in err
        recorded_as_told(acks, small / "stub")
    assert 10 < len(lines(acks)) < 80
    remount(small, "ro")
    _, err = run(*words, small, code=4)
    assert "Read-only file system; fix that" in err
    report = start("report", small / "stub")
    out, err = ended(report)
    assert (
        report.returncode == 0
        and "its files are not rewritten: Read-only file system" in err
        and "quick" in out
    )
    remount(small, "rw,size=8m")
    run(*words, small, STUB_ACKS=str(acks))
    assert len(lines(acks)) == len(set(lines(acks))) == 80
    assert derived(small / "stub") == derived(tmp_path / "stub")


def test_a_folder_without_permission_is_told(tmp_path):
    path = config(tmp_path)
    run(path, "--results", tmp_path)
    record = min((tmp_path / "stub" / "runs").glob("*.json"))
    mortal = (
        ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    )
    folder = tmp_path / "stub"
    for place, mode in (
        (folder / "runs", 0o500),
        (folder / "runs", 0o300),
        (folder, 0o500),
        (record, 0o000),
    ):
        before = place.stat().st_mode
        place.chmod(mode)
        _, err = run(path, "seeds=5", "--results", tmp_path, code=4, under=mortal)
        place.chmod(before)
        assert "cannot be used: " in err and "Permission denied; fix that and call again" in err
    run(path, "seeds=5", "--results", tmp_path)


@pytest.mark.parametrize("number", [errno.EIO, errno.EDQUOT, errno.ENOSPC], ids=errno.errorcode.get)
def test_a_write_that_fails_is_never_told_as_saved(number, tmp_path):
    """The k-th fsync of a driver fails: that of a record, its folder or a derived file. The next
    driver completes the work.
    """
    if not FULL and number != errno.EIO:
        pytest.skip("in the full run")
    path = config(tmp_path, quick=Behaviour.QUICK)
    run(path, "--results", tmp_path / "calm")
    expected = derived(tmp_path / "calm" / "stub")
    for trial in range(often(2, 20)):
        results, acks = tmp_path / str(trial), tmp_path / f"acks{trial}"
        kth = f"{10 + trial} {number}"
        _, err = run(path, "--results", results, code=4, STUB_ACKS=str(acks), STUB_FSYNC=kth)
        assert f"{os.strerror(number)}; fix that and call again" in err
        found = records.read_all(results / "stub")
        assert found.damaged == [] and set(lines(acks)) <= found.records.keys()
        run(path, "--results", results, STUB_ACKS=str(acks))
        assert 0 < len(lines(acks)) == len(set(lines(acks)))
        assert derived(results / "stub") == expected


def test_truncated_records_and_flipped_bits_are_noticed_and_healed(tmp_path):
    """Records are truncated at every length, and random bits are flipped. Each damaged record is
    reported in a line and set aside, and its run is trained again.
    """
    path = config(tmp_path, quick=Behaviour.QUICK)
    run(path, "--results", tmp_path)
    folder = tmp_path / "stub"
    expected, whole = (
        derived(folder),
        {file: file.read_bytes() for file in (folder / "runs").glob("*.json")},
    )
    found = records.read_all(folder).records
    victim, content = next(iter(whole.items()))
    draw = random.Random(3)
    flips = often(500, 10_000)
    # The line break at the end of a record is not part of its content.
    damages = [content[:length] for length in range(len(content) - 1)]
    for _ in range(flips):
        changed = bytearray(content)
        changed[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        damages.append(bytes(changed))
    same = 0
    for damage in damages:
        victim.write_bytes(damage)
        read = records.read_all(folder)
        if read.damaged:
            assert read.damaged == [victim] and victim.stem not in read.records
        else:  # other bytes for the same values, such as E for e in 1e-05
            assert read.records == found
            same += 1
    print(f"{len(damages)} damages, of which {same} changed no value")
    assert same < 0.01 * flips
    victim.write_bytes(content)
    for trial in range(often(1, 20)):
        for record in draw.sample(list(whole), 3):
            record.write_bytes(draw.choice(damages[: len(content) - 1]))
        _, err = run(path, "--results", tmp_path)
        told = re.findall(
            r"(\w+)\.json: damaged; moved to \S*/damaged/\1\.\d+\.json, the run is trained again\n",
            err,
        )
        assert len(set(told)) == 3 and "3 done, 3 to train" in err
        assert derived(folder) == expected and records.read_all(folder).damaged == []
        assert len(list((folder / "runs" / "damaged").iterdir())) == 3 * (trial + 1)


def test_what_is_no_record_of_ours_is_set_aside_and_trained_again(tmp_path):
    """In place of records there are a pipe, a link that leads nowhere, and a file with a correct
    checksum but unknown content.
    """
    path = config(tmp_path, quick=Behaviour.QUICK)
    run(path, "--results", tmp_path)
    folder = tmp_path / "stub"
    expected = derived(folder)
    pipe, link, alien, *_ = sorted((folder / "runs").glob("*.json"))
    content = {"run": alien.stem, "identity": [1], "result": {"status": "skipped"}, "meta": {}}
    checksum = hashlib.sha256(canonical_json(content).encode()).hexdigest()
    alien.write_text(json.dumps({**content, "checksum": checksum}))
    for place in (pipe, link, folder / "environment.json"):
        place.unlink()
    os.mkfifo(pipe)
    link.symlink_to("nowhere")
    os.mkfifo(folder / "environment.json")
    os.mkfifo(folder / ".holder")
    _, err = run(path, "--results", tmp_path)
    assert err.count(": damaged; moved to ") == 3 and "3 done, 3 to train" in err
    assert derived(folder) == expected and len(records.read_all(folder).records) == 6
    assert len(os.listdir(folder / "runs" / "damaged")) == 3  # noqa: PTH208 - also a link that leads nowhere
