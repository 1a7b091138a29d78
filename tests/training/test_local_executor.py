"""What the local executor alone does: how its processes start, and how they end with a driver."""

import sys

import processes
import pytest
from executor_work import ran

from lstm_ablate.training.executors import local
from lstm_ablate.training.executors.waiting import choose

ORPHAN = """
import ctypes, multiprocessing, os, sys, time
from lstm_ablate.training.executors import local
def serve():
    sys.platform = "another"  # where no kernel ends a child with its parent
    local._end_with_driver()
    asked = ctypes.c_int(-1)
    ctypes.CDLL(None).prctl(2, ctypes.byref(asked))  # PR_GET_PDEATHSIG, of the kernel
    print(os.getpid(), asked.value, flush=True)
    time.sleep(3600)
if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=serve).start()
    time.sleep(3600)
"""


def test_without_the_kernels_help_a_worker_ends_with_its_driver_too(tmp_path):
    (tmp_path / "driver.py").write_text(ORPHAN)
    driver = processes.start([sys.executable, tmp_path / "driver.py"])
    worker, asked = map(int, processes.line(driver, "which process is its worker").split())
    assert asked == 0
    driver.kill()
    processes.ended(driver)  # and nobody writes into its pipes any more
    processes.until(lambda: not processes.alive(worker), "the end of a worker without a driver")


@pytest.mark.parametrize(
    ("last", "busy", "expected"),
    [
        ("b", {"a"}, "b"),
        ("a", {"b"}, "a"),
        ("a", set(), "a"),
        (None, {"a"}, "b"),
        (None, {"b"}, "a"),
        (None, {"a", "b"}, "b"),
        ("c", {"a", "b"}, "b"),
    ],
)
def test_choice_of_a_key(last, busy, expected):
    assert choose({"a": [0], "b": [1, 2]}, last, busy) == expected


def test_what_goes_wrong_meanwhile_ends_the_workers(monkeypatch):
    started, spawn = [], local._Worker._spawn

    def spawned(worker):
        spawn(worker)
        started.append(worker.process.pid)

    def fails():
        raise OSError("no space")

    monkeypatch.setattr(local._Worker, "_spawn", spawned)
    with pytest.raises(OSError, match="no space"):
        list(ran(local.execute, [("sleep", 3600), ("sleep", 3600)], meanwhile=fails))
    assert len(started) == 2 and not any(map(processes.alive, started))


SCRIPT = """
import sys
from lstm_ablate.training.executors import local
print("main runs")
events = local.execute(
    len, [[1, 2], [3]], key=str, workers=2, environment=lambda worker: {}
)
"""


def test_a_script_without_a_line_for_main_is_not_run_again_by_its_workers(tmp_path):
    """Python's own pool would start processes without end: each of them would run the script."""
    (tmp_path / "work.py").write_text("def count(group, send):\n    return len(group)\n")
    script = tmp_path / "script.py"
    script.write_text(
        "from work import count\n"
        + SCRIPT.replace("len,", "count,")
        + "print(sorted(event.value for event in events))\n"
    )
    done = processes.run([sys.executable, script], cwd=tmp_path)
    assert done.stdout.splitlines() == ["main runs", "[1, 2]"], done.stderr
