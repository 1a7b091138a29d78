"""What the tests of faults share: a small experiment, drivers with the stub engine, and how often
to try.
"""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

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


# What nohup or & has the tests ignore, drivers would ignore too.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


def often(short, full):
    """Return how often a fault is tried: `make test-full` tries it in full."""
    return full if FULL else short


def within(seconds):
    """Turn a limit for a machine that has nothing else to do into one for this machine, as busy as
    it is now.
    """
    return seconds * max(1.0, os.getloadavg()[0] / os.cpu_count())


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
    """Start the command line with the stub engine in a session of its own."""
    return subprocess.Popen(
        [*under, sys.executable, TESTS / "stub_driver.py", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": SOURCES, **environment},
    )


def run(*words, code=0, **options):
    """Run it to its end; return what it printed, and what it said."""
    process = start("run", *words, **options)
    out, err = ended(process, often(300, 1500))
    assert process.returncode == code, (process.returncode, out + err)
    assert "Traceback" not in err
    return out, err


def derived(folder):
    return {name: (folder / name).read_bytes() for name in DERIVED}


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def until(true, what, seconds=120):
    """Wait until something is true; fail after some seconds, saying what did not come about."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.002)


def ended(process, seconds=120):
    """Wait for the end of a process; return what it printed, and what it said.

    A process that does not end in time is killed with its session, and the test fails with what it
    said.
    """
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate(timeout=10)
        raise AssertionError(f"{process.args} did not end within {seconds} s: {out}{err}") from None


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
        """Wait until none of the processes lives."""
        until(lambda: not self.alive(), "the end of every process of a driver", within(5))

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
