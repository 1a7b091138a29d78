"""A summary as LaTeX tables, for a document that uses the package booktabs."""

from collections.abc import Sequence

from lstm_ablate.evidence.summary import Summary
from lstm_ablate.report.cells import HEADINGS, beside, by_task, cells, title


def latex(summary: Summary) -> str:
    """Return the tables as LaTeX, for a document that uses the package booktabs."""
    lines = []
    for task, rows in by_task(summary):
        lines += [f"% {title(summary, task)}; \\usepackage{{booktabs}}"]
        lines += [r"\begin{tabular}{lllrrrl}", r"\toprule", _latex_row(HEADINGS), r"\midrule"]
        for row in rows:
            variant, formula, *others, verdict = map(_latex_text, cells(summary, row))
            verdict = rf"\textbf{{{verdict}}}" if row.verdict == "better" else verdict
            lines.append(" & ".join((variant, rf"\texttt{{{formula}}}", *others, verdict)) + r" \\")
        lines += [r"\bottomrule", r"\end{tabular}"]
        lines += [f"% {beside(summary, task)}"]
        lines += [f"% {row.variant} in Keras: {row.keras}" for row in rows if row.keras]
        lines += [f"% {row.sentence}" for row in rows if row.sentence]
        lines.append("")
    lines += [f"% {note}" for note in summary.notes]
    return "\n".join(lines) + "\n" * bool(summary.notes)


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def _latex_text(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(_latex_text, cells)) + r" \\"
