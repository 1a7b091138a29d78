"""Processes that tests start; every wait for one has a limit, and then says what it waited for."""

import contextlib
import os
import signal
import subprocess
import threading
import time

# Ten times what the slowest process of a test takes alone on two cores. It is less than the limit
# of a whole test, because pytest-timeout would not show what a process has printed.
SECONDS = 240


def until(true, what, seconds=120):
    """Wait until something is true, and return it.

    After `seconds` it fails, and says what did not happen.
    """
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.002)
    return found


def alive(process):
    """Return whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def start(command, **options):
    """Start a program in a session of its own, with standard output and standard error as text."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    text = {"text": True, "errors": "replace"}
    words = list(map(str, command))
    return subprocess.Popen(words, **(pipes | text | {"start_new_session": True} | options))


def line(process, what, seconds=SECONDS):
    """Return the next line that a process prints; if none comes in time, the process is killed."""
    late = threading.Timer(seconds, _kill, [process])
    late.start()
    try:
        said = process.stdout.readline()
    finally:
        late.cancel()
    assert said.endswith("\n"), (
        f"{process.args} ended before it printed {what}, or was killed after {seconds:.0f} s"
    )
    return said


def ended(process, seconds=SECONDS):
    """Wait for the end of a process; return what it printed, and what it said.

    A process that does not end in time is killed with its session, and the test fails with what it
    said. It is killed too where the test is stopped while it waits.
    """
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        _kill(process)
        said = "".join(part or "" for part in process.communicate(timeout=60))
        raise AssertionError(f"{process.args} did not end within {seconds:.0f} s: {said}") from None
    except BaseException:
        _kill(process)
        raise


def run(command, code=0, seconds=SECONDS, **options):
    """Run a program to its end; return it as `subprocess.run` does.

    Its exit code must be this one, and may be any where `code` is None.
    """
    process = start(command, **options)
    out, err = ended(process, seconds)
    assert code in (None, process.returncode), f"{process.args}: {process.returncode}: {out}{err}"
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def _kill(process):
    """Kill a process that `start` has started, and all of its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
