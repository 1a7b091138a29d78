"""The data of a run: the families of synthetic windows, or the user's own file."""

import json
from collections import Counter
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from lstm_ablate.experiment.field_types import Count, Frozen, Range, as_tuple


class Samples(Frozen):
    """Numbers of windows."""

    train: Annotated[Count, Field(description="windows that a run is trained on")] = 1024
    validation: Annotated[
        Count, Field(description="windows that choose the epoch, and the value where one is tuned")
    ] = 256
    test: Annotated[Count, Field(description="windows that the verdicts are about")] = 1024


class Synthetic(Frozen):
    samples: Annotated[
        Samples, Field(description="numbers of windows, drawn anew for each seed")
    ] = Samples()
    timesteps: Annotated[
        int, Field(ge=2, le=100_000, description="time steps of a window; 30 by default")
    ] = 30
    features: Annotated[
        int, Field(ge=1, le=10_000, description="numbers at a time step, each a series of its own")
    ] = 1
    noise: Annotated[
        float,
        Field(
            ge=0,
            le=1e6,
            description=(
                "standard deviation of the added noise, in units of the signal; at most 1e6"
            ),
        ),
    ] = 0.05


_Cycles = Annotated[
    Range, Field(description="cycles per window, at most 1e6, drawn uniformly from this range")
]


class Sines(Synthetic):
    """Sums of sines with random frequency, phase and amplitude."""

    family: Literal["sines"] = "sines"
    components: Annotated[
        int, Field(ge=1, le=1000, description="how many sines are added in a window")
    ] = 2
    cycles: _Cycles = (1.0, 5.0)


class Chirp(Synthetic):
    """Sines whose frequency rises or falls linearly over the window."""

    family: Literal["chirp"] = "chirp"
    start: Annotated[
        Range,
        Field(description="cycles per window at the first time step, at most 1e6"),
    ] = (0.5, 2.0)
    end: Annotated[
        Range,
        Field(description="cycles per window at the last time step, at most 1e6"),
    ] = (3.0, 6.0)


class Square(Synthetic):
    """Square waves of random frequency and phase."""

    family: Literal["square"] = "square"
    cycles: _Cycles = (1.0, 4.0)


class Autoregressive(Synthetic):
    """Stationary autoregressive process with Gaussian innovations."""

    family: Literal["ar"] = "ar"
    coefficients: Annotated[
        tuple[float, ...],
        BeforeValidator(as_tuple),
        Field(
            min_length=1,
            max_length=50,
            description="weights of the values before it, the last first; it must be stationary",
        ),
    ] = (1.5, -0.75)


class RandomWalk(Synthetic):
    """Gaussian random walk that starts at its first innovation."""

    family: Literal["random_walk"] = "random_walk"


class Lorenz(Synthetic):
    """The Lorenz system (sigma 10, rho 28, beta 8/3) on its attractor."""

    family: Literal["lorenz"] = "lorenz"
    step: Annotated[
        float,
        Field(gt=0, le=1, description="time units of the system between two samples"),
    ] = 0.05


def _distinct(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    for name, count in Counter(names or ()).items():
        if count > 1:
            shown = {"shown": json.dumps(name)}
            raise PydanticCustomError("distinct", "{shown} is named twice", shown)
    return names


class Split(Frozen):
    """Fractions of a file, in the order of its rows: training first, test last."""

    train: Annotated[
        float, Field(gt=0, lt=1, description="the first rows, which runs are trained on")
    ] = 0.7
    validation: Annotated[
        float, Field(gt=0, lt=1, description="the rows after them, which choose the epoch")
    ] = 0.15
    test: Annotated[
        float, Field(gt=0, lt=1, description="the last rows, which the verdicts are about")
    ] = 0.15


def _listed(value: object) -> object:
    """Turn `co2` into [co2]."""
    return (value,) if isinstance(value, str) else as_tuple(value)


def _separator(value: object) -> object:
    """Return the one character that separates columns; a tab has more spellings."""
    if value in ("tab", "\\t"):
        return "\t"
    if isinstance(value, str) and (
        len(value) != 1
        or value.isalnum()
        or value in "\"'+-."
        or not (value.isprintable() or value == "\t")
    ):
        wanted = {"what": 'one character such as ";", or tab'}
        raise PydanticCustomError("expected", "", wanted)
    return value


def _mark(*marks: str) -> BeforeValidator:
    """Return what allows only some characters as text."""

    def one_of(value: object) -> object:
        if value is not None and value not in marks:
            wanted = {"wanted": " or ".join(json.dumps(mark) for mark in marks)}
            raise PydanticCustomError("mark", "write {wanted}", wanted)
        return value

    return BeforeValidator(one_of)


class FileData(Frozen):
    """The user's own data: a CSV of one series, or an NPY array (samples, timesteps, features)."""

    family: Literal["file"] = "file"
    path: Annotated[
        str,
        Field(min_length=1, description="beside the config, or in the working folder"),
    ]
    digest: Annotated[
        str | None,
        Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 that the file must have"),
    ] = None
    columns: Annotated[
        Annotated[tuple[str, ...], Field(min_length=1)] | None,
        BeforeValidator(
            _listed,
            json_schema_input_type=str | Annotated[tuple[str, ...], Field(min_length=1)] | None,
        ),
        AfterValidator(_distinct),
        Field(
            description=(
                "columns of the CSV that are trained on, in this order, or the name of one; all by"
                " default, where none is an index or holds times"
            )
        ),
    ] = None
    separator: Annotated[
        str,
        BeforeValidator(_separator),
        Field(
            description=(
                "the character between two columns of the CSV, or tab; a blank stands for any"
                " number of blanks"
            ),
            json_schema_extra={"pattern": r"""^(tab|\\t|[^\w"'+.\r\n-])$"""},
        ),
    ] = ","
    decimal: Annotated[
        str,
        _mark(".", ","),
        WithJsonSchema({"enum": [".", ","]}),
        Field(description="the decimal mark of the CSV's numbers"),
    ] = "."
    thousands: Annotated[
        str | None,
        _mark(",", ".", " ", "'"),
        WithJsonSchema({"enum": [",", ".", " ", "'", None]}),
        Field(description="what groups the digits of the CSV's numbers by three; nothing if null"),
    ] = None
    skip_rows: Annotated[
        int,
        Field(
            ge=0,
            le=1_000_000,
            description="lines of the CSV before the one that names the columns",
        ),
    ] = 0
    timesteps: Annotated[
        int | None, Field(ge=2, le=100_000, description="rows in a window of a CSV; 30 by default")
    ] = None
    stride: Annotated[
        int | None,
        Field(ge=1, description="rows between the starts of two windows of a CSV; 1 by default"),
    ] = None
    split: Annotated[
        Split, Field(description="fractions of the rows, in their order; they add up to 1")
    ] = Split()
    scaling: Annotated[
        Literal["standard", "minmax", "none"],
        Field(
            description=(
                "per feature, fitted on the windows of the training part, in which a row counts as"
                " often as it occurs; what lies beyond 1e9 after it is refused"
            )
        ),
    ] = "standard"

    @property
    def is_array(self) -> bool:
        """Whether the file is an NPY array, which holds its windows as they are."""
        return self.path.lower().endswith(".npy")

    @property
    def window(self) -> tuple[int, int]:
        """Rows in a window of a CSV, and between the starts of two."""
        return self.timesteps or 30, self.stride or 1


Data = Annotated[
    Sines | Chirp | Square | Autoregressive | RandomWalk | Lorenz | FileData,
    Field(discriminator="family"),
]
