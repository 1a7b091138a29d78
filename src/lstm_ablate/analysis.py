"""From the records of an experiment to its tables and its summary; pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from lstm_ablate.experiment import Experiment
from lstm_ablate.records import Record
from lstm_ablate.runs import Run

_RUN_TYPES = {
    "task": "str",
    "variant": "str",
    "seed": "int64",
    "status": "str",
    "epochs": "Int64",
    "best_epoch": "Int64",
    "parameters": "Int64",
    "train_loss": "float64",
    "validation_loss": "float64",
    "test_loss": "float64",
    "diverged_epoch": "Int64",
    "run": "str",
}


@dataclass(frozen=True)
class Row:
    """What the runs of one variant in one task gave. Losses are None where no run gave one.

    `seeds` runs were asked for; those that are neither ok, diverged nor failed are missing. Quantiles, mean and
    standard deviation (of n - 1) are over the `ok` runs. `ratio` is the geometric mean of the loss over the
    baseline's, over the `paired` seeds at which both are ok.
    """

    task: str
    variant: str
    formula: str
    seeds: int
    ok: int
    diverged: int
    failed: int
    missing: int
    parameters: int | None
    median: float | None
    q1: float | None
    q3: float | None
    mean: float | None
    sd: float | None
    minimum: float | None
    maximum: float | None
    ratio: float | None
    paired: int
    floor: float | None
    ceiling: float | None


@dataclass(frozen=True)
class Summary:
    """All that a report shows; renderers format it and compute nothing."""

    name: str
    baseline: str
    losses: Mapping[str, str]  # by task
    tasks: tuple[str, ...]
    rows: tuple[Row, ...]
    seconds: Mapping[tuple[str, str], float]  # median of training per run, by task and variant; differs between reruns
    troubles: tuple[str, ...]  # diverged and failed runs, one line each
    resolved: Mapping[str, Any]

    def table(self) -> pd.DataFrame:
        """Return the rows as summary.csv holds them."""
        frame = pd.DataFrame([asdict(row) for row in self.rows], columns=[field.name for field in fields(Row)])
        return frame.astype({"parameters": "Int64"})


def runs_table(runs: Sequence[Run], records: Mapping[str, Record]) -> pd.DataFrame:
    """Return one row for each run that has a record, in the order of the runs; see the README for the columns."""
    rows = [
        {"task": run.task, "variant": run.variant, "seed": run.seed, **records[run.id].result, "run": run.id}
        for run in runs
        if run.id in records
    ]
    return pd.DataFrame(rows, columns=list(_RUN_TYPES)).astype(_RUN_TYPES)


def curves_table(runs: Sequence[Run], records: Mapping[str, Record]) -> pd.DataFrame:
    """Return one row for each epoch of each run; a loss that was not finite is missing."""
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
    return pd.DataFrame(rows, columns=["task", "variant", "seed", "epoch", "train_loss", "validation_loss"]).astype(
        {"train_loss": "float64", "validation_loss": "float64"}
    )


def timings_table(runs: Sequence[Run], records: Mapping[str, Record]) -> pd.DataFrame:
    """Return what differs between reruns, one row for each distinct run that was trained."""
    columns = ["run", "seconds", "training_seconds", "engine", "device", "worker", "process"]
    distinct = dict.fromkeys(run.id for run in runs if run.id in records)
    rows = [{"run": run, **records[run].meta} for run in distinct if "seconds" in records[run].meta]
    return pd.DataFrame(rows, columns=columns)


def summarise(experiment: Experiment, runs: Sequence[Run], records: Mapping[str, Record]) -> Summary:
    """Return the summary of an experiment from the records there are."""
    table = runs_table(runs, records)
    rows = []
    seconds = {}
    for task in experiment.tasks:
        in_task = table[table["task"] == task]
        baseline = _losses(in_task[in_task["variant"] == experiment.baseline])
        for variant in experiment.variants:
            mine = in_task[in_task["variant"] == variant]
            rows.append(_row(experiment, task, variant, mine, baseline, records))
            metas = [records[run].meta for run in mine["run"]]
            spent = [meta["training_seconds"] for meta in metas if "training_seconds" in meta]
            if spent:
                seconds[task, variant] = float(np.median(spent))
    return Summary(
        name=experiment.name,
        baseline=experiment.baseline,
        losses={task: experiment.settings[task, experiment.baseline].training.loss for task in experiment.tasks},
        tasks=experiment.tasks,
        rows=tuple(rows),
        seconds=seconds,
        troubles=_troubles(table, records),
        resolved=experiment.resolved,
    )


def _losses(table: pd.DataFrame) -> pd.Series:
    """Return the test losses of the runs that are ok, by seed."""
    ok = table[table["status"] == "ok"]
    return pd.Series(ok["test_loss"].to_numpy(), index=ok["seed"].to_numpy())


def _row(
    experiment: Experiment,
    task: str,
    variant: str,
    table: pd.DataFrame,
    baseline: pd.Series,
    records: Mapping[str, Record],
) -> Row:
    counts = table["status"].value_counts()
    losses = _losses(table)
    n = len(losses)
    q1, median, q3 = np.quantile(losses, [0.25, 0.5, 0.75]) if n else (None, None, None)
    pairs = losses.index.intersection(baseline.index)
    trained = [records[run].result for run in table["run"] if "parameters" in records[run].result]
    return Row(
        task=task,
        variant=variant,
        formula=experiment.formula(task, variant),
        seeds=len(experiment.seeds),
        ok=n,
        diverged=int(counts.get("diverged", 0)),
        failed=int(counts.get("failed", 0)),
        missing=len(experiment.seeds) - len(table),
        parameters=trained[0]["parameters"] if trained else None,
        median=_number(median),
        q1=_number(q1),
        q3=_number(q3),
        mean=_number(losses.mean() if n else None),
        sd=_number(losses.std(ddof=1) if n > 1 else None),
        minimum=_number(losses.min() if n else None),
        maximum=_number(losses.max() if n else None),
        ratio=geometric_mean_ratio(losses[pairs].to_numpy(), baseline[pairs].to_numpy()),
        paired=len(pairs),
        floor=trained[0]["floor"] if trained else None,
        ceiling=trained[0]["ceiling"] if trained else None,
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def geometric_mean_ratio(losses: Any, baseline: Any) -> float | None:
    """Return exp(mean(log(losses / baseline))) over pairs [n]; None without pairs or where a loss is 0."""
    if len(losses) == 0 or np.min(losses) <= 0 or np.min(baseline) <= 0:
        return None
    return float(np.exp(np.mean(np.log(losses) - np.log(baseline))))


def _troubles(table: pd.DataFrame, records: Mapping[str, Record]) -> tuple[str, ...]:
    lines = []
    for row in table[table["status"] != "ok"].itertuples():
        where = f"{row.task}, {row.variant}, seed {row.seed}"
        if row.status == "diverged":
            lines.append(f"{where}: diverged at epoch {row.diverged_epoch} of training")
        else:
            lines.append(f"{where}: failed: {records[str(row.run)].result['message']} (logs/{row.run}.log)")
    return tuple(lines)
