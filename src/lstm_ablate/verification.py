"""Trains the same runs with an engine and with plain Keras, and tells how far apart they are, epoch by epoch.

The truth is the keras engine in float64. Two things must hold (the ladder of the README):

- in float64 the engine's weights equal the truth after 20 steps, to a relative error of 1e-9;
- in float32 the engine is as close to the truth as the keras engine in float32 is, within a factor of 2, at every
  epoch: the geometric mean over the seeds of a variant.

Training is chaotic: rounding errors grow from step to step, so two correct programs drift apart, and only a comparison
of drifts can tell an error from rounding.
"""

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from lstm_ablate import data, engines
from lstm_ablate.data import Arrays
from lstm_ablate.executors import Done, Failed
from lstm_ablate.executors.local import execute
from lstm_ablate.randomness import Weights
from lstm_ablate.runs import Run
from lstm_ablate.sweep import worker_environment

STEPS = 20
EXACT = 1e-9
FACTOR = 2.0


@dataclass(frozen=True)
class Epoch:
    """Relative errors against the truth after an epoch (from 1): of the worst weights, and of the validation loss."""

    epoch: int
    exact_weights: float  # the engine in float64
    exact_loss: float
    weights: float  # the engine in float32
    loss: float
    keras_weights: float  # the keras engine in float32
    keras_loss: float


@dataclass(frozen=True)
class Comparison:
    """How far an engine is from the truth in one run. Epochs end where the truth, or one of the others, diverges."""

    run: Run
    after_steps: float  # relative error of the worst weights in float64 after STEPS steps
    epochs: tuple[Epoch, ...]
    diverged: tuple[int | None, ...]  # at which epoch: the truth, the engine in float64


@dataclass(frozen=True)
class Verdict:
    """Whether an engine holds in one variant of a task, and by how much."""

    task: str
    variant: str
    seeds: int
    after_steps: float  # the worst of its runs
    worst_factor: float  # over the epochs: geometric mean over seeds of the engine's error over keras'
    worst_epoch: int
    holds: bool


def compare(runs: Sequence[Run], workers: int) -> Generator[Comparison, None, None]:
    """Train every run four times (two engines, two types) on workers; yield how far apart they are.

    Raises RuntimeError where a training fails.
    """
    for event in execute(_compare, runs, key=lambda run: run.settings, workers=workers, environment=worker_environment):
        if isinstance(event, Failed):
            raise RuntimeError(f"{runs[event.group].variant}: {event.message}\n{event.log}")
        if isinstance(event, Done):
            yield event.value


def judge(comparisons: Sequence[Comparison]) -> list[Verdict]:
    """Return a verdict for each variant of each task, in the order of the comparisons."""
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for one in comparisons:
        groups.setdefault((one.run.task, one.run.variant), []).append(one)
    return [_verdict(task, variant, mine) for (task, variant), mine in groups.items()]


def by_epoch(comparisons: Sequence[Comparison]) -> list[Epoch]:
    """Return the errors after each epoch, as geometric means over all runs."""
    return [
        Epoch(epochs[0].epoch, *(_geometric_mean([getattr(one, name) for one in epochs]) for name in _ERRORS))
        for epochs in zip(*(one.epochs for one in comparisons), strict=False)
    ]


_ERRORS = [field.name for field in fields(Epoch) if field.name != "epoch"]


def _verdict(task: str, variant: str, mine: list[Comparison]) -> Verdict:
    after_steps = max(one.after_steps for one in mine)
    factors = [
        (_geometric_mean([_over(epoch.weights, epoch.keras_weights) for epoch in epochs]), epochs[0].epoch)
        for epochs in zip(*(one.epochs for one in mine), strict=False)
    ]
    factor, epoch = max(factors, default=(1.0, 0))
    same_end = all(truth == other for truth, other in (one.diverged for one in mine))
    holds = after_steps <= EXACT and factor <= FACTOR and same_end
    return Verdict(task, variant, len(mine), after_steps, factor, epoch, holds)


def _over(error: float, reference: float) -> float:
    """Return error / reference; two exact results are equally far."""
    return error / reference if reference else 1.0 if not error else math.inf


def _geometric_mean(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values)) if min(values) > 0 else 0.0


def _compare(run: Run, send: Callable[[Any], None]) -> Comparison:  # noqa: ARG001 - an executor's work
    arrays = data.load(run.settings.data, run.seed)
    short = Arrays(arrays.train[: STEPS * run.settings.training.batch_size], arrays.validation, arrays.test)
    epochs = -(-STEPS * run.settings.training.batch_size // len(short.train))
    started, traces, ends = [], [], []
    for engine in ("keras", run.engine):  # an engine's next training reuses what it has compiled for the one before
        started.append(_trace(_as(run, engine, "float64", epochs=epochs), short)[0])
        for dtype in ("float64", "float32"):
            trace, end = _trace(_as(run, engine, dtype), arrays)
            traces.append(trace)
            ends.append(end)
    told = []
    truths, keras_traces, exact_traces, engine_traces = traces
    for epoch, (truth, *others) in enumerate(zip(truths, exact_traces, engine_traces, keras_traces, strict=False), 1):
        errors = [(relative_error(weights, truth[0]), abs(loss - truth[1]) / truth[1]) for weights, loss in others]
        if all(math.isfinite(value) for pair in errors for value in pair):
            told.append(Epoch(epoch, *errors[0], *errors[1], *errors[2]))
    steps = [relative_error(other, truth) for (truth, _), (other, _) in zip(*started, strict=False)]
    after_steps = [error for error in steps if math.isfinite(error)][-1:] or [0.0]  # diverged runs have an end instead
    return Comparison(run, after_steps[0], tuple(told), (ends[0], ends[2]))


def _as(run: Run, engine: str, dtype: str, **training: Any) -> Run:
    changed = run.settings.training.model_copy(update={"dtype": dtype, **training})
    return replace(run, engine=engine, settings=run.settings.model_copy(update={"training": changed}))


def _trace(run: Run, arrays: Arrays) -> tuple[list[tuple[Weights, float]], int | None]:
    """Train a run; return its weights and validation loss after each epoch, and the epoch at which it diverged."""
    trace: list[tuple[Weights, float]] = []

    def keep(index: int, epoch: int, train: float, validation: float, weights: Callable[[], Weights]) -> None:  # noqa: ARG001
        trace.append((weights(), validation))

    (result,) = engines.load(run.engine).train([run], [arrays], keep)
    return trace, result.diverged_epoch


def relative_error(weights: Weights, truth: Weights) -> float:
    """Return the largest, over the tensors of weights, of max |w - truth| / max |truth|."""
    return max(
        float(np.max(np.abs(weights[name] - exact)) / max(np.max(np.abs(exact)), np.finfo(np.float64).tiny))
        for name, exact in truth.items()
    )
