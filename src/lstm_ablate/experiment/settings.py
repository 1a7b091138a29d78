"""What a run is made of: its data, its model and its training, with types and defaults."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from lstm_ablate.experiment.data_settings import (
    Autoregressive,
    Chirp,
    Data,
    FileData,
    Lorenz,
    RandomWalk,
    Samples,
    Sines,
    Split,
    Square,
    Synthetic,
)
from lstm_ablate.experiment.field_types import (
    ActivationName,
    Fraction,
    Frozen,
    Layers,
    NotNegative,
    OptionalActivationName,
    Positive,
)

# Other rooms take every type of a setting from here.
__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Autoregressive",
    "Chirp",
    "Data",
    "FileData",
    "Head",
    "Lorenz",
    "Model",
    "Optimizer",
    "RMSprop",
    "RandomWalk",
    "Samples",
    "Settings",
    "Sines",
    "Split",
    "Square",
    "Synthetic",
    "Training",
]


class Head(Frozen):
    """Dense layers between the last LSTM layer and the linear output."""

    units: Layers
    activation: ActivationName = "relu"


# Where an activation acts, in the words of the YAML.
Site = Literal["candidate", "output", "gates", "between"]


class Model(Frozen):
    """A stacked-LSTM autoencoder; the sites where an activation acts are named as in the README."""

    encoder: Annotated[Layers, Field(description="units of the encoder's LSTM layers")] = (100, 50)
    latent: Literal["sequence", "vector"] = "sequence"
    decoder: Annotated[Layers, Field(description="units of the decoder's LSTM layers")] = (50, 100)
    activation: Annotated[
        OptionalActivationName,
        Field(description="sets candidate and output, as Keras' LSTM(activation=...)"),
    ] = None
    candidate: Annotated[
        OptionalActivationName,
        Field(description="g = candidate(z_g), the cell input; tanh by default"),
    ] = None
    output: Annotated[
        OptionalActivationName,
        Field(description="h = o * output(c), the cell output; tanh by default"),
    ] = None
    gates: Annotated[
        ActivationName, Field(description="i, f, o = gates(z); Keras' recurrent_activation")
    ] = "sigmoid"
    between: Annotated[
        ActivationName, Field(description="what the next LSTM layer reads: between(h)")
    ] = "linear"
    head: Annotated[
        Head | None, Field(description="dense layers before the linear output; none by default")
    ] = None

    def site(self, name: Site) -> str:
        """Return the activation that acts at a site, whichever keys set it.

        Greff et al. 2017 call that of `candidate` the input activation, that of `output` the output
        activation.
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
        Positive | None,
        Field(description="scale the whole gradient down to this norm; off by default"),
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


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


_ByName = Annotated[Adam | AdamW | SGD | RMSprop, Field(discriminator="name")]
Optimizer = Annotated[
    _ByName,
    BeforeValidator(
        _named, json_schema_input_type=_ByName | Literal["adam", "adamw", "sgd", "rmsprop"]
    ),
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
        """The time steps of a window; a guess for an NPY array, which only reading it tells."""
        return self.data.window[0] if isinstance(self.data, FileData) else self.data.timesteps
