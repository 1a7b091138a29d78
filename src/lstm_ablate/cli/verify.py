"""`lstm-ablate verify`: compares an engine with plain Keras, on the same runs."""

from dataclasses import asdict
from typing import Any

import typer

from lstm_ablate.cli.options import (
    DIFFERENT,
    AsJson,
    Config,
    EngineName,
    Overrides,
    Workers,
    overrides_of,
)
from lstm_ablate.display.printing import line_printer, print_table
from lstm_ablate.report.json_text import json_text


def verify(
    config: Config,
    overrides: Overrides = None,
    engine: EngineName = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Train the same runs with an engine and with plain Keras, and show how far apart they are."""
    from lstm_ablate import study
    from lstm_ablate.checks import verification
    from lstm_ablate.experiment import runs
    from lstm_ablate.training import resources
    from lstm_ablate.training.executors.local import execute

    # What tuning would choose does not matter here: engines must agree at any value.
    experiment = study.checked(config, overrides_of(overrides, engine)).untuned()
    log = line_printer()
    expanded = runs.expand(experiment)
    processes = workers or resources.workers(experiment)
    measured = []
    for deviation in verification.deviations(expanded, execute=execute, workers=processes):
        measured.append(deviation)
        run = deviation.run
        log(f"{len(measured)}/{len(expanded)} runs compared; {run.variant}, seed {run.seed}")
    measured.sort(key=lambda deviation: expanded.index(deviation.run))
    verdicts = verification.verdicts(measured)
    epochs = verification.by_epoch(measured)
    if as_json:
        content = {
            "verdicts": [asdict(verdict) for verdict in verdicts],
            "epochs": [asdict(epoch) for epoch in epochs],
        }
        print(json_text(content))
    else:
        _print_verification(experiment.engine, verdicts, epochs)
    if not all(verdict.holds for verdict in verdicts):
        raise typer.Exit(DIFFERENT)


def _print_verification(engine: str, verdicts: Any, epochs: Any) -> None:
    headings = [
        "task",
        "variant",
        "float64, 20 steps",
        "float32: beyond 2x",
        "median",
        "at epoch",
        "holds",
    ]
    rows = [
        [
            verdict.task,
            verdict.variant,
            f"{verdict.after_steps:.1e}",
            f"{verdict.beyond} of {verdict.seeds} seeds",
            f"{verdict.median_factor:.2f}x",
            str(verdict.worst_epoch),
            (
                "yes"
                if verdict.seeds >= verdict.seeds_needed
                else f"so far; float32 takes {verdict.seeds_needed} seeds"
            )
            if verdict.holds
            else "NO",
        ]
        for verdict in verdicts
    ]
    print_table(headings, rows, title=f"{engine} against keras: errors of weights")
    headings = [
        "epoch",
        f"{engine} float64",
        "loss",
        f"{engine} float32",
        "loss",
        "keras float32",
        "loss",
    ]
    errors = ("exact_weights", "exact_loss", "weights", "loss", "keras_weights", "keras_loss")
    rows = [
        [str(epoch.epoch), *(f"{getattr(epoch, name):.1e}" for name in errors)] for epoch in epochs
    ]
    print_table(
        headings,
        rows,
        title="relative errors against keras in float64, geometric means over the runs",
    )
