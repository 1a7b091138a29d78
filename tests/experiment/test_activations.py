"""Every activation against `keras.activations`, its derivative against TensorFlow's gradient and
finite differences; and what may be written where one acts.
"""

import math
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from lstm_ablate.experiment.activations import (
    ACTIVATIONS,
    Activation,
    activation,
    canonical,
    parameters,
)
from lstm_ablate.experiment.elementwise import KINDS
from lstm_ablate.experiment.expressions import ARGUMENTS, MOST_CHARACTERS, with_argument

KINKS = {
    "relu": [0.0],
    "leaky_relu": [0.0],
    "elu": [],  # differentiable at 0, because alpha is 1
    "selu": [0.0],
    "celu": [0.0],  # the function has none, but each of Keras' two terms has a slope there
    "hard_sigmoid": [-3.0, 3.0],
    "hard_silu": [-3.0, 3.0],
    "hard_tanh": [-1.0, 1.0],
    "hard_shrink": [-0.5, 0.5],
    "soft_shrink": [-0.5, 0.5],
    "sparse_sigmoid": [-1.0, 1.0],
    "sparse_plus": [-1.0, 1.0],  # kinks of its slope
    "relu6": [0.0, 6.0],
    "leaky_relu(0.01)": [0.0],
    "elu(0.5)": [0.0],
    "celu(0.25)": [0.0],
    "hard_shrink(2)": [-2.0, 2.0],
    "soft_shrink(1.5)": [-1.5, 1.5],
    "threshold(-1, 2.5)": [-1.0],
    "threshold(0, 0)": [0.0],
}
WITH_PARAMETERS = [*(name for name in KINKS if "(" in name), "squareplus(0.1)"]
GRID = np.concatenate(
    [np.linspace(-12, 12, 481), [-6, -3, -1, -0.5, -1e-9, -0.0, 0, 1e-9, 0.5, 1, 3, 6]]
)

ALL = {**ACTIVATIONS, **{text: activation(text) for text in WITH_PARAMETERS}}
every_activation = pytest.mark.parametrize("activation", ALL.values(), ids=ALL)


def _keras(activation: Activation, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Keras' function and TensorFlow's gradient of it, without our code for the text."""
    name, _, inside = activation.name.rstrip(")").partition("(")
    numbers = [float(number) for number in inside.split(", ")] if inside else []
    point = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(point)
        y = getattr(keras.activations, name)(point, *numbers)
    return y.numpy(), tape.gradient(y, point).numpy()


def _tolerance(activation: Activation) -> dict[str, float]:
    """Two numbers are in single precision: the slope of leaky_relu in TensorFlow, and the square
    root of 2 in Keras' gelu.
    """
    if activation.name.startswith(("leaky_relu", "gelu")):
        return {"rtol": 1e-7, "atol": 1e-8}
    return {"rtol": 1e-13, "atol": 1e-14}


def test_the_activations_are_the_elementwise_ones_of_keras() -> None:
    known = {
        name
        for name in dir(keras.activations)
        if not name.startswith("_") and callable(getattr(keras.activations, name))
    }
    others = {"swish", "hard_swish"}  # other names
    not_elementwise = {"softmax", "log_softmax", "glu", "sparsemax"}
    interface = {"get", "serialize", "deserialize"}
    assert set(KINDS) == known - others - not_elementwise - interface
    assert set(ACTIVATIONS) == set(KINDS) - {"threshold"}
    assert all(name == one.name == KINDS[name].name for name, one in ACTIVATIONS.items())


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_parameters_have_the_names_and_defaults_of_keras(kind) -> None:
    import inspect

    of_keras = inspect.signature(getattr(keras.activations, kind.name)).parameters
    expected = {name: one.default for name, one in list(of_keras.items())[1:]}
    if kind.name in ("relu", "gelu"):  # their arguments have other names here, or matter little
        expected = {}
    empty = inspect.Parameter.empty
    found = {one.name: empty if one.default is None else one.default for one in kind.parameters}
    assert found == expected


@every_activation
def test_function_is_that_of_keras(activation: Activation) -> None:
    y, _ = _keras(activation, GRID)
    found = activation.function(GRID)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, y, **_tolerance(activation))


@every_activation
def test_derivative_is_the_gradient_of_tensorflow_kinks_included(activation: Activation) -> None:
    _, slope = _keras(activation, GRID)
    found = activation.derivative(GRID)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, slope, **_tolerance(activation))


@every_activation
def test_derivative_is_the_limit_of_differences(activation: Activation) -> None:
    h = 1e-5
    smooth = np.all(np.abs(np.subtract.outer(GRID, KINKS.get(activation.name, []))) > 2 * h, axis=1)
    x = GRID[smooth]
    differences = (activation.function(x + h) - activation.function(x - h)) / (2 * h)
    np.testing.assert_allclose(activation.derivative(x), differences, rtol=1e-5, atol=1e-8)


@every_activation
def test_shape_is_kept_and_the_input_too(activation: Activation) -> None:
    x = GRID[:24].reshape(2, 3, 4)
    before = x.copy()
    assert activation.function(x).shape == activation.derivative(x).shape == x.shape
    np.testing.assert_array_equal(activation.function(x).ravel(), activation.function(GRID[:24]))
    np.testing.assert_array_equal(x, before)


@every_activation
@pytest.mark.filterwarnings("error")
def test_extreme_inputs_give_neither_warnings_nor_nan(activation: Activation) -> None:
    x = np.array([-1e3, -750.0, -40.0, 40.0, 750.0, 1e3])
    if activation.name == "exponential":
        x = np.minimum(x, 700.0)  # beyond 700 its value would be infinite
    y, slope = _keras(activation, x)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        np.testing.assert_allclose(activation.function(x), y, rtol=1e-7, atol=1e-15)
        np.testing.assert_allclose(activation.derivative(x), slope, rtol=1e-7, atol=1e-15)


@every_activation
def test_formula_says_what_the_function_does(activation: Activation) -> None:
    from scipy.stats import norm  # the distribution function in gelu's formula

    formula = activation.formula.replace("|x|", "abs(x)").partition(", Phi")[0]
    words = {
        "max": max,
        "min": min,
        "exp": np.exp,
        "ln": np.log,
        "sqrt": np.sqrt,
        "tanh": np.tanh,
        "abs": abs,
        "Phi": norm.cdf,
    }
    found = [eval(formula, {"__builtins__": {}}, {**words, "x": x}) for x in GRID]
    np.testing.assert_allclose(
        found,
        activation.function(GRID),
        rtol=1e-4 if activation.name == "selu" else 1e-12,
        atol=1e-14,
    )


# ------------------------------------------------------------------------------ what may be written

SPELLINGS = {
    "leaky_relu": ["leaky_relu(0.2)", " leaky_relu ", "leaky_relu( 0.20 )", "leaky_relu(x)"],
    "leaky_relu(0.01)": ["leaky_relu(1e-2)", "leaky_relu (0.010)"],
    "elu": ["elu(1)", "elu(1.0)"],
    "elu(0.5)": ["elu( 0.50 )", "elu(.5)"],
    "squareplus": ["squareplus(4)", "squareplus(x)"],
    "threshold(0, -1)": ["threshold(0,-1)", "threshold(-0.0, -1.0)"],
    "linear": ["x", "(x)", "linear(x)"],
    "x + sin(x) ** 2": ["x + sin(x)**2", "x+sin( x )**2.0", "(x)+(sin(x)**(2))", "+x + sin(x)**2"],
    "x * 0.5": ["x*.5", "x * 5e-1"],
    "minimum(x, 6)": ["minimum( x,6.0 )"],
    "-x": ["- x", "-(x)"],
    "(-x) ** 2": ["(-x)**2"],
    "-x ** 2": ["-x**2", "-(x**2)"],
}


@pytest.mark.parametrize("text", SPELLINGS)
def test_spellings_of_one_activation_are_one(text: str) -> None:
    assert {canonical(written) for written in [text, *SPELLINGS[text]]} == {text}


REFUSED = {
    "swish": '"swish" is silu here: write silu',
    "hard_swish": '"hard_swish" is hard_silu here: write hard_silu',
    "None": '"None" is linear here: write linear',
    "identity": '"identity" is linear here: write linear',
    "Logistic": '"Logistic" is sigmoid here: write sigmoid',
    "softmax": '"softmax" is not elementwise: its values depend on several inputs',
    "geul": '"geul" is not an activation. Did you mean "gelu"?\n  known: snake, linear, relu, ',
    "snek": '"snek" is not an activation. Did you mean "snake"?\n  known: snake, linear, relu, ',
    "sin": '"sin" is not an activation. As an expression it is "sin(x)".\n',
    "": '"" is not an activation.\n',
    "relu(1)": "relu takes no parameter; write relu",
    "threshold": "write threshold(threshold, default_value), with a number for each name",
    "threshold(1)": "write threshold(threshold, default_value), with a number for each name",
    "elu(1, 2)": "write elu(alpha), with a number for each name",
    "elu(0)": "alpha of elu is from 1e-06 to 1e+06; found 0",
    "leaky_relu(-1)": "negative_slope of leaky_relu is from 0 to 1e+06; found -1",
    "leaky_relu(1e7)": "negative_slope of leaky_relu is from 0 to 1e+06; found 1e+07",
    "leaky_relu(slope=1)": "its parameters are numbers, as in leaky_relu(0.01)",
    "leaky_relu(True)": "its parameters are numbers, as in leaky_relu(0.01)",
    f"elu({'9' * 400})": "a number in it is out of range",
    "1 + sin(2)": "it does not contain x",
    "9**9**9": "it does not contain x",
    "9**9**9 * x": "it is not finite at x = -10",
    "log(x)": "it is not finite at x = -10",
    "sin(x) / x": "it is not finite at x = 0",
    "1 / (x - 10)": "it is not finite at x = 10",
    "1 / (x - 0.1)": "it is not finite at x = 0.1",
    "x ** 0.5": "it is not finite at x = -10",
    "exp(x) ** 99": "it is not finite at x = 7.17",  # 99 x > 709.78
    "exp(x ** 2)": "it is not finite at x = -10 in float32",  # exp(88.73) is out of float32's range
    "1e39 * x": "it is not finite at x = -10 in float32",
    "x" + ".a" * 390: "it is nested deeper than",
    "x.real": '"x.real" is not allowed; write x, numbers, + - * / ** and functions such as sin(x)',
    "x[0]": '"x[0]" is not allowed',
    "().__class__": '"().__class__" is not allowed',
    "__import__('os').system('ls')": "\"__import__('os').system('ls')\" is not allowed",
    "open(x)": 'it calls "open", which is unknown.\n  functions: abs, arctan, ',
    "1 + swish(x)": 'it calls "swish", which is unknown. Did you mean "silu"?',
    "sinn(x)": 'it calls "sinn", which is unknown. Did you mean "sin"?',
    "x + y": '"y" is unknown; the argument is x',
    "x * sigmoid": '"sigmoid" is called as in sigmoid(x)',
    "minimum(x)": '"minimum" is called as in minimum(x, 1)',
    "sin(x, x)": '"sin" is called as in sin(x)',
    "sin(*x)": '"*x" is not allowed',
    "threshold(x, 0, 1)": 'it calls "threshold", which is unknown.',
    "x ^ 2": '"x ^ 2" is not allowed; a power is written **',
    "x % 2": '"x % 2" is not allowed',
    "x @ x": '"x @ x" is not allowed',
    "x if x > 0 else 0": "is not allowed",
    "lambda: x": "is not allowed",
    "[x for x in x]": "is not allowed",
    "(x := 1)": "is not allowed",
    "x, x": "is not allowed",
    "'a' * x": "\"'a'\" is not allowed",
    "1j * x": '"1j" is not allowed',
    "True * x": '"True" is not allowed',
    "f'{x}'": "is not allowed",
    "x; x": "it is neither a name nor an expression in x",
    "1if x else 2": "it is neither a name nor an expression in x",
    "import os": "it is neither a name nor an expression in x",
    "x\n+ 1": "it holds a character that is not printable ASCII",
    "x + \uff58": "it holds a character that is not printable ASCII",
    "x\0": "it holds a character that is not printable ASCII",
    f"x + {'9' * 400}": "a number in it is out of range",
    "x + 1e999": "a number in it is out of range",
    "-" * 60 + "x": "it is nested deeper than 50 levels",
    "(" * 300 + "x" + ")" * 300: "it is neither a name nor an expression in x",
    "x" + "+1" * 45 + "+0.12345678" * 5: "characters; at most 200 are allowed",
    "x" * 1000 + "+1": "it has 1,002 characters; at most 200 are allowed",
}


@pytest.mark.parametrize(("text", "why"), REFUSED.items())
def test_what_is_no_activation_is_refused_with_a_reason_and_at_once(text: str, why: str) -> None:
    start = time.process_time()
    with pytest.raises(ValueError) as told:
        canonical(text, ("snake",))
    assert why in str(told.value)
    assert time.process_time() - start < 0.5


def test_an_expression_computes_what_it_says() -> None:
    x = GRID
    cases = {
        "x + sin(x)**2": x + np.sin(x) ** 2,
        "-x**2 / 3 - 2*x": -(x**2) / 3 - 2 * x,
        "2**x * x**3": 2**x * x**3,
        "minimum(maximum(x, -1), 6)": np.clip(x, -1, 6),
        "abs(x) + sign(x) + arctan(x)": np.abs(x) + np.sign(x) + np.arctan(x),
        "expm1(x) + sinh(x) + cosh(x) * cos(x)": np.expm1(x) + np.sinh(x) + np.cosh(x) * np.cos(x),
        "log1p(exp(x)) + log(x**2 + 1) + sqrt(x**2)": (
            np.log1p(np.exp(x)) + np.log(x**2 + 1) + np.abs(x)
        ),
        "erf(x)": np.array([math.erf(value) for value in x]),
        "x * tanh(softplus(x))": ACTIVATIONS["mish"].function(x),
        "x * sigmoid(1.702 * x)": x / (1 + np.exp(-1.702 * x)),
    }
    for text, expected in cases.items():
        one = activation(canonical(text))
        assert one.formula == one.name and one.derivative is None and parameters(one.name) is None
        np.testing.assert_allclose(one.function(x), expected, rtol=1e-12, atol=1e-14)
    called = " ".join(cases)
    operations = set(ARGUMENTS) - set(KINDS)
    assert all(f"{name}(" in called for name in operations)


def test_an_expression_keeps_the_precision_of_its_argument() -> None:
    single = np.linspace(-2, 2, 9, dtype=np.float32)
    assert activation("x * 0.1 + 2").function(single).dtype == np.float32


def test_a_text_as_long_as_allowed_is_one_and_reads_itself() -> None:
    text = canonical("x" + "+1" * 40 + "+12345678" * 3 + "+123")
    assert MOST_CHARACTERS - 5 < len(text) <= MOST_CHARACTERS
    assert canonical(text) == text


def test_another_expression_stands_in_for_the_argument() -> None:
    assert with_argument("x + sin(x) ** 2", "z_g") == "z_g + sin(z_g) ** 2"
    assert with_argument("-x ** 2", "a + b") == "-(a + b) ** 2"
    assert with_argument("exp(x)", "x") == "exp(x)"
