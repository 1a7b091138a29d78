"""Any config at all ends in 0 or 2: valid ones, ones with a few things wrong, and text that is no
config.
"""

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lstm_ablate.cli import app
from lstm_ablate.experiment import field_types, rules
from lstm_ablate.experiment.activations import ACTIVATIONS
from lstm_ablate.experiment.habits import HABITS
from lstm_ablate.experiment.names import RESERVED
from lstm_ablate.experiment.schema import dotted_paths
from lstm_ablate.experiment.yaml_source import dump

FULL = os.environ.get("LSTM_ABLATE_FULL") == "yes"


def examples(full):
    """So many new examples in the full test; a twentieth, always the same ones, in `make test`."""
    return settings(
        max_examples=full if FULL else full // 20,
        derandomize=not FULL,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


# ------------------------------------------------------------------------------------ valid configs

positive = st.floats(1e-9, 10)
alphas = st.floats(1e-6, 1e6).map(repr)
terms = st.recursive(
    st.just("x") | st.integers(0, 9).map(str) | st.floats(0, 9).map(repr),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
        st.builds("{}({})".format, st.sampled_from(["sin", "tanh", "relu", "gelu"]), inner),
        st.builds("minimum({}, {})".format, inner, inner),
    ),
    max_leaves=4,
)
expressions = terms.map(lambda term: f"x + {term}")  # each contains x, and is finite
activations = st.one_of(
    st.sampled_from(list(ACTIVATIONS)),
    st.builds("{}({})".format, st.sampled_from(["elu", "celu", "squareplus"]), alphas),
    expressions,
)
lists = st.lists(st.integers(1, 64), min_size=1, max_size=3)
layers = lists | st.fixed_dictionaries(
    {"units": st.integers(1, 64), "layers": st.integers(1, 4)},
)
heads = st.fixed_dictionaries({"units": lists}, optional={"activation": activations}) | st.none()
sites = st.one_of(
    st.fixed_dictionaries({}, optional={"activation": activations}),
    st.fixed_dictionaries({}, optional={"candidate": activations, "output": activations}),
)
others = st.fixed_dictionaries(
    {},
    optional={
        "encoder": layers,
        "decoder": layers,
        "latent": st.sampled_from(["sequence", "vector"]),
        "gates": activations,
        "between": activations,
        "head": heads,
        "bidirectional": st.sampled_from([True, False, "encoder", "decoder"]),
        "peepholes": st.booleans(),
        "projection": st.none(),  # a number must be smaller than what the layers have
        "residual": st.just(False),  # and this must be added somewhere
        "cell_clip": st.none() | positive,
        "projection_clip": st.none(),
        "normalization": st.just("none"),  # and this takes more than one number a layer
        "kernel_initializer": st.sampled_from(["he_normal", "glorot_uniform", "lecun_uniform"]),
        "recurrent_initializer": st.sampled_from(["orthogonal", "glorot_normal"]),
        "unit_forget_bias": st.booleans(),
    },
)
# With layers all of one size more can be said.
alike = st.fixed_dictionaries(
    {
        "encoder": st.just({"units": 8, "layers": 2}),
        "decoder": st.just([8, 8]),
        "between": st.lists(activations, min_size=3, max_size=3),
        "gates": st.lists(activations, min_size=4, max_size=4),
    },
    optional={
        "projection": st.integers(2, 7),
        "residual": st.booleans(),
        "normalization": st.sampled_from(["none", "layer"]),
        "candidate": st.lists(activations, min_size=4, max_size=4),
    },
)
families = st.one_of(
    st.just({"family": "random_walk"}),
    st.fixed_dictionaries({"family": st.just("sines")}, optional={"components": st.integers(1, 9)}),
    st.fixed_dictionaries(
        {"family": st.just("square"), "cycles": st.tuples(positive, positive).map(sorted)}
    ),
    st.fixed_dictionaries({"family": st.just("lorenz"), "step": st.floats(0.001, 1)}),
    st.fixed_dictionaries(
        {"family": st.just("ar"), "coefficients": st.floats(-0.9, 0.9).map(lambda one: [one])}
    ),
)
windows = st.fixed_dictionaries(
    {}, optional={"timesteps": st.integers(2, 99), "noise": st.floats(0, 9)}
)
optimizers = st.one_of(
    st.sampled_from(["adam", "adamw", "sgd", "rmsprop"]),
    st.fixed_dictionaries({"name": st.just("adam"), "learning_rate": positive}),
    st.fixed_dictionaries(
        {"name": st.just("sgd"), "nesterov": st.booleans(), "momentum": st.floats(0, 0.99)}
    ),
)
trainings = st.fixed_dictionaries(
    {},
    optional={
        "epochs": st.integers(1, 99),
        "batch_size": st.integers(1, 1024),
        "optimizer": optimizers,
        "loss": st.sampled_from(["mse", "mae", "huber"]),
        "select": st.sampled_from(["best", "last"]),
        "dtype": st.sampled_from(["float32", "float64"]),
    },
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "model.activation": activations,
        "model.gates": activations,
        "model.encoder": layers,
        "model.head": heads,
        "model.peepholes": st.booleans(),
        "model.cell_clip": st.none() | positive,
        "training.optimizer": optimizers,
        "training.epochs": st.integers(1, 99),
    },
)
names = st.from_regex(r"[a-z0-9][a-z0-9_.+-]{0,9}", fullmatch=True).filter(
    lambda name: ".." not in name and not RESERVED.fullmatch(name)
)


@st.composite
def configs(draw):
    variants = draw(st.dictionaries(names, changes, min_size=1, max_size=4))
    for k, written in enumerate(variants.values(), start=1):
        written["training.batch_size"] = k  # no two variants may mean the same training
    head = {
        "version": 1,
        "name": draw(names),
        "baseline": draw(st.sampled_from(list(variants))),
        "variants": variants,
    }
    sections = {
        "data": st.builds(dict.__or__, families, windows),
        "model": st.builds(dict.__or__, sites, others),
        "training": trainings,
        "tasks": st.dictionaries(names, changes, max_size=3),
        "seeds": (
            st.integers(1, 30)
            | st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=9, unique=True)
        ),
        "engine": st.sampled_from(["fused", "keras"]),
        "analysis": st.sampled_from([{}, {"margin": "5%"}, {"margin": 0.2, "stuck": 4}]),
        "execution": st.sampled_from([{}, {"workers": "auto"}, {"workers": 3}]),
    }
    if len(variants) > 1:  # or else nothing would be compared, and nothing decided
        sections["seeds"] |= st.fixed_dictionaries(
            {"until": st.just("decided"), "most": st.integers(15, 30)},
            optional={"step": st.integers(1, 40)},
        )
    config = head | draw(st.fixed_dictionaries({}, optional=sections))
    if draw(st.booleans()):
        config |= {"model": draw(alike), "activations": {"snake": draw(expressions)}}
        for written in (*variants.values(), *config.get("tasks", {}).values()):
            written.pop("model.encoder", None)  # the lists have one name for each layer
            if "model.activation" in written:
                written["model.activation"] = "snake"
    return config


# ------------------------------------------------------------------------------------ wrong configs

odd = st.one_of(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    st.sampled_from(
        [
            "..",
            "a/b",
            "=1+1",
            "NaN",
            "1e3",
            "010",
            "no",
            "~",
            "",
            "https://a/b",
            "model",
            "tanh",
            "\0",
        ]
    ),
    st.sampled_from(
        [[], {}, [[]], {"": None}, 10**99, -1, 0, 1e308, 5e-324, {"family": "file", "path": "."}]
    ),
    st.recursive(
        st.none(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    ),
).map(deepcopy)  # what is put in may be changed in turn
keys = st.text(max_size=12) | st.sampled_from(
    [
        *dotted_paths(),
        *dict.fromkeys(path.rsplit(".", 1)[-1] for path in dotted_paths()),
        *(word for habit in HABITS for word in habit.words.split()),
    ]
)


def places(value):
    """Yield every mapping and list in a config."""
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from places(inner)


@st.composite
def damaged(draw):
    """A valid config of which one to four values were changed, removed, added or renamed."""
    config = json.loads(json.dumps(draw(configs())))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.sampled_from(list(places(config))))
        known = list(place) if isinstance(place, dict) else list(range(len(place)))
        what = draw(st.sampled_from(["change", "remove", "add", "rename"] if known else ["add"]))
        key = draw(st.sampled_from(known)) if known else None
        if what == "change":
            place[key] = draw(odd)
        elif what == "remove":
            del place[key]
        elif isinstance(place, list):
            place.append(draw(odd))
        else:
            place[draw(keys)] = place.pop(key) if what == "rename" else draw(odd)
    return dump(config)


@st.composite
def torn(draw):
    """The text of a valid config with a few characters cut out, put in or replaced."""
    text = dump(draw(configs()))
    signs = st.sampled_from(
        [*"\t\n:-{}[],&*!|>'\"%@`#?\0\x85\ufeff\u00a0", "  ", ": ", "- "]
    ) | st.text(max_size=4)
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(signs) + text[start + draw(st.integers(0, 12)) :]
    return text


tokens = [
    "a: ",
    "- ",
    "? ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "&a ",
    "*a ",
    "!!str ",
    "!x ",
    "|\n",
    ">\n",
    "'",
    '"',
    "\n",
    "  ",
]
tokens += [
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "# ",
    "<<: ",
    "~",
    "1e3",
    "\t",
    "version: 1\n",
    "variants:\n",
    "  tanh: {}\n",
]
garbage = (
    st.text(max_size=300)
    | st.binary(max_size=300)
    | st.lists(st.sampled_from(tokens), max_size=40).map("".join)
)


# ----------------------------------------------------------------------------------------- the test


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """A function that plans a config in this process; it returns the exit code and the messages."""
    monkeypatch.chdir(tmp_path)
    for module in (field_types, rules):
        monkeypatch.setattr(module, "MAX_RUNS", 3000)  # expanding a million runs takes its time
    monkeypatch.setattr(sys, "argv", ["lstm-ablate", "plan", "c.yaml"])

    def call(content):
        content = (
            content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        )
        Path("c.yaml").write_bytes(content)
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
            app.main()
        err.flush()
        told = err.buffer.getvalue().decode()
        assert end.value.code in (None, 0, 2), told
        assert "Traceback" not in told and "validation error" not in told
        assert [path.name for path in Path().iterdir()] == ["c.yaml"]
        if end.value.code == 2:
            lines = [line for line in told.splitlines() if not line.startswith("  ")]
            assert lines and all(line.startswith("c.yaml:") for line in lines), told
        return end.value.code, told

    return call


@pytest.mark.parametrize("seeds", [3001, 1501])
def test_the_limit_set_here_is_the_one_that_is_kept(plan, seeds):
    """Of seeds, and of runs: two variants with 1,501 seeds are 3,002."""
    config = {"version": 1, "name": "x", "seeds": seeds, "baseline": "a"}
    code, told = plan(dump({**config, "variants": {"a": {}, "b": {}}}))
    assert code == 2 and ("; found 3001" if seeds > 3000 else "at most 3,000 are") in told


@pytest.mark.faults
@examples(6000)
@given(config=configs())
def test_a_valid_config_is_accepted(plan, config):
    code, told = plan(dump(config))
    assert not code, told


@pytest.mark.faults
@examples(8000)
@given(text=damaged() | torn())
def test_a_damaged_config_is_accepted_or_refused(plan, text):
    plan(text)


@pytest.mark.faults
@examples(6000)
@given(content=garbage)
def test_garbage_is_refused(plan, content):
    code, _ = plan(content)
    assert code == 2
