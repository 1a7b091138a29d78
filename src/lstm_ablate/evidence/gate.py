"""Whether the runs of B are worse than those of A by more than a margin, judged by counting seeds.

Of a variant's pair of runs at a seed, d = log(loss in B / loss in A) or, of a metric of which
higher is better, log(metric in A / metric in B): larger is worse. A diverged run is worse than any
that is not, so that d is infinite where one of a pair diverged. Where both did, the pair is a draw,
as it is where d is the margin itself; a draw counts for neither side. B exceeds the margin where
d > log(1 + margin) at so many seeds that chance alone gives as many in at most 5% of gates: the
sign test, one-sided, with Bonferroni's adjustment over all comparisons of the gate. B holds the
margin where d < log(1 + margin) at as many. A gate fails where B exceeds it or, with `require`,
where B does not hold it.
"""

import math
import re
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from lstm_ablate.errors import UserError
from lstm_ablate.evidence import counting
from lstm_ablate.evidence.compare import Table
from lstm_ablate.evidence.sides import (
    Name,
    Side,
    check_settings,
    check_whole,
    named,
    read_sides,
)

LEVEL = 0.05  # of all comparisons of a gate together, one-sided
_ROUNDING = 1e-9  # of d: a margin that is met exactly is neither exceeded nor held
_HIGHER_IS_BETTER = re.compile(
    r"accuracy|auc|score|(?<![a-z0-9])(acc|auroc|f1|precision|r2|recall)(?![a-z0-9])"
)

Values: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Rule:
    """By how much of which metric B may be worse than A, and how that is judged.

    `unpaired` counts all pairs of a run of A and one of B (Mann & Whitney 1947), not those of the
    same seed: if the losses of both sides have distributions of one shape, it is exact too.
    """

    margin: float
    metric: str = "test_loss"
    higher_is_better: bool = False
    require: bool = False
    unpaired: bool = False
    across_settings: bool = False


@dataclass(frozen=True)
class Judgement:
    """What was counted of a variant.

    Of `pairs`, `beyond` are worse by more than the margin and `within` by less, if at all. `needed`
    of them decide; None says that not even all would. `ratio` is B's metric as a multiple of A's
    in a typical pair, their median as counting.median has it, without draws of two diverged runs;
    None where all are. Its `interval` leaves the margin out exactly where `needed` is reached.
    `nothing_learned`: neither the median run of A nor that of B has learned, as the tables tell.
    """

    task: str
    variant: str
    pairs: int
    beyond: int
    within: int
    needed: int | None
    ratio: tuple[float, float] | None
    interval: tuple[float, float] | None
    runs_a: int
    runs_b: int
    diverged_a: int
    diverged_b: int
    nothing_learned: bool

    @property
    def exceeds(self) -> bool:
        """Whether B is worse than A by more than the margin."""
        return self.needed is not None and self.beyond >= self.needed

    @property
    def holds(self) -> bool:
        """Whether B is worse than A by less than the margin, if at all."""
        return self.needed is not None and self.within >= self.needed


@dataclass(frozen=True)
class Gate:
    """The judgements of all variants of A, which variants only B has, and remarks on the tables.

    `seeds_needed` is the smallest number of seeds that can decide one of so many comparisons, or of
    runs on either side where they are unpaired.
    """

    a: str
    b: str
    rule: Rule
    judgements: tuple[Judgement, ...]
    seeds_needed: int
    only_b: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def passed(self) -> bool | None:
        """Whether B passes; None where some variant has too few seeds for any other answer."""
        decidable = all(judgement.needed is not None for judgement in self.judgements)
        if self.rule.require:
            held = all(
                judgement.holds and not judgement.nothing_learned for judgement in self.judgements
            )
            return held if decidable else None
        if any(judgement.exceeds for judgement in self.judgements):
            return False
        return True if decidable else None


# ------------------------------------------------------------------------------------ what is asked


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


def direction_of(metric: str, higher_is_better: bool | None) -> bool:
    """Return whether a higher metric is better, which it is not unless that is said.

    Raises UserError where nothing is said of a metric whose name says that higher is better: half
    an accuracy would pass for half a loss.
    """
    if higher_is_better is None and _HIGHER_IS_BETTER.search(metric.casefold().replace("_", " ")):
        raise UserError(
            f"--metric {metric}: by its name, higher is better; say so with --higher-is-better, or"
            " the contrary with --lower-is-better"
        )
    return bool(higher_is_better)


# ------------------------------------------------------------------------------------------ judging


def judge(a: Table, b: Table, rule: Rule, level: float = LEVEL) -> Gate:
    """Judge every variant of A; chance alone decides at most `level` of gates.

    Raises UserError where the tables are not comparable, or a run would have to be left out.
    """
    side_a, side_b = read_sides(a, b, rule.metric, higher_is_better=rule.higher_is_better)
    check_whole(side_a, side_b, unpaired=rule.unpaired)
    remarks = check_settings(side_a, side_b, across=rule.across_settings)
    if rule.unpaired:
        remarks.append(
            "--unpaired takes the losses of A and of B to have distributions of one shape"
        )
    alone = level / len(side_a.losses)
    return Gate(
        a=a.name,
        b=b.name,
        rule=rule,
        judgements=tuple(_judged(name, side_a, side_b, rule, alone) for name in side_a.losses),
        seeds_needed=(
            counting.runs_needed(alone) if rule.unpaired else counting.seeds_needed(alone, sides=1)
        ),
        only_b=tuple(named(name) for name in side_b.losses if name not in side_a.losses),
        remarks=tuple(remarks),
    )


def _judged(name: Name, a: Side, b: Side, rule: Rule, level: float) -> Judgement:
    of_a, of_b = a.losses[name], b.losses[name]
    if rule.unpaired:
        x, y = np.meshgrid(list(of_a.values()), list(of_b.values()))
        needed = counting.pairs_needed(len(of_a), len(of_b), level)
    else:
        x, y = np.array([[of_a[seed], of_b[seed]] for seed in of_a]).T
        needed = counting.count_needed(len(of_a), level, sides=1)
    with np.errstate(invalid="ignore"):  # inf - inf, of two diverged runs
        d = (y - x).ravel()
    d, edge = d[~np.isnan(d)], math.log1p(rule.margin)
    interval = counting.median_interval(d.tolist(), needed)
    return Judgement(
        task=name[0],
        variant=name[1],
        pairs=x.size,
        beyond=int(np.sum(d > edge + _ROUNDING)),
        within=int(np.sum(d < edge - _ROUNDING)),
        needed=needed,
        ratio=_multiples(counting.median(d.tolist()), rule) if d.size else None,
        interval=_multiples(interval, rule) if interval else None,
        runs_a=len(of_a),
        runs_b=len(of_b),
        diverged_a=sum(map(math.isinf, of_a.values())),
        diverged_b=sum(map(math.isinf, of_b.values())),
        nothing_learned=all(side.learned.get(name) is False for side in (a, b)),
    )


def _multiples(d: tuple[float, float], rule: Rule) -> tuple[float, float]:
    """Return two d, the lower one first, as multiples of A's metric, again the lower one first."""
    with np.errstate(over="ignore"):  # a multiple too large for a float is inf
        low, high = np.exp([-d[1], -d[0]] if rule.higher_is_better else d)
    return float(low), float(high)
