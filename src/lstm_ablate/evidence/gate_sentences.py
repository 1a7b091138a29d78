"""What a gate says: one sentence for each variant, and one for how it ended."""

from lstm_ablate.errors import counted, printable
from lstm_ablate.evidence.gate import Gate, Judgement, Rule
from lstm_ablate.evidence.learning import LEARNED
from lstm_ablate.evidence.rounding import on_its_side, rounded
from lstm_ablate.evidence.sides import named


def sentence(judgement: Judgement, gate: Gate) -> str:
    """Say what was counted of a variant, and what follows."""
    text = f"{_typical(judgement, gate.rule)} {_count(judgement, gate)}"
    if judgement.diverged_a or judgement.diverged_b:
        runs = counted(judgement.runs_b, "run")
        text += (
            f"; {judgement.diverged_b} of {runs} diverged in B, {judgement.diverged_a} of"
            f" {judgement.runs_a} in A"
        )
    if judgement.nothing_learned:
        text += (
            "; NOTHING LEARNED on either side, for the test loss of the median run is not below"
            f" {LEARNED:g} of that of predicting the mean of the test windows"
        )
    return f"{_listed([judgement])}: {text}"


def _typical(judgement: Judgement, rule: Rule) -> str:
    """Say what B's metric is in a typical pair; how often it is beyond the margin comes next."""
    metric = printable(rule.metric)
    if judgement.ratio is None:
        return f"every run diverged; B's {metric} is"
    text = f"B's {metric} is {_times(judgement.ratio, rule)} times A's in a typical pair"
    if judgement.interval is not None:
        text += " ({} to {})".format(*(_shown(end, rule) for end in judgement.interval))
    return f"{text},"


def _count(judgement: Judgement, gate: Gate) -> str:
    """Say how often B lies on the side of the margin that decides, and what that decides."""
    rule = gate.rule
    side = "above" if rule.require == rule.higher_is_better else "below"
    edge = f"{'1/' if rule.higher_is_better else ''}{1 + rule.margin:.4g}"
    count = judgement.within if rule.require else judgement.beyond
    of = f"{judgement.pairs} pairs of runs" if rule.unpaired else counted(judgement.pairs, "seed")
    text = f"{side} {edge} times at {count} of {of}"
    if judgement.needed is None:
        return f"{text}: too few to tell, for it takes {_seeds_needed(gate)}"
    return f"{text} ({judgement.needed} needed): {_verdict(judgement, rule)}"


def _verdict(judgement: Judgement, rule: Rule) -> str:
    by_more = f"by more than {_percent(rule)}"
    if judgement.exceeds:
        return f"WORSE {by_more}"
    if judgement.holds:
        return f"not worse {by_more}"
    return f"MAY BE WORSE {by_more}" if rule.require else f"not shown to be worse {by_more}"


def result(gate: Gate) -> str:
    """Say in one line how it ended."""
    everyone, by_more = gate.judgements, f"worse than A by more than {_percent(gate.rule)}"
    if gate.passed is None:
        few = _listed([judgement for judgement in everyone if judgement.needed is None])
        return (
            f"not judged: {few} could not have {'passed' if gate.rule.require else 'failed'},"
            f" whatever the numbers; with {counted(len(everyone), 'comparison')} it takes"
            f" {_seeds_needed(gate)}"
        )
    if not gate.rule.require:
        worse = _listed([judgement for judgement in everyone if judgement.exceeds])
        if worse:
            return f"failed: B is {by_more} in {worse}"
        return f"passed: B is nowhere shown to be {by_more}"
    doubtful = _listed([judgement for judgement in everyone if not judgement.holds])
    idle = _listed([judgement for judgement in everyone if judgement.nothing_learned])
    reasons = [
        *([f"B may be {by_more} in {doubtful}"] if doubtful else []),
        *([f"nothing was learned in {idle}"] if idle else []),
    ]
    return f"failed: {', and '.join(reasons)}" if reasons else f"passed: B is nowhere {by_more}"


def _listed(judgements: list[Judgement]) -> str:
    return "; ".join(named((judgement.task, judgement.variant)) for judgement in judgements)


def _seeds_needed(gate: Gate) -> str:
    if gate.rule.unpaired:
        return f"{counted(gate.seeds_needed, 'run')} on either side"
    return counted(gate.seeds_needed, "seed")


def _percent(rule: Rule) -> str:
    return f"{100 * rule.margin:.4g}%"


def _times(ratio: tuple[float, float], rule: Rule) -> str:
    """Return a median in words: one number, or the interval between two that are not finite."""
    low, high = (_shown(end, rule) for end in ratio)
    return low if low == high else f"{low} to {high}"


def _shown(multiple: float, rule: Rule) -> str:
    """Return a multiple to three digits, or as many more as it takes to tell it from the margin."""
    if multiple == float("inf"):
        return "infinite"
    edge = 1 / (1 + rule.margin) if rule.higher_is_better else 1 + rule.margin
    return on_its_side(multiple, (rounded(multiple, digits) for digits in range(3, 9)), (edge,))
