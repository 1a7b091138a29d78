"""A drawing as an element of the page: short, and in the colours that the page has for its reader.

Why not as an image. A drawing on a white card is readable in a dark page, and glares. As a part of
the page it takes its colours from the page's own variables, one set of them for light paper, one
for dark, and one of its curves can be hidden by a line of CSS, without a script.
"""

import re
from typing import NamedTuple

from markupsafe import Markup

from lstm_ablate.report import plots


class Shades(NamedTuple):
    """What a colour of the figures becomes, on light paper and on dark."""

    lines: tuple[str, str]
    words: tuple[str, str]


# Lines have a contrast of 3:1 or more with the paper, words one of 4.5:1, as WCAG 2.1 asks for.
# Okabe and Ito chose their colours to be told apart, and on white the orange has 2.2:1. These are
# the colours of `plots.COLOURS` in their order.
_SHADES = (
    Shades(("#7f7f7f", "#8f8f8f"), ("#666666", "#a0a0a0")),
    Shades(("#0072b2", "#3d9bdb"), ("#0072b2", "#4aa3e0")),
    Shades(("#d55e00", "#e8721c"), ("#b34f00", "#f08030")),
    Shades(("#009e73", "#00b586"), ("#007a59", "#00b586")),
    Shades(("#cc79a7", "#cc79a7"), ("#a1487a", "#d98ab5")),
    Shades(("#b97f00", "#e69f00"), ("#8a6000", "#e69f00")),
    Shades(("#2e93cc", "#56b4e9"), ("#1c74a8", "#56b4e9")),
)
_PLACES = {colour: place for place, colour in enumerate(plots.COLOURS)}


def variables(*, dark: bool) -> str:
    """Return the declarations of the colours on light paper, or on dark."""
    pairs = [
        f"--line{place}: {shades.lines[dark]}; --word{place}: {shades.words[dark]};"
        for place, shades in enumerate(_SHADES)
    ]
    return " ".join(pairs)


def of_line(colour: str) -> str:
    """Return the colour of a line, as the page says it."""
    return f"var(--line{_PLACES[colour]})"


def drawn(svg: str, tells: str, classes: dict[str, str]) -> Markup:
    """Return a drawing as an element that `tells` what it shows to those who do not see it.

    It is as wide as its text is as large as that of the page, and narrower where there is no room,
    down to where it can still be read. A drawing repeats few different styles many times, so these
    become `classes` of the page.
    """
    drawing = svg[svg.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    opening = r'<svg (.*?)width="([\d.]+)pt" height="[\d.]+pt"'
    drawing = re.sub(opening, _sized, drawing, count=1, flags=re.DOTALL)
    drawing = re.sub(
        r'(?<= )style="([^"]*)"',
        lambda one: f'class="{classes.setdefault(_coloured(one[1]), f"s{len(classes)}")}"',
        drawing,
    )
    # What belongs to a variant carries its name as an id, which would have to be unique in a page.
    drawing = re.sub(rf' id="{plots.OF_VARIANT}(\d+)"', r' class="v\1"', drawing)
    label = Markup(' role="img" aria-label="{}"').format(tells)
    return Markup(short(drawing).replace("<svg", f"<svg{label}", 1))


def _sized(match: re.Match[str]) -> str:
    width = float(match[2]) / 12
    return f'<svg {match[1]}style="width: {width:.1f}em; min-width: {min(width, 34):.1f}em"'


def _coloured(style: str) -> str:
    """Return a style with the colours of the page in place of those of the figure."""
    kind = "word" if "font-size" in style else "line"
    for colour, place in _PLACES.items():
        style = style.replace(colour, f"var(--{kind}{place})")
    return style.replace(plots.PAPER, "var(--paper)").replace(plots.INK, "currentColor")


def short(drawing: str) -> str:
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
