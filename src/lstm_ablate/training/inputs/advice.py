"""The lines that messages about a file say to write, and how they name cells, columns and lines."""

import json
import re
from collections.abc import Sequence
from itertools import pairwise

_SHOWN = 4  # stretches of lines, columns of a kind
_MOST_SIGNS = 60  # of a cell


def short(cell: str) -> str:
    """Return what is worth showing of a cell."""
    return cell if len(cell) <= _MOST_SIGNS else f"{cell[:_MOST_SIGNS]}..."


def write(key: str, value: str) -> str:
    """Return what to write, and where."""
    return f"under `data` write {line_of(key, value)}"


def line_of(key: str, value: str) -> str:
    """Return a line of YAML."""
    return f"`{key}: {value}`"


def listed(names: Sequence[str]) -> str:
    """Return names as a list of YAML."""
    return f"[{', '.join(map(_as_yaml, names))}]"


def _as_yaml(name: str) -> str:
    """Return a name as YAML reads it back; in quotes where it could mean anything else."""
    plain = re.fullmatch(r"[A-Za-z][\w()./%°-]*( [\w()./%°-]+)*", name)
    words = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
    if plain and name.casefold() not in words:
        return name
    return json.dumps(name, ensure_ascii=False)


def named(names: Sequence[str]) -> str:
    """Return the first of some names, and how many more there are."""
    shown = ", ".join(f'"{name}"' for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown


def places(lines: Sequence[int]) -> str:
    """Return lines as stretches: lines 3, 17 to 20 and 5 more places."""
    lines = sorted(lines)
    breaks = [place for place, (one, other) in enumerate(pairwise(lines), 1) if other > one + 1]
    stretches = [lines[one:other] for one, other in pairwise([0, *breaks, len(lines)])]
    shown = [
        f"{part[0]}" if len(part) == 1 else f"{part[0]} to {part[-1]}"
        for part in stretches[:_SHOWN]
    ]
    more = f" and {len(stretches) - _SHOWN} more places" if len(stretches) > _SHOWN else ""
    return f"line{'s' * (len(lines) > 1)} {', '.join(shown)}{more}"
