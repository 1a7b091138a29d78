"""The network of the keras engine: stock layers wherever Keras has a layer, else our own cell.

Shapes: B windows, T time steps, F features, U units, n numbers that a direction keeps.
"""

from typing import Any

import keras
from keras import layers

from lstm_ablate.experiment.activations import ACTIVATIONS
from lstm_ablate.experiment.network import LSTM, Network
from lstm_ablate.training.engines import functions


@keras.saving.register_keras_serializable("lstm_ablate")  # Bidirectional clones it by its config
class AblationLSTMCell(layers.LSTMCell):  # type: ignore[misc]
    """An LSTM cell with what `keras.layers.LSTM` does not have: different activations at the cell's
    input and output, peepholes, a projection, clips, and activations without a name in Keras.

    z = x W + m R + b, split in Keras' order into z_i, z_f, z_g, z_o; then

        i = gates(z_i + p_i c),  f = gates(z_f + p_f c)
        c' = clip(f c + i candidate(z_g))
        o = gates(z_o + p_o c')
        m' = clip(P (o output(c')))

    The first clip is to +- `cell_clip`, the second to +- `projection_clip`. Without `peepholes` p
    is 0; without a `projection` m' = o output(c'). This is the cell of Hochreiter & Schmidhuber
    1997 with the forget gate of Gers et al. 2000; its peepholes are those of Graves 2013 (arXiv
    1308.0850, equations 7 to 11), and its projection, which has no bias, is that of Sak et al.
    2014. Shapes: x [B, F], m [B, n], c [B, U], W [F, 4U], R [n, 4U], b [4U], p [U], P [U, n];
    without a projection n = U.

    Activations are written as in the settings. `kwargs` are those of Keras' cell, except its
    activations; without `use_bias` there is no b. P starts with the initializer of W, peepholes at
    0. The cell has no dropout, and raises ValueError if it is asked for.
    """

    def __init__(
        self,
        units: int,
        candidate: str,
        output_activation: str,
        gates: str,
        peepholes: bool = False,
        projection: int | None = None,
        cell_clip: float | None = None,
        projection_clip: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(units, **kwargs)
        if self.dropout or self.recurrent_dropout:
            raise ValueError("AblationLSTMCell has no dropout")
        self.sites = {
            "candidate": candidate,
            "output_activation": output_activation,
            "gates": gates,
        }
        self.peepholes, self.projection = peepholes, projection
        self.cell_clip, self.projection_clip = cell_clip, projection_clip
        self.output_size = projection or units
        self.state_size = [self.output_size, units]

    def add_weight(self, shape: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Create a weight; where Keras' cell asks for a recurrent kernel [U, 4U], it is [n, 4U]."""
        if kwargs.get("name") == "recurrent_kernel":
            shape = (self.output_size, 4 * self.units)
        return super().add_weight(shape, *args, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Create the weights, in the order of the layer's `shapes`."""
        super().build(input_shape)
        if self.peepholes:
            self.peephole_i, self.peephole_f, self.peephole_o = (
                self.add_weight((self.units,), "zeros", name=f"peephole_{gate}") for gate in "ifo"
            )
        if self.projection:
            shape = (self.units, self.projection)
            self.projecting = self.add_weight(shape, self.kernel_initializer, name="projection")

    # Keras passes `training`, which nothing here needs.
    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:  # noqa: ARG002
        """Return m' and the states [m', c']."""
        m, c = states
        candidate, output, gates = map(functions.reference, self.sites.values())
        z = keras.ops.matmul(inputs, self.kernel) + keras.ops.matmul(m, self.recurrent_kernel)
        if self.use_bias:
            z += self.bias
        z_i, z_f, z_g, z_o = keras.ops.split(z, 4, axis=-1)
        if self.peepholes:
            z_i += self.peephole_i * c
            z_f += self.peephole_f * c
        i, f = gates(z_i), gates(z_f)
        c = _clipped(f * c + i * candidate(z_g), self.cell_clip)
        if self.peepholes:
            z_o += self.peephole_o * c
        m = gates(z_o) * output(c)
        if self.projection:
            m = _clipped(keras.ops.matmul(m, self.projecting), self.projection_clip)
        return m, [m, c]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of a cell like this one; Keras' own has other activations."""
        config: dict[str, Any] = super().get_config()
        del config["activation"], config["recurrent_activation"]
        return config | {
            **self.sites,
            "peepholes": self.peepholes,
            "projection": self.projection,
            "cell_clip": self.cell_clip,
            "projection_clip": self.projection_clip,
        }


def _clipped(x: Any, limit: float | None) -> Any:
    return x if limit is None else keras.ops.clip(x, -limit, limit)


def build(network: Network) -> keras.Model:
    """Return a network as a Keras model, [B, T, F] -> [B, T, F], in Keras' current float type."""
    x = inputs = keras.Input((network.timesteps, network.features))
    for layer in network.lstm:
        if layer.repeated:
            x = layers.RepeatVector(network.timesteps)(x)
        # cuDNN only has tanh, and every variant must run the same kernel.
        x = output(layer, x, use_cudnn=False)
        if layer.between:
            x = layers.Activation(functions.reference(layer.between))(x)
    for dense in network.dense:
        x = layers.Dense(dense.units, activation=functions.reference(dense.activation))(x)
    return keras.Model(inputs, x)


def output(layer: LSTM, x: Any, use_cudnn: bool | str = "auto", **initializers: Any) -> Any:
    """Return the value of a layer for x [B, T, inputs], before `between`.

    It is [B, T, outputs], or the last step of each direction, [B, outputs]. `use_cudnn` is the
    argument of `keras.layers.LSTM`, and `initializers` are arguments of Keras' cell.
    """
    if layer.residual:
        every = _recurrent(layer, True, use_cudnn, initializers)(x)
        h = layers.Add()([x, every])
        if layer.last_step:
            h = _last_steps(layer, h)
    else:
        h = _recurrent(layer, not layer.last_step, use_cudnn, initializers)(x)
    return layers.LayerNormalization()(h) if layer.normalized else h


def _last_steps(layer: LSTM, h: Any) -> Any:
    """Return the last step of each direction in h [B, T, outputs]; the backward one ends at t = 0.

    Keras' Bidirectional would take the same two steps, but before the residual is added.
    """
    if not layer.bidirectional:
        return h[:, -1]
    return keras.ops.concatenate([h[:, -1, : layer.kept], h[:, 0, layer.kept :]], axis=-1)


def _recurrent(
    layer: LSTM, return_sequences: bool, use_cudnn: bool | str, initializers: dict[str, Any]
) -> layers.Layer:
    if _is_stock(layer):
        forward = layers.LSTM(
            layer.units,
            activation=layer.candidate,
            recurrent_activation=layer.gates,
            return_sequences=return_sequences,
            use_cudnn=use_cudnn,
            **initializers,
        )
    else:
        cell = AblationLSTMCell(
            layer.units,
            layer.candidate,
            layer.output,
            layer.gates,
            layer.peepholes,
            layer.projection,
            layer.cell_clip,
            layer.projection_clip,
            **initializers,
        )
        forward = layers.RNN(cell, return_sequences=return_sequences)
    return layers.Bidirectional(forward) if layer.bidirectional else forward


def _is_stock(layer: LSTM) -> bool:
    """Return whether each direction of a layer can be a `keras.layers.LSTM`.

    Keras' layer takes any function as its activation, but Bidirectional copies a layer by its
    config, in which only a name is kept.
    """
    named = {layer.candidate, layer.gates} <= ACTIVATIONS.keys()
    more_than_lstm = layer.peepholes or layer.projection or layer.cell_clip
    return named and layer.candidate == layer.output and not more_than_lstm
