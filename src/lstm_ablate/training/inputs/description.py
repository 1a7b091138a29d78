"""What a file of the user's own holds, as `plan` shows it and as a careful reader doubts it."""

from pathlib import Path
from typing import NamedTuple

from lstm_ablate.errors import UserError, printable
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.settings import FileData
from lstm_ablate.training.inputs import drift, faults, file, stretches

_FIRST = 5  # values of a column that are shown


class Column(NamedTuple):
    """A column of a CSV or a feature of an array: its first values, and its least and greatest."""

    name: str
    first: list[float]
    least: float
    greatest: float


class Part(NamedTuple):
    """A part of a file: its rows, None of an array, and its windows."""

    name: str
    rows: int | None
    windows: int


class Description(NamedTuple):
    """A file as it is read, before it is scaled; `stride` is None of an array."""

    tasks: list[str]
    path: str
    timesteps: int
    stride: int | None
    parts: list[Part]
    columns: list[Column]

    @property
    def is_array(self) -> bool:
        """Whether the file holds its windows."""
        return self.stride is None


def of(experiment: Experiment) -> list[Description]:
    """Return what each of an experiment's files holds, with the tasks that read it so."""
    tasks: dict[FileData, list[str]] = {}
    for (task, _), settings in experiment.settings.items():
        if isinstance(settings.data, FileData) and task not in tasks.setdefault(settings.data, []):
            tasks[settings.data].append(task)
    return [_describe(data, reading) for data, reading in tasks.items()]


def _describe(data: FileData, tasks: list[str]) -> Description:
    held = file.content(data)
    numbers = held.numbers
    flat = numbers.reshape(-1, numbers.shape[-1])
    columns = [
        Column(name, values[:_FIRST].tolist(), float(values.min()), float(values.max()))
        for name, values in zip(held.names, flat.T, strict=True)
    ]
    timesteps, stride = (numbers.shape[1], 1) if data.is_array else data.window
    parts = []
    for name, part in zip(faults.PARTS, file.split(numbers, data), strict=True):
        rows = len(part)
        windows = rows if data.is_array else (rows - timesteps) // stride + 1
        parts.append(Part(name, None if data.is_array else rows, windows))
    step = None if data.is_array else stride
    return Description(tasks, data.path, timesteps, step, parts, columns)


class Notice(NamedTuple):
    """What a reader of a file should know, at a line of a CSV or of all of it."""

    path: Path
    line: int | None
    text: str

    @property
    def message(self) -> str:
        """The notice as a message says it, with the whole path; it stops nothing."""
        place = f"{self.path}{'' if self.line is None else f':{self.line}'}"
        return f"{place}: {faults.WARNING}{self.text}"

    @property
    def sentence(self) -> str:
        """The notice as a sentence of a report, wherever the file may lie by then."""
        where = "" if self.line is None else f", line {self.line}"
        return printable(f"{self.path.name}{where}: {self.text}.")


def notices(data: FileData) -> list[Notice]:
    """Return what a reader of a file should know before training on it: gaps and repeats in its
    times, stretches of one value, parts that lie elsewhere. Raises UserError where its rows are not
    in the order of their times.
    """
    held, path = file.content(data), Path(data.path)
    names = file.shown(held.names, data)
    elsewhere = drift.between(names, file.split(held.numbers, data))
    if data.is_array:
        texts = [*stretches.in_windows(held.numbers), *elsewhere]
        return [Notice(path, None, text) for text in texts]
    order = faults.order(data, held.text, held.lines)
    if order.wrong:
        raise UserError(*(f"{path}:{line}: {text}" for line, text in order.wrong))
    timesteps, _ = data.window
    flat_stretches = stretches.in_rows(held.names, held.numbers, held.lines, timesteps)
    return [
        *(Notice(path, line, text) for line, text in [*order.notices, *flat_stretches]),
        *(Notice(path, None, text) for text in elsewhere),
    ]
