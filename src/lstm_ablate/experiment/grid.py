"""The grid of an experiment: its settings in every task and variant, changed and validated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from lstm_ablate.experiment.applying import Change, apply
from lstm_ablate.experiment.changes import Changes, changes_of
from lstm_ablate.experiment.experiment_file import CHANGEABLE
from lstm_ablate.experiment.identity import settings_id
from lstm_ablate.experiment.nodes import Node
from lstm_ablate.experiment.problems import Problems
from lstm_ablate.experiment.rules import SECTIONS, check_settings
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.experiment.validation import validated

DEFAULT_TASK = "default"  # the task of an experiment that names none
_MANY_CELLS = 10_000


@dataclass(frozen=True)
class Grid:
    """The settings that all cells share, and what every task and every variant changes in them.

    `own` are the texts of the user's own activations by their names.
    """

    base: Node
    tasks: Changes
    variants: Changes
    own: Mapping[str, str]


class Cell(NamedTuple):
    """The settings of one task and variant, and the nodes that they were validated from."""

    settings: Settings
    written: Node


Cells = Mapping[tuple[str, str], Cell]  # by task and variant, in the order of the config


def grid_of(document: Node, own: Mapping[str, str], problems: Problems) -> Grid:
    """Return the grid that a document describes."""
    shared = {key: node for key, node in document.entries.items() if key in CHANGEABLE["tasks"]}
    variants = changes_of(document, "variants", problems)
    tasks = changes_of(document, "tasks", problems) or {DEFAULT_TASK: []}
    return Grid(Node(shared, document.place, document.keys), tasks, variants, own)


def cells_of(grid: Grid, problems: Problems) -> Cells:
    """Return the cells of a grid; if there are problems, raise UserError with all of them.

    A mistake in the base shows in every cell, and a mistake in a variant shows in every task.
    Therefore a large grid is validated first at all variants of one task and at all tasks of one
    variant. They show every mistake, except those of a task together with a variant. The whole grid
    is validated only if they show none. In this way 700 x 700 cells with a mistake take 0.2 s
    instead of 9 s.
    """
    if len(grid.tasks) * len(grid.variants) > _MANY_CELLS:
        _every_cell(replace(grid, tasks=dict(islice(grid.tasks.items(), 1))), problems)
        _every_cell(replace(grid, variants=dict(islice(grid.variants.items(), 1))), problems)
        problems.stop_if_any()
    cells = _every_cell(grid, problems)
    problems.stop_if_any()
    return cells


def _every_cell(grid: Grid, problems: Problems) -> Cells:
    """Return the cells that have no problem, and add the problems of the others."""
    cells = {}
    for task, task_changes in grid.tasks.items():
        in_task = apply(grid.base, task_changes)
        for variant, variant_changes in grid.variants.items():
            written = apply(in_task, variant_changes)
            context = _context("tasks", task, task_changes)
            context += _context("variants", variant, variant_changes)
            settings = validated(Settings, written, problems, context, grid.own)
            if settings:
                check_settings(settings, written, problems, context)
                cells[task, variant] = Cell(settings, written)
            else:
                _check_valid_sections(written, problems, context, grid.own)
    return cells


def _check_valid_sections(
    written: Node, problems: Problems, context: str, own: Mapping[str, str]
) -> None:
    """Check the sections of a cell that are valid, where another one is not, so that all problems
    are shown at once.
    """
    valid: dict[str, Node] = {}
    for section in SECTIONS:
        kept = {key: node for key, node in written.entries.items() if key == section}
        if validated(Settings, Node(kept, written.place, written.keys), Problems(), own=own):
            valid |= kept
    settings = validated(Settings, Node(valid, written.place), Problems(), own=own)
    if settings:
        check_settings(settings, written, problems, context, valid)


def check_alike(cells: Cells, document: Node, problems: Problems) -> None:
    """Refuse variants that mean the same training in every task, because they share their runs.

    A comparison of the two would say nothing, and would still take its share of the level. Each
    task compares only the variants that were alike in all tasks before it, so that usually the
    first task is enough.
    """
    alike = [list(dict.fromkeys(variant for _, variant in cells))]
    for task in dict.fromkeys(task for task, _ in cells):
        by_id: dict[tuple[int, str], list[str]] = {}
        for group, variants in enumerate(alike):
            for variant in variants:
                key = group, settings_id(cells[task, variant].settings)
                by_id.setdefault(key, []).append(variant)
        alike = [variants for variants in by_id.values() if len(variants) > 1]
    for first, *others in alike:
        for other in others:
            what = f'means the same training as "{first}" in every task; keep one of the two'
            problems.add(document.entries["variants"].keys[other], what, f"variants.{other}: ")


def _context(kind: str, name: str, changes: Sequence[Change]) -> str:
    """Return a task or variant as the context of a message.

    One that changes nothing is not named, because it cannot be the cause.
    """
    return f"{kind}.{name}: " if changes else ""
