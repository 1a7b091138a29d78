"""What each figure shows, in a sentence with its numbers, for those who do not see it."""

from collections.abc import Callable, Iterator, Mapping

from lstm_ablate.errors import listed
from lstm_ablate.evidence.summary import Row, Summary
from lstm_ablate.evidence.typical import Typical
from lstm_ablate.report.cells import NOTHING, number, typical


def told(summary: Summary, name: str) -> str:
    """Return what the figure of a name shows."""
    kind, _, named = name.partition("-")
    task = named or summary.tasks[0]
    of_task = f", task {task}" if len(summary.tasks) > 1 and kind not in _OF_ALL else ""
    opening, parts = _KINDS[kind](summary, task)
    return f"{opening}{of_task}: {'; '.join(parts)}."


Told = tuple[str, list[str]]  # what is told, and of each variant what is told of it


def _tuning(summary: Summary, task: str) -> Told:
    parts = []
    for tuned in summary.tuned:
        if tuned.task != task:
            continue
        losses = {trial.value: trial.loss for trial in tuned.trials}
        chosen = tuned.chosen
        loss = None if chosen is None else losses[chosen]
        told = NOTHING if chosen is None else f"{chosen:g}, with {_number(loss)}"
        parts.append(f"{tuned.variant} {told}")
    return f"The {summary.tuned_name} chosen, with its typical validation loss", parts


def _intervals(summary: Summary, _: str) -> Told:
    several = len(summary.tasks) > 1
    parts = [
        f"{row.variant}{f', {row.task},' * several}"
        f" {typical(row.comparison.ratio, (1.0, *summary.band))}"
        for row in (*summary.rows, *summary.overall)
        if row.comparison
    ]
    return f"Loss over that of {summary.baseline}, typical ratio with its interval", parts


def _ratios(summary: Summary, task: str) -> Told:
    parts = []
    bounds = (1.0, *summary.band)
    for (where, variant), ratios in summary.ratios.items():
        if where != task:
            continue
        first, last = (typical(Typical(ratios.medians[k], None), bounds) for k in (0, -1))
        parts.append(f"{variant} {first} after epoch 1, {last} after epoch {len(ratios.medians)}")
    return f"Validation loss over that of {summary.baseline}, typical ratio", parts


def _curves(summary: Summary, task: str) -> Told:
    parts = []
    for (where, variant), curve in summary.curves.items():
        if where != task:
            continue
        ends = f", {len(curve.ends)} diverged" if curve.ends else ""
        first, last = number(curve.median[0]), number(curve.median[-1])
        parts.append(
            f"{variant} {first} after epoch 1, {last} after epoch {len(curve.median)}{ends}"
        )
    return f"Median validation {summary.losses[task]}", parts


def _pairs(summary: Summary, task: str) -> Told:
    parts = [
        f"{row.variant} at {row.comparison.wins} of {row.comparison.pairs}"
        for row in summary.rows
        if row.task == task and row.comparison
    ]
    return f"Seeds with less test loss than {summary.baseline}", parts or ["no pair has ended"]


def _reconstructions(summary: Summary, task: str) -> Told:
    shown = summary.shown[task]
    parts = [
        f"{variant} {number(summary.outcomes[task, variant][shown.seed])}"
        for variant in shown.reconstructions
    ]
    return (
        f"{len(shown.windows)} test windows with their reconstructions at seed {shown.seed}, and"
        " the test loss there",
        parts,
    )


def _failures(summary: Summary, _: str) -> Told:
    return "Runs that diverged, that are stuck and that have not learned", list(_failed(summary))


def _failed(summary: Summary) -> Iterator[str]:
    several = len(summary.tasks) > 1
    for row in summary.rows:
        if row.diverging:
            task = f", {row.task}," * several
            yield f"{row.variant}{task} {_counts(row)} of {row.diverging.runs}"


def _counts(row: Row) -> str:
    counts = [share.count for share in row.failing if share]
    return listed(map(str, counts))


def _number(value: float | None) -> str:
    return NOTHING if value is None else number(value)


_KINDS: Mapping[str, Callable[[Summary, str], Told]] = {
    "tuning": _tuning,
    "intervals": _intervals,
    "ratios": _ratios,
    "curves": _curves,
    "together": _curves,
    "pairs": _pairs,
    "reconstructions": _reconstructions,
    "failures": _failures,
}
_OF_ALL = ("intervals", "failures")
