"""From the records of an experiment to its Summary, all that a report shows; pure functions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from lstm_ablate.errors import counted
from lstm_ablate.evidence import paired
from lstm_ablate.evidence.paired import Comparison, Estimate, Values
from lstm_ablate.evidence.reach import pairs_needed, smallest_p
from lstm_ablate.evidence.sentences import sentence
from lstm_ablate.experiment.identity import settings_id
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import FileData
from lstm_ablate.store.records import Record

OVERALL = "all tasks"  # stands where a task's name does; no name has a blank
FEW = 10  # values, below which a bootstrap interval is rough
LEARNED = 0.9  # of the ceiling: a median loss above it has learned next to nothing


@dataclass(frozen=True)
class Row:
    """What the runs of one variant in one task gave. Estimates are None where no run gave a loss.

    `seeds` runs were asked for; those that are neither ok, diverged nor failed are missing. Median,
    mean, standard deviation (of n - 1), interquartile mean, minimum and maximum are over the `ok`
    runs; `diverging` is the share of the finished runs that diverged. The baseline has no
    comparison. `verdict` says it in a word.

    `ceiling` and `linear` are medians, over the seeds, of the losses of predicting the mean and of
    the best linear code with as many numbers as the decoder sees; each seed has windows of its own.
    In a row over all tasks losses are scaled: 0 is the floor and 1 the ceiling of each run.
    """

    task: str
    variant: str
    formula: str
    seeds: int
    ok: int
    diverged: int
    failed: int
    missing: int
    diverging: Estimate | None
    parameters: int | None
    median: Estimate | None
    mean: Estimate | None
    sd: Estimate | None
    iqm: Estimate | None
    minimum: float | None
    maximum: float | None
    floor: float | None
    ceiling: float | None
    linear: float | None
    comparison: Comparison | None
    verdict: str
    sentence: str | None


@dataclass(frozen=True)
class Curve:
    """Validation losses of a variant by epoch, from 1: median and quartiles over the runs that
    still went on.

    `ends` are (epoch, last finite loss) of the runs that diverged, in the order of their seeds.
    """

    median: tuple[float, ...]
    q1: tuple[float, ...]
    q3: tuple[float, ...]
    ends: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Shown:
    """The first feature of some test windows [N][T] of a seed, and what variants made of them."""

    seed: int
    windows: list[list[float]]
    reconstructions: Mapping[str, list[list[float]]]


@dataclass(frozen=True)
class Summary:
    """All that a report shows; renderers format it and compute nothing.

    `rows` are by task and variant, `overall` those over all tasks, where there are several.
    `outcomes` hold the loss of each finished run by seed, infinite where it diverged.
    """

    name: str
    question: str
    baseline: str
    margin: float
    seeds: int
    losses: Mapping[str, str]  # by task
    tasks: tuple[str, ...]
    variants: tuple[str, ...]
    rows: tuple[Row, ...]
    overall: tuple[Row, ...]
    notes: tuple[str, ...]  # what to keep in mind, one sentence each
    troubles: tuple[str, ...]  # diverged and failed runs, one line each
    outcomes: Mapping[tuple[str, str], Mapping[int, float]]  # by task and variant
    curves: Mapping[tuple[str, str], Curve]
    shown: Mapping[str, Shown]  # by task
    # Median of training per run, by task and variant; differs between reruns.
    seconds: Mapping[tuple[str, str], float]
    resolved: Mapping[str, Any]
    environment: Mapping[str, Any]  # in which the runs were trained; differs between reruns

    @property
    def band(self) -> tuple[float, float]:
        """Between which ratios a variant counts as practically equivalent."""
        return paired.band(self.margin)

    def table(self) -> pd.DataFrame:
        """Return the rows as summary.csv holds them."""
        columns = _columns(Row)
        frame = pd.DataFrame([_flat(row) for row in (*self.rows, *self.overall)], columns=columns)
        whole = [name for name in columns if name in _WHOLE]
        return frame.astype(dict.fromkeys(whole, "Int64"))


_WHOLE = {
    "parameters",
    "pairs",
    "finished",
    "only_variant_diverged",
    "only_baseline_diverged",
    "seeds_needed",
}
_SHOWN_ELSEWHERE = {"equivalence", "verdict"}  # of a comparison: the ratio again, the row's verdict


def _columns(kind: Any) -> list[str]:
    """Return the columns of a Row or a Comparison, with those of the values within it in their
    places.
    """
    names = []
    for field in fields(kind):
        if field.name == "comparison":
            names += [name for name in _columns(Comparison) if name not in _SHOWN_ELSEWHERE]
        elif "Estimate" in str(field.type):
            names += [field.name, f"{field.name}_low", f"{field.name}_high"]
        else:
            names.append(field.name)
    return names


def _flat(value: Any) -> dict[str, Any]:
    """Return the fields of a Row as one mapping; an Estimate is its value, with its interval beside
    it.
    """
    cells: dict[str, Any] = {}
    for field in fields(value):
        content = getattr(value, field.name)
        if isinstance(content, Estimate):
            named = (field.name, f"{field.name}_low", f"{field.name}_high")
            cells |= zip(named, (content.value, content.low, content.high), strict=True)
        elif is_dataclass(content):
            cells |= {
                name: cell for name, cell in _flat(content).items() if name not in _SHOWN_ELSEWHERE
            }
        else:
            cells[field.name] = content
    return cells


def summarise(
    experiment: Experiment,
    runs: Sequence[Run],
    records: Mapping[str, Record],
    environment: Mapping[str, Any] | None = None,
) -> Summary:
    """Return the summary of an experiment from the records there are, and what is known of where
    they came about.
    """
    results: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    metas: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for run in runs:
        if run.id in records:
            results.setdefault((run.task, run.variant), {})[run.seed] = records[run.id].result
            metas.setdefault((run.task, run.variant), []).append(records[run.id].meta)
    cells = [(task, variant) for task in experiment.tasks for variant in experiment.variants]
    outcomes = {cell: _outcomes(results.get(cell, {})) for cell in cells}
    compared = _compared(experiment, outcomes)
    rows = tuple(
        _row(experiment, *cell, results.get(cell, {}), outcomes, compared) for cell in cells
    )
    several = len(experiment.tasks) > 1
    overall = tuple(
        _overall(experiment, name, rows, results, outcomes, compared)
        for name in experiment.variants
        if several
    )
    spent = {
        cell: [
            meta["training_seconds"] for meta in metas.get(cell, ()) if "training_seconds" in meta
        ]
        for cell in cells
    }
    return Summary(
        name=experiment.name,
        question=experiment.question,
        baseline=experiment.baseline,
        margin=experiment.margin,
        seeds=len(experiment.seeds),
        losses={
            task: experiment.settings[task, experiment.baseline].training.loss
            for task in experiment.tasks
        },
        tasks=experiment.tasks,
        variants=experiment.variants,
        rows=rows,
        overall=overall,
        notes=(
            *_notes(rows, len(compared)),
            *_shared_windows(experiment),
            *_processors(experiment, runs, records),
        ),
        troubles=_troubles(runs, records),
        outcomes=outcomes,
        curves={cell: curve for cell in cells if (curve := _curve(results.get(cell, {})))},
        shown={
            task: shown for task in experiment.tasks if (shown := _shown(experiment, task, results))
        },
        seconds={cell: float(np.median(seconds)) for cell, seconds in spent.items() if seconds},
        resolved=experiment.resolved,
        environment=environment or {},
    )


# -------------------------------------------------------------------------------------- comparisons

Outcomes = Mapping[tuple[str, str], Mapping[int, float]]


def _outcomes(results: Mapping[int, Mapping[str, Any]]) -> dict[int, float]:
    """Return the test loss of each finished run by seed, infinite where it diverged."""
    return {
        seed: float(one["test_loss"]) if one["status"] == "ok" else float("inf")
        for seed, one in results.items()
        if one["status"] != "failed"
    }


def _compared(experiment: Experiment, outcomes: Outcomes) -> dict[tuple[str, str], Comparison]:
    """Return every comparison with the baseline, by task (OVERALL among them) and variant; one
    family for Holm.
    """
    others = [variant for variant in experiment.variants if variant != experiment.baseline]
    pairs = {}
    for variant in others:
        in_tasks = [
            _paired(outcomes[task, variant], outcomes[task, experiment.baseline])
            for task in experiment.tasks
        ]
        for task, (_, *losses) in zip(experiment.tasks, in_tasks, strict=True):
            pairs[task, variant] = losses
        if len(in_tasks) > 1:
            pairs[OVERALL, variant] = _over_tasks(in_tasks)
    found = paired.compare([(mine, base) for mine, base in pairs.values()], experiment.margin)
    return dict(zip(pairs, found, strict=True))


def _paired(
    variant: Mapping[int, float], baseline: Mapping[int, float]
) -> tuple[list[int], Values, Values]:
    """Return the seeds [n] at which both are finished, and both losses [n]."""
    seeds = [seed for seed in variant if seed in baseline]
    return (
        seeds,
        np.array([variant[seed] for seed in seeds]),
        np.array([baseline[seed] for seed in seeds]),
    )


def _over_tasks(in_tasks: Sequence[tuple[list[int], Values, Values]]) -> list[Values]:
    """Return one loss of each side for every seed that is finished in all tasks: the geometric mean
    over them.

    The log ratio of a seed is then its mean over the tasks, so what a seed's weights and batches
    have in common between tasks does no harm. Scaling a task's losses from floor 0 to its ceiling
    cancels in it.
    """
    common = [seed for seed in in_tasks[0][0] if all(seed in seeds for seeds, *_ in in_tasks)]
    sides = []
    for side in (1, 2):
        by_task = [dict(zip(one[0], one[side], strict=True)) for one in in_tasks]
        losses = np.array([[of[seed] for seed in common] for of in by_task])  # [tasks, seeds]
        with np.errstate(divide="ignore", invalid="ignore"):
            means = np.exp(np.mean(np.log(losses), axis=0))
        # Also beside a loss of 0.
        sides.append(np.where(np.isposinf(losses).any(axis=0), np.inf, means))
    return sides


# --------------------------------------------------------------------------------------------- rows


def _row(
    experiment: Experiment,
    task: str,
    variant: str,
    results: Mapping[int, Mapping[str, Any]],
    outcomes: Outcomes,
    compared: Mapping[tuple[str, str], Comparison],
) -> Row:
    statuses = [result["status"] for result in results.values()]
    losses = _converged(outcomes[task, variant])
    trained = [result for result in results.values() if "parameters" in result]
    counts = {status: statuses.count(status) for status in ("ok", "diverged", "failed")}
    return Row(
        task=task,
        variant=variant,
        formula=experiment.formula(task, variant),
        seeds=len(experiment.seeds),
        ok=counts["ok"],
        diverged=counts["diverged"],
        failed=counts["failed"],
        missing=len(experiment.seeds) - len(statuses),
        parameters=trained[0]["parameters"] if trained else None,
        floor=trained[0]["floor"] if trained else None,
        ceiling=_median_of("ceiling", trained),
        linear=_median_of("linear", trained),
        **_statistics([losses], counts["diverged"], counts["ok"]),
        **_verdict(experiment, task, variant, outcomes, compared),
    )


def _median_of(name: str, results: Sequence[Mapping[str, Any]]) -> float | None:
    return float(np.median([result[name] for result in results])) if results else None


def _overall(
    experiment: Experiment,
    variant: str,
    rows: Sequence[Row],
    results: Mapping[tuple[str, str], Mapping[int, Mapping[str, Any]]],
    outcomes: Outcomes,
    compared: Mapping[tuple[str, str], Comparison],
) -> Row:
    """Return the row of a variant over all tasks; bootstrap samples are drawn task by task (Agarwal
    et al. 2021).
    """
    mine = [row for row in rows if row.variant == variant]
    scaled = [_scaled(results.get((row.task, variant), {})) for row in mine]
    diverged, ok = (sum(getattr(row, status) for row in mine) for status in ("diverged", "ok"))
    return Row(
        task=OVERALL,
        variant=variant,
        formula=(
            mine[0].formula
            if len({row.formula for row in mine}) == 1
            else "differs from task to task"
        ),
        seeds=sum(row.seeds for row in mine),
        ok=ok,
        diverged=diverged,
        failed=sum(row.failed for row in mine),
        missing=sum(row.missing for row in mine),
        parameters=None,
        floor=0.0,
        ceiling=1.0,
        linear=None,
        **_statistics(scaled if all(map(len, scaled)) else [], diverged, ok),
        **_verdict(experiment, OVERALL, variant, outcomes, compared),
    )


def _scaled(results: Mapping[int, Mapping[str, Any]]) -> Values:
    """Return the losses of the runs that converged, from 0 at the floor to 1 at the ceiling.

    None can be scaled where a test part is constant, so that its ceiling is its floor.
    """
    ok = [result for result in results.values() if result["status"] == "ok"]
    if any(result["ceiling"] <= result["floor"] for result in ok):
        return np.array([])
    loss, floor, ceiling = (
        np.array([result[name] for result in ok], float)
        for name in ("test_loss", "floor", "ceiling")
    )
    scaled: Values = (loss - floor) / (ceiling - floor)
    return scaled


def _converged(outcomes: Mapping[int, float]) -> Values:
    losses = np.array(list(outcomes.values()), float)
    converged: Values = losses[np.isfinite(losses)]
    return converged


def _statistics(strata: Sequence[Values], diverged: int, ok: int) -> dict[str, Any]:
    """Return the statistics of losses, pooled over strata that are resampled each by itself.

    `ok` runs converged, also where there are no strata, since some task has no loss of the variant.
    """
    n = sum(map(len, strata))

    def estimate(statistic: Any, least: int = 1) -> Estimate | None:
        if n < least:
            return None
        return paired.bootstrap(
            lambda *samples, axis: statistic(np.concatenate(samples, axis), axis=axis), *strata
        )

    return {
        "diverging": paired.share(diverged, ok + diverged) if ok + diverged else None,
        "median": estimate(np.median),
        "mean": estimate(np.mean),
        "sd": estimate(paired.standard_deviation, 2),
        "iqm": estimate(paired.interquartile_mean),
        "minimum": min(float(np.min(losses)) for losses in strata) if n else None,
        "maximum": max(float(np.max(losses)) for losses in strata) if n else None,
    }


def _verdict(
    experiment: Experiment,
    task: str,
    variant: str,
    outcomes: Outcomes,
    compared: Mapping[tuple[str, str], Comparison],
) -> dict[str, Any]:
    if variant == experiment.baseline:
        return {"comparison": None, "verdict": "baseline", "sentence": None}
    if task != OVERALL and _coincide(experiment, task, variant):
        text = f"{variant} means the same training as {experiment.baseline} here: no verdict"
        return {"comparison": None, "verdict": "same training", "sentence": text}
    one, base = compared[task, variant], experiment.baseline
    tasks = experiment.tasks if task == OVERALL else (task,)
    diverged, baseline_diverged = (
        (sum(np.isinf(loss) for loss in losses), len(losses))
        for losses in (
            [x for name in tasks for x in outcomes[name, side].values()] for side in (variant, base)
        )
    )
    text = sentence(
        variant,
        base,
        one,
        diverged=diverged,
        baseline_diverged=baseline_diverged,
        margin=experiment.margin,
        family=len(compared),
    )
    return {"comparison": one, "verdict": one.verdict, "sentence": text}


def _coincide(experiment: Experiment, task: str, variant: str) -> bool:
    """Whether a variant means the same training as the baseline in a task."""
    mine, base = (experiment.settings[task, name] for name in (variant, experiment.baseline))
    return settings_id(mine) == settings_id(base)


def _notes(rows: Sequence[Row], family: int) -> tuple[str, ...]:
    """Return what a reader has to keep in mind about so little evidence."""
    notes = []
    few = sorted({row.ok for row in rows if 0 < row.ok < FEW})
    if few:
        notes.append(
            "Intervals of median, mean, standard deviation and interquartile mean are rough below"
            f" {FEW} runs (here from {few[0]}); below 3 there are none."
        )
    unreachable = [
        row
        for row in rows
        if row.comparison and row.comparison.telling and not row.comparison.reachable
    ]
    if unreachable:
        # A pair of which both runs diverged cannot tell them apart, and does not count.
        pairs = max(row.comparison.telling for row in unreachable if row.comparison)
        notes.append(
            f"With {counted(pairs, 'paired seed')} no difference can be significant"
            f" whatever the runs give: the smallest p is 2/2^{pairs}, after Holm over"
            f" {counted(family, 'comparison')} {min(1.0, family * smallest_p(pairs)):.2g}."
            f" {pairs_needed(family)} seeds can."
        )
    idle = [
        row
        for row in rows
        if row.median and row.ceiling and row.median.value > LEARNED * row.ceiling
    ]
    if idle:
        several = len({row.task for row in rows}) > 1
        names = dict.fromkeys(
            f"{row.variant} in {row.task}" if several else row.variant for row in idle
        )
        notes.append(
            f"After this training {', '.join(names)} reconstruct{'s' * (len(names) == 1)} hardly"
            " better than predicting the mean: verdicts on that say little of what the variants"
            " can do. Train longer, or with another learning rate."
        )
    failed = sum(row.failed for row in rows)
    if failed:
        they = "it is" if failed == 1 else "they are"
        notes.append(f"{counted(failed, 'run')} failed: {they} missing from every number here.")
    return tuple(notes)


def _shared_windows(experiment: Experiment) -> list[str]:
    """Return a note where the windows come from the user's own file, which all seeds share."""
    if not any(isinstance(one.data, FileData) for one in experiment.settings.values()):
        return []
    return [
        "All seeds share the windows of the file: what is lucky about its test part is in no"
        " interval."
    ]


def _processors(
    experiment: Experiment, runs: Sequence[Run], records: Mapping[str, Record]
) -> list[str]:
    """Return a note where the runs were trained on several kinds of processors.

    These round differently, so a pair that is split over two of them differs by more than its
    variants do. Of a run on a GPU that is the kind that counts. A record that does not say its
    processor is of no kind.
    """
    kinds: dict[tuple[str, str, int], str] = {}
    for run in runs:
        meta = records[run.id].meta if run.id in records else {}
        if "processor" in meta:
            device = meta.get("device", "CPU")
            kind = meta["processor"] if device == "CPU" else device
            kinds[run.task, run.variant, run.seed] = kind
    counts = Counter(kinds.values())
    if len(counts) < 2:
        return []
    pairs = [
        (kind, kinds[task, experiment.baseline, seed])
        for (task, variant, seed), kind in kinds.items()
        if variant != experiment.baseline and (task, experiment.baseline, seed) in kinds
    ]
    split = sum(mine != base for mine, base in pairs)
    told = ", ".join(f"{count} on {kind}" for kind, count in sorted(counts.items()))
    note = f"The runs were trained on {len(counts)} kinds of processors, which round differently"
    if not pairs:
        return [f"{note} ({told})."]
    return [
        f"{note} ({told}): {split or 'none'} of {len(pairs)} pairs of runs"
        f" {'is' if split in (0, 1) else 'are'} split over two of them."
    ]


def _troubles(runs: Sequence[Run], records: Mapping[str, Record]) -> tuple[str, ...]:
    lines = []
    for run in runs:
        result = records[run.id].result if run.id in records else {"status": "missing"}
        where = f"{run.task}, {run.variant}, seed {run.seed}"
        if result["status"] == "diverged":
            lines.append(f"{where}: diverged at epoch {result['diverged_epoch']} of training")
        elif result["status"] == "failed":
            message = "".join(c if c.isprintable() else " " for c in result["message"])
            lines.append(f"{where}: failed: {' '.join(message.split())} (logs/{run.id}.log)")
    return tuple(lines)


# ----------------------------------------------------------------------------------------- pictures


def _curve(results: Mapping[int, Mapping[str, Any]]) -> Curve | None:
    runs = [one["validation_losses"] for one in results.values() if one["status"] != "failed"]
    losses = np.full((len(runs), max(map(len, runs), default=0)), np.nan)
    for row, values in zip(losses, runs, strict=True):
        row[: len(values)] = [np.nan if value is None else value for value in values]
    going = losses[:, np.isfinite(losses).any(axis=0)] if runs else losses
    if going.size == 0:
        return None
    q1, median, q3 = np.nanquantile(going, [0.25, 0.5, 0.75], axis=0).tolist()
    ends = []
    for one, row in zip(
        (o for o in results.values() if o["status"] != "failed"), losses, strict=True
    ):
        finite = np.flatnonzero(np.isfinite(row))
        if one["status"] == "diverged" and len(finite):
            ends.append((int(finite[-1]) + 1, float(row[finite[-1]])))
    return Curve(tuple(median), tuple(q1), tuple(q3), tuple(ends))


def _shown(
    experiment: Experiment,
    task: str,
    results: Mapping[tuple[str, str], Mapping[int, Mapping[str, Any]]],
) -> Shown | None:
    """Return the windows of one seed of a task, with what each variant made of them.

    It is the seed at which the baseline has its (lower) median loss or, where no run of the
    baseline can be shown, the next variant. A variant without a run to show at that seed is left
    out: its curves would lie over another seed's windows.
    """
    can_be_shown = {
        variant: {
            seed: result
            for seed, result in results.get((task, variant), {}).items()
            if result.get("reconstructions")
        }
        for variant in (experiment.baseline, *experiment.variants)
    }
    first = next((found for found in can_be_shown.values() if found), None)
    if first is None:
        return None
    seed = sorted(first, key=lambda seed: first[seed]["test_loss"])[(len(first) - 1) // 2]
    return Shown(
        seed,
        first[seed]["windows"],
        {
            variant: can_be_shown[variant][seed]["reconstructions"]
            for variant in experiment.variants
            if seed in can_be_shown[variant]
        },
    )
