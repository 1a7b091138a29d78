"""Why test losses are hardly below those of the mean, or far from validation losses; what to do.

A high test loss alone does not say whether a network has learned nothing, or has learned its
training windows and meets others in the test part. The training loss and what lies in each part
tell these apart:

    kind          the training windows   what else                             what to do
    unscaled      are not learned        their values are far from size 1,     scale the file
                                         and the file is not scaled
    not learned   are not learned                                              train otherwise
    elsewhere     are learned            test values lie beyond their range    take out the trend
    flat          are learned            test windows vary far less            other parts
    partly        are learned in part    none of this                          train longer
    unlike        are fitted             none of this                          more windows

Where the test windows are learned, one more thing is worth a word: `apart`, a test loss that is
twice the validation loss or more, or half of it or less, because the two parts differ.

A part is learned where half of the runs have a loss below 0.9 of that of predicting its mean. Four
columns of which only the slowest is learned give 0.75: that the test windows are not learned, in
which this column hardly moves, then says nothing about how learning carries over, and three times
as many epochs took such a network to 0.28. The limits below are ours. They decide which words are
said, and judge nothing.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lstm_ablate.errors import listed
from lstm_ablate.evidence import learning
from lstm_ablate.evidence.learning import Result
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.settings import Data, FileData
from lstm_ablate.store.results import PartName

_OUTSIDE = 0.1  # of the test values beyond the range of the training windows: they lie elsewhere
_FLAT = 0.25  # of the training windows' loss of predicting the mean
_PARTLY = 0.5  # of the same; a training loss above it fits these windows only in part
_VARIES_MORE = 1.25  # times the training windows' loss of predicting the mean
_APART = 2  # times the validation loss, or the other way round
_SIZES = (0.1, 10)  # root mean squares that count as around 1

Kind = Literal["unscaled", "not learned", "elsewhere", "flat", "partly", "unlike", "apart"]


@dataclass(frozen=True)
class Finding:
    """What is to be said of the losses of a variant, with its typical numbers.

    `losses` and `ceilings` are medians over the runs that ended in order, by part; `gain` is that
    of `learning.gain`.
    """

    variant: str
    kind: Kind
    losses: Mapping[PartName, float]
    ceilings: Mapping[PartName, float]
    gain: float


@dataclass(frozen=True)
class _Alike:
    """The findings of one kind in a task, with the results of their runs that ended in order."""

    findings: Sequence[Finding]
    ok: Sequence[Result]
    data: Data
    margin: float
    tuned: bool  # their learning rates

    @property
    def is_file(self) -> bool:
        return isinstance(self.data, FileData)

    @property
    def their(self) -> str:
        """What stands before values, which are not those of the user's file where it is scaled."""
        scaled = isinstance(self.data, FileData) and self.data.scaling != "none"
        return "After scaling, their" if scaled else "Their"

    @property
    def names(self) -> str:
        names = listed(finding.variant for finding in self.findings)
        return f"{names} {'have' if len(self.findings) > 1 else 'has'}"

    def losses(self, part: PartName) -> str:
        """Say what the median runs have lost on a part, and what its mean gives.

        Variants share the latter unless their losses differ in kind.
        """
        what = "losses" if len(self.findings) > 1 else "loss"
        losses = listed(f"{finding.losses[part]:.3g}" for finding in self.findings)
        ceilings = listed(
            dict.fromkeys(f"{finding.ceilings[part]:.3g}" for finding in self.findings)
        )
        return (
            f"{what} {losses} in the median run, where predicting the mean of these windows gives"
            f" {ceilings}"
        )

    def of(self, part: PartName, name: str) -> str:
        """Return a number of a part; a mean that is 0 but for rounding is 0."""
        number = _typical(self.ok, part, name)
        if name == "mean" and abs(number) < 1e-6 * _typical(self.ok, part, "variance") ** 0.5:
            number = 0.0
        return f"{number:.3g}"

    def between(self, part: PartName) -> str:
        return f"between {self.of(part, 'low')} and {self.of(part, 'high')}"

    @property
    def more_variance(self) -> str:
        """Say that the test windows vary far more than the training windows, if they do."""
        if any(
            finding.ceilings["test"] < _VARIES_MORE * finding.ceilings["train"]
            for finding in self.findings
        ):
            return ""
        return (
            f" The test windows vary more: their variance is {self.of('test', 'variance')}, that of"
            f" the training windows {self.of('train', 'variance')}."
        )

    @property
    def outside(self) -> str:
        return f"{100 * _typical(self.ok, 'test', 'outside'):.0f}%"


def learned_training(ended: Sequence[Result]) -> bool | None:
    """Return whether half of the runs have learned their training windows, or None where the
    records do not say what lies in these.
    """
    return _learned(ended, "train") if _told(ended) else None


def sentences(
    experiment: Experiment, task: str, ended: Mapping[str, Sequence[Result]], margin: float
) -> str:
    """Say of a task why some variants are hardly better than the mean, or have test losses far from
    their validation losses, and what to do.

    `ended` are the results of the runs that ended, by variant. Nothing is said of variants of which
    no run ended in order, or whose records do not say what lies in the parts.
    """
    data = experiment.settings[task, experiment.baseline].data
    every = [
        _found(experiment, task, variant, some) for variant, some in ended.items() if _told(some)
    ]
    findings = [finding for finding in every if finding is not None]
    said = []
    for kind in dict.fromkeys(finding.kind for finding in findings):
        alike = [finding for finding in findings if finding.kind == kind]
        results = [result for finding in alike for result in ended[finding.variant]]
        said.append(
            _SENTENCES[kind](_Alike(alike, _ok(results), data, margin, experiment.tunes_rates))
        )
    return " ".join(said)


def _ok(ended: Sequence[Result]) -> list[Result]:
    return [result for result in ended if result["status"] == "ok"]


def _told(ended: Sequence[Result]) -> bool:
    """Whether some run ended in order, and the records say what lies in the parts."""
    return bool(_ok(ended)) and all(result.get("parts") for result in ended)


def _learned(ended: Sequence[Result], part: PartName) -> bool:
    return learning.half_have(
        [
            result["status"] == "ok"
            and learning.has_learned(result[f"{part}_loss"], result["parts"][part]["ceiling"])
            for result in ended
        ]
    )


def _found(
    experiment: Experiment, task: str, variant: str, ended: Sequence[Result]
) -> Finding | None:
    """Return what is to be said of a variant, or None where nothing is."""
    parts: tuple[PartName, ...] = ("train", "validation", "test")
    ok = _ok(ended)
    losses = {part: statistics.median(result[f"{part}_loss"] for result in ok) for part in parts}
    ceilings = {part: _typical(ok, part, "ceiling") for part in parts}
    data = experiment.settings[task, variant].data
    unscaled = isinstance(data, FileData) and data.scaling == "none"
    kind: Kind
    learned = learning.median_has_learned(ended)
    if learned is None:
        return None
    if learned:
        validation, test = losses["validation"], losses["test"]
        if _APART * min(validation, test) > max(validation, test) or not min(validation, test):
            return None
        kind = "apart"
    elif not _learned(ended, "train"):
        size = math.hypot(_typical(ok, "train", "mean"), _typical(ok, "train", "variance") ** 0.5)
        far = not _SIZES[0] <= size <= _SIZES[1]
        kind = "unscaled" if unscaled and far else "not learned"
    elif _typical(ok, "test", "outside") >= _OUTSIDE:
        kind = "elsewhere"
    elif ceilings["test"] < _FLAT * ceilings["train"] and losses["test"] < ceilings["train"]:
        kind = "flat"
    elif losses["train"] > _PARTLY * ceilings["train"]:
        kind = "partly"
    else:
        kind = "unlike"
    return Finding(variant, kind, losses, ceilings, learning.gain(ended) or 1.0)


def _typical(ok: Sequence[Result], part: PartName, name: str) -> float:
    return statistics.median(float(result["parts"][part][name]) for result in ok)


# ------------------------------------------------------------------------------------- what is said


def _of_not_learned(these: _Alike) -> str:
    fell = any(finding.gain > 1 + these.margin for finding in these.findings)
    rates = "other learning rates, of which `tune` tries several for every variant, and "
    advice = (
        "Validation losses still fell when training ended: train longer (`training.epochs`)."
        if fell
        else "Validation losses hardly fell in the last fifth of the epochs: try"
        f" {'' if these.tuned else rates}more epochs."
    )
    return f"{these.names} not learned the training windows: {these.losses('train')}. {advice}"


def _of_unscaled(these: _Alike) -> str:
    return (
        f"{these.names} not learned the training windows: {these.losses('train')}. These windows"
        f" are not scaled (`data.scaling: none`), and their values lie {these.between('train')},"
        " while initial weights and usual learning rates are made for values around 1: write"
        " `data.scaling: standard`, or scale the file."
    )


def _of_elsewhere(these: _Alike) -> str:
    advice = (
        "Where values have a trend, train on their changes from row to row, such as differences or"
        " growth rates; otherwise choose parts that are alike (`data.split`)."
        if these.is_file
        else "Draw more training windows (`data.samples.train`)."
    )
    return (
        f"{these.names} learned the training windows ({these.losses('train')}) but not the test"
        f" windows, which lie elsewhere: {these.outside} of their values are beyond the range of"
        f" the training windows. {these.their} mean is {these.of('test', 'mean')}, that of the"
        f" training windows {these.of('train', 'mean')}; they lie {these.between('test')}, the"
        f" training windows {these.between('train')}. So the test losses say how a network goes on"
        f" beyond what it was trained on, not how well it reconstructs what it knows. {advice}"
    )


def _of_flat(these: _Alike) -> str:
    parts = "`data.split`" if these.is_file else "`data.samples`"
    return (
        f"{these.names} learned the training windows ({these.losses('train')}). The test windows"
        f" vary far less (variance {these.of('test', 'variance')}, in training"
        f" {these.of('train', 'variance')}), so that their own mean is hard to beat:"
        f" {these.losses('test')}. Choose parts that are alike ({parts})."
    )


def _of_partly(these: _Alike) -> str:
    rates = "" if these.tuned else " or try other learning rates (`tune`)"
    return (
        f"{these.names} learned the training windows only in part ({these.losses('train')}), and"
        f" the test windows hardly ({these.losses('test')}). Perhaps what is learned so far, such"
        " as one feature of several, varies less in the test windows. Train longer"
        f" (`training.epochs`){rates} before anything else: a loss can stay on a plateau for"
        f" long.{these.more_variance}"
    )


def _of_unlike(these: _Alike) -> str:
    few = "hardly any" if these.outside == "0%" else f"only {these.outside}"
    both = (
        f"{these.names} learned the training windows ({these.losses('train')}) but not the test"
        f" windows, though {few} of their values are beyond the range of the"
        f" training windows.{these.more_variance}"
    )
    known = all(
        learning.has_learned(finding.losses["validation"], finding.ceilings["validation"])
        for finding in these.findings
    )
    if known:
        return (
            f"{both} The validation windows were learned too ({these.losses('validation')}): the"
            " test windows differ from both in something that mean, variance and range do not show."
        )
    more = "a longer file, or a smaller `data.stride`" if these.is_file else "`data.samples.train`"
    return (
        f"{both} On validation windows: {these.losses('validation')}. What was learned does not"
        f" carry over to other windows: give more training windows ({more}), or a smaller network."
    )


def _of_apart(these: _Alike) -> str:
    losses = [
        listed(f"{finding.losses[part]:.3g}" for finding in these.findings)
        for part in ("test", "validation")
    ]
    names = listed(finding.variant for finding in these.findings)
    what = "losses" if len(these.findings) > 1 else "loss"
    advice = (
        "So the epoch was chosen on one stretch of the file, and the verdict is about another"
        " (`data.split`)."
        if these.is_file
        else "Draw more windows (`data.samples`), so that the parts become alike."
    )
    return (
        f"The test {what} of {names}, {losses[0]} in the median run, lie{'s' * (what == 'loss')}"
        f" far from the validation {what}, {losses[1]}: the two parts of the data differ."
        f" {these.their} mean is {these.of('test', 'mean')} in the test windows and"
        f" {these.of('validation', 'mean')} in the validation windows, their variance"
        f" {these.of('test', 'variance')} and {these.of('validation', 'variance')}, and"
        f" {these.outside} of the test values are beyond the range of the training windows."
        f" {advice}"
    )


_SENTENCES = {
    "apart": _of_apart,
    "not learned": _of_not_learned,
    "unscaled": _of_unscaled,
    "elsewhere": _of_elsewhere,
    "flat": _of_flat,
    "partly": _of_partly,
    "unlike": _of_unlike,
}
