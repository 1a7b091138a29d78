"""The types of single values in a config, with their ranges and other spellings."""

import json
import math
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from lstm_ablate.experiment.activations import ACTIVATIONS, canonical
from lstm_ablate.experiment.nodes import NOTHING

MAX_RUNS = 1_000_000


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def _named(value: object) -> object:
    """Refuse null: who writes it may mean Keras' `activation=None`, which is not the default."""
    if value is None or value is NOTHING:
        raise PydanticCustomError(
            "activation",
            "null is no value of a site; Keras' activation=None is linear: write linear",
        )
    return value


def _activation(value: object, info: ValidationInfo) -> object:
    """Return the one text of an activation.

    The context holds the texts of the user's own by their names.
    """
    own: dict[str, str] = info.context or {}
    if not isinstance(_named(value), str):
        raise PydanticCustomError("expected", "", {"what": "the name of an activation"})
    text = str(value)
    try:
        return own.get(text) or canonical(text, tuple(own))
    except ValueError as error:
        raise PydanticCustomError("activation", "{why}", {"why": str(error)}) from None


def _one_or_several(value: object) -> str:
    return "several" if isinstance(value, list | tuple) else "one"


def _seeds(value: object) -> object:
    """Turn n into 0..n-1 and check a list of seeds."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= MAX_RUNS:
            raise PydanticCustomError("seeds", "a number of seeds is between 1 and 1,000,000")
        return tuple(range(value))
    if not isinstance(value, list) or not value:
        wanted = "write a number of seeds, or a list of whole numbers from 0, such as [0, 7]"
        raise PydanticCustomError("seeds", wanted)
    seen: set[int] = set()
    for seed in value:
        if type(seed) is not int or not 0 <= seed < 2**63:
            wanted = "a seed is a whole number from 0 to 2^63 - 1; {shown} is none"
            raise PydanticCustomError(
                "seeds", wanted, {"shown": json.dumps(seed, default=repr)[:80]}
            )
        if seed in seen:
            raise PydanticCustomError("seeds", "the seed {seed} is named twice", {"seed": seed})
        seen.add(seed)
    return tuple(value)


def seeds_schema(most: int) -> dict[str, Any]:
    """Return the JSON Schema of a number of seeds, or of a list that names them."""
    named = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}
    return {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": most},
            {**named, "uniqueItems": True},
        ],
    }


def _margin(value: object) -> object:
    """Turn '10%' into 0.1."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]+(\.[0-9]+)?%", value):
        return float(value[:-1]) / 100
    if isinstance(value, str):
        wanted = "write a percentage such as 10%, or a fraction such as 0.1"
        raise PydanticCustomError("margin", wanted)
    return value


def _count_or_auto(value: object) -> object:
    if value != "auto" and not (type(value) is int and 1 <= value <= 1024):
        raise PydanticCustomError("count_or_auto", "write auto, or a whole number from 1")
    return value


def _range(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise PydanticCustomError("range", "the lower end of the range comes first")
    return value


def _number(value: object) -> object:
    """Return a finite number as it is written, a whole one as such."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("float_type", "")
    if not math.isfinite(value):
        raise PydanticCustomError("finite_number", "")
    return value


def _different(values: tuple[int | float, ...]) -> tuple[int | float, ...]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise PydanticCustomError("grid", "{value} is named twice", {"value": f"{value:g}"})
    return values


def as_tuple(value: object) -> object:
    """Return a list of YAML as a tuple, and anything else as it is."""
    return tuple(value) if isinstance(value, list) else value


def _no_number(value: object) -> object:
    """Refuse 1 and 0, which Python holds equal to true and false."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        allowed = "True, False, encoder or decoder"
        raise PydanticCustomError("literal_error", "{expected}", {"expected": allowed})
    return value


def _optional(schema: dict[str, Any]) -> None:
    """Take null and the default out of a JSON Schema, where editors would offer them as values."""
    schema.pop("default", None)
    (other,) = [option for option in schema.pop("anyOf") if option != {"type": "null"}]
    schema |= other


# Editors offer the names; the loader tells which other texts mean something.
ActivationName = TypeAliasType(
    "ActivationName",
    Annotated[
        str,
        BeforeValidator(_activation),
        WithJsonSchema(
            {
                "anyOf": [{"enum": list(ACTIVATIONS)}, {"type": "string"}],
                "description": (
                    "a name, also of `activations`; with parameters, as in leaky_relu(0.01); or an"
                    " expression in x"
                ),
            }
        ),
    ],
)
# One name for all places of a site, or one for each place.
SiteActivations = TypeAliasType(
    "SiteActivations",
    Annotated[
        Annotated[ActivationName, Tag("one")]
        | Annotated[
            tuple[ActivationName, ...],
            BeforeValidator(as_tuple),
            Field(min_length=1),
            Tag("several"),
        ],
        Discriminator(_one_or_several),
    ],
)
# Left out it is None in Python, for another key may set the same site; null cannot be written.
OptionalSiteActivations = Annotated[
    SiteActivations | None,
    BeforeValidator(_named),
    Field(json_schema_extra=_optional),
]
Units = Annotated[int, Field(ge=1, le=65536)]
Layers = Annotated[
    tuple[Units, ...],
    BeforeValidator(as_tuple),
    Field(min_length=1, max_length=100),
]


class Repeated(Frozen):
    """LSTM layers of one size."""

    units: Annotated[Units, Field(description="units of each layer")]
    layers: Annotated[int, Field(ge=1, le=100, description="how many layers")]


def _repeated(value: object) -> object:
    """Turn {units: 32, layers: 3} into [32, 32, 32]."""
    if isinstance(value, dict):
        same = Repeated.model_validate(value)
        return (same.units,) * same.layers
    return as_tuple(value)


# The units of each layer, or the units and the number of layers of one size.
Stack = Annotated[Layers, BeforeValidator(_repeated, json_schema_input_type=Layers | Repeated)]
Directions = Annotated[Literal[True, False, "encoder", "decoder"], BeforeValidator(_no_number)]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Cycles = Annotated[float, Field(gt=0, le=1e6)]
Range = Annotated[tuple[Cycles, Cycles], BeforeValidator(as_tuple), AfterValidator(_range)]
Seeds = Annotated[
    tuple[int, ...],
    BeforeValidator(_seeds),
    WithJsonSchema(seeds_schema(MAX_RUNS)),
]
Number = int | float  # as it is written
GridValues = Annotated[
    tuple[Annotated[Number, PlainValidator(_number), WithJsonSchema({"type": "number"})], ...],
    BeforeValidator(as_tuple),
    AfterValidator(_different),
    Field(min_length=2, max_length=100, json_schema_extra={"uniqueItems": True}),
]
CountOrAuto = Annotated[
    int | Literal["auto"],
    BeforeValidator(_count_or_auto),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 1024}, {"const": "auto"}]}
    ),
]
Margin = Annotated[
    float,
    Field(gt=0, lt=1),
    BeforeValidator(_margin),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$"},
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            ],
        }
    ),
]
