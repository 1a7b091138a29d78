"""What a run is made of: its data, its model and its training, every value with its type, range and default."""

import json
import re
from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from lstm_ablate.errors import did_you_mean
from lstm_ablate.experiment.activations import ACTIVATIONS

MAX_RUNS = 1_000_000

# ---------------------------------------------------------------------------------------------- field types


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def _activation(name: str) -> str:
    if name not in ACTIVATIONS:
        raise PydanticCustomError(
            "activation",
            "{shown} is not an activation.{hint}\n  known: {known}   (`lstm-ablate activations` shows their formulas)",
            {
                "shown": json.dumps(name, ensure_ascii=False),
                "hint": did_you_mean(name, ACTIVATIONS),
                "known": ", ".join(ACTIVATIONS),
            },
        )
    return name


def _seeds(value: Any) -> Any:
    """Turn n into 0..n-1 and check a list of seeds."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= MAX_RUNS:
            raise PydanticCustomError("seeds", "a number of seeds is between 1 and 1,000,000")
        return tuple(range(value))
    if not isinstance(value, list) or not value:
        raise PydanticCustomError("seeds", "write a number of seeds, or a list of whole numbers from 0, such as [0, 7]")
    seen: set[int] = set()
    for seed in value:
        if type(seed) is not int or not 0 <= seed < 2**63:
            shown = {"shown": json.dumps(seed)[:80]}
            raise PydanticCustomError("seeds", "a seed is a whole number from 0 to 2^63 - 1; {shown} is none", shown)
        if seed in seen:
            raise PydanticCustomError("seeds", "the seed {seed} is named twice", {"seed": seed})
        seen.add(seed)
    return tuple(value)


def _margin(value: Any) -> Any:
    """Turn '10%' into 0.1."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]+(\.[0-9]+)?%", value):
        return float(value[:-1]) / 100
    if isinstance(value, str):
        raise PydanticCustomError("margin", "write a percentage such as 10%, or a fraction such as 0.1")
    return value


def _count_or_auto(value: Any) -> Any:
    if value != "auto" and not (type(value) is int and 1 <= value <= 1024):
        raise PydanticCustomError("count_or_auto", "write auto, or a whole number from 1")
    return value


def _range(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise PydanticCustomError("range", "the lower end of the range comes first")
    return value


def _optimizer(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _distinct(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
    for name, count in Counter(names or ()).items():
        if count > 1:
            raise PydanticCustomError("distinct", "{shown} is named twice", {"shown": json.dumps(name)})
    return names


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


ActivationName = Annotated[str, AfterValidator(_activation), WithJsonSchema({"enum": list(ACTIVATIONS)})]
Units = Annotated[int, Field(ge=1, le=65536)]
Layers = Annotated[tuple[Units, ...], BeforeValidator(_tuple), Field(min_length=1, max_length=100)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Cycles = Annotated[float, Field(gt=0, le=1e6)]
Range = Annotated[tuple[Cycles, Cycles], BeforeValidator(_tuple), AfterValidator(_range)]
Seeds = Annotated[
    tuple[int, ...],
    BeforeValidator(_seeds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_RUNS},
                {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 0},
                    "minItems": 1,
                    "uniqueItems": True,
                },
            ],
        }
    ),
]
CountOrAuto = Annotated[
    int | Literal["auto"],
    BeforeValidator(_count_or_auto),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 1024}, {"const": "auto"}]}),
]
Margin = Annotated[
    float,
    Field(gt=0, lt=1),
    BeforeValidator(_margin),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$"},
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            ],
        }
    ),
]


# --------------------------------------------------------------------------------------------------- data


class Samples(Frozen):
    """Numbers of windows."""

    train: Count = 1024
    validation: Count = 256
    test: Count = 1024


class Synthetic(Frozen):
    samples: Samples = Samples()
    timesteps: Annotated[int, Field(ge=2, le=100_000)] = 30
    features: Annotated[int, Field(ge=1, le=10_000)] = 1
    noise: Annotated[
        float,
        Field(ge=0, le=1e6, description="standard deviation of the added noise, in units of the signal; at most 1e6"),
    ] = 0.05


class Sines(Synthetic):
    """Sums of sines with random frequency, phase and amplitude."""

    family: Literal["sines"] = "sines"
    components: Annotated[int, Field(ge=1, le=1000)] = 2
    cycles: Annotated[Range, Field(description="cycles per window, at most 1e6, drawn uniformly from this range")] = (
        1.0,
        5.0,
    )


class Chirp(Synthetic):
    """Sines whose frequency rises or falls linearly over the window."""

    family: Literal["chirp"] = "chirp"
    start: Annotated[Range, Field(description="cycles per window at the first time step, at most 1e6")] = (0.5, 2.0)
    end: Annotated[Range, Field(description="cycles per window at the last time step, at most 1e6")] = (3.0, 6.0)


class Square(Synthetic):
    """Square waves of random frequency and phase."""

    family: Literal["square"] = "square"
    cycles: Annotated[Range, Field(description="cycles per window, at most 1e6, drawn uniformly from this range")] = (
        1.0,
        4.0,
    )


class Autoregressive(Synthetic):
    """Stationary autoregressive process with Gaussian innovations."""

    family: Literal["ar"] = "ar"
    coefficients: Annotated[tuple[float, ...], BeforeValidator(_tuple), Field(min_length=1, max_length=50)] = (
        1.5,
        -0.75,
    )


class RandomWalk(Synthetic):
    """Gaussian random walk that starts at its first innovation."""

    family: Literal["random_walk"] = "random_walk"


class Lorenz(Synthetic):
    """The Lorenz system (sigma 10, rho 28, beta 8/3) on its attractor."""

    family: Literal["lorenz"] = "lorenz"
    step: Annotated[float, Field(gt=0, le=1, description="time units of the system between two samples")] = 0.05


class Split(Frozen):
    """Fractions of a file, in the order of its rows: training first, test last."""

    train: Annotated[float, Field(gt=0, lt=1)] = 0.7
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.15
    test: Annotated[float, Field(gt=0, lt=1)] = 0.15


class FileData(Frozen):
    """The user's own data: a CSV file of one long series, or an NPY array (samples, timesteps, features)."""

    family: Literal["file"] = "file"
    path: Annotated[str, Field(min_length=1, description="beside the config, or in the working folder")]
    digest: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 that the file must have")] = (
        None
    )
    columns: Annotated[
        Annotated[tuple[str, ...], Field(min_length=1)] | None,
        BeforeValidator(_tuple),
        AfterValidator(_distinct),
        Field(description="columns of the CSV; all by default"),
    ] = None
    timesteps: Annotated[
        int | None, Field(ge=2, le=100_000, description="rows in a window of a CSV; 30 by default")
    ] = None
    stride: Annotated[
        int | None, Field(ge=1, description="rows between the starts of two windows of a CSV; 1 by default")
    ] = None
    split: Split = Split()
    scaling: Annotated[
        Literal["standard", "minmax", "none"],
        Field(description="per feature, fitted on the training part; what lies beyond 1e9 after it is refused"),
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
    Sines | Chirp | Square | Autoregressive | RandomWalk | Lorenz | FileData, Field(discriminator="family")
]


# -------------------------------------------------------------------------------------- model and training


class Head(Frozen):
    """Dense layers between the last LSTM layer and the linear output."""

    units: Layers
    activation: ActivationName = "relu"


Site = Literal["candidate", "output", "gates", "between"]  # where an activation acts, in the words of the YAML


class Model(Frozen):
    """A stacked-LSTM autoencoder; the sites where an activation acts are named as in the README."""

    encoder: Annotated[Layers, Field(description="units of the encoder's LSTM layers")] = (100, 50)
    latent: Literal["sequence", "vector"] = "sequence"
    decoder: Annotated[Layers, Field(description="units of the decoder's LSTM layers")] = (50, 100)
    activation: Annotated[
        ActivationName | None, Field(description="sets candidate and output, as Keras' LSTM(activation=...)")
    ] = None
    candidate: Annotated[
        ActivationName | None, Field(description="g = candidate(z_g), the cell input; tanh by default")
    ] = None
    output: Annotated[
        ActivationName | None, Field(description="h = o * output(c), the cell output; tanh by default")
    ] = None
    gates: Annotated[ActivationName, Field(description="i, f, o = gates(z); Keras' recurrent_activation")] = "sigmoid"
    between: Annotated[ActivationName, Field(description="what the next LSTM layer reads: between(h)")] = "linear"
    head: Annotated[Head | None, Field(description="dense layers before the linear output; none by default")] = None

    def site(self, name: Site) -> str:
        """Return the activation that acts at a site, whichever keys set it.

        Greff et al. 2017 call that of `candidate` the input activation, that of `output` the output activation.
        """
        match name:
            case "candidate":
                return self.candidate or self.activation or "tanh"
            case "output":
                return self.output or self.activation or "tanh"
            case "gates":
                return self.gates
            case "between":
                return self.between

    def formula(self) -> str:
        """Return what the sites compute; those at Keras' default are named only for the cell."""
        parts = [f"g = {self.site('candidate')}(z_g)", f"h = o * {self.site('output')}(c)"]
        if self.gates != "sigmoid":
            parts.insert(0, f"i, f, o = {self.gates}(z)")
        if self.between != "linear":
            parts.append(f"y = {self.between}(h)")
        if self.head:
            parts.append(f"head = {self.head.activation}{list(self.head.units)}")
        return "; ".join(parts)


class _Optimizer(Frozen):
    global_clipnorm: Annotated[
        Positive | None, Field(description="scale the whole gradient down to this norm; off by default")
    ] = None


class Adam(_Optimizer):
    """Kingma & Ba 2015."""

    name: Literal["adam"] = "adam"
    learning_rate: Positive = 1e-3
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-7


class AdamW(_Optimizer):
    """Loshchilov & Hutter 2019."""

    name: Literal["adamw"] = "adamw"
    learning_rate: Positive = 1e-3
    weight_decay: NotNegative = 0.004
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-7


class SGD(_Optimizer):
    """Gradient descent, with momentum where asked for."""

    name: Literal["sgd"] = "sgd"
    learning_rate: Positive = 1e-2
    momentum: Fraction = 0.0
    nesterov: bool = False


class RMSprop(_Optimizer):
    """Tieleman & Hinton 2012."""

    name: Literal["rmsprop"] = "rmsprop"
    learning_rate: Positive = 1e-3
    rho: Fraction = 0.9
    momentum: Fraction = 0.0
    epsilon: Positive = 1e-7


_OneOptimizer = Annotated[Adam | AdamW | SGD | RMSprop, Field(discriminator="name")]
Optimizer = Annotated[
    _OneOptimizer,
    BeforeValidator(_optimizer, json_schema_input_type=_OneOptimizer | Literal["adam", "adamw", "sgd", "rmsprop"]),
]


class Training(Frozen):
    """How a model is fitted."""

    epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    batch_size: Annotated[int, Field(ge=1)] = 32
    optimizer: Optimizer = Adam()
    loss: Literal["mse", "mae", "huber"] = "mse"
    select: Annotated[
        Literal["best", "last"],
        Field(description="the weights judged on test: best validation epoch, or last"),
    ] = "best"
    dtype: Literal["float32", "float64"] = "float32"


class Settings(Frozen):
    """Everything that decides a run's numbers, but for its seed and engine."""

    data: Data = Sines()
    model: Model = Model()
    training: Training = Training()

    @property
    def timesteps(self) -> int:
        """Time steps of a window; of an NPY array, which only reading it tells, a guess."""
        return self.data.window[0] if isinstance(self.data, FileData) else self.data.timesteps

    def identity(self) -> dict[str, Any]:
        """Return the canonical values: equal for settings that mean the same training."""
        values = self.model_dump(mode="json")
        model = values["model"]
        del model["activation"]
        model["candidate"], model["output"] = self.model.site("candidate"), self.model.site("output")
        if isinstance(self.data, FileData):
            del values["data"]["path"]  # the content counts, wherever it lies
            if not self.data.is_array:
                values["data"]["timesteps"], values["data"]["stride"] = self.data.window
        return values
