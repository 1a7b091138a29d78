"""Finds which columns of a table are not features, and why: an index, times, text, or one value."""

import numpy as np

from lstm_ablate.experiment.settings import FileData
from lstm_ablate.training.inputs import advice, clock
from lstm_ablate.training.inputs.table import Table

_CONSTANT = "constant in the training part"
_MOST_REASONS = 8  # that one message shows


def reasons_of(found: Table, data: FileData) -> dict[int, str]:
    """Return why columns are not features, by their place.

    A column that the config names is a feature if it holds numbers. Only if data are scaled, these
    must not all be equal in the training part.
    """
    reasons = _kinds(found)
    train = found.rows[: round(len(found.rows) * data.split.train)]
    for index, name in enumerate(found.names):
        if index in reasons:
            continue
        values = found.rows[:, index]
        if data.columns is None and (
            reason := clock.kind_of_numbers(name, values[np.isfinite(values)])
        ):
            reasons[index] = reason
            continue
        values = train[:, index][np.isfinite(train[:, index])]
        if data.scaling != "none" and len(values) and values.min() == values.max():
            reasons[index] = _CONSTANT
    return reasons


def refusal(found: Table, reasons: dict[int, str], data: FileData) -> str:
    """Return a message that names the columns that are not features, and says what to write."""
    grouped: dict[str, list[str]] = {}
    for index, reason in sorted(reasons.items()):
        grouped.setdefault(reason, []).append(found.names[index])
    left = [name for index, name in enumerate(found.names) if index not in reasons]
    shown = [f"{advice.named(names)} ({reason})" for reason, names in grouped.items()]
    if len(shown) > _MOST_REASONS:
        shown = [*shown[:_MOST_REASONS], f"{len(shown) - _MOST_REASONS} more of other kinds"]
    which = "; ".join(shown)
    is_one = len(reasons) == 1
    what = (
        f"column{'' if is_one else 's'} {which} {'is no feature' if is_one else 'are no features'}"
    )
    ways = [advice.write("columns", advice.listed(left))] if left else []
    usable = [
        name
        for index, name in enumerate(found.names)
        if not is_text(index, reasons) and reasons.get(index) != _CONSTANT
    ]
    if not left and data.columns is None and usable:
        ways = [f"to train on it all the same, {advice.write('columns', advice.listed(usable))}"]
    elif not left:
        ways = ["no column of numbers is left"]
    elif len(usable) > len(left):
        ways.append(f"or name {'it' if is_one else 'them'} there too on purpose")
    return f"{what}; {', '.join(ways)}"


def is_text(index: int, reasons: dict[int, str]) -> bool:
    """Return whether a column holds no numbers."""
    return reasons.get(index, "").startswith(("dates", "times of day", "text", "no value"))


def _kinds(found: Table) -> dict[int, str]:
    """Return what those columns hold that do not hold numbers, by their place."""
    kinds = {}
    for index, odd in found.odd.items():
        numbers = len(found.rows) - len(odd.missing) - odd.other
        if not numbers and not odd.other:
            kinds[index] = "no value"
        elif odd.other > numbers:
            kind = clock.kind_of_text([cell for _, cell in odd.examples])
            line, cell = odd.examples[0]
            kinds[index] = (
                f'text, "{advice.short(cell)}" in line {line}' if kind == "text" else kind
            )
    return kinds
