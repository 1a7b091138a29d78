"""One summary as a web page in one file, which has no script and makes no request.

Why without a script, although one can switch curves on and off. A checkbox and a line of CSS can do
that, with the keyboard too, where a reader or a mail program allows no script; and a policy that
allows none is the simplest one that holds. The price is that a browser from before 2024 may show
no switches (`:has` came to the last of them in December 2023); it shows every curve.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from lstm_ablate.evidence.overall import OVERALL
from lstm_ablate.evidence.summary import Summary
from lstm_ablate.experiment.yaml_source import dump
from lstm_ablate.report import inline, plots
from lstm_ablate.report.cells import (
    BY_EPOCH_TEXT,
    STATISTICS,
    by_task,
    legend,
    overview,
    overview_text,
    statistics,
    statistics_legend,
    tuning,
    tuning_legend,
)
from lstm_ablate.report.parts import Table, rendered
from lstm_ablate.report.told import told
from lstm_ablate.store import inventory

_TOGETHER = (
    "Validation loss by epoch, all variants over each other: median and quartiles over the runs"
    " that have not diverged by then. A cross marks where a diverged run ends."
)


class Picture(NamedTuple):
    """A figure as a page shows it."""

    name: str
    caption: str
    svg: str


class Switch(NamedTuple):
    """What shows and hides the curves of a variant, and how these look."""

    place: int
    variant: str
    colour: str
    dashes: str


def html(summary: Summary) -> str:
    """Return the report as a web page in one file, with its figures."""
    drawn = [
        (name, caption, plots.svg(name, figure)) for name, caption, figure in plots.figures(summary)
    ]
    return with_pictures(summary, [Picture(*picture) for picture in drawn])


def with_pictures(summary: Summary, pictures: Sequence[Picture]) -> str:
    """Return the page with figures that have been drawn already."""
    more = [
        Table(task, ("variant", *STATISTICS), [(row.variant, *statistics(row)) for row in rows])
        for task, rows in by_task(summary)
        if task != OVERALL
    ]
    tuned = []
    for task in summary.tasks if summary.tuned else ():
        headings, rows_of_tuning = tuning(summary, task)
        marked = [
            [_strong(text) if place == chosen else text for place, text in enumerate(texts)]
            for texts, chosen in rows_of_tuning
        ]
        tuned.append(Table(task, headings, marked))
    drawn = {
        kind: [picture for picture in pictures if picture.name.split("-")[0] == kind]
        for kind in inventory.KINDS
    }
    classes: dict[str, str] = {}
    return rendered(
        "page.html",
        summary,
        overview=Table("", *verdicts) if (verdicts := overview(summary)) else None,
        overview_text=overview_text(summary),
        statistics=more,
        tuned=tuned,
        legends=(
            legend(summary),
            BY_EPOCH_TEXT,
            statistics_legend(summary),
            tuning_legend(summary) if summary.tuned else "",
        ),
        pictures={
            kind: [
                (drawing.caption, inline.drawn(drawing.svg, told(summary, drawing.name), classes))
                for drawing in some
            ]
            for kind, some in drawn.items()
        },
        together=_together(summary, classes),
        switches=_switches(summary),
        shades={"light": inline.variables(dark=False), "dark": inline.variables(dark=True)},
        classes={Markup(style): name for style, name in classes.items()},
        environment=_lines(summary.environment),
        settings=dump(dict(summary.resolved)),
    )


def _strong(text: str) -> Markup:
    return Markup("<strong>{}</strong>").format(text)


def _together(summary: Summary, classes: dict[str, str]) -> list[tuple[str, Markup]]:
    """Return the caption and the drawing of all learning curves of each task that has several."""
    found = []
    for task in summary.tasks:
        if sum(where == task for where, _ in summary.curves) < 2:
            continue
        several = len(summary.tasks) > 1
        name = f"together{f'-{task}' * several}"
        svg = plots.svg(name, plots.together(summary, task))
        caption = _TOGETHER + f" Task {task}." * several
        found.append((caption, inline.drawn(svg, told(summary, name), classes)))
    return found


def _switches(summary: Summary) -> list[Switch]:
    """Return a switch for each variant that has a learning curve."""
    drawn = {variant for _, variant in summary.curves}
    found = []
    for place, variant in enumerate(summary.variants):
        if variant in drawn:
            colour, dashes = plots.swatch(summary, variant)
            found.append(Switch(place, variant, inline.of_line(colour), dashes))
    return found


def _lines(values: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Return nested values as (path, text)."""
    lines = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines += _lines(value, f"{above}{key}.")
        else:
            lines.append(
                (
                    f"{above}{key}",
                    ", ".join(map(str, value)) if isinstance(value, list) else str(value),
                )
            )
    return lines
