"""An engine of milliseconds for tests of what surrounds engines; the learning rate tells it how to behave."""

import os

from lstm_ablate.engines import Result, judge

RAISES, DIES, DIVERGES, RAISES_ALWAYS = 0.11, 0.22, 0.33, 0.44


def train(runs, arrays, on_epoch):
    for index, run in enumerate(runs):
        training = run.settings.training
        rate = training.optimizer.learning_rate
        print(f"stub: training seed {run.seed}")
        if rate == RAISES_ALWAYS or (rate == RAISES and run.seed == 1):
            raise ArithmeticError("the stub was told to raise")
        if rate == DIES and run.seed == 1:
            os._exit(7)
        losses = [(1 + run.seed) * (1 + rate) / epoch for epoch in range(1, training.epochs + 1)]
        if rate == DIVERGES and run.seed == 1:
            losses = [*losses[:1], float("nan")]
        for epoch, loss in enumerate(losses, start=1):
            on_epoch(index, epoch, loss, loss, dict)
        diverged, selected = judge(losses, losses, training.select)
        loss = losses[selected - 1] if selected else None
        shown = None if loss is None else arrays[index].test[:3] * 0.5
        yield Result(10, losses, losses, diverged, selected, loss, loss, loss, shown, None)


def device():
    return "stub"
