"""What a comparison says, as one plain English sentence."""

from lstm_ablate.errors import counted
from lstm_ablate.evidence.paired import Comparison, Estimate, band
from lstm_ablate.evidence.reach import pairs_needed


def sentence(
    variant: str,
    baseline: str,
    one: Comparison,
    *,
    diverged: tuple[int, int],
    baseline_diverged: tuple[int, int],
    margin: float,
    family: int,
) -> str:
    """Return the verdict on a variant with the numbers behind it.

    `diverged`, `baseline_diverged`: how many of how many finished runs; `family`: the comparisons
    under Holm.
    """
    if one.finished == 0:
        return f"{variant} cannot be compared with {baseline}: no seed has a finished run of both"
    if one.telling == 0:
        return (
            f"{variant} cannot be told from {baseline}: at every seed that both finished, both"
            " diverged"
        )
    counts = divergence(*diverged)
    if diverged[0] or baseline_diverged[0]:
        counts += f", {baseline}: {divergence(*baseline_diverged)}"
    seeds = counted(one.pairs, "paired seed")
    if one.verdict == "practically equivalent":
        assert one.equivalence is not None
        return (
            f"{variant} is practically equivalent to {baseline}: loss {_times(one.equivalence)}"
            f" (90% interval {interval(one.equivalence)}, within the margin of {_band(margin)};"
            f" {seeds}; {counts})"
        )
    if one.verdict != "inconclusive":
        aside = f", but within the margin of {_band(margin)}" if one.within_margin else ""
        return (
            f"{variant} reconstructs {one.verdict} than {baseline}{aside}:"
            f" {_numbers(one, seeds, counts)}"
        )
    return (
        f"{variant} cannot be told from {baseline}:"
        f" {_numbers(one, seeds, counts)}{_advice(one, family)}"
    )


def _numbers(one: Comparison, seeds: str, counts: str) -> str:
    if one.ratio is None:
        zero = (
            "; by ranks, for a loss of 0 has no ratio"
            if one.pairs
            else ", with diverged runs ranked last"
        )
        return f"{counts} (p {equals(one.p_holm)} after Holm{zero})"
    parts = [f"95% interval {interval(one.ratio)}"] if one.ratio.low is not None else []
    ranked = one.only_variant_diverged + one.only_baseline_diverged > 0
    p = f"p {equals(one.p_holm)} after Holm" + ", with diverged runs ranked last" * ranked
    parts += [p, seeds, counts]
    return f"loss {_times(one.ratio)} ({'; '.join(parts)})"


def _advice(one: Comparison, family: int) -> str:
    if not one.reachable:
        return (
            "; so few pairs cannot show a difference whatever they give,"
            f" {pairs_needed(family)} can"
        )
    return ""


def divergence(count: int, n: int) -> str:
    """Return how many of n finished runs diverged."""
    return f"all diverged ({n} of {n})" if count == n > 0 else f"{count} of {n} diverged"


def _band(margin: float) -> str:
    return "{:.3g} to {:.3g}".format(*band(margin))


def _times(ratio: Estimate) -> str:
    return f"{ratio.value:.3g}x"


def interval(estimate: Estimate) -> str:
    """Return an interval as "1.21 to 1.56"."""
    return f"{estimate.low:.3g} to {estimate.high:.3g}"


def p_value(p: float | None) -> str:
    """Return a p-value to two digits, or "< 0.001"."""
    return "-" if p is None else "< 0.001" if p < 0.001 else f"{p:.2g}"


def equals(p: float | None) -> str:
    """Return a p-value with its sign, as "= 0.004" or "< 0.001"."""
    return p_value(p) if p is not None and p < 0.001 else f"= {p_value(p)}"
