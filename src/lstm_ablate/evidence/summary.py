"""The one Summary that reports show: renderers format it, and compute nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lstm_ablate.evidence import verdicts
from lstm_ablate.evidence.epochs import ByEpoch
from lstm_ablate.evidence.failures import Share
from lstm_ablate.evidence.looks import Look
from lstm_ablate.evidence.pictures import Curve, Shown
from lstm_ablate.evidence.tuning import Tuned
from lstm_ablate.evidence.typical import Typical
from lstm_ablate.evidence.verdicts import Comparison

# A quarter of a second to load, which a run with nothing to do need not wait for.
if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Row:
    """What the runs of one variant in one task gave; None where no run says it.

    `seeds` runs were asked for; those that are neither ok, diverged nor failed are missing. `loss`
    is of the runs that ended, a diverged one being infinite; `mean` to `maximum` of those that
    ended in order. `learned` and `gain` are those of `evidence.learning`; `learned_training` says
    whether half of the runs have learned their training windows. `still_learning` says that the
    gain is beyond the margin, `unfinished` that it is so of the variant or the baseline.
    `ceiling` and `linear` are medians over the seeds.

    Where an experiment has looks, so many of them are complete as `look` says, and `seeds` are
    those of the last of these; the next one `waits` for so many runs. `not_needed` are the seeds
    that a variant did without.

    `keras` is what the variant is in Keras, in a line. The baseline has no comparison, nor has a
    variant without a pair. `verdict` says it in a word, and `scope` for which training it holds, as
    `sentence` says too. A row over all tasks has only counts of runs and a comparison that
    describes.
    """

    task: str
    variant: str
    formula: str
    seeds: int
    ok: int
    diverged: int
    failed: int
    missing: int
    parameters: int | None = None
    loss: Typical | None = None
    mean: float | None = None
    q1: float | None = None
    q3: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    diverging: Share | None = None
    stuck: Share | None = None
    not_learned: Share | None = None
    learned: bool | None = None
    learned_training: bool | None = None
    gain: float | None = None
    still_learning: bool = False
    unfinished: bool = False
    ceiling: float | None = None
    linear: float | None = None
    comparison: Comparison | None = None
    look: int | None = None
    waits: int = 0
    not_needed: int = 0
    verdict: str = ""
    sentence: str | None = None
    scope: str | None = None
    keras: str = ""

    @property
    def failing(self) -> tuple[Share | None, Share | None, Share | None]:
        """The shares of runs that diverged, that are stuck, and that have not learned."""
        return self.diverging, self.stuck, self.not_learned


@dataclass(frozen=True)
class Summary:
    """All that a report shows.

    `rows` are by task and variant, `overall` those over all tasks, where there are several. All
    ratio intervals together hold with 1 - `level`, each of the `comparisons` with its share of it;
    `least_seeds` are the fewest with which a verdict is possible, `seeds` all that may be trained.
    `looks` are none where all of them are trained anyway. `outcomes` hold the loss of each
    run that ended by seed, infinite where it diverged. `variants` are those of the experiment; the
    rows show fewer where `selection` says so.
    """

    name: str
    question: str
    baseline: str
    margin: float
    stuck: float
    level: float
    comparisons: int
    looks: tuple[Look, ...]
    least_seeds: int
    seeds: int
    losses: Mapping[str, str]  # by task
    tasks: tuple[str, ...]
    variants: tuple[str, ...]
    rows: tuple[Row, ...]
    overall: tuple[Row, ...]
    references: Mapping[str, str]  # by task, a sentence or two
    diagnoses: Mapping[str, str]  # by task, where the losses on test windows need a word
    notes: tuple[str, ...]  # what to keep in mind, one sentence each
    troubles: tuple[str, ...]  # diverged and failed runs, one line each
    failed: int  # runs, those of a look that is not complete yet among them
    outcomes: Mapping[tuple[str, str], Mapping[int, float]]  # by task and variant
    ratios: Mapping[tuple[str, str], ByEpoch]
    curves: Mapping[tuple[str, str], Curve]
    shown: Mapping[str, Shown]  # by task
    # Median of training per run, by task and variant; differs between reruns.
    seconds: Mapping[tuple[str, str], float]
    resolved: Mapping[str, Any]
    environment: Mapping[str, Any]  # in which the runs were trained; differs between reruns
    tuned: tuple[Tuned, ...] = ()  # by task and variant
    tuned_name: str = ""  # what was tuned, as `learning rate`
    selection: str = ""  # which comparisons are not shown, in a sentence; it is one of the notes

    @property
    def band(self) -> tuple[float, float]:
        """Between which ratios a variant counts as practically equivalent."""
        return verdicts.band(self.margin)

    def table(self) -> "pd.DataFrame":
        """Return the rows as summary.csv holds them."""
        import pandas as pd

        frame = pd.DataFrame([_cells(row) for row in (*self.rows, *self.overall)])
        return frame.astype(dict.fromkeys(_WHOLE, "Int64"))

    def ratios_table(self) -> "pd.DataFrame":
        """Return the ratios by epoch as ratios.csv holds them."""
        import pandas as pd

        rows = [
            (task, variant, epoch, ratios.pairs, _one_number(*median), q1, q3)
            for (task, variant), ratios in self.ratios.items()
            for epoch, (median, q1, q3) in enumerate(
                zip(ratios.medians, ratios.q1, ratios.q3, strict=True), start=1
            )
        ]
        return pd.DataFrame(rows, columns=RATIO_COLUMNS).astype({"ratio": "float64"})


RATIO_COLUMNS = ["task", "variant", "epoch", "pairs", "ratio", "q1", "q3"]
_COUNTS = ("pairs", "wins", "losses", "draws")
_WHOLE = ("parameters", "stuck", "not_learned", "look", *_COUNTS, "needed")


def _one_number(low: float, high: float) -> float | None:
    """Return a median that is one number; None where it is only known to lie between two."""
    return low if low == high else None


def _cells(row: Row) -> dict[str, Any]:
    """Return a row under the columns of summary.csv."""
    comparison = row.comparison
    return {
        "task": row.task,
        "variant": row.variant,
        "formula": row.formula,
        "keras": row.keras,
        "seeds": row.seeds,
        "ok": row.ok,
        "diverged": row.diverged,
        "failed": row.failed,
        "missing": row.missing,
        "not_needed": row.not_needed,
        "parameters": row.parameters,
        **_of_typical("loss", row.loss),
        "mean": row.mean,
        "q1": row.q1,
        "q3": row.q3,
        "minimum": row.minimum,
        "maximum": row.maximum,
        **_of_share("diverged_share", row.diverging),
        "stuck": None if row.stuck is None else row.stuck.count,
        **_of_share("stuck_share", row.stuck),
        "not_learned": None if row.not_learned is None else row.not_learned.count,
        **_of_share("not_learned_share", row.not_learned),
        "learned": row.learned,
        "gain": row.gain,
        "still_learning": row.still_learning,
        "unfinished": row.unfinished,
        "ceiling": row.ceiling,
        "linear": row.linear,
        "look": row.look,
        **{name: getattr(comparison, name, None) for name in _COUNTS},
        "needed": None if comparison is None else comparison.needed,
        **_of_typical("ratio", None if comparison is None else comparison.ratio),
        "within_margin": None if comparison is None else comparison.within_margin,
        "verdict": row.verdict,
        "sentence": row.sentence,
    }


def _of_typical(name: str, typical: Typical | None) -> dict[str, float | None]:
    value = None if typical is None else typical.value
    low, high = (None, None) if typical is None or typical.interval is None else typical.interval
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _of_share(name: str, share: Share | None) -> dict[str, float | None]:
    if share is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"))
    return {name: share.count / share.runs, f"{name}_low": share.low, f"{name}_high": share.high}
