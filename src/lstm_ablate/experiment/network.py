"""The one description of a network's layers, which initial weights, engines, Keras code and counts
all read.

A network is LSTM layers, encoder then decoder, and dense layers above them, head then
reconstruction. Whoever adds a kind of layer describes it here, and says in each engine how it is
computed, and in `keras_code` how it is written.
"""

import math
from dataclasses import dataclass, replace

from lstm_ablate.experiment.settings import Model


@dataclass(frozen=True)
class LSTM:
    """An LSTM layer: its size, its activations at the sites, and what it takes and passes on.

    At each time step and in each direction, with n numbers for `kept`:

        c = clip(f * c_before + i * g)           kept within +- `cell_clip`
        m = clip(P (o * output(c)))              [n]; without `projection` m = o * output(c)
        h = x + m of all directions              [outputs]; x is added only where `residual`
        y = between(normalization(h))            what the next LSTM layer reads

    The recurrence keeps c and m.
    """

    name: str  # "encoder.0", "decoder.1"
    inputs: int
    units: int
    candidate: str  # g = candidate(z_g)
    output: str  # h = o * output(c)
    gates: str  # i, f, o = gates(z)
    between: str | None  # the next LSTM layer reads between(h); None where no LSTM layer follows
    repeated: bool  # it reads the vector of the layer below at every time step
    last_step: bool  # it passes on the last time step only, of each direction its own
    bidirectional: bool = False  # a second direction reads the same input from its end
    peepholes: bool = False  # i and f see c of before, o sees the new c
    projection: int | None = None
    residual: bool = False
    cell_clip: float | None = None
    projection_clip: float | None = None
    normalized: bool = False

    @property
    def kept(self) -> int:
        """The numbers that a direction passes on, and its recurrence reads."""
        return self.projection or self.units

    @property
    def directions(self) -> tuple[str, ...]:
        """What the names of a direction's weights begin with: nothing for the forward one."""
        return ("", "backward.") if self.bidirectional else ("",)

    @property
    def cells(self) -> int:
        """The cells of all directions."""
        return self.units * len(self.directions)

    @property
    def outputs(self) -> int:
        """The numbers that the layer passes on at a time step."""
        return self.kept * len(self.directions)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each weight, in Keras' order; the gates lie side by side: i, f, c, o."""
        shapes: dict[str, tuple[int, ...]] = {}
        for direction in self.directions:
            shapes |= {f"{direction}{part}": shape for part, shape in self._shapes_each().items()}
        if self.normalized:
            shapes |= {f"normalization.{part}": (self.outputs,) for part in ("gamma", "beta")}
        return shapes

    def _shapes_each(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {
            "kernel": (self.inputs, 4 * self.units),
            "recurrent_kernel": (self.kept, 4 * self.units),
            "bias": (4 * self.units,),
        }
        if self.peepholes:
            shapes |= {f"peephole_{gate}": (self.units,) for gate in "ifo"}
        if self.projection:
            shapes["projection"] = (self.units, self.projection)
        return shapes


@dataclass(frozen=True)
class Dense:
    """A dense layer that acts on every time step alike: activation(x W + b)."""

    name: str  # "head.0", "reconstruction"
    inputs: int
    units: int
    activation: str

    @property
    def cells(self) -> int:
        """The units, as an LSTM layer has cells."""
        return self.units

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
        return last.outputs * (1 if last.last_step else self.timesteps)

    @property
    def parameters(self) -> int:
        """The number of trained weights, biases among them."""
        return sum(math.prod(shape) for layer in self.layers for shape in layer.shapes.values())


def products(layer: Layer) -> int:
    """Return how many weights of a layer are multiplied with something: those of its matrices."""
    return sum(math.prod(shape) for shape in layer.shapes.values() if len(shape) == 2)


def network_of(model: Model, timesteps: int, features: int) -> Network:
    """Return the network of a model for windows [timesteps, features]."""
    lstm = _lstm_layers(model, features)
    inputs = lstm[-1].outputs
    dense: list[Dense] = []
    if model.head:
        for k, units in enumerate(model.head.units):
            dense.append(Dense(f"head.{k}", inputs, units, model.head.activation))
            inputs = units
    dense.append(Dense("reconstruction", inputs, features, "linear"))
    return Network(timesteps, features, lstm, tuple(dense))


def _lstm_layers(model: Model, features: int) -> tuple[LSTM, ...]:
    names = [("encoder", k, units) for k, units in enumerate(model.encoder)]
    names += [("decoder", k, units) for k, units in enumerate(model.decoder)]
    candidate, output = model.places("candidate"), model.places("output")
    gates, between = model.places("gates"), (*model.places("between"), None)
    vector = model.latent == "vector"
    layers: list[LSTM] = []
    for place, (part, k, units) in enumerate(names):
        inputs = layers[-1].outputs if layers else features
        layer = LSTM(
            name=f"{part}.{k}",
            inputs=inputs,
            units=units,
            candidate=candidate[place],
            output=output[place],
            gates=gates[place],
            between=between[place],
            repeated=vector and (part, k) == ("decoder", 0),
            last_step=vector and (part, k) == ("encoder", len(model.encoder) - 1),
            bidirectional=model.bidirectional in (True, part),
            peepholes=model.peepholes,
            projection=model.projection,
            cell_clip=model.cell_clip,
            projection_clip=model.projection_clip,
            normalized=model.normalization == "layer" and place < len(names) - 1,
        )
        added = model.residual and place > 0 and layer.outputs == inputs
        layers.append(replace(layer, residual=added))
    return tuple(layers)
