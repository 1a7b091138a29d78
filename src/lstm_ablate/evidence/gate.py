"""Whether the runs of B are worse than those of A by more than a margin, judged by counting seeds.

For a variant's pair of runs at a seed, d = log(loss in B / loss in A) or, if a higher metric is
better, d = log(metric in A / metric in B): a larger d is worse. A diverged run is worse than any
run that did not diverge, so d is infinite if one run of a pair diverged. If both diverged, or if d
equals the margin, the pair is a draw and counts for neither side.

B exceeds the margin if d > log(1 + margin) at so many seeds that chance alone gives that many in at
most 5% of gates: the sign test, one-sided, with Bonferroni's adjustment over all comparisons of the
gate. B holds the margin if d < log(1 + margin) at that many seeds. A gate fails if B exceeds the
margin or, with `require`, if B does not hold it. Between the two lies what the seeds cannot decide,
which a gate without `require` lets pass: it fails only on evidence.
"""

import math
import re
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from lstm_ablate.errors import UserError
from lstm_ablate.evidence import counting
from lstm_ablate.evidence.compare import Table, raise_all
from lstm_ablate.evidence.sides import (
    Name,
    Side,
    left_out,
    named,
    other_settings,
    read_sides,
)

LEVEL = 0.05  # the one-sided level of all comparisons of a gate together
_ROUNDING = 1e-9  # a d this near to the margin equals it, and neither exceeds nor holds it
_HIGHER_IS_BETTER = re.compile(
    r"accuracy|auc|score|(?<![a-z0-9])(acc|auroc|f1|precision|r2|recall)(?![a-z0-9])"
)

Values: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Rule:
    """By how much B may be worse than A, in which metric, and how that is judged.

    `unpaired` counts all pairs of a run of A with a run of B (Mann & Whitney 1947), not only those
    of the same seed. That is exact too if the losses of both sides have distributions of the same
    shape.
    """

    margin: float
    metric: str = "test_loss"
    higher_is_better: bool = False
    require: bool = False
    unpaired: bool = False
    across_settings: bool = False


@dataclass(frozen=True)
class Judgement:
    """What was counted for a variant.

    Of `pairs`, `beyond` are worse by more than the margin, and `within` are worse by less or not at
    all. `needed` of them decide; None means that not even all of them would. `ratio` is the median
    over the pairs of B's metric as a multiple of A's (`counting.median`), without pairs of two
    diverged runs; None if all pairs are such. Its `interval` excludes the margin exactly if
    `needed` is reached. `nothing_learned` means that, by the tables, neither the median run of A
    nor that of B has learned.
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
    """The judgements of all variants of A, the variants that only B has, and remarks on the tables.

    `seeds_needed` is the smallest number of seeds that can decide a comparison of this gate or, if
    runs are unpaired, the smallest number of runs on either side.
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
        """Whether B passes; None if a variant has too few seeds for any other answer."""
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
    """Return whether a higher metric is better; unless the user says so, a lower one is.

    Raises UserError if the user says nothing, but the metric's name says that higher is better:
    otherwise half the accuracy would count as half the loss.
    """
    if higher_is_better is None and _HIGHER_IS_BETTER.search(metric.casefold().replace("_", " ")):
        raise UserError(
            f"--metric {metric}: by its name, higher is better; say so with --higher-is-better, or"
            " say the contrary with --lower-is-better"
        )
    return bool(higher_is_better)


# ------------------------------------------------------------------------------------------ judging


def judge(a: Table, b: Table, rule: Rule, level: float = LEVEL) -> Gate:
    """Judge every variant of A; chance alone decides a comparison in at most `level` of gates.

    Raises UserError if the tables are not comparable, or if a run would have to be left out.
    """
    side_a, side_b = read_sides(a, b, rule.metric, higher_is_better=rule.higher_is_better)
    problems = left_out(side_a, side_b, unpaired=rule.unpaired)
    remarks, others = other_settings(side_a, side_b, across=rule.across_settings)
    raise_all([*others, *problems])
    if rule.unpaired:
        remarks.append(
            "--unpaired assumes that the losses of A and of B have distributions of the same shape"
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
    with np.errstate(invalid="ignore"):  # inf - inf, if both runs diverged
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
    """Return two d, the lower one first, as multiples of A's metric, the lower one first again."""
    with np.errstate(over="ignore"):  # a multiple too large for a float is inf
        low, high = np.exp([-d[1], -d[0]] if rule.higher_is_better else d)
    return float(low), float(high)
