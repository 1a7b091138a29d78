"""What the tests of faults share: a small experiment, drivers with the stub engine, and how often
to try.
"""

import atexit
import functools
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import processes
from processes import ended, until
from stub_behaviour import Behaviour, learning_rate

TESTS = Path(__file__).parent
SOURCES = os.pathsep.join([str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")]).rstrip(
    os.pathsep
)
FULL = os.environ.get("LSTM_ABLATE_FULL") == "yes"
DERIVED = ("experiment.yaml", "runs.csv", "curves.csv", "summary.csv", "ratios.csv", "report.md")

CONFIG = """
version: 1
name: stub
data: {family: sines, samples: {train: 4, validation: 2, test: 2}, timesteps: 3}
model: {encoder: [2], decoder: [2]}
training: {epochs: 3, batch_size: 2, optimizer: {name: adam, learning_rate: CALM}}
seeds: 3
baseline: calm
variants:
  calm: {}
""".replace("CALM", f"{Behaviour.CALM}")


# Seconds: what happens at once happens sooner on any machine, as busy as it may be. The seconds
# that the table in docs/faults.md has are printed.
AT_ONCE = 60


def often(short, full):
    """Return how often a fault is tried: `make test-full` tries it in full."""
    return full if FULL else short


def config(folder, text="", **variants):
    """Write the stub's experiment with a variant for each behaviour."""
    path = folder / "stub.yaml"
    lines = [
        f"  {name}: {{training.optimizer.learning_rate: {learning_rate(behaviour)}}}\n"
        for name, behaviour in variants.items()
    ]
    path.write_text(CONFIG + "".join(lines) + text, encoding="utf-8")
    return path


def start(*words, under=(), **environment):
    """Start the command line with the stub engine.

    Where nothing of its environment matters to the start of a process, it is forked from one that
    has loaded everything, which takes a second of a core less.
    """
    own = {**os.environ, "PYTHONPATH": SOURCES, **environment}
    if not under and all(name.startswith("STUB_") for name in environment):
        return Forked(list(map(str, words)), own)
    return processes.start([*under, sys.executable, TESTS / "stub_driver.py", *words], env=own)


def python(code, *words):
    """Start some code that may import what the tests of faults share; it may read what we write."""
    return processes.start(
        [sys.executable, "-c", code, *words],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": SOURCES},
    )


def run(*words, code=0, **options):
    """Run it to its end; return what it printed, and what it said."""
    process = start("run", *words, **options)
    out, err = ended(process, often(processes.SECONDS, 1500))
    assert process.returncode == code, (process.returncode, out + err)
    assert "Traceback" not in err
    return out, err


def derived(folder):
    return {name: (folder / name).read_bytes() for name in DERIVED}


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def recorded(folder):
    """Return the number of runs that have a record in a results folder."""
    return len(list((folder / "runs").glob("*.json")))


def workers_of(driver):
    """Return the processes that a driver has started to work for it, and that live."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            stat, command = (place / "stat").read_text(), (place / "cmdline").read_bytes()
        except OSError:
            continue
        state, parent = stat.rpartition(")")[2].split()[:2]
        if int(parent) == driver and state != "Z" and b"spawn_main" in command:
            found.append(int(place.name))
    return found


class Marked:
    """Processes recognised by a variable that they inherit."""

    def __init__(self):
        self.environment = {"STUB_MARK": uuid.uuid4().hex}

    def gone(self):
        """Wait until none of the processes lives; return the seconds that took."""
        begin = time.monotonic()
        until(lambda: not self.alive(), "the end of every process of a driver", AT_ONCE)
        return time.monotonic() - begin

    def alive(self):
        mark = f"STUB_MARK={self.environment['STUB_MARK']}".encode()
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if (
                    mark in (place / "environ").read_bytes().split(b"\0")
                    and "\nState:\tZ" not in (place / "status").read_text()
                ):
                    found.append(int(place.name))
            except OSError:
                continue
        return found


@functools.cache
def zygote():
    """Return the socket of a process that has loaded everything, and that ends with this one."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, TESTS / "stub_driver.py"],
        stdin=its,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": SOURCES},
        start_new_session=True,
    )
    its.close()

    def end():
        ours.close()
        process.wait(processes.SECONDS)

    atexit.register(end)
    return ours


class Forked:
    """A driver that the zygote has forked, with what tests use of `subprocess.Popen`."""

    def __init__(self, words, environment):
        self.args, self.returncode, self._one_at_a_time = words, None, threading.Lock()
        readers, writers = zip(*(os.pipe() for _ in range(3)), strict=True)
        told = [words, environment, str(Path.cwd())]
        socket.send_fds(zygote(), [json.dumps(told).encode()], writers)
        for writer in writers:
            os.close(writer)
        *streams, self._status = (os.fdopen(reader, errors="replace") for reader in readers)
        self._said = [Reading(stream) for stream in streams]
        self.pid = int(self._status.readline())

    def poll(self):
        """Return its exit code, or None while it runs."""
        with self._one_at_a_time, selectors.DefaultSelector() as ready:
            if self.returncode is None:
                ready.register(self._status, selectors.EVENT_READ)
                if ready.select(0):
                    self.returncode = int(self._status.readline())
                    self._status.close()
        return self.returncode

    def communicate(self, timeout):
        """Wait until nobody can write into its streams and it has ended; return what they held."""
        end = time.monotonic() + timeout
        for stream in self._said:
            stream.join(max(0, end - time.monotonic()))
            if stream.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout)
        until(lambda: self.poll() is not None, "the exit code of a driver", timeout)
        return tuple(stream.text for stream in self._said)

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


class Reading(threading.Thread):
    """Reads a stream to its end."""

    def __init__(self, stream):
        super().__init__(daemon=True)
        self.stream, self.text = stream, ""
        self.start()

    def run(self):
        with self.stream:
            self.text = self.stream.read()
