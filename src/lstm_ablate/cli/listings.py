"""`lstm-ablate init`, `schema` and `activations`: what comes with the program."""

from pathlib import Path
from typing import Annotated

import typer

from lstm_ablate.cli.options import AsJson
from lstm_ablate.display.printing import line_printer, print_lines, print_table
from lstm_ablate.report.json_text import json_text


def init(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="Which config to write; without a name, list them.",
            show_default=False,
        ),
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
    line_printer()(f"next: lstm-ablate run {name}.yaml")


def schema() -> None:
    """Print the JSON Schema of an experiment file, for editors and other programs."""
    from lstm_ablate.experiment.schema import json_schema

    print(json_text(json_schema()))


def activations(as_json: AsJson = False) -> None:
    """List the activations with their formulas; they mean the same as in Keras."""
    import numpy as np

    from lstm_ablate.experiment.elementwise import KINDS

    points = np.array([-1.0, 0.0, 1.0])
    rows: list[dict[str, object]] = []
    for kind in KINDS.values():
        row: dict[str, object] = {
            "name": kind.name,
            "formula": kind.formula,
            "parameters": {parameter.name: parameter.default for parameter in kind.parameters},
        }
        if kind.defaults is not None:
            values = kind.function(points, *kind.defaults)
            slopes = kind.derivative(points, *kind.defaults)
            row["at -1, 0, 1"] = [round(float(value), 4) for value in values]
            row["slope at -1, 0, 1"] = [round(float(slope), 4) for slope in slopes]
        rows.append(row)
    if as_json:
        print(json_text(rows))
        return
    headings = list(rows[0])
    print_table(headings, [[_cell(row.get(heading, "")) for heading in headings] for row in rows])
    print_lines(_how_to_write_them())


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(
            name if default is None else f"{name} = {default:g}" for name, default in value.items()
        )
    return "  ".join(f"{number:g}" for number in value) if isinstance(value, list) else str(value)


def _how_to_write_them() -> list[str]:
    from lstm_ablate.experiment.expressions import ARGUMENTS

    return [
        "Parameters are written in parentheses, in their order: leaky_relu(0.01).",
        "Your own activation is an expression in x, either with a name beside `model` or at its"
        ' place: activations: {snake: "x + sin(x)**2"}.',
        f"It may contain numbers, + - * / **, parentheses and {', '.join(sorted(ARGUMENTS))},",
        "and it must be finite on [-10, 10]. TensorFlow computes its slope.",
    ]
