"""The command line with the stub engine in place of the real ones, and with faults that its
environment asks for.

STUB_ACKS: a file that gets the id of every run that is recorded, and with STUB_GAUGE descriptors
and memory besides. STUB_FSYNC: `k errno`: the k-th fsync fails. STUB_LOCKS: a file that gets what
filelock says of every lock. As a zygote (no arguments) it forks a driver for each message on the
socket that is its standard input. A run or a report that ends well without having called its
doubles ends with code 1 instead.
"""

import json
import logging
import os
import resource
import signal
import socket
import sys
from pathlib import Path

if __name__ != "__mp_main__":  # in no worker; once for all drivers that a zygote forks
    from lstm_ablate import merging, study  # noqa: F401
    from lstm_ablate.cli import app
    from lstm_ablate.display import progress  # noqa: F401
    from lstm_ablate.evidence import analysis  # noqa: F401
    from lstm_ablate.experiment import runs
    from lstm_ablate.report import derived
    from lstm_ablate.store import derivation, files
    from lstm_ablate.training import sweep

    expand, train, holds = runs.expand, sweep.train, derivation.holds


called = set()


def marked(name, double):
    """Return a double that leaves its name in `called`."""

    def told(*words, **options):
        called.add(name)
        return double(*words, **options)

    return told


def stub_expand(experiment, engine=None):
    return expand(experiment, "stub_engine")


def told_holds(*words):
    """Nothing is drawn where the files that are there came from the same records."""
    held = holds(*words)
    if held:
        called.add("report._write_page")
    return held


def told_train(todo, folder, **options):
    acks = os.open(os.environ["STUB_ACKS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for step in train(todo, folder, **options):
        if isinstance(step, sweep.Finished):
            os.write(acks, (step.run.id + gauge() + "\n").encode())
        yield step


def gauge():
    """Open descriptors and memory in MB, where they are asked for."""
    if "STUB_GAUGE" not in os.environ:
        return ""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return f" {len(list(Path('/proc/self/fd').iterdir()))} {pages * resource.getpagesize() / 1e6}"


def break_fsync(k, errno):
    fsync, count = os.fsync, 0

    def failing(descriptor):
        nonlocal count
        count += 1
        if count == k:
            raise OSError(errno, os.strerror(errno))
        fsync(descriptor)

    files.os.fsync = failing


def main(words):
    sys.argv = ["lstm-ablate", *words]
    runs.expand = marked("runs.expand", stub_expand)
    sweep.expand = marked("sweep.expand", stub_expand)
    # The page takes seconds to draw, and is derived like the rest.
    derived._write_page = marked("report._write_page", lambda folder, summary: set())
    derivation.holds = told_holds
    if "STUB_ACKS" in os.environ:
        sweep.train = told_train
    if "STUB_FSYNC" in os.environ:
        break_fsync(*map(int, os.environ["STUB_FSYNC"].split()))
    if "STUB_LOCKS" in os.environ:
        logging.getLogger("filelock").setLevel(logging.DEBUG)
        logging.getLogger("filelock").addHandler(logging.FileHandler(os.environ["STUB_LOCKS"]))
    try:
        app.main()
    except SystemExit as end:
        due = {"report": {"runs.expand"}}  # where nothing can be written, it draws no page
        due["run"] = {"runs.expand", "sweep.expand", "report._write_page"}
        due["merge"] = {"runs.expand", "report._write_page"}
        if end.code in (None, 0, 3) and (idle := due.get(words[0], set()) - called):
            sys.exit(f"the stub driver's doubles were not called: {', '.join(sorted(idle))}")
        raise


def zygote():
    """For each message, a JSON list of words, environment and folder, start a driver.

    With it come three descriptors: standard output and standard error of the driver, and one that
    is told its process id, and its exit code when it has ended.
    """
    import pandas  # noqa: F401 - what drivers load when they write their tables
    import scipy.stats  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    requests = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    while True:
        told, descriptors, *_ = socket.recv_fds(requests, 2**20, 3)
        if not told:
            return
        if os.fork() == 0:
            requests.close()
            watch(*json.loads(told), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def watch(words, environment, folder, out, err, status):
    """Fork a driver, and tell its process id and its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    driver = os.fork()
    if driver == 0:
        os.setsid()
        for standard, descriptor in ((1, out), (2, err)):
            os.dup2(descriptor, standard)
            os.close(descriptor)
        sys.stdout, sys.stderr = (os.fdopen(standard, "w", buffering=1) for standard in (1, 2))
        os.close(status)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        main(words)
    for descriptor in (out, err):
        os.close(descriptor)
    os.write(status, f"{driver}\n".encode())
    _, end = os.waitpid(driver, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(end)}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:]) if len(sys.argv) > 1 else zygote()
