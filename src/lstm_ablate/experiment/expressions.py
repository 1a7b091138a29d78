"""The small language in which a user writes an activation, such as `x + sin(x)**2`.

An expression consists of x, numbers, + - * / **, parentheses and the functions of `ARGUMENTS`.
Python's own parser reads it. Whatever else that parser understands is refused here, so that a
config cannot make this program do anything but arithmetic.
"""

import ast
import json
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lstm_ablate.errors import did_you_mean
from lstm_ablate.experiment.elementwise import KINDS, OTHER_NAMES, Array, erf

MOST_CHARACTERS = 200  # of the canonical text
_MOST_LEVELS = 50  # of parentheses, calls and operators inside one another

# How many arguments each function takes; Keras' activations have their default parameters.
ARGUMENTS: dict[str, int] = {
    **dict.fromkeys(("abs", "exp", "expm1", "log", "log1p", "sqrt", "sin", "cos"), 1),
    **dict.fromkeys(("tanh", "sinh", "cosh", "arctan", "erf", "sign"), 1),
    **dict.fromkeys(("minimum", "maximum"), 2),
    **{name: 1 for name, kind in KINDS.items() if kind.defaults is not None},
}

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}

# An expression must be finite at these points: every thousandth, with 0 and both ends.
_GRID = np.arange(-10_000, 10_001) / 1000


def tree_of(text: str) -> ast.expr:
    """Return a text as the syntax tree of a Python expression.

    Raises ValueError, with the reason, if the text is not such an expression.
    """
    if len(text) > 4 * MOST_CHARACTERS:  # the canonical text, without its blanks, may be shorter
        raise ValueError(f"it has {len(text):,} characters; at most {MOST_CHARACTERS} are allowed")
    if not (text.isascii() and text.isprintable()):
        raise ValueError("it holds a character that is not printable ASCII")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # later versions of Python refuse text such as `1if`
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError("it is neither a name nor an expression in x") from None


def canonical(tree: ast.expr) -> str:
    """Return the one text of an expression: it has 2 for 2.0, and blanks around operators.

    Raises ValueError, with the reason, if the expression contains what the language does not have,
    does not contain x, or is not finite at every thousandth of [-10, 10] in float64 and in float32.
    """
    simple = _checked(tree, 0)
    if not any(isinstance(node, ast.Name) and node.id == "x" for node in ast.walk(simple)):
        raise ValueError("it does not contain x")
    text = ast.unparse(simple)
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"it has {len(text)} characters; at most {MOST_CHARACTERS} are allowed")
    for dtype in (np.float64, np.float32):  # a network may train in either
        finite = np.isfinite(in_numpy(text)(_GRID.astype(dtype)))
        if not finite.all():
            where = f"x = {_GRID[np.argmin(finite)]:g}" + " in float32" * (dtype is np.float32)
            raise ValueError(f"it is not finite at {where}")
    return text


def _checked(node: ast.expr, level: int) -> ast.expr:
    """Return a node of the language with each number in its one spelling.

    Raises ValueError at a node that the language does not have.
    """
    if level > _MOST_LEVELS:
        raise ValueError(f"it is nested deeper than {_MOST_LEVELS} levels")
    match node:
        case ast.Name(id="x"):
            return node
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return ast.Constant(number(value))
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _checked(operand, level + 1)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return ast.UnaryOp(ast.USub(), _checked(operand, level + 1))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return ast.BinOp(_checked(left, level + 1), op, _checked(right, level + 1))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in ARGUMENTS:
            if len(arguments) != ARGUMENTS[name]:
                wanted = "x" if ARGUMENTS[name] == 1 else "x, 1"
                raise ValueError(f'"{name}" is called as in {name}({wanted})')
            inner = [_checked(argument, level + 1) for argument in arguments]
            return ast.Call(ast.Name(name), inner, [])
    raise ValueError(_why_not(node))


def number(value: float) -> float:
    """Return a finite number, as an int if it is whole, so that 2.0 is written as 2."""
    try:
        as_float = float(value)
    except OverflowError:
        as_float = math.inf
    if math.isinf(as_float):
        raise ValueError("a number in it is out of range")
    return int(as_float) if as_float.is_integer() and as_float < 1e15 else as_float


def _why_not(node: ast.expr) -> str:
    try:
        shown = json.dumps(ast.unparse(node)[:80])
    except RecursionError:
        return f"it is nested deeper than {_MOST_LEVELS} levels"
    match node:
        case ast.Name(id=name) if name in ARGUMENTS:
            return f'"{name}" is called as in {name}(x)'
        case ast.Name():
            return f"{shown} is unknown; the argument is x"
        case ast.Call(func=ast.Name(id=name), keywords=[]):
            known = ", ".join(sorted(ARGUMENTS))
            other = OTHER_NAMES.get(name.casefold())
            hint = f' Did you mean "{other}"?' if other else did_you_mean(name, ARGUMENTS)
            return f'it calls "{name}", which is unknown.{hint}\n  functions: {known}'
        case ast.BinOp(op=ast.BitXor()):
            return f"{shown} is not allowed; a power is written **"
    return f"{shown} is not allowed; write x, numbers, + - * / ** and functions such as sin(x)"


def evaluator(
    text: str,
    functions: Mapping[str, Callable[..., Any]],
    number_like: Callable[[float, Any], Any],
) -> Callable[[Any], Any]:
    """Return the function of x that a canonical text describes, in the arithmetic of a library.

    `functions` are that library's functions for `ARGUMENTS`, and `number_like(value, x)` returns a
    number of the type of x.
    """
    tree = ast.parse(text, mode="eval").body

    def value(node: ast.expr, x: Any) -> Any:
        match node:
            case ast.Name():
                return x
            case ast.Constant(value=constant):
                return number_like(float(constant), x)  # type: ignore[arg-type]
            case ast.UnaryOp(operand=operand):
                return -value(operand, x)
            case ast.BinOp(left=left, op=op, right=right):
                return _OPERATORS[type(op)](value(left, x), value(right, x))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return functions[name](*(value(argument, x) for argument in arguments))
        raise TypeError(f"not a canonical text: {text}")

    return lambda x: value(tree, x)


_IN_NUMPY: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in ARGUMENTS if name not in KINDS and name != "erf"},
    "erf": erf,
}


def _at_defaults(name: str) -> Callable[[Array], Array]:
    function, defaults = KINDS[name].function, KINDS[name].defaults or ()
    return lambda x: function(x, *defaults)


_IN_NUMPY |= {name: _at_defaults(name) for name in ARGUMENTS if name in KINDS}


def in_numpy(text: str) -> Callable[[Array], Array]:
    """Return the function of an array that a canonical text describes."""
    function = evaluator(text, _IN_NUMPY, lambda value, x: x.dtype.type(value))

    def quiet(x: Array) -> Array:
        with np.errstate(all="ignore"):  # `canonical` reports what is not finite, such as 9**9**9
            return np.asarray(function(x))

    return quiet


def with_argument(text: str, argument: str) -> str:
    """Return a canonical text in which another expression stands in for x."""
    return ast.unparse(_Argument(argument).visit(ast.parse(text, mode="eval")))


class _Argument(ast.NodeTransformer):
    def __init__(self, argument: str):
        self.argument = ast.parse(argument, mode="eval").body

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.argument if node.id == "x" else node
