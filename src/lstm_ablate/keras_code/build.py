"""The function `build_model` of the code: the layers of a network, and how they are trained."""

from collections.abc import Mapping, Sequence

from lstm_ablate.experiment.network import LSTM, Dense, Network
from lstm_ablate.experiment.settings import Initializers, Training
from lstm_ablate.keras_code import cell
from lstm_ablate.keras_code.layout import call, fits
from lstm_ablate.keras_code.naming import argument, layer_of
from lstm_ablate.keras_code.training import optimizer


def build_model(
    network: Network,
    initializers: Initializers,
    training: Training,
    functions: Mapping[str, str],
) -> list[str]:
    """Return the lines of the function, given the functions for activations by text."""
    shape = f"{network.timesteps}, {network.features}"
    lines = [
        "def build_model():",
        f'    """Return the compiled model, which reconstructs windows [N, {shape}]."""',
        f"    x = inputs = keras.Input(({shape}))",
    ]
    part, apart = "", cell.are_apart(network)
    *_, code = (layer for layer in network.lstm if layer.name.startswith("encoder."))
    for layer in network.lstm:
        if part != (part := layer.name.partition(".")[0]):
            lines.append(f"    # {_PARTS[part]}")
        if layer.repeated:
            lines.append(f"    x = layers.RepeatVector({network.timesteps})(x)")
        place = "on the code, from encoder to decoder" if layer is code else "between the layers"
        lines += _lstm(layer, initializers, functions, apart=apart, place=place)
    if len(network.dense) > 1:
        lines.append("    # the head")
    for dense in network.dense[:-1]:
        lines += _dense(dense, initializers, functions)
    lines.append("    # the reconstruction, at every time step")
    lines.append(f"    outputs = layers.Dense({network.features})(x)")
    lines.append("    model = keras.Model(inputs, outputs)")
    name, arguments = optimizer(training.optimizer)
    lines += call(f"optimizer = keras.optimizers.{name}", arguments)
    lines.append("    # XLA would take longer to compile these layers than it saves.")
    lines += call(
        "model.compile", ["optimizer=optimizer", f'loss="{training.loss}"', "jit_compile=False"]
    )
    lines.append("    return model")
    return lines


_PARTS = {"encoder": "the encoder", "decoder": "the decoder"}


def arguments_of(
    layer: LSTM, initializers: Initializers, functions: Mapping[str, str]
) -> list[str]:
    """Return the arguments of an LSTM layer or cell that are not Keras' own defaults."""
    arguments = [str(layer.units)]
    if layer.candidate != "tanh":
        arguments.append(f"activation={argument(layer.candidate, functions)}")
    if layer.gates != "sigmoid":
        arguments.append(f"recurrent_activation={argument(layer.gates, functions)}")
    if layer.projection is None:  # the weights of a projected cell are made in its class
        arguments += initializing(initializers)
    return arguments


def initializing(initializers: Initializers) -> list[str]:
    """Return the arguments of what initial weights of an LSTM layer are drawn from, where they are
    not Keras' own.
    """
    default = Initializers()
    arguments = []
    if initializers.kernel != default.kernel:
        arguments.append(f'kernel_initializer="{initializers.kernel}"')
    if initializers.recurrent != default.recurrent:
        arguments.append(f'recurrent_initializer="{initializers.recurrent}"')
    if not initializers.unit_forget_bias:
        arguments.append("unit_forget_bias=False")
    return arguments


def _lstm(
    layer: LSTM,
    initializers: Initializers,
    functions: Mapping[str, str],
    *,
    apart: bool,
    place: str,
) -> list[str]:
    """Return the lines that make x what the layer above reads of it; `apart` says whether cells
    take an activation for their output too; a comment names the `place` of the one after a layer.
    """
    arguments = arguments_of(layer, initializers, functions)
    sequences = ["return_sequences=True"] * (layer.residual or not layer.last_step)
    result = "h" if layer.residual else "x"
    if cell.is_stock(layer):
        lines = _stock(layer, [*arguments, *sequences], result)
    else:
        if apart and layer.output != "tanh":
            arguments.append(f"output_activation={argument(layer.output, functions)}")
        recurrent = _called("layers.RNN", ["cell", *sequences])
        lines = call(f"cell = {cell.NAME}", arguments)
        lines.append(f"    {result} = {_directed(layer, recurrent)}(x)")
    if layer.residual:
        lines.append("    x = layers.Add()([x, h])  # a residual connection")
        if layer.last_step:
            lines += _last_step(layer)
    if layer.normalized:
        lines.append("    x = layers.LayerNormalization()(x)")
    if layer.between and layer.between != "linear":
        line = f"x = {layer_of(layer.between, functions)}(x)"
        comment = f"  # {place}"
        lines.append(f"    {line}{comment * fits(line + comment)}")
    return lines


def _stock(layer: LSTM, arguments: Sequence[str], result: str) -> list[str]:
    line = f"{result} = {_directed(layer, _called('layers.LSTM', arguments))}(x)"
    if fits(line):
        return [f"    {line}"]
    return [*call("lstm = layers.LSTM", arguments), f"    {result} = {_directed(layer, 'lstm')}(x)"]


def _directed(layer: LSTM, made: str) -> str:
    return f"layers.Bidirectional({made})" if layer.bidirectional else made


def _called(name: str, arguments: Sequence[str]) -> str:
    return f"{name}({', '.join(arguments)})"


def _last_step(layer: LSTM) -> list[str]:
    if not layer.bidirectional:
        return ["    x = x[:, -1]  # the last time step"]
    return [
        "    # the last step of each direction; the backward one ends at the first time step",
        f"    x = ops.concatenate([x[:, -1, :{layer.kept}], x[:, 0, {layer.kept}:]], axis=-1)",
    ]


def _dense(dense: Dense, initializers: Initializers, functions: Mapping[str, str]) -> list[str]:
    arguments = [str(dense.units)]
    if dense.activation != "linear":
        arguments.append(f"activation={argument(dense.activation, functions)}")
    if initializers.kernel != Initializers().kernel:
        arguments.append(f'kernel_initializer="{initializers.kernel}"')
    line = f"x = {_called('layers.Dense', arguments)}(x)"
    if fits(line):
        return [f"    {line}"]
    return [*call("dense = layers.Dense", arguments), "    x = dense(x)"]
