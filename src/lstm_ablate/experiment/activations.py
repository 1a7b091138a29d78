"""What may be written where an activation acts: a name, a name with parameters as in a formula, or
an expression in x; and the one text of each, which is what settings hold.
"""

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache

from lstm_ablate.errors import did_you_mean
from lstm_ablate.experiment import expressions
from lstm_ablate.experiment.elementwise import KINDS, OTHER_NAMES, Array, Kind


@dataclass(frozen=True)
class Activation:
    """An elementwise function f and its derivative f'; both map an array of any shape to one of the
    same shape.

    An expression has no derivative here: its slope is TensorFlow's.
    """

    name: str  # its one text
    formula: str
    function: Callable[[Array], Array]
    derivative: Callable[[Array], Array] | None


# Names that mean something else elsewhere, which a formula alone does not tell.
MEANT_OTHERWISE = {
    "hard_sigmoid": (
        "hard_sigmoid is that of Keras 3, clip(x / 6 + 1/2, 0, 1); that of Keras 2 was"
        " clip(0.2 x + 0.5, 0, 1), here relu6(1.2 * x + 3) / 6"
    ),
    "leaky_relu": (
        "leaky_relu has the slope 0.2 below 0, as in Keras 3; PyTorch's has 0.01, here"
        " leaky_relu(0.01)"
    ),
}
_LEARNED = ("prelu",)
_NOT_ELEMENTWISE = ("softmax", "log_softmax", "glu", "sparsemax")


def is_taken(name: str) -> bool:
    """Return whether a name means something already, so that no activation of one's own can have
    it.
    """
    known = {*KINDS, *OTHER_NAMES, *_NOT_ELEMENTWISE, *expressions.ARGUMENTS, "x"}
    return name.casefold() in known


@lru_cache(maxsize=10_000)
def canonical(text: str, own: tuple[str, ...] = ()) -> str:
    """Return the one text of an activation: `leaky_relu` for `leaky_relu(0.2)`, `elu(0.5)` for
    `elu( 0.50 )`, `x + 1` for `x+1.0`.

    Raises ValueError, saying why, where it is none. `own` are the names of the user's own, for a
    hint: they are no texts themselves.
    """
    word, shown = text.strip(), json.dumps(text[:80], ensure_ascii=False)
    if word in ACTIVATIONS:
        return word
    if other := OTHER_NAMES.get(word.casefold()):
        raise ValueError(f"{shown} is {other} here: write {other}")
    if word.casefold() in _NOT_ELEMENTWISE:
        raise ValueError(f"{shown} is not elementwise: its values depend on several inputs")
    if word.casefold() in _LEARNED:
        raise ValueError(f"{shown} learns its slope; with a fixed one it is leaky_relu(0.25) here")
    if not word or (word.isidentifier() and word not in KINDS and word != "x"):
        raise ValueError(_unknown(word, shown, own))
    try:
        tree = expressions.tree_of(word)
        match tree:
            case ast.Call(func=ast.Name(id=name)) if name in KINDS and not _mentions_x(tree):
                return _with_parameters(KINDS[name], _numbers(tree))
            case ast.Call(func=ast.Name(id=name), args=[ast.Name(id="x")], keywords=[]) if (
                name in ACTIVATIONS
            ):
                return name
            case ast.Name(id="x"):
                return "linear"
            case ast.Name(id=name) if name in KINDS:
                return _with_parameters(KINDS[name], [])
        return expressions.canonical(tree)
    except ValueError as error:
        raise ValueError(f"{shown} cannot be an activation: {error}") from None


def _unknown(word: str, shown: str, own: tuple[str, ...]) -> str:
    known = [*own, *KINDS]
    hint = did_you_mean(word, known)
    if word in expressions.ARGUMENTS:
        hint = f' As an expression it is "{word}(x)".'
    listed = f"{', '.join(known)}   (`lstm-ablate activations` shows their formulas)"
    return f"{shown} is not an activation.{hint}\n  known: {listed}"


def _mentions_x(tree: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "x" for node in ast.walk(tree))


def _numbers(call: ast.Call) -> list[float]:
    """Return the arguments of a call, which are numbers; raise ValueError where they are not."""
    numbers: list[float] = []
    for argument in [*call.args, *call.keywords]:
        try:
            value = ast.literal_eval(argument)
        except (TypeError, ValueError):
            value = None
        if type(value) not in (int, float):
            raise ValueError("its parameters are numbers, as in leaky_relu(0.01)")
        numbers.append(expressions.number(value))
    return numbers


def _with_parameters(kind: Kind, numbers: list[float]) -> str:
    """Return the one text of a kind with parameters; raise ValueError where they do not fit."""
    if not kind.parameters and not numbers:
        return kind.name
    if not kind.parameters:
        raise ValueError(f"{kind.name} takes no parameter; write {kind.name}")
    names = ", ".join(parameter.name for parameter in kind.parameters)
    if len(numbers) != len(kind.parameters) and (numbers or kind.defaults is None):
        raise ValueError(f"write {kind.name}({names}), with a number for each name")
    for parameter, number in zip(kind.parameters, numbers, strict=False):
        if not parameter.least <= number <= parameter.most:
            limits = f"{parameter.least:g} to {parameter.most:g}"
            raise ValueError(f"{parameter.name} of {kind.name} is from {limits}; found {number:g}")
    if not numbers or tuple(numbers) == kind.defaults:
        return kind.name
    return f"{kind.name}({', '.join(map(_spelled, numbers))})"


def _spelled(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(float(number))


def parameters(text: str) -> tuple[str, tuple[float, ...]] | None:
    """Return the name in a canonical text and its parameters, or None for an expression."""
    name, _, inside = text.rstrip(")").partition("(")
    if is_expression(text):
        return None
    if inside:
        return name, tuple(map(float, inside.split(",")))
    return name, KINDS[name].defaults or ()


def is_expression(text: str) -> bool:
    """Return whether a canonical text is an expression: those alone contain x by itself."""
    return re.search(r"\bx\b", text) is not None


@cache
def activation(text: str) -> Activation:
    """Return the activation of a canonical text."""
    named = parameters(text)
    if named is None:
        return Activation(text, text, expressions.in_numpy(text), None)
    name, values = named
    kind, formula = KINDS[name], KINDS[name].formula
    for parameter, value in zip(kind.parameters, values, strict=True):
        formula = re.sub(rf"\b{parameter.name}\b", _spelled(value), formula)
    return Activation(
        text,
        formula,
        lambda x: kind.function(x, *values),
        lambda x: kind.derivative(x, *values),
    )


# Those that a name alone describes.
ACTIVATIONS: dict[str, Activation] = {
    name: activation(name) for name, kind in KINDS.items() if kind.defaults is not None
}
