"""`lstm-ablate export`: writes the model of a recorded run as a .keras file."""

from pathlib import Path
from typing import Annotated

import typer

from lstm_ablate.cli.options import DIFFERENT, FAILED_RUNS, Task, Variant
from lstm_ablate.display.printing import line_printer, print_lines


def export(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A results folder.", show_default=False)
    ],
    variant: Variant,
    path: Annotated[
        Path,
        typer.Argument(metavar="FILE.keras", help="The file to write.", show_default=False),
    ],
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", help="Which of the variant's runs; without it, say which there are."
        ),
    ] = None,
    task: Task = None,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Write the model though its numbers are not the recorded."),
    ] = False,
) -> None:
    """Train a recorded run once more, check that it gives the recorded numbers, write its model.

    No weights are stored: on one machine a run gives the same bits again. Elsewhere it says how far
    the numbers are apart, and writes nothing without --anyway. No file is replaced.
    """
    from lstm_ablate import models

    models.check_file(path)
    tell = line_printer()
    if seed is None:
        raise models.unnamed_seed(folder, variant, task)
    try:
        again = models.again(folder, variant, seed, task, log=tell, path=path)
        if again.apart:
            tell(again.apart)
            if not anyway:
                tell("nothing is written; --anyway writes the model all the same")
                raise typer.Exit(DIFFERENT)
        done = models.export(again, path)
    except models.TrainingError as error:
        tell(f"{variant}, seed {seed}: {error}")
        raise typer.Exit(FAILED_RUNS) from None
    lines = [f"test loss  {again.test_loss!r}; Keras gives the model {done.test_loss!r}"]
    lines += [f"written    {file}" for file in done.files]
    if again.code.is_needed:
        lines.append(f"to load it, import {done.files[1].stem} first: it holds what Keras lacks")
    print_lines(lines)
