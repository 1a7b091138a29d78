"""The layers of the networks that `lstm-ablate plan` shows, as tables and as values."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from lstm_ablate.experiment.network import LSTM, Layer, Network
from lstm_ablate.experiment.settings import SITES

Row = dict[str, object]  # the values of a layer, by what they are

# The headings of a table that differ from the keys of its rows.
_HEADINGS = {
    "name": "layer",
    "residual": "adds its input",
    "steps": "time steps",
}


class Table(NamedTuple):
    """The layers that some variants of some tasks have in common."""

    title: str
    headings: list[str]
    rows: list[list[str]]


def rows_of(network: Network, names: Mapping[str, str]) -> list[Row]:
    """Return the values of each layer; `names` are those of the user's own activations."""
    return [_row(layer, names, network.timesteps) for layer in network.layers]


def _row(layer: Layer, names: Mapping[str, str], timesteps: int) -> Row:
    parameters = sum(map(math.prod, layer.shapes.values()))
    if not isinstance(layer, LSTM):
        acting = names.get(layer.activation, layer.activation)
        row: Row = {"name": layer.name, "inputs": layer.inputs, "units": layer.units}
        row |= {"outputs": layer.units, "steps": timesteps, "activation": acting}
        return {**row, "parameters": parameters}
    sites = {site: getattr(layer, site) for site in SITES}
    return {
        "name": layer.name,
        "directions": len(layer.directions),
        "inputs": layer.inputs,
        "units": layer.units,
        "projection": layer.projection,
        "residual": layer.residual,
        "outputs": layer.outputs,
        "steps": 1 if layer.last_step else timesteps,
        **{site: names.get(text, text) for site, text in sites.items()},
        "parameters": parameters,
    }


def tables(
    networks: Mapping[tuple[str, str], Network], names: Mapping[str, str]
) -> Iterator[Table]:
    """Yield a table for the networks of each task and variant, once for those that look alike.

    A table has the columns in which its layers differ, and those for what a plain LSTM has not.
    """
    alike: dict[str, list[tuple[str, str]]] = {}
    shown: dict[str, tuple[list[str], list[list[str]]]] = {}
    for cell, network in networks.items():
        rows = rows_of(network, names)
        keys = [key for key in rows[0] if _is_shown(key, rows)]
        headings = [_HEADINGS.get(key, key) for key in keys]
        cells = [[_text(row.get(key)) for key in keys] for row in rows]
        cells.append(["all", *[""] * (len(keys) - 2), f"{network.parameters:,}"])
        content = repr((headings, cells))
        shown[content] = headings, cells
        alike.setdefault(content, []).append(cell)
    for content, those in alike.items():
        yield Table(_title(those, networks), *shown[content])


def _is_shown(key: str, rows: Sequence[Row]) -> bool:
    """Return whether a column is shown.

    Activations and time steps are shown if layers differ in them, because the formula shows an
    activation that all have. Directions are shown if a layer has two, others if they are not empty.
    """
    values = [row[key] for row in rows if row.get(key) is not None]
    if key in (*SITES, "steps"):
        return len(set(values)) > 1
    if key == "directions":
        return any(value != 1 for value in values)
    return any(values)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:,}" if isinstance(value, int) else str(value or "")


def _title(alike: Sequence[tuple[str, str]], every: Mapping[tuple[str, str], Network]) -> str:
    """Return a title that names the variants of a table, and their tasks if there are several."""
    by_task: dict[str, list[str]] = {}
    for task, variant in alike:
        by_task.setdefault(task, []).append(variant)
    variants = len({variant for _, variant in every})
    if len(alike) == len(every):
        return "layers"
    if len({task for task, _ in every}) == 1:
        return f"layers of {', '.join(variant for _, variant in alike)}"
    shown = [
        task if len(mine) == variants else f"{task} ({', '.join(mine)})"
        for task, mine in by_task.items()
    ]
    return f"layers of {', '.join(shown)}"
