"""A wait for what never happens ends, says what it waited for, and leaves no process behind."""

import os
import sys

import processes
import pytest

# Starts another process, says which, and sleeps as that one does.
SLEEPERS = """
import os, time
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(3600)
"""


def test_what_does_not_come_about_is_named():
    with pytest.raises(AssertionError, match="waited 0 s for rain"):
        processes.until(lambda: False, "rain", 0)
    assert processes.until(lambda: "rain", "rain", 0) == "rain"


@pytest.mark.parametrize("waiting", ["ended", "line"])
def test_a_process_that_keeps_us_waiting_is_killed_with_what_it_has_started(waiting):
    process = processes.start([sys.executable, "-c", SLEEPERS])
    child = int(processes.line(process, "a child"))
    with pytest.raises(AssertionError, match=r"time\.sleep\(3600\)"):
        if waiting == "ended":
            processes.ended(process, 0.1)
        else:
            processes.line(process, "another child", 0.1)
    processes.until(lambda: not processes.alive(child), "the end of the child")
    processes.ended(process)
    assert process.returncode == -9


def test_an_exit_code_that_nobody_expects_fails_with_what_was_said():
    words = [sys.executable, "-c", "import sys; sys.exit('a reason')"]
    assert processes.run(words, code=1).stderr == "a reason\n"
    with pytest.raises(AssertionError, match="a reason"):
        processes.run(words)


def test_a_process_that_has_gone_is_not_alive():
    process = processes.start([sys.executable, "-c", ""])
    assert processes.alive(os.getpid()) and processes.alive(process.pid)
    processes.ended(process)
    assert not processes.alive(process.pid)
