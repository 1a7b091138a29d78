"""An engine of milliseconds for tests of what surrounds engines; the learning rate tells it how to behave."""

import contextlib
import os
import signal
import time
import uuid
from pathlib import Path

import numpy as np

from lstm_ablate.training.engines import EpochEnd, diverged_and_selected, result_of

RAISES, DIES, DIVERGES, RAISES_ALWAYS = 0.11, 0.22, 0.33, 0.44
BOUNDLESS = 0.55  # reconstructions of odd seeds, though the losses are finite
NAPS = 0.66  # half a second an epoch
BREATHES = 0.67  # some milliseconds an epoch, so that an experiment takes a second on the fastest machine

# What befalls odd seeds; every second of them only the first time, where STUB_TRIED names a folder.
KILLED, SEGFAULTS, STOPS, HANGS, OUT_OF_MEMORY, GREEDY = FAULTS = 0.71, 0.72, 0.73, 0.74, 0.75, 0.76


def train(runs, arrays, on_epoch):
    for index, run in enumerate(runs):
        training = run.settings.training
        rate = training.optimizer.learning_rate
        print(f"stub: training seed {run.seed}")
        if "STUB_ATTEMPTS" in os.environ and rate in FAULTS and run.seed % 2 == 1:
            Path(os.environ["STUB_ATTEMPTS"], uuid.uuid4().hex).touch()
        if rate == RAISES_ALWAYS or (rate == RAISES and run.seed == 1):
            raise ArithmeticError("the stub was told to raise")
        if rate == DIES and run.seed == 1:
            os._exit(7)
        if rate in FAULTS and run.seed % 2 == 1 and not (run.seed % 4 == 3 and _tried(run)):
            _suffer(rate)
        losses = [(1 + run.seed) * (1 + rate) / epoch for epoch in range(1, training.epochs + 1)]
        if rate == DIVERGES and run.seed == 1:
            losses = [*losses[:1], float("nan")]
        for epoch, loss in enumerate(losses, start=1):
            if rate == NAPS:
                time.sleep(0.5)
            if rate == BREATHES:
                time.sleep(0.005)
            on_epoch(EpochEnd(index, epoch, loss, loss, dict))
        _, selected = diverged_and_selected(losses, losses, training.select)
        loss = losses[selected - 1] if selected else None
        shown = None if loss is None else arrays[index].test[:3] * 0.5
        if rate == BOUNDLESS and run.seed % 2 == 1:
            shown = shown * np.inf
        yield result_of(training.select, 10, losses, losses, loss, shown, None)


def _tried(run):
    mark = Path(os.environ["STUB_TRIED"], run.id)
    with contextlib.suppress(FileExistsError):
        mark.touch(exist_ok=False)
        return False
    return True


def _suffer(rate):
    if rate in (KILLED, SEGFAULTS, STOPS):
        os.kill(os.getpid(), {KILLED: signal.SIGKILL, SEGFAULTS: signal.SIGSEGV, STOPS: signal.SIGSTOP}[rate])
    if rate == HANGS:
        time.sleep(3600)
    if rate == OUT_OF_MEMORY:
        np.zeros(2**50)
    kept = [np.ones(2**20) for _ in range(1000)]  # 8 GB, 8 MB at a time
    raise AssertionError(f"{len(kept)} pieces of memory: nobody stopped the stub")


def device():
    return "stub"
