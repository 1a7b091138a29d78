"""Measures on this machine how fast the engines train, against the loops that a user would write by
hand.

Every contestant is a set of processes, which train one epoch in each of its turns and then wait.
All contestants of a case are started together and take turns, so that all of them are measured
while the machine is as fast or as slow as it is then. What is reported is the median over the
turns.
"""

import importlib
import importlib.util
import math
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from lstm_ablate import machine, study
from lstm_ablate.errors import Log, UserError
from lstm_ablate.experiment.identity import settings_id
from lstm_ablate.experiment.network import network_of, products
from lstm_ablate.experiment.runs import Run, expand
from lstm_ablate.experiment.settings import Model, Settings
from lstm_ablate.experiment.sizes import group_size
from lstm_ablate.training import engines, sweep
from lstm_ablate.training.engines import EpochEnd
from lstm_ablate.training.inputs import windows
from lstm_ablate.training.inputs.randomness import initial_weights
from lstm_ablate.training.variables import WORKER_ENVIRONMENT

PEAK_SIZE = 2048  # rows and columns of the matrices whose product shows the machine's peak

# What is measured if the user names no case.
DEFAULT_CASES: dict[str, dict[str, Any]] = {
    "default": {},
    "default-relu": {"model": {"activation": "relu"}},
    "small": {"model": {"encoder": [16, 8], "decoder": [8, 16]}},
    "vector": {"model": {"latent": "vector"}},
    "long": {"data": {"family": "sines", "timesteps": 200}},
}
# The default network with one key of its layers each. With `residual` only the third layer adds
# its input, because it is the only one with as many inputs as outputs: 50.
KEYS: dict[str, dict[str, Any]] = {
    "bidirectional": {"model": {"bidirectional": True}},
    "peepholes": {"model": {"peepholes": True}},
    "projection": {"model": {"projection": 32}},
    "residual": {"model": {"residual": True}},
    "cell_clip": {"model": {"cell_clip": 3.0}},
    "projection_clip": {"model": {"projection": 32, "projection_clip": 3.0}},
    "normalization": {"model": {"normalization": "layer"}},
    "he_normal": {"model": {"kernel_initializer": "he_normal"}},
}
CASES = DEFAULT_CASES | KEYS


@dataclass(frozen=True)
class Contestant:
    """What trains, in how many processes at once, and with how many threads in each.

    With 0 threads the library decides how many it uses.
    """

    name: str
    processes: int
    threads: int


@dataclass(frozen=True)
class Measurement:
    """What was measured of a contestant in a case."""

    case: str
    contestant: str
    step_milliseconds: float  # median, per training step and run, all its processes at work
    compile_seconds: float  # of the first epoch above the median one: build, trace, compile
    memory_bytes: float  # peak of one process
    gflops: float  # GFLOP/s of all processes together


@dataclass(frozen=True)
class Growth:
    """By what factor a time grows with an experiment; 1 means that the whole grows linearly."""

    timesteps: float  # seconds per time step: 240 time steps against 30
    seeds: float  # seconds per run: 100 seeds against 10


@dataclass(frozen=True)
class EndToEnd:
    """Seconds of a whole experiment, start to report, and of its runs in plain Keras."""

    experiment: str
    runs: int
    fused_seconds: float
    plain_seconds: float


@dataclass(frozen=True)
class Benchmark:
    """All that was measured, and where."""

    processor: dict[str, Any]
    cores: int
    peak_gflops: float  # of a large float32 matrix product on all cores
    measurements: tuple[Measurement, ...]
    growth: Growth
    end_to_end: EndToEnd | None


def run(cases: list[str], rounds: int, cores: int, config: Path | None, log: Log) -> Benchmark:
    """Measure the cases, the growth and, if a config is given, a whole experiment.

    `log` is called with a line that names what is measured next.
    """
    log("matrix product")
    peak = matrix_peak(cores, rounds)
    measurements = []
    for case in cases:
        log(f"network: {case}")
        measurements += measure(case, rounds, cores)
    log("growth")
    grown = growth(rounds)
    whole = None
    if config:
        log(f"{config}, from start to report")
        whole = end_to_end(config, cores)
    log("matrix product, again")
    peak = max(peak, matrix_peak(cores, rounds))
    return Benchmark(machine.processor(), cores, peak, tuple(measurements), grown, whole)


def table(result: Benchmark) -> list[list[str]]:
    """Return the measurements as headings and rows of text."""
    headings = [
        "network",
        "who",
        "ms per step and run",
        "fused is",
        "of the peak",
        "first epoch",
        "memory",
    ]
    fused = {
        measured.case: measured.step_milliseconds
        for measured in result.measurements
        if measured.contestant == "fused"
    }
    return [
        headings,
        *(
            [
                measured.case,
                measured.contestant,
                f"{measured.step_milliseconds:.2f}",
                f"{measured.step_milliseconds / fused[measured.case]:.1f}x as fast",
                f"{measured.gflops / result.peak_gflops:.0%}",
                f"+{measured.compile_seconds:.1f} s",
                f"{measured.memory_bytes / 1e9:.2f} GB",
            ]
            for measured in result.measurements
        ),
    ]


def contestants(cores: int, settings: Settings) -> list[Contestant]:
    """Return what is measured: plain Keras, tuned Keras, JAX and the fused engine.

    JAX takes part if it is installed and all LSTM layers of the network are plain, because its loop
    knows no others.
    """
    jax = [Contestant("jax", cores, 1)] if jax_is_installed() and _is_plain(settings) else []
    return [
        Contestant("plain", 1, 0),
        Contestant("tuned", cores, 1),
        *jax,
        Contestant("fused", cores, 1),
    ]


def jax_is_installed() -> bool:
    """Return whether the packages of the extra `[bench]` are installed, without importing them."""
    return all(importlib.util.find_spec(name) for name in ("jax", "optax"))


def _steps(case: str) -> int:
    """Return the training steps in an epoch of a case."""
    return 8 if case == "long" else 32


def settings_of(case: str, timesteps: int | None = None) -> Settings:
    """Return the settings of a case: those of the default network, with the changes of the case."""
    values = {key: dict(value) for key, value in CASES[case].items()}
    samples = {"train": 32 * _steps(case), "validation": 32, "test": 32}
    values.setdefault("data", {"family": "sines"})["samples"] = samples
    if timesteps:
        values["data"]["timesteps"] = timesteps
    return Settings.model_validate(values)


def step_flops(settings: Settings, features: int = 1) -> float:
    """Return the floating-point operations of a training step of one run.

    Only those of matrix products are counted, of which one of [m, k] and [k, n] takes 2 m k n. The
    forward pass has one product for each matrix of weights. The reverse pass has two, except for
    the gradient of the network's input, which is not needed. A decoder's constant input is counted
    at each time step, although one product would do for all of them.
    """
    network = network_of(settings.model, settings.timesteps, features)
    weights = sum(map(products, network.layers))
    first = network.lstm[0]
    unasked = sum(math.prod(first.shapes[f"{direction}kernel"]) for direction in first.directions)
    return 2.0 * settings.training.batch_size * network.timesteps * (3 * weights - unasked)


def measure(case: str, rounds: int, cores: int) -> list[Measurement]:
    """Measure every contestant of a case over some rounds; in each, every one trains one epoch."""
    settings, steps = settings_of(case), _steps(case)
    field = contestants(cores, settings)
    with ExitStack() as stack:
        teams = [
            stack.enter_context(_team(contestant, settings, rounds + 1)) for contestant in field
        ]
        first = [team.turn() for team in teams]  # builds and compiles
        turns: list[list[float]] = [[] for _ in teams]
        for _ in range(rounds):
            for team, taken in zip(teams, turns, strict=True):
                taken.append(team.turn())
        memory = [team.memory_bytes() for team in teams]
    found = []
    for contestant, begin, taken, peak in zip(field, first, turns, memory, strict=True):
        runs = contestant.processes * (
            group_size("fused", settings) if contestant.name == "fused" else 1
        )
        seconds = statistics.median(taken)
        per_step = seconds / steps / runs
        found.append(
            Measurement(
                case,
                contestant.name,
                per_step * 1e3,
                begin - seconds,
                peak,
                step_flops(settings) / per_step / 1e9,
            )
        )
    return found


def matrix_peak(cores: int, rounds: int) -> float:
    """Return the GFLOP/s of a large float32 matrix product on all cores at once.

    Each core has a process with one thread.
    """
    with _team(Contestant("peak", cores, 1), settings_of("default"), rounds + 1) as team:
        team.turn()
        best = min(team.turn() for _ in range(rounds))
    return cores * 2.0 * PEAK_SIZE**3 / best / 1e9


def growth(rounds: int) -> Growth:
    """Measure in one process whether the fused engine's time grows in proportion to its work."""
    fused, lengths = Contestant("fused", 1, 1), (30, 240)
    with ExitStack() as stack:
        teams = [
            stack.enter_context(_team(fused, settings_of("default", steps), rounds + 1))
            for steps in lengths
        ]
        for team in teams:
            team.turn()
        turns = [[team.turn() for team in teams] for _ in range(rounds)]
    short, long = (statistics.median(taken) for taken in zip(*turns, strict=True))
    with _team(Contestant("seeds", 1, 1), settings_of("small"), 2 * rounds + 1) as team:
        team.turn()
        turns = [[team.turn(), team.turn()] for _ in range(rounds)]
    few, many = (statistics.median(taken) for taken in zip(*turns, strict=True))
    return Growth(long / lengths[1] / (short / lengths[0]), many / 100 / (few / 10))


def end_to_end(config: Path, cores: int) -> EndToEnd:
    """Measure a whole experiment from start to report, and estimate what plain Keras would take.

    The estimate is for as many runs. Before the experiment and again after it, plain Keras trains
    the baseline twice in one process that has loaded TensorFlow already. The first of the two runs
    stands for the first of the experiment, and the second for all further ones, because each of
    those builds its model anew.
    """
    overrides = ("engine=fused", "tune=null")  # then no run is a tuning run, and all are alike
    experiment = study.checked(config, overrides)
    settings = experiment.settings[experiment.tasks[0], experiment.baseline]
    _refuse_what_the_loop_cannot_say(settings, config)
    runs = len(expand(experiment))
    plain = [_two_runs(settings)]
    with tempfile.TemporaryDirectory() as results:
        start = time.perf_counter()
        found = study.find(config, overrides, Path(results))
        ran = study.run(found, workers=cores, watch=_finished, log=_ignore, warn=_ignore)
        fused = time.perf_counter() - start
    if ran.failed:
        raise RuntimeError(f"{config}: some of its runs failed")
    plain.append(_two_runs(settings))
    first, further = map(statistics.mean, zip(*plain, strict=True))
    return EndToEnd(config.stem, runs, fused, first + (runs - 1) * further)


def _finished(steps: study.Steps, *_: Any) -> Iterator[sweep.Finished]:
    return (step for step in steps if isinstance(step, sweep.Finished))


def _ignore(_: str) -> None:
    """Print no message of a run."""


def _is_plain(settings: Settings) -> bool:
    """Return whether the network consists of `keras.layers.LSTM` with default arguments.

    Its activation may be another than the default, but must be the same in all layers.
    """
    model = settings.model
    plain = Model(
        encoder=model.encoder,
        latent=model.latent,
        decoder=model.decoder,
        activation=model.site("candidate"),
    )
    return settings_id(settings.model_copy(update={"model": plain})) == settings_id(settings)


def _refuse_what_the_loop_cannot_say(settings: Settings, config: Path) -> None:
    if not _is_plain(settings) or settings.training.dtype != "float32":
        raise UserError(
            f"{config}: the baseline must be a plain LSTM in float32, so that a loop of Keras can"
            " train it"
        )


def _two_runs(settings: Settings) -> tuple[float, float]:
    with _team(Contestant("whole runs", 1, 0), settings, settings.training.epochs) as team:
        return team.turn(), team.turn()


# ------------------------------------------------------------------------------- processes in turns


class _Team:
    """The processes of a contestant; each waits for its turn after every epoch."""

    def __init__(self, pipes: list[Connection]):
        self.pipes = pipes

    def turn(self) -> float:
        """Let every process train one epoch; return the seconds until the last of them is done."""
        for pipe in self.pipes:
            pipe.send("go")
        return self._largest()

    def memory_bytes(self) -> float:
        """Return the peak of the resident memory of the largest process."""
        for pipe in self.pipes:
            pipe.send("memory")
        return self._largest()

    def _largest(self) -> float:
        try:
            return max(float(pipe.recv()) for pipe in self.pipes)
        except EOFError:
            raise RuntimeError("a process of the benchmark died") from None


@contextmanager
def _team(contestant: Contestant, settings: Settings, epochs: int) -> Iterator[_Team]:
    context = multiprocessing.get_context("spawn")
    variables = dict(WORKER_ENVIRONMENT)
    if contestant.name == "jax":
        variables["NPROC"] = str(contestant.threads)  # JAX takes its number of threads from this
    if not contestant.threads:  # then it runs as if a user had started it
        variables = {key: value for key, value in variables.items() if "THREADS" not in key}
    before = dict(os.environ)
    pipes, processes = [], []
    try:
        os.environ.update(variables)
        for seed in range(contestant.processes):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(theirs, contestant.name, settings, epochs, seed), daemon=True
            )
            process.start()
            theirs.close()  # if the process dies, our `recv` then fails instead of waiting for ever
            pipes.append(ours)
            processes.append(process)
        os.environ.clear()
        os.environ.update(before)
        yield _Team(pipes)
    finally:
        for process in processes:
            process.kill()
            process.join()


def _serve(pipe: Connection, contestant: str, settings: Settings, epochs: int, seed: int) -> None:
    """Train in a process of a team, and wait between two epochs for the next turn."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # for what libraries print when they are loaded
    # TensorFlow, or JAX, is loaded before anything is timed.
    if contestant == "jax":
        from lstm_ablate.checks import handwritten_jax  # noqa: F401
    else:
        from lstm_ablate.checks import handwritten  # noqa: F401

    training = settings.training.model_copy(update={"epochs": epochs})
    settings = settings.model_copy(update={"training": training})
    started = [0.0]

    def wait() -> None:
        while (word := pipe.recv()) == "memory":
            pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        if word == "go":
            started[0] = time.perf_counter()

    def between() -> None:
        pipe.send(time.perf_counter() - started[0])
        wait()

    wait()
    _WORK[contestant](settings, seed, between)


def _by_hand(name: str) -> Callable[[Settings, int, Callable[[], None]], None]:
    def work(settings: Settings, seed: int, between: Callable[[], None]) -> None:
        from lstm_ablate.checks import handwritten

        callback = handwritten.on_epoch_end(between)
        getattr(handwritten, name)(settings, windows.of(settings.data, seed), [callback])

    return work


def _jax(settings: Settings, seed: int, between: Callable[[], None]) -> None:
    from lstm_ablate.checks import handwritten_jax

    arrays = windows.of(settings.data, seed)
    network = network_of(settings.model, *arrays.train.shape[1:])
    for _ in handwritten_jax.train(settings, arrays, initial_weights(network, seed), seed):
        between()


def _fused(settings: Settings, seed: int, between: Callable[[], None]) -> None:
    size = group_size("fused", settings)
    runs = [Run("default", "x", seed * size + k, settings, "fused") for k in range(size)]
    arrays = [windows.of(settings.data, run.seed) for run in runs]

    def on_epoch(end: EpochEnd) -> None:
        if end.index == size - 1:
            between()

    list(engines.engine("fused").train(runs, arrays, on_epoch))


def _seeds(settings: Settings, _: int, between: Callable[[], None]) -> None:
    """Train runs for two epochs: 10 runs in turn 0 and in each odd turn, 100 in the others."""
    engine, size = engines.engine("fused"), group_size("fused", settings)
    training = settings.training.model_copy(update={"epochs": 2})
    short = settings.model_copy(update={"training": training})
    for turn in range(settings.training.epochs):
        count = 10 if turn % 2 or not turn else 100
        for first in range(0, count, size):
            runs = [
                Run("default", "x", seed, short, "fused")
                for seed in range(first, min(first + size, count))
            ]
            list(
                engine.train(
                    runs, [windows.of(short.data, run.seed) for run in runs], lambda _: None
                )
            )
        between()


def _peak(settings: Settings, _: int, between: Callable[[], None]) -> None:
    from lstm_ablate.checks import handwritten

    handwritten.matrix_products(PEAK_SIZE, settings.training.epochs, between)


def _whole_runs(settings: Settings, _: int, between: Callable[[], None]) -> None:
    from lstm_ablate.checks import handwritten

    for seed in range(2):
        handwritten.plain(settings, windows.of(settings.data, seed), [])
        between()


_WORK: dict[str, Callable[[Settings, int, Callable[[], None]], None]] = {
    "plain": _by_hand("plain"),
    "tuned": _by_hand("tuned"),
    "jax": _jax,
    "fused": _fused,
    "seeds": _seeds,
    "peak": _peak,
    "whole runs": _whole_runs,
}
