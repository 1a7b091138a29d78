"""The texts of a report's tables, the same in every format."""

import math

from lstm_ablate.evidence.analysis import OVERALL, Row, Summary
from lstm_ablate.evidence.paired import Estimate
from lstm_ablate.evidence.sentences import interval, p_value

NOTHING = "-"
# Medians over other seeds' windows differ by less, where the code is of the same size.
_SAME_CODE = 0.05
HEADINGS = ("variant", "formula", "ok/div/fail", "median [95%]", "ratio [95%]", "p", "verdict")
STATISTICS = (
    "median [95%]",
    "mean [95%]",
    "sd [95%]",
    "interquartile mean [95%]",
    "better [95%]",
    "d_z",
    "diverged",
)
STATISTICS_LEGEND = (
    "Bootstrap intervals (BCa). better: the share of seeds at which the variant does better, ties"
    " counted half, diverged runs as the worst. d_z: the mean of the paired differences of log"
    " losses over their standard deviation; below 0 is better. diverged: the share of the runs."
    " Intervals of shares are exact (Clopper and Pearson)."
)


def by_task(summary: Summary) -> list[tuple[str, list[Row]]]:
    """Return the rows of each task, then those over all tasks."""
    rows = (*summary.rows, *summary.overall)
    return [
        (task, [row for row in rows if row.task == task])
        for task in dict.fromkeys(row.task for row in rows)
    ]


def measure(summary: Summary, task: str) -> str:
    return "scaled loss" if task == OVERALL else summary.losses[task]


def cells(row: Row) -> tuple[str, ...]:
    """Return the texts of a row under HEADINGS."""
    counts = f"{row.ok}/{row.diverged}/{row.failed}" + (f" of {row.seeds}" if row.missing else "")
    one = row.comparison
    ratio = estimate(one.ratio) if one else "baseline" if row.verdict == "baseline" else NOTHING
    p = p_value(one.p_holm) if one else NOTHING
    verdict = "" if row.verdict == "baseline" else row.verdict if one and one.finished else NOTHING
    if one and one.within_margin and verdict in ("better", "worse"):
        verdict += " (within margin)"
    return row.variant, row.formula, counts, _median(row), ratio, p, verdict


def _median(row: Row) -> str:
    if row.ok:
        return _of_converged(row.median, row)
    if row.missing == row.seeds:
        return "no run yet"
    if row.diverged:
        return f"all diverged ({row.diverged} of {row.diverged})"
    return f"{row.failed} failed" if row.missing else "all failed"


def _of_converged(one: Estimate | None, row: Row) -> str:
    """Return a statistic of the runs that converged, and of how many where some did not."""
    return estimate(one) + (f" of {row.ok} that converged" if one and row.diverged else "")


def statistics(row: Row) -> tuple[str, ...]:
    """Return the texts of a row under STATISTICS."""
    one = row.comparison
    effect = one.effect if one else None
    diverging = row.diverging
    return (
        _median(row),
        *(_of_converged(one, row) for one in (row.mean, row.sd, row.iqm)),
        estimate(one.better if one else None),
        NOTHING if effect is None else f"{effect:.2f}",
        (
            NOTHING
            if diverging is None
            else f"{row.diverged} of {row.ok + row.diverged} [{interval(diverging)}]"
        ),
    )


def estimate(one: Estimate | None) -> str:
    """Return a value with its interval, as "1.38 [1.21 to 1.56]"."""
    if one is None:
        return NOTHING
    return f"{one.value:.3g}" + ("" if one.low is None else f" [{interval(one)}]")


def _references(summary: Summary, base: Row) -> str:
    """Return what predicting the mean and the best linear code would lose, in the median seed.

    The code is as long as that of the baseline's network; where another variant's is of another
    length, that is said.
    """
    text = f"predicting the mean gives {base.ceiling:.3g}"
    if base.linear == 0:
        text += (
            ", and the decoder sees at least as many numbers as a window has: nothing is compressed"
        )
    else:
        text += f", the best linear code of the same size {base.linear:.3g}"
    others = any(
        not math.isclose(row.linear, base.linear or 0.0, rel_tol=_SAME_CODE)
        for row in summary.rows
        if row.task == base.task and row.linear is not None
    )
    return text + (f" ({base.variant}; others in summary.csv)" if others else "")


def legend(summary: Summary) -> str:
    """Return what the columns mean."""
    references = {
        row.task: _references(summary, row)
        for row in summary.rows
        if row.variant == summary.baseline and row.ceiling is not None
    }
    several = len(references) > 1
    told = "; ".join(f"{task}: {text}" if several else text for task, text in references.items())
    low, high = summary.band
    return (
        f"Reconstruction loss ({', '.join(dict.fromkeys(summary.losses.values()))}) on test"
        " windows, over the runs that converged; lower is better, 0 is a perfect reconstruction"
        + (f". For comparison, {told}" if told else "")
        + f". div: diverged. ratio: geometric mean of the loss over {summary.baseline}'s at the"
        f" same seeds, below 1 is better; {low:.3g} to {high:.3g} counts as equivalent. p: exact"
        " sign-flip test, Holm-adjusted."
        + (
            " Over all tasks losses are scaled: predicting the mean gives 1."
            if summary.overall
            else ""
        )
    )
