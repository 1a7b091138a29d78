"""Drivers that are killed, interrupted, doubled or read from, in odd surroundings: the same bytes
come out.
"""

import contextlib
import csv
import json
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import processes
import pytest
from faults import (
    AT_ONCE,
    DERIVED,
    FULL,
    SOURCES,
    TESTS,
    Marked,
    config,
    derived,
    lines,
    often,
    python,
    recorded,
    run,
    start,
)
from processes import SECONDS, ended, until
from stub_behaviour import Behaviour, happened, let_go

from lstm_ablate.experiment import loading
from lstm_ablate.store import inventory, locks, records
from lstm_ablate.training import sweep
from lstm_ablate.training.executors import local

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("stub_marks")]


def test_a_driver_killed_at_any_moment_loses_nothing_that_it_told(tmp_path):
    """Half of the kills fall anywhere, start included, and half close behind a run that was told as
    recorded.

    "Anywhere" is a share of the time that an undisturbed driver takes on this machine: whatever a
    driver tells would be some moment. A driver that ends before its kill is counted as a miss.
    """
    path = config(tmp_path, quick=Behaviour.BREATHES)
    seeds, wanted = often((12, 6), (40, 500))
    words = ("run", path, f"seeds={seeds}", "--workers", 1, "--results")
    draw = random.Random(5)
    ended(start("plan", path))  # now the zygote has loaded everything
    begin = time.monotonic()
    ended(start(*words, tmp_path / "calm"))
    whole = time.monotonic() - begin
    expected = derived(tmp_path / "calm" / "stub")
    kills = told = folders = drivers = 0
    started, marked = [], Marked()
    while kills < wanted:
        folders += 1
        results = tmp_path / f"killed{folders}"
        folder, acks = results / "stub", tmp_path / f"acks{folders}"
        while recorded(folder) < 2 * seeds and kills < wanted:
            drivers += 1
            assert drivers <= 5 * wanted, (
                f"only {kills} of {drivers} drivers were killed before they ended"
            )
            before = len(lines(acks))
            driver = start(*words, results, STUB_ACKS=str(acks), **marked.environment)
            started.append(driver)
            if kills % 2:
                more = before + draw.randint(1, 8)
                until(
                    lambda a=acks, n=more, driver=driver: len(lines(a)) >= n or driver.poll(),
                    f"{more} runs told as recorded, or the end of the driver",
                )
                time.sleep(draw.uniform(0, 0.02))
            else:
                time.sleep(draw.uniform(0, 0.8 * whole))
            kills += driver.poll() is None
            driver.kill()
            until(lambda driver=driver: driver.poll() is not None, "the end of a killed driver")
            found = records.read_all(folder)
            assert found.damaged == []
            assert set(lines(acks)) <= found.records.keys()
        run(*words[1:], results, STUB_ACKS=str(acks))
        assert len(lines(acks)) == len(set(lines(acks)))
        assert not (folder / "runs" / "conflicts").exists() and not list(
            (folder / "logs").glob("*")
        )
        assert not list(folder.rglob("*.tmp")) and inventory.foreign(folder) == []
        assert derived(folder) == expected
        told += len(lines(acks))
        shutil.rmtree(results)
    marked.gone()
    print(f"{kills} kills, {drivers} drivers, {folders} experiments, {told} runs told, none lost")
    assert told >= 2 * seeds * folders - kills  # between record and telling falls one at most
    assert not any("This is a bug" in "".join(ended(driver)) for driver in started)


def test_a_driver_killed_between_or_within_looks_ends_with_the_same_bytes(tmp_path):
    """Killed behind its 5th, 17th, ... record; a look of two variants has 20 runs."""
    path = config(tmp_path, late=Behaviour.FALTERS, never=Behaviour.WAVERS)
    words = (path, "training.epochs=200", "seeds=30", "--until-decided", "--results")
    run(*words, tmp_path / "calm")
    folder, kills = tmp_path / "killed" / "stub", 0
    for number in often((5, 17, 41), range(1, 80, 3)):
        driver = start("run", *words, tmp_path / "killed")
        until(
            lambda driver=driver, number=number: (
                recorded(folder) >= number or driver.poll() is not None
            ),
            f"{number} records, or the end of the driver",
        )
        kills += driver.poll() is None
        driver.kill()
        ended(driver)
    run(*words, tmp_path / "killed")
    assert kills and recorded(folder) == 30 + 20 + 30
    assert derived(folder) == derived(tmp_path / "calm" / "stub")
    for name in ("looks.yaml", "ratios.csv"):
        assert (folder / name).read_bytes() == (tmp_path / "calm" / "stub" / name).read_bytes()


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name
)
@pytest.mark.parametrize("whole_group", [False, True], ids=["driver", "group"])
def test_a_signal_stops_in_order(number, whole_group, tmp_path):
    if not FULL and whole_group != (number == signal.SIGINT):
        pytest.skip("in the full run")
    path = config(tmp_path, waits=Behaviour.WAITS)
    slowest = 0.0
    for trial in range(often(1, 10)):
        results = tmp_path / str(trial)
        marked = Marked()
        waiting = happened(Behaviour.WAITS)
        process = start(
            "run", path, "seeds=8", "--results", results, "--workers", 2, **marked.environment
        )
        until(
            lambda results=results, waiting=waiting: (
                recorded(results / "stub") and happened(Behaviour.WAITS) == waiting + 2
            ),
            "a recorded run, and two that wait",
        )
        (os.killpg if whole_group else os.kill)(process.pid, number)
        begin = time.monotonic()
        _, err = ended(process)
        slowest = max(slowest, time.monotonic() - begin)
        assert slowest < AT_ONCE
        assert process.returncode == 128 + number, err
        assert "Traceback" not in err
        kept = recorded(results / "stub")
        assert f"interrupted: {kept} of 16 runs are done and kept" in err
        assert len(lines(results / "stub" / "runs.csv")) == 1 + kept
        # Of an older state; `report` writes it.
        assert not (results / "stub" / "report.md").exists()
        assert not (results / "stub" / "logs").exists()
        marked.gone()
    print(f"stopped after {slowest:.2f} s at most")


def waits(said):
    """Return whether filelock says that somebody else derives files, and that it waits."""
    return any(".derived.lock, waiting" in line for line in lines(said))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_second_interrupt_ends_at_once(number, tmp_path):
    """Also where the first one has to wait: somebody is writing the derived files.

    Half of the second ones fall while it waits, and half at any time before. A driver that waited
    for longer would go on without the lock and write the tables.
    """
    path = config(tmp_path, waits=Behaviour.WAITS)
    slowest = 0.0
    for trial in range(often(1, 10)):
        results = tmp_path / str(trial)
        marked = Marked()
        said, waiting = tmp_path / f"locks{trial}", happened(Behaviour.WAITS)
        process = start(
            "run", path, "--results", results, "--workers", 2,
            STUB_LOCKS=str(said), **marked.environment,
        )  # fmt: skip
        until(lambda results=results: recorded(results / "stub") >= 3, "3 recorded runs")
        until(lambda w=waiting: happened(Behaviour.WAITS) == w + 2, "two runs that wait")
        with locks.deriving(results / "stub"):
            process.send_signal(number)
            if trial % 2 == 0:
                until(lambda said=said: waits(said), "a driver that has to wait")
            else:
                time.sleep(0.01 * trial)  # nothing tells of a moment that is any moment
            begin = time.monotonic()
            process.send_signal(number)
            _, err = ended(process)
            slowest = max(slowest, time.monotonic() - begin)
        assert process.returncode == 128 + number and "Traceback" not in err, err
        assert "interrupted: " not in err and len(lines(results / "stub" / "runs.csv")) == 1
        marked.gone()
        assert records.read_all(results / "stub").damaged == []
    print(f"ended after {slowest:.2f} s at most")


def test_what_nohup_ignores_stays_ignored(tmp_path):
    path = config(tmp_path, waits=Behaviour.WAITS)
    process = start("run", path, "--results", tmp_path, "--workers", 2, under=("nohup",))
    until(lambda: happened(Behaviour.WAITS) == 2, "two runs that wait")
    process.send_signal(signal.SIGHUP)
    let_go()
    _, err = ended(process)
    assert process.returncode == 0, err
    assert len(lines(tmp_path / "stub" / "runs.csv")) == 1 + 6


def test_messages_that_nobody_can_read_end_no_experiment(tmp_path):
    """A log on a full disk, a reader that has gone, a terminal closed without a signal; all at
    once, since they wait.
    """
    path = config(tmp_path, waits=Behaviour.WAITS)
    started = {what: unread(what, path, tmp_path / what) for what in ("full", "pipe", "terminal")}
    unclosed = {what: reader for what, (_, reader) in started.items()}

    def closed():
        """Close the readers of drivers that have recorded a run; return whether all are closed."""
        for what in [what for what in unclosed if recorded(tmp_path / what / "stub")]:
            os.close(unclosed.pop(what))
        return not unclosed

    until(closed, "a recorded run of each driver")
    let_go()
    run(path, "--results", tmp_path / "calm")
    for what, (process, _) in started.items():
        ended(process)
        assert process.returncode == 0, what
        assert derived(tmp_path / what / "stub") == derived(tmp_path / "calm" / "stub"), what


def unread(what, path, results):
    """Start a driver whose messages go nowhere once the reader that is returned too is closed."""
    reader, writer = pty.openpty() if what == "terminal" else os.pipe()
    with open("/dev/full", "w") if what == "full" else os.fdopen(writer, "w") as messages:  # noqa: PTH123
        process = processes.start(
            [sys.executable, TESTS / "stub_driver.py", "run", path, "--results", results],
            stdout=messages if what == "terminal" else subprocess.DEVNULL, stderr=messages,
            env={**os.environ, "PYTHONPATH": SOURCES},
        )  # fmt: skip
    return process, reader


def test_a_table_that_cannot_be_printed_is_told_and_everything_else_is_there(tmp_path):
    path = config(tmp_path)
    run(path, "--results", tmp_path / "calm")
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = processes.run(
            [sys.executable, TESTS / "stub_driver.py", "run", path, "--results", tmp_path],
            code=4,
            stdout=full,
            env={**os.environ, "PYTHONPATH": SOURCES},
        )
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith(
        "standard output: No space left on device; what was to be printed is lost\n"
    )
    assert derived(tmp_path / "stub") == derived(tmp_path / "calm" / "stub")


def test_a_damaged_record_that_nobody_asks_for_is_moved_aside_and_told_as_that(tmp_path):
    path = config(tmp_path)
    folder = tmp_path / "stub"
    run(path, "seeds=[0, 1]", "--results", tmp_path)
    (mine,) = (
        run
        for run, record in records.read_all(folder).records.items()
        if record.identity["seed"] == 1
    )
    (folder / "runs" / f"{mine}.json").write_text("{}")
    told = f"{folder}/runs/{mine}.json: damaged; moved to {folder}/runs/damaged/{mine}.1.json"
    _, err = run(path, "seeds=[0]", "--results", tmp_path, "-q")
    assert err == f"{told}\n"
    assert [path.name for path in (folder / "runs" / "damaged").iterdir()] == [f"{mine}.1.json"]
    (folder / "runs" / f"{mine}.json").write_text("{}")
    _, err = ended(start("report", folder))
    assert err == f"{folder}/runs/{mine}.json: damaged; `lstm-ablate run` moves it aside\n"
    _, err = run(path, "seeds=[0, 1]", "--results", tmp_path, "-q")
    first, second = err.splitlines()
    assert first == f"{told.replace('.1.json', '.2.json')}, the run is trained again"
    assert second.startswith(f"{folder}: there are results of 1 seed, and 1 more are asked for.")
    assert len(records.read_all(folder).records) == 2
    (folder / "runs" / f"{mine}.json").write_text("{}")
    _, err = ended(start("report", folder))
    assert err.endswith("damaged; `lstm-ablate run` moves it aside and trains its run again\n")


STARTS = """
import contextlib, json, os, signal, sys, time
from pathlib import Path
import stub_driver
from lstm_ablate.store import locks
from processes import until
from stub_behaviour import Behaviour, happened
count, words = int(sys.argv[1]), sys.argv[2:]
locked = locks.locked
@contextlib.contextmanager
def timed(folder):
    begin = time.monotonic()
    try:
        with locked(folder):
            yield
    finally:
        os.write(tell, f"{os.getpid()} {time.monotonic() - begin}\\n".encode())
locks.locked = timed
ready, go = os.pipe()
hear, tell = os.pipe()
children = []
for number in range(count):
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(ready, 1)
        os.dup2(os.open(f"{sys.argv[-1]}/said{os.getpid()}", os.O_WRONLY | os.O_CREAT), 2)
        os.dup2(2, 1)
        stub_driver.main(words)
    children.append(child)
os.close(go)
os.close(tell)
def end(child, what):
    ended, status = until(lambda: (end := os.waitpid(child, os.WNOHANG))[0] and end, what)
    return ended, os.waitstatus_to_exitcode(status)
codes = dict(end(-1, "a driver that finds the folder in use") for _ in range(count - 1))
(worked,) = set(children) - codes.keys()
until(lambda: happened(Behaviour.HANGS), "a worker that hangs")
os.kill(worked, signal.SIGINT)
_, code = end(worked, "the end of the driver that has worked")
seconds = dict(line.split() for line in os.read(hear, 2**16).decode().splitlines())
others = [[child, codes[child], float(seconds[str(child)])] for child in codes]
print(json.dumps([worked, code, others]))
"""


@pytest.mark.parametrize("stale", [False, True], ids=["new folder", "after a killed driver"])
def test_of_many_drivers_one_works_and_the_others_say_who(stale, tmp_path):
    path = config(tmp_path, hangs=Behaviour.HANGS)
    if stale:
        (tmp_path / "stub" / "runs").mkdir(parents=True)
        (tmp_path / "stub" / ".holder").write_text("process 1 on nowhere\n")
    count = often(8, 50)
    starts = python(STARTS, count, "run", path, "--workers", 1, "--results", tmp_path)
    out, err = ended(starts)
    assert starts.returncode == 0, err
    worked, code, others = json.loads(out)
    assert code == 130 and len(others) == count - 1
    for child, code, seconds in others:
        said = (tmp_path / f"said{child}").read_text()
        assert code == 4 and f"in use by process {worked} on " in said, said
        assert seconds < AT_ONCE
    print(f"{count} starts: told after {max(seconds for _, _, seconds in others):.2f} s at most")


def test_two_drivers_without_a_lock_do_no_harm(tmp_path, monkeypatch):
    """A file system on which locks do not work: both train everything, the first to record a run
    has recorded it.
    """
    path = config(tmp_path, quick=Behaviour.QUICK)
    experiment = loading.load(path, ("seeds=10",))
    folder = tmp_path / "r"
    (folder / "runs").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(TESTS.parent))
    stored = []

    def drive():
        todo = sweep.plan(experiment, records.read_all(folder), engine="stub_engine")
        steps = sweep.train(todo, folder, execute=local.execute, workers=1, config_folder=folder)
        stored.extend(step.stored for step in steps if isinstance(step, sweep.Finished))

    drivers = [threading.Thread(target=drive, daemon=True) for _ in range(2)]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join(timeout=120)
        assert not driver.is_alive(), "a driver did not end within 120 s"
    assert set(stored) <= {"stored", "same"} and stored.count("stored") == 20
    assert (
        len(records.read_all(folder).records) == 20 and not (folder / "runs" / "conflicts").exists()
    )


def test_readers_beside_a_driver_see_counts_that_never_fall(tmp_path):
    path = config(tmp_path, naps=Behaviour.NAPS, quick=Behaviour.QUICK)
    folder = tmp_path / "stub"
    run(path, "seeds=1", "--results", tmp_path)
    seen, rows = [], []

    def read():
        with (folder / "runs.csv").open(newline="") as stream:
            rows.append(sum(row["status"] == "ok" for row in csv.DictReader(stream)))

    read()
    driver = start("run", path, f"seeds={often(6, 30)}", "--results", tmp_path, "--workers", 2)
    until(lambda: recorded(folder) > 3, "a run of the second driver")

    def read_on():
        while driver.poll() is None:
            read()
            time.sleep(0.001)

    def reported():
        """Have it reported twice and compared, and return whether the driver has ended."""
        reports = [start("report", folder, "--format", "json") for _ in range(2)]
        comparison = start("compare", folder, folder)
        for report in reports:
            out, err = ended(report)
            assert (report.returncode, err) == (0, "")
        told = ended(comparison)
        # 1: a run ended between two looks.
        assert comparison.returncode in (0, 1) and "Traceback" not in told[1], told
        seen.append(sum(row["ok"] for row in json.loads(out)["rows"]))
        return driver.poll() is not None

    reader = threading.Thread(target=read_on, daemon=True)
    reader.start()
    until(reported, "the end of a driver whose folder is read", often(SECONDS, 1500))
    until(lambda: not reader.is_alive(), "a look at runs.csv")
    assert driver.returncode == 0
    read()
    print(
        f"{2 * len(seen)} reports, {len(seen)} comparisons and {len(rows)} looks at runs.csv beside"
        " a driver"
    )
    assert seen == sorted(seen) and rows == sorted(rows) and max(rows) > min(rows)
    assert len(lines(folder / "runs.csv")) == 1 + 3 * often(6, 30)
    ended(driver)


def test_no_older_state_is_written_over_a_newer_one(tmp_path):
    """A report that has to wait reads the records only when it may write."""
    path = config(tmp_path)
    folder = tmp_path / "stub"
    run(path, "--results", tmp_path)
    kept = min((folder / "runs").glob("*.json"))
    kept.rename(tmp_path / "later")
    with locks.deriving(folder):
        report = start("report", folder, STUB_LOCKS=str(tmp_path / "locks"))
        until(lambda: waits(tmp_path / "locks"), "a report that has to wait")
        (tmp_path / "later").rename(kept)
    ended(report)
    assert len(lines(folder / "runs.csv")) == 1 + 3


CLOCK = """
import os, pathlib, time
shift = float(os.environ["STUB_CLOCK"]) - time.time()
now, looks = time.time, pathlib.Path(os.environ["STUB_CLOCK_LOOKS"])
def shifted():
    looks.touch()
    return now() + shift
time.time = shifted
time.time_ns = lambda: int(shifted() * 1e9)
"""

SURROUNDINGS = {
    "1970": {"STUB_CLOCK": "0"},
    "2038": {"STUB_CLOCK": str(2**31 + 5)},
    "2106": {"STUB_CLOCK": str(2**32 + 5)},
    "time zone": {"TZ": "Pacific/Kiritimati"},
    "LANG=C": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "spaces": {"folder": "a folder of  mine"},
    "quotes": {"folder": "a 'folder' \"of\" `mine` $HOME"},
    "newline": {"folder": "a\nfolder"},
    "non-ASCII": {"folder": "Prüfstand 実験 é"},
    "no text": {"folder": os.fsdecode(b"a\xff\xfefolder")},
    "non-ASCII in C": {"folder": "é", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


def test_odd_surroundings_change_no_byte(tmp_path):
    (tmp_path / "shim").mkdir()
    (tmp_path / "shim" / "sitecustomize.py").write_text(CLOCK)
    (tmp_path / "calm").mkdir()
    run(config(tmp_path / "calm", bad=Behaviour.DIVERGES), "--results", tmp_path / "calm")
    expected = derived(tmp_path / "calm" / "stub")
    names = SURROUNDINGS if FULL else ("2038", "LANG=C", "no text")
    for name in names:
        environment = dict(SURROUNDINGS[name])
        folder = tmp_path / environment.pop("folder", name)
        folder.mkdir()
        if "STUB_CLOCK" in environment:
            environment["PYTHONPATH"] = f"{SOURCES}{os.pathsep}{tmp_path / 'shim'}"
            environment["STUB_CLOCK_LOOKS"] = str(tmp_path / f"looks at {name}")
        path = config(folder, bad=Behaviour.DIVERGES)
        _, err = run(path, "--results", folder, **environment)
        assert derived(folder / "stub") == expected, (name, err)
        assert "STUB_CLOCK" not in environment or (tmp_path / f"looks at {name}").exists()
        assert recorded(folder / "stub") == 6


@pytest.mark.skipif(
    not shutil.which("faketime"), reason="faketime is not installed; the clock is shifted in Python"
)
def test_the_systems_clock_changes_no_byte(tmp_path):
    run(config(tmp_path), "--results", tmp_path / "now")
    run(config(tmp_path), "--results", tmp_path / "then", under=("faketime", "2040-01-01"))
    assert derived(tmp_path / "then" / "stub") == derived(tmp_path / "now" / "stub")


def test_10000_runs_leave_a_driver_small(tmp_path):
    """Descriptors and memory from the first tenth of the runs to the last."""
    path = config(tmp_path, quick=Behaviour.QUICK)
    count = often(400, 10_000)
    acks = tmp_path / "acks"
    run(
        path,
        f"seeds={count // 2}",
        "training.epochs=1",
        "--results",
        tmp_path,
        "--workers",
        2,
        "-q",
        STUB_ACKS=str(acks),
        STUB_GAUGE="yes",
    )
    gauge = [line.split()[1:] for line in lines(acks)]
    assert len(gauge) == count
    descriptors = {int(count) for count, _ in gauge[10:]}
    early, late = (
        max(float(memory) for _, memory in part)
        for part in (gauge[: count // 10], gauge[-count // 10 :])
    )
    print(f"{count} runs: {sorted(descriptors)} descriptors, {late - early:.1f} MB more")
    # One for the record that is being written, or the folder.
    assert max(descriptors) - min(descriptors) <= 1
    assert late - early < 20


def test_other_numbers_for_a_recorded_run_are_kept_beside_and_told(tmp_path):
    """Between the plan and the training, somebody else records two runs with another loss."""
    code = """
import sys
from dataclasses import replace
from pathlib import Path
import stub_driver
from lstm_ablate.store import records
from lstm_ablate.training import sweep
plan, calm = sweep.plan, Path(sys.argv.pop())
folder = calm.parents[1] / calm.name
def overtaken(experiment, found, **options):
    todo = plan(experiment, found, **options)
    for record in list(records.read_all(calm).records.values())[:2]:
        records.publish(folder, replace(record, result={**record.result, "test_loss": 0.123}))
    return todo
sweep.plan = overtaken
stub_driver.main(sys.argv[1:])
"""
    path = config(tmp_path)
    run(path, "--results", tmp_path / "calm")
    process = python(code, "run", path, "--results", tmp_path, tmp_path / "calm" / "stub")
    _, err = ended(process)
    assert process.returncode == 3, err
    assert (
        "2 runs gave other numbers than recorded before:"
        f" {tmp_path / 'stub' / 'runs' / 'conflicts'}" in err
    )
    kept = sorted((tmp_path / "stub" / "runs" / "conflicts").iterdir())
    assert len(kept) == 2 and all(
        re.fullmatch(r"[0-9a-f]{16}\.1\.json", path.name) for path in kept
    )
    assert all(json.loads(path.read_text())["result"]["test_loss"] != 0.123 for path in kept)
    assert (
        sum(
            record.result["test_loss"] == 0.123
            for record in records.read_all(tmp_path / "stub").records.values()
        )
        == 2
    )


def test_any_order_any_stop_and_an_edit_between_change_no_byte(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(TESTS.parent))
    path = config(tmp_path, quick=Behaviour.QUICK)
    run(path, "--results", tmp_path / "calm")
    expected = derived(tmp_path / "calm" / "stub")
    draw = random.Random(7)
    orders = []

    def shuffled(work, groups, **options):
        """Carry out groups in an order drawn at random, under the numbers that they came with."""
        order = list(range(len(groups)))
        draw.shuffle(order)
        orders.append(order)
        with contextlib.closing(
            local.execute(work, [groups[k] for k in order], **options)
        ) as events:
            for event in events:
                yield replace(event, group=order[event.group])

    for trial in range(often(2, 30)):
        folder = tmp_path / str(trial) / "stub"
        (folder / "runs").mkdir(parents=True)
        for overrides in (("variants.quick.training.epochs=2",), ()):
            experiment = loading.load(path, overrides)
            todo = sweep.plan(experiment, records.read_all(folder), engine="stub_engine")
            steps = sweep.train(
                todo, folder, execute=shuffled, workers=draw.randint(1, 3), config_folder=folder
            )
            stop = draw.randint(1, 5)
            for _ in (step for step in steps if isinstance(step, sweep.Finished)):
                stop -= 1
                if stop == 0:
                    break
            steps.close()
        run(path, "--results", tmp_path / str(trial), "--workers", draw.randint(1, 3))
        assert derived(folder) == expected
    assert set(expected) == set(DERIVED)
    assert len(orders) == 2 * often(2, 30) and any(order != sorted(order) for order in orders)
