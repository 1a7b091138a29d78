"""A number with as few digits as show on which side of some bounds it lies."""

from collections.abc import Iterable


def on_its_side(value: float, texts: Iterable[str], bounds: Iterable[float]) -> str:
    """Return the first text that lies on the same side of every bound as the value.

    `texts` show the value with more and more digits; the last one is returned if none is on its
    side. The ratio 1.1035 is shown as 1.103 beside a margin of 10%: as 1.1 it would seem to lie on
    the edge, and nothing would say why a verdict is inconclusive.
    """
    known = list(bounds)
    text = ""
    for text in texts:
        if all(_side(float(text), bound) == _side(value, bound) for bound in known):
            break
    return text


def _side(value: float, bound: float) -> int:
    return int(value > bound) - int(value < bound)
