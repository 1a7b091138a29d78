"""The texts of a report's tables and legends, the same in every format."""

import math
from collections.abc import Sequence
from dataclasses import replace

from lstm_ablate.evidence.failures import Share
from lstm_ablate.evidence.learning import LEARNED
from lstm_ablate.evidence.overall import OVERALL
from lstm_ablate.evidence.rounding import on_its_side, rounded
from lstm_ablate.evidence.summary import Row, Summary
from lstm_ablate.evidence.tuning import Trial, Tuned
from lstm_ablate.evidence.typical import Typical
from lstm_ablate.experiment.field_types import Number

NOTHING = "-"
HEADINGS = ("variant", "formula", "runs", "typical loss", "typical ratio", "wins", "verdict")
STATISTICS = (
    "mean",
    "quartiles",
    "lowest to highest",
    "won, lost, drawn",
    "diverged",
    "stuck",
    "not learned",
    "late gain",
)
OVERALL_TEXT = (
    "Of each seed the mean, over the tasks, of its log ratios: this describes, and carries no"
    " verdict."
)
BY_EPOCH_TEXT = (
    "The typical ratio if training had ended earlier, on validation windows, with the quartiles of"
    " the pairs. It describes, and judges nothing."
)
_EPOCHS = 6  # rows of a table by epoch


def by_task(summary: Summary) -> list[tuple[str, list[Row]]]:
    """Return the rows of each task, then those over all tasks."""
    rows = (*summary.rows, *summary.overall)
    return [
        (task, [row for row in rows if row.task == task])
        for task in dict.fromkeys(row.task for row in rows)
    ]


def beside(summary: Summary, task: str) -> str:
    """Return what stands beside the table of a task: what its losses are to be compared with, and
    why some are no lower than that.
    """
    if task == OVERALL:
        return OVERALL_TEXT
    return " ".join(filter(None, (summary.references[task], summary.diagnoses.get(task))))


def title(summary: Summary, task: str) -> str:
    """Return what the table of a task shows."""
    if task == OVERALL:
        return f"{summary.name}: {OVERALL} together"
    of = f", task {task}" if len(summary.tasks) > 1 else ""
    return f"{summary.name}: {summary.losses[task]} on test{of}"


def cells(summary: Summary, row: Row) -> tuple[str, ...]:
    """Return the texts of a row under HEADINGS."""
    comparison = row.comparison
    bounds = (1.0, *summary.band)
    ratio = (
        "baseline"
        if row.verdict == "baseline"
        else typical(comparison.ratio if comparison else None, bounds)
    )
    return (
        row.variant,
        formula(summary, row),
        _runs(row),
        typical(row.loss),
        ratio,
        _wins(summary, row),
        _verdict(row),
    )


def overview(summary: Summary) -> tuple[list[str], list[list[str]]] | None:
    """Return headings and a row for each variant, with its verdicts in all tasks; None for one
    task.
    """
    if len(summary.tasks) == 1:
        return None
    shown = {(row.variant, row.task): _in_short(summary, row) for row in summary.rows}
    variants = dict.fromkeys(row.variant for row in summary.rows)
    rows = [
        [variant, *(shown[variant, task] for task in summary.tasks)]
        for variant in variants
        if variant != summary.baseline
    ]
    return ["variant", *summary.tasks], rows


def overview_text(summary: Summary) -> str:
    """Return what a cell of an overview shows."""
    return (
        f"In each cell: the verdict, and the loss in a typical pair, times that of"
        f" {summary.baseline}."
    )


def _in_short(summary: Summary, row: Row) -> str:
    """Return a verdict with its typical ratio, without an interval."""
    if row.comparison is None:
        return _verdict(row)
    ratio = typical(replace(row.comparison.ratio, interval=None), (1.0, *summary.band))
    return f"{_verdict(row)}, {ratio}"


def formula(summary: Summary, row: Row) -> str:
    """Return a variant's formula, with its parameters where those of its task's variants differ."""
    counts = {
        other.parameters for other in summary.rows if other.task == row.task and other.parameters
    }
    if len(counts) < 2 or row.parameters is None:
        return row.formula
    return f"{row.formula}; {row.parameters:,} parameters"


def _runs(row: Row) -> str:
    counts = {
        "ended well": row.ok,
        "diverged": row.diverged,
        "failed": row.failed,
        "missing": row.missing,
        "not needed": row.not_needed,
    }
    texts = [f"{count} {what}" for what, count in counts.items() if count]
    if row.waits and row.look is not None:
        texts.append(f"look {row.look + 1} waits")
    return ", ".join(texts) or NOTHING


def _wins(summary: Summary, row: Row) -> str:
    comparison = row.comparison
    if comparison is None:
        return NOTHING
    count = f"{comparison.wins} of {comparison.pairs}"
    if row.verdict == "described":
        return count
    if comparison.needed is None:
        return f"{count} ({summary.least_seeds} seeds needed)"
    return f"{count} ({comparison.needed} needed)"


def _verdict(row: Row) -> str:
    if row.verdict in ("baseline", "described"):
        return ""
    if row.comparison is None:
        return NOTHING if row.verdict == "no pair" else row.verdict
    text = f"still learning: {row.verdict}" if row.unfinished else row.verdict
    is_small = row.comparison.within_margin and row.verdict in ("better", "worse")
    return f"{text} (within the margin)" if is_small else text


def statistics(row: Row) -> tuple[str, ...]:
    """Return the texts of a row under STATISTICS."""
    comparison = row.comparison
    return (
        _number(row.mean),
        _range(row.q1, row.q3),
        _range(row.minimum, row.maximum),
        f"{comparison.wins}, {comparison.losses}, {comparison.draws}" if comparison else NOTHING,
        _share(row.diverging),
        _share(row.stuck),
        _share(row.not_learned),
        _number(row.gain),
    )


def typical(middle: Typical | None, bounds: Sequence[float] = (1.0,)) -> str:
    """Return a median with its interval, as "0.491 (0.276 to 0.758)", each with as
    many digits as show on which side of some bounds it lies.
    """
    if middle is None:
        return NOTHING
    low, high = (number(end, bounds) for end in middle.median)
    text = low if middle.value is not None else f"{low} to {high}"
    if middle.interval is None:
        return text
    low, high = (number(end, bounds) for end in middle.interval)
    return f"{text} ({low} to {high})"


def number(value: float, bounds: Sequence[float] = (1.0,)) -> str:
    """Return a number to three digits, or as many more as it takes to tell it from some bounds."""
    if math.isinf(value):
        return "infinite"
    return on_its_side(value, (rounded(value, digits) for digits in range(3, 8)), bounds)


def _number(value: float | None) -> str:
    return NOTHING if value is None else number(value)


def _range(low: float | None, high: float | None) -> str:
    return NOTHING if low is None or high is None else f"{number(low)} to {number(high)}"


def _share(share: Share | None) -> str:
    if share is None:
        return NOTHING
    return f"{share.count} of {share.runs} ({100 * share.low:.0f} to {100 * share.high:.0f}%)"


def by_epoch(summary: Summary, task: str) -> tuple[list[str], list[list[str]]]:
    """Return headings and some rows of the ratio by epoch in a task; none without a pair."""
    found = {
        variant: ratios for (where, variant), ratios in summary.ratios.items() if where == task
    }
    last = max((len(ratios.medians) for ratios in found.values()), default=0)
    epochs = sorted(
        {max(1, round(last * k / _EPOCHS)) for k in range(1, _EPOCHS + 1)} if last else ()
    )
    rows = []
    for epoch in epochs:
        texts = [
            typical(
                Typical(ratios.medians[epoch - 1], (ratios.q1[epoch - 1], ratios.q3[epoch - 1]))
            )
            if epoch <= len(ratios.medians)
            else NOTHING
            for ratios in found.values()
        ]
        rows.append([str(epoch), *texts])
    return ["epoch", *found], rows


def tuning(summary: Summary, task: str) -> tuple[list[str], list[tuple[list[str], int | None]]]:
    """Return headings, and for each variant of a task its texts and the place of the chosen value
    among them, None without a choice.
    """
    mine = [tuned for tuned in summary.tuned if tuned.task == task]
    values = [f"{trial.value:g}" for trial in mine[0].trials] if mine else []
    rows = []
    for tuned in mine:
        places = [trial.value for trial in tuned.trials]
        texts = [tuned.variant, *map(_trial, tuned.trials), _without_a_seed(tuned)]
        rows.append((texts, None if tuned.chosen is None else 1 + places.index(tuned.chosen)))
    return ["variant", *values, "without one seed"], rows


def _trial(trial: Trial) -> str:
    counts = {"diverged": trial.diverged, "failed": trial.failed, "missing": trial.missing}
    parts = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    loss = NOTHING if trial.loss is None else number(trial.loss)
    return f"{loss} ({parts})" if parts else loss


def _without_a_seed(tuned: Tuned) -> str:
    """Say whether a choice is the same without any one tuning seed, and what it is instead."""
    if tuned.stays is None:
        return NOTHING
    others: dict[Number | None, list[str]] = {}
    for seed, value in tuned.without.items():
        if value != tuned.chosen:
            others.setdefault(value, []).append(str(seed))
    parts = [
        f"{'none' if value is None else f'{value:g}'} (without {', '.join(seeds)})"
        for value, seeds in others.items()
    ]
    return "; ".join(parts) or "the same"


def tuning_legend(summary: Summary) -> str:
    """Return what the table of tuning shows."""
    return (
        f"The typical validation loss at each {summary.tuned_name}: the median, over the seeds of"
        " tuning, of the log loss, a run that diverged being infinitely bad. The lowest is chosen,"
        " of equals the smaller. Every variant of a task tries the same values at the same seeds:"
        f" {_grid(summary)}."
        " These runs are not judged: they draw weights, order and, unless a file holds them,"
        " windows of their own, and have no test windows. Beside them, which of these values would"
        " be chosen if any one seed were left out."
    )


def _grid(summary: Summary) -> str:
    """Say which values are tried: those of the settings, and more at an edge."""
    extend = summary.resolved["tune"]["extend"]
    times = {0: "", 1: "once a side", 2: "up to twice a side"}.get(
        extend, f"up to {extend} times a side"
    )
    more = f", and one more beyond an edge where any variant's choice stands, {times}"
    return "those of the settings" + more * bool(extend)


def legend(summary: Summary) -> str:
    """Return what the columns mean."""
    return " ".join(legend_lines(summary))


def legend_lines(summary: Summary) -> list[str]:
    """Return what each column means."""
    low, high = summary.band
    loss = (
        f"typical loss: the median, over the seeds, of the reconstruction loss"
        f" ({', '.join(dict.fromkeys(summary.losses.values()))}) on test windows; 0 is perfect, and"
        " a run that diverged is infinitely bad."
    )
    if not summary.comparisons:
        return [loss]
    each = f"{100 * (1 - summary.level / summary.comparisons):.4g}%"
    together = (
        f"it holds with {each}, so that those of all {summary.comparisons} ratios hold together in"
        f" {100 * (1 - summary.level):g}% of experiments"
        if summary.comparisons > 1
        else f"it holds with {each}"
    )
    beside = f"Beside a typical value stands its interval: {together}."
    if not any(row.loss and row.loss.interval for row in summary.rows):
        beside = "With so few runs no interval stands beside a typical value."
    return [
        loss,
        f"typical ratio: the median of the loss over {summary.baseline}'s at the same seed; below 1"
        f" is better, and {low:.3g} to {high:.3g} counts as equivalent.",
        beside,
        f"wins: the seeds at which the variant has less loss than {summary.baseline}, and how many"
        " wins (or losses) a verdict takes.",
    ]


def looks_text(summary: Summary) -> str:
    """Return when training stopped, where an experiment has looks, and nothing otherwise."""
    if not summary.looks:
        return ""
    looks = ", ".join(
        f"{look.seeds} seeds ({'none possible' if look.count is None else look.count})"
        for look in summary.looks
    )
    return (
        "Every comparison is looked at after so many seeds, when each of their runs is recorded,"
        f" with so many wins, or losses, needed: {looks}. It trains no further seeds once it is"
        " decided; its row shows the seeds of its last look, and the others are not needed. All"
        " looks of all comparisons together decide wrongly in at most"
        f" {100 * summary.level:g}% of experiments."
    )


def statistics_legend(summary: Summary) -> str:
    """Return what the columns of STATISTICS mean."""
    return (
        "All of this describes. mean, quartiles, lowest and highest loss: of the runs that ended"
        f" well. stuck: runs that ended well, with a loss above {summary.stuck:g} times both the"
        " median of the task and that of the variant. not learned: runs that ended well, with a"
        f" test loss of {LEARNED:g} times that of predicting the mean or more. Shares have exact"
        f" {100 * (1 - summary.level):g}% intervals. late gain: the best validation loss in the"
        " first 80% of the epochs over the best of all, in the median run; above"
        f" {1 + summary.margin:.3g} a variant counts as still learning."
    )
