"""`lstm-ablate init`, `schema` and `activations`: what comes with the program."""

from pathlib import Path
from typing import Annotated

import typer

from lstm_ablate.cli.options import AsJson
from lstm_ablate.cli.printing import print_table, teller
from lstm_ablate.report.json_text import json_text


def init(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Which to write; none: list them.", show_default=False),
    ] = None,
) -> None:
    """List the configs that come with lstm-ablate, or write one into the working folder."""
    from lstm_ablate.experiment import shipped
    from lstm_ablate.store import copies

    if name is None:
        rows = [list(row) for row in shipped.questions().items()]
        print_table(["config", "what it asks"], rows)
        return
    for path in copies.write(shipped.contents(name), Path()):
        print(path)
    teller()(f"next: lstm-ablate run {name}.yaml")


def schema() -> None:
    """Print the JSON Schema of an experiment file, for editors and other programs."""
    from lstm_ablate.experiment.schema import json_schema

    print(json_text(json_schema()))


def activations(as_json: AsJson = False) -> None:
    """List the activations with their formulas; they mean what they mean in Keras."""
    import numpy as np

    from lstm_ablate.experiment.activations import ACTIVATIONS

    points = np.array([-1.0, 0.0, 1.0])
    rows = [
        {
            "name": one.name,
            "formula": one.formula,
            "at -1, 0, 1": [round(float(value), 4) for value in one.function(points)],
            "slope at -1, 0, 1": [round(float(value), 4) for value in one.derivative(points)],
        }
        for one in ACTIVATIONS.values()
    ]
    if as_json:
        print(json_text(rows))
        return
    cells = [
        [
            str(cell) if isinstance(cell, str) else "  ".join(f"{x:g}" for x in cell)
            for cell in row.values()
        ]
        for row in rows
    ]
    print_table(list(rows[0]), cells)
