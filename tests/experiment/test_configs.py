"""The shipped configs are valid and ask what they should, and the example data is what its script
writes.
"""

import csv
import importlib.util
from itertools import product
from pathlib import Path

import pytest

from lstm_ablate.experiment import loading, runs
from lstm_ablate.experiment.activations import ACTIVATIONS
from lstm_ablate.experiment.network import network_of
from lstm_ablate.training.inputs import windows

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_is_valid_named_as_its_file_and_completed_by_editors(path):
    one = loading.load(path)
    assert one.name == path.stem
    assert path.read_text().startswith(
        "# yaml-language-server: $schema=../experiment.schema.json\n"
    )
    for settings in set(one.settings.values()):
        drawn = windows.of(settings.data, 0)
        assert drawn.train.shape[0] >= settings.training.batch_size


def test_the_main_config_is_the_questions_own_network():
    one = loading.load(CONFIGS / "relu_vs_tanh.yaml")
    models = {variant: one.settings["default", variant].model for variant in one.variants}
    assert {m.encoder for m in models.values()} == {(100, 50)}
    assert {m.latent for m in models.values()} == {"sequence"}
    sites = {
        v: tuple(map(m.site, ("candidate", "output", "gates", "between")))
        for v, m in models.items()
    }
    assert sites == {
        "tanh": ("tanh", "tanh", "sigmoid", "linear"),
        "relu": ("relu", "relu", "sigmoid", "linear"),
        "relu-between": ("tanh", "tanh", "sigmoid", "relu"),
        "linear": ("linear", "linear", "sigmoid", "linear"),
    }
    assert len(runs.expand(one, "keras")) == 48


def test_sites_changes_one_site_at_a_time_and_misses_none():
    one = loading.load(CONFIGS / "sites.yaml")
    base = one.settings["default", "default"].model

    def sites(model):
        return {site: model.site(site) for site in ("candidate", "output", "gates", "between")} | {
            "head": model.head
        }

    changed = {
        tuple(
            site
            for site, value in sites(one.settings["default", variant].model).items()
            if value != sites(base)[site]
        )
        for variant in one.variants
    }
    assert changed == {
        (),
        ("candidate",),
        ("output",),
        ("candidate", "output"),
        ("gates",),
        ("between",),
        ("head",),
    }


def test_activations_holds_them_all():
    one = loading.load(CONFIGS / "activations.yaml")
    assert set(one.variants) == set(ACTIVATIONS)
    assert all(one.settings["default", name].model.site("output") == name for name in one.variants)


RELU_PLACES = {
    "plain": ("tanh", "tanh", "linear", "linear"),
    "relu-between": ("tanh", "tanh", "relu", "linear"),
    "relu": ("relu", "relu", "linear", "linear"),
    "relu-head": ("tanh", "tanh", "linear", "relu"),
}


@pytest.mark.parametrize("name", ["graves", "elmo"])
def test_the_networks_of_the_answers_have_a_relu_at_each_place_and_nothing_else(name):
    one = loading.load(CONFIGS / f"{name}.yaml")
    models = {variant: one.settings["default", variant].model for variant in one.variants}
    assert {
        variant: (*map(m.site, ("candidate", "output", "between")), m.head.activation)
        for variant, m in models.items()
    } == RELU_PLACES
    assert one.baseline == "plain"
    lstm = network_of(models["plain"], 20, 1).lstm
    assert [layer.bidirectional for layer in lstm] == [True] * (len(lstm) - 1) + [False]
    if name == "graves":
        assert len(lstm) == 4 and all(layer.peepholes for layer in lstm)
    else:
        assert [layer.residual for layer in lstm] == [False, True, False]
        clips = {(layer.projection, layer.cell_clip, layer.projection_clip) for layer in lstm}
        assert clips == {(12, 3.0, 3.0)} and not any(layer.peepholes for layer in lstm)


def test_depth_changes_the_depth_alone():
    one = loading.load(CONFIGS / "depth.yaml")
    found = {task: one.settings[task, "tanh"].model for task in one.tasks}
    assert [len(model.encoder) for model in found.values()] == [1, 2, 4, 8]
    assert len({model.model_copy(update={"encoder": ()}) for model in found.values()}) == 1


def test_initial_crosses_activation_weights_and_normalization():
    one = loading.load(CONFIGS / "initial.yaml")
    found = {
        (model.site("candidate"), model.kernel_initializer, model.normalization)
        for model in (settings.model for settings in one.settings.values())
    }
    weights = ("glorot_uniform", "he_uniform", "lecun_uniform")
    assert found == set(product(("tanh", "relu"), weights, ("none", "layer")))
    assert len(one.settings) == len(found)


def test_seeds_are_enough_for_a_verdict_of_all_that_is_new():
    """If all n seeds agree, p is 2 / 2^n, and it must hold for all comparisons together."""
    for name in ("graves", "elmo", "depth", "initial"):
        one = loading.load(CONFIGS / f"{name}.yaml")
        comparisons = len(one.tasks) * (len(one.variants) - 1)
        assert 2 / 2 ** len(one.seeds) * comparisons < 0.05


def test_the_example_data_is_what_its_script_writes():
    spec = importlib.util.spec_from_file_location("own_data", CONFIGS / "own_data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with (CONFIGS / "own_data.csv").open(newline="") as stream:
        assert list(csv.reader(stream)) == module.rows()
