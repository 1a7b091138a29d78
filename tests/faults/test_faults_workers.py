"""Workers that die, stop, hang or use up the memory: their runs are tried twice, and all others are
unharmed.
"""

import contextlib
import os
import random
import signal
import uuid
from pathlib import Path

import pytest
from faults import (
    AT_ONCE,
    FULL,
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
    workers_of,
)
from processes import SECONDS, ended, until
from stub_behaviour import Behaviour, happened, let_go

from lstm_ablate.store import records

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("stub_marks")]

TOLD = {
    "killed": (
        Behaviour.KILLED,
        "its process was killed (SIGKILL), as the system does when memory runs out",
    ),
    "segfaults": (Behaviour.SEGFAULTS, "its process was killed (SIGSEGV)"),
    "raises": (Behaviour.OUT_OF_MEMORY, "out of memory: MemoryError: Unable to allocate"),
    "stops": (Behaviour.STOPS, "its process gave no sign of life for 8 s (execution.timeout)"),
    "hangs": (Behaviour.HANGS, "its process gave no sign of life for 8 s (execution.timeout)"),
}


def test_what_befalls_a_run_befalls_it_alone(tmp_path):
    """Seeds 1, 5, ... fail each time, seeds 3, 7, ... only the first time, and even seeds never."""
    seeds = often(4, 40)
    told = (
        TOLD if FULL else {name: TOLD[name] for name in ("killed", "segfaults", "raises", "stops")}
    )
    path = config(tmp_path, **{name: behaviour for name, (behaviour, _) in told.items()})
    marked = Marked()
    run(
        path,
        f"seeds={seeds}",
        "execution.timeout=8",
        "--results",
        tmp_path,
        "--workers",
        4,
        code=3,
        **marked.environment,
    )
    rows = [line.split(",") for line in lines(tmp_path / "stub" / "runs.csv")[1:]]
    expected = {
        (name, str(seed)): "failed" if name != "calm" and seed % 4 == 1 else "ok"
        for name in ("calm", *told)
        for seed in range(seeds)
    }
    assert {(row[1], row[2]): row[3] for row in rows} == expected
    tries = sum(2 if seed % 4 == 1 else 1 for seed in range(1, seeds, 2))
    assert {name: happened(behaviour) for name, (behaviour, _) in told.items()} == dict.fromkeys(
        told, tries
    )
    found = records.read_all(tmp_path / "stub")
    assert not found.damaged
    for row in rows:
        log = tmp_path / "stub" / "logs" / f"{row[-1]}.log"
        assert log.exists() == (row[3] == "failed")
        if row[3] == "failed":
            assert found.records[row[-1]].result["message"].startswith(told[row[1]][1])
            assert log.read_text().count(f"stub: training seed {row[2]}") == 1
    marked.gone()


def test_a_run_has_two_attempts_in_all_whatever_becomes_of_the_driver(tmp_path):
    """The first driver is killed as soon as it has noted a failure. The next one has one attempt
    left.
    """
    path = config(tmp_path, killed=Behaviour.KILLED, waits=Behaviour.WAITS)
    words = (path, "seeds=[0, 1]", "--results", tmp_path, "--workers", 1)
    first = start("run", *words)
    until(lambda: list((tmp_path / "stub" / "logs").glob("*.log")), "the note of the first failure")
    first.kill()
    ended(first)
    assert happened(Behaviour.KILLED) == 1
    let_go()
    run(*words, code=3)
    assert happened(Behaviour.KILLED) == 2
    run(*words, code=3)
    assert happened(Behaviour.KILLED) == 2
    assert sum(",failed," in line for line in lines(tmp_path / "stub" / "runs.csv")) == 1
    run(*words, "--retry-failed", code=3)
    assert happened(Behaviour.KILLED) == 4


def test_a_worker_killed_from_outside_costs_nothing(tmp_path):
    """Workers are killed at random moments while they start, work or wait. Only a run that is hit
    twice fails.

    A moment is a number of runs that the driver has recorded, so that it comes on machines of any
    speed. A shot misses if the driver has ended before it.
    """
    path = config(tmp_path, breathes=Behaviour.BREATHES)
    words = (path, "seeds=60", "--workers", 2)
    run(*words, "--results", tmp_path / "calm")
    expected = derived(tmp_path / "calm" / "stub")
    draw = random.Random(13)
    wanted, hits, trials = often(6, 100), 0, 0
    while hits < wanted and trials < wanted:
        trials += 1
        folder = tmp_path / str(trials) / "stub"
        marked = Marked()
        process = start("run", *words, "--results", folder.parent, **marked.environment)
        for moment in sorted(draw.randint(0, 110) for _ in range(3)):
            hits += shot_after(moment, process, folder)
        _, err = ended(process)
        found = records.read_all(folder).records
        failed = [record for record in found.values() if record.status == "failed"]
        assert len(found) == 120 and len(failed) <= 1, err
        if not failed:
            assert process.returncode == 0, err
            assert derived(folder) == expected
        marked.gone()
    assert hits >= wanted, f"{hits} of {3 * trials} shots hit a worker; {wanted} were wanted"


def shot_after(moment, driver, folder):
    """Kill a worker once `moment` runs are recorded; return whether there still was a worker."""
    until(
        lambda: (
            driver.poll() is not None or (recorded(folder) >= moment and workers_of(driver.pid))
        ),
        f"a worker, and {moment} recorded runs",
    )
    for worker in workers_of(driver.pid)[:1]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
            return True
    return False


def test_workers_leave_signals_to_their_driver(tmp_path):
    """Ctrl-C and schedulers reach the whole process group.

    If one of them ended a worker, its run would begin again, or another process would train the
    rest.
    """
    path = config(tmp_path, waits=Behaviour.WAITS)
    process = start("run", path, "--results", tmp_path, "--workers", 2)
    until(lambda: happened(Behaviour.WAITS) == 2, "two runs that wait")
    workers = set(workers_of(process.pid))
    for worker in workers:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(worker, number)
    let_go()
    _, err = ended(process)
    assert process.returncode == 0, err
    found = records.read_all(tmp_path / "stub").records.values()
    assert {record.meta["process"] for record in found} <= workers and len(workers) == 2
    assert len(found) == 6 and happened(Behaviour.WAITS) == 3


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("behaviour", [Behaviour.HANGS, Behaviour.STOPS], ids=["hangs", "stopped"])
def test_no_worker_outlives_its_driver(behaviour, number, tmp_path):
    if not FULL and (behaviour, number) == (Behaviour.HANGS, signal.SIGTERM):
        pytest.skip("in the full run")
    path = config(tmp_path, bad=behaviour)
    marked = Marked()
    process = start(
        "run", path, "seeds=[1, 2, 5]", "--results", tmp_path, "--workers", 2, **marked.environment
    )
    until(lambda: recorded(tmp_path / "stub") == 4, "all runs but those that are stuck")
    until(lambda: happened(behaviour) == 2, "two runs that are stuck")
    assert len(workers_of(process.pid)) == 2
    process.send_signal(number)
    until(lambda: process.poll() is not None, "the end of a driver", AT_ONCE)
    print(f"no process left after {marked.gone():.2f} s")
    ended(process)


CGROUP = Path("/sys/fs/cgroup/memory")


@pytest.mark.skipif(
    not os.access(CGROUP, os.W_OK), reason="needs a memory cgroup (v1) that we may write"
)
def test_a_worker_that_the_system_kills_for_memory_is_recorded_as_such(tmp_path):
    path = config(tmp_path, greedy=Behaviour.GREEDY)
    group = CGROUP / f"lstm-ablate-{uuid.uuid4().hex[:8]}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(800 * 2**20))
        within = ("sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh")
        out, _ = run(path, "seeds=2", "--results", tmp_path, "--workers", 2, code=3, under=within)
        assert int((group / "memory.failcnt").read_text()) > 0
    finally:
        until(lambda: not (group / "cgroup.procs").read_text().strip(), "an empty cgroup")
        group.rmdir()
    assert [line.split(",")[3] for line in lines(tmp_path / "stub" / "runs.csv")[1:]] == [
        "ok",
        "ok",
        "ok",
        "failed",
    ]
    assert "its process was killed (SIGKILL), as the system does when memory runs out" in out


def test_200_real_runs_leave_a_worker_small(tmp_path):
    """The memory that a worker gains with each run after its first group. Two networks are trained
    in turn; a short test has time for one.
    """
    code = """
import resource, sys
from pathlib import Path
from lstm_ablate.experiment import loading, runs
from lstm_ablate.training import work
experiment = loading.load(Path(sys.argv[1]), (f"seeds={sys.argv[2]}", "training.epochs=3"))
for group in runs.groups(runs.expand(experiment)[: int(sys.argv[3])]):
    work.train(group, lambda message: None)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    print(len(group), pages * resource.getpagesize() / 1e6)
"""
    seeds, count = often((10, 10), (100, 200))
    process = python(code, TESTS.parents[1] / "configs" / "smoke.yaml", seeds, count)
    out, err = ended(process, often(SECONDS, 900))
    assert process.returncode == 0, err
    gauge = [tuple(map(float, line.split())) for line in out.splitlines()]
    assert sum(size for size, _ in gauge) == count
    growth = (gauge[-1][1] - gauge[0][1]) / (count - gauge[0][0])
    print(f"{count} runs: {growth:.2f} MB a run")
    assert growth < 1.0
