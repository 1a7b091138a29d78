"""One summary as a web page in one file, which has no script and makes no request."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from lstm_ablate.evidence.overall import OVERALL
from lstm_ablate.evidence.summary import Summary
from lstm_ablate.experiment.yaml_source import dump
from lstm_ablate.report import plots
from lstm_ablate.report.cells import (
    BY_EPOCH_TEXT,
    STATISTICS,
    by_task,
    legend,
    statistics,
    statistics_legend,
    tuning,
    tuning_legend,
)
from lstm_ablate.report.parts import Table, rendered
from lstm_ablate.store import inventory


class Picture(NamedTuple):
    """A figure as a page shows it."""

    name: str
    caption: str
    svg: str


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
        statistics=more,
        tuned=tuned,
        legends=(
            legend(summary),
            BY_EPOCH_TEXT,
            statistics_legend(summary),
            tuning_legend(summary) if summary.tuned else "",
        ),
        pictures={
            kind: [(one, _inline(one, classes)) for one in some] for kind, some in drawn.items()
        },
        classes={Markup(style): name for style, name in classes.items()},
        environment=_lines(summary.environment),
        settings=dump(dict(summary.resolved)),
    )


def _strong(text: str) -> Markup:
    return Markup("<strong>{}</strong>").format(text)


def _inline(picture: Picture, classes: dict[str, str]) -> Markup:
    """Return a drawing as an element of the page, in its colours and as wide as there is room.

    A drawing repeats few different styles many times, so these become `classes` of the page.
    """
    drawing = picture.svg[picture.svg.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    drawing = re.sub(
        r'<svg (.*?)width="([\d.]+)pt" height="[\d.]+pt"', _sized, drawing, count=1, flags=re.DOTALL
    )
    drawing = drawing.replace(f"fill: {plots.PAPER}", "fill: none").replace(
        plots.INK, "currentColor"
    )
    drawing = re.sub(
        r'(?<= )style="([^"]*)"', lambda one: f'class="{_class(one[1], classes)}"', drawing
    )
    return Markup(_short(drawing))


def _class(style: str, classes: dict[str, str]) -> str:
    return classes.setdefault(style, f"s{len(classes)}")


def _short(drawing: str) -> str:
    """Return a drawing without what nobody sees.

    That is digits below a hundredth of a point, ids that nothing refers to, comments, and groups
    that only hold another group.
    """
    used = set(re.findall(r'#([^")]+)', drawing))
    drawing = re.sub(r"<[^>]*>", lambda tag: re.sub(r"-?\d+\.\d{3,}", _rounded, tag[0]), drawing)
    drawing = re.sub(r' id="([^"]+)"', lambda one: one[0] if one[1] in used else "", drawing)
    drawing = re.sub(r"<!--.*?-->", "", drawing, flags=re.DOTALL)
    while (
        shorter := re.sub(
            r"<g>\s*(<g>(?:(?!</?g\b).)*</g>)\s*</g>", r"\1", drawing, flags=re.DOTALL
        )
    ) != drawing:
        drawing = shorter
    return re.sub(r"\s*\n\s*", "\n", drawing)


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _sized(match: re.Match[str]) -> str:
    return f'<svg {match[1]}style="width: {float(match[2]) / 12:.1f}em" aria-hidden="true"'


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
