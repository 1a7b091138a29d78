"""What a run is made of: its data, its model and its training, with types and defaults."""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from lstm_ablate.experiment.data_settings import Data, FileData, Sines
from lstm_ablate.experiment.field_types import (
    ActivationName,
    Directions,
    Fraction,
    Frozen,
    Layers,
    NotNegative,
    OptionalSiteActivations,
    Positive,
    SiteActivations,
    Stack,
    Units,
)

# Other rooms take every type of a setting from here, but for the families of data.
__all__ = [
    "SGD",
    "SITES",
    "Adam",
    "AdamW",
    "Data",
    "FileData",
    "Head",
    "Initializers",
    "Model",
    "Optimizer",
    "RMSprop",
    "Settings",
    "Site",
    "Training",
]


class Head(Frozen):
    """Dense layers between the last LSTM layer and the linear output."""

    units: Annotated[Layers, Field(description="units of each dense layer, such as [64]")]
    activation: Annotated[
        ActivationName, Field(description="that of every dense layer; relu by default")
    ] = "relu"


# Where an activation acts, in the words of the YAML.
Site = Literal["candidate", "output", "gates", "between"]
SITES: tuple[Site, ...] = ("candidate", "output", "gates", "between")

KernelInitializer = Literal[
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
]
RecurrentInitializer = Literal["orthogonal", "glorot_uniform", "glorot_normal"]


class Initializers(NamedTuple):
    """From which distributions initial weights are drawn, by Keras' names."""

    kernel: KernelInitializer = "glorot_uniform"
    recurrent: RecurrentInitializer = "orthogonal"
    unit_forget_bias: bool = True


def _mirrored(values: dict[str, Any]) -> tuple[int, ...]:
    """Return the decoder of a model that names none: its encoder from the last layer to the first,
    so that a change of the encoder alone leaves no decoder of another network behind.
    """
    encoder: tuple[int, ...] = values["encoder"]
    return encoder[::-1]


class Model(Frozen):
    """A stacked-LSTM autoencoder: its layers, and the activation at each place."""

    encoder: Annotated[
        Stack,
        Field(
            description=(
                "units of the encoder's LSTM layers, such as [100, 50], or {units: 32, layers: 4}"
            )
        ),
    ] = (100, 50)
    latent: Annotated[
        Literal["sequence", "vector"],
        Field(description="what the decoder sees: every output of the encoder, or the last alone"),
    ] = "sequence"
    decoder: Stack = Field(
        default_factory=_mirrored,
        description=(
            "units of the decoder's LSTM layers, such as [50, 100], or {units: 32, layers: 4}; by"
            " default those of the encoder in reverse order"
        ),
    )
    activation: Annotated[
        OptionalSiteActivations,
        Field(
            description=(
                "sets candidate and output, as Keras' LSTM(activation=...); one name, or one"
                " for each LSTM layer"
            )
        ),
    ] = None
    candidate: Annotated[
        OptionalSiteActivations,
        Field(
            description=(
                "g = candidate(z_g), the cell input; tanh by default; one name, or one for"
                " each LSTM layer"
            )
        ),
    ] = None
    output: Annotated[
        OptionalSiteActivations,
        Field(
            description=(
                "h = o * output(c), the cell output; tanh by default; one name, or one for"
                " each LSTM layer"
            )
        ),
    ] = None
    gates: Annotated[
        SiteActivations,
        Field(
            description=(
                "i, f, o = gates(z), Keras' recurrent_activation; one name, or one for each"
                " LSTM layer"
            )
        ),
    ] = "sigmoid"
    between: Annotated[
        SiteActivations,
        Field(
            description=(
                "what the next LSTM layer reads: between(h); one name, or one for each LSTM"
                " layer but the last: the code between encoder and decoder is among them"
            )
        ),
    ] = "linear"
    head: Annotated[
        Head | None, Field(description="dense layers before the linear output; none by default")
    ] = None
    bidirectional: Annotated[
        Directions,
        Field(
            description=(
                "a second direction reads the layer's input from its end, and the next layer reads"
                " both: in all layers, or in those of one part"
            )
        ),
    ] = False
    peepholes: Annotated[
        bool,
        Field(description="the gates see the cell: i and f that of before, o the new one"),
    ] = False
    projection: Annotated[
        Units | None,
        Field(description="h = P (o * output(c)) of so many numbers; no projection by default"),
    ] = None
    residual: Annotated[
        bool,
        Field(
            description=(
                "a layer's input is added to its output where their sizes agree, from the second"
                " layer on"
            )
        ),
    ] = False
    cell_clip: Annotated[
        Positive | None, Field(description="c is kept within +- this; off by default")
    ] = None
    projection_clip: Annotated[
        Positive | None,
        Field(description="what the projection gives is kept within +- this; off by default"),
    ] = None
    normalization: Annotated[
        Literal["none", "layer"],
        Field(description="after each LSTM layer that feeds another, before `between`"),
    ] = "none"
    kernel_initializer: Annotated[
        KernelInitializer,
        Field(
            description=(
                "how every kernel begins, but that of the linear output, which keeps Glorot's"
            )
        ),
    ] = "glorot_uniform"
    recurrent_initializer: Annotated[
        RecurrentInitializer, Field(description="how the recurrent kernels begin")
    ] = "orthogonal"
    unit_forget_bias: Annotated[
        bool, Field(description="the bias of the forget gate starts at 1 instead of 0")
    ] = True

    @property
    def initializers(self) -> Initializers:
        """From which distributions initial weights are drawn."""
        return Initializers(
            self.kernel_initializer, self.recurrent_initializer, self.unit_forget_bias
        )

    def site(self, name: Site) -> str | tuple[str, ...]:
        """Return the activation that acts at a site, whichever keys set it: one for all its places,
        or one for each place, as `places` has them.

        A list of equal names is that name. Greff et al. 2017 call the activation at `candidate` the
        input activation, the one at `output` the output activation.
        """
        acting = self._written(name)
        return acting[0] if len(set(acting)) == 1 and not isinstance(acting, str) else acting

    def places(self, name: Site) -> tuple[str, ...]:
        """Return the activation at each place of a site, in the order of the data.

        The places are the LSTM layers, encoder then decoder; of `between` the seams between them.
        """
        acting = self._written(name)
        if not isinstance(acting, str):
            return acting
        layers = len(self.encoder) + len(self.decoder)
        return (acting,) * (layers - 1 if name == "between" else layers)

    def _written(self, name: Site) -> str | tuple[str, ...]:
        match name:
            case "candidate":
                return self.candidate or self.activation or "tanh"
            case "output":
                return self.output or self.activation or "tanh"
            case "gates":
                return self.gates
            case "between":
                return self.between


_LearningRate = Annotated[
    Positive, Field(description="the size of a step, the same in all epochs; `tune` can choose it")
]
_Beta1 = Annotated[
    Fraction, Field(description="how much of its mean of gradients a step keeps from the last one")
]
_Beta2 = Annotated[
    Fraction,
    Field(description="how much of its mean of squared gradients a step keeps from the last one"),
]
_Epsilon = Annotated[
    Positive, Field(description="added to the root that a step is divided by, so that it is not 0")
]
_Momentum = Annotated[
    Fraction, Field(description="how much of the last step is taken again; 0 for none")
]


class _Optimizer(Frozen):
    global_clipnorm: Annotated[
        Positive | None,
        Field(description="scale the whole gradient down to this norm; off by default"),
    ] = None


class Adam(_Optimizer):
    """Kingma & Ba 2015."""

    name: Literal["adam"] = "adam"
    learning_rate: _LearningRate = 1e-3
    beta_1: _Beta1 = 0.9
    beta_2: _Beta2 = 0.999
    epsilon: _Epsilon = 1e-7


class AdamW(_Optimizer):
    """Loshchilov & Hutter 2019."""

    name: Literal["adamw"] = "adamw"
    learning_rate: _LearningRate = 1e-3
    weight_decay: Annotated[
        NotNegative,
        Field(
            description="the share of every weight that a step takes off, times the learning rate"
        ),
    ] = 0.004
    beta_1: _Beta1 = 0.9
    beta_2: _Beta2 = 0.999
    epsilon: _Epsilon = 1e-7


class SGD(_Optimizer):
    """Gradient descent, with momentum where asked for."""

    name: Literal["sgd"] = "sgd"
    learning_rate: _LearningRate = 1e-2
    momentum: _Momentum = 0.0
    nesterov: Annotated[
        bool, Field(description="take the gradient after the step that momentum makes")
    ] = False


class RMSprop(_Optimizer):
    """Tieleman & Hinton 2012."""

    name: Literal["rmsprop"] = "rmsprop"
    learning_rate: _LearningRate = 1e-3
    rho: Annotated[
        Fraction,
        Field(
            description="how much of its mean of squared gradients a step keeps from the last one"
        ),
    ] = 0.9
    momentum: _Momentum = 0.0
    epsilon: _Epsilon = 1e-7


def _named(value: object) -> object:
    """Turn `sgd` into {name: sgd}, and name the optimizer of numbers that name none."""
    if isinstance(value, str):
        return {"name": value}
    return {"name": "adam", **value} if isinstance(value, dict) else value


_ByName = Annotated[Adam | AdamW | SGD | RMSprop, Field(discriminator="name")]
Optimizer = Annotated[
    _ByName,
    BeforeValidator(
        _named, json_schema_input_type=_ByName | Literal["adam", "adamw", "sgd", "rmsprop"]
    ),
]


class Training(Frozen):
    """How a model is fitted."""

    epochs: Annotated[
        int,
        Field(ge=1, le=1_000_000, description="how often a run sees all of its training windows"),
    ] = 30
    batch_size: Annotated[
        int, Field(ge=1, description="windows of one step, at most all training windows")
    ] = 32
    optimizer: Annotated[
        Optimizer,
        Field(
            description=(
                "adam, adamw, sgd or rmsprop, or one with its numbers:"
                " {name: adam, learning_rate: 1e-3}; adam if it has no name"
            )
        ),
    ] = Adam()
    loss: Annotated[
        Literal["mse", "mae", "huber"],
        Field(
            description=(
                "what runs minimize, and are compared by: squared error,"
                " absolute error, or Huber's, squared up to 1 and absolute beyond"
            )
        ),
    ] = "mse"
    select: Annotated[
        Literal["best", "last"],
        Field(description="the weights judged on test: best validation epoch, or last"),
    ] = "best"
    dtype: Annotated[
        Literal["float32", "float64"], Field(description="the numbers that training computes with")
    ] = "float32"


class Settings(Frozen):
    """Everything that decides a run's numbers, but for its seed and engine."""

    data: Annotated[
        Data, Field(description="the windows: a family that is drawn, or one's own file")
    ] = Sines()
    model: Annotated[
        Model, Field(description="the network: its layers, and which activation acts where")
    ] = Model()
    training: Annotated[Training, Field(description="epochs, batches, optimizer and loss")] = (
        Training()
    )

    @property
    def timesteps(self) -> int:
        """The time steps of a window; a guess for an NPY array, which only reading it tells."""
        return self.data.window[0] if isinstance(self.data, FileData) else self.data.timesteps
