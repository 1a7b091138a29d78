"""The two tables of a gate as losses by variant and seed, none of which may be left out.

A run without a counterpart may be just the one that became worse. So a run that failed, a variant
that B lacks, and a seed that only one side has are errors. Other settings are an error as well,
because they answer another question.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

from lstm_ablate.errors import UserError
from lstm_ablate.evidence import learning
from lstm_ablate.evidence.compare import (
    Table,
    check_kinds,
    check_metric,
    numbers,
    raise_all,
    shown,
    spans,
)

Name = tuple[str, str]  # task and variant


@dataclass(frozen=True)
class Side:
    """What a gate knows of one table.

    `losses` holds, by variant and seed, the logarithm of the metric, or of 1 / metric if higher is
    better, so that larger is worse; it is inf for a run that diverged and NaN for one that failed.
    `settings` holds the ids of what was trained; it is None for a table without that column.
    `learned` says whether a variant's median run has learned; a variant for which the table does
    not say it is missing there.
    """

    name: str
    losses: dict[Name, dict[int, float]]
    settings: dict[Name, set[str]] | None
    learned: dict[Name, bool]


def named(name: Name) -> str:
    """Return the name of a variant, with its task unless that is the default one."""
    return shown((*name, None))


# ------------------------------------------------------------------------------------------ reading


def read_sides(a: Table, b: Table, metric: str, *, higher_is_better: bool) -> tuple[Side, Side]:
    """Return two tables as sides.

    Raises UserError if they do not hold runs, or if a value of the metric has no logarithm.
    """
    check_kinds(a, b)
    if not a.has_seeds:
        raise UserError(
            f"{a.name}: a summary of runs (it has no column seed); --margin needs the runs"
            " themselves"
        )
    check_metric(a, b, metric)
    problems: list[str] = []
    of_a, of_b = (_side(table, metric, higher_is_better, problems) for table in (a, b))
    raise_all(problems)
    if not of_a.losses:
        raise UserError(f"{a.name}: no runs with which B could be compared")
    return of_a, of_b


def _side(table: Table, metric: str, higher_is_better: bool, problems: list[str]) -> Side:
    """Return a table as a side; add what is wrong with its metric to `problems`."""
    found, texts = numbers(table, metric)
    problems += texts
    losses: dict[Name, dict[int, float]] = {}
    settings: dict[Name, set[str]] = {}
    for key, value in found.items():
        task, variant, seed = key
        if seed is None:
            continue  # for the type checker: every row of a table of runs has a seed
        cells, where = table.cells[key], f"{table.name}:{table.lines[key]}"
        status = cells.get("status")
        loss = math.inf
        if status == "failed":
            loss = math.nan
        elif status == "diverged":
            pass
        elif value is None or not math.isfinite(value):
            if status is not None:
                problems.append(
                    f'{where}: {shown(key)} has the status "{status}", but no finite {metric}'
                )
        elif value <= 0:
            problems.append(
                f"{where}: column {metric}: --margin compares ratios, and {value:g} is not above 0"
            )
        else:
            loss = -math.log(value) if higher_is_better else math.log(value)
        losses.setdefault((task, variant), {})[seed] = loss
        settings.setdefault((task, variant), set()).add(cells.get("settings", ""))
    known = "settings" in table.columns
    return Side(table.name, losses, settings if known else None, _learned(table))


def _learned(table: Table) -> dict[Name, bool]:
    """Return whether the median run of each variant has learned, that is, half of its runs or more.

    A run has learned if its test loss is below 0.9 of its ceiling, the loss of predicting the mean.
    A run that diverged has not. A variant is left out if one of its runs lacks either number.
    """
    if not {"test_loss", "ceiling"} <= set(table.columns):
        return {}
    (losses, _), (ceilings, _) = numbers(table, "test_loss"), numbers(table, "ceiling")
    learned: dict[Name, list[bool | None]] = {}
    for key, cells in table.cells.items():
        loss, ceiling = losses.get(key), ceilings.get(key)
        if cells.get("status") == "diverged":
            has_learned = False
        elif loss is None or ceiling is None:
            has_learned = None
        else:
            has_learned = learning.has_learned(loss, ceiling)
        learned.setdefault(key[:2], []).append(has_learned)
    known = {
        name: [has_learned for has_learned in of_runs if has_learned is not None]
        for name, of_runs in learned.items()
    }
    return {
        name: learning.half_have(of_runs)
        for name, of_runs in known.items()
        if len(of_runs) == len(learned[name])
    }


# ----------------------------------------------------------------------------------------- checking


def left_out(a: Side, b: Side, *, unpaired: bool) -> list[str]:
    """Return what the gate would leave out, as problems that name all of it.

    If runs are not paired, the two sides may have different seeds.
    """
    problems = []
    for name, of_a in a.losses.items():
        of_b = b.losses.get(name)
        if of_b is None:
            problems.append(f"{named(name)}: only in A")
            continue
        parts: dict[str, Collection[int]] = {
            "failed in A": [seed for seed, loss in of_a.items() if math.isnan(loss)],
            "failed in B": [seed for seed, loss in of_b.items() if math.isnan(loss)],
        }
        if not unpaired:
            parts |= {
                "only in A": of_a.keys() - of_b.keys(),
                "only in B": of_b.keys() - of_a.keys(),
            }
        words = [f"seed {spans(seeds)} {what}" for what, seeds in parts.items() if seeds]
        if words:
            problems.append(f"{named(name)}: {', '.join(words)}")
    if not problems:
        return []
    hint = "" if unpaired else "; --unpaired allows other seeds"
    return [f"{a.name}, {b.name}: not judged, because --margin leaves no run out{hint}", *problems]


def other_settings(a: Side, b: Side, *, across: bool) -> tuple[list[str], list[str]]:
    """Return remarks on whether both sides answer the same question, and problems if they do not
    and the user does not want to compare `across` settings.
    """
    if a.settings is None or b.settings is None:
        without = [letter for letter, side in (("A", a), ("B", b)) if side.settings is None]
        remark = (
            f"no column settings in {' and '.join(without)}: nothing says whether both have the"
            " same settings and data"
        )
        return [remark], []
    other = "; ".join(
        named(name) for name, ids in a.settings.items() if len(ids | b.settings.get(name, ids)) > 1
    )
    if other and not across:
        problem = (
            f"{a.name}, {b.name}: not comparable, because settings or data are not the same in"
            f" {other}; --across-settings compares them nevertheless"
        )
        return [], [problem]
    return [f"other settings or data in {other}"] if other else [], []
