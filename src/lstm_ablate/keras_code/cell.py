"""The class of a cell that `keras.layers.LSTM` has no arguments for, with what a network needs."""

from lstm_ablate.experiment.network import LSTM, Network
from lstm_ablate.experiment.settings import Initializers
from lstm_ablate.keras_code.layout import call

NAME = "CustomLSTMCell"


def is_stock(layer: LSTM) -> bool:
    """Return whether `keras.layers.LSTM` can say what happens in each direction of a layer."""
    return not why_not_stock(layer)


def why_not_stock(layer: LSTM) -> list[str]:
    """Return what a layer has that is no argument of `keras.layers.LSTM`."""
    apart = layer.candidate != layer.output
    has = {
        "candidate and output apart": apart,
        "peepholes": layer.peepholes,
        "a projection": layer.projection is not None,
        "clips": layer.cell_clip is not None,
    }
    return [what for what, there in has.items() if there]


def are_apart(network: Network) -> bool:
    """Return whether the cells of a network take their two activations apart."""
    return any(layer.candidate != layer.output for layer in network.lstm)


def constants(network: Network) -> list[str]:
    """Return the numbers of the cells, which all layers share, as statements."""
    layer = network.lstm[0]
    numbers = {
        "PROJECTION": layer.projection,
        "CELL_CLIP": layer.cell_clip,
        "PROJECTION_CLIP": layer.projection_clip,
    }
    return [f"{name} = {number}" for name, number in numbers.items() if number is not None]


def definitions(network: Network, initializers: Initializers, package: str) -> list[list[str]]:
    """Return the class, and what it needs beside it, each as lines; nothing where every layer is a
    stock one.
    """
    custom = [layer for layer in network.lstm if not is_stock(layer)]
    if not custom:
        return []
    layer = custom[0]
    apart = are_apart(network)
    class_ = [
        f'@keras.saving.register_keras_serializable("{package}")',
        f"class {NAME}(layers.LSTMCell):",
        *_docstring(layer, apart=apart),
        *_init(layer, apart=apart),
        *_build(layer, initializers),
        *_call(layer, apart=apart),
        *(_CONFIG if apart else []),
    ]
    return (
        [_FORGET_BIAS, class_] if layer.projection and initializers.unit_forget_bias else [class_]
    )


_FORGET_BIAS = [
    "def forget_bias(shape, dtype=None):",
    '    """Return biases that are 0, but 1 at the forget gate."""',
    "    return ops.repeat(ops.convert_to_tensor([0, 1, 0, 0], dtype), shape[0] // 4)",
]

_CONFIG = [
    "",
    "    def get_config(self):",
    "        output_activation = keras.activations.serialize(self.output_activation)",
    '        return {**super().get_config(), "output_activation": output_activation}',
]


def _docstring(layer: LSTM, *, apart: bool) -> list[str]:
    p = ("p_i * c", "p_f * c", "p_o * c") if layer.peepholes else ("", "", "")
    i, f, o = (
        f"gates(z_{gate}{f' + {seen}' * bool(seen)})" for gate, seen in zip("ifo", p, strict=True)
    )
    output = "output" if apart else "candidate"
    c, h = "f * c + i * candidate(z_g)", f"o * {output}(c)"
    if layer.cell_clip is not None:
        c = f"clip({c})"
    if layer.projection:
        h = f"P ({h})"
    if layer.projection_clip is not None:
        h = f"clip({h})"
    lines = [
        '"""An LSTM cell that says what `layers.LSTM` has no argument for.',
        "",
        "    z = x W + h R + b, split into z_i, z_f, z_g, z_o",
        f"    i = {i}",
        f"    f = {f}",
        f"    c = {c}",
        f"    o = {o}",
        f"    h = {h}",
        "",
        "`activation` is the candidate, `recurrent_activation` the gates"
        + (", `output_activation`" if apart else "."),
        *(["the output."] if apart else []),
        '"""',
    ]
    return [f"    {line}" if line else "" for line in lines]


def _init(layer: LSTM, *, apart: bool) -> list[str]:
    if not (apart or layer.projection):
        return []
    own = 'output_activation="tanh", ' * apart
    lines = [
        "",
        f"def __init__(self, units, {own}**kwargs):",
        "    super().__init__(units, **kwargs)",
    ]
    if apart:
        value = "keras.activations.get(output_activation)"
        lines.append(f"    self.output_activation = {value}")
    if layer.projection:
        lines.append("    self.output_size = PROJECTION")
        lines.append("    self.state_size = [PROJECTION, units]")
    return [f"    {line}" if line else "" for line in lines]


def _build(layer: LSTM, initializers: Initializers) -> list[str]:
    if not (layer.projection or layer.peepholes):
        return []
    weights: list[tuple[str, str, str]] = []  # name, shape, initializer
    if layer.projection:
        bias = "forget_bias" if initializers.unit_forget_bias else '"zeros"'
        weights += [
            ("kernel", "(input_shape[-1], 4 * self.units)", f'"{initializers.kernel}"'),
            ("recurrent_kernel", "(PROJECTION, 4 * self.units)", f'"{initializers.recurrent}"'),
            ("bias", "(4 * self.units,)", bias),
        ]
    if layer.peepholes:
        weights += [(f"peephole_{gate}", "(self.units,)", '"zeros"') for gate in "ifo"]
    if layer.projection:
        weights.append(("projection", "(self.units, PROJECTION)", f'"{initializers.kernel}"'))
    lines = ["", "    def build(self, input_shape):"]
    if not layer.projection:
        lines.append("        super().build(input_shape)")
    for name, shape, initializer in weights:
        arguments = [shape, initializer, f'name="{name}"']
        lines += call(f"self.{name} = self.add_weight", arguments, level=2)
    return lines


def _call(layer: LSTM, *, apart: bool) -> list[str]:
    seen = {gate: f" + self.peephole_{gate} * c" if layer.peepholes else "" for gate in "ifo"}
    output = "output_activation" if apart else "activation"
    lines = [
        "",
        "def call(self, inputs, states, training=False):",
        "    h, c = states",
        "    z = ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent_kernel)",
        "    z_i, z_f, z_g, z_o = ops.split(z + self.bias, 4, axis=-1)",
        f"    i = self.recurrent_activation(z_i{seen['i']})",
        f"    f = self.recurrent_activation(z_f{seen['f']})",
        "    c = f * c + i * self.activation(z_g)",
    ]
    if layer.cell_clip is not None:
        lines.append("    c = ops.clip(c, -CELL_CLIP, CELL_CLIP)")
    lines.append(f"    o = self.recurrent_activation(z_o{seen['o']})")
    lines.append(f"    h = o * self.{output}(c)")
    if layer.projection:
        lines.append("    h = ops.matmul(h, self.projection)")
    if layer.projection_clip is not None:
        lines.append("    h = ops.clip(h, -PROJECTION_CLIP, PROJECTION_CLIP)")
    lines.append("    return h, [h, c]")
    return [f"    {line}" if line else "" for line in lines]
