"""From the records of an experiment to its Summary: first what runs gave, then what pairs say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lstm_ablate.evidence import (
    counting,
    failures,
    learning,
    notes,
    overall,
    pictures,
    references,
    sentences,
    verdicts,
)
from lstm_ablate.evidence.epochs import ByEpoch, by_epoch
from lstm_ablate.evidence.pairs import Losses, differences
from lstm_ablate.evidence.pictures import Results
from lstm_ablate.evidence.summary import Row, Summary
from lstm_ablate.evidence.typical import typical
from lstm_ablate.experiment.identity import settings_id
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run
from lstm_ablate.store.records import Record

Cell = tuple[str, str]  # task and variant
Needed = Callable[[int], int | None]  # from a number of pairs to the wins that a verdict takes


def summarise(
    experiment: Experiment,
    runs: Sequence[Run],
    records: Mapping[str, Record],
    environment: Mapping[str, Any] | None = None,
    *,
    level: float = counting.LEVEL,
    needed: Needed | None = None,
) -> Summary:
    """Return the summary of an experiment from the records there are, and what is known of where
    they came about.

    `needed` gives c; without it, it is that of the sign test with an equal share of the level for
    each comparison.
    """
    share = level / max(1, experiment.comparisons)
    count = needed or (lambda pairs: counting.count_needed(pairs, share))
    least_seeds = counting.seeds_needed(share)
    cells = [(task, variant) for task in experiment.tasks for variant in experiment.variants]
    results: dict[Cell, dict[int, Mapping[str, Any]]] = {cell: {} for cell in cells}
    metas: dict[Cell, list[Mapping[str, Any]]] = {cell: [] for cell in cells}
    for run in runs:
        if run.id in records:
            results[run.task, run.variant][run.seed] = records[run.id].result
            metas[run.task, run.variant].append(records[run.id].meta)
    outcomes = {cell: _losses(results[cell]) for cell in cells}
    described = {
        cell: _described(experiment, cell, results[cell], outcomes, level, count) for cell in cells
    }
    return Summary(
        name=experiment.name,
        question=experiment.question,
        baseline=experiment.baseline,
        margin=experiment.margin,
        stuck=experiment.stuck,
        level=level,
        comparisons=experiment.comparisons,
        least_seeds=least_seeds,
        seeds=len(experiment.seeds),
        losses={
            task: experiment.settings[task, experiment.baseline].training.loss
            for task in experiment.tasks
        },
        tasks=experiment.tasks,
        variants=experiment.variants,
        rows=tuple(
            _judged(experiment, cell, described, outcomes, count, least_seeds) for cell in cells
        ),
        overall=_overall(experiment, described, outcomes),
        references={
            task: references.sentence(experiment, task, base.ceiling, base.linear)
            for task in experiment.tasks
            for base in [described[task, experiment.baseline]]
        },
        notes=notes.notes(experiment, runs, records),
        troubles=notes.troubles(runs, records),
        outcomes=outcomes,
        ratios=_ratios(experiment, results),
        curves={cell: curve for cell in cells if (curve := pictures.curve(results[cell]))},
        shown={
            task: shown
            for task in experiment.tasks
            if (shown := pictures.shown(experiment, task, results))
        },
        seconds=_seconds(metas),
        resolved=experiment.resolved,
        environment=environment or {},
    )


def _losses(results: Results) -> dict[int, float]:
    """Return the test loss of each run that ended by seed, infinite where it diverged."""
    return {
        seed: float(one["test_loss"]) if one["status"] == "ok" else float("inf")
        for seed, one in results.items()
        if one["status"] != "failed"
    }


# --------------------------------------------------------------------------- what runs gave


def _described(
    experiment: Experiment,
    cell: Cell,
    results: Results,
    outcomes: Mapping[Cell, Losses],
    level: float,
    count: Needed,
) -> Row:
    """Return the row of a variant in a task as far as its own runs tell."""
    task, variant = cell
    losses = list(outcomes[cell].values())
    of_task = [loss for name in experiment.variants for loss in outcomes[task, name].values()]
    ended = [result for result in results.values() if result["status"] != "failed"]
    ok = [loss for loss in losses if np.isfinite(loss)]
    gain = learning.gain(ended)
    return Row(
        task=task,
        variant=variant,
        formula=experiment.formula(task, variant),
        seeds=len(experiment.seeds),
        ok=len(ok),
        diverged=len(losses) - len(ok),
        failed=len(results) - len(ended),
        missing=len(experiment.seeds) - len(results),
        parameters=ended[0]["parameters"] if ended else None,
        loss=typical(losses, count(len(losses))),
        mean=float(np.mean(ok)) if ok else None,
        q1=float(np.quantile(ok, 0.25)) if ok else None,
        q3=float(np.quantile(ok, 0.75)) if ok else None,
        minimum=min(ok, default=None),
        maximum=max(ok, default=None),
        diverging=failures.share(len(losses) - len(ok), len(losses), level),
        stuck=failures.share(failures.stuck(losses, of_task, experiment.stuck), len(losses), level),
        learned=learning.median_has_learned(ended),
        gain=gain,
        still_learning=gain is not None and gain > 1 + experiment.margin,
        ceiling=references.median_of("ceiling", ended),
        linear=references.median_of("linear", ended),
    )


def _seconds(metas: Mapping[Cell, Sequence[Mapping[str, Any]]]) -> dict[Cell, float]:
    """Return the median seconds of training where some run tells them."""
    spent = {
        cell: [meta["training_seconds"] for meta in some if "training_seconds" in meta]
        for cell, some in metas.items()
    }
    return {cell: float(np.median(seconds)) for cell, seconds in spent.items() if seconds}


# --------------------------------------------------------------------------- what pairs say


def _judged(
    experiment: Experiment,
    cell: Cell,
    described: Mapping[Cell, Row],
    outcomes: Mapping[Cell, Losses],
    count: Needed,
    least_seeds: int,
) -> Row:
    """Return the row of a variant in a task with its verdict and its sentence."""
    task, variant = cell
    row, base = described[cell], described[task, experiment.baseline]
    if variant == experiment.baseline:
        return replace(row, verdict="baseline")
    row = replace(row, unfinished=row.still_learning or base.still_learning)
    where = sentences.scope(experiment, task, variant)
    if _coincide(experiment, task, variant):
        text = sentences.same_training(variant, experiment.baseline, where)
        return replace(row, verdict="same training", sentence=text)
    d = list(differences(outcomes[cell], outcomes[task, experiment.baseline]).values())
    if d:
        comparison = verdicts.judge(
            d,
            count(len(d)),
            experiment.margin,
            learned=row.learned is not False or base.learned is not False,
            diverged=bool(row.diverged or base.diverged),
        )
        row = replace(row, comparison=comparison, verdict=comparison.verdict)
    else:
        row = replace(row, verdict="no pair")
    text = sentences.sentence(
        row, base, margin=experiment.margin, least_seeds=least_seeds, where=where
    )
    return replace(row, sentence=text)


def _coincide(experiment: Experiment, task: str, variant: str) -> bool:
    """Whether a variant means the same training as the baseline in a task."""
    mine, base = (experiment.settings[task, name] for name in (variant, experiment.baseline))
    return settings_id(mine) == settings_id(base)


def _overall(
    experiment: Experiment, described: Mapping[Cell, Row], outcomes: Mapping[Cell, Losses]
) -> tuple[Row, ...]:
    """Return a row for each variant over all tasks, where there are several."""
    if len(experiment.tasks) < 2:
        return ()
    rows = []
    for variant in experiment.variants:
        mine = [described[task, variant] for task in experiment.tasks]
        is_baseline = variant == experiment.baseline
        by_task = [
            differences(outcomes[task, variant], outcomes[task, experiment.baseline])
            for task in experiment.tasks
        ]
        comparison = None if is_baseline else overall.described(by_task)
        formulas = {row.formula for row in mine}
        rows.append(
            Row(
                task=overall.OVERALL,
                variant=variant,
                formula=formulas.pop() if len(formulas) == 1 else "differs from task to task",
                seeds=sum(row.seeds for row in mine),
                ok=sum(row.ok for row in mine),
                diverged=sum(row.diverged for row in mine),
                failed=sum(row.failed for row in mine),
                missing=sum(row.missing for row in mine),
                comparison=comparison,
                verdict="baseline" if is_baseline else "described" if comparison else "no pair",
            )
        )
    return tuple(rows)


def _ratios(experiment: Experiment, results: Mapping[Cell, Results]) -> dict[Cell, ByEpoch]:
    """Return the ratio by epoch of each variant but the baseline, where it has a pair."""
    ended = {
        cell: {seed: one for seed, one in some.items() if one["status"] != "failed"}
        for cell, some in results.items()
    }
    found = {}
    for (task, variant), mine in ended.items():
        base = task, experiment.baseline
        training = (
            experiment.settings[task, variant].training,
            experiment.settings[base].training,
        )
        ratio = None if variant == base[1] else by_epoch(mine, ended[base], training)
        if ratio:
            found[task, variant] = ratio
    return found
