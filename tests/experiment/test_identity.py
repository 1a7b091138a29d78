"""Ids stay for ever: pinned ones, keys that come later, and spellings of one thing."""

import hashlib
from typing import Any

import pytest
from canonical import by_hand

from lstm_ablate.experiment import identity
from lstm_ablate.experiment import settings as s
from lstm_ablate.experiment.identity import identity_of, settings_id
from lstm_ablate.experiment.runs import Run

# ---------------------------------------------------------------------------------- every key, once

SAMPLES = {"train": 1024, "validation": 256, "test": 1024}
SINES = {
    "family": "sines",
    "samples": SAMPLES,
    "timesteps": 30,
    "features": 1,
    "noise": 0.05,
    "components": 2,
    "cycles": [1.0, 5.0],
}
CHIRP = {
    "family": "chirp",
    "samples": SAMPLES,
    "timesteps": 30,
    "features": 1,
    "noise": 0.0,
    "start": [0.5, 2.0],
    "end": [3.0, 6.0],
}
SQUARE = {
    "family": "square",
    "samples": {"train": 64, "validation": 32, "test": 16},
    "timesteps": 12,
    "features": 3,
    "noise": 0.05,
    "cycles": [1.0, 4.0],
}
AR = {
    "family": "ar",
    "samples": SAMPLES,
    "timesteps": 30,
    "features": 1,
    "noise": 0.05,
    "coefficients": [0.5],
}
WALK = {"family": "random_walk", "samples": SAMPLES, "timesteps": 30, "features": 1, "noise": 0.05}
LORENZ = {
    "family": "lorenz",
    "samples": SAMPLES,
    "timesteps": 30,
    "features": 1,
    "noise": 0.05,
    "step": 0.1,
}
SERIES = {
    "family": "file",
    "digest": "0123456789abcdef" * 4,
    "columns": ["a", "b"],
    "timesteps": 30,
    "stride": 2,
    "split": {"train": 0.7, "validation": 0.15, "test": 0.15},
    "scaling": "minmax",
}
ARRAY = {
    "family": "file",
    "digest": "fedcba9876543210" * 4,
    "columns": None,
    "timesteps": None,
    "stride": None,
    "split": {"train": 0.7, "validation": 0.15, "test": 0.15},
    "scaling": "standard",
}
MODEL = {
    "encoder": [100, 50],
    "latent": "sequence",
    "decoder": [50, 100],
    "candidate": "tanh",
    "output": "tanh",
    "gates": "sigmoid",
    "between": "linear",
    "head": None,
}
ODD_MODEL = {
    "encoder": [7],
    "latent": "vector",
    "decoder": [5, 3],
    "candidate": "relu",
    "output": "linear",
    "gates": "hard_sigmoid",
    "between": "gelu",
    "head": {"units": [64, 8], "activation": "relu"},
}
ADAM = {
    "name": "adam",
    "learning_rate": 0.001,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-07,
    "global_clipnorm": None,
}
ADAMW = {
    "name": "adamw",
    "learning_rate": 0.001,
    "weight_decay": 0.004,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-07,
    "global_clipnorm": 1.0,
}
SGD = {
    "name": "sgd",
    "learning_rate": 0.01,
    "momentum": 0.9,
    "nesterov": True,
    "global_clipnorm": None,
}
RMSPROP = {
    "name": "rmsprop",
    "learning_rate": 0.001,
    "rho": 0.9,
    "momentum": 0.0,
    "epsilon": 1e-07,
    "global_clipnorm": None,
}
TRAINING = {"epochs": 30, "batch_size": 32, "loss": "mse", "select": "best", "dtype": "float32"}
ODD_TRAINING = {"epochs": 5, "batch_size": 8, "loss": "mae", "select": "last", "dtype": "float64"}

# What a config writes, at its shortest; the values of which the id is made; and the id. A record on
# disk is found by its id. A change that moves one of these ids moves those of every user, and must
# raise the schema.
PINNED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "defaults": (
        {},
        {"data": SINES, "model": MODEL, "training": TRAINING | {"optimizer": ADAM}},
        "dd159d6b63428f2a",
    ),
    "relu": (
        {"model": {"activation": "relu"}},
        {
            "data": SINES,
            "model": MODEL | {"candidate": "relu", "output": "relu"},
            "training": TRAINING | {"optimizer": ADAM},
        },
        "eb6be2299bd684bb",
    ),
    "relu between": (
        {"model": {"between": "relu"}},
        {
            "data": SINES,
            "model": MODEL | {"between": "relu"},
            "training": TRAINING | {"optimizer": ADAM},
        },
        "3da25ab10f6d4ac9",
    ),
    "chirp": (
        {"data": {"family": "chirp", "noise": 0}},
        {"data": CHIRP, "model": MODEL, "training": TRAINING | {"optimizer": ADAM}},
        "8a49a4d31d08d1a8",
    ),
    "square": (
        {
            "data": {
                "family": "square",
                "samples": {"train": 64, "validation": 32, "test": 16},
                "timesteps": 12,
                "features": 3,
            }
        },
        {"data": SQUARE, "model": MODEL, "training": TRAINING | {"optimizer": ADAM}},
        "3d4ffa059f8d96bf",
    ),
    "ar": (
        {"data": {"family": "ar", "coefficients": [0.5]}},
        {"data": AR, "model": MODEL, "training": TRAINING | {"optimizer": ADAM}},
        "cb4cdcb495d18dc3",
    ),
    "random walk": (
        {"data": {"family": "random_walk"}},
        {"data": WALK, "model": MODEL, "training": TRAINING | {"optimizer": ADAM}},
        "23f45f35007d4390",
    ),
    "lorenz": (
        {"data": {"family": "lorenz", "step": 0.1}},
        {"data": LORENZ, "model": MODEL, "training": TRAINING | {"optimizer": ADAM}},
        "b35a6a1afaa8a212",
    ),
    "a series": (
        {
            "data": {
                "family": "file",
                "path": "a.csv",
                "digest": "0123456789abcdef" * 4,
                "columns": ["a", "b"],
                "stride": 2,
                "scaling": "minmax",
            }
        },
        {"data": SERIES, "model": MODEL, "training": TRAINING | {"optimizer": ADAM}},
        "7efb0e5c2d652039",
    ),
    "an array": (
        {"data": {"family": "file", "path": "a.npy", "digest": "fedcba9876543210" * 4}},
        {"data": ARRAY, "model": MODEL, "training": TRAINING | {"optimizer": ADAM}},
        "85018b949822e471",
    ),
    "everything else": (
        {
            "model": {
                "encoder": [7],
                "latent": "vector",
                "decoder": [5, 3],
                "candidate": "relu",
                "output": "linear",
                "gates": "hard_sigmoid",
                "between": "gelu",
                "head": {"units": [64, 8]},
            },
            "training": {
                "epochs": 5,
                "batch_size": 8,
                "loss": "mae",
                "select": "last",
                "dtype": "float64",
                "optimizer": {"name": "sgd", "momentum": 0.9, "nesterov": True},
            },
        },
        {"data": SINES, "model": ODD_MODEL, "training": ODD_TRAINING | {"optimizer": SGD}},
        "88f00652635a9028",
    ),
    "every key of a model that came later": (
        {
            "model": {
                "encoder": {"units": 6, "layers": 2},
                "decoder": [6],
                "candidate": ["relu", "leaky_relu(0.2)", "x+1.0"],
                "gates": ["sigmoid"] * 3,
                "between": ["elu( .5 )", "linear"],
                "bidirectional": "encoder",
                "peepholes": True,
                "projection": 3,
                "residual": True,
                "cell_clip": 3,
                "projection_clip": 2.5,
                "normalization": "layer",
                "kernel_initializer": "he_normal",
                "recurrent_initializer": "glorot_uniform",
                "unit_forget_bias": False,
            }
        },
        {
            "data": SINES,
            "model": MODEL
            | {
                "encoder": [6, 6],
                "decoder": [6],
                "candidate": ["relu", "leaky_relu", "x + 1"],
                "between": ["elu(0.5)", "linear"],
                "bidirectional": "encoder",
                "peepholes": True,
                "projection": 3,
                "residual": True,
                "cell_clip": 3.0,
                "projection_clip": 2.5,
                "normalization": "layer",
                "kernel_initializer": "he_normal",
                "recurrent_initializer": "glorot_uniform",
                "unit_forget_bias": False,
            },
            "training": TRAINING | {"optimizer": ADAM},
        },
        "70926ba010337625",
    ),
    "adamw": (
        {"training": {"optimizer": {"name": "adamw", "global_clipnorm": 1}}},
        {"data": SINES, "model": MODEL, "training": TRAINING | {"optimizer": ADAMW}},
        "ca670540e7bae442",
    ),
    "rmsprop": (
        {"training": {"optimizer": "rmsprop"}},
        {"data": SINES, "model": MODEL, "training": TRAINING | {"optimizer": RMSPROP}},
        "c0d3cace44f133bb",
    ),
}


def _sha(values: dict[str, Any]) -> str:
    return hashlib.sha256(by_hand(values).encode()).hexdigest()[:16]


@pytest.mark.parametrize(("written", "values", "pinned"), PINNED.values(), ids=PINNED)
def test_ids_stay_for_ever(written: dict[str, Any], values: dict[str, Any], pinned: str) -> None:
    settings = s.Settings.model_validate(written)
    about = {"seed": 3, "engine": "fused", "group_size": 2, "schema": 2}
    assert identity_of(settings, 3, "fused", 2) == values | about
    assert Run("t", "v", 3, settings, "fused", 2).id == _sha(values | about) == pinned


def test_the_id_of_settings_knows_no_seed_purpose_engine_group_size_or_schema(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = s.Settings()
    expected = _sha({"data": SINES, "model": MODEL, "training": TRAINING | {"optimizer": ADAM}})
    runs = [
        Run("t", "v", 3, settings, "fused", 2),
        Run("u", "w", 4, settings, "keras", purpose="tuning"),
    ]
    assert {run.settings_id for run in runs} == {expected} == {"35dd45ddb97344c0"}
    assert len({run.id for run in runs}) == 2
    monkeypatch.setattr(identity, "SCHEMA", 3)
    assert settings_id(settings) == expected
    assert settings_id(s.Settings(model=s.Model(gates="relu"))) != expected


# ----------------------------------------------------------------------------- keys that come later


class LaterModel(s.Model):
    """What a later version may add to a model: a switch, and a section of its own."""

    class Clips(s.Frozen):
        cell: float | None = None
        projection: float | None = None

    dilated: bool = False
    clips: Clips = Clips()


class LaterSettings(s.Settings):
    model: LaterModel = LaterModel()


def test_a_neutral_key_moves_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = s.Settings(), LaterSettings()
    assert settings_id(after) != settings_id(before)
    for path, value in {
        "model.dilated": False,
        "model.clips.cell": None,
        "model.clips.projection": None,
    }.items():
        monkeypatch.setitem(identity.NEUTRAL, path, value)
    assert settings_id(after) == settings_id(before)
    assert identity_of(after, 3, "fused", 2) == identity_of(before, 3, "fused", 2)
    others = [
        LaterModel(dilated=True),
        LaterModel(clips=LaterModel.Clips(cell=0.0)),
        LaterModel(clips=LaterModel.Clips(projection=3.0)),
    ]
    ids = {settings_id(LaterSettings(model=model)) for model in (LaterModel(), *others)}
    assert len(ids) == 4
    # A new default relabels nothing, because a value that is not neutral is written out.
    assert identity_of(LaterSettings(model=others[0]), 3, "fused", 2)["model"]["dilated"] is True


def test_a_neutral_value_is_one_in_json_where_false_is_not_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(identity.NEUTRAL, "seed", False)
    assert identity_of(s.Settings(), 0, "fused", 1)["seed"] == 0


def test_the_purpose_is_in_it_where_it_is_not_evaluation() -> None:
    run = Run("t", "v", 3, s.Settings(), "fused")
    tuning = Run("t", "v", 3, s.Settings(), "fused", purpose="tuning")
    assert run.purpose == "evaluation" and "purpose" not in run.identity
    assert tuning.identity == run.identity | {"purpose": "tuning"}
    assert tuning.id != run.id


def test_the_table_of_neutral_values_only_grows() -> None:
    assert (
        identity.NEUTRAL.items()
        >= {
            "purpose": "evaluation",
            "model.bidirectional": False,
            "model.peepholes": False,
            "model.projection": None,
            "model.residual": False,
            "model.cell_clip": None,
            "model.projection_clip": None,
            "model.normalization": "none",
            "model.kernel_initializer": "glorot_uniform",
            "model.recurrent_initializer": "orthogonal",
            "model.unit_forget_bias": True,
            "data.separator": ",",
            "data.decimal": ".",
            "data.thousands": None,
            "data.skip_rows": 0,
        }.items()
    )


# --------------------------------------------------------------------------- spellings of one thing

SPELLINGS: dict[str, list[dict[str, Any]]] = {
    "one activation or two": [
        {"model": {"activation": "relu"}},
        {"model": {"candidate": "relu", "output": "relu"}},
    ],
    "a list of equal names": [
        {"model": {"activation": "relu", "between": "elu"}},
        {"model": {"activation": ["relu"] * 4, "between": ["elu"] * 3}},
        {"model": {"candidate": ["relu"] * 4, "output": "relu", "between": "elu"}},
        {"model": {"activation": ["relu"] * 4, "between": "elu", "gates": ["sigmoid"] * 4}},
    ],
    "parameters": [
        {"model": {"gates": "leaky_relu", "between": "elu(0.5)"}},
        {"model": {"gates": "leaky_relu(0.2)", "between": "elu( 0.50 )"}},
    ],
    "an expression": [
        {"model": {"output": "x + sin(x)**2"}},
        {"model": {"output": "x+sin( x )**2.0"}},
    ],
    "layers of one size": [
        {"model": {"encoder": [8, 8, 8], "decoder": [4]}},
        {"model": {"encoder": {"units": 8, "layers": 3}, "decoder": {"units": 4, "layers": 1}}},
    ],
    "what is neutral": [
        {},
        {
            "model": {
                "bidirectional": False,
                "peepholes": False,
                "projection": None,
                "residual": False,
                "cell_clip": None,
                "projection_clip": None,
                "normalization": "none",
                "kernel_initializer": "glorot_uniform",
                "recurrent_initializer": "orthogonal",
                "unit_forget_bias": True,
            }
        },
    ],
    "the default or nothing": [
        {},
        {"model": {"activation": "tanh"}},
        {"model": {"output": "tanh"}},
    ],
    "an optimizer by its name": [
        {"training": {"optimizer": "sgd"}},
        {"training": {"optimizer": {"name": "sgd"}}},
        {"training": {"optimizer": {"name": "sgd", "nesterov": True}}},  # without effect
        {"training": {"optimizer": {"name": "sgd", "momentum": -0.0, "nesterov": True}}},
    ],
    "whole numbers": [
        {"data": {"family": "sines", "noise": 1, "cycles": [1, 2]}},
        {"data": {"family": "sines", "noise": 1.0, "cycles": [1.0, 2.0]}},
    ],
    "nothing, with a sign": [
        {"data": {"family": "sines", "noise": 0}},
        {"data": {"family": "sines", "noise": -0.0}},
    ],
    "a file, wherever it lies": [
        {"data": {"family": "file", "path": "a.csv"}},
        {"data": {"family": "file", "path": "b/c.csv", "timesteps": 30, "stride": 1}},
    ],
}


@pytest.mark.parametrize("ways", SPELLINGS.values(), ids=SPELLINGS)
def test_spellings_of_one_thing_are_one(ways: list[dict[str, Any]]) -> None:
    assert len({settings_id(s.Settings.model_validate(way)) for way in ways}) == 1


def test_nesterov_with_momentum_is_another_training() -> None:
    ids = {
        settings_id(
            s.Settings(training=s.Training(optimizer=s.SGD(momentum=0.5, nesterov=nesterov)))
        )
        for nesterov in (False, True)
    }
    assert len(ids) == 2
