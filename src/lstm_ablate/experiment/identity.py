"""What makes a run the same run: the values that decide its numbers, and the id made of them."""

import hashlib
import json
from typing import Any

from lstm_ablate.experiment.settings import Settings

SCHEMA = 1  # counts up whenever equal values would mean another training


def identity_of(settings: Settings, seed: int, engine: str, group_size: int) -> dict[str, Any]:
    """Return the values that decide a run's numbers.

    Names, places and `execution` are not among them. The group size is one: a compiler rounds
    otherwise in a program for two runs than in one for a single run.
    """
    return {
        **settings.identity(),
        "seed": seed,
        "engine": engine,
        "group_size": group_size,
        "schema": SCHEMA,
    }


def id_of(identity: dict[str, Any]) -> str:
    """Return 16 hex digits of the SHA-256 over the canonical JSON of a run's identity."""
    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:16]


def canonical_json(value: object) -> str:
    """Return the one JSON text of a value: sorted keys, no blanks, exact floats, no NaN."""
    return json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
        allow_nan=False,
    )
