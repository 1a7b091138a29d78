"""What the page and a notebook both show of a summary: verdicts and tables, with all escaped."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import jinja2
import markupsafe

from lstm_ablate.evidence.summary import Summary
from lstm_ablate.report.cells import HEADINGS, beside, by_task, cells, legend, looks_text


class Table(NamedTuple):
    """Texts under headings; the rows in `strong` are bold, as a verdict says so.

    `task` is empty where a table shows all of them. `keras` says what the variant of each row is in
    Keras, where its formula is shown.
    """

    task: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    strong: frozenset[int] = frozenset()
    beside: str = ""
    keras: Sequence[str] = ()


def rendered(template: str, summary: Summary, **more: Any) -> str:
    """Return a template of this folder with the tables of a summary, and more that it shows."""
    tables = []
    for task, rows in by_task(summary):
        strong = frozenset(index for index, row in enumerate(rows) if row.verdict == "better")
        texts = [cells(summary, row) for row in rows]
        keras = [row.keras for row in rows]
        tables.append(Table(task, HEADINGS, texts, strong, beside(summary, task), keras))
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("lstm_ablate.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["code"] = _code
    return templates.get_template(template).render(
        summary=summary,
        tables=tables,
        several=len(summary.tasks) > 1,
        looks=looks_text(summary),
        **more,
    )


def _code(text: str) -> markupsafe.Markup:
    """Return a sentence, escaped, with what stands between backticks as code."""
    return markupsafe.Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(markupsafe.escape(text))))


def for_notebook(summary: Summary) -> str:
    """Return the verdicts and the tables of a summary as a part of somebody else's page."""
    return rendered("notebook.html", summary, legend=legend(summary))
