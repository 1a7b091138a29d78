"""Measures what a user waits for: whole processes, from their start to their end.

Short times are also given in imports of TensorFlow, because every program that trains with it has
to wait for one. Each of them is the median over a few processes of each kind, which take turns.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lstm_ablate.errors import Log
from lstm_ablate.experiment import loading, shipped
from lstm_ablate.training.inputs import windows

# The networks that this program and a plain loop of Keras train, with tanh and with relu.
NETWORKS = {"[16, 8]": ([16, 8], [8, 16]), "[100, 50]": ([100, 50], [50, 100])}
_LONGEST = 3600.0  # seconds of a process; on two cores the longest takes about two minutes
_CONFIG = """
version: 1
name: {name}
data: {{family: sines, samples: {{train: 1024, validation: 256, test: 1024}}, timesteps: 30}}
model: {{encoder: {encoder}, decoder: {decoder}}}
training: {{epochs: {epochs}, batch_size: 32}}
seeds: {seeds}
baseline: tanh
variants: {{tanh: {{}}, relu: {{model.activation: relu}}}}
"""


@dataclass(frozen=True)
class FirstSeconds:
    """Seconds of whole processes that run configs/smoke.yaml, and of one that loads TensorFlow."""

    tensorflow: float  # one import
    from_nothing: float
    nothing_to_do: float


@dataclass(frozen=True)
class Race:
    """Seconds of whole processes that train tanh and relu: this program, and a plain Keras loop."""

    network: str
    runs: int
    epochs: int
    fused_seconds: float
    plain_seconds: float


@dataclass(frozen=True)
class Processes:
    """All that was measured of whole processes."""

    smoke: FirstSeconds
    races: tuple[Race, ...]


def measure(rounds: int, log: Log) -> Processes:
    """Measure the smoke config `rounds` times and each race once; `log` gets a line before each."""
    log("configs/smoke.yaml, whole processes")
    smoke = first_seconds(rounds)
    races = []
    for network in NETWORKS:
        log(f"{network}, tanh and relu, whole processes")
        races.append(race(network))
    return Processes(smoke, tuple(races))


def lines(measured: Processes) -> list[str]:
    """Return lines of plain text that say what was measured."""
    smoke = measured.smoke
    return [
        f"smoke from nothing: {smoke.from_nothing:.1f} s,"
        f" {smoke.from_nothing / smoke.tensorflow:.1f} imports of TensorFlow of"
        f" {smoke.tensorflow:.1f} s; with nothing to do: {smoke.nothing_to_do:.2f} s,"
        f" {smoke.nothing_to_do / smoke.tensorflow:.2f} imports",
        *(
            f"{raced.network}, {raced.runs} runs of {raced.epochs} epochs, whole processes: fused"
            f" {raced.fused_seconds:.1f} s, plain Keras {raced.plain_seconds:.1f} s:"
            f" {raced.plain_seconds / raced.fused_seconds:.1f}x"
            for raced in measured.races
        ),
    ]


def first_seconds(rounds: int) -> FirstSeconds:
    """Measure the smoke config from nothing and with nothing to do, and imports of TensorFlow."""
    taken: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "smoke.yaml")
        config.write_bytes(shipped.contents("smoke")[config.name])
        for turn in range(rounds):
            results = Path(folder, str(turn))
            taken.append(
                (
                    _seconds(["-c", "import tensorflow"]),
                    _seconds(_ours(config, results)),
                    _seconds(_ours(config, results)),
                )
            )
    return FirstSeconds(*map(statistics.median, zip(*taken, strict=True)))


def race(network: str, *, seeds: int = 4, epochs: int = 10) -> Race:
    """Measure a plain Keras loop once, and this program before it and after it."""
    encoder, decoder = NETWORKS[network]
    text = _CONFIG.format(name="race", encoder=encoder, decoder=decoder, epochs=epochs, seeds=seeds)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "race.yaml")
        config.write_text(text, encoding="utf-8")
        before = _seconds(_ours(config, Path(folder, "before")))
        plain = _seconds(_keras(config))
        after = _seconds(_ours(config, Path(folder, "after")))
    return Race(network, 2 * seeds, epochs, (before + after) / 2, plain)


def _seconds(words: Sequence[str]) -> float:
    """Return how long a process of Python takes that is started with these words."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LONGEST,
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(
            f"a process of the benchmark ended with exit code {done.returncode}\n{done.stderr}"
        )
    return seconds


def _ours(config: Path, results: Path) -> list[str]:
    return ["-m", "lstm_ablate", "run", str(config), "--results", str(results), "--quiet"]


def _keras(config: Path) -> list[str]:
    code = f"import sys; from {__name__} import loop; loop(sys.argv[1])"
    return ["-c", code, str(config)]


def loop(config: str) -> None:
    """Train each variant of a config once for each seed, as a plain loop of Keras does."""
    from lstm_ablate.checks import handwritten

    experiment = loading.load(Path(config))
    for settings in experiment.settings.values():
        for seed in experiment.seeds:
            handwritten.plain(settings, windows.of(settings.data, seed), [])
