"""How fast an engine trains on this machine: a short measured step, kept for the machine.

An epoch of a group of P runs, with S training steps over N windows of T time steps (validation
windows count a third: they have no reverse pass), takes

    S T D turn  +  P N T (cells cell + weights product)

where D counts the LSTM layers, each direction alone. So a network costs something for every step
of a loop, however small it is, something for every cell, and something for every multiplied weight.
A program is built, traced and compiled in

    build + tensors tensor

with so many tensors of weights. Three small networks give the constants: one of single units, whose
epochs are nothing but turns, a deep one and a wide one. As many workers train them at once as
would train an experiment, up to four, since they slow one another down.

On cores, seconds are those of the processor: a worker computes in one thread, and neither what else
runs on the machine nor a first import of TensorFlow from a cold disk lengthens them. So they say
what an idle machine takes; by the clock, `plan` had said 27 s for the 12 s of the smoke config when
it was asked right after the installation. On a GPU the clock says it.

What was tried: floating-point operations and turns alone, with 4 s for each program, were up to 3
times too low for networks of many narrow layers, whose time is in compilation and in what is done
cell by cell.
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

_WORKERS = 4  # that measure at once, at most
_TIMESTEPS = 20
_SAMPLES = {"train": 512, "validation": 128, "test": 32}
_NARROW: dict[str, Any] = {"encoder": [1], "decoder": [1]}
_DEEP: dict[str, Any] = {"encoder": [16] * 8, "decoder": [16]}
_WIDE: dict[str, Any] = {"encoder": [100], "decoder": [100]}
# Epochs of each, the first of which compiles: so many that they take a second or two.
_PROBES = ((_NARROW, 60), (_DEEP, 16), (_WIDE, 8))


@dataclass(frozen=True)
class Speed:
    """The seconds that an engine takes on a machine for each of the things named above, and for a
    worker to start.
    """

    start: float
    build: float
    tensor: float
    turn: float
    cell: float
    product: float

    @classmethod
    def of(cls, content: bytes) -> Self:
        """Return what a file says; raise ValueError or TypeError where it says something else."""
        values = {name: float(value) for name, value in dict(json.loads(content)).items()}
        if not all(math.isfinite(value) and value >= 0 for value in values.values()):
            raise ValueError("seconds must be finite and not negative")
        return cls(**values)

    def to_compile(self, network: Network) -> float:
        """Return the seconds that a program takes to be built, traced and compiled."""
        return self.build + self.tensor * _tensors(network)

    def of_epoch(
        self, settings: Settings, network: Network, train: int, validation: int, group: int
    ) -> float:
        """Return the seconds of an epoch of a group, with so many windows of each part."""
        work = _Work.of(settings, network, train, validation, group)
        return work.turns * self.turn + work.cells * self.cell + work.products * self.product


@dataclass(frozen=True)
class _Work:
    """How often an epoch does what `turn`, `cell` and `product` are the seconds of."""

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
    """Return the cells of a layer, each counted once more for every key that adds a pass over them.

    Measured, an epoch of `graves` takes 0.24 s, of `elmo` 0.14 s and of `initial` with
    normalization 0.17 s. Counted like this two measurements of the machine make them 0.19 and 0.23,
    0.14 and 0.17, 0.14 and 0.17 s; without it 0.15 and 0.17, 0.11 and 0.12, 0.12 and 0.13 s.
    """
    if isinstance(layer, Dense):
        return layer.cells
    return layer.cells * (1 + layer.peepholes + layer.normalized + (layer.projection is not None))


def _tensors(network: Network) -> int:
    return sum(len(layer.shapes) for layer in network.layers)


# ----------------------------------------------------------------------------------- kept in a file


def kept(engine: str) -> Speed | None:
    """Return the speed of an engine that was measured on this machine before, if there is one."""
    try:
        return Speed.of(files.read(path_of(engine)))
    except (OSError, RuntimeError, ValueError, TypeError):
        return None


def keep(engine: str, speed: Speed) -> None:
    """Keep a speed for later calls, unless the folder for that cannot be written."""
    with suppress(OSError, RuntimeError):
        path = path_of(engine)
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace(path, json.dumps(asdict(speed)) + "\n")


def path_of(engine: str) -> Path:
    """Return where the speed of an engine on this machine is kept.

    That is in the user's cache folder (XDG_CACHE_HOME, or ~/.cache), in a file for each processor,
    number of cores, set of GPUs and of versions, and content of the engines: from a clone the
    version stays as it is while the code changes. Raises RuntimeError where the user has no home.
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
    """Measure the speed of an engine in workers, in some 20 seconds; None where one fails."""
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
    """The seconds that a network took to compile, in each worker, and those of each epoch."""

    compiled: tuple[float, ...]
    epochs: tuple[float, ...]


def _together(timed: Sequence[_Timed]) -> tuple[float, float]:
    """Return the median seconds to compile, and of an epoch, over all workers."""
    compiled = [seconds for one in timed for seconds in one.compiled]
    epochs = [seconds for one in timed for seconds in one.epochs]
    return statistics.median(compiled), statistics.median(epochs)


def _time_all(order: tuple[str, int], send: Callable[[Any], None]) -> list[_Timed]:
    """Time every network in a worker; it says how many seconds its start has taken."""
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
    """Return the constants that the narrow, the deep and the wide network give, of each of which
    the seconds to compile and of an epoch are given.
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
    # Two equations in what a cell and a product take. Where one of them comes out below 0, as by
    # chance, the other has it all.
    determinant = deep.cells * wide.products - wide.cells * deep.products
    cell = (of_deep * wide.products - of_wide * deep.products) / determinant
    product = (of_wide * deep.cells - of_deep * wide.cells) / determinant
    if cell < 0:
        cell, product = 0.0, of_wide / wide.products
    elif product < 0:
        cell, product = of_deep / deep.cells, 0.0
    few, many, _ = map(_tensors, networks)  # the wide network has as many as the narrow one
    shallow = (compiled + compiled_wide) / 2
    tensor = max(0.0, (compiled_deep - shallow) / (many - few))
    build = max(0.0, shallow - few * tensor)
    return Speed(start=start, build=build, tensor=tensor, turn=turn, cell=cell, product=product)
