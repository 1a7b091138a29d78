"""What activations are called in Keras code: by their names, or by functions that it defines."""

import ast
import json
import re
import unicodedata
from collections.abc import Mapping

import numpy as np

from lstm_ablate.experiment.activations import parameters
from lstm_ablate.experiment.elementwise import KINDS
from lstm_ablate.experiment.expressions import in_numpy
from lstm_ablate.experiment.network import LSTM, Network
from lstm_ablate.keras_code.layout import statement

# What a function cannot be called, since the code has other uses for the name.
TAKEN = {
    *("keras", "layers", "ops", "CustomLSTMCell", "forget_bias", "build_model", "train"),
    *("PROJECTION", "CELL_CLIP", "PROJECTION_CLIP"),
    *("x", "h", "inputs", "outputs", "cell", "lstm", "model", "optimizer", "float"),
}


# Layers of Keras that are an activation with a parameter: they need no function.
_LAYERS = {"leaky_relu": "LeakyReLU", "elu": "ELU"}


def functions_of(network: Network, own: Mapping[str, str]) -> dict[str, str]:
    """Return the names of the functions that the code of a network defines, by the canonical texts
    of its activations.

    `own` are the names of the user's own activations, by text. What Keras knows by a name, or as a
    layer, needs no function.
    """
    texts: list[str] = []
    for layer in network.layers:
        if isinstance(layer, LSTM):
            texts += [layer.candidate, layer.output, layer.gates]
            texts += [layer.between] if layer.between and not _layer_of(layer.between) else []
        else:
            texts.append(layer.activation)
    functions: dict[str, str] = {}
    for text in texts:
        if text not in KINDS and text not in functions:
            name = own.get(text) or _made_up(text)
            functions[text] = _free(name, {*TAKEN, *functions.values()})
    return functions


def _layer_of(text: str) -> str:
    """Return the layer of Keras that is an activation with parameters; nothing without one."""
    name, values = parameters(text) or ("", ())
    if text == name or name not in _LAYERS:
        return ""
    (parameter,) = KINDS[name].parameters
    return f"layers.{_LAYERS[name]}({parameter.name}={values[0]!r})"


def layer_of(text: str, functions: Mapping[str, str]) -> str:
    """Return the layer that applies an activation."""
    return _layer_of(text) or f"layers.Activation({argument(text, functions)})"


def _made_up(text: str) -> str:
    """Return a name for an activation that has none: `leaky_relu_0_01` for `leaky_relu(0.01)`."""
    return re.sub(r"\W+", "_", text).strip("_") if parameters(text) else "activation"


def _free(name: str, taken: set[str]) -> str:
    name = unicodedata.normalize("NFKC", name)  # as Python reads it
    names = (name, *(f"{name}_{number}" for number in range(2, len(taken) + 3)))
    return next(choice for choice in names if choice not in taken)


def argument(text: str, functions: Mapping[str, str]) -> str:
    """Return what an argument such as `activation` is given: `"relu"`, or a function's name."""
    return functions.get(text) or json.dumps(text)


def definition(text: str, name: str, package: str) -> list[str]:
    """Return the lines of a function; a saved model finds it by its package and name."""
    return [
        f'@keras.saving.register_keras_serializable("{package}")',
        f"def {name}(x):",
        statement(f"return {in_keras(text)}"),
    ]


def in_keras(text: str) -> str:
    """Return an activation of x as an expression of Keras: `x + ops.sin(x) ** 2`.

    A part of it without x is written as the number that it is.
    """
    named = parameters(text)
    if named is None:
        return ast.unparse(_InKeras().visit(ast.parse(text, mode="eval")))
    name, values = named
    names = [parameter.name for parameter in KINDS[name].parameters]
    given = "".join(f", {key}={value!r}" for key, value in zip(names, values, strict=True))
    return f"keras.activations.{name}(x{given})"


class _InKeras(ast.NodeTransformer):
    def visit(self, node: ast.AST) -> ast.AST:
        inner = [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
        if isinstance(node, ast.BinOp | ast.Call) and "x" not in inner:
            number = float(in_numpy(ast.unparse(node))(np.zeros(())))
            size = abs(number)
            shown = ast.Name(repr(size) if np.isfinite(size) else f'float("{size}")')
            return ast.UnaryOp(ast.USub(), shown) if number < 0 else shown
        visited: ast.AST = super().visit(node)
        return visited

    # ruff writes x**2, (x**2) ** 3 and -(x**2); a node whose text is ready stands as a name.
    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Pow):
            return node
        if _is_power(node.left):
            node.left = ast.Name(f"({ast.unparse(node.left)})")
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        is_simple = _SIMPLE.fullmatch(left) and _SIMPLE_RIGHT.fullmatch(right)
        return ast.Name(f"{left}**{right}") if is_simple else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        if _is_power(node.operand):
            node.operand = ast.Name(f"({ast.unparse(node.operand)})")
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        assert isinstance(node.func, ast.Name)
        room = "keras.activations" if node.func.id in KINDS else "ops"
        node.func = ast.parse(f"{room}.{node.func.id}", mode="eval").body
        return node


_SIMPLE = re.compile(r"[\w.]+|\d[\d.]*e-\d+")  # a name or a number
_SIMPLE_RIGHT = re.compile(rf"-?({_SIMPLE.pattern})(\*\*.*)?")


def _is_power(node: ast.expr) -> bool:
    text_is_ready = isinstance(node, ast.Name) and "**" in node.id and node.id[0] != "("
    return text_is_ready or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow))
