"""What a model computes, as one line of formulas that a person can read beside a result.

    g = tanh(z_g); m = P (o * tanh(c)), P to 32; h = x + m; y = relu(normalized(h))

Sites, layers and weights are named where they differ from Keras' LSTM; the two activations of the
cell always are. Layers are named where they differ from one another.
"""

import ast
from collections.abc import Iterable, Mapping, Sequence

from lstm_ablate.errors import listed
from lstm_ablate.experiment.activations import MEANT_OTHERWISE, is_expression
from lstm_ablate.experiment.expressions import with_argument
from lstm_ablate.experiment.network import LSTM, network_of
from lstm_ablate.experiment.settings import Model

# The keys of a model that its formula shows, in whatever way they are written.
SHOWN = set(Model.model_fields) - {"encoder", "latent", "decoder"}

# What a formula calls the parts of a cell, and what it says in words: no activation is called so.
SYMBOLS = set("xzgifochmyWRPp") | {"z_g", "c_before", "b_f", "normalized", "head"}

_INITIALIZERS = {"kernel_initializer": "W", "recurrent_initializer": "R"}


def formula_of(model: Model, names: Mapping[str, str], *, gates: bool = False) -> str:
    """Return the formulas of a model; `names` are those of the user's own activations, by text.

    The usual `gates` are shown too where others of the same table differ from them.
    """
    layers = network_of(model, timesteps=1, features=1).lstm  # these change no formula
    acting = _acting(model)
    parts = [
        *_cell(layers, names, gates=gates),
        *_output(layers, names),
        *_next(layers, names),
        *_head(model, names),
        *_start(model),
        *(f"{names[text]}(x) = {text}" for text in names if text in acting),
    ]
    return "; ".join(parts)


def remarks_on(models: Iterable[Model]) -> list[str]:
    """Return what to know of activations in some models that mean something else in other tools."""
    acting = set().union(*map(_acting, models))
    return [remark for name, remark in MEANT_OTHERWISE.items() if name in acting]


def _acting(model: Model) -> set[str]:
    """Return the activations of a model, by their texts."""
    layers = network_of(model, timesteps=1, features=1).lstm  # these change no activation
    acting = {text for layer in layers for text in _texts(layer)}
    return acting | ({model.head.activation} if model.head else set())


def _texts(layer: LSTM) -> list[str]:
    return [layer.candidate, layer.output, layer.gates, layer.between or "linear"]


def _cell(layers: Sequence[LSTM], names: Mapping[str, str], *, gates: bool) -> list[str]:
    parts = []
    if both := [layer.name for layer in layers if layer.bidirectional]:
        where = "" if len(both) == len(layers) else f" in the {both[0].partition('.')[0]}"
        parts.append(f"forward and backward{where}")
    read = {"i, f, o": "z"}
    if layers[0].peepholes:
        read = {"i, f": "z + p * c_before", "o": "z + p * c"}
    if gates or layers[0].peepholes or any(layer.gates != "sigmoid" for layer in layers):
        for gate, z in read.items():
            shown = {layer.name: applied(layer.gates, z, names) for layer in layers}
            parts.append(f"{gate} = {by_layer(shown)}")
    candidates = {layer.name: applied(layer.candidate, "z_g", names) for layer in layers}
    parts.append(f"g = {by_layer(candidates)}")
    if layers[0].cell_clip is not None:
        parts.append(f"|c| <= {_exact(layers[0].cell_clip)}")
    return parts


def _output(layers: Sequence[LSTM], names: Mapping[str, str]) -> list[str]:
    """Return how the output h comes about; m is what the recurrence keeps, where h is another."""
    added = {layer.name: "x + m" for layer in layers if layer.residual}
    kept = "m" if added else "h"
    first = layers[0]
    shown = {}
    for layer in layers:
        product = ast.parse(f"o * ({applied(layer.output, 'c', names)})", mode="eval")
        shown[layer.name] = ast.unparse(product)
        if first.projection:
            shown[layer.name] = f"P ({shown[layer.name]})"
    parts = [f"{kept} = {by_layer(shown)}" + f", P to {first.projection}" * bool(first.projection)]
    if first.projection_clip is not None:
        parts.append(f"|{kept}| <= {_exact(first.projection_clip)}")
    if added:
        where = "" if len(added) == len(layers) - 1 else f" in {listed(list(added))}, else h = m"
        parts.append(f"h = x + m{where}")
    return parts


def _exact(number: float) -> str:
    """Return a number in the shortest text that gives it back, a whole one without a point."""
    return str(int(number)) if number == int(number) else repr(number)


def _next(layers: Sequence[LSTM], names: Mapping[str, str]) -> list[str]:
    """Return what the next LSTM layer reads, where that is not h."""
    h = "normalized(h)" if layers[0].normalized else "h"
    read = {
        layer.name: h if layer.between == "linear" else applied(layer.between, h, names)
        for layer in layers
        if layer.between
    }
    return [f"y = {by_layer(read, 'after')}"] if set(read.values()) != {"h"} else []


def _head(model: Model, names: Mapping[str, str]) -> list[str]:
    if not model.head:
        return []
    text = model.head.activation
    shown = f"({text})" if is_expression(text) and text not in names else names.get(text, text)
    return [f"head = {shown}{list(model.head.units)}"]


def _start(model: Model) -> list[str]:
    """Return what is unusual about the weights that training starts from."""
    parts = [
        f"{weights} from {getattr(model, key)}"
        for key, weights in _INITIALIZERS.items()
        if getattr(model, key) != Model.model_fields[key].default
    ]
    return parts if model.unit_forget_bias else [*parts, "b_f from 0"]


def applied(text: str, argument: str, names: Mapping[str, str]) -> str:
    """Return an activation of an argument: `relu(h)`, `snake(h)`, or `h + sin(h) ** 2` where the
    expression has no name.
    """
    if is_expression(text) and text not in names:
        return with_argument(text, argument)
    return f"{names.get(text, text)}({argument})"


def by_layer(shown: Mapping[str, str], where: str = "in") -> str:
    """Return what is shown of each layer: once where it is the same, or with the layers named."""
    layers: dict[str, list[str]] = {}
    for name, text in shown.items():
        layers.setdefault(text, []).append(name)
    if len(layers) == 1:
        return next(iter(layers))
    return ", ".join(f"{text} {where} {listed(names)}" for text, names in layers.items())
