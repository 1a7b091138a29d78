"""The activations that a config defines by giving names to expressions."""

import json
import keyword

from lstm_ablate.experiment.activations import canonical, is_taken, parameters
from lstm_ablate.experiment.formula import SYMBOLS
from lstm_ablate.experiment.names import why_no_name
from lstm_ablate.experiment.nodes import Node
from lstm_ablate.experiment.problems import Problems


def own_activations(document: Node, problems: Problems) -> dict[str, str]:
    """Return the canonical text of each activation that the config defines, by its name.

    Whatever is wrong with one is added to the problems. It then counts as `linear`, so that the
    places that name it are not reported as well.
    """
    written = document.entries.get("activations")
    own: dict[str, str] = {}
    for name, node in written.entries.items() if written else ():
        why = _why_not_its_name(name, own)
        if written and why:
            problems.add(written.keys[name], why, "activations: ")
        own[name] = _text(name, node, own, problems)
    return own


def _why_not_its_name(name: str, others: dict[str, str]) -> str:
    """Return why an activation cannot have a name, or "" if it can."""
    if is_taken(name):
        return f'"{name}" has a meaning already; choose another name'
    if name in SYMBOLS:
        return f'"{name}" stands for a part of the cell in formulas; choose another name'
    if why := why_no_name(name):
        return why
    # A formula that contains the name is read as an expression of Python.
    if not name.isidentifier() or keyword.iskeyword(name):
        allowed = "letters, digits and _ (a letter or _ first), and no keyword of Python"
        return f"{json.dumps(name)} cannot be the name of an activation; allowed: {allowed}"
    alike = [other for other in others if other.casefold() == name.casefold()]
    return f'"{name}" and "{alike[0]}" differ only in case' if alike else ""


def _text(name: str, node: Node, others: dict[str, str], problems: Problems) -> str:
    """Return the canonical text of an expression, or `linear` if the expression cannot be used."""
    if not isinstance(node.value, str):
        return "linear"  # the validation reports that it is not text
    try:
        text = canonical(node.value)
    except ValueError as error:
        problems.add(node.place, f"activations.{name}: {error}")
        return "linear"
    same = [other for other, known in others.items() if known == text]
    if parameters(text):
        what = f"needs no name of its own: write {text} where it acts"
    elif same:
        what = f'is "{same[0]}" too; keep one of the two'
    else:
        return text
    problems.add(node.place, f"activations.{name}: {json.dumps(node.value)} {what}")
    return "linear"
