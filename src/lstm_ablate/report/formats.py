"""The formats in which `lstm-ablate report` prints a summary, by their names."""

from collections.abc import Callable

from lstm_ablate.evidence.summary import Summary
from lstm_ablate.report.latex import latex
from lstm_ablate.report.markdown import markdown
from lstm_ablate.report.values import as_csv, as_json


def _html(summary: Summary) -> str:
    from lstm_ablate.report import page  # it takes a third of a second to load

    return page.html(summary)


# The tables on a terminal depend on its width, so they are printed and have no function here.
FORMATS: dict[str, Callable[[Summary], str] | None] = {
    "terminal": None,
    "markdown": markdown,
    "latex": latex,
    "csv": as_csv,
    "json": as_json,
    "html": _html,
}
