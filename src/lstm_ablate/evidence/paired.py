"""What paired losses say about a variant: intervals, tests, and a verdict that needs both.

Runs are paired by seed, and compared on the log of the loss: with v and b the losses of variant and
baseline at the same seed, d = log v - log b, and exp(mean d) is the ratio of their geometric means.
If the variant makes no difference, v and b may be swapped at every seed, so d is symmetric around
0: the sign-flip test needs no other assumption. Intervals of the ratio are Student's, on d.

A diverged run has an infinite loss here. The analysis of the losses leaves its pair out; a second
analysis, of signed ranks, counts it as worse than any run that converged. Which of the two decides
depends only on what stays the same when v and b are swapped, so that the choice keeps the level of
the tests.
"""

import bisect
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from lstm_ablate.evidence.reach import ALPHA, EXACT_PAIRS, pairs_needed, smallest_p

Values = NDArray[np.float64]
Verdict = Literal["better", "worse", "practically equivalent", "inconclusive"]

POWER = 0.8  # with which the suggested number of seeds would settle a question
MOST_SEEDS = 10_000  # that are ever suggested
_RESAMPLES = 9999
_BATCH = 2**21  # numbers in memory at a time, of resamples or of sign flips
_FEW = 3  # values, below which no interval is drawn from them


@dataclass(frozen=True)
class Estimate:
    """A statistic with its 95% interval; low and high are None where there are too few values for
    one.
    """

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Comparison:
    """A variant against the baseline. Of the losses: what is None could not be computed from the
    pairs there are.

    `pairs` seeds at which both converged; `ratio` of geometric means, below 1 is better;
    `equivalence` the 90% interval of the ratio, which two one-sided tests hold against the margin;
    `p` of the sign-flip test; `effect` the standardised paired difference mean(d) / sd(d) (Cohen's
    d_z). Of all `finished` pairs: `better` the share at which the variant does better, ties counted
    half; `ranked_p`, `ranked_p_holm` of the sign-flip test on signed ranks, a diverged run being
    the worst, without the pairs of which both diverged; `only_variant_diverged`,
    `only_baseline_diverged` pairs; `mcnemar_p` of McNemar's exact test. `p_holm` belongs to the
    verdict: `p`, or the larger of `p` and `ranked_p` where one of a pair diverged, or `ranked_p`
    alone where the losses cannot tell; after Holm's adjustment. `reachable`: so many pairs could
    have brought it to ALPHA. `seeds_needed` would probably settle an inconclusive comparison; None
    where more than MOST_SEEDS would be needed, or where losses and ranks point to different sides.
    """

    pairs: int
    finished: int
    ratio: Estimate | None
    equivalence: Estimate | None
    p: float | None
    p_holm: float | None
    effect: float | None
    better: Estimate | None
    ranked_p: float | None
    ranked_p_holm: float | None
    only_variant_diverged: int
    only_baseline_diverged: int
    mcnemar_p: float | None
    verdict: Verdict
    within_margin: bool
    reachable: bool
    seeds_needed: int | None

    @property
    def telling(self) -> int:
        """How many pairs can tell the two apart: those of which one run converged at least."""
        return self.pairs + self.only_variant_diverged + self.only_baseline_diverged


# ----------------------------------------------------------------------------------- of one variant


def bootstrap(statistic: Any, *samples: Values) -> Estimate:
    """Return a statistic of samples, `statistic(*samples, axis)`, with its BCa interval (Efron
    1987).

    Each sample is resampled by itself: several of them make a stratified bootstrap. No interval
    below 3 values.
    """
    value = float(statistic(*samples, axis=-1))
    if min(map(len, samples)) < _FEW:
        return Estimate(value)
    if all(np.ptp(sample) == 0 for sample in samples):
        return Estimate(value, value, value)
    with warnings.catch_warnings():
        # Of degenerate resamples: the percentile interval stands in.
        warnings.simplefilter("ignore")
        for method in ("BCa", "percentile"):
            low, high = stats.bootstrap(
                samples,
                statistic,
                n_resamples=_RESAMPLES,
                confidence_level=1 - ALPHA,
                method=method,
                batch=max(1, _BATCH // sum(map(len, samples))),
                rng=np.random.default_rng(0),
            ).confidence_interval
            if math.isfinite(low) and math.isfinite(high):
                break
    return Estimate(value, float(low), float(high))


def interquartile_mean(values: Values, axis: int = -1) -> Any:
    """Return the mean of the middle half of the values; at each end a quarter of them, rounded
    down, is left out.
    """
    return stats.trim_mean(values, 0.25, axis=axis)


def standard_deviation(values: Values, axis: int = -1) -> Any:
    """Return the standard deviation, of n - 1."""
    return np.std(values, axis=axis, ddof=1)


def share(count: float, n: int) -> Estimate:
    """Return count / n with its exact interval (Clopper & Pearson 1934); half counts widen it to
    both sides.
    """
    low = stats.binomtest(math.floor(count), n).proportion_ci(1 - ALPHA, "exact").low
    high = stats.binomtest(math.ceil(count), n).proportion_ci(1 - ALPHA, "exact").high
    return Estimate(count / n, float(low), float(high))


# ----------------------------------------------------------------------------------------- of pairs


def sign_flip_p(differences: Values) -> float:
    """Return the two-sided p of the hypothesis that differences [n] are symmetric around 0 (Fisher
    1935, section 21).

    The share of the 2^n ways to flip signs that give a sum as far from 0; above 14 pairs, of 2^14
    of them, drawn at random, the differences as they are among them. A flip and its mirror image
    count alike: half of them are summed.
    """
    n = len(differences)
    sums = differences[:1]
    if n <= EXACT_PAIRS:
        for d in differences[1:]:
            sums = np.concatenate([sums + d, sums - d])
    else:
        sums, rng = np.array([np.sum(differences)]), np.random.default_rng(0)
        while missing := 2 ** (EXACT_PAIRS - 1) - len(sums):
            flips = rng.integers(0, 2, (min(missing, max(1, _BATCH // n)), n), dtype=np.int8)
            sums = np.concatenate([sums, (2.0 * flips - 1) @ differences])
    rounding = 1e-12 * np.sum(np.abs(differences))
    return float(np.mean(np.abs(sums) >= np.abs(sums[0]) - rounding))


def signed_ranks(differences: Values) -> Values:
    """Return the ranks of |d|, with the sign of d (Wilcoxon 1945; a difference of 0 counts as Pratt
    1959 has it).
    """
    ranks: Values = np.sign(differences) * stats.rankdata(np.abs(differences))
    return ranks


def student_interval(differences: Values, level: float) -> tuple[float, float]:
    """Return the interval of the mean of n >= 2 normal differences with Student's t on n - 1
    degrees of freedom.
    """
    n = len(differences)
    mean, half = float(np.mean(differences)), float(stats.t.ppf(0.5 + level / 2, n - 1))
    half *= float(np.std(differences, ddof=1)) / math.sqrt(n)
    return mean - half, mean + half


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted so that in all of them together a false rejection has at most ALPHA
    (Holm 1979).

    A None stays None, and counts as a comparison all the same.
    """
    known = sorted((value, index) for index, value in enumerate(p) if value is not None)
    adjusted: list[float | None] = [None] * len(p)
    largest = 0.0
    for rank, (value, index) in enumerate(known):
        largest = max(largest, min(1.0, (len(p) - rank) * value))
        adjusted[index] = largest
    return adjusted


def pairs_to_settle(differences: Values, margin: float | None, comparisons: int) -> int | None:
    """Return with how many pairs a difference, or equivalence within a margin, would be shown with
    80% power.

    The smaller number of the two, above the present one, if mean and spread of the differences stay
    as they are; of Student's tests, whose power that of the sign-flip test comes near. None above
    MOST_SEEDS.
    """
    mean, sd = abs(float(np.mean(differences))), float(np.std(differences, ddof=1))

    def power(n: int, distance: float, level: float) -> float:
        if distance > 1e6 * sd:  # SciPy's distribution gives NaN so far out
            return 1.0
        return float(
            stats.nct.sf(stats.t.ppf(1 - level, n - 1), n - 1, distance / sd * math.sqrt(n))
        )

    def enough(n: int) -> bool:
        if mean and power(n, mean, ALPHA / (2 * comparisons)) >= POWER:
            return True
        if margin is None or mean >= (edge := math.log1p(margin)):
            return False
        return power(n, edge - mean, ALPHA) + power(n, edge + mean, ALPHA) - 1 >= POWER

    numbers = range(max(len(differences) + 1, pairs_needed(comparisons)), MOST_SEEDS + 1)
    first = bisect.bisect_left(numbers, True, key=enough)
    return numbers[first] if first < len(numbers) else None


# -------------------------------------------------------------------------------------- the verdict


def band(margin: float) -> tuple[float, float]:
    """Return between which ratios all is practically equivalent: alike for a variant and for its
    reverse.
    """
    return 1 / (1 + margin), 1 + margin


def compare(pairs: Sequence[tuple[Values, Values]], margin: float) -> list[Comparison]:
    """Return what the losses (variant [n], baseline [n]) of all the comparisons of an experiment
    say.

    The losses at equal places belong to one seed; +inf is a diverged run. Ratios between 1 / (1 +
    margin) and 1 + margin are practically equivalent. Holm's adjustment is over all the
    comparisons. Raises ValueError for losses that have no logarithm: below 0, or not a number.
    """
    if not all(np.all(losses >= 0) for pair in pairs for losses in pair):
        raise ValueError("a loss must be 0 or more, or inf for a run that diverged")
    differences = [_differences(variant, baseline) for variant, baseline in pairs]
    alone = [_unadjusted(*losses, d) for losses, d in zip(pairs, differences, strict=True)]
    needs = [_needs(one, len(pairs)) for one in alone]
    p_holm = holm(
        [_larger(need, one.p, one.ranked_p) for need, one in zip(needs, alone, strict=True)]
    )
    ranked_p_holm = holm([one.ranked_p for one in alone])
    smallest = [
        (smallest_p(one.pairs), smallest_p(len(d)))
        for one, d in zip(alone, differences, strict=True)
    ]
    best = holm([_larger(need, *p) for need, p in zip(needs, smallest, strict=True)])
    comparisons = []
    for i, one in enumerate(alone):
        reachable = (1.0 if (p := best[i]) is None else p) <= ALPHA
        adjusted = replace(
            one, p_holm=p_holm[i], ranked_p_holm=ranked_p_holm[i], reachable=reachable
        )
        comparisons.append(_judged(adjusted, differences[i], needs[i], margin, len(pairs)))
    return comparisons


def _differences(variant: Values, baseline: Values) -> Values:
    """Return d for each pair of which one run converged at least: infinite where only one did."""
    finished = ~(np.isposinf(variant) & np.isposinf(baseline))
    with np.errstate(divide="ignore", invalid="ignore"):
        d: Values = np.log(variant[finished]) - np.log(baseline[finished])
    return np.where(np.isnan(d), 0.0, d)  # two losses of 0


def _unadjusted(variant: Values, baseline: Values, d: Values) -> Comparison:
    """Return a comparison before anything is known of the others."""
    variant_diverged, baseline_diverged = np.isposinf(variant), np.isposinf(baseline)
    converged = d[np.isfinite(d)]
    pairs = int(np.sum(~variant_diverged & ~baseline_diverged))
    usable = 0 < pairs == len(converged)  # a loss of 0 against another has no logarithm
    only_variant = int(np.sum(variant_diverged & ~baseline_diverged))
    only_baseline = int(np.sum(baseline_diverged & ~variant_diverged))
    discordant, both = only_variant + only_baseline, len(variant) - len(d)
    wins = float(np.sum(d < 0) + (np.sum(d == 0) + both) / 2)
    return Comparison(
        pairs=pairs,
        finished=len(variant),
        ratio=_ratio(converged, 1 - ALPHA) if usable else None,
        equivalence=_ratio(converged, 1 - 2 * ALPHA) if usable else None,
        p=sign_flip_p(converged) if usable else None,
        p_holm=None,
        effect=(
            float(np.mean(converged) / np.std(converged, ddof=1))
            if usable and np.ptp(converged) > 0
            else None
        ),
        better=share(wins, len(variant)) if len(variant) else None,
        ranked_p=sign_flip_p(signed_ranks(d)) if len(d) else None,
        ranked_p_holm=None,
        only_variant_diverged=only_variant,
        only_baseline_diverged=only_baseline,
        mcnemar_p=float(stats.binomtest(only_variant, discordant).pvalue) if discordant else None,
        verdict="inconclusive",
        within_margin=False,
        reachable=False,
        seeds_needed=None,
    )


def _ratio(differences: Values, level: float) -> Estimate:
    ratio = _exp(float(np.mean(differences)))
    if len(differences) < 2:
        return Estimate(ratio)
    low, high = student_interval(differences, level)
    return Estimate(ratio, _exp(low), _exp(high))


def _exp(x: float) -> float:
    with np.errstate(over="ignore"):  # a ratio too large for a float is inf
        return float(np.exp(x))


def _needs(one: Comparison, comparisons: int) -> tuple[bool, bool]:
    """Return whether the verdict needs the test of the losses, and that of the ranks.

    The losses unless too few pairs converged to tell anything; the ranks where one of a pair
    diverged, or on their own.
    """
    discordant = one.only_variant_diverged + one.only_baseline_diverged
    losses = one.ratio is not None and (
        not discordant or smallest_p(one.pairs) * comparisons <= ALPHA
    )
    return losses, discordant > 0 or not losses


def _larger(
    needs: tuple[bool, bool], of_losses: float | None, of_ranks: float | None
) -> float | None:
    """Return the larger p-value of the tests that are needed."""
    needed = [
        p for need, p in zip(needs, (of_losses, of_ranks), strict=True) if need and p is not None
    ]
    return max(needed, default=None)


def _judged(
    one: Comparison, d: Values, needs: tuple[bool, bool], margin: float, comparisons: int
) -> Comparison:
    """Return a comparison with its verdict, by the rules of docs/statistics.md."""
    of_losses, of_ranks = needs
    converged, ranks = d[np.isfinite(d)], signed_ranks(d)
    by_ranks = int(np.sign(np.sum(ranks)))
    opposed = of_ranks and one.ratio is not None and by_ranks * float(np.sum(converged)) < 0
    side = 0
    if one.p_holm is not None and one.p_holm <= ALPHA and not opposed:
        side = _side(one.ratio) if of_losses else by_ranks

    discordant, narrow = one.only_variant_diverged + one.only_baseline_diverged, one.equivalence
    low, high = band(margin)
    within = bool(
        not discordant
        and one.pairs >= _FEW
        and narrow is not None
        and narrow.low is not None
        and narrow.high is not None
        and low <= narrow.low
        and narrow.high <= high
    )
    verdict: Verdict = "inconclusive"
    if side:
        verdict = "worse" if side > 0 else "better"
    elif within:
        verdict = "practically equivalent"

    seeds_needed = None
    if verdict == "inconclusive" and not opposed:
        equal = None if of_ranks else margin
        seeds = [
            _seeds_to_settle(values, equal, comparisons, one.finished)
            for needed, values in ((of_losses, converged), (of_ranks, ranks))
            if needed
        ]
        seeds_needed = (
            max((n for n in seeds if n is not None), default=None) if None not in seeds else None
        )
    return replace(one, verdict=verdict, within_margin=within, seeds_needed=seeds_needed)


def _seeds_to_settle(
    values: Values, margin: float | None, comparisons: int, finished: int
) -> int | None:
    """Return pairs_to_settle in seeds, if the same share of them is of use as now."""
    pairs = pairs_to_settle(values, margin, comparisons) if len(values) >= _FEW else None
    seeds = pairs and math.ceil(pairs * finished / len(values))
    return seeds if seeds and seeds <= MOST_SEEDS else None


def _side(ratio: Estimate | None) -> int:
    """Return 1 where the whole interval of a ratio lies above 1, -1 where below, or else 0."""
    if ratio is None or ratio.low is None or ratio.high is None:
        return 0
    return int(ratio.low > 1) - int(ratio.high < 1)
