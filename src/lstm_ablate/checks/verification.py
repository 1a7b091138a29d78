"""Trains the same runs with an engine and with plain Keras, and measures how far apart they are,
epoch by epoch.

The truth is the keras engine in float64. Two things must hold (docs/engines.md):

- In float64 the engine's weights equal the truth after 20 steps, to a relative error of 1e-9.
- In float32 the engine is as close to the truth as the keras engine in float32 is, within a factor
  of 2, at every epoch. An exact sign test decides whether more than half of a variant's seeds are
  beyond that factor.

Training is chaotic: rounding errors grow from step to step. If an activation has a kink, a single
unit that falls on its other side can make an error a hundred times as large, in either engine
(measured with relu over 14 runs: factors from 0.01 to 470, with a median of 1). So a single run
says nothing about float32, and a mean over seeds says little. That is why the test counts seeds.
"""

import math
import statistics
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from lstm_ablate.experiment.runs import Run
from lstm_ablate.training import engines
from lstm_ablate.training.engines import EpochEnd
from lstm_ablate.training.executors import Done, Execute, Failed
from lstm_ablate.training.inputs import windows
from lstm_ablate.training.inputs.randomness import Weights
from lstm_ablate.training.inputs.windows import Arrays
from lstm_ablate.training.variables import worker_environment

STEPS = 20
EXACT = 1e-9
FACTOR = 2.0
LEVEL = 0.05
_TINY = float(np.finfo(np.float64).tiny)

Snapshot = tuple[Weights, float]  # weights and validation loss after an epoch


@dataclass(frozen=True)
class Epoch:
    """Relative errors against the truth after an epoch (from 1), of the worst tensor of weights and
    of the validation loss.
    """

    epoch: int
    exact_weights: float  # the engine in float64
    exact_loss: float
    weights: float  # the engine in float32
    loss: float
    keras_weights: float  # the keras engine in float32
    keras_loss: float


@dataclass(frozen=True)
class Deviation:
    """How far an engine is from the truth in one run.

    Errors that are not finite are kept, and then the engine does not hold. `epochs` ends before the
    first epoch at which the truth or Keras in float32 diverges. `diverged` holds the epoch at which
    each training diverged, or None, in this order: the truth, the engine in float64, Keras in
    float32, the engine in float32.
    """

    run: Run
    # Relative error of the worst tensor in float64, at the end of the epoch that holds step STEPS.
    after_steps: float
    epochs: tuple[Epoch, ...]
    diverged: tuple[int | None, int | None, int | None, int | None]


@dataclass(frozen=True)
class Verdict:
    """Whether an engine holds for one variant of a task, judged at its worst epoch.

    `worst_epoch` is the one with the smallest p.
    """

    task: str
    variant: str
    seeds: int
    after_steps: float  # the worst of its runs
    worst_epoch: int
    median_factor: float  # the engine's error over keras', in float32 at that epoch
    beyond: int  # seeds at which that factor is above FACTOR there
    p: float  # the chance of that many seeds or more, if half of all seeds are beyond
    seeds_needed: int  # fewer seeds cannot show that an engine is too far off in float32
    holds: bool


def deviations(
    runs: Sequence[Run], *, execute: Execute, workers: int
) -> Generator[Deviation, None, None]:
    """Train every run four times (two engines, two types) on workers; yield how far apart they are.

    Raises RuntimeError if a training fails.
    """
    events = execute(
        _deviation,
        runs,
        key=lambda run: run.structure,
        workers=workers,
        environment=worker_environment,
    )
    for event in events:
        if isinstance(event, Failed):
            raise RuntimeError(f"{runs[event.group].variant}: {event.message}\n{event.log}")
        if isinstance(event, Done):
            yield event.value


def verdicts(measured: Sequence[Deviation]) -> list[Verdict]:
    """Return a verdict for each variant of each task, in the order of the measurements."""
    groups: dict[tuple[str, str], list[Deviation]] = {}
    for deviation in measured:
        groups.setdefault((deviation.run.task, deviation.run.variant), []).append(deviation)
    return [_verdict(task, variant, mine) for (task, variant), mine in groups.items()]


def by_epoch(measured: Sequence[Deviation]) -> list[Epoch]:
    """Return the errors after each epoch, as geometric means over the runs that reached it."""
    return [
        Epoch(
            epochs[0].epoch,
            *(_geometric_mean([getattr(epoch, name) for epoch in epochs]) for name in _ERRORS),
        )
        for epochs in _aligned(measured)
    ]


def _aligned(measured: Sequence[Deviation]) -> list[list[Epoch]]:
    """Return, for each epoch, the errors of the runs that reached it without diverging."""
    by_number: dict[int, list[Epoch]] = {}
    for epoch in (epoch for deviation in measured for epoch in deviation.epochs):
        by_number.setdefault(epoch.epoch, []).append(epoch)
    return [by_number[number] for number in sorted(by_number)]


_ERRORS = [field.name for field in fields(Epoch) if field.name != "epoch"]


def _verdict(task: str, variant: str, mine: list[Deviation]) -> Verdict:
    after_steps = max(deviation.after_steps for deviation in mine)
    worst_p, median, beyond, worst_epoch = 1.0, 1.0, 0, 0
    for epochs in (by_epoch := _aligned(mine)):
        factors = [_over(epoch.weights, epoch.keras_weights) for epoch in epochs]
        count = sum(factor > FACTOR for factor in factors)
        p = _sign_test(count, len(factors))
        if p < worst_p or not worst_epoch:
            worst_p, median, beyond, worst_epoch = (
                p,
                statistics.median(factors),
                count,
                epochs[0].epoch,
            )
    level = LEVEL / max(1, len(by_epoch))  # Bonferroni: the worst of so many epochs is judged
    finite = all(
        math.isfinite(value)
        for deviation in mine
        for epoch in deviation.epochs
        for value in (epoch.weights, epoch.loss)
    )
    same_ends = all(deviation.diverged[0] == deviation.diverged[1] for deviation in mine)
    return Verdict(
        task,
        variant,
        seeds=len(mine),
        after_steps=after_steps,
        worst_epoch=worst_epoch,
        median_factor=median,
        beyond=beyond,
        p=worst_p,
        seeds_needed=math.ceil(-math.log2(level)),
        holds=after_steps <= EXACT and finite and same_ends and worst_p > level,
    )


def _sign_test(count: int, n: int) -> float:
    """Return the probability of `count` or more heads among n tosses of a fair coin."""
    return float(sum(math.comb(n, k) for k in range(count, n + 1)) / 2**n)


def _over(error: float, reference: float) -> float:
    """Return error / reference: 1 if both are 0, and infinite if only the reference is 0 or if the
    error is not finite.
    """
    if not math.isfinite(error):
        return math.inf
    return error / reference if reference else 1.0 if not error else math.inf


def _geometric_mean(values: list[float]) -> float:
    if not all(map(math.isfinite, values)):
        return math.inf
    return math.exp(sum(map(math.log, values)) / len(values)) if min(values) > 0 else 0.0


def _deviation(run: Run, send: Callable[[Any], None]) -> Deviation:  # noqa: ARG001 - an executor's work
    arrays = windows.of(run.settings.data, run.seed)
    short = Arrays(
        arrays.train[: STEPS * run.settings.training.batch_size], arrays.validation, arrays.test
    )
    batches = -(-len(short.train) // run.settings.training.batch_size)
    epochs = -(-STEPS // batches)
    started: list[list[Snapshot]] = []
    traces: list[list[Snapshot]] = []
    ends: list[int | None] = []
    # One engine after the other, because each training reuses what the one before it compiled.
    for engine in ("keras", run.engine):
        started.append(_sound(*_trace(_as(run, engine, "float64", epochs=epochs), short)))
        for dtype in ("float64", "float32"):
            trace, end = _trace(_as(run, engine, dtype), arrays)
            traces.append(_sound(trace, end))
            ends.append(end)
    truths, keras, exact, other = traces
    comparable = min(len(truths), len(keras))
    errors = [
        Epoch(
            number,
            *_errors(exact, number, truth),
            *_errors(other, number, truth),
            *_errors(keras, number, truth),
        )
        for number, truth in enumerate(truths[:comparable], start=1)
    ]
    truth_started, other_started = started
    after_steps = (
        _errors(other_started, len(truth_started), truth_started[-1])[0] if truth_started else 0.0
    )
    return Deviation(run, after_steps, tuple(errors), (ends[0], ends[2], ends[1], ends[3]))


def _sound(trace: list[Snapshot], end: int | None) -> list[Snapshot]:
    """Return the epochs before the one at which a run diverged."""
    return trace[: end - 1] if end else trace


def _errors(trace: list[Snapshot], epoch: int, truth: Snapshot) -> tuple[float, float]:
    """Return the relative errors of weights and loss after an epoch (from 1); infinite if the trace
    is shorter.
    """
    if len(trace) < epoch:
        return math.inf, math.inf
    weights, loss = trace[epoch - 1]
    return relative_error(weights, truth[0]), abs(loss - truth[1]) / max(abs(truth[1]), _TINY)


def _as(run: Run, engine: str, dtype: str, **training: Any) -> Run:
    changed = run.settings.training.model_copy(update={"dtype": dtype, **training})
    return replace(
        run, engine=engine, settings=run.settings.model_copy(update={"training": changed})
    )


def _trace(run: Run, arrays: Arrays) -> tuple[list[Snapshot], int | None]:
    """Train a run; return its weights and validation loss after each epoch, and the epoch at which
    it diverged.
    """
    trace: list[Snapshot] = []

    def keep(end: EpochEnd) -> None:
        trace.append((end.weights(), end.validation_loss))

    (result,) = engines.engine(run.engine).train([run], [arrays], keep)
    return trace, result.diverged_epoch


def relative_error(weights: Weights, truth: Weights) -> float:
    """Return the largest, over the tensors of weights, of max |w - truth| / max |truth|."""
    errors = [
        np.max(np.abs(weights[name] - w)) / max(np.max(np.abs(w)), _TINY)
        for name, w in truth.items()
    ]
    largest = float(np.max(errors))  # NumPy's max keeps a NaN, and Python's may not
    return largest if math.isfinite(largest) else math.inf
