"""The JSON Schema of an experiment file, and what it says about every dotted path."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from lstm_ablate.experiment.activations import ACTIVATIONS
from lstm_ablate.experiment.experiment_file import CHANGEABLE, FREE, ExperimentFile, is_changeable
from lstm_ablate.experiment.nodes import Node
from lstm_ablate.experiment.settings import SITES

SCHEMA_URL = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]  # a JSON Schema, or a part of one


@cache
def _raw_schema() -> Schema:
    schema = ExperimentFile.model_json_schema()
    _count_items(schema)
    _describe_names(schema)
    for optimizer in ("AdamW", "SGD", "RMSprop"):  # without a name it is adam
        schema["$defs"][optimizer]["required"] = ["name"]
    return schema


def _describe_names(schema: Schema) -> None:
    """Give each family and optimizer name the description of the mapping that it belongs to."""
    for mapping in schema["$defs"].values():
        for key in mapping["properties"].values() if "properties" in mapping else ():
            if "const" in key and "description" not in key:
                key["description"] = mapping["description"].rstrip(".")


def _count_items(schema: Any) -> None:
    """Rename `minLength` of an array to `minItems`, which is the keyword of arrays.

    Pydantic writes `minLength` if the field has a BeforeValidator.
    """
    if isinstance(schema, dict) and schema.get("type") == "array":
        for length, items in (("minLength", "minItems"), ("maxLength", "maxItems")):
            if length in schema:
                schema[items] = schema.pop(length)
    inner = schema.values() if isinstance(schema, dict) else schema
    for part in inner if isinstance(schema, dict | list) else ():
        _count_items(part)


def _options(schema: Schema) -> Iterator[Schema]:
    """Yield the object schemas that a schema stands for."""
    if "$ref" in schema:
        yield from _options(_raw_schema()["$defs"][schema["$ref"].rsplit("/", 1)[1]])
    for option in [*schema.get("oneOf", ()), *schema.get("anyOf", ())]:
        yield from _options(option)
    if "properties" in schema:
        yield schema


def _paths_below(schema: Schema, prefix: str) -> Iterator[tuple[str, Schema]]:
    """Yield every path in the mappings that a schema stands for, with the schema of its value."""
    for option in _options(schema):
        for key, value in option["properties"].items():
            yield f"{prefix}{key}", value
            yield from _paths_below(value, f"{prefix}{key}.")


@cache
def dotted_paths() -> dict[str, list[Schema]]:
    """Return every dotted path of an experiment, with the schemas that it may have.

    A path has several schemas if families or optimizers differ in it.
    """
    paths: dict[str, list[Schema]] = {}
    for path, schema in _paths_below(_raw_schema(), ""):
        if schema not in paths.setdefault(path, []):
            paths[path].append(schema)
    return paths


@cache
def tunable_paths() -> list[str]:
    """Return the paths that can be tuned: those of all numbers that a variant can change.

    Numbers that may be left out, such as model.projection, are among them.
    """
    found = []
    for path, schemas in dotted_paths().items():
        options = [option for schema in schemas for option in schema.get("anyOf", [schema])]
        is_number = any(option.get("type") in ("number", "integer") for option in options)
        if is_number and is_changeable("variants", path):
            found.append(path)
    return found


def takes_null(path: str) -> bool:
    """Return whether null is a value at a path, where it means that there is no such thing."""
    return any(
        {"type": "null"} in schema.get("anyOf", ()) for schema in dotted_paths().get(path, ())
    )


def keys_below(path: str, node: Node) -> list[str]:
    """Return the keys that the mapping at a path may have, given its family or name if any."""
    schemas = [_raw_schema()] if not path else dotted_paths().get(path, [])
    options = [option for schema in schemas for option in _options(schema)]
    chosen = [option for option in options if _is_named(option, node)] or options
    return list(dict.fromkeys(key for option in chosen for key in option["properties"]))


def _is_named(option: Schema, node: Node) -> bool:
    """Return whether a mapping has the family or name that an object schema describes; one without
    a name has that which need not be written.
    """
    properties = option["properties"].items()
    tags = {key: schema["const"] for key, schema in properties if "const" in schema}
    return any(
        node.entries[key].value == tag
        if key in node.entries
        else key not in option.get("required", ())
        for key, tag in tags.items()
    )


def json_schema() -> Schema:
    """Return the JSON Schema of an experiment file, with all that variants and tasks can change."""
    schema: Schema = json.loads(json.dumps(_raw_schema()))
    for kind in CHANGEABLE:
        changes = {
            path: options[0] if len(options) == 1 else _one_of(options)
            for path, options in dotted_paths().items()
            if is_changeable(kind, path)
        }
        described = schema["properties"][kind]
        described["additionalProperties"] = {
            "type": "object",
            "properties": changes,
            "additionalProperties": False,
            "description": described["description"],
        }
    schema["$defs"]["Tune"]["properties"]["path"]["enum"] = tunable_paths()
    # The schema cannot know the names that a config defines, so if it defines some, any name is
    # accepted.
    others = {"if": {"required": ["activations"]}, "else": _known_activations()}
    anything = {f"^{FREE}": {"description": "not read; a place for parts with anchors"}}
    return {"$schema": SCHEMA_URL, **schema, "patternProperties": anything, **others}


def _one_of(options: list[Schema]) -> Schema:
    """Return the schema of a path to which families or optimizers give different schemas."""
    texts = [
        f"{option['const']}: {option['description']}"
        if "const" in option
        else option["description"]
        for option in options
    ]
    return {"anyOf": options, "description": "; ".join(dict.fromkeys(texts))}


def _known_activations() -> Schema:
    """Return a schema in which every name of an activation is a known one.

    A text with characters that no name has is taken for a name with parameters or an expression,
    and is accepted.
    """
    known: Schema = {
        "anyOf": [{"enum": list(ACTIVATIONS)}, {"type": "string", "pattern": r"\W|^x$"}]
    }
    model: Schema = {
        site: {"anyOf": [known, {"type": "array", "items": known}]}
        for site in ("activation", *SITES)
    }
    model["head"] = {"properties": {"activation": known}}
    paths = {f"model.{key}": value for key, value in model.items()}
    change = {"properties": {**paths, "model.head.activation": known}}
    changes = {kind: {"additionalProperties": change} for kind in CHANGEABLE}
    return {"properties": {"model": {"properties": model}, **changes}}
