"""The local executor with work that sleeps, raises, prints and kills its process; no LSTM."""

import os
import signal
import sys
import threading
import time
import types
from collections import Counter
from pathlib import Path

import processes
import pytest

from lstm_ablate.training.executors import Done, Failed, Progress, local
from lstm_ablate.training.executors.local import execute
from lstm_ablate.training.executors.waiting import choose


class ResourceExhaustedError(Exception):
    """As TensorFlow's is called."""


def work(group, send):
    kind, value = group
    if kind == "raise":
        raise value if isinstance(value, Exception) else ValueError(f"no {value}")
    if kind == "die":
        print("last words", flush=True)
        os._exit(9)
    if kind in ("tell", "slow"):
        for k in range(value):
            time.sleep(kind == "slow")
            send(k)
    if kind == "flood":
        end = time.monotonic() + 60
        while not value.exists():
            assert time.monotonic() < end, "nobody ends the flood"
            send(0)
    if kind == "touch":
        value.touch()
    if kind == "long":
        send("x" * value)
    if kind == "stop":
        threading.Timer(value, os.kill, (os.getpid(), signal.SIGSTOP)).start()
        for _ in range(100_000):
            send("x" * 10_000_000)
    if kind == "sleep":
        time.sleep(value)
    return os.getpid(), os.environ.get("LSTM_ABLATE_TEST"), value


def oom_score(group, send):
    return Path("/proc/self/oom_score_adj").read_text()


def events_of(groups, workers=2, **options):
    return execute(
        work,
        groups,
        key=lambda group: group[0],
        workers=workers,
        environment=lambda worker: {"LSTM_ABLATE_TEST": str(worker)},
        **options,
    )


def ran(groups, **options):
    return list(events_of(groups, **options))


def test_values_messages_and_environment_come_through():
    events = ran([("tell", 3), ("give", "x")])
    done = {event.group: event.value for event in events if isinstance(event, Done)}
    workers = {event.group: str(event.worker) for event in events if isinstance(event, Done)}
    assert {group: value[1:] for group, value in done.items()} == {
        0: (workers[0], 3),
        1: (workers[1], "x"),
    }
    assert "LSTM_ABLATE_TEST" not in os.environ
    assert [e.message for e in events if isinstance(e, Progress) and e.group == 0] == [0, 1, 2]
    assert all(value[0] != os.getpid() for value in done.values())


def test_no_message_is_lost_and_all_come_before_the_end():
    events = ran([("tell", 2000), ("tell", 1000)])
    for group, count in ((0, 2000), (1, 1000)):
        mine = [event for event in events if event.group == group]
        assert [event.message for event in mine[:-1]] == list(range(count))
        assert isinstance(mine[-1], Done)


def test_a_flood_of_messages_holds_up_no_other_worker(tmp_path):
    """The third group ends the flood; it begins once the driver has noticed the second's end."""
    groups = [("flood", tmp_path / "end"), ("give", 0), ("touch", tmp_path / "end")]
    ends = [event for event in events_of(groups) if not isinstance(event, Progress)]
    assert Counter(type(event) for event in ends) == {Done: 3}


def test_a_message_of_any_length_arrives_whole():
    events = ran([("long", 1_000_000)])
    assert [len(event.message) for event in events[:-1]] == [1_000_000]
    assert isinstance(events[-1], Done)


def test_failures_cost_their_own_group_only():
    groups = [("give", 1), ("raise", "luck"), ("die", 0), ("give", 3), ("give", 2)]
    events = ran(groups)
    assert {event.group for event in events if isinstance(event, Done)} == {0, 3, 4}
    failed = {event.group: event for event in events if isinstance(event, Failed)}
    assert failed.keys() == {1, 2}
    assert failed[1].message == "ValueError: no luck"
    assert "in work" in failed[1].log  # its traceback
    assert failed[2].message == "its process ended with exit code 9"
    assert "last words" in failed[2].log


def test_a_log_tells_of_one_group():
    events = ran([("die", 0), ("die", 1), ("raise", "luck")], workers=1)
    assert {event.group: "last words" in event.log for event in events} == {
        0: True,
        1: True,
        2: False,
    }


def test_what_tensorflow_calls_out_of_memory_is_told_as_that():
    (event,) = ran([("raise", ResourceExhaustedError("no room"))])
    assert event.message == "out of memory: ResourceExhaustedError: no room"


@pytest.mark.skipif(not os.access("/proc/self/oom_score_adj", os.W_OK), reason="Linux alone has it")
def test_where_memory_runs_out_a_worker_goes_before_its_driver():
    (event,) = execute(oom_score, [0], key=str, workers=1, environment=lambda worker: {})
    assert event.value == "500\n"


def test_time_that_the_driver_slept_through_is_no_silence(monkeypatch):
    """As in a suspended machine: between two turns hours pass."""
    hours = iter(range(0, 10**9, 3600))
    monkeypatch.setattr(local, "time", types.SimpleNamespace(monotonic=lambda: next(hours)))
    (event,) = ran([("sleep", 1.5)], timeout=60)
    assert isinstance(event, Done)
    assert next(hours) > 2 * 3600  # the driver looked at this clock, and more than an hour passed


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


def test_a_process_that_stops_amid_a_message_holds_nobody_up():
    start = time.monotonic()
    events = [
        event
        for event in ran([("stop", 0.3), ("give", 0), ("sleep", 0.5)], timeout=5)
        if event.group or not isinstance(event, Progress)
    ]
    assert [event.group for event in events] == [1, 2, 0]
    assert events[-1].message == "its process gave no sign of life for 5 s (execution.timeout)"
    assert 5 < time.monotonic() - start < 60


def test_a_sign_of_life_renews_the_patience():
    (done,) = (event for event in ran([("slow", 7)], timeout=5) if not isinstance(event, Progress))
    assert isinstance(done, Done)


def test_groups_of_one_key_stay_with_one_worker():
    groups = [(key, 0) for key in "abcd" for _ in range(5)]
    events = ran(groups)
    assert Counter(type(event) for event in events) == {Done: 20}
    setups = {(event.worker, groups[event.group][0]) for event in events}
    assert len(setups) <= 5  # four keys, and one that the worker without work joins at the end


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


def test_what_the_driver_does_meanwhile_is_done_once_while_the_processes_start():
    called = []
    events = events_of([("give", k) for k in range(3)], meanwhile=lambda: called.append(1))
    assert called == []
    next(events)
    assert called == [1]
    assert len(list(events)) == 2 and called == [1]


def test_what_goes_wrong_meanwhile_ends_the_workers(monkeypatch):
    started, spawn = [], local._Worker._spawn

    def spawned(worker):
        spawn(worker)
        started.append(worker.process.pid)

    def fails():
        raise OSError("no space")

    monkeypatch.setattr(local._Worker, "_spawn", spawned)
    with pytest.raises(OSError, match="no space"):
        ran([("sleep", 3600), ("sleep", 3600)], meanwhile=fails)
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


def test_closing_ends_the_workers():
    events = execute(
        work,
        [("give", 0), ("sleep", 3600)],
        key=lambda group: group[0],
        workers=2,
        environment=lambda _: {},
    )
    first = next(event for event in events if isinstance(event, Done))
    start = time.monotonic()
    events.close()
    assert time.monotonic() - start < 60
    with pytest.raises(ProcessLookupError):
        os.kill(first.value[0], 0)
