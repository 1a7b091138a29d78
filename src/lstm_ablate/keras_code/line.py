"""What a variant is in Keras, as one line that a person can read beside its formula.

    LSTM(100), Activation("relu")

Units are those of the first layer of a kind. What changes no layer is shown where a variant sets
it: the optimizer, epochs and batches.
"""

from collections.abc import Iterable, Mapping, Sequence

from lstm_ablate.errors import listed
from lstm_ablate.experiment.elementwise import KINDS
from lstm_ablate.experiment.formula import by_layer
from lstm_ablate.experiment.network import LSTM, network_of
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.settings import Initializers, Training
from lstm_ablate.keras_code import cell
from lstm_ablate.keras_code.build import arguments_of
from lstm_ablate.keras_code.naming import argument, in_keras, layer_of
from lstm_ablate.keras_code.training import optimizer


def line(experiment: Experiment, task: str, variant: str) -> str:
    """Return what a variant is in Keras, in one line."""
    settings = experiment.settings[task, variant]
    names = {text: name for name, text in experiment.own.items()}
    network = network_of(settings.model, timesteps=1, features=1)  # these change no line
    functions = _functions(network.lstm, names)
    reasons = {reason: None for layer in network.lstm for reason in cell.why_not_stock(layer)}
    parts = [] if reasons else [_layers(network.lstm, settings.model.initializers, functions)]
    if any(layer.residual for layer in network.lstm):
        parts.append("Add()")
    parts += _between(network.lstm, functions)
    for dense in network.dense[:-1]:
        acting = argument(dense.activation, _functions_of([dense.activation], names))
        given = f", activation={acting}" * (dense.activation != "linear")
        parts.append(f"Dense({dense.units}{given})")
    parts += _training(settings.training, experiment.resolved["variants"][variant])
    missing = [f"no argument for {listed(list(reasons))}"] if reasons else []
    return "; ".join([*missing, *([", ".join(parts)] if parts else [])])


def _functions(layers: Sequence[LSTM], names: Mapping[str, str]) -> dict[str, str]:
    texts = [
        text
        for layer in layers
        for text in (layer.candidate, layer.output, layer.gates, layer.between)
    ]
    return _functions_of([text for text in texts if text], names)


def _functions_of(texts: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    """Return how a line calls those activations that Keras knows by no name."""
    return {
        text: names.get(text) or f"lambda x: {in_keras(text).replace('keras.activations.', '')}"
        for text in texts
        if text not in KINDS
    }


def _layers(
    layers: Sequence[LSTM], initializers: Initializers, functions: Mapping[str, str]
) -> str:
    first: dict[str, str] = {}  # the first layer of each kind, by all but its units
    shown = {}
    for layer in layers:
        units, *others = arguments_of(layer, initializers, functions)
        text = f"LSTM({', '.join([units, *others])})"
        text = f"Bidirectional({text})" if layer.bidirectional else text
        shown[layer.name] = first.setdefault(f"{others}{layer.bidirectional}", text)
    return by_layer(shown)


def _between(layers: Sequence[LSTM], functions: Mapping[str, str]) -> list[str]:
    """Return the layers between LSTM layers."""
    parts = ["LayerNormalization()"] if any(layer.normalized for layer in layers) else []
    acting = {
        layer.name: layer_of(layer.between, functions).removeprefix("layers.")
        for layer in layers
        if layer.between and layer.between != "linear"
    }
    seams = sum(layer.between is not None for layer in layers)
    if acting and len(acting) < seams and len(set(acting.values())) == 1:
        return [*parts, f"{next(iter(acting.values()))} after {listed(list(acting))}"]
    return [*parts, by_layer(acting, "after")] if acting else parts


def _training(training: Training, changes: Mapping[str, object]) -> list[str]:
    """Return what a variant sets of its training."""
    changed = {path.removeprefix("training.") for path in changes if path.startswith("training.")}
    parts = []
    if of_optimizer := {path for path in changed if path.split(".")[0] == "optimizer"}:
        name, arguments = optimizer(training.optimizer)
        keys = {path.rpartition(".")[2] for path in of_optimizer}
        if not keys & {"optimizer", "name"}:
            arguments = [argument for argument in arguments if argument.partition("=")[0] in keys]
        parts.append(f"{name}({', '.join(arguments)})")
    if fitted := [key for key in ("epochs", "batch_size") if key in changed]:
        parts.append(f"fit({', '.join(f'{key}={getattr(training, key)}' for key in fitted)})")
    return parts
