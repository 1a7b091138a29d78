"""What tuning may try: the values of a grid and of its extensions, in every task and variant."""

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from lstm_ablate.experiment.advice import about_tuned
from lstm_ablate.experiment.applying import Change, apply
from lstm_ablate.experiment.data_files import with_absolute_path
from lstm_ablate.experiment.experiment_file import Tune
from lstm_ablate.experiment.field_types import Number
from lstm_ablate.experiment.grid import Cells, Grid
from lstm_ablate.experiment.nodes import Node, Place
from lstm_ablate.experiment.problems import Problems
from lstm_ablate.experiment.rules import check_settings
from lstm_ablate.experiment.schema import tunable_paths
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.experiment.validation import validated

_DIGITS = 2  # significant digits of a value that an extension adds


@dataclass(frozen=True)
class Tuning:
    """A grid of values at one path, with every extension that it may get, all of them checked.

    `grid` is in ascending order. `below` and `above` are the values that the extensions add on
    either side, from the edge outwards, so each has as many values as there may be extensions.
    `settings` are those of each task and variant with each value.
    """

    path: str
    grid: tuple[Number, ...]
    below: tuple[Number, ...]
    above: tuple[Number, ...]
    seeds: tuple[int, ...]
    settings: Mapping[tuple[str, str, Number], Settings]
    place: Place = field(compare=False)

    @property
    def name(self) -> str:
        """The name of what is tuned, as a sentence writes it: learning rate."""
        return self.path.rpartition(".")[2].replace("_", " ")

    def values(self, below: int, above: int) -> tuple[Number, ...]:
        """Return the grid in ascending order, with this many extensions on either side."""
        return (*reversed(self.below[:below]), *self.grid, *self.above[:above])


def check_path(document: Node, grid: Grid, problems: Problems) -> None:
    """Refuse a path that cannot be tuned, and one that a task or a variant sets itself."""
    tune = document.entries.get("tune")
    path = tune.entries.get("path") if tune else None
    if not path or not isinstance(path.value, str):
        return
    if path.value not in tunable_paths():
        why = f'"{path.value}" is no number in model or training'
        problems.add(path.place, f"tune.path: {why}.{about_tuned(path.value, document)}")
        return
    for kind, changes in (("variants", grid.variants), ("tasks", grid.tasks)):
        for name, made in changes.items():
            for change in made:
                if _sets(change, path.value):
                    why = f"tune chooses {path.value} for every variant alike; leave it out here"
                    problems.add(change.place, why, f"{kind}.{name}: ")


def _sets(change: Change, path: str) -> bool:
    """Return whether a change writes the value at a path, alone or within a section."""
    if path != change.path and not path.startswith(f"{change.path}."):
        return False
    node: Node | None = change.value
    for key in path.removeprefix(change.path).split(".")[1:]:
        node = node.entries.get(key) if node else None
    return node is not None


def tuning_of(
    tune: Tune,
    document: Node,
    cells: Cells,
    own: Mapping[str, str],
    folder: Path,
    problems: Problems,
) -> Tuning:
    """Return what tuning may try; add a problem for each value that is not allowed in some cell.

    `own` are the texts of the user's own activations by their names. Data files lie beside the
    config, which is in `folder`, or in the working folder.
    """
    written = document.entries["tune"]
    grid = written.entries["grid"]
    nodes = grid.value if isinstance(grid.value, list) else []
    by_value = dict(zip(tune.grid, nodes, strict=True))
    values = tuple(sorted(tune.grid))
    extend = written.nearest("extend").place
    below = tuple(_beyond(values[0], values[1], tune.extend))
    above = tuple(_beyond(values[-1], values[-2], tune.extend))
    for edge, added, side in ((values[0], below, "below"), (values[-1], above, "above")):
        if len(added) < tune.extend:
            last = added[-1] if added else edge
            why = f"no ratio leads {side} {last:g}, to {_DIGITS} digits"
            problems.add(extend, f"tune.extend: {why}; write {len(added)}, or another grid")
    settings = {}
    for value in (*values, *below, *above):
        of_grid = value in by_value
        place = by_value[value].place if of_grid else extend
        context = "tune.grid: " if of_grid else f"tune.extend: the grid may reach {value:g}: "
        change = Change(tune.path, Node(value, place), written.entries["path"].place)
        for (task, variant), cell in cells.items():
            node = apply(cell.written, [change])
            where = f"{context}variants.{variant}: "
            found = validated(Settings, node, problems, where, own)
            if found:
                check_settings(found, node, problems, where)
                settings[task, variant, value] = with_absolute_path(found, folder)
    return Tuning(tune.path, values, below, above, tune.seeds, settings, grid.place)


def _beyond(edge: Number, inner: Number, times: int) -> Iterator[Number]:
    """Yield the values that extend a grid beyond its edge.

    Each is as many times the edge as the edge is times the value next to it. A fraction is rounded
    to two significant digits, and a whole number to a whole one, so that reports stay readable. The
    values end early if one of the two is 0 or their signs differ, if rounding leaves the next value
    no further out, or if it would be beyond the largest number.
    """
    for _ in range(times):
        if not (edge and inner and (edge > 0) == (inner > 0)):
            return
        exact = Fraction(edge) * Fraction(edge) / Fraction(inner)
        if abs(exact) > sys.float_info.max:
            return
        whole = isinstance(edge, int) and isinstance(inner, int)
        further = round(exact) if whole else float(f"{float(exact):.{_DIGITS - 1}e}")
        if further == edge or (further > edge) != (edge > inner) or not math.isfinite(further):
            return
        yield further
        edge, inner = further, edge
