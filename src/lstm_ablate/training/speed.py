"""How fast an engine trains on this machine, measured in a short time and kept for later calls.

An epoch of a group of P runs, with S training steps over N windows of T time steps (a validation
window counts as a third, because it has no reverse pass), takes

    S T D turn  +  P N T (cells cell + weights product)

where D counts the LSTM layers, each direction by itself. So a network costs something for every
step of a loop, however small the network is, something for every cell, and something for every
multiplied weight. A program is built, traced and compiled in

    build + tensors tensor + kinds kind

where `tensors` counts the tensors of weights, and `kinds` the LSTM layers of different sizes or
activations, each direction by itself, because the compiler does once what equal layers have in
common: a network of five layers of two kinds took 3.4 s, one of four layers of four kinds 4.3 s.
Three small networks give the constants: one of single units, whose epochs consist of nothing but
turns, a deep one of two kinds, and a wide one of four. As many workers train them at once as would
train an experiment, up to four, since workers slow each other down.

On cores, seconds are those of the processor. A worker computes in one thread, so neither other work
on the machine nor a first import of TensorFlow from a cold disk makes them more, and they say what
an idle machine takes. When seconds were those of the clock, `plan` said 27 s for the smoke config,
which took 12 s, if it was asked right after the installation. On a GPU they are those of the clock.

A simpler rule was tried: floating-point operations and turns alone, and 4 s for each program. It
was up to 3 times too low for networks of many narrow layers, which spend their time in compilation
and in what is done cell by cell.
"""

import hashlib
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from lstm_ablate import machine
from lstm_ablate.experiment.network import Dense, Layer, Network, network_of
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.experiment.sizes import WORKER_BYTES, weights
from lstm_ablate.store import files
from lstm_ablate.training import engines, variables
from lstm_ablate.training.engines import EpochEnd
from lstm_ablate.training.executors import Done, Execute, Failed, Progress
from lstm_ablate.training.inputs import windows

_WORKERS = 4  # at most, that measure at once
_TIMESTEPS = 20
_SAMPLES = {"train": 512, "validation": 128, "test": 32}
_NARROW: dict[str, Any] = {"encoder": [1], "decoder": [1]}
_DEEP: dict[str, Any] = {"encoder": [16] * 8, "decoder": [16]}
_WIDE: dict[str, Any] = {"encoder": [80, 50], "decoder": [50, 80]}
# The networks, each with its number of epochs, which takes a second or two. The first compiles.
_PROBES = ((_NARROW, 60), (_DEEP, 16), (_WIDE, 8))


@dataclass(frozen=True)
class Speed:
    """The seconds that an engine takes for each constant above, and those to start a worker."""

    start: float
    build: float
    tensor: float
    kind: float
    turn: float
    cell: float
    product: float

    @classmethod
    def of(cls, content: bytes) -> Self:
        """Return the speed that a file holds; raise ValueError or TypeError if it holds none."""
        values = {name: float(value) for name, value in dict(json.loads(content)).items()}
        if not all(math.isfinite(value) and value >= 0 for value in values.values()):
            raise ValueError("seconds must be finite and not negative")
        return cls(**values)

    def to_compile(self, network: Network) -> float:
        """Return the seconds that a program takes to be built, traced and compiled."""
        return self.build + self.tensor * _tensors(network) + self.kind * _kinds(network)

    def of_epoch(
        self, settings: Settings, network: Network, train: int, validation: int, group: int
    ) -> float:
        """Return the seconds of an epoch of a group of `group` runs.

        `train` and `validation` are numbers of windows.
        """
        work = _Work.of(settings, network, train, validation, group)
        return work.turns * self.turn + work.cells * self.cell + work.products * self.product


@dataclass(frozen=True)
class _Work:
    """How often an epoch does that which takes `turn`, `cell` and `product` seconds."""

    turns: float
    cells: float
    products: float

    @classmethod
    def of(
        cls, settings: Settings, network: Network, train: int, validation: int, group: int
    ) -> Self:
        steps = -(-train // settings.training.batch_size)
        each = group * network.timesteps * (train + validation / 3)
        return cls(
            turns=steps * network.timesteps * sum(len(layer.directions) for layer in network.lstm),
            cells=each * sum(map(_cells, network.hidden)),
            products=each * weights(network),
        )


def _cells(layer: Layer) -> int:
    """Return the cells of a layer, counted once more for every key that adds a pass over them.

    An epoch of `graves` took 0.24 s, one of `elmo` 0.14 s, and one of `initial` with normalization
    0.17 s. By this count, two measurements of the machine predict 0.19 and 0.23 s, 0.14 and 0.17 s,
    0.14 and 0.17 s. Counting each cell once they predict 0.15 and 0.17 s, 0.11 and 0.12 s, 0.12 and
    0.13 s.
    """
    if isinstance(layer, Dense):
        return layer.cells
    return layer.cells * (1 + layer.peepholes + layer.normalized + (layer.projection is not None))


def _tensors(network: Network) -> int:
    return sum(len(layer.shapes) for layer in network.layers)


def _kinds(network: Network) -> int:
    return len(
        {
            (direction, layer.inputs, layer.units, layer.candidate, layer.output, layer.gates)
            for layer in network.lstm
            for direction in layer.directions
        }
    )


# ----------------------------------------------------------------------------------- kept in a file


def kept(engine: str) -> Speed | None:
    """Return the speed of an engine that was measured on this machine before, if there is one."""
    try:
        return Speed.of(files.read(path_of(engine)))
    except (OSError, RuntimeError, ValueError, TypeError):
        return None


def keep(engine: str, speed: Speed) -> None:
    """Keep a speed for later calls, unless its folder cannot be written."""
    with suppress(OSError, RuntimeError):
        path = path_of(engine)
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace(path, json.dumps(asdict(speed)) + "\n")


def path_of(engine: str) -> Path:
    """Return where the speed of an engine on this machine is kept.

    It is in the user's cache folder (XDG_CACHE_HOME, or ~/.cache). There is a file for each
    processor, number of cores, set of GPUs, set of versions, and content of the engines' files,
    because in a clone the code changes while the version does not. Raises RuntimeError if the user
    has no home.
    """
    given = os.environ.get("XDG_CACHE_HOME", "")
    folder = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
    code = hashlib.sha256()
    for path in sorted(Path(engines.__file__).parent.glob("*.py")):
        code.update(path.read_bytes())
    key = [
        engine,
        machine.processor()["name"],
        machine.cores(),
        [gpu.uuid for gpu in machine.gpus()],
        machine.versions(),
        code.hexdigest(),
    ]
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    return folder / "lstm-ablate" / f"speed-{name}.json"


# ----------------------------------------------------------------------------------------- measured


def measured(engine: str, execute: Execute) -> Speed | None:
    """Measure the speed of an engine in workers, in about 20 seconds; None if one of them fails."""
    fitting = int(machine.memory_bytes() / (2 * WORKER_BYTES))
    workers = max(1, min(_WORKERS, len(machine.gpus()) or machine.cores(), fitting))
    starts: list[float] = []
    found: list[list[_Timed]] = []
    events = execute(
        _time_all,
        [(engine, number) for number in range(workers)],
        key=lambda order: order,
        workers=workers,
        environment=variables.worker_environment,
    )
    with closing(events):
        for event in events:
            if isinstance(event, Progress):
                starts.append(event.message)
            elif isinstance(event, Done):
                found.append(event.value)
            elif isinstance(event, Failed):
                return None
    by_network = zip(*found, strict=True)
    return _solved(statistics.median(starts), [_together(timed) for timed in by_network], engine)


@dataclass(frozen=True)
class _Timed:
    """The seconds in which workers compiled a network, and those of each of its epochs."""

    compiled: tuple[float, ...]
    epochs: tuple[float, ...]


def _together(timed: Sequence[_Timed]) -> tuple[float, float]:
    """Return the median over all workers of the seconds to compile, and that of an epoch."""
    compiled = [seconds for worker in timed for seconds in worker.compiled]
    epochs = [seconds for worker in timed for seconds in worker.epochs]
    return statistics.median(compiled), statistics.median(epochs)


def _time_all(order: tuple[str, int], send: Callable[[Any], None]) -> list[_Timed]:
    """Time every network in a worker, after sending how many seconds the worker took to start."""
    name, _ = order
    engine = engines.engine(name)
    send(time.process_time())
    return [_timed(engine, _run(model, epochs, name)) for model, epochs in _PROBES]


def _run(model: dict[str, Any], epochs: int, engine: str) -> Run:
    data = {"family": "sines", "samples": _SAMPLES, "timesteps": _TIMESTEPS}
    values = {"data": data, "model": model, "training": {"epochs": epochs}}
    return Run("speed", "speed", 0, Settings.model_validate(values), engine)


def _timed(engine: Any, run: Run) -> _Timed:
    group, arrays = [run] * run.group_size, windows.of(run.settings.data, run.seed)
    now = time.perf_counter if machine.gpus() else time.process_time
    ends: list[float] = []

    def on_epoch(end: EpochEnd) -> None:
        if end.index == 0:
            ends.append(now())

    start = now()
    list(engine.train(group, [arrays] * len(group), on_epoch))
    evaluated = now() - ends[-1]
    epochs = tuple(after - before for before, after in pairwise(ends))
    compiled = ends[0] - start - statistics.median(epochs) + evaluated
    return _Timed((compiled,), epochs)


def _solved(start: float, timed: Sequence[tuple[float, float]], engine: str) -> Speed:
    """Return the constants, given the seconds to compile and of an epoch for each network.

    The networks are the narrow, the deep and the wide one.
    """
    runs = [_run(model, epochs, engine) for model, epochs in _PROBES]
    networks = [network_of(run.settings.model, _TIMESTEPS, 1) for run in runs]
    windows_of = _SAMPLES["train"], _SAMPLES["validation"]
    narrow, deep, wide = (
        _Work.of(run.settings, network, *windows_of, run.group_size)
        for run, network in zip(runs, networks, strict=True)
    )
    (compiled, epoch), (compiled_deep, epoch_deep), (compiled_wide, epoch_wide) = timed
    turn = epoch / narrow.turns
    of_deep = max(0.0, epoch_deep - deep.turns * turn)
    of_wide = max(0.0, epoch_wide - wide.turns * turn)
    # These are two equations in the seconds of a cell and of a product. If one of these comes out
    # below 0, as may happen by chance, all the time is counted for the other.
    determinant = deep.cells * wide.products - wide.cells * deep.products
    cell = (of_deep * wide.products - of_wide * deep.products) / determinant
    product = (of_wide * deep.cells - of_deep * wide.cells) / determinant
    if cell < 0:
        cell, product = 0.0, of_wide / wide.products
    elif product < 0:
        cell, product = of_deep / deep.cells, 0.0
    build, tensor, kind = _of_compilation(networks, (compiled, compiled_deep, compiled_wide))
    return Speed(start, build, tensor, kind, turn, cell, product)


def _of_compilation(
    networks: Sequence[Network], seconds: Sequence[float]
) -> tuple[float, float, float]:
    """Return the seconds to build a program, and those for each tensor and each kind of layer.

    The networks are the narrow, the deep and the wide one. If the time for a tensor or a kind comes
    out below 0, as may happen by chance, the other one takes it all.
    """
    (few, one), (many, two), (some, four) = ((_tensors(net), _kinds(net)) for net in networks)
    of_deep, of_wide = seconds[1] - seconds[0], seconds[2] - seconds[0]
    determinant = (many - few) * (four - one) - (some - few) * (two - one)
    tensor = (of_deep * (four - one) - of_wide * (two - one)) / determinant
    kind = (of_wide * (many - few) - of_deep * (some - few)) / determinant
    if tensor < 0:
        tensor, kind = 0.0, max(0.0, of_wide / (four - one))
    elif kind < 0:
        tensor, kind = max(0.0, of_deep / (many - few)), 0.0
    return max(0.0, seconds[0] - few * tensor - one * kind), tensor, kind
