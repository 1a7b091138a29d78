"""`lstm-ablate code`: prints a variant as plain Keras."""

import sys
from pathlib import Path

from lstm_ablate.cli.options import Config, Overrides, Results, Task, Variant, overrides_of


def code(
    config: Config,
    variant: Variant,
    overrides: Overrides = None,
    task: Task = None,
    results: Results = Path("results"),
) -> None:
    """Print a variant's network and training as a Python module that needs Keras alone.

    Where the config tunes a value, it is the one that was chosen in its results folder.
    """
    from lstm_ablate import models

    changes = overrides_of(overrides, None)
    sys.stdout.write(models.code(config, changes, variant, task, results=results))
