"""What makes a run the same run: the values that decide its numbers, and the id made of them."""

import hashlib
import json
from typing import Any, Literal

from lstm_ablate.experiment.settings import SGD, SITES, FileData, Settings

# Is raised whenever the same values would come to mean another training, or other bits of its
# numbers on the same machine.
SCHEMA = 2

Purpose = Literal["evaluation", "tuning"]  # what a run is for: a verdict, or to choose a setting

# Keys that were added after schema 2 began, by their path in the identity. Each has its neutral
# value: the one that means what was trained before the key existed. A key with this value is left
# out of the identity, so that adding a key changes no id. An entry never changes and is never
# removed. It is not a default, because a default may change, and must not relabel an old result.
#
# The keys that schema 2 began with are not here, although some of them have a natural neutral value
# (gates: sigmoid, head: null). They are always written out, so that a record says by itself what
# was trained, and this table is as short as it can be. With either rule ids stay the same for ever.
# Leaving more keys out would save about 100 bytes in each record, and everybody who reads a record
# would have to look at this table.
NEUTRAL: dict[str, Any] = {
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
}


def identity_of(
    settings: Settings,
    seed: int,
    engine: str,
    group_size: int,
    purpose: Purpose = "evaluation",
) -> dict[str, Any]:
    """Return the values that decide a run's numbers, without those that are neutral.

    Names, places and `execution` are not among them. The group size is, because a compiler rounds
    differently in a program for two runs than in one for a single run. The purpose is, because runs
    of different purposes draw different weights and windows from the same seed.
    """
    return _without_neutral(
        {
            **_values(settings),
            "seed": seed,
            "purpose": purpose,
            "engine": engine,
            "group_size": group_size,
            "schema": SCHEMA,
        }
    )


def settings_id(settings: Settings) -> str:
    """Return the id of settings alone, which is equal if data, model and training mean the same.

    Seed, purpose, engine, group size and schema are not in it. It therefore shows that two tables
    come from the same question, whichever version and engine trained their runs.
    """
    return id_of(_without_neutral(_values(settings)))


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


def _values(settings: Settings) -> dict[str, Any]:
    """Return settings as JSON values, with one spelling for all that means the same training."""
    values: dict[str, Any] = _without_negative_zeros(settings.model_dump(mode="json"))
    model, data, optimizer = settings.model, settings.data, settings.training.optimizer
    del values["model"]["activation"]  # a short form of `candidate` and `output`
    for site in SITES:
        acting = model.site(site)
        values["model"][site] = acting if isinstance(acting, str) else list(acting)
    if isinstance(data, FileData):
        del values["data"]["path"]  # the digest of the content counts, and not where it lies
        if not data.is_array:
            values["data"]["timesteps"], values["data"]["stride"] = data.window
    if isinstance(optimizer, SGD) and not optimizer.momentum:
        # Nesterov's step differs from the usual one only in the momentum, and both engines leave
        # it out if there is none.
        values["training"]["optimizer"]["nesterov"] = False
    return values


def _without_negative_zeros(value: Any) -> Any:
    """Return a JSON value with 0.0 in place of -0.0: both train the same, but differ as text."""
    if isinstance(value, dict):
        return {key: _without_negative_zeros(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_negative_zeros(inner) for inner in value]
    return value + 0.0 if isinstance(value, float) else value


def _without_neutral(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return values without those that are neutral, and without sections that become empty."""
    kept: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            if section := _without_neutral(value, f"{path}."):
                kept[key] = section
        # They are compared as JSON, because 0, 0.0 and False are equal in Python.
        elif path not in NEUTRAL or canonical_json(value) != canonical_json(NEUTRAL[path]):
            kept[key] = value
    return kept
