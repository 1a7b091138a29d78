"""What the tests of executors have carried out: it sleeps, raises, prints and kills its process."""

import os
import signal
import threading
import time


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
    if kind in ("one", "two", "three", "four"):
        time.sleep(value)  # so that no worker has done all before another one has started
    if kind == "sleep":
        send(os.getpid())
        time.sleep(value)
    return os.getpid(), os.environ.get("LSTM_ABLATE_TEST"), value


def ran(execute, groups, workers=2, **options):
    """Have groups of this work carried out; return the generator of events."""
    return execute(
        work,
        groups,
        key=lambda group: group[0],
        workers=workers,
        environment=lambda worker: {"LSTM_ABLATE_TEST": str(worker)},
        **options,
    )
