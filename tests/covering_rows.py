"""The rows of tests/data/covering_array.csv, which hold every pair of values of any two keys of a
model, as settings.
"""

import csv
from pathlib import Path
from typing import Any

from fused_runs import make

from lstm_ablate.experiment.settings import Settings

_TABLE = Path(__file__).parent / "data" / "covering_array.csv"
ROWS = list(csv.DictReader(_TABLE.read_text().splitlines()))
LISTS = {
    "candidate": ["tanh", "softsign", "elu(0.5)"],
    "output": ["relu", "tanh", "leaky_relu(0.01)"],
    "gates": ["sigmoid", "hard_sigmoid", "softplus"],
    "between": ["tanh", "relu"],
}
OWN = {
    "candidate": "x / (1 + x ** 2)",
    "output": "sin(x)",
    "gates": "0.5 + 0.5 * tanh(x)",
    "between": "x + sin(x) ** 2",
}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"name": "adam", "learning_rate": 0.005},
    "adamw": {"name": "adamw", "weight_decay": 0.1, "global_clipnorm": 0.3},
    "sgd": {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
    "rmsprop": {"name": "rmsprop", "momentum": 0.5},
}
VALUES: dict[str, Any] = {
    "false": False,
    "true": True,
    "none": None,
    "3": 3,
    "0.3": 0.3,
}
# One layer above another of its kind in the encoder; a decoder of two stands in NETWORKS.
SIZES = {"encoder": [4, 4], "decoder": [6]}


def settings_of(row: dict[str, str], dtype: str = "float64") -> Settings:
    """Return the settings that a row stands for."""
    model: dict[str, Any] = dict(SIZES)
    for key, value in row.items():
        if key in LISTS and value != "default":
            model[key] = {"own": OWN, "list": LISTS}.get(value, {}).get(key, value)
        elif key == "head":
            model[key] = {"units": [5], "activation": "relu"} if value == "relu" else None
        elif key == "projection" and value == "3 clipped":
            model |= {"projection": 3, "projection_clip": 0.2}
        elif key == "normalization":
            model[key] = value
        elif key not in (*LISTS, "optimizer"):
            model[key] = VALUES.get(value, value)
    training = {"optimizer": OPTIMIZERS[row["optimizer"]], "dtype": dtype}
    return make(model, training, features=2, timesteps=5)
