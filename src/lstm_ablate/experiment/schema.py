"""The form of an experiment file: its sections, its JSON Schema and every dotted path in it."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from lstm_ablate.experiment.field_types import CountOrAuto, Frozen, Margin, Positive, Seeds
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.experiment.yaml_source import Node

SCHEMA_URL = "https://json-schema.org/draft/2020-12/schema"
VERSION = 1  # of the form
CHANGEABLE = {"variants": ("model", "training"), "tasks": ("data", "model", "training")}


def _whole(value: Any) -> Any:
    """Refuse `true` and `1.0`, which Python holds equal to 1."""
    if type(value) is not int:
        raise PydanticCustomError("int_type", "a whole number is due")
    return value


def _line(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("line", "one line of printable text is due")
    return value


class Analysis(Frozen):
    """How results are judged."""

    margin: Annotated[Margin, Field(description="ratios within this margin count as practically equivalent")] = 0.1


class Execution(Frozen):
    """How runs are carried out; never changes a number."""

    workers: Annotated[
        CountOrAuto, Field(description="processes; auto: one per core or GPU, as far as memory goes")
    ] = "auto"
    timeout: Annotated[
        Positive,
        Field(
            description="seconds without the end of an epoch after which a worker is killed and its runs tried again"
        ),
    ] = 3600.0


class ExperimentFile(Settings):
    """An experiment of lstm-ablate."""

    version: Annotated[Literal[1], BeforeValidator(_whole)]
    name: str
    question: Annotated[str, Field(max_length=300, description="one line above the report"), AfterValidator(_line)] = ""
    seeds: Annotated[Seeds, Field(description="n means 0..n-1; a list names them")] = tuple(range(10))
    baseline: Annotated[str, Field(description="the variant that the others are compared with")]
    variants: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    tasks: dict[str, dict[str, Any]] = Field(default_factory=dict)
    engine: Annotated[Literal["fused", "keras"], Field(description="the code that trains")] = "fused"
    group_size: Annotated[
        CountOrAuto,
        Field(description="runs that the fused engine trains at once; auto: what suits the CPU, or what fits the GPUs"),
    ] = "auto"
    analysis: Analysis = Analysis()
    execution: Execution = Execution()


@cache
def _raw_schema() -> dict[str, Any]:
    schema = ExperimentFile.model_json_schema()
    _count_items(schema)
    return schema


def _count_items(schema: Any) -> None:
    """Rename `minLength` of an array, as pydantic calls it behind a BeforeValidator, to `minItems`, which counts."""
    if isinstance(schema, dict) and schema.get("type") == "array":
        for length, items in (("minLength", "minItems"), ("maxLength", "maxItems")):
            if length in schema:
                schema[items] = schema.pop(length)
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _count_items(inner)


def _options(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the object schemas that a schema stands for."""
    if "$ref" in schema:
        yield from _options(_raw_schema()["$defs"][schema["$ref"].rsplit("/", 1)[1]])
    for one in [*schema.get("oneOf", ()), *schema.get("anyOf", ())]:
        yield from _options(one)
    if "properties" in schema:
        yield schema


def _walk_schema(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for option in _options(schema):
        for key, value in option["properties"].items():
            yield f"{prefix}{key}", value
            yield from _walk_schema(value, f"{prefix}{key}.")


@cache
def dotted_paths() -> dict[str, list[dict[str, Any]]]:
    """Every dotted path of an experiment with the schemas that it may have (several where families differ)."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path, schema in _walk_schema(_raw_schema(), ""):
        if schema not in found.setdefault(path, []):
            found[path].append(schema)
    return found


def keys_below(path: str, node: Node) -> list[str]:
    """Return the keys allowed in the mapping at a path, narrowed by its family or name."""
    schemas = [_raw_schema()] if not path else dotted_paths().get(path, [])
    options = [option for schema in schemas for option in _options(schema)]
    chosen = [option for option in options if _is_named(option, node)] or options
    return list(dict.fromkeys(key for option in chosen for key in option["properties"]))


def _is_named(option: dict[str, Any], node: Node) -> bool:
    """Whether the mapping has the family or name that the object schema is of."""
    tags = {key: schema["const"] for key, schema in option["properties"].items() if "const" in schema}
    return any(key in node.value and node.value[key].value == tag for key, tag in tags.items())


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of an experiment file, with every path that variants and tasks can change."""
    schema: dict[str, Any] = json.loads(json.dumps(_raw_schema()))
    for kind, sections in CHANGEABLE.items():
        changes = {
            path: options[0] if len(options) == 1 else {"anyOf": options}
            for path, options in dotted_paths().items()
            if "." in path and path.split(".")[0] in sections and (kind, path) != ("variants", "training.loss")
        }
        described = schema["properties"][kind]
        described["additionalProperties"] = {
            "anyOf": [
                {"type": "object", "properties": changes, "additionalProperties": False},
                {"type": "null"},
            ]
        }
    return {"$schema": SCHEMA_URL, **schema}
