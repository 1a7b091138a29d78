"""The one description of a network's layers, which initial weights, engines and counts all read.

A network is LSTM layers, encoder then decoder, and dense layers above them, head then
reconstruction. Whoever adds a kind of layer describes it here, and says in each engine how it is
computed.
"""

import math
from dataclasses import dataclass

from lstm_ablate.experiment.settings import Model


@dataclass(frozen=True)
class LSTM:
    """An LSTM layer: its size, its activations at the sites, and what it takes and passes on."""

    name: str  # "encoder.0", "decoder.1"
    inputs: int
    units: int
    candidate: str  # g = candidate(z_g)
    output: str  # h = o * output(c)
    gates: str  # i, f, o = gates(z)
    between: str | None  # the next LSTM layer reads between(h); None where no LSTM layer follows
    repeated: bool  # it reads the vector of the layer below at every time step
    last_step: bool  # it passes on the last time step only

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight, in Keras' order; its gates lie side by side: i, f, c, o."""
        return {
            "kernel": (self.inputs, 4 * self.units),
            "recurrent_kernel": (self.units, 4 * self.units),
            "bias": (4 * self.units,),
        }


@dataclass(frozen=True)
class Dense:
    """A dense layer that acts on every time step alike: activation(x W + b)."""

    name: str  # "head.0", "reconstruction"
    inputs: int
    units: int
    activation: str

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight, in Keras' order."""
        return {"kernel": (self.inputs, self.units), "bias": (self.units,)}


Layer = LSTM | Dense


@dataclass(frozen=True)
class Network:
    """The layers from input to output, for windows of a number of time steps and features."""

    timesteps: int
    features: int
    lstm: tuple[LSTM, ...]
    dense: tuple[Dense, ...]

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers with weights, in the order of `keras.Model.get_weights()`."""
        return (*self.lstm, *self.dense)

    @property
    def hidden(self) -> tuple[Layer, ...]:
        """All layers but the reconstruction."""
        return self.layers[:-1]

    @property
    def code(self) -> int:
        """The numbers that the decoder sees of a window."""
        last = [layer for layer in self.lstm if layer.name.startswith("encoder.")][-1]
        return last.units * (1 if last.last_step else self.timesteps)

    @property
    def parameters(self) -> int:
        """The number of trained weights, biases among them."""
        return sum(math.prod(shape) for layer in self.layers for shape in layer.shapes.values())


def products(layer: Layer) -> int:
    """Return how many weights of a layer are multiplied with something: those of its matrices."""
    return sum(math.prod(shape) for shape in layer.shapes.values() if len(shape) == 2)


def network_of(model: Model, timesteps: int, features: int) -> Network:
    """Return the network of a model for windows [timesteps, features]."""
    places = [("encoder", k, units) for k, units in enumerate(model.encoder)]
    places += [("decoder", k, units) for k, units in enumerate(model.decoder)]
    vector = model.latent == "vector"
    lstm: list[LSTM] = []
    inputs = features
    for part, k, units in places:
        lstm.append(
            LSTM(
                name=f"{part}.{k}",
                inputs=inputs,
                units=units,
                candidate=model.site("candidate"),
                output=model.site("output"),
                gates=model.site("gates"),
                between=model.site("between") if len(lstm) + 1 < len(places) else None,
                repeated=vector and (part, k) == ("decoder", 0),
                last_step=vector and (part, k) == ("encoder", len(model.encoder) - 1),
            )
        )
        inputs = units
    dense: list[Dense] = []
    if model.head:
        for k, units in enumerate(model.head.units):
            dense.append(Dense(f"head.{k}", inputs, units, model.head.activation))
            inputs = units
    dense.append(Dense("reconstruction", inputs, features, "linear"))
    return Network(timesteps, features, tuple(lstm), tuple(dense))
