"""An engine of milliseconds for tests of what surrounds engines; see `stub_behaviour` for what it
can do.
"""

import os
import signal
import time

import numpy as np
from processes import SECONDS, until
from stub_behaviour import Behaviour, is_let_go

from lstm_ablate.training.engines import EpochEnd, diverged_and_selected, result_of

SIGNALS = {
    Behaviour.KILLED: signal.SIGKILL,
    Behaviour.SEGFAULTS: signal.SIGSEGV,
    Behaviour.STOPS: signal.SIGSTOP,
}


def train(runs, arrays, on_epoch):
    for index, run in enumerate(runs):
        training = run.settings.training
        behaviour = Behaviour.of(training.optimizer.learning_rate)
        print(f"stub: training seed {run.seed}")
        befallen = behaviour.befalls(run)
        if befallen:
            behaviour.leave_mark(run)
            _suffer(behaviour)
        losses = [behaviour.loss(run.seed) / epoch for epoch in range(1, training.epochs + 1)]
        if befallen and behaviour == Behaviour.DIVERGES:
            losses = [*losses[:1], float("nan")]
        for epoch, loss in enumerate(losses, start=1):
            if behaviour == Behaviour.NAPS:
                time.sleep(0.5)
            if behaviour == Behaviour.BREATHES:
                time.sleep(0.005)
            on_epoch(EpochEnd(index, epoch, loss, loss, dict))
        _, selected = diverged_and_selected(losses, losses, training.select)
        loss = losses[selected - 1] if selected else None
        shown = None if loss is None else arrays[index].test[:3] * 0.5
        if befallen and behaviour == Behaviour.BOUNDLESS:
            shown = shown * np.inf
        yield result_of(training.select, 10, losses, losses, loss, shown, None)


def _suffer(behaviour):
    """Let happen what ends a run before any training."""
    if behaviour == Behaviour.WAITS:
        until(is_let_go, "the leave of a test to go on", SECONDS)
    if behaviour in (Behaviour.RAISES, Behaviour.RAISES_ALWAYS):
        raise ArithmeticError("the stub was told to raise")
    if behaviour == Behaviour.DIES:
        os._exit(7)
    if behaviour in SIGNALS:
        os.kill(os.getpid(), SIGNALS[behaviour])
        raise AssertionError("the signal ended nothing")
    if behaviour == Behaviour.HANGS:
        time.sleep(3600)
        raise AssertionError("nobody ended the stub for an hour")
    if behaviour == Behaviour.OUT_OF_MEMORY:
        np.zeros(2**50)
        raise AssertionError("there is memory for 8 PB")
    if behaviour == Behaviour.GREEDY:
        kept = [np.ones(2**20) for _ in range(1000)]  # 8 GB, 8 MB at a time
        raise AssertionError(f"{len(kept)} pieces of memory: nobody stopped the stub")


def device():
    return "stub"
