"""What a config says of layers and of activations at their places, and the formulas that it gives;
against networks and formulas written out by hand.
"""

import pytest
from configurations import HEAD, Configs

from lstm_ablate.experiment.network import network_of
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import expand
from lstm_ablate.experiment.settings import Model
from lstm_ablate.experiment.yaml_source import dump

SNAKE = 'activations: {snake: "x+sin(x)**2.0"}\n'


def layers(experiment: Experiment, task: str = "default", variant: str = "tanh"):
    return network_of(experiment.settings[task, variant].model, 5, 2).lstm


# --------------------------------------------------------------------------------------- the places


def test_a_list_has_one_name_for_each_place_in_the_order_of_the_data(configs: Configs) -> None:
    written = (
        "model: {encoder: [5, 4, 3], decoder: [2, 6], candidate: [relu, elu, selu, gelu, silu],"
        " gates: [sigmoid, tanh, softsign, hard_tanh, relu6], between: [mish, relu, linear,"
        " celu]}\n"
    )
    found = layers(configs.load(f"{HEAD}{written}"))
    assert [(one.name, one.candidate, one.output, one.gates, one.between) for one in found] == [
        ("encoder.0", "relu", "tanh", "sigmoid", "mish"),
        ("encoder.1", "elu", "tanh", "tanh", "relu"),
        ("encoder.2", "selu", "tanh", "softsign", "linear"),  # its seam is that to the decoder
        ("decoder.0", "gelu", "tanh", "hard_tanh", "celu"),
        ("decoder.1", "silu", "tanh", "relu6", None),
    ]


def test_a_list_of_activations_sets_candidate_and_output(configs: Configs) -> None:
    experiment = configs.load(
        f"{HEAD}  v: {{model.candidate: linear}}\n"
        "model: {encoder: [5], decoder: [4, 3], activation: [relu, elu, tanh]}\n"
    )
    of_base = [(one.candidate, one.output) for one in layers(experiment)]
    assert of_base == [("relu", "relu"), ("elu", "elu"), ("tanh", "tanh")]
    # The value of the base stays for the other of the two sites.
    of_v = [(one.candidate, one.output) for one in layers(experiment, variant="v")]
    assert of_v == [("linear", "relu"), ("linear", "elu"), ("linear", "tanh")]


WRONG_LISTS = {
    "model: {candidate: [relu, tanh, relu]}": (
        "c.yaml:7:20: model.candidate: 3 names for 4 places: encoder.0, encoder.1, decoder.0,"
        " decoder.1"
    ),
    "model: {gates: [tanh]}": (
        "c.yaml:7:16: model.gates: 1 name for 4 places: encoder.0, encoder.1, decoder.0, decoder.1"
    ),
    "model: {between: [relu, relu]}": (
        "c.yaml:7:18: model.between: 2 names for 3 places: after encoder.0, after encoder.1 (the"
        " code that the decoder reads), after decoder.0"
    ),
    "model: {encoder: [3], decoder: [4], between: [relu, elu]}": (
        "c.yaml:7:46: model.between: 2 names for 1 place: after encoder.0 (the code that the"
        " decoder reads)"
    ),
    "  v: {model.encoder: [8]}\nmodel: {activation: [relu, elu, relu, elu]}": (
        "c.yaml:8:21: variants.v: model.activation: 4 names for 2 places: encoder.0, decoder.0"
    ),
    "model: {between: [relu, geul, relu]}": (
        'c.yaml:7:25: model.between.1: "geul" is not an activation. Did you mean "gelu"?\n  known:'
    ),
    "model: {between: [relu, null, relu]}": (
        "c.yaml:7:25: model.between.1: null is no value of a site; Keras' activation=None is"
        " linear: write linear"
    ),
    "model: {between: [relu, [elu], relu]}": (
        "c.yaml:7:25: model.between.1: expected the name of an activation, found a list"
    ),
    "model: {between: []}": "c.yaml:7:18: model.between: expected at least 1, found an empty list",
    "model: {between: {a: relu}}": (
        "c.yaml:7:18: model.between: expected the name of an activation, found a mapping"
    ),
    "model: {head: {units: [3], activation: [relu]}}": (
        "c.yaml:7:40: model.head.activation: expected the name of an activation, found a list"
    ),
    "model: {gates: swish}": 'c.yaml:7:16: model.gates: "swish" is silu here: write silu',
    "model: {gates: None}": 'c.yaml:7:16: model.gates: "None" is linear here: write linear',
    "model: {gates: elu(0)}": (
        'c.yaml:7:16: model.gates: "elu(0)" cannot be an activation: alpha of elu is from 1e-06 to'
        " 1e+06; found 0"
    ),
    "model: {gates: log(x)}": (
        'c.yaml:7:16: model.gates: "log(x)" cannot be an activation: it is not finite at x = -10'
    ),
}


@pytest.mark.parametrize(("text", "message"), WRONG_LISTS.items())
def test_wrong_activations_are_shown_at_their_place(
    configs: Configs, text: str, message: str
) -> None:
    (problem,) = configs.problems(f"{HEAD}{text}\n")
    assert problem.startswith(message)


# ------------------------------------------------------------------------- activations of one's own


def test_a_name_of_ones_own_means_its_expression_wherever_it_stands(configs: Configs) -> None:
    experiment = configs.load(
        f"{HEAD}{SNAKE}"
        "model: {gates: snake, between: [relu, snake, snake], head: {units: [3], activation:"
        " snake}}\n"
        "tasks: {a: {}, b: {model.gates: tanh, model.output: snake}}\n",
        "variants.v={model.candidate: snake, model.head.activation: relu}",
        "variants.w={model.head: {units: [4], activation: snake}}",
    )
    text = "x + sin(x) ** 2"
    models = {cell: settings.model for cell, settings in experiment.settings.items()}
    assert models["a", "tanh"].gates == models["b", "tanh"].output == text
    assert models["a", "tanh"].between == ("relu", text, text)
    assert models["a", "v"].candidate == models["a", "w"].head.activation == text
    assert models["a", "tanh"].head.activation == text
    assert (models["b", "v"].gates, models["b", "v"].head.activation) == ("tanh", "relu")
    assert experiment.own == {"snake": text}


def test_the_name_is_not_part_of_the_identity_and_the_text_is(configs: Configs) -> None:
    def ids(text: str) -> list[str]:
        return [run.id for run in expand(configs.load(f"{HEAD}seeds: 1\n{text}"))]

    named = ids('activations: {snake: "x + sin(x)**2"}\nmodel: {between: snake}\n')
    assert named == ids('activations: {other: "x+sin( x )**2.0"}\nmodel: {between: other}\n')
    assert named == ids("model: {between: x + sin(x)**2}\n")
    assert named != ids("model: {between: x + sin(x)**4}\n")
    assert named[0] != named[1]


def test_what_is_resolved_keeps_the_names_and_is_the_same_experiment(configs: Configs) -> None:
    experiment = configs.load(
        f"{HEAD}  v: {{model.gates: snake}}\n{SNAKE}"
        "model: {encoder: {units: 8, layers: 2}, decoder: [8, 4], between: [relu, snake, snake],"
        " head: {units: [3], activation: snake}}\n"
        "tasks: {deep: {model.encoder.layers: 3, model.between: snake}, plain: {}}\n"
    )
    resolved = experiment.resolved
    assert resolved["activations"] == {"snake": "x + sin(x) ** 2"}
    assert resolved["model"]["between"] == ["relu", "snake", "snake"]
    assert resolved["model"]["head"] == {"units": [3], "activation": "snake"}
    assert resolved["model"]["encoder"] == {"units": 8, "layers": 2}
    assert resolved["variants"]["v"] == {"model.gates": "snake"}
    assert list(resolved)[:4] == ["version", "name", "activations", "data"]
    assert configs.load(dump(resolved)) == experiment
    assert "activations" not in configs.load(HEAD).resolved


WRONG_OWN = {
    "{relu: x * 2}": ['c.yaml:7:15: activations: "relu" has a meaning already; choose another'],
    "{Swish: x * 2}": ['c.yaml:7:15: activations: "Swish" has a meaning already; choose another'],
    "{x: x * 2}": ['c.yaml:7:15: activations: "x" has a meaning already; choose another name'],
    "{h: x * 2}": ['c.yaml:7:15: activations: "h" stands for a part of the cell in formulas'],
    "{sin: x + sin(x)}": ['c.yaml:7:15: activations: "sin" has a meaning already; choose another'],
    "{a-b: x * 2}": [
        'c.yaml:7:15: activations: "a-b" cannot be the name of an activation; allowed: letters,'
        " digits and _ (a letter or _ first)"
    ],
    "{if: x + sin(x)}": ['c.yaml:7:15: activations: "if" cannot be the name of an activation'],
    "{nan: x * 2}": ['c.yaml:7:15: activations: "nan" cannot be a name: other programs read it'],
    "{one: x * 2, One: x * 3}": ['c.yaml:7:27: activations: "One" and "one" differ only in case'],
    "{one: x * 2, two: x*2.0}": ['c.yaml:7:32: activations.two: "x*2.0" is "one" too; keep one of'],
    "{one: leaky_relu(0.01)}": [
        'c.yaml:7:20: activations.one: "leaky_relu(0.01)" needs no name of its own: write'
        " leaky_relu(0.01) where it acts"
    ],
    "{one: log(x)}\nmodel: {gates: one}": [
        'c.yaml:7:20: activations.one: "log(x)" cannot be an activation: it is not finite at x ='
    ],
    "{one: 2 * two, two: x * 3}": [
        'c.yaml:7:20: activations.one: "2 * two" cannot be an activation: "two" is unknown; the'
    ],
    "{one: 5}": ["c.yaml:7:20: activations.one: expected text, found 5"],
    "5": ['c.yaml:7:14: activations: expected a mapping such as {snake: "x + sin(x)**2"}, found 5'],
    "{snake: x * 2}\nmodel: {gates: snkae}": [
        'c.yaml:8:16: model.gates: "snkae" is not an activation. Did you mean "snake"?\n  known:'
    ],
}


@pytest.mark.parametrize(("text", "messages"), WRONG_OWN.items())
def test_wrong_activations_of_ones_own(configs: Configs, text: str, messages: list[str]) -> None:
    problems = configs.problems(f"{HEAD}activations: {text}\n")
    assert len(problems) == len(messages)
    for problem, message in zip(problems, messages, strict=True):
        assert problem.startswith(message)


def test_the_command_line_names_one_too(configs: Configs) -> None:
    experiment = configs.load(HEAD, "activations.snake=x + sin(x)**2", "model.gates=snake")
    assert experiment == configs.load(f"{HEAD}{SNAKE}model: {{gates: snake}}\n")


# ------------------------------------------------------------------------------- layers of one size


def test_layers_of_one_size_beside_lists(configs: Configs) -> None:
    experiment = configs.load(
        f"{HEAD}  wide: {{model.decoder: {{units: 9, layers: 2}}}}\n"
        "  wider: {model.encoder.units: 10}\n"
        "model: {encoder: {units: 8, layers: 3}, decoder: [6]}\n"
        "tasks: {flat: {model.encoder.layers: 1}, deep: {model.encoder.layers: 5}, other:"
        " {model.encoder.layers: 2, model.encoder: {units: 4, layers: 7}}, small: {}}\n"
    )
    stacks = {cell: settings.model.encoder for cell, settings in experiment.settings.items()}
    assert stacks["small", "tanh"] == (8, 8, 8) and stacks["flat", "tanh"] == (8,)
    assert stacks["deep", "tanh"] == (8,) * 5 and stacks["deep", "wider"] == (10,) * 5
    assert stacks["other", "tanh"] == (4, 4)  # a section is there before a change inside it
    assert experiment.settings["flat", "wide"].model.decoder == (9, 9)
    assert configs.load(dump(experiment.resolved)) == experiment


def test_the_command_line_changes_depth_too(configs: Configs) -> None:
    text = f"{HEAD}model: {{encoder: {{units: 8, layers: 3}}}}\n"
    for override in ("model.encoder.layers=2", "model.encoder={units: 8, layers: 2}"):
        assert configs.load(text, override).settings["default", "tanh"].model.encoder == (8, 8)


MISSING = (
    'model.encoder: the key "units" is missing; write both in the base, as in encoder: {units: 32,'
    " layers: 4}, to change one"
)
WRONG_STACKS = {
    "tasks: {a: {model.encoder.layers: 4}}": f"c.yaml:7:13: tasks.a: {MISSING}",
    "model: {encoder: [8, 4]}\ntasks: {a: {model.encoder.layers: 4}}": (
        f"c.yaml:8:13: tasks.a: {MISSING}"
    ),
    "model: {encoder: {layers: 4}}": f"c.yaml:7:18: {MISSING}",
    "model: {decoder: {units: 4}}": (
        'c.yaml:7:18: model.decoder: the key "layers" is missing; write both in the base, as in'
        " decoder: {units: 32, layers: 4}, to change one"
    ),
    "model: {encoder: {units: 4, layers: 0}}": (
        "c.yaml:7:37: model.encoder.layers: must be at least 1; found 0"
    ),
    "model: {encoder: {units: 4, layers: 101}}": (
        "c.yaml:7:37: model.encoder.layers: must be at most 100; found 101"
    ),
    "model: {encoder: {units: 4, layers: 2, depth: 1}}": (
        'c.yaml:7:40: unknown key "depth" in model.encoder. Here it is model.encoder.layers: write'
        " layers: 1"
    ),
    "  v: {model.encoder.depth: 1}": (
        'c.yaml:7:7: variants.v: "model.encoder.depth" is not a path that variants can change.'
    ),
}


@pytest.mark.parametrize(("text", "message"), WRONG_STACKS.items())
def test_wrong_numbers_of_layers(configs: Configs, text: str, message: str) -> None:
    (problem,) = configs.problems(f"{HEAD}{text}\n")
    assert problem.startswith(message)


def test_a_change_inside_a_list_on_the_command_line(configs: Configs) -> None:
    (problem,) = configs.problems(f"{HEAD}model: {{encoder: [4]}}\n", "model.encoder.layers=3")
    assert problem == f"command line, model.encoder.layers=3: {MISSING}"


# ------------------------------------------------------------------------------ what makes no sense

NO_SENSE = {
    "model: {encoder: [40, 20], decoder: [30, 40], residual: true}": (
        "c.yaml:7:57: model.residual: would be added nowhere: encoder.1 reads 40, gives 20;"
        " decoder.0 reads 20, gives 30; decoder.1 reads 30, gives 40"
    ),
    "model: {encoder: [40], decoder: [20], residual: true, bidirectional: decoder}": "",
    "model: {encoder: [40], decoder: [20], residual: true}": (
        "c.yaml:7:49: model.residual: would be added nowhere: decoder.0 reads 40, gives 20"
    ),
    "model: {encoder: [40], decoder: [20], residual: true, projection: 10}": "",
    "model: {projection: 50}": (
        "c.yaml:7:21: model.projection: 50 is not smaller than the 50 units of encoder.1"
    ),
    "model: {projection: 49}": "",
    "model: {projection_clip: 3}": (
        "c.yaml:7:26: model.projection_clip: there is no projection to clip; cell_clip clips the"
        " cell"
    ),
    "model: {bidirectional: both}": (
        'c.yaml:7:24: model.bidirectional: found "both" (text); allowed: true, false, encoder,'
        " decoder."
    ),
    "model: {bidirectional: 1}": (
        "c.yaml:7:24: model.bidirectional: found 1; allowed: true, false, encoder, decoder."
    ),
    "model: {bidirectional: encodr}": (
        'c.yaml:7:24: model.bidirectional: found "encodr" (text); allowed: true, false, encoder,'
        ' decoder. Did you mean "encoder"?'
    ),
    "model: {peepholes: 1}": "c.yaml:7:20: model.peepholes: expected true or false, found 1",
    "model: {cell_clip: 0}": "c.yaml:7:20: model.cell_clip: must be greater than 0.0; found 0",
    "model: {normalization: batch}": (
        'c.yaml:7:24: model.normalization: found "batch" (text); allowed: none, layer.'
    ),
    "model: {encoder: [4, 1], normalization: layer}": (
        "c.yaml:7:41: model.normalization: the single number of encoder.1, decoder.0 would be"
        " normalized to a constant"
    ),
    "model: {kernel_initializer: he}": (
        'c.yaml:7:29: model.kernel_initializer: found "he" (text); allowed: glorot_uniform,'
        " glorot_normal, he_uniform, he_normal, lecun_uniform, lecun_normal."
    ),
}


@pytest.mark.parametrize(("text", "message"), NO_SENSE.items())
def test_what_makes_no_sense_is_refused_with_a_reason(
    configs: Configs, text: str, message: str
) -> None:
    if message:
        (problem,) = configs.problems(f"{HEAD}{text}\n")
        assert problem.startswith(message)
    else:
        configs.load(f"{HEAD}{text}\n")


def test_a_wrong_list_hides_no_other_fault(configs: Configs) -> None:
    listed, projection = configs.problems(f"{HEAD}model: {{activation: [relu], projection: 900}}\n")
    assert "model.activation: 1 name for 4 places" in listed
    assert "model.projection: 900 is not smaller than the 100 units of encoder.0" in projection


def test_a_variant_that_takes_the_projection_away_must_take_its_clip_away(
    configs: Configs,
) -> None:
    base = "model: {projection: 8, projection_clip: 3}\n"
    (problem,) = configs.problems(f"{HEAD}  v: {{model.projection: null}}\n{base}")
    assert problem.startswith("c.yaml:8:41: variants.v: model.projection_clip: there is no")
    both = "{model.projection: null, model.projection_clip: null}"
    model = configs.load(f"{HEAD}  v: {both}\n{base}").settings["default", "v"].model
    assert model == Model()


# -------------------------------------------------------------------------------------- the formula

CELL = "g = tanh(z_g); h = o * tanh(c)"
FORMULAS = {
    "": CELL,
    "activation: leaky_relu(0.01)": ("g = leaky_relu(0.01)(z_g); h = o * leaky_relu(0.01)(c)"),
    "candidate: [tanh, relu, relu, tanh], output: [relu, tanh, tanh, tanh]": (
        "g = tanh(z_g) in encoder.0 and decoder.1, relu(z_g) in encoder.1 and decoder.0;"
        " h = o * relu(c) in encoder.0, o * tanh(c) in encoder.1, decoder.0 and decoder.1"
    ),
    "between: [linear, relu, linear]": (
        f"{CELL}; y = h after encoder.0 and decoder.0, relu(h) after encoder.1"
    ),
    "between: [relu, relu, relu]": f"{CELL}; y = relu(h)",
    "gates: [sigmoid, hard_sigmoid, sigmoid, sigmoid]": (
        "i, f, o = sigmoid(z) in encoder.0, decoder.0 and decoder.1, hard_sigmoid(z) in encoder.1;"
        f" {CELL}"
    ),
    "peepholes: true": f"i, f = sigmoid(z + p * c_before); o = sigmoid(z + p * c); {CELL}",
    "bidirectional: true": f"forward and backward; {CELL}",
    "bidirectional: decoder": f"forward and backward in the decoder; {CELL}",
    "projection: 32": "g = tanh(z_g); h = P (o * tanh(c)), P to 32",
    "projection: 32, projection_clip: 3, cell_clip: 2.5000001": (
        "g = tanh(z_g); |c| <= 2.5000001; h = P (o * tanh(c)), P to 32; |h| <= 3"
    ),
    "residual: true": "g = tanh(z_g); m = o * tanh(c); h = x + m in decoder.0, else h = m",
    "residual: true, encoder: [8, 8], decoder: [8]": ("g = tanh(z_g); m = o * tanh(c); h = x + m"),
    "projection: 8, residual: true, projection_clip: 3": (
        "g = tanh(z_g); m = P (o * tanh(c)), P to 8; |m| <= 3; h = x + m"
    ),
    "normalization: layer": f"{CELL}; y = normalized(h)",
    "normalization: layer, between: relu": f"{CELL}; y = relu(normalized(h))",
    "kernel_initializer: he_normal, unit_forget_bias: false": (
        f"{CELL}; W from he_normal; b_f from 0"
    ),
    "recurrent_initializer: glorot_uniform": f"{CELL}; R from glorot_uniform",
    "candidate: snake": ("g = snake(z_g); h = o * tanh(c); snake(x) = x + sin(x) ** 2"),
    "candidate: x * 2, output: x + 1, peepholes: true, gates: sigmoid(x) ** 2, head: {units: [3],"
    " activation: x * x}": (
        "i, f = sigmoid(z + p * c_before) ** 2; o = sigmoid(z + p * c) ** 2; g = z_g * 2;"
        " h = o * (c + 1); head = (x * x)[3]"
    ),
    "head: {units: [3], activation: snake}, between: -x": (
        f"{CELL}; y = -h; head = snake[3]; snake(x) = x + sin(x) ** 2"
    ),
}


@pytest.mark.parametrize(("model", "formula"), FORMULAS.items())
def test_formulas(configs: Configs, model: str, formula: str) -> None:
    """In the base all variants have it; as changes of a variant no key is shown twice."""
    one = configs.load(f"{HEAD}{SNAKE}model: {{{model}}}\n")
    assert one.formula("default", "tanh") == formula
    keys = [f"model.{part}" for part in _parts(model)]
    several = configs.load(f"{HEAD}  v: {{{', '.join(keys)}}}\n{SNAKE}") if keys else one
    shown = several.formula("default", "v" if keys else "tanh")
    layers = [key for key in keys if key.startswith(("model.encoder", "model.decoder"))]
    assert shown == "; ".join([formula, *(layer.replace(": ", " = ") for layer in layers)])


def _parts(model: str) -> list[str]:
    """Cut at the commas that are in no bracket."""
    parts, depth = [""], 0
    for sign in model:
        depth += (sign in "[{") - (sign in "]}")
        parts = [*parts, ""] if sign == "," and not depth else [*parts[:-1], parts[-1] + sign]
    return [part.strip() for part in parts if part.strip()]


def test_a_formula_shows_a_change_inside_a_head_once(configs: Configs) -> None:
    one = configs.load(f"{HEAD}  v: {{model.head.units: [3]}}\nmodel: {{head: {{units: [5]}}}}\n")
    assert one.formula("default", "v") == f"{CELL}; head = relu[3]"
