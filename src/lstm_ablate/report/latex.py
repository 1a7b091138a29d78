"""A summary as LaTeX tables, each as wide as a column of the document that takes it in.

What is wide stands below the table: the formula of each variant, and what became of runs that did
not end well. The variants' names share what the numbers leave of the column, and may be broken.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence

from lstm_ablate.errors import counted
from lstm_ablate.evidence.overall import OVERALL
from lstm_ablate.evidence.rounding import on_its_side
from lstm_ablate.evidence.summary import Row, Summary
from lstm_ablate.evidence.typical import Typical
from lstm_ablate.report.cells import OVERALL_TEXT, beside, by_task, formula, looks_text, title

PREAMBLE = r"\usepackage{booktabs,siunitx,tabularx}"
_LEARNING, _SMALL, _TEST = (rf"\textsuperscript{{{letter}}}" for letter in "abc")
_WORDS = {
    "practically equivalent": "equivalent",
    "nothing learned": "not learned",
    "test not learned": f"not learned{_TEST}",
    "no pair": "",
    "described": "",
}
# Numbers beyond these are shown as that: a column has no room for more digits.
_LEAST, _MOST_LOSS, _MOST_RATIO = 0.001, 9999.5, 99.95
_NAME, _NOTE = 8, 24  # letters of a word that fit into the first column, and below the table
_GAP = r"@{\,--\,}"  # between the ends of an interval


def latex(summary: Summary) -> str:
    """Return the tables as LaTeX, for a document that uses booktabs, siunitx and tabularx."""
    lines = [f"% In the preamble: {PREAMBLE}"]
    labels: set[str] = set()
    for task, rows in by_task(summary):
        described = task == OVERALL
        caption = _caption_over_all(summary) if described else _caption(summary, task, rows)
        lines += [
            *("", r"\begin{table}"),
            rf"\caption{{{_text(caption)}}}",
            rf"\label{{{_label(summary, task, labels)}}}",
            *(r"\smallskip", r"\footnotesize", r"\setlength{\tabcolsep}{2.5pt}"),
            *_tabular(summary, rows, described=described),
            *(r"\par\smallskip\raggedright", *_below(summary, task, rows)),
            r"\end{table}",
            f"% {beside(summary, task)}",
            *(f"% {row.variant} in Keras: {row.keras}" for row in rows if row.keras),
            *(f"% {row.sentence}" for row in rows if row.sentence),
        ]
    return "\n".join(
        [*lines, *([""] * bool(summary.notes)), *(f"% {n}" for n in summary.notes), ""]
    )


# ----------------------------------------------------------------------------------------- captions


def _caption(summary: Summary, task: str, rows: Sequence[Row]) -> str:
    """Return what the table of a task shows, and for which training."""
    seeds = _shared(row.seeds for row in rows)
    over = f"{seeds} seeds" if seeds else "the seeds"
    infinite = ", a run that diverged being infinitely bad" * any(row.diverged for row in rows)
    text = f"{title(summary, task)}. Loss: the median over {over}{infinite}"
    if summary.comparisons:
        level = f"{100 * (1 - summary.level / summary.comparisons):.4g}%"
        low, high = summary.band
        ratios = [row.comparison.ratio for row in rows if row.comparison]
        interval = f"with its {level} interval{_together(summary)}"
        if not any(ratio.interval for ratio in ratios):
            interval = f"without an interval, which takes {summary.least_seeds} seeds"
        text += (
            f". Ratio: the median of the loss over that of {summary.baseline} at the same seed,"
            f" {interval}; below 1 is better, and {low:.3g} to"
            f" {high:.3g} counts as equivalent. Wins: the seeds with less loss than"
            f" {summary.baseline}{_needed(summary, rows)}"
        )
    scopes = _scopes(rows)
    return " ".join([f"{text}.", *(scopes if len(scopes) == 1 else ()), summary.selection]).strip()


def _caption_over_all(summary: Summary) -> str:
    return f"{title(summary, OVERALL)}. {OVERALL_TEXT} {summary.selection}".strip()


def _together(summary: Summary) -> str:
    if summary.comparisons == 1:
        return ""
    level = f"{100 * (1 - summary.level):g}%"
    return f" (all {summary.comparisons} of this experiment together: {level})"


def _needed(summary: Summary, rows: Sequence[Row]) -> str:
    """Say how many wins, or losses, a verdict takes, where that is one number."""
    counts = {row.comparison.needed for row in rows if row.comparison}
    if counts == {None}:
        return f"; a verdict takes {summary.least_seeds} seeds"
    needed = counts.pop() if len(counts) == 1 else None
    return f", of which a verdict takes {needed}" if needed else ""


def _scopes(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.scope for row in rows if row.scope))


def _shared(values: Iterable[int]) -> int | None:
    """Return the one value that all are, or None."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def _label(summary: Summary, task: str, taken: set[str]) -> str:
    """Return the label of a table: letters, digits and hyphens, another one for each table."""
    of = f"-{task}" if len(summary.tasks) > 1 else ""
    label = first = "tab:" + re.sub("[^A-Za-z0-9]+", "-", summary.name + of)
    while label in taken:
        label = f"{first}-{len(taken)}"
    taken.add(label)
    return label


# ------------------------------------------------------------------------------------- the table


def _tabular(summary: Summary, rows: Sequence[Row], *, described: bool) -> list[str]:
    """Return the table with columns of numbers that are aligned at their decimal points."""
    bounds = (1.0, *summary.band)
    compared = any(row.comparison for row in rows)
    columns, headings, units = (
        [r"@{}>{\raggedright\arraybackslash\hspace{0pt}}X"],
        ["Variant"],
        [""],
    )
    cells = [[_text(row.variant, _NAME)] for row in rows]
    if not described:
        power = _power(row.loss for row in rows)
        _add(cells, [_number(row.loss, lambda x: _loss(x, power)) for row in rows])
        columns.append(_aligned([row[-1] for row in cells]))
        headings.append("{Loss}")
        units.append(rf"{{$/10^{{{power}}}$}}" if power else "")
    if compared:
        ratios = [row.comparison.ratio if row.comparison else None for row in rows]
        _add(cells, [_number(ratio, lambda x: _ratio(x, bounds)) for ratio in ratios])
        columns.append(_aligned([row[-1] for row in cells]))
        headings.append("{Ratio}")
        if any(ratio and ratio.interval for ratio in ratios):
            _add(cells, [_interval(ratio, bounds) for ratio in ratios])
            columns.append(f"r{_GAP}l")
            headings.append(r"\multicolumn{2}{c}{Interval}")
            units.append("&")
        _add(cells, [_wins(row) for row in rows])
        columns.append("r")
        headings.append("Wins")
    if not described:
        _add(cells, [_verdict(row) for row in rows])
        columns.append("l")
        headings.append("Verdict")
    second = [" & ".join(units).rstrip("& ") + r" \\"] if any(units[:2]) else []
    return [
        rf"\begin{{tabularx}}{{\columnwidth}}{{{' '.join(columns)}@{{}}}}",
        r"\toprule",
        " & ".join(headings) + r" \\",
        *second,
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in cells),
        r"\bottomrule",
        r"\end{tabularx}",
    ]


def _add(cells: Sequence[list[str]], column: Sequence[str]) -> None:
    for row, text in zip(cells, column, strict=True):
        row.append(text)


def _aligned(texts: Sequence[str]) -> str:
    """Return a column of siunitx that has room for the widest numbers among some cells."""
    parts = [text.partition(".") for text in texts if text and not text.startswith("{")]
    whole = max((len(one) for one, _, _ in parts), default=1)
    decimals = max((len(one) for _, _, one in parts), default=0)
    return f"S[table-format={whole}.{decimals}]"


def _number(middle: Typical | None, shown: Callable[[float], str]) -> str:
    """Return a median in a column of numbers; in braces, which siunitx leaves alone, what is no
    number.
    """
    if middle is None:
        return "{}"
    low, high = map(shown, middle.median)
    if middle.value is None:
        return f"{{{low}--{high}}}" if math.isfinite(middle.median[1]) else rf"{{$\geq${low}}}"
    return low if re.fullmatch(r"[\d.]+", low) else f"{{{low}}}"


def _power(losses: Iterable[Typical | None]) -> int:
    """Return the power of ten in which a column of losses is shown: that of the (lower) median,
    where it is far from 1.
    """
    known = sorted(loss.median[0] for loss in losses if loss and 0 < loss.median[0] < math.inf)
    middle = known[(len(known) - 1) // 2] if known else 1.0
    return 0 if 0.01 <= middle < 100 else math.floor(math.log10(middle))


def _loss(loss: float, power: int) -> str:
    return _limited(loss / 10.0**power, _MOST_LOSS, ())


def _ratio(ratio: float, bounds: Sequence[float]) -> str:
    return _limited(ratio, _MOST_RATIO, bounds)


def _limited(value: float, most: float, bounds: Sequence[float]) -> str:
    """Return a number with three digits, or up to two more as tell it from some bounds.

    It has no more than three decimals, unless a bound takes them.
    """
    if value == 0:
        return "0"
    if math.isinf(value):
        return r"$\infty$"
    if value < _LEAST:
        return f"$<${_LEAST}"
    if value >= most:
        return f"$>${math.floor(most)}"
    whole = max(0, math.floor(math.log10(value)))
    texts = (f"{value:.{max(0, digits - 1 - whole)}f}" for digits in (4 - (value >= 1), 4, 5))
    return on_its_side(value, texts, bounds)


def _interval(ratio: Typical | None, bounds: Sequence[float]) -> str:
    if ratio is None or ratio.interval is None:
        return r"\multicolumn{2}{c}{}"
    return " & ".join(_ratio(end, bounds) for end in ratio.interval)


def _wins(row: Row) -> str:
    return f"{row.comparison.wins}/{row.comparison.pairs}" if row.comparison else ""


def _verdict(row: Row) -> str:
    word = _WORDS.get(row.verdict, row.verdict)
    if row.comparison is None or row.verdict == "baseline":
        return word
    small = row.comparison.within_margin and row.verdict in ("better", "worse")
    text = f"{word}{_LEARNING if row.unfinished else ''}{_SMALL if small else ''}"
    return rf"\textbf{{{text}}}" if row.verdict == "better" else text


# -------------------------------------------------------------------------------- below the table


def _below(summary: Summary, task: str, rows: Sequence[Row]) -> list[str]:
    """Return what stands below a table: a paragraph for each variant, and what marks mean."""
    own_scopes, lines = len(_scopes(rows)) > 1, []
    for row in rows:
        parts = [rf"\texttt{{{_text(formula(summary, row), _NOTE)}}}", *map(_text, _told(row))]
        scope = rf". {_text(row.scope)}" if own_scopes and row.scope else ""
        lines.append(rf"{_text(row.variant, _NOTE)}: {'; '.join(parts)}{scope}\par")
    if any(row.comparison and row.unfinished for row in rows):
        over = f"{100 * summary.margin:g}\\%"
        lines.append(
            rf"{_LEARNING}Still learning: the last fifth of the epochs lowered the validation loss"
            rf" of the variant, or of the baseline, by more than {over}.\par"
        )
    if any(_SMALL in _verdict(row) for row in rows):
        lines.append(rf"{_SMALL}Within the margin.\par")
    if any(row.verdict == "test not learned" for row in rows):
        lines.append(rf"{_TEST}The training windows are learned, the test windows are not.\par")
    if task != OVERALL:
        lines.append(rf"{_text(summary.references[task])}\par")
        if summary.looks:
            lines.append(rf"{_text(looks_text(summary))}\par")
    return lines


def _told(row: Row) -> list[str]:
    """Return what became of the runs of a variant, where not all of them ended well."""
    counts = {
        "diverged": row.diverged,
        "failed": row.failed,
        "missing": row.missing,
    }
    texts = [f"{count} of {row.seeds} runs {what}" for what, count in counts.items() if count]
    if row.not_needed:  # these are none of the seeds that the row shows
        texts.append(f"{counted(row.not_needed, 'further run')} not needed")
    if row.stuck and row.stuck.count:
        texts.append(f"{row.stuck.count} of {row.stuck.runs} runs far above the typical loss")
    if row.not_learned and row.not_learned.count:
        count = f"{row.not_learned.count} of {row.not_learned.runs}"
        texts.append(f"{count} runs hardly better than predicting the mean")
    return texts


# ------------------------------------------------------------------------------------------ texts

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\char34}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def _text(text: str, longest: int = _NOTE) -> str:
    """Return a text with all that is special to LaTeX escaped.

    Words of more letters than `longest` may be broken: after what is no letter, or after so many.
    """
    return " ".join(
        r"\allowbreak{}".join(map(_escaped, _pieces(word, longest))) for word in text.split(" ")
    )


def _pieces(word: str, longest: int) -> list[str]:
    if len(word) <= longest:
        return [word]
    return re.findall(rf"[^\W_]{{1,{longest}}}[\W_]*|[\W_]+", word)


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in text)
