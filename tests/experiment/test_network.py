"""The description of a network, against Keras' own count of weights and cases written out by hand."""

import keras
import numpy as np
import pytest

from lstm_ablate.experiment import sizes
from lstm_ablate.experiment.network import LSTM, Dense, network_of, products
from lstm_ablate.experiment.settings import Head, Model
from lstm_ablate.training.inputs.randomness import initial_weights

TIME, FEATURES = 7, 3

MODELS = {
    "sequence": Model(encoder=(5, 4), decoder=(6, 2)),
    "vector": Model(encoder=(5, 4), decoder=(6, 2), latent="vector"),
    "one layer each": Model(encoder=(4,), decoder=(5,), latent="vector"),
    "head": Model(encoder=(5,), decoder=(4, 6), head=Head(units=(8, 2), activation="elu")),
}


def in_keras(model: Model) -> keras.Sequential:
    """The network in Keras' own layers."""
    layers = [keras.Input((TIME, FEATURES))]
    for units in model.encoder[:-1]:
        layers.append(keras.layers.LSTM(units, return_sequences=True))
    layers.append(keras.layers.LSTM(model.encoder[-1], return_sequences=model.latent == "sequence"))
    if model.latent == "vector":
        layers.append(keras.layers.RepeatVector(TIME))
    layers += [keras.layers.LSTM(units, return_sequences=True) for units in model.decoder]
    layers += [keras.layers.Dense(units) for units in (model.head.units if model.head else ())]
    return keras.Sequential([*layers, keras.layers.Dense(FEATURES)])


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_weights_are_counted_and_shaped_as_in_keras(model: Model) -> None:
    arbiter, network = in_keras(model), network_of(model, TIME, FEATURES)
    assert network.parameters == arbiter.count_params()
    expected = [tuple(weight.shape) for weight in arbiter.weights]
    assert [shape for layer in network.layers for shape in layer.shapes.values()] == expected
    matrices = [np.prod(shape) for shape in expected if len(shape) == 2]
    assert sum(map(products, network.layers)) == sum(matrices)
    assert sizes.weights(network) == sum(matrices[:-1])  # all but those of the reconstruction


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_initial_weights_have_the_names_and_shapes_of_the_layers(model: Model) -> None:
    network = network_of(model, TIME, FEATURES)
    described = {f"{layer.name}.{part}": shape for layer in network.layers for part, shape in layer.shapes.items()}
    drawn = {name: weight.shape for name, weight in initial_weights(network, seed=2).items()}
    assert list(drawn.items()) == list(described.items())


def test_a_vector_network_written_out() -> None:
    model = Model(
        encoder=(5, 4),
        decoder=(6, 2),
        latent="vector",
        activation="elu",
        gates="hard_sigmoid",
        between="gelu",
        head=Head(units=(8,), activation="silu"),
    )
    sites = ("elu", "elu", "hard_sigmoid")
    network = network_of(model, TIME, FEATURES)
    assert (network.timesteps, network.features) == (TIME, FEATURES)
    assert network.lstm == (
        LSTM("encoder.0", 3, 5, *sites, between="gelu", repeated=False, last_step=False),
        LSTM("encoder.1", 5, 4, *sites, between="gelu", repeated=False, last_step=True),
        LSTM("decoder.0", 4, 6, *sites, between="gelu", repeated=True, last_step=False),
        LSTM("decoder.1", 6, 2, *sites, between=None, repeated=False, last_step=False),
    )
    assert network.dense == (Dense("head.0", 2, 8, "silu"), Dense("reconstruction", 8, 3, "linear"))


def test_a_sequence_network_passes_every_time_step_on() -> None:
    network = network_of(Model(encoder=(5, 4), decoder=(6,), candidate="relu"), TIME, FEATURES)
    assert not any(layer.repeated or layer.last_step for layer in network.lstm)
    assert [layer.between for layer in network.lstm] == ["linear", "linear", None]
    assert {(layer.candidate, layer.output, layer.gates) for layer in network.lstm} == {("relu", "tanh", "sigmoid")}
    assert network.dense == (Dense("reconstruction", 6, 3, "linear"),)


@pytest.mark.parametrize(
    ("values", "sites"),
    [
        ({}, ("tanh", "tanh", "sigmoid", "linear")),
        ({"activation": "relu"}, ("relu", "relu", "sigmoid", "linear")),
        ({"activation": "elu", "output": "gelu"}, ("elu", "gelu", "sigmoid", "linear")),
        ({"candidate": "selu", "gates": "relu6", "between": "silu"}, ("selu", "tanh", "relu6", "silu")),
    ],
)
def test_every_site_resolves_to_one_activation(values: dict[str, str], sites: tuple[str, ...]) -> None:
    model = Model(**values)
    assert tuple(map(model.site, ("candidate", "output", "gates", "between"))) == sites
