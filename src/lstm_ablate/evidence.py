"""What paired losses say about a variant: intervals, tests, and a verdict that needs both.

Runs are paired by seed, and compared on the log of the loss: with v and b the losses of variant and baseline at the
same seed, d = log v - log b, and exp(mean d) is the ratio of their geometric means. If the variant makes no difference,
v and b may be swapped at every seed, so d is symmetric around 0: the sign-flip test needs no other assumption.
Intervals of the ratio are Student's, on d.

A diverged run has an infinite loss here. The analysis of the losses leaves its pair out; a second analysis, of signed
ranks, counts it as worse than any run that converged.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from lstm_ablate.reach import ALPHA, EXACT_PAIRS, pairs_needed, smallest_p

Values = NDArray[np.float64]
Verdict = Literal["better", "worse", "practically equivalent", "inconclusive"]

POWER = 0.8  # with which the suggested number of seeds would settle a question
MOST_SEEDS = 10_000  # that are ever suggested
_RESAMPLES = 9999
_FEW = 3  # values, below which no interval is drawn from them


@dataclass(frozen=True)
class Estimate:
    """A statistic with its 95% interval; low and high are None where there are too few values for one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Comparison:
    """A variant against the baseline. Of the losses: what is None could not be computed from the pairs there are.

    `pairs` seeds at which both converged; `ratio` of geometric means, below 1 is better; `equivalence` the 90% interval
    of the ratio, which two one-sided tests hold against the margin; `p`, `p_holm` of the sign-flip test, before and
    after Holm's adjustment; `effect` the standardised paired difference mean(d) / sd(d) (Cohen's d_z).
    Of all `finished` pairs: `better` the share at which the variant does better, ties counted half; `ranked_p`,
    `ranked_p_holm` of the sign-flip test on signed ranks, a diverged run being the worst; `only_variant_diverged`,
    `only_baseline_diverged` pairs, and `mcnemar_p`, McNemar's exact test of the two.
    `seeds_needed` would probably settle an inconclusive comparison; None where more than MOST_SEEDS would be needed.
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


# ------------------------------------------------------------------------------------------------ of one variant


def bootstrap(statistic: Any, *samples: Values) -> Estimate:
    """Return a statistic of samples, `statistic(*samples, axis)`, with its BCa interval (Efron 1987).

    Each sample is resampled by itself: several of them make a stratified bootstrap. No interval below 3 values.
    """
    value = float(statistic(*samples, axis=-1))
    if min(map(len, samples)) < _FEW:
        return Estimate(value)
    if all(np.ptp(sample) == 0 for sample in samples):
        return Estimate(value, value, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of degenerate resamples: the percentile interval stands in
        for method in ("BCa", "percentile"):
            low, high = stats.bootstrap(
                samples,
                statistic,
                n_resamples=_RESAMPLES,
                confidence_level=1 - ALPHA,
                method=method,
                rng=np.random.default_rng(0),
            ).confidence_interval
            if math.isfinite(low) and math.isfinite(high):
                break
    return Estimate(value, float(low), float(high))


def interquartile_mean(values: Values, axis: int = -1) -> Any:
    """Return the mean of the middle half of the values, a quarter trimmed at each end."""
    return stats.trim_mean(values, 0.25, axis=axis)


def standard_deviation(values: Values, axis: int = -1) -> Any:
    """Return the standard deviation, of n - 1."""
    return np.std(values, axis=axis, ddof=1)


def share(count: float, n: int) -> Estimate:
    """Return count / n with its exact interval (Clopper & Pearson 1934); half counts widen it to both sides."""
    low = stats.binomtest(math.floor(count), n).proportion_ci(1 - ALPHA, "exact").low
    high = stats.binomtest(math.ceil(count), n).proportion_ci(1 - ALPHA, "exact").high
    return Estimate(count / n, float(low), float(high))


# ------------------------------------------------------------------------------------------------ of pairs


def sign_flip_p(differences: Values) -> float:
    """Return the two-sided p of the hypothesis that differences [n] are symmetric around 0 (Fisher 1935, section 21).

    The share of the 2^n ways to flip signs that give a mean as far from 0; of a sample of 2^14 above 14 pairs.
    """
    n = len(differences)
    test = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        n_resamples=np.inf if n <= EXACT_PAIRS else 2**EXACT_PAIRS - 1,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return float(min(1.0, test.pvalue))


def signed_ranks(differences: Values) -> Values:
    """Return the ranks of |d|, with the sign of d (Wilcoxon 1945; a difference of 0 counts as Pratt 1959 has it)."""
    ranks: Values = np.sign(differences) * stats.rankdata(np.abs(differences))
    return ranks


def student_interval(differences: Values, level: float) -> tuple[float, float]:
    """Return the interval of the mean of n >= 2 normal differences with Student's t on n - 1 degrees of freedom."""
    n = len(differences)
    mean, half = float(np.mean(differences)), float(stats.t.ppf(0.5 + level / 2, n - 1))
    half *= float(np.std(differences, ddof=1)) / math.sqrt(n)
    return mean - half, mean + half


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted so that in all of them together a false rejection has at most ALPHA (Holm 1979).

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
    """Return with how many pairs a difference, or equivalence within a margin, would be shown with 80% power.

    The smaller number of the two, above the present one, if mean and spread of the differences stay as they are; of
    Student's tests, whose power that of the sign-flip test comes near. None above MOST_SEEDS.
    """
    mean, sd = abs(float(np.mean(differences))), float(np.std(differences, ddof=1))
    n = np.arange(max(len(differences) + 1, pairs_needed(comparisons)), MOST_SEEDS + 1)
    if sd == 0.0:
        return int(n[0])
    error = sd / np.sqrt(n)
    power = stats.nct.sf(stats.t.ppf(1 - ALPHA / (2 * comparisons), n - 1), n - 1, mean / error)
    if margin is not None:
        t, edge = stats.t.ppf(1 - ALPHA, n - 1), math.log1p(margin)
        equal = stats.norm.cdf((edge - mean) / error - t) + stats.norm.cdf((edge + mean) / error - t) - 1
        power = np.maximum(power, equal)
    enough = np.flatnonzero(power >= POWER)
    return int(n[enough[0]]) if len(enough) else None


# ------------------------------------------------------------------------------------------------ the verdict


def compare(pairs: Sequence[tuple[Values, Values]], margin: float) -> list[Comparison]:
    """Return what the losses (variant [n], baseline [n]) of all the comparisons of an experiment say.

    The losses at equal places belong to one seed; +inf is a diverged run. Ratios between 1 / (1 + margin) and
    1 + margin are practically equivalent. Holm's adjustment is over all the comparisons.
    """
    differences = [_differences(variant, baseline) for variant, baseline in pairs]
    alone = [
        _unadjusted(d, np.isposinf(variant), np.isposinf(baseline))
        for d, (variant, baseline) in zip(differences, pairs, strict=True)
    ]
    adjusted = zip(alone, holm([one.p for one in alone]), holm([one.ranked_p for one in alone]), strict=True)
    return [
        _judged(replace(one, p_holm=p, ranked_p_holm=ranked_p), d, margin, len(pairs))
        for (one, p, ranked_p), d in zip(adjusted, differences, strict=True)
    ]


def _differences(variant: Values, baseline: Values) -> Values:
    """Return d for each pair: infinite where only one diverged, 0 where both did."""
    with np.errstate(divide="ignore", invalid="ignore"):
        d: Values = np.log(variant) - np.log(baseline)
    return np.where(np.isnan(d), 0.0, d)  # inf - inf; also two losses of 0


def _unadjusted(d: Values, variant_diverged: Any, baseline_diverged: Any) -> Comparison:
    """Return a comparison of differences [n] before anything is known of the others."""
    converged = d[~variant_diverged & ~baseline_diverged]
    usable = len(converged) > 0 and bool(np.isfinite(converged).all())  # a loss of 0 has no logarithm
    spread = float(np.std(converged, ddof=1)) if usable and len(converged) > 1 else 0.0
    only_variant = int(np.sum(variant_diverged & ~baseline_diverged))
    only_baseline = int(np.sum(baseline_diverged & ~variant_diverged))
    discordant = only_variant + only_baseline
    return Comparison(
        pairs=len(converged),
        finished=len(d),
        ratio=_ratio(converged, 1 - ALPHA) if usable else None,
        equivalence=_ratio(converged, 1 - 2 * ALPHA) if usable else None,
        p=sign_flip_p(converged) if usable else None,
        p_holm=None,
        effect=float(np.mean(converged)) / spread if spread else None,
        better=share(float(np.sum(d < 0) + np.sum(d == 0) / 2), len(d)) if len(d) else None,
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
    ratio = math.exp(float(np.mean(differences)))
    if len(differences) < 2:
        return Estimate(ratio)
    low, high = student_interval(differences, level)
    return Estimate(ratio, math.exp(low), math.exp(high))


def _judged(one: Comparison, d: Values, margin: float, comparisons: int) -> Comparison:
    """Return a comparison with its verdict, by the rules of docs/statistics.md."""
    discordant = one.only_variant_diverged + one.only_baseline_diverged
    losses_can_tell = smallest_p(one.pairs) * comparisons <= ALPHA
    ranks_can_tell = smallest_p(one.finished) * comparisons <= ALPHA

    by_losses = _side(one.ratio) if one.p_holm is not None and one.p_holm <= ALPHA else 0
    by_ranks = 0
    if discordant and one.ranked_p_holm is not None and one.ranked_p_holm <= ALPHA:
        by_ranks = int(np.sign(np.mean(signed_ranks(d))))
    if not discordant:
        side = by_losses
    elif losses_can_tell:
        side = by_losses if by_losses == by_ranks else 0
    else:  # too few pairs converged; their ratio must not speak against the ranks
        side = by_ranks if one.ratio is None or by_ranks * math.log(one.ratio.value) >= 0 else 0

    edge, band = 1 + margin, one.equivalence
    within = bool(
        not discordant
        and one.pairs >= _FEW
        and band is not None
        and band.low is not None
        and band.high is not None
        and 1 / edge <= band.low
        and band.high <= edge
    )
    verdict: Verdict = "inconclusive"
    if side:
        verdict = "worse" if side > 0 else "better"
    elif within:
        verdict = "practically equivalent"
    needed = None
    if verdict == "inconclusive" and one.pairs >= _FEW and one.ratio is not None:
        pairs = pairs_to_settle(d[np.isfinite(d)], None if discordant else margin, comparisons)
        needed = pairs and math.ceil(pairs * one.finished / one.pairs)  # as many diverge as now
    return replace(
        one,
        verdict=verdict,
        within_margin=within,
        reachable=losses_can_tell or (discordant > 0 and ranks_can_tell),
        seeds_needed=needed,
    )


def _side(ratio: Estimate | None) -> int:
    """Return 1 where the whole interval of a ratio lies above 1, -1 where it lies below, or else 0."""
    if ratio is None or ratio.low is None or ratio.high is None:
        return 0
    return int(ratio.low > 1) - int(ratio.high < 1)
