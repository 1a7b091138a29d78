"""From the records of an experiment to its Summary: first what runs gave, then what pairs say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from lstm_ablate.evidence import (
    compared,
    counting,
    diagnosis,
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
from lstm_ablate.evidence.stopping import Cell, Stands
from lstm_ablate.evidence.summary import Row, Summary
from lstm_ablate.evidence.tuning import State, replay
from lstm_ablate.evidence.typical import typical
from lstm_ablate.evidence.verdicts import Comparison
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run
from lstm_ablate.keras_code.line import line
from lstm_ablate.store.records import Record

Value = TypeVar("Value")


class _Extent(NamedTuple):
    """At how many of the first seeds a variant is judged, and what is needed of their pairs."""

    seeds: int
    needed: Needed


class _Gathered(NamedTuple):
    """What the records say of each task and variant, before the pairs are looked at."""

    level: float
    looks: tuple[Look, ...]
    stands: Stands
    extents: Mapping[Cell, _Extent]
    results: Mapping[Cell, Results]
    outcomes: Mapping[Cell, Losses]


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
    on its data, and on what was changed since it was written down. `needed` gives c; without it, it
    is that of the look or, where there are none, that of the sign test with an equal share of the
    level for each comparison. A part of an experiment needs as many wins as all seeds of the whole
    do: of n parts that are each judged by themselves, some would err by chance.
    """
    stands = stopping.replay(experiment, runs, records, level)
    judged = stopping.judged(experiment, runs, stands)
    asked = stopping.asked(experiment, runs, stands)
    tuning = replay(experiment, records)
    gathered = _gathered(experiment, judged, records, stands, level, needed)
    described = {cell: _standing(experiment, cell, gathered) for cell in gathered.results}
    least_seeds = stopping.least_seeds(experiment, level)
    return Summary(
        name=experiment.name,
        question=experiment.question,
        baseline=experiment.baseline,
        margin=experiment.margin,
        stuck=experiment.stuck,
        level=level,
        comparisons=experiment.comparisons,
        looks=gathered.looks,
        least_seeds=least_seeds,
        seeds=len(experiment.seeds),
        losses={
            task: experiment.settings[task, experiment.baseline].training.loss
            for task in experiment.tasks
        },
        tasks=experiment.tasks,
        variants=experiment.variants,
        rows=_rows(experiment, gathered, described, tuning, least_seeds),
        overall=_overall(experiment, described, gathered.outcomes),
        references=_references(experiment, described),
        diagnoses=_diagnoses(experiment, gathered),
        notes=(
            *history,
            *notes.of_looks(gathered.looks),
            *notes.notes(experiment, judged, records),
            *notes.of_tuning(tuning),
        ),
        troubles=(
            *notes.troubles(asked, judged, records),
            *notes.failed_tuning(tuning, records),
        ),
        failed=notes.failed(asked, records),
        outcomes=gathered.outcomes,
        ratios=_ratios(experiment, gathered.results),
        curves=_curves(gathered.results),
        shown=_shown(experiment, gathered),
        seconds=_seconds(judged, records),
        resolved=experiment.resolved,
        environment=environment or {},
        tuned=tuning.tuned,
        tuned_name=experiment.tuning.name if experiment.tuning else "",
    )


def _gathered(
    experiment: Experiment,
    judged: Sequence[Run],
    records: Mapping[str, Record],
    stands: Stands,
    level: float,
    needed: Needed | None,
) -> _Gathered:
    """Return what the records say of the runs that are judged; `needed` is as in `summarise`."""
    share = level / max(1, experiment.comparisons)
    whole = len(experiment.every_seed) if experiment.shard else 0
    fixed = needed or (lambda pairs: counting.count_needed(max(pairs, whole), share))
    results = _results(experiment, judged, records)
    return _Gathered(
        level=level,
        looks=tuple(stopping.planned(experiment, level)),
        stands=stands,
        extents={
            cell: _Extent(stands[cell].look.seeds, needed or stands[cell].look.needed)
            if stands
            else _Extent(len(experiment.seeds), fixed)
            for cell in results
        },
        results=results,
        outcomes={cell: compared.losses(some) for cell, some in results.items()},
    )


def _results(
    experiment: Experiment, runs: Sequence[Run], records: Mapping[str, Record]
) -> dict[Cell, dict[int, Mapping[str, Any]]]:
    """Return the results that there are of some runs, by task and variant and by seed."""
    results: dict[Cell, dict[int, Mapping[str, Any]]] = {
        (task, variant): {} for task in experiment.tasks for variant in experiment.variants
    }
    for run in runs:
        if run.id in records:
            results[run.task, run.variant][run.seed] = records[run.id].result
    return results


def _curves(results: Mapping[Cell, Results]) -> dict[Cell, pictures.Curve]:
    """Return the learning curve of each variant of which there is one."""
    return {cell: curve for cell, some in results.items() if (curve := pictures.curve(some))}


def _references(experiment: Experiment, described: Mapping[Cell, Row]) -> dict[str, str]:
    """Return by task what the losses are to be compared with."""
    texts = {}
    for task in experiment.tasks:
        rows = [described[task, variant] for variant in experiment.variants]
        texts[task] = references.sentence(experiment, described[task, experiment.baseline])
        texts[task] += references.far_above_linear(rows)
    return texts


def _diagnoses(experiment: Experiment, gathered: _Gathered) -> dict[str, str]:
    """Return by task why some variants are hardly better than the mean, or far worse or better on
    test than on validation windows.
    """
    texts = {}
    for task in experiment.tasks:
        ended = {}
        for variant in experiment.variants:
            cell = task, variant
            mine = _first(experiment, gathered.results[cell], gathered.extents[cell].seeds)
            ended[variant] = list(compared.ended(mine).values())
        texts[task] = diagnosis.sentences(experiment, task, ended, experiment.margin)
    return {task: text for task, text in texts.items() if text}


def _shown(experiment: Experiment, gathered: _Gathered) -> dict[str, pictures.Shown]:
    """Return by task the reconstructions that are drawn, where there are any.

    They are of a seed that all variants have, so that a picture has all of them.
    """
    fewest = min((extent.seeds for extent in gathered.extents.values() if extent.seeds), default=0)
    shared = {cell: _first(experiment, some, fewest) for cell, some in gathered.results.items()}
    shown = {task: pictures.shown(experiment, task, shared) for task in experiment.tasks}
    return {task: drawn for task, drawn in shown.items() if drawn}


# --------------------------------------------------------------------------- what runs gave


def _described(
    experiment: Experiment, cell: Cell, gathered: _Gathered, extent: _Extent | None = None
) -> Row:
    """Return the row of a variant in a task as far as its runs tell.

    They are those at the first seeds of its own extent, unless another is given.
    """
    task, variant = cell
    extent, level = extent or gathered.extents[cell], gathered.level
    mine = _first(experiment, gathered.results[cell], extent.seeds)
    losses = list(compared.losses(mine).values())
    of_task = [
        loss
        for name in experiment.variants
        for loss in _first(experiment, gathered.outcomes[task, name], extent.seeds).values()
    ]
    ended = list(compared.ended(mine).values())
    ok = [loss for loss in losses if np.isfinite(loss)]
    gain = learning.gain(ended)
    return Row(
        task=task,
        variant=variant,
        formula=experiment.formula(task, variant),
        keras=line(experiment, task, variant),
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
        not_learned=failures.share(learning.not_learned(ended), len(losses), level),
        learned=learning.median_has_learned(ended),
        learned_training=diagnosis.learned_training(ended),
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


def _standing(experiment: Experiment, cell: Cell, gathered: _Gathered) -> Row:
    """Return the row of a variant in a task as far as its runs tell; with the look at which it
    stands, and what it waits for or did without, where there are looks.
    """
    row = _described(experiment, cell, gathered)
    if not gathered.stands:
        return row
    stand, most = gathered.stands[cell], len(experiment.seeds)
    spared = most - stand.look.seeds if stand.wanted and not stand.waits else 0
    return replace(row, look=stand.looks, waits=stand.waits, not_needed=spared)


def _seconds(runs: Sequence[Run], records: Mapping[str, Record]) -> dict[Cell, float]:
    """Return the median seconds of training where some run tells them."""
    spent: dict[Cell, list[float]] = {}
    for run in runs:
        meta = records[run.id].meta if run.id in records else {}
        if "training_seconds" in meta:
            spent.setdefault((run.task, run.variant), []).append(meta["training_seconds"])
    return {cell: float(np.median(seconds)) for cell, seconds in spent.items()}


# --------------------------------------------------------------------------- what pairs say


def _rows(
    experiment: Experiment,
    gathered: _Gathered,
    described: Mapping[Cell, Row],
    tuning: State,
    least_seeds: int,
) -> tuple[Row, ...]:
    """Return the row of each variant in each task, with its verdict."""
    tuned = {(cell.task, cell.variant): cell for cell in tuning.tuned}
    rows = []
    for cell, row in described.items():
        base, comparison = _against_baseline(experiment, cell, gathered, described)
        where = sentences.scope(experiment, *cell)
        if experiment.tuning:
            both = (tuned[cell[0], experiment.baseline], tuned[cell])
            where += sentences.edges(experiment.tuning.name, both)
        judged = _judged(
            experiment,
            row,
            base,
            comparison,
            where=where,
            looks=gathered.looks,
            least_seeds=least_seeds,
        )
        rows.append(replace(judged, scope=where if judged.sentence else None))
    return tuple(rows)


def _against_baseline(
    experiment: Experiment, cell: Cell, gathered: _Gathered, described: Mapping[Cell, Row]
) -> tuple[Row, Comparison | None]:
    """Return the row of the baseline at the seeds at which a variant is judged, and what the pairs
    say.
    """
    baseline, extent = (cell[0], experiment.baseline), gathered.extents[cell]
    base = described[baseline]
    if extent.seeds < base.seeds:  # it goes on for the sake of others
        base = _described(experiment, baseline, gathered, extent)
    results = gathered.results
    theirs = _first(experiment, results[baseline], extent.seeds)
    return base, compared.comparison(results[cell], theirs, extent.needed, experiment.margin)


def _judged(
    experiment: Experiment,
    row: Row,
    base: Row,
    comparison: Comparison | None,
    *,
    where: str,
    looks: Sequence[Look],
    least_seeds: int,
) -> Row:
    """Return the row of a variant in a task with its verdict and its sentence.

    `base` is the row of the baseline at the same seeds, `where` says for what the verdict holds.
    """
    task, variant = row.task, row.variant
    if variant == experiment.baseline:
        return replace(row, verdict="baseline")
    row = replace(row, unfinished=row.still_learning or base.still_learning)
    if compared.coincide(experiment, task, variant):
        text = sentences.same_training(variant, experiment.baseline, where)
        return replace(row, verdict="same training", sentence=text)
    verdict = _in_a_word(row, base, comparison)
    row = replace(row, comparison=comparison, verdict="undecided" if row.waits else verdict)
    stage = sentences.stage(row, looks)
    text = sentences.sentence(
        row,
        base,
        margin=experiment.margin,
        least_seeds=least_seeds,
        where=f"{stage} {where}" if stage else where,
        longer=sentences.longer(experiment, task, variant),
        advise=experiment.shard is None,
    )
    return replace(row, sentence=text)


def _in_a_word(row: Row, base: Row, comparison: Comparison | None) -> str:
    """Return the verdict in a word; where nothing is learned of the test windows alone, that."""
    if comparison is None:
        return "no pair"
    trained = row.learned_training or base.learned_training
    if comparison.verdict == "nothing learned" and trained:
        return "test not learned"
    return comparison.verdict


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
        rows.append(
            Row(
                task=overall.OVERALL,
                variant=variant,
                formula=_common([row.formula for row in mine]) or "differs from task to task",
                keras=_common([row.keras for row in mine]),
                seeds=sum(row.seeds for row in mine),
                ok=sum(row.ok for row in mine),
                diverged=sum(row.diverged for row in mine),
                failed=sum(row.failed for row in mine),
                missing=sum(row.missing for row in mine),
                not_needed=sum(row.not_needed for row in mine),
                comparison=comparison,
                verdict="baseline" if is_baseline else "described" if comparison else "no pair",
            )
        )
    return tuple(rows)


def _common(texts: Sequence[str]) -> str:
    """Return the text that all tasks have, or nothing where they differ."""
    return texts[0] if len(set(texts)) == 1 else ""


def _ratios(experiment: Experiment, results: Mapping[Cell, Results]) -> dict[Cell, ByEpoch]:
    """Return the ratio by epoch of each variant but the baseline, where it has a pair."""
    ended = {cell: compared.ended(some) for cell, some in results.items()}
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
