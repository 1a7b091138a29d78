"""The types of single values in a config, with their ranges and other spellings."""

import json
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from lstm_ablate.errors import did_you_mean
from lstm_ablate.experiment.activations import ACTIVATIONS

MAX_RUNS = 1_000_000


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def _named(value: object) -> object:
    """Refuse null: who writes it may mean Keras' `activation=None`, which is not the default."""
    if value is None:
        raise PydanticCustomError(
            "activation",
            "null is no value of a site; Keras' activation=None is linear: write linear",
        )
    return value


def _activation(name: str) -> str:
    if name not in ACTIVATIONS:
        raise PydanticCustomError(
            "activation",
            "{shown} is not an activation.{hint}\n  known: {known}   (`lstm-ablate activations`"
            " shows their formulas)",
            {
                "shown": json.dumps(name, ensure_ascii=False),
                "hint": did_you_mean(name, ACTIVATIONS),
                "known": ", ".join(ACTIVATIONS),
            },
        )
    return name


def _acting(value: object) -> object:
    """Check the names at a site; a list of equal names is that name."""
    if isinstance(value, list | tuple):
        names = tuple(_activation(name) for name in value)
        return names[0] if len(set(names)) == 1 else names
    return _activation(value) if isinstance(value, str) else value


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
            raise PydanticCustomError("seeds", wanted, {"shown": json.dumps(seed)[:80]})
        if seed in seen:
            raise PydanticCustomError("seeds", "the seed {seed} is named twice", {"seed": seed})
        seen.add(seed)
    return tuple(value)


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


def as_tuple(value: object) -> object:
    """Return a list of YAML as a tuple, and anything else as it is."""
    return tuple(value) if isinstance(value, list) else value


def _without_default(schema: dict[str, object]) -> None:
    """Take the default out of a JSON Schema, where editors would offer it as a value."""
    schema.pop("default", None)


ActivationName = Annotated[
    str,
    BeforeValidator(_named),
    AfterValidator(_activation),
    WithJsonSchema({"enum": list(ACTIVATIONS)}),
]
# One name for all places of a site, or one for each place.
SiteActivations = Annotated[str | tuple[str, ...], BeforeValidator(_acting)]
# Left out it is None in Python, for another key may set the same site; null cannot be written.
OptionalSiteActivations = Annotated[
    SiteActivations | None,
    BeforeValidator(_named),
    Field(json_schema_extra=_without_default),
]
Units = Annotated[int, Field(ge=1, le=65536)]
Layers = Annotated[
    tuple[Units, ...],
    BeforeValidator(as_tuple),
    Field(min_length=1, max_length=100),
]
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Cycles = Annotated[float, Field(gt=0, le=1e6)]
Range = Annotated[tuple[Cycles, Cycles], BeforeValidator(as_tuple), AfterValidator(_range)]
Seeds = Annotated[
    tuple[int, ...],
    BeforeValidator(_seeds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_RUNS},
                {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 0},
                    "minItems": 1,
                    "uniqueItems": True,
                },
            ],
        }
    ),
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
