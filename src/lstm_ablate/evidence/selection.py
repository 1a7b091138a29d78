"""A summary that shows some of its variants, with the numbers and verdicts that it has of all."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from lstm_ablate.errors import UserError, did_you_mean, listed
from lstm_ablate.evidence.pictures import Shown
from lstm_ablate.evidence.summary import Row, Summary

Value = TypeVar("Value")


def of_variants(summary: Summary, names: Iterable[str], option: str) -> Summary:
    """Return a summary that shows the named variants, and the baseline, which they are compared
    with.

    Nothing is computed again: the number of comparisons, the counts that a verdict takes and the
    level of every interval are those of the whole experiment, and a note says how many comparisons
    are not shown. Raises UserError, which names the `option`, for each unknown name.
    """
    wanted = [*names]
    unknown = dict.fromkeys(name for name in wanted if name not in summary.variants)
    if unknown:
        known = f"\n  known: {', '.join(summary.variants)}"
        raise UserError(
            *(
                f'{option}: "{name}" is not a variant of {summary.name}.'
                f"{did_you_mean(name, summary.variants)}{known * (name == [*unknown][-1])}"
                for name in unknown
            )
        )
    shown = {summary.baseline, *wanted}
    hidden = [name for name in summary.variants if name not in shown]
    if not hidden:
        return summary
    selection = _what_is_not_shown(summary, hidden)
    return replace(
        summary,
        rows=tuple(row for row in summary.rows if row.variant in shown),
        overall=tuple(row for row in summary.overall if row.variant in shown),
        notes=(*((selection,) if selection else ()), *summary.notes),
        troubles=_of_others(summary, hidden),
        ratios=_of(summary.ratios, shown),
        curves=_of(summary.curves, shown),
        seconds=_of(summary.seconds, shown),
        shown=_drawn(summary, shown),
        tuned=tuple(tuned for tuned in summary.tuned if tuned.variant in shown),
        selection=selection,
    )


def _what_is_not_shown(summary: Summary, hidden: Collection[str]) -> str:
    """Say which comparisons are not shown; nothing where the hidden variants have none."""
    count = sum(_is_compared(row) for row in summary.rows if row.variant in hidden)
    if not count:
        return ""
    are = "is" if count == 1 else "are"
    return (
        f"Of the {summary.comparisons} comparisons of this experiment, {count} {are} not shown"
        f" ({listed(hidden)}): the wins that a verdict takes, and the intervals, allow for all"
        f" {summary.comparisons}."
    )


def _is_compared(row: Row) -> bool:
    return row.verdict not in ("baseline", "same training")


def _of(
    by_cell: Mapping[tuple[str, str], Value], shown: Collection[str]
) -> dict[tuple[str, str], Value]:
    return {cell: value for cell, value in by_cell.items() if cell[1] in shown}


def _drawn(summary: Summary, shown: Collection[str]) -> dict[str, Shown]:
    """Return by task the reconstructions of the variants that are shown, where there are any."""
    found = {}
    for task, one in summary.shown.items():
        mine = {name: some for name, some in one.reconstructions.items() if name in shown}
        if mine:
            found[task] = replace(one, reconstructions=mine)
    return found


def _of_others(summary: Summary, hidden: Collection[str]) -> tuple[str, ...]:
    """Return the lines on runs that diverged or failed, without those of hidden variants."""
    cells = [f"{task}, {variant}, " for task in summary.tasks for variant in hidden]
    starts = tuple(start for cell in cells for start in (f"{cell}seed ", f"tuning, {cell}"))
    return tuple(line for line in summary.troubles if not line.startswith(starts))
