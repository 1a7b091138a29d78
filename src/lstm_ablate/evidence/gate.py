"""Whether the runs of one table are worse than those of another by more than a margin, with
confidence.

For each variant of a task, with losses a and b of the same seeds: d = log b - log a, and the
hypothesis that mean(d) <= log(1 + margin) is held against Student's t (one-sided). Where the
finished runs of one table have other seeds than those of the other, nothing is judged: what cannot
be paired may be what became worse. A run without a finite loss has diverged and is left out of it;
whether more runs diverged is for Fisher's exact test (one-sided): equal seeds tend to diverge
together, which only makes it cautious, and it needs fewer seeds than McNemar's. Holm's adjustment
is over all tests that the runs allow: where nothing is worse, anything fails in 5% of comparisons
at most.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from lstm_ablate.errors import UserError, counted
from lstm_ablate.evidence import paired
from lstm_ablate.evidence.compare import (
    Table,
    check_kinds,
    check_metric,
    id_column,
    numbers,
    other_ids,
    raise_all,
    shown,
)
from lstm_ablate.evidence.reach import ALPHA

FEW = 3  # pairs, below which losses are not judged
# Of logarithms and p: a margin that is met exactly is not exceeded, and p = 1/20 is 0.05.
_ROUNDING = 1e-9

Losses = dict[tuple[str, str], dict[int, float]]  # by task and variant, then by seed


@dataclass(frozen=True)
class Judgement:
    """What the runs of a variant say: B's loss as a multiple of A's, and how many runs diverged.

    `ratio` of geometric means, with its 90% interval, of the `pairs` of runs that both converged;
    None, as is `p`, where there are too few. `diverged_p` is None where no run diverged. Both p are
    after Holm.
    """

    task: str
    variant: str
    pairs: int
    ratio: float | None
    low: float | None
    high: float | None
    p: float | None
    finished_a: int
    finished_b: int
    diverged_a: int
    diverged_b: int
    diverged_p: float | None

    @property
    def worse(self) -> bool:
        """Whether B's loss is above A's by more than the margin."""
        return self.p is not None and self.p <= ALPHA

    @property
    def diverges_more(self) -> bool:
        """Whether more runs diverged in B."""
        return self.diverged_p is not None and self.diverged_p <= ALPHA + _ROUNDING


@dataclass(frozen=True)
class Gate:
    """The judgements of all variants that both tables hold, and the names of the others.

    `other_ids`: the runs of which the same task, variant and seed were trained otherwise, as the
    column `ids` tells.
    """

    a: str
    b: str
    margin: float
    judgements: tuple[Judgement, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    ids: str
    other_ids: int

    @property
    def passed(self) -> bool:
        """Whether B is nowhere worse."""
        return not any(one.worse or one.diverges_more for one in self.judgements)

    @property
    def judged(self) -> bool:
        """Whether there was evidence on any variant; a gate that could not have failed says
        nothing.
        """
        return any(one.p is not None or one.diverged_p is not None for one in self.judgements)


def margin_of(text: str) -> float:
    """Return the number that a margin such as 10% or 0.1 stands for."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(%?)", text)
    if not found:
        raise UserError(
            f'--margin: "{text}" is not a margin; write a percentage such as 10%, or a fraction'
            " such as 0.1"
        )
    margin = float(found[1]) / (100 if found[2] else 1)
    if margin >= 1 and not found[2]:
        raise UserError(f'--margin: "{text}" is {margin:.0%}; did you mean {text}%?')
    return margin


def judge(a: Table, b: Table, margin: float, metric: str) -> Gate:
    """Judge every variant that both tables hold; lower is better.

    Raises UserError where a variant has finished runs of other seeds in one table than in the
    other, naming them.
    """
    check_kinds(a, b)
    if not a.has_seeds:
        raise UserError(
            f"{a.name}: a summary of runs (it has no column seed); --margin needs the runs"
            " themselves"
        )
    check_metric(a, b, metric)
    of_a, of_b = _losses(a, metric), _losses(b, metric)
    shared = [name for name in of_a if name in of_b]
    if not shared:
        raise UserError(
            f"{a.name}, {b.name}: not comparable: no variant of one has its like in the other, by"
            " task"
        )
    _check_seeds(a.name, b.name, {name: (of_a[name], of_b[name]) for name in shared})
    alone = [_judged(*name, of_a[name], of_b[name], math.log1p(margin)) for name in shared]
    # A test that cannot be made, for too few runs converged or none diverged, is no part of the
    # family.
    known = [p for one in alone for p in (one.p, one.diverged_p) if p is not None]
    adjusted = iter(paired.holm(known))
    judgements = tuple(
        replace(
            one,
            p=None if one.p is None else next(adjusted),
            diverged_p=None if one.diverged_p is None else next(adjusted),
        )
        for one in alone
    )
    return Gate(
        a=a.name,
        b=b.name,
        margin=margin,
        judgements=judgements,
        only_a=tuple(shown((*name, None)) for name in of_a if name not in of_b),
        only_b=tuple(shown((*name, None)) for name in of_b if name not in of_a),
        ids=id_column(a, b),
        other_ids=other_ids(a, b),
    )


def _losses(table: Table, metric: str) -> Losses:
    """Return the losses of the runs that finished, infinite where a run diverged."""
    found, problems = numbers(table, metric)
    losses: Losses = {}
    for key, value in found.items():
        task, variant, seed = key
        mine = losses.setdefault((task, variant), {})
        status = table.cells[key].get("status")
        if status == "failed" or seed is None:
            continue
        if status == "diverged" or value is None or not math.isfinite(value):
            mine[seed] = math.inf
        elif value <= 0:
            where = f"{table.name}:{table.lines[key]}: column {metric}"
            problems.append(f"{where}: --margin compares ratios, and {value:g} is not above 0")
        else:
            mine[seed] = float(value)
    raise_all(problems)
    return losses


def _check_seeds(
    name_a: str, name_b: str, shared: Mapping[tuple[str, str], tuple[dict[int, float], ...]]
) -> None:
    problems = []
    for name, (a, b) in shared.items():
        sides = (("A", sorted(a.keys() - b.keys())), ("B", sorted(b.keys() - a.keys())))
        alone = [f"{_spans(seeds)} only in {side}" for side, seeds in sides if seeds]
        if alone:
            problems.append(
                f"{shown((*name, None))}: finished runs of seed {' and of seed '.join(alone)}"
            )
    if problems:
        raise_all(
            [
                (
                    f"{name_a}, {name_b}: --margin judges the same seeds on both sides, and here"
                    " they differ"
                ),
                *problems,
            ]
        )


def _spans(numbers: Sequence[int]) -> str:
    """Return ascending numbers as text, such as 1, 4 to 7."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1] = [spans[-1][0], number]
        else:
            spans.append([number])
    return ", ".join(" to ".join(map(str, span)) for span in spans)


def _judged(
    task: str, variant: str, a: dict[int, float], b: dict[int, float], edge: float
) -> Judgement:
    """Judge the losses of the same seeds; the p are not adjusted yet."""
    x, y = np.log(list(a.values())), np.log([b[seed] for seed in a])
    gone_x, gone_y = np.isinf(x), np.isinf(y)
    both = ~gone_x & ~gone_y
    d = y[both] - x[both]
    n = len(d)
    ratio = low = high = p = None
    if n >= FEW:
        mean, error = float(np.mean(d)), float(np.std(d, ddof=1)) / math.sqrt(n)
        beyond, half = mean - edge - _ROUNDING, float(stats.t.ppf(1 - ALPHA, n - 1)) * error
        with np.errstate(over="ignore"):
            ratio, low, high = map(float, np.exp([mean, mean - half, mean + half]))
        p = float(stats.t.sf(beyond / error, n - 1)) if error else float(beyond <= 0)
    diverged_x, diverged_y = int(np.sum(gone_x)), int(np.sum(gone_y))
    diverged = diverged_x + diverged_y
    return Judgement(
        task=task,
        variant=variant,
        pairs=n,
        ratio=ratio,
        low=low,
        high=high,
        p=p,
        finished_a=len(x),
        finished_b=len(y),
        diverged_a=diverged_x,
        diverged_b=diverged_y,
        diverged_p=(
            float(stats.hypergeom.sf(diverged_y - 1, len(x) + len(y), diverged, len(y)))
            if diverged
            else None
        ),
    )


# ----------------------------------------------------------------------------------------- in words


def sentence(one: Judgement, margin: float) -> str:
    """Say what the runs of a variant say."""
    pairs = counted(one.pairs, "pair")
    if one.ratio is None or one.high is None:
        text = f"too few runs that converged to compare losses ({pairs}; {FEW} are needed): " + (
            "passes, but could not have failed"
            if one.diverged_p is None
            else "not judged by its losses"
        )
    else:
        verdict = (
            "WORSE"
            if one.worse
            else "not worse"
            if one.high <= 1 + margin
            else "not shown to be worse"
        )
        text = (
            f"B's loss is {one.ratio:.3g}x A's (90% interval {one.low:.3g} to {one.high:.3g};"
            f" {pairs}), {verdict} by more than {100 * margin:.4g}% (p = {one.p:.2g} after Holm)"
        )
    if one.diverged_p is not None:
        text += (
            f"; {one.diverged_b} of {counted(one.finished_b, 'run')} diverged in B,"
            f" {one.diverged_a} of {one.finished_a} in A,"
            f" {'MORE' if one.diverges_more else 'not significantly more'} in B (p ="
            f" {one.diverged_p:.2g} after Holm)"
        )
    return f"{shown((one.task, one.variant, None))}: {text}"


def result(gate: Gate) -> str:
    """Say in one line how it ended."""
    failing = [
        shown((one.task, one.variant, None))
        for one in gate.judgements
        if one.worse or one.diverges_more
    ]
    if failing:
        return f"failed: B is worse than A in {'; '.join(failing)}"
    judged = sum(one.p is not None for one in gate.judgements)
    passed = f"passed: B is nowhere shown to be worse than A by more than {100 * gate.margin:.4g}%"
    if judged == len(gate.judgements):
        return passed
    return (
        f"{passed}; only {judged} of {counted(len(gate.judgements), 'variant')} had enough runs to"
        " judge losses"
    )
