"""The shipped configs: valid, as the issue of each says, and the example data as its script writes
it.
"""

import csv
import importlib.util
from pathlib import Path

import pytest

from lstm_ablate.experiment import loading, runs
from lstm_ablate.experiment.activations import ACTIVATIONS
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
        "relu-output": ("tanh", "relu", "sigmoid", "linear"),
        "relu-candidate": ("relu", "tanh", "sigmoid", "linear"),
    }
    assert len(runs.expand(one, "keras")) == 50


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


def test_the_example_data_is_what_its_script_writes():
    spec = importlib.util.spec_from_file_location("own_data", CONFIGS / "own_data.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with (CONFIGS / "own_data.csv").open(newline="") as stream:
        assert list(csv.reader(stream)) == module.rows()
