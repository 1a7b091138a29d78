"""Numbers in texts: with few digits, which show on which side of some bounds a number lies."""

from collections.abc import Iterable

_POWERS = 1e6  # from here on a number is shown with a power of ten


def rounded(value: float, digits: int) -> str:
    """Return a number with so many digits that count: 0.0104, 76, 8,660, 1.01e+06."""
    text = f"{value:,.{digits}g}"
    return f"{float(text):,.0f}" if "e+" in text and abs(value) < _POWERS else text


def on_its_side(value: float, texts: Iterable[str], bounds: Iterable[float]) -> str:
    """Return the first text that lies on the same side of every bound as the value.

    `texts` show the value with more and more digits; the last one is returned if none is on its
    side. The ratio 1.1035 is shown as 1.103 beside a margin of 10%: as 1.1 it would seem to lie on
    the edge, and nothing would say why a verdict is inconclusive.
    """
    known = list(bounds)
    text = ""
    for text in texts:
        shown = float(text.replace(",", ""))
        if all(_side(shown, bound) == _side(value, bound) for bound in known):
            break
    return text


def _side(value: float, bound: float) -> int:
    return int(value > bound) - int(value < bound)
