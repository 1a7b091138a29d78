"""Records as tables: one row for each run, for each epoch, or for what differs between reruns."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lstm_ablate.experiment.runs import Run
from lstm_ablate.store.records import Record
from lstm_ablate.store.results import columns

# A quarter of a second to load, which a run with nothing to do need not wait for.
if TYPE_CHECKING:
    import pandas as pd

_RUN_TYPES = {
    "task": "str",
    "variant": "str",
    "seed": "int64",
    **columns(),
    "settings": "str",
    "run": "str",
}


def runs_table(runs: Sequence[Run], records: Mapping[str, Record]) -> "pd.DataFrame":
    """Return one row for each run that has a record, in the order of the runs;
    docs/results.md says what the columns are.
    """
    import pandas as pd

    rows = [
        {
            "task": run.task,
            "variant": run.variant,
            "seed": run.seed,
            **records[run.id].result,
            "settings": run.settings_id,
            "run": run.id,
        }
        for run in runs
        if run.id in records
    ]
    return pd.DataFrame(rows, columns=list(_RUN_TYPES)).astype(_RUN_TYPES)


_TUNING_TYPES = {
    "task": "str",
    "variant": "str",
    "value": "float64",
    "seed": "int64",
    "status": "str",
    "validation_loss": "float64",
    "chosen": "bool",
    "run": "str",
}


def tuning_table(
    runs: Sequence[Run],
    records: Mapping[str, Record],
    choices: Mapping[tuple[str, str], int | float],
) -> "pd.DataFrame":
    """Return one row for each tuning run that has a record, in the order of the runs.

    `choices` are the values chosen so far, by task and variant.
    """
    import pandas as pd

    rows = [
        {
            "task": run.task,
            "variant": run.variant,
            "value": run.tries,
            "seed": run.seed,
            **records[run.id].result,
            "chosen": choices.get((run.task, run.variant)) == run.tries,
            "run": run.id,
        }
        for run in runs
        if run.id in records
    ]
    return pd.DataFrame(rows, columns=list(_TUNING_TYPES)).astype(_TUNING_TYPES)


def curves_table(runs: Sequence[Run], records: Mapping[str, Record]) -> "pd.DataFrame":
    """Return one row for each epoch of each run; a loss that was not finite is missing."""
    import pandas as pd

    rows = [
        (run.task, run.variant, run.seed, epoch, *losses)
        for run in runs
        if run.id in records
        for epoch, losses in enumerate(
            zip(
                records[run.id].result.get("train_losses", ()),
                records[run.id].result.get("validation_losses", ()),
                strict=True,
            ),
            start=1,
        )
    ]
    return pd.DataFrame(
        rows, columns=["task", "variant", "seed", "epoch", "train_loss", "validation_loss"]
    ).astype({"train_loss": "float64", "validation_loss": "float64"})


def timings_table(runs: Sequence[Run], records: Mapping[str, Record]) -> "pd.DataFrame":
    """Return what differs between reruns, one row for each distinct run that was trained; of
    variants that share a run, the first is named.
    """
    import pandas as pd

    columns = ["run", "seconds", "training_seconds", "engine", "device", "worker", "process"]
    columns += ["task", "variant", "seed"]
    distinct: dict[str, Run] = {}
    for run in runs:
        if run.id in records:
            distinct.setdefault(run.id, run)
    rows = [
        {
            **records[key].meta,
            "run": key,
            "task": run.task,
            "variant": run.variant,
            "seed": run.seed,
        }
        for key, run in distinct.items()
        if "seconds" in records[key].meta
    ]
    return pd.DataFrame(rows, columns=columns)


def csv_text(table: "pd.DataFrame") -> str:
    """Return a table as CSV; floats are written by repr, shortest and exact, and missing values as
    empty cells.
    """
    text: str = table.to_csv(index=False, lineterminator="\n")
    return text
