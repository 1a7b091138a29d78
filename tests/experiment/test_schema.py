"""The JSON Schema is valid and agrees with the loader; the arbiter is the `jsonschema` package."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lstm_ablate.errors import UserError
from lstm_ablate.experiment.activations import ACTIVATIONS
from lstm_ablate.experiment.experiment_file import is_changeable
from lstm_ablate.experiment.loading import load
from lstm_ablate.experiment.schema import dotted_paths, json_schema
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.experiment.yaml_source import read_file, read_text

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(ROOT.glob("configs/*.yaml"))
HEAD = (
    "version: 1\nname: test\nbaseline: tanh\nvariants:\n  tanh: {}\n  relu: {model.activation:"
    " relu}\n"
)

validator = jsonschema.Draft202012Validator(json_schema())


def _errors(values: object) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(values)]


def test_the_schema_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_schema_is_a_value_of_its_own() -> None:
    json_schema()["properties"].clear()
    assert json_schema()["properties"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_accepts_the_configs_of_the_project(path: Path) -> None:
    assert not _errors(read_file(path).plain())
    schema = ROOT / "experiment.schema.json"
    assert path.read_text(encoding="utf-8").startswith(
        f"# yaml-language-server: $schema=../{schema.name}\n"
    )


def test_there_are_configs() -> None:
    assert CONFIGS


def test_what_a_load_resolves_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(HEAD + "tasks: {a: {data.timesteps: 5}}\nmodel: {head: {units: [3]}}\n")
    assert not _errors(load(path).resolved)


ACCEPTED = [
    "",
    "seeds: 3",
    "seeds: [3, 1]",
    "seeds: {until: decided, most: 60}",
    "seeds: {until: decided, step: 3, most: [4, 2, 9]}",
    "analysis: {margin: 5%}",
    "analysis: {margin: 0.05}",
    "analysis: {stuck: 2}",
    "analysis: {margin: 5%, stuck: 3.5}",
    "execution: {workers: auto}",
    "execution: {workers: 2}",
    "data: {family: sines, cycles: [1, 2.5]}",
    "data: {family: ar, coefficients: [0.5]}",
    "data: {family: file, path: c.yaml, columns: [a]}",
    "data: {family: file, path: c.yaml, columns: a}",
    "data: {family: file, path: c.yaml, separator: ;, decimal: ',', skip_rows: 3}",
    "data: {family: file, path: c.yaml, separator: tab, thousands: ' '}",
    'data: {family: file, path: c.yaml, separator: "\\t", thousands: null}',
    "data: {family: file, path: c.yaml, separator: ' ', thousands: ','}",
    "model: {candidate: elu, output: relu, head: {units: [4], activation: elu}}",
    "model: {head: null}",
    "model: {encoder: {units: 8, layers: 3}, residual: true}",
    "model: {encoder: {units: 8, layers: 3}}\ntasks: {a: {model.encoder.layers: 2}}",
    "model: {candidate: [tanh, relu, relu, tanh], between: [relu, linear, linear]}",
    "model: {gates: leaky_relu(0.01), between: elu( .5 ), output: x, candidate: x + sin(x)**2}",
    "model: {between: snake, head: {units: [3], activation: snake}}\nactivations: {snake: x*x}",
    "model: {bidirectional: true, peepholes: true, cell_clip: 3}",
    "model: {projection: 8, projection_clip: 1}",
    "model: {bidirectional: decoder, projection: null, cell_clip: null, normalization: layer}",
    "model: {kernel_initializer: he_normal, recurrent_initializer: orthogonal}",
    "model: {unit_forget_bias: false}",
    "  third: {model.bidirectional: encoder, model.projection: null}",
    "training: {optimizer: {name: sgd, nesterov: true}}",
    "training: {optimizer: {name: adam, global_clipnorm: 1}}",
    "training: {optimizer: adam}",
    "tasks: {}",
    "tasks: {a: {data.family: lorenz, model.encoder: [3], training.loss: mae}, b: {}}",
    "  third: {model.head: {units: [3]}, training.optimizer.learning_rate: 1e-2}",
    "  third: {training.optimizer: {name: sgd}}",
    "  third: {training.optimizer: sgd}",
    "  third: {model.head: null, model.gates: relu}",
    "tune: {path: training.optimizer.learning_rate, grid: [1e-3, 1]}",
    "tune: {path: training.batch_size, grid: [32, 64, 128], seeds: [7, 3], extend: 0}",
    "tune: null",
    "model: {encoder: [8]}",
    "x-: 5",
    "x-parts: {a: &a {model.gates: relu}}\ntasks: {t: {<<: *a}}",
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepts_what_the_loader_accepts(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"{HEAD}{text}\n")
    load(path)
    assert not _errors(read_file(path).plain())


REFUSED = [
    "trainig: {}",
    "version: 2",
    "seeds: 0",
    "seeds: []",
    "seeds: [1, 1]",
    "seeds: [-1]",
    "seeds: many",
    "seeds: 1e3.5",
    "seeds: {until: decided}",
    "seeds: {until: bored, most: 60}",
    "seeds: {until: decided, most: 0}",
    "seeds: {until: decided, most: 1001}",
    "seeds: {until: decided, most: 60, step: 0}",
    "seeds: {until: decided, most: 60, steps: 10}",
    "analysis: {margin: 10}",
    "analysis: {margin: ten%}",
    "analysis: {stuck: 1}",
    "analysis: {stuck: often}",
    "execution: {workers: many}",
    "execution: {workers: 0}",
    "data: {family: sine}",
    "data: {noise: 1}",
    "data: {family: lorenz, cycles: [1, 2]}",
    "data: {family: sines, cycles: [1]}",
    "data: {family: sines, cycles: [1, 2, 3]}",
    "data: {family: sines, noise: -1}",
    "data: {family: sines, samples: {train: 0}}",
    "data: {family: file}",
    "data: {family: file, path: c.yaml, columns: []}",
    "data: {family: file, path: c.yaml, separator: ab}",
    "data: {family: file, path: c.yaml, separator: a}",
    "data: {family: file, path: c.yaml, separator: '1'}",
    "data: {family: file, path: c.yaml, separator: ''}",
    "data: {family: file, path: c.yaml, separator: .}",
    "data: {family: file, path: c.yaml, decimal: ;}",
    "data: {family: file, path: c.yaml, thousands: _}",
    "data: {family: file, path: c.yaml, skip_rows: -1}",
    "model: {encoder: 4}",
    "model: {encoder: []}",
    "model: {encoder: [0]}",
    "model: {encoder: {units: 4}}",
    "model: {encoder: {units: 4, layers: 0}}",
    "model: {encoder: {units: 4, layers: 2, more: 1}}",
    "model: {gates: Sigmoid}",
    "model: {gates: swish}",
    "model: {gates: threshold}",
    "model: {gates: []}",
    "model: {gates: [relu, geul, relu, relu]}",
    "model: {gates: [relu, null, relu, relu]}",
    "model: {gates: [[relu], relu, relu, relu]}",
    "model: {gates: 1}",
    "model: {head: {units: [4], activation: [relu]}}",
    "model: {bidirectional: both}",
    "model: {bidirectional: 1}",
    "model: {bidirectional: null}",
    "model: {peepholes: yes}",
    "model: {projection: 0}",
    "model: {projection: 3.5}",
    "model: {cell_clip: 0}",
    "model: {normalization: batch}",
    "model: {kernel_initializer: he}",
    "model: {recurrent_initializer: he_normal}",
    "activations: {snake: 5}",
    "activations: [x]",
    "model: {activation: null}",
    "model: {candidate: null}",
    "model: {output: null}",
    "model: {gates: null}",
    "model: {between: null}",
    "model: {head: {units: [3], activation: null}}",
    "model: {head: {activation: relu}}",
    "model: {latent: both}",
    "model: [1]",
    "training: {epochs: 0}",
    "training: {epochs: 1_000}",
    "training: {epochs: true}",
    "training: {loss: mes}",
    "training: {optimizer: adm}",
    "training: {optimizer: {name: sgd, beta_1: 0.5}}",
    "training: {optimizer: {name: sgd, nesterov: no}}",
    "tasks: {a: {data.nois: 1}}",
    "tasks: {a: {data: {noise: 1}}}",
    "tasks: [a]",
    "tune: {path: training.optimizer.learning_rate, grid: [1e-3]}",
    "tune: {path: training.optimizer.learning_rate, grid: [1e-3, 0.001]}",
    "tune: {path: training.optimizer.learning_rate, grid: [1e-3, a]}",
    "tune: {path: training.optimizer.learning_rate, grid: 1e-3}",
    "tune: {path: training.optimizer.learning_rate, grid: [1e-3, 1], extend: -1}",
    "tune: {path: training.optimizer.learning_rate, grid: [1e-3, 1], seeds: 0}",
    "tune: {path: data.noise, grid: [0.1, 1]}",
    "tune: {path: model.activation, grid: [0.1, 1]}",
    "tune: {grid: [1e-3, 1]}",
    "  third: {data.noise: 1}",
    "  third: {training.loss: mae}",
    "  third: {model.activation: geul}",
    "  third: {model.activation: null}",
    "tasks: {a: {model.between: null}}",
    "  third: {activation: relu}",
    "  third: {model.encoder: [a]}",
    "  third: [relu]",
    "  third:",
    "  third: null",
    "tasks: {a: {}, b: }",
    "tasks:",
    "tasks: null",
    "model:",
    "training: null",
    "X-parts: {}",
    "  third: {x-a: 1}",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refuses_what_the_loader_refuses(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        (HEAD.replace("version: 1\n", "") if text.startswith("version") else HEAD) + text + "\n"
    )
    with pytest.raises(UserError):
        load(path)
    assert _errors(read_file(path).plain())


@pytest.mark.parametrize("key", ["version", "name", "baseline", "variants"])
def test_refuses_a_config_without_a_key_that_is_due(key: str) -> None:
    values = read_text(HEAD, "c.yaml").plain()
    del values[key]
    assert _errors(values)


def test_every_activation_is_offered_to_editors() -> None:
    schema = json_schema()
    gates = schema["properties"]["variants"]["additionalProperties"]["properties"]["model.gates"]
    one, several = schema["$defs"][gates["$ref"].rpartition("/")[2]]["oneOf"]
    assert one == several["items"]
    offered = schema["$defs"][one["$ref"].rpartition("/")[2]]["anyOf"][0]
    assert offered["enum"] == list(ACTIVATIONS)


def _keys(schema: object, way: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every key that the schema has, at any place; `else` only lists activations."""
    if isinstance(schema, dict):
        for name, described in schema.get("properties", {}).items():
            yield f"{way}/{name}", described
        for name, inner in schema.items():
            if name != "else":
                yield from _keys(inner, f"{way}/{name}")
    for place, inner in enumerate(schema if isinstance(schema, list) else ()):
        yield from _keys(inner, f"{way}/{place}")


def test_every_key_has_a_description_that_editors_show() -> None:
    schema = json_schema()
    found = dict(_keys(schema))
    assert [way for way, described in found.items() if not described.get("description")] == []
    for kind in ("variants", "tasks"):
        of_names = schema["properties"][kind]["additionalProperties"]
        assert of_names["description"]
        paths = {path for path in dotted_paths() if is_changeable(kind, path)}
        assert set(of_names["properties"]) == paths and len(paths) >= 40
    (free,) = schema["patternProperties"].values()
    assert free["description"]
    known = {path.rpartition(".")[2] for path in dotted_paths()}
    assert known <= {way.rpartition("/")[2] for way in found}


def test_a_description_of_several_families_or_optimizers_names_each() -> None:
    paths = json_schema()["properties"]["tasks"]["additionalProperties"]["properties"]
    for key, names in (
        ("data.family", ("sines", "chirp", "square", "ar", "random_walk", "lorenz", "file")),
        ("training.optimizer.name", ("adam", "adamw", "sgd", "rmsprop")),
    ):
        assert re.findall(r"(?:^|; )(\w+): ", paths[key]["description"]) == list(names)
    rate = paths["training.optimizer.learning_rate"]["description"]
    assert rate.startswith("the size of a step") and ";" in rate and "; the size" not in rate


@pytest.mark.parametrize("where", ["model: {{{}: {}}}", "  v: {{model.{}: {}}}"])
@pytest.mark.parametrize("site", ["activation", "candidate", "output", "gates", "between"])
def test_a_name_is_unknown_to_editors_unless_a_config_names_its_own(where: str, site: str) -> None:
    for written in ("snake", "[tanh, snake]"):
        text = f"{HEAD}{where.format(site, written)}\n"
        assert _errors(read_text(text, "c.yaml").plain())
        assert not _errors(read_text(f"{text}activations: {{snake: x * 2}}\n", "c").plain())


@pytest.mark.parametrize(
    "where",
    ["model: {head: {units: [1], activation: snake}}", "  v: {model.head.activation: snake}"],
)
def test_so_it_is_in_a_head(where: str) -> None:
    assert _errors(read_text(f"{HEAD}{where}\n", "c.yaml").plain())
    assert not _errors(read_text(f"{HEAD}{where}\nactivations: {{snake: x * 2}}\n", "c").plain())


def test_dotted_paths_are_all_that_settings_hold() -> None:
    """Every leaf of the default settings has a path. The leaves are found by walking the values and
    not the schema.
    """

    def leaves(value: object, path: str = "") -> set[str]:
        if isinstance(value, dict):
            return {
                path[:-1],
                *(
                    below
                    for key, inner in value.items()
                    for below in leaves(inner, f"{path}{key}.")
                ),
            }
        return {path[:-1]}

    found = leaves(Settings().model_dump()) - {""}
    assert found <= set(dotted_paths())
    assert {
        "model.head.units",
        "data.coefficients",
        "data.split.train",
        "training.optimizer.rho",
    } <= set(dotted_paths())
    assert {"data.family", "training.optimizer.name", "seeds", "analysis.margin"} <= set(
        dotted_paths()
    )
