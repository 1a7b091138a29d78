"""What the runs of a variant say, in plain English: the verdict, its numbers and its scope."""

import math
from collections.abc import Iterable, Sequence

from lstm_ablate.errors import counted
from lstm_ablate.evidence.learning import LEARNED
from lstm_ablate.evidence.looks import Look
from lstm_ablate.evidence.rounding import on_its_side, rounded
from lstm_ablate.evidence.summary import Row
from lstm_ablate.evidence.tuning import Tuned
from lstm_ablate.evidence.typical import Typical
from lstm_ablate.evidence.verdicts import Comparison, band
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.settings import Training

_EPOCHS = "training.epochs"
_BEYOND = {"smallest": "smaller", "largest": "larger"}
_OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop"}


def scope(experiment: Experiment, task: str, variant: str) -> str:
    """Say for which training a verdict holds: "After 30 epochs of Adam at 0.001.".

    With tuning: "After 30 epochs of Adam, each at its tuned learning rate (tanh 0.003, relu
    0.001).". A part of an experiment is named, unless it has looks: these are of all parts.
    """
    sides = (experiment.baseline, variant)
    tuning = experiment.tuning
    base, mine = (
        _training(experiment.settings[task, name].training, with_rate=not experiment.tunes_rates)
        for name in sides
    )
    after = f"fter {mine}" + (f" ({experiment.baseline}: {base})" if mine != base else "")
    if tuning and all(experiment.is_settled(task, name) for name in sides):
        chosen = ", ".join(f"{name} {experiment.choices[task, name]:g}" for name in sides)
        after += f", each at its tuned {tuning.name} ({chosen})"
    elif tuning:
        after += f"; no {tuning.name} is chosen for both yet"
    where = f"Task {task}, a{after}." if len(experiment.tasks) > 1 else f"A{after}."
    if experiment.shard and not experiment.looks:
        where += f" Of {experiment.shard.title} alone."
    return where


def _training(training: Training, *, with_rate: bool) -> str:
    optimizer = training.optimizer
    rate = f" at {optimizer.learning_rate:g}" if with_rate else ""
    last = ", judged at the last epoch" if training.select == "last" else ""
    return f"{counted(training.epochs, 'epoch')} of {_OPTIMIZERS[optimizer.name]}{rate}{last}"


def longer(experiment: Experiment, task: str, variant: str) -> str:
    """Return what makes the training of a variant and of the baseline twice as long, as one types
    it.
    """
    if experiment.tuning and experiment.tuning.path == _EPOCHS:
        return "with larger values in `tune.grid`"
    words = {}
    for name in (experiment.baseline, variant):
        epochs = experiment.settings[task, name].training.epochs
        path = _EPOCHS
        for kind, changed in (("tasks", task), ("variants", name)):
            if _EPOCHS in experiment.resolved[kind].get(changed, {}):
                path = f"{kind}.{changed}.{_EPOCHS}"
        words[path] = f"{path}={2 * epochs}"
    return f"for example with `{' '.join(words.values())}`"


def edges(name: str, sides: Iterable[Tuned]) -> str:
    """Say whose tuned value stands at an edge of its grid, `name` being what is tuned."""
    return "".join(
        f" The {name} of {side.variant}, {side.chosen:g}, is the {side.edge} that was tried: a"
        f" {_BEYOND[side.edge]} one may suit it better."
        for side in sides
        if side.edge
    )


def same_training(variant: str, baseline: str, where: str) -> str:
    """Say that a variant changes nothing in a task, so that there is nothing to judge."""
    return f"{variant} means the same training as {baseline} here: no verdict. {where}"


def stage(row: Row, looks: Sequence[Look]) -> str:
    """Say at which look a comparison was decided or, if nothing was learned, stopped; or what it
    waits for.

    There is nothing to say without looks, or where it waits for tuning.
    """
    if row.look is None or (row.look == 0 and not row.waits):
        return ""
    all_of_them = len(looks)
    if row.waits:
        seeds, runs = looks[row.look].seeds, counted(row.waits, "run")
        waits = f"ook {row.look + 1} of {all_of_them}, at {seeds} seeds, waits for {runs}."
        return f"Undecided at look {row.look}: l{waits}" if row.look else f"L{waits}"
    if row.verdict in ("inconclusive", "no pair"):
        return f"Inconclusive at the maximum of {counted(row.seeds, 'seed')}."
    ended = "Decided" if row.verdict in ("better", "worse", "practically equivalent") else "Stopped"
    return f"{ended} at look {row.look} of {all_of_them}, at {counted(row.seeds, 'seed')}."


def sentence(
    row: Row,
    base: Row,
    *,
    margin: float,
    least_seeds: int,
    where: str,
    longer: str,
    advise: bool = True,
) -> str:
    """Return the verdict on a variant with the numbers behind it, `where` it holds, and what to do
    next.

    `base` is the row of the baseline in the same task, `least_seeds` the number of seeds without
    which no verdict is possible. `longer` says what to type for a longer training. Without
    `advise`, as for a part of an experiment, nothing is said of how to go on.
    """
    comparison = row.comparison
    if row.look == 0:
        return f"{row.variant} is not compared with {base.variant} yet. {where}"
    if comparison is None:
        return (
            f"{row.variant} cannot be compared with {base.variant}: no seed has a run of both that"
            f" ended. {where}"
        )
    learning = [side.variant for side in (base, row) if side.still_learning]
    lead = ""
    if learning:
        lead = (
            f"While {'both were' if len(learning) == 2 else f'{learning[0]} was'} still learning, "
        )
    claim = _claim(row, base, comparison, margin, neither="neither" if lead else "Neither")
    claim = f"{lead}{claim}; {_failures(row, base)}. {where}"
    if learning and comparison.verdict != "nothing learned":
        return claim + (_of_still_learning(comparison, least_seeds, longer) if advise else "")
    if row.look is None and comparison.verdict == "inconclusive":
        return claim + (_advice(comparison, least_seeds) if advise else "")
    return claim + _of_late_gains(row, base, comparison, longer)


def _claim(row: Row, base: Row, comparison: Comparison, margin: float, *, neither: str) -> str:
    seeds = counted(comparison.pairs, "seed")
    within = f"within the margin of {100 * margin:g}%"
    bounds = (1.0, *band(margin))
    if comparison.verdict in ("better", "worse"):
        count = comparison.wins if comparison.verdict == "better" else comparison.losses
        aside = f", {within}" if comparison.within_margin else ""
        return (
            f"{row.variant} reconstructs {comparison.verdict} than {base.variant} at {count} of"
            f" {seeds} ({comparison.needed} needed){aside}:"
            f" {_ratio(comparison.ratio, 'its', bounds)}"
        )
    ratio = _ratio(comparison.ratio, f"{base.variant}'s", bounds)
    counts = f"it wins at {comparison.wins} of {seeds} and loses at {comparison.losses}"
    if comparison.verdict == "practically equivalent":
        return (
            f"{row.variant} is practically equivalent to {base.variant}, {within}: {ratio};"
            f" {counts}"
        )
    if comparison.verdict == "nothing learned":
        return (
            f"{neither} {row.variant} nor {base.variant} reconstructs the test windows much better"
            " than predicting their mean does, so that there is no verdict: their typical losses"
            f" are {_median(row.loss)} and {_median(base.loss)}, and that mean gives"
            f" {base.ceiling:.3g}"
        )
    needed = f"{comparison.needed} needed" if comparison.needed else "too few seeds for a verdict"
    return f"{row.variant} cannot be told from {base.variant}: {counts} ({needed}); {ratio}"


def _advice(comparison: Comparison, least_seeds: int) -> str:
    if comparison.needed is None:
        return f" To go on, train {least_seeds} seeds or more."
    return " To go on, ask again with more seeds, all of them new, in an experiment of their own."


def _of_still_learning(comparison: Comparison, least_seeds: int, longer: str) -> str:
    """Say what to do first where a side was still learning.

    At 20 epochs, of which the last was the best of every run, a variant was 14% better than the
    baseline; at 50 epochs it was 3% worse. More seeds at 20 epochs would have confirmed the former.
    """
    seeds = "" if comparison.needed else f" A verdict takes {least_seeds} seeds or more."
    return (
        f" Train longer first, {longer}: while networks still learn, more seeds only show which of"
        f" them learns faster.{seeds}"
    )


def _of_late_gains(row: Row, base: Row, comparison: Comparison, longer: str) -> str:
    """Say where a difference is no larger than what a side gained at the end of its training."""
    gains = {side.variant: side.gain for side in (base, row) if side.gain is not None}
    ratio = comparison.ratio.value
    if comparison.verdict not in ("better", "worse") or not gains or not ratio or math.isinf(ratio):
        return ""
    variant = max(gains, key=gains.__getitem__)
    difference = max(ratio, 1 / ratio)
    if gains[variant] <= 1 or gains[variant] < difference:
        return ""
    return (
        f" The last fifth of the epochs still lowered the validation loss of {variant} by a factor"
        f" of {times(gains[variant])}, no less than the factor of {times(difference)} between the"
        f" two: whether the difference stays, a longer training shows, {longer}."
    )


def _ratio(ratio: Typical, whose: str, bounds: Sequence[float]) -> str:
    low, high = ratio.median
    if low != high:
        between = f"between {times(low, bounds)} and {times(high, bounds)}"
        return f"{between} times {whose} loss in a typical pair"
    interval = _interval(ratio, bounds)
    if math.isinf(low):
        return f"infinitely many times {whose} loss in a typical pair{interval}"
    return f"{times(low, bounds)} times {whose} loss in a typical pair{interval}"


def _interval(ratio: Typical, bounds: Sequence[float]) -> str:
    if ratio.interval is None or ratio.interval == ratio.median:
        return ""
    low, high = (times(end, bounds) for end in ratio.interval)
    return f" ({low} to {high})"


def _median(loss: Typical | None) -> str:
    if loss is None:
        return "none"
    low, high = loss.median
    return _loss(low) if low == high else f"between {_loss(low)} and {_loss(high)}"


def _loss(loss: float) -> str:
    return "infinite (diverged)" if math.isinf(loss) else f"{loss:.3g}"


def _failures(row: Row, base: Row) -> str:
    """Say how many runs of both sides diverged, ended far above what is typical, or did not learn.

    The last is not said again where the verdict is that nothing is learned.
    """
    kinds = [
        ("diverges", row.diverging, base.diverging),
        ("ends far above the typical loss", row.stuck, base.stuck),
    ]
    if row.comparison and row.comparison.verdict != "nothing learned":
        beats = f"does not beat predicting the mean by {1 - LEARNED:.0%}"
        kinds.append((beats, row.not_learned, base.not_learned))
    parts = []
    for does, mine, other in kinds:
        if mine and other and mine.count + other.count:
            runs = "" if mine.runs == other.runs else f" of {other.runs}"
            parts.append(
                f"{does} at {mine.count} of {counted(mine.runs, 'seed')}"
                f" ({base.variant}: {other.count}{runs})"
            )
    if not parts:
        return "no run diverges or ends far above the typical loss"
    *first, last = parts
    return f"it {', '.join(first)}{', and ' if first else ''}{last}"


def times(ratio: float, bounds: Sequence[float] = (1.0,)) -> str:
    """Return a ratio with two decimals, or as many more as it takes to tell it from some bounds."""
    if math.isinf(ratio):
        return "infinite"
    fixed = 0.1 <= ratio < 10
    texts = (
        f"{ratio:.{digits}f}" if fixed else rounded(ratio, digits + 1) for digits in range(2, 8)
    )
    return on_its_side(ratio, texts, bounds)
