"""How the runs are trained that `lstm-ablate plan` shows: what they share and where they differ."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lstm_ablate.experiment.settings import Training

_ALWAYS = ("epochs", "batch_size", "optimizer", "learning_rate", "loss")


class Trainings(NamedTuple):
    """What all trainings share, as a line, and the columns in which they differ."""

    shared: str
    columns: dict[str, list[str]]


def trainings(those: Sequence[Training], tuned: Mapping[str, str]) -> Trainings:
    """Return what trainings share and where they differ.

    Epochs, batch size, optimizer, learning rate and loss are always shown, other values only if
    they are not the defaults. `tuned` holds, for each key whose value tuning has yet to choose,
    what is shown in its place.
    """
    rows = [{**_shown(training), **tuned} for training in those]
    keys = dict.fromkeys(key for row in rows for key in row)
    columns = {key.replace("_", " "): [row.get(key, "") for row in rows] for key in keys}
    shared = [f"{key} {texts[0]}" for key, texts in columns.items() if len(set(texts)) == 1]
    differing = {key: texts for key, texts in columns.items() if len(set(texts)) > 1}
    return Trainings(", ".join(shared), differing)


def _shown(training: Training) -> dict[str, str]:
    values = _values(training)
    usual = _values(Training(optimizer=type(training.optimizer)()))
    unusual = [key for key, value in values.items() if value != usual[key]]
    return {key: _text(values[key]) for key in dict.fromkeys((*_ALWAYS, *unusual))}


def _values(training: Training) -> dict[str, object]:
    """Return the values of a training and of its optimizer, side by side."""
    values = training.model_dump()
    optimizer = values.pop("optimizer")
    return {**values, **optimizer, "optimizer": optimizer["name"]}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
