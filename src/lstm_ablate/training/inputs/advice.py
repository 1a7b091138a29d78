"""The lines that messages about a file suggest, and how they name cells, columns and lines."""

import json
import re
from collections.abc import Sequence
from itertools import pairwise

_SHOWN = 4  # stretches of lines, or columns of a kind, that a message shows
_MOST_CHARACTERS = 60  # of a cell in a message


def short(cell: str) -> str:
    """Return a cell as a message shows it: at most its first characters."""
    return cell if len(cell) <= _MOST_CHARACTERS else f"{cell[:_MOST_CHARACTERS]}..."


def write(key: str, value: str) -> str:
    """Return what the user is to write, and where."""
    return f"under `data` write {line_of(key, value)}"


def line_of(key: str, value: str) -> str:
    """Return a line of YAML."""
    return f"`{key}: {value}`"


def listed(names: Sequence[str]) -> str:
    """Return names as a list of YAML."""
    return f"[{', '.join(map(_as_yaml, names))}]"


def _as_yaml(name: str) -> str:
    """Return a name in YAML, in quotes if it could mean anything but this text."""
    plain = re.fullmatch(r"[A-Za-z][\w()./%°-]*( [\w()./%°-]+)*", name)
    words = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
    if plain and name.casefold() not in words:
        return name
    return json.dumps(name, ensure_ascii=False)


def named(names: Sequence[str]) -> str:
    """Return the first of these names, and how many more there are."""
    shown = ", ".join(f'"{name}"' for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown


def places(lines: Sequence[int]) -> str:
    """Return line numbers as stretches, such as "lines 3, 17 to 20 and 5 more places"."""
    lines = sorted(lines)
    breaks = [place for place, (one, other) in enumerate(pairwise(lines), 1) if other > one + 1]
    stretches = [lines[one:other] for one, other in pairwise([0, *breaks, len(lines)])]
    shown = [
        f"{part[0]}" if len(part) == 1 else f"{part[0]} to {part[-1]}"
        for part in stretches[:_SHOWN]
    ]
    more = f" and {len(stretches) - _SHOWN} more places" if len(stretches) > _SHOWN else ""
    return f"line{'s' * (len(lines) > 1)} {', '.join(shown)}{more}"
