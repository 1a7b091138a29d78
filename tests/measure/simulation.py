"""How often the evidence is wrong, measured: simulated experiments whose truth is known (`make
simulation`).

Every experiment goes through evidence.compare, or evidence.bootstrap, as a real one does. The seeds
are fixed: the table, which docs/statistics.md holds, comes out the same on every run.
"""

import functools
import math
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from unittest import mock

import numpy as np
from scipy import stats

from lstm_ablate.evidence import paired

EXPERIMENTS = 2000
MARGIN = 0.1
EDGE = math.log1p(MARGIN)

# ------------------------------------------------------------------------------------------- losses

# The noise of a run's log loss, of shape size.
NOISES = {
    "normal": lambda rng, size: rng.normal(0, 0.2, size),
    "heavy-tailed (Student's t, 3 df)": lambda rng, size: 0.2 * rng.standard_t(3, size),
    "skewed (exponential)": lambda rng, size: 0.3 * rng.exponential(size=size),
    "1 run in 20 is 100x worse": lambda rng, size: (
        rng.normal(0, 0.2, size) + math.log(100) * (rng.random(size) < 0.05)
    ),
    "1 run in 5 diverges": lambda rng, size: np.where(
        rng.random(size) < 0.2, np.inf, rng.normal(0, 0.2, size)
    ),
    "3 runs in 5 diverge": lambda rng, size: np.where(
        rng.random(size) < 0.6, np.inf, rng.normal(0, 0.2, size)
    ),
}
CONVERGING = list(NOISES)[:4]


def losses(rng, seeds, log_ratios, noise, scale=1.0, baseline_noise=None):
    """Pairs (variant [n], baseline [n]) of one experiment: a difficulty of each seed that all
    share, and noise of each run; log_ratios holds the true log of each variant's ratio.
    """
    difficulty = rng.normal(0, 0.5, seeds)
    baseline = np.exp(difficulty + scale * NOISES[baseline_noise or noise](rng, seeds))
    return [
        (np.exp(x + difficulty + scale * NOISES[noise](rng, seeds)), baseline) for x in log_ratios
    ]


def any_within_margin(pairs):
    """A comparison reads "practically equivalent", or "worse, but within the margin"."""
    return any(one.within_margin for one in paired.compare(pairs, MARGIN))


def verdicts(pairs):
    return [one.verdict for one in paired.compare(pairs, MARGIN)]


# -------------------------------------------------------------------------------------------- cases


@dataclass(frozen=True)
class Case:
    """A claim to measure; `outcome(rng)` is True, False, or None where an experiment says nothing
    about it.
    """

    claim: str
    losses: str
    seeds: int | str
    comparisons: int
    asked: tuple[float, float] | None  # None: shown, not promised
    outcome: Callable[[np.random.Generator], bool | None]
    experiments: int = EXPERIMENTS

    @property
    def asked_text(self):
        if self.asked is None:
            return "shown"
        low, high = (f"{100 * x:.0f}%" for x in self.asked)
        return f"at most {high}" if not self.asked[0] else f"{low} to {high}"


def cases():
    return [*_no_difference(), *_edge(), *_coverage(), *_power(), *_limits(), *_bootstraps()]


def _no_difference():
    def outcome(seeds, comparisons, noise, rng):
        return not {"better", "worse"}.isdisjoint(
            verdicts(losses(rng, seeds, [0.0] * comparisons, noise))
        )

    for noise in NOISES:
        for seeds in (10, 30) if "diverge" in noise else (5, 10, 30):
            for comparisons in (1, 4):
                run = functools.partial(outcome, seeds, comparisons, noise)
                yield Case(
                    "no difference: any better or worse", noise, seeds, comparisons, (0, 0.05), run
                )


def _edge():
    def outcome(seeds, comparisons, noise, rng):
        return any_within_margin(losses(rng, seeds, [EDGE] * comparisons, noise, scale=0.1))

    claim = "at the edge of the margin: any said to be within it"
    for noise in CONVERGING:
        for seeds in (5, 10, 30):
            run = functools.partial(outcome, seeds, 1, noise)
            yield Case(claim, f"{noise}, a tenth of the noise", seeds, 1, (0, 0.05), run)
    run = functools.partial(outcome, 10, 4, "normal")
    yield Case(claim, "normal, a tenth of the noise", 10, 4, None, run)


def _coverage():
    def outcome(seeds, noise, rng):
        [one] = paired.compare(losses(rng, seeds, [0.3], noise), MARGIN)
        return one.ratio.low <= math.exp(0.3) <= one.ratio.high

    for noise in CONVERGING[:3]:
        for seeds in (5, 10, 30):
            run = functools.partial(outcome, seeds, noise)
            yield Case(
                "95% interval of the ratio covers the truth", noise, seeds, 1, (0.93, 0.97), run
            )


def _power():
    spread = 0.2  # sd of d, of two runs that each have normal noise of 0.2 times the scale
    scale = math.sqrt(0.5) * spread / 0.2
    shape = np.array([-1.0, 0.0, 1.0])  # mean 0 and sd 1

    def found(seeds, ratio, comparisons, expected, rng):
        pairs = losses(rng, seeds, [math.log(ratio), *[0.0] * (comparisons - 1)], "normal", scale)
        return verdicts(pairs)[0] in expected

    def after_one_look(ratio, expected, all_experiments, rng):
        [(variant, baseline)] = losses(rng, 10, [math.log(ratio)], "normal", scale)
        [one] = paired.compare([(variant, baseline)], MARGIN)
        if one.verdict != "inconclusive" or one.seeds_needed is None:
            return one.verdict in expected if all_experiments else None
        [(more_variant, more_baseline)] = losses(
            rng, one.seeds_needed - 10, [math.log(ratio)], "normal", scale
        )
        return (
            verdicts([(np.append(variant, more_variant), np.append(baseline, more_baseline))])[0]
            in expected
        )

    text = f"normal, ratio {{}}, sd of d {spread:g}"
    for comparisons in (1, 4):
        run = functools.partial(found, 10, 0.8, comparisons, {"better"})
        yield Case("power: better", text.format(0.8), 10, comparisons, None, run)
    settled = {"better", "practically equivalent"}
    for ratio, comparisons in ((0.8, 1), (0.9, 1), (1.0, 1), (0.8, 4), (0.9, 4)):
        seeds = paired.pairs_to_settle(math.log(ratio) + spread * shape, MARGIN, comparisons)
        run = functools.partial(found, seeds, ratio, comparisons, settled)
        yield Case(
            "seeds suggested from the truth: settled",
            text.format(ratio),
            seeds,
            comparisons,
            (0.75, 0.9),
            run,
        )
    for ratio in (0.9, 1.0):
        run = functools.partial(after_one_look, ratio, settled, False)
        claim = "seeds suggested by an inconclusive experiment: settled"
        yield Case(claim, text.format(ratio), "10, then suggested", 1, None, run)
    run = functools.partial(after_one_look, 1.0, {"better", "worse"}, True)
    claim = "no difference, seeds added once as suggested: better or worse"
    yield Case(claim, text.format(1.0), "10, then suggested", 1, None, run)


def _limits():
    def rare(seeds, rng):
        [(variant, baseline)] = losses(rng, seeds, [0.0], "normal", scale=0.1)
        variant = variant * np.where(rng.random(seeds) < 0.05, 100.0, 1.0)
        return verdicts([(variant, baseline)])[0] in ("practically equivalent", "better")

    def skewed(seeds, rng):
        # exponential noise of the variant alone, less its mean: the true mean of d is the edge
        pairs = losses(
            rng, seeds, [EDGE - 0.1 * 0.3], "skewed (exponential)", 0.1, baseline_noise="normal"
        )
        return any_within_margin(pairs)

    for seeds in (10, 30):
        run = functools.partial(rare, seeds)
        text = "1 run in 20 is 100x worse, of the variant only"
        yield Case(
            "practically equivalent or better, though worse on average", text, seeds, 1, None, run
        )
    for seeds in (10, 30):
        run = functools.partial(skewed, seeds)
        text = "noise skewed for the variant, normal for the baseline"
        yield Case("at the edge of the margin: any said to be within it", text, seeds, 1, None, run)


def _bootstraps():
    def outcome(seeds, distribution, statistic, truth, rng):
        estimate = paired.bootstrap(statistic, distribution.rvs(seeds, random_state=rng))
        return estimate.low <= truth <= estimate.high

    for name, one in {
        "normal losses": stats.norm(1, 0.2),
        "lognormal losses": stats.lognorm(0.5),
    }.items():
        middle = one.expect(lambda x: x, lb=one.ppf(0.25), ub=one.ppf(0.75)) / 0.5
        for label, statistic, truth in (
            ("mean", np.mean, one.mean()),
            ("median", np.median, one.median()),
            ("interquartile mean", paired.interquartile_mean, middle),
            ("standard deviation", paired.standard_deviation, one.std()),
        ):
            for seeds in (10, 30):
                run = functools.partial(outcome, seeds, one, statistic, truth)
                yield Case(
                    f"95% bootstrap interval of the {label} covers the truth",
                    name,
                    seeds,
                    1,
                    None,
                    run,
                    EXPERIMENTS // 2,
                )


# ------------------------------------------------------------------------------------------ running


@functools.cache
def _flips(n):
    rng = np.random.default_rng(0)
    return 2.0 * rng.integers(0, 2, (2 ** (paired.EXACT_PAIRS - 1) - 1, n), dtype=np.int8) - 1


def sign_flip_p(differences, original=paired.sign_flip_p):
    """evidence.sign_flip_p, that keeps the flips it drew; a test holds the two equal."""
    n = len(differences)
    if not paired.EXACT_PAIRS < n <= 40:
        return original(differences)
    sums, seen = _flips(n) @ differences, abs(np.sum(differences))
    return (1 + np.sum(np.abs(sums) >= seen - 1e-12 * np.sum(np.abs(differences)))) / (
        1 + len(sums)
    )


def measure(case, experiments=None):
    """Return the outcomes of a case [experiments, or fewer where some say nothing]."""
    rng = np.random.default_rng(
        zlib.crc32(repr((case.claim, case.losses, case.seeds, case.comparisons)).encode())
    )
    kept = {"share": functools.cache(paired.share), "sign_flip_p": sign_flip_p}
    if case.seeds != "10, then suggested":
        # Takes no part in a verdict, and most of the time.
        kept["pairs_to_settle"] = lambda *_: None
    with mock.patch.multiple(paired, **kept):
        outcomes = [case.outcome(rng) for _ in range(experiments or case.experiments)]
    return np.array([outcome for outcome in outcomes if outcome is not None])


def row(case):
    """Return the row of a case in the table."""
    found = measure(case)
    share, error = found.mean(), math.sqrt(found.mean() * (1 - found.mean()) / len(found))
    measured = f"{100 * share:.1f}% ± {100 * error:.1f}"
    return (
        f"| {case.claim} | {case.losses} | {case.seeds} | {case.comparisons} | {measured} |"
        f" {case.asked_text} |"
    )


def main():
    print("| what is measured | losses | seeds | comparisons | share of experiments | asked |")
    print("|---|---|---:|---:|---:|---|")
    start = time.process_time()
    for case in cases():
        print(row(case), flush=True)
    print(f"{time.process_time() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
