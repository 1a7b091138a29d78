"""What makes a run the same run: the values that decide its numbers, and the id made of them."""

import hashlib
import json
from typing import Any, Literal

from lstm_ablate.experiment.settings import SGD, SITES, FileData, Settings

SCHEMA = 2  # counts up whenever equal values would mean another training

Purpose = Literal["evaluation", "tuning"]  # what a run is for: a verdict, or to choose a setting

# Keys that came after the first of schema 2, by their path in the identity, each with the value
# that means what was trained before there was the key. Where a key has this value it is left out
# of the identity, so that no id moves when the key comes. An entry never changes and is never
# removed, and it is no default: a default may change, and must not relabel an old result.
#
# The keys that schema 2 began with are not here, though some of them have a natural neutral value
# (gates: sigmoid, head: null). They are always written out. A record then says by itself what was
# trained, and the table holds only what it must. Both ways keep ids for ever; leaving more out
# would save some 100 bytes a record, and cost every reader of one a look at this table.
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

    Names, places and `execution` are not among them. The group size is one: a compiler rounds
    otherwise in a program for two runs than in one for a single run. The purpose is one, because
    runs of other purposes draw other weights and windows from the same seed.
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
    """Return the id of settings alone: equal where data, model and training mean the same.

    Seed, purpose, engine, group size and schema are not in it, so that two tables can be known to
    come from the same question, whichever version and engine trained them.
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
    """Return settings as JSON values, with one spelling for whatever means the same training."""
    values: dict[str, Any] = _without_negative_zeros(settings.model_dump(mode="json"))
    model, data, optimizer = settings.model, settings.data, settings.training.optimizer
    del values["model"]["activation"]  # it is a short way to write the other two
    for site in SITES:
        acting = model.site(site)
        values["model"][site] = acting if isinstance(acting, str) else list(acting)
    if isinstance(data, FileData):
        del values["data"]["path"]  # the content counts, wherever it lies
        if not data.is_array:
            values["data"]["timesteps"], values["data"]["stride"] = data.window
    if isinstance(optimizer, SGD) and not optimizer.momentum:
        # Nesterov's step differs from the usual one in the momentum alone, and both engines leave
        # it out where there is none.
        values["training"]["optimizer"]["nesterov"] = False
    return values


def _without_negative_zeros(value: Any) -> Any:
    """Return a JSON value with 0.0 for -0.0, which trains the same and is written otherwise."""
    if isinstance(value, dict):
        return {key: _without_negative_zeros(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_negative_zeros(inner) for inner in value]
    return value + 0.0 if isinstance(value, float) else value


def _without_neutral(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return values without those that are neutral, and without sections of which nothing stays."""
    kept: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            if section := _without_neutral(value, f"{path}."):
                kept[key] = section
        # As JSON, for to Python 0, 0.0 and False are equal.
        elif path not in NEUTRAL or canonical_json(value) != canonical_json(NEUTRAL[path]):
            kept[key] = value
    return kept
