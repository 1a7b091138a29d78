"""A run's id and its structure: what is in them, and what is not; and the groups of runs."""

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from canonical import by_hand
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from lstm_ablate.experiment import settings as s
from lstm_ablate.experiment.identity import canonical_json
from lstm_ablate.experiment.loading import load
from lstm_ablate.experiment.runs import Run, expand, groups
from lstm_ablate.experiment.structure import structure_of

BASE = s.Settings()
RUN = Run("default", "tanh", 3, BASE, "keras")


def _of(settings: s.Settings) -> str:
    return dataclasses.replace(RUN, settings=settings).id


# ----------------------------------------------------------------------------------- what the id is


def test_the_id_is_16_digits_of_the_sha_256_of_the_resolved_values() -> None:
    values = {
        "data": {
            "family": "sines",
            "samples": {"train": 1024, "validation": 256, "test": 1024},
            "timesteps": 30,
            "features": 1,
            "noise": 0.05,
            "components": 2,
            "cycles": [1.0, 5.0],
        },
        "model": {
            "encoder": [100, 50],
            "latent": "sequence",
            "decoder": [50, 100],
            "candidate": "tanh",
            "output": "tanh",
            "gates": "sigmoid",
            "between": "linear",
            "head": None,
        },
        "training": {
            "epochs": 30,
            "batch_size": 32,
            "optimizer": {
                "name": "adam",
                "learning_rate": 0.001,
                "beta_1": 0.9,
                "beta_2": 0.999,
                "epsilon": 1e-07,
                "global_clipnorm": None,
            },
            "loss": "mse",
            "select": "best",
            "dtype": "float32",
        },
        "seed": 3,
        "engine": "keras",
        "group_size": 1,
        "schema": 2,
    }
    assert RUN.identity == values
    assert RUN.id == hashlib.sha256(by_hand(values).encode()).hexdigest()[:16]
    assert RUN.id == "efe478ba90de2d95"  # a change of it makes every record on disk unknown


@pytest.mark.parametrize(
    "value",
    [{"b": [1, 1.5, 1e-7, True, None], "a": {"ä": "é", "z": 1e22}}, [], {}, 0.1 + 0.2, "\n"],
)
def test_canonical_json_is_read_back_exactly_and_is_ascii(value: Any) -> None:
    import json

    text = canonical_json(value)
    assert json.loads(text) == value
    assert text.isascii()
    assert " " not in text


def test_canonical_json_refuses_nan() -> None:
    with pytest.raises(ValueError):
        canonical_json([float("nan")])


# -------------------------------------------------------------------------------- what is not in it

CONFIG = """\
version: 1
name: {name}
data: {{family: file, path: {path}}}
model: {{activation: tanh}}
seeds: [4, 7]
baseline: {baseline}
variants:
  {baseline}: {{}}
  other: {{model.candidate: relu}}
execution: {{workers: {workers}}}
"""


def test_names_paths_and_execution_are_not_in_it(tmp_path: Path) -> None:
    ids = []
    for folder, name, path, baseline, workers in (
        ("one", "first", "a.csv", "tanh", "auto"),
        ("two", "second", "deep/b.csv", "keras-default", "7"),
    ):
        (tmp_path / folder / "deep").mkdir(parents=True)
        (tmp_path / folder / path).write_text("x\n1\n2\n")
        config = tmp_path / folder / "c.yaml"
        config.write_text(CONFIG.format(name=name, path=path, baseline=baseline, workers=workers))
        ids.append([run.id for run in expand(load(config), "keras")])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 4
    (tmp_path / "two" / "deep" / "b.csv").write_text("x\n1\n3\n")  # the content is in it
    assert not set(ids[0]) & {run.id for run in expand(load(tmp_path / "two" / "c.yaml"), "keras")}


def test_the_same_cell_said_in_two_ways_is_the_same_run() -> None:
    ways = [
        s.Model(),
        s.Model(activation="tanh"),
        s.Model(candidate="tanh", output="tanh"),
        s.Model(activation="relu", candidate="tanh", output="tanh"),
        s.Model(output="tanh"),
    ]
    assert len({_of(s.Settings(model=model)) for model in ways}) == 1
    assert _of(s.Settings(model=s.Model(activation="relu"))) == _of(
        s.Settings(model=s.Model(candidate="relu", output="relu"))
    )


# ------------------------------------------------------------------------------- everything else is

FAMILIES = get_args(get_args(s.Data)[0])  # one's own file is the last
# Without momentum, nesterov means nothing.
OPTIMIZERS = [s.Adam(), s.AdamW(), s.SGD(momentum=0.5), s.RMSprop()]
FULL = [
    *[s.Settings(data=kind()) for kind in FAMILIES[:-1]],
    s.Settings(data=s.FileData(path="a.csv", digest="0" * 64, timesteps=12, stride=3)),
    *[s.Settings(training=s.Training(optimizer=optimizer)) for optimizer in OPTIMIZERS],
    s.Settings(model=s.Model(head=s.Head(units=(8,)))),
]
# Values that are not found by counting up the default.
OTHER = {
    "latent": "vector",
    "gates": "relu",
    "between": "relu",
    "activation": "gelu",
    "candidate": "relu",
    "output": "relu",
    "head": s.Head(units=(4,)),
    "projection": 8,
    "cell_clip": 3.0,
    "projection_clip": 3.0,
    "normalization": "layer",
    "kernel_initializer": "he_normal",
    "recurrent_initializer": "glorot_uniform",
    "select": "last",
    "loss": "mae",
    "dtype": "float64",
    "digest": "1" * 64,
    "columns": ("a",),
    "separator": ";",
    "decimal": ",",
    "thousands": " ",
    "path": "b.csv",
    "scaling": "none",
    "global_clipnorm": 1.0,
}
NOT_IDENTITY = {"path"}


def _changed(name: str, value: Any) -> Any:
    if name in OTHER:
        return OTHER[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return (*value[:-1], _changed("", value[-1]))
    return value + 1 if isinstance(value, int) else value * 0.5 + 0.125


def _all_changes(value: BaseModel, path: str = "") -> Iterator[tuple[str, BaseModel]]:
    """Yield every field's path with a copy of the settings in which only that field differs."""
    for name in type(value).model_fields:
        inner = getattr(value, name)
        if isinstance(inner, BaseModel):
            for below, changed in _all_changes(inner, f"{path}{name}."):
                yield below, value.model_copy(update={name: changed})
        elif name not in ("family", "name"):
            yield f"{path}{name}", value.model_copy(update={name: _changed(name, inner)})


@pytest.mark.parametrize(
    "base", FULL, ids=lambda base: f"{base.data.family}-{base.training.optimizer.name}"
)
def test_every_other_field_changes_the_id(base: s.Settings) -> None:
    before = _of(base)
    ids = {}
    for path, changed in _all_changes(base):
        assert changed != base, path
        ids[path] = _of(changed)
        assert (ids[path] == before) == (path.rsplit(".", 1)[-1] in NOT_IDENTITY), path
    assert len(ids) >= 34
    counted = [identifier for path, identifier in ids.items() if path != "data.path"]
    assert len(set(counted)) == len(counted)


def test_families_optimizers_seeds_and_engines_differ() -> None:
    runs = [
        *[dataclasses.replace(RUN, settings=settings) for settings in FULL],
        dataclasses.replace(RUN, seed=4),
        dataclasses.replace(RUN, engine="fused"),
    ]
    # Sines and adam are the defaults, hence in FULL twice.
    assert len({run.id for run in runs}) == len(runs) - 1
    assert dataclasses.replace(RUN, task="other", variant="other").id == RUN.id


def test_the_group_size_is_in_it_as_the_number_of_runs_that_are_trained_at_once() -> None:
    auto = dataclasses.replace(RUN, engine="fused")
    assert auto.identity["group_size"] == 1  # of a network this large
    of = {size: dataclasses.replace(auto, wanted_group_size=size) for size in (1, 8)}
    assert (of[8].identity["group_size"], of[8].id != auto.id, of[1].id) == (8, True, auto.id)
    assert dataclasses.replace(RUN, wanted_group_size=8).id == RUN.id  # the keras engine trains one


# ---------------------------------------------------------------------------------------- structure

# What a program takes as arguments, initial weights among it, and what belongs to the loop around.
START = {"kernel_initializer", "recurrent_initializer", "unit_forget_bias"}
NUMBERS = {"learning_rate", "weight_decay", "beta_1", "beta_2", "rho", "epsilon"}
AROUND = {"epochs", "select"}


@pytest.mark.parametrize(
    "base", FULL, ids=lambda base: f"{base.data.family}-{base.training.optimizer.name}"
)
def test_every_field_but_the_numbers_changes_the_structure(base: s.Settings) -> None:
    before = structure_of(base)
    structures = {path: structure_of(changed) for path, changed in _all_changes(base)}
    equal = {
        path.rsplit(".", 1)[-1] for path, structure in structures.items() if structure == before
    }
    numbers = NUMBERS & set(type(base.training.optimizer).model_fields)
    if getattr(base.training.optimizer, "momentum", 0):
        numbers.add("momentum")  # whose amount is a number where there is any
    assert equal == AROUND | START | numbers
    others = [structure for structure in structures.values() if structure != before]
    assert len(set(others)) == len(others)


@pytest.mark.parametrize("kind", [s.SGD, s.RMSprop])
def test_an_amount_of_momentum_is_a_number_and_having_any_is_structure(kind: Any) -> None:
    without, little, much = (_optimized(kind(momentum=amount)) for amount in (0.0, 0.1, 0.9))
    assert little == much != without


@pytest.mark.parametrize("kind", [s.Adam, s.AdamW, s.SGD, s.RMSprop])
def test_a_norm_to_clip_to_is_a_number_and_having_any_is_structure(kind: Any) -> None:
    without, low, high = (_optimized(kind(global_clipnorm=norm)) for norm in (None, 0.1, 9.0))
    assert low == high != without


def _optimized(optimizer: s.Optimizer) -> Any:
    return structure_of(s.Settings(training=s.Training(optimizer=optimizer)))


# ---------------------------------------------------------------------------------------- expansion


def test_runs_are_in_the_order_of_the_config(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "{version: 1, name: x, seeds: [5, 2], baseline: b, variants: {b: {}, a: {model.gates:"
        " relu}}, tasks: {z: {data.noise: 0.1}, y: {}}, data: {family: ar}}"
    )
    runs = expand(load(config), "keras")
    assert [(run.task, run.variant, run.seed) for run in runs] == [
        (task, variant, seed) for task in "zy" for variant in "ba" for seed in (5, 2)
    ]
    assert {run.engine for run in runs} == {"keras"}
    assert [run.settings.data.noise for run in runs] == [0.1] * 4 + [0.05] * 4
    assert [run.settings.model.gates for run in runs] == ["sigmoid", "sigmoid", "relu", "relu"] * 2


def test_groups_are_of_equal_settings_and_of_the_size_asked_for(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "{version: 1, name: x, seeds: 5, baseline: a, variants: {a: {}, b: {model.gates: relu}},"
        " group_size: 2}"
    )
    cut = groups(expand(load(config)))
    assert [[(run.variant, run.seed) for run in group] for group in cut] == [
        [(variant, seed) for seed in seeds] for variant in "ab" for seeds in ((0, 1), (2, 3), (4,))
    ]
    assert [len(group) for group in groups(expand(load(config), "keras"))] == [1] * 10


def test_runs_that_differ_only_in_numbers_fill_groups_together(tmp_path: Path) -> None:
    """Even where a variant of another structure stands between theirs."""
    config = tmp_path / "c.yaml"
    config.write_text(
        "{version: 1, name: x, seeds: 3, baseline: a, group_size: 2, variants: {a: {}, b:"
        " {model.gates: relu}, c: {training.optimizer.learning_rate: 0.1}, d: {training.epochs: 7},"
        " e: {training.optimizer.beta_2: 0.5}, f: {training.select: last}}}"
    )
    cut = groups(expand(load(config)))
    assert [" ".join(f"{run.variant}{run.seed}" for run in group) for group in cut] == [
        *("a0 a1", "a2 c0", "c1 c2", "e0 e1", "e2"),
        *("b0 b1", "b2"),
        *("d0 d1", "d2"),
        *("f0 f1", "f2"),
    ]


def _any_training(draw: Any) -> s.Training:
    """Of few kinds, so that two that differ in one thing alone often meet."""
    rate, momentum = (draw(st.sampled_from(values)) for values in ((0.1, 0.5), (0.0, 0.5, 0.9)))
    return s.Training(
        epochs=draw(st.sampled_from([1, 2])),
        optimizer=s.SGD(learning_rate=rate, momentum=momentum),
        select=draw(st.sampled_from(["best", "last"])),
    )


@st.composite
def _some_runs(draw: Any) -> list[Run]:
    several = [s.Settings(training=_any_training(draw)) for _ in range(draw(st.integers(1, 8)))]
    size = draw(st.sampled_from([1, 2, 3, "auto"]))
    return [
        Run(
            "task", f"{draw(st.integers(0, 3))}", seed, draw(st.sampled_from(several)), engine, size
        )
        for seed in range(draw(st.integers(0, 30)))
        for engine in draw(st.sampled_from([["fused"], ["keras", "fused"]]))
    ]


@given(_some_runs())
@settings(deadline=None)
def test_every_run_is_in_one_group_of_its_kind_and_only_the_last_of_a_kind_is_short(
    runs: list[Run],
) -> None:
    cut = groups(runs)
    assert sorted(id(run) for group in cut for run in group) == sorted(map(id, runs))
    kinds = []
    for group in cut:
        (kind,) = {
            (
                structure_of(run.settings),
                run.settings.training.epochs,
                run.settings.training.select,
                run.engine,
            )
            for run in group
        }
        assert 1 <= len(group) <= group[0].group_size
        places = [next(k for k, run in enumerate(runs) if run is member) for member in group]
        assert places == sorted(places)
        kinds.append((kind, len(group) == group[0].group_size))
    for kind in {kind for kind, _ in kinds}:
        full = [whole for other, whole in kinds if other == kind]
        assert all(full[:-1])
