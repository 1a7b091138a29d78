"""The windows of a run, drawn from a family or read from the user's own file.

Shapes: N windows, T time steps, F features; arrays [N, T, F] in float64.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lstm_ablate.experiment import settings
from lstm_ablate.experiment.identity import Purpose
from lstm_ablate.training.inputs import families, file
from lstm_ablate.training.inputs.randomness import stream

Array = NDArray[np.float64]
Files = Mapping[settings.FileData, file.Held]  # what files hold that were read elsewhere


@dataclass(frozen=True)
class Arrays:
    """A run's windows, each array [N, T, F] in float64; input and target alike.

    Runs that tune have no test windows: N is 0 there.
    """

    train: Array
    validation: Array
    test: Array


def of(
    data: settings.Data,
    seed: int,
    purpose: Purpose = "evaluation",
    files: Files = MappingProxyType({}),
) -> Arrays:
    """Return the windows of a run; each seed and purpose has windows of its own, in all parts.

    So what is lucky about a seed's test windows is part of the spread between seeds, and in every
    interval. Of a file, all seeds and purposes share the parts. Whatever they are, a run that tunes
    has no test windows, so that none can have a say in what is chosen. A file that is not among
    `files` is read. Raises UserError where a file does not hold what is asked for.
    """
    if isinstance(data, settings.FileData):
        held = files.get(data)
        train, validation, test = file.cut(data, held) if held else file.read(data)
        return Arrays(train, validation, test if purpose == "evaluation" else test[:0])

    def drawn(part: str, number: int) -> Array:
        return families.draw(data, stream(purpose, "data", part, seed), number)

    samples = data.samples
    train, validation = drawn("train", samples.train), drawn("validation", samples.validation)
    test = drawn("test", samples.test) if purpose == "evaluation" else train[:0]
    return Arrays(train, validation, test)


def files_of(every: Iterable[settings.Data]) -> Files:
    """Return what the files among some data hold, for a machine that does not have them.

    The lines of a CSV stay here: they are for messages about the file alone.
    """
    return {
        data: file.content(data)._replace(text=[], lines=[])
        for data in set(every)
        if isinstance(data, settings.FileData)
    }
