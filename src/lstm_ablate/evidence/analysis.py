"""From the records of an experiment to its Summary: first what runs gave, then what pairs say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from lstm_ablate.evidence import (
    compared,
    counting,
    failures,
    learning,
    notes,
    overall,
    pictures,
    references,
    sentences,
    stopping,
)
from lstm_ablate.evidence.compared import Needed, Results
from lstm_ablate.evidence.epochs import ByEpoch, by_epoch
from lstm_ablate.evidence.looks import Look
from lstm_ablate.evidence.pairs import Losses, differences
from lstm_ablate.evidence.stopping import Cell, Stand
from lstm_ablate.evidence.summary import Row, Summary
from lstm_ablate.evidence.tuning import State, replay
from lstm_ablate.evidence.typical import typical
from lstm_ablate.evidence.verdicts import Comparison
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run
from lstm_ablate.store.records import Record

Value = TypeVar("Value")


class _Extent(NamedTuple):
    """At how many of the first seeds a variant is judged, and what is needed of their pairs."""

    seeds: int
    needed: Needed


def summarise(
    experiment: Experiment,
    runs: Sequence[Run],
    records: Mapping[str, Record],
    environment: Mapping[str, Any] | None = None,
    *,
    history: Sequence[str] = (),
    level: float = counting.LEVEL,
    needed: Needed | None = None,
) -> Summary:
    """Return the summary of an experiment from the records there are, and what is known of where
    they came about.

    `runs` are all that may be trained, at the values that tuning has chosen for them; of an
    experiment with looks, those of complete looks alone are judged and shown. `history` are notes
    on what was changed since it was written down. `needed` gives c; without it, it is that of the
    look or, where there are none, that of the sign test with an equal share of the level for each
    comparison.
    """
    share = level / max(1, experiment.comparisons)
    looks = tuple(stopping.planned(experiment, level))
    stands = stopping.replay(experiment, runs, records, level)
    judged = stopping.judged(experiment, runs, stands)
    asked = stopping.due(experiment, runs, records, level)
    tuning = replay(experiment, records)
    cells = [(task, variant) for task in experiment.tasks for variant in experiment.variants]
    results: dict[Cell, dict[int, Mapping[str, Any]]] = {cell: {} for cell in cells}
    metas: dict[Cell, list[Mapping[str, Any]]] = {cell: [] for cell in cells}
    for run in judged:
        if run.id in records:
            results[run.task, run.variant][run.seed] = records[run.id].result
            metas[run.task, run.variant].append(records[run.id].meta)
    fixed = needed or (lambda pairs: counting.count_needed(pairs, share))
    extents = {
        cell: _Extent(stands[cell].look.seeds, needed or stands[cell].look.needed)
        if stands
        else _Extent(len(experiment.seeds), fixed)
        for cell in cells
    }
    outcomes = {cell: compared.losses(results[cell]) for cell in cells}
    described = {
        cell: _described(experiment, cell, results[cell], outcomes, extents[cell], level)
        for cell in cells
    }
    if stands:
        described = {cell: _standing(row, stands[cell], looks) for cell, row in described.items()}
    able = (look.seeds for look in looks if look.count is not None)
    least_seeds = next(able, counting.seeds_needed(share))
    return Summary(
        name=experiment.name,
        question=experiment.question,
        baseline=experiment.baseline,
        margin=experiment.margin,
        stuck=experiment.stuck,
        level=level,
        comparisons=experiment.comparisons,
        looks=looks,
        least_seeds=least_seeds,
        seeds=len(experiment.seeds),
        losses={
            task: experiment.settings[task, experiment.baseline].training.loss
            for task in experiment.tasks
        },
        tasks=experiment.tasks,
        variants=experiment.variants,
        rows=tuple(
            _judged(
                experiment,
                row,
                *_against_baseline(experiment, cell, results, outcomes, described, extents, level),
                edges=_edges(experiment, cell, tuning),
                looks=looks,
                least_seeds=least_seeds,
            )
            for cell, row in described.items()
        ),
        overall=_overall(experiment, described, outcomes),
        references={
            task: references.sentence(experiment, task, base.ceiling, base.linear)
            for task in experiment.tasks
            for base in [described[task, experiment.baseline]]
        },
        notes=(
            *history,
            *notes.of_looks(looks),
            *notes.notes(experiment, judged, records),
            *notes.of_tuning(tuning),
        ),
        troubles=(
            *notes.troubles(asked, judged, records),
            *notes.failed_tuning(tuning, records),
        ),
        failed=notes.failed(asked, records),
        outcomes=outcomes,
        ratios=_ratios(experiment, results),
        curves={cell: curve for cell in cells if (curve := pictures.curve(results[cell]))},
        shown={
            task: shown
            for task in experiment.tasks
            if (shown := pictures.shown(experiment, task, _shared(experiment, results, extents)))
        },
        seconds=_seconds(metas),
        resolved=experiment.resolved,
        environment=environment or {},
        tuned=tuning.tuned,
        tuned_name=experiment.tuning.name if experiment.tuning else "",
    )


# --------------------------------------------------------------------------- what runs gave


def _described(
    experiment: Experiment,
    cell: Cell,
    results: Results,
    outcomes: Mapping[Cell, Losses],
    extent: _Extent,
    level: float,
) -> Row:
    """Return the row of a variant in a task as far as the runs at its first seeds tell."""
    task, variant = cell
    mine = _first(experiment, results, extent.seeds)
    losses = list(compared.losses(mine).values())
    of_task = [
        loss
        for name in experiment.variants
        for loss in _first(experiment, outcomes[task, name], extent.seeds).values()
    ]
    ended = compared.ended(mine)
    ok = [loss for loss in losses if np.isfinite(loss)]
    gain = learning.gain(ended)
    return Row(
        task=task,
        variant=variant,
        formula=experiment.formula(task, variant),
        seeds=extent.seeds,
        ok=len(ok),
        diverged=len(losses) - len(ok),
        failed=len(mine) - len(ended),
        missing=extent.seeds - len(mine),
        parameters=ended[0]["parameters"] if ended else None,
        loss=typical(losses, extent.needed(len(losses))),
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


def _first(experiment: Experiment, by_seed: Mapping[int, Value], seeds: int) -> Mapping[int, Value]:
    """Return what there is of the first so many seeds of an experiment."""
    if seeds == len(experiment.seeds):
        return by_seed
    first = set(experiment.seeds[:seeds])
    return {seed: value for seed, value in by_seed.items() if seed in first}


def _shared(
    experiment: Experiment, results: Mapping[Cell, Results], extents: Mapping[Cell, _Extent]
) -> dict[Cell, Results]:
    """Return the results at the seeds that all variants have, so that a picture has all of them."""
    fewest = min((one.seeds for one in extents.values() if one.seeds), default=0)
    return {cell: _first(experiment, some, fewest) for cell, some in results.items()}


def _standing(row: Row, stand: Stand, looks: Sequence[Look]) -> Row:
    """Return a row with the look at which it stands, and what it waits for or did without."""
    spared = 0 if stand.waits else looks[-1].seeds - stand.look.seeds
    return replace(row, look=stand.looks, waits=stand.waits, not_needed=spared)


def _seconds(metas: Mapping[Cell, Sequence[Mapping[str, Any]]]) -> dict[Cell, float]:
    """Return the median seconds of training where some run tells them."""
    spent = {
        cell: [meta["training_seconds"] for meta in some if "training_seconds" in meta]
        for cell, some in metas.items()
    }
    return {cell: float(np.median(seconds)) for cell, seconds in spent.items() if seconds}


# --------------------------------------------------------------------------- what pairs say


def _edges(experiment: Experiment, cell: Cell, tuning: State) -> str:
    """Say for which side a chosen value stands at the edge of its grid."""
    if experiment.tuning is None:
        return ""
    tuned = {(one.task, one.variant): one for one in tuning.tuned}
    both = (tuned[cell[0], experiment.baseline], tuned[cell])
    return sentences.edges(experiment.tuning.name, both)


def _against_baseline(
    experiment: Experiment,
    cell: Cell,
    results: Mapping[Cell, Results],
    outcomes: Mapping[Cell, Losses],
    described: Mapping[Cell, Row],
    extents: Mapping[Cell, _Extent],
    level: float,
) -> tuple[Row, Comparison | None]:
    """Return the row of the baseline at the seeds at which a variant is judged, and what the pairs
    say.
    """
    baseline, extent = (cell[0], experiment.baseline), extents[cell]
    base = described[baseline]
    if extent.seeds < base.seeds:  # it goes on for the sake of others
        base = _described(experiment, baseline, results[baseline], outcomes, extent, level)
    theirs = _first(experiment, results[baseline], extent.seeds)
    return base, compared.comparison(results[cell], theirs, extent.needed, experiment.margin)


def _judged(
    experiment: Experiment,
    row: Row,
    base: Row,
    comparison: Comparison | None,
    *,
    edges: str,
    looks: Sequence[Look],
    least_seeds: int,
) -> Row:
    """Return the row of a variant in a task with its verdict and its sentence.

    `base` is the row of the baseline at the same seeds, `edges` says of tuning what stays open.
    """
    task, variant = row.task, row.variant
    if variant == experiment.baseline:
        return replace(row, verdict="baseline")
    row = replace(row, unfinished=row.still_learning or base.still_learning)
    where = sentences.scope(experiment, task, variant)
    where += edges
    if compared.coincide(experiment, task, variant):
        text = sentences.same_training(variant, experiment.baseline, where)
        return replace(row, verdict="same training", sentence=text)
    verdict = "no pair" if comparison is None else comparison.verdict
    row = replace(row, comparison=comparison, verdict="undecided" if row.waits else verdict)
    stage = sentences.stage(row, looks)
    text = sentences.sentence(
        row,
        base,
        margin=experiment.margin,
        least_seeds=least_seeds,
        where=f"{stage} {where}" if stage else where,
    )
    return replace(row, sentence=text)


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
