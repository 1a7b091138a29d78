"""What is said about words of other tools: each answer is followed, and the loader takes it.

The arbiter is the loader: a config in which the word is replaced by what the message says after
"write", or left out where it says so, must load.
"""

import re
import shlex
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
import pytest
from configurations import HEAD, Configs

from lstm_ablate.errors import UserError
from lstm_ablate.experiment import activations, advice, wording
from lstm_ablate.experiment.advice import about_tuned
from lstm_ablate.experiment.habits import HABITS, NO_VALUES, VALUES, Habit
from lstm_ablate.experiment.loading import load
from lstm_ablate.experiment.nodes import Node, Place
from lstm_ablate.experiment.schema import dotted_paths
from lstm_ablate.experiment.yaml_source import dump, read_text

# What a section needs to have, to be one in which a single word is wrong.
SECTIONS: dict[str, dict[str, Any]] = {
    "data": {"family": "sines"},
    "data.samples": {},
    "data.split": {},
    "model": {},
    "model.encoder": {"units": 8, "layers": 2},
    "model.decoder": {"units": 8, "layers": 2},
    "model.head": {"units": [8]},
    "training": {},
    "training.optimizer": {"name": "adam"},
    "tune": {"path": "training.batch_size", "grid": [4, 8]},
    "seeds": {"until": "decided", "most": 60},
    "analysis": {},
}
FILE = {"family": "file", "path": "own_data.csv"}
ARRAY = {"family": "file", "path": "a.npy"}
WORD = "elu"  # a value that is right wherever text is
LOADED: set[str] = set()


@pytest.fixture(autouse=True)
def files(configs: Configs) -> None:
    rows = "".join(f"{k},{k * k}\n" for k in range(200))
    (configs.folder / "own_data.csv").write_text(f"value,elu\n{rows}")
    (configs.folder / "a.npy").write_bytes(b"")  # only its digest is asked for


def _into(config: dict[str, Any], section: str, more: dict[str, Any]) -> dict[str, Any]:
    """Return a config with more keys in a section, and in those below it."""
    config = deepcopy(config)
    inner, way = config, ""
    for key in section.split(".") if section else ():
        way = f"{way}.{key}".strip(".")
        if not isinstance(inner.get(key), dict):
            inner[key] = deepcopy(SECTIONS.get(way, {}))
        inner = inner[key]
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(inner.get(key), dict):
            inner[key] |= value
        else:
            inner[key] = value
    return config


def _said(problem: str) -> tuple[str, str]:
    """Return what a message says to write, or nothing where a key is left out; and for which."""
    assert "Did you mean" not in problem and "known:" not in problem, problem
    found = re.search(
        r"(?:: leave it out, or|:) write (.+?)( for all (?:variants|tasks))?$", problem
    )
    if found is None:
        assert re.search(r": (leave it out|change \w+, or leave it out)$", problem), problem
        return "", ""
    return found[1], found[2] or ""


def _load(configs: Configs, config: dict[str, Any]) -> None:
    """Load a config, once of all those that are the same."""
    if (text := dump(config)) not in LOADED:
        configs.load(text)
        LOADED.add(text)


def _follow(configs: Configs, base: dict[str, Any], section: str, text: str) -> None:
    """Load a config with what a message says, in its section or nested from the top."""
    more = read_text(f"{{{text}}}", "message").plain() if text else {}
    paths = (f"{section}.{key}" if section else key for key in more)
    top = not dotted_paths().keys() >= set(paths)
    config = base
    for path, value in ({"": more} if top else {section: more}).items():
        config = _into(config, path, {k: v for k, v in value.items() if not isinstance(v, dict)})
        for key, inner in value.items():
            if isinstance(inner, dict):
                deeper = {k: v for k, v in inner.items() if not isinstance(v, dict)}
                name = f"{path}.{key}".strip(".")
                if name in ("variants", "tasks", "tune") or "name" in deeper or key == "split":
                    config = _into(config, path, {key: inner})
                    continue
                config = _into(config, name, deeper)
                for last, lowest in inner.items():
                    if isinstance(lowest, dict):
                        config = _into(config, name, {last: lowest})
    _load(configs, config)


def _base(data: dict[str, Any] | None = None) -> dict[str, Any]:
    config: dict[str, Any] = read_text(HEAD, "head").plain()
    return config | ({"data": data} if data else {})


def _words(habit: Habit) -> list[tuple[str, str]]:
    """Return section and word of each word of a row; a word of no section is one of the top."""
    return [(word.rpartition(".")[0], word.rpartition(".")[2]) for word in habit.words.split()]


ROWS = [_words(habit) for habit in HABITS]
OF_DATA = [habit.write.startswith("data.") for habit in HABITS]
IDS = [row[0][1] for row in ROWS]
FIRST = [row[0] for row in ROWS]


def _check(configs: Configs, base: dict[str, Any], section: str, word: str, value: Any) -> str:
    """Write a word in a section, follow what is said about it; return the message."""
    (problem,) = configs.problems(dump(_into(base, section, {word: value})))
    assert f'unknown key "{word}"' in problem, problem
    text, _ = _said(problem)
    _follow(configs, _into(base, section, {}), section, text)
    if "leave it out" in problem:
        _load(configs, _into(base, section, {}))
    return problem


@pytest.mark.parametrize(("row", "of_data"), list(zip(ROWS, OF_DATA, strict=True)), ids=IDS)
def test_what_is_said_about_a_word_can_be_followed(
    configs: Configs, row: list[tuple[str, str]], of_data: bool
) -> None:
    for section, word in row:
        _check(configs, _base(FILE) if section == "data.split" else _base(), section, word, WORD)
        for data in (FILE, ARRAY) if of_data and section in ("", "data") else ():
            _check(configs, _base(data), section, word, WORD)


@pytest.mark.parametrize("data", [FILE, {"family": "lorenz"}], ids=["file", "lorenz"])
@pytest.mark.parametrize(("section", "word"), [one for one in FIRST if "." not in one[0]])
def test_in_whatever_section_and_beside_whatever_data(
    configs: Configs, section: str, word: str, data: dict[str, Any]
) -> None:
    for where in ("data", "model", "training") if not section else (section,):
        if (where, word) in (("model", "activation"), ("model", "output")):
            continue  # keys of ours
        _check(configs, _base(data), where, word, WORD)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop"])
@pytest.mark.parametrize(
    "word", ["lr", "betas", "eps", "alpha", "weight_decay", "clipnorm", "decay"]
)
def test_beside_whatever_optimizer(configs: Configs, name: str, word: str) -> None:
    base = _into(_base(), "training", {"optimizer": {"name": name}})
    if (name, word) == ("adamw", "weight_decay"):
        return
    problem = _check(configs, base, "training.optimizer", word, WORD)
    if (name, word) in (("sgd", "eps"), ("sgd", "betas"), ("adam", "alpha")):
        assert "Not supported (" in problem and f"{name} has no " in problem


CHANGES = [(s, w) for s, w in FIRST if s in ("", "model", "training") and (s, w) != ("", "epoch")]


@pytest.mark.parametrize("kind", ["variants", "tasks"])
@pytest.mark.parametrize(("section", "word"), CHANGES)
def test_a_variant_or_task_can_follow(configs: Configs, kind: str, section: str, word: str) -> None:
    path = f"{section}.{word}".strip(".")
    more = {"model.gates": "hard_tanh"}
    base = _into(_base(), kind, {"new": more})
    (problem,) = configs.problems(dump(_into(base, f"{kind}", {"new": more | {path: WORD}})))
    assert f'{kind}.new: "{path}" is not a path that {kind} can change. ' in problem
    text, outside = _said(problem)
    if outside or not text:
        assert outside in ("", f" for all {kind}")
        _follow(configs, base, "", text)
    else:
        change = read_text(f"{{{text}}}", "message").plain()
        _load(configs, _into(base, kind, {"new": more | change}))


@pytest.mark.parametrize(("section", "word"), CHANGES)
def test_the_command_line_can_follow(configs: Configs, section: str, word: str) -> None:
    path = f"{section}.{word}".strip(".")
    (problem,) = configs.problems(HEAD, f"{path}={WORD}")
    assert problem.startswith(f'command line, {path}={WORD}: "{path}" is not a path of an exper')
    configs.load(HEAD, *shlex.split(_said(problem)[0]))


# --------------------------------------------------------------------------- what is said, exactly

SAID = {
    "model: {recurrent_activation: hard_sigmoid}": (
        'unknown key "recurrent_activation" in model. Here it is model.gates'
        f" ({activations.MEANT_OTHERWISE['hard_sigmoid']}): write gates: hard_sigmoid"
    ),
    "training: {optimizer: {name: sgd, lr: 3e-4}}": (
        'unknown key "lr" in training.optimizer. Here it is training.optimizer.learning_rate:'
        " write learning_rate: 0.0003"
    ),
    "training: {lr: 3e-4}": (
        'unknown key "lr" in training. Here it is training.optimizer.learning_rate: write'
        " training: {optimizer: {name: adam, learning_rate: 0.0003}}"
    ),
    "training: {optimizer: sgd, learningRate: 1}": (
        'unknown key "learningRate" in training. Here it is training.optimizer.learning_rate:'
        " write training: {optimizer: {name: sgd, learning_rate: 1}}"
    ),
    "training: {patience: 5}": (
        'unknown key "patience" in training. Not supported (every run trains all of its epochs; its'
        " best one can be judged): leave it out, or write select: best"
    ),
    "model: {dropout: 0.2}": (
        'unknown key "dropout" in model. Not supported (no unit is dropped in training): leave it'
        " out"
    ),
    "model: {Hidden-Size: 64}": (
        'unknown key "Hidden-Size" in model. Here it is model.encoder (units of the encoder\'s'
        " layers, which the decoder mirrors): write encoder: [64]"
    ),
    "model: {layer_sizes: [24, 12]}": (
        'unknown key "layer_sizes" in model. Here it is model.encoder (units of the encoder\'s'
        " layers, which the decoder mirrors): write encoder: [24, 12]"
    ),
    "seed: 42": (
        'unknown key "seed". Here it is seeds (a list names them; a number alone is how many):'
        " write seeds: [42]"
    ),
    "data: {family: lorenz, lookback: 10}": (
        'unknown key "lookback" in data. Here it is data.timesteps: write timesteps: 10'
    ),
    "data: {family: file, path: own_data.csv, n_features: 2}": (
        'unknown key "n_features" in data. Not supported (a file has as many features as it has'
        " columns): leave it out"
    ),
    "data: {family: file, path: a.npy, lookback: 2}": (
        'unknown key "lookback" in data. Not supported (an array has its windows as they are):'
        " leave it out"
    ),
    "data: {family: file, path: own_data.csv, usecols: [value]}": (
        'unknown key "usecols" in data. Here it is data.columns: write columns: [value]'
    ),
    "epochs: 5": 'unknown key "epochs". Here it is training.epochs: write training: {epochs: 5}',
    "model: {loss: mae}": (
        'unknown key "loss" in model. Here it is training.loss: write training: {loss: mae}'
    ),
    "data: {family: lorenz, cycles: [1, 2]}": (
        'unknown key "cycles" in data. It is a key of sines, square: change family, or leave it out'
    ),
    "training: {optimizer: {name: adam, rho: 0.5}}": (
        'unknown key "rho" in training.optimizer. It is a key of rmsprop: change name, or leave it'
        " out"
    ),
    "epochs:": 'unknown key "epochs". Here it is training.epochs',
    f"epochs: [{', '.join(['1'] * 100)}]": 'unknown key "epochs". Here it is training.epochs',
    "encoder: [{units: }]": (
        'unknown key "encoder". Here it is model.encoder: write model: {encoder: [{units:'
        ' "nothing"}]}'
    ),
    "  v: {lr: 0.1}": (
        'variants.v: "lr" is not a path that variants can change. Here it is'
        " training.optimizer.learning_rate: write training.optimizer.learning_rate: 0.1"
    ),
    "  v: {seeds: 5}": (
        'variants.v: "seeds" is not a path that variants can change. Here it is seeds: write seeds:'
        " 5 for all variants"
    ),
    "tune: {path: training.lr, grid: [1e-3, 1]}": (
        'tune.path: "training.lr" is no number in model or training. Here it is'
        " training.optimizer.learning_rate"
    ),
}


@pytest.mark.parametrize(("text", "said"), SAID.items())
def test_what_is_said(configs: Configs, text: str, said: str) -> None:
    (problem,) = configs.problems(f"{HEAD}{text}\n")
    assert problem.split(": ", 1)[1] == said


def test_a_base_and_its_cells_say_it_once(configs: Configs) -> None:
    """The cell of a variant with another optimizer would name that one in its answer."""
    text = f"{HEAD}  sgd: {{training.optimizer.name: sgd}}\ntraining: {{lr: 1e-3}}\n"
    (problem,) = configs.problems(text)
    assert problem.endswith("write training: {optimizer: {name: adam, learning_rate: 0.001}}")


def test_signs_of_hydra_on_the_command_line(configs: Configs) -> None:
    sign = "before a path is Hydra's: write"
    for text, wanted in {
        "+training.epochs=5": f'"+" {sign} training.epochs=5',
        "++training.epochs=5": f'"+" {sign} training.epochs=5',
        "~tasks.lorenz": f'"~" {sign} tasks.lorenz=null',
        "~tasks.lorenz=1": f'"~" {sign} tasks.lorenz=null',
    }.items():
        assert configs.problems(HEAD, text) == [f"command line, {text}: {wanted}"]


# ------------------------------------------------------------------------------------------ values


def _at(path: str, value: str) -> str:
    section, _, key = path.rpartition(".")
    kept = FILE if path == "data.scaling" else SECTIONS.get(section, {})
    return dump(_into(_base(dict(kept) if section == "data" else None), section, {key: value}))


@pytest.mark.parametrize(
    ("path", "word"),
    [(path, word) for path in VALUES for words in VALUES[path].values() for word in words.split()],
)
def test_a_value_of_another_tool_is_answered_with_ours(
    configs: Configs, path: str, word: str
) -> None:
    problems = configs.problems(_at(path, word))
    (said,) = re.findall(r"\. Here it is (\w+): write \1$", "\n".join(problems), re.MULTILINE)
    if said != "file":  # which needs a path
        configs.load(_at(path, said))


@pytest.mark.parametrize(
    ("path", "word"), [(path, word) for path in NO_VALUES for word in NO_VALUES[path][0].split()]
)
def test_a_value_that_nothing_here_means_is_answered_with_nothing_alike(
    configs: Configs, path: str, word: str
) -> None:
    (problem,) = configs.problems(_at(path, word))
    why = NO_VALUES[path][1]
    assert problem.endswith(f". Not supported ({why}): write one of these")


def test_an_optimizer_may_be_written_in_one_word_or_named(configs: Configs) -> None:
    for text in ("nadam", "{name: nadam}"):
        (problem,) = configs.problems(f"{HEAD}training: {{optimizer: {text}}}\n")
        assert "rmsprop. Not supported (both engines have four optimizers): write" in problem


# ------------------------------------------------------------------------------ what is misspelt

MISSPELT = {
    "model: {encodr: [1]}": "encoder",
    "model: {Encoder: [1]}": "encoder",
    "model: {cellclip: 1}": "cell_clip",
    "training: {epochz: 1}": "epochs",
    "training: {optimiser: adam}": "",
    "traning: {}": "training",
    "  v: {model.activatoin: relu}": "model.activation",
    "  v: {mdoel.gates: relu}": "model.gates",
    "  v: {training.optimizer.learnig_rate: 1}": "training.optimizer.learning_rate",
    "tune: {path: training.optimizer.learningrate, grid: [1, 2]}": (
        "training.optimizer.learning_rate"
    ),
}


@pytest.mark.parametrize(("text", "meant"), MISSPELT.items())
def test_a_misspelt_key_is_answered_with_the_right_one(
    configs: Configs, text: str, meant: str
) -> None:
    (problem,) = configs.problems(f"{HEAD}{text}\n")
    assert (f'Did you mean "{meant}"?' in problem) == bool(meant)


# Words, and what version 0.1 took each of them for, by spelling alone.
STRANGERS = {
    "training.optimizer.lr": "rho",
    "training.lr": "loss",
    "training.patience": "training.optimizer.name",
    "model.dropout": "output",
    "model.recurrent_activation": "model.activation",
    "model.gain": "gates",
    "training.rate": "training.dtype",
    "model.layering": "latent",
    "data.nose_std": "noise",
    "training.beta": "dtype",
    "data.trend": "end",
    "training.losses_of": "loss",
}


@pytest.mark.parametrize(("path", "other"), STRANGERS.items())
def test_what_is_merely_like_another_word_is_not_taken_for_it(
    configs: Configs, path: str, other: str
) -> None:
    section, _, word = path.rpartition(".")
    problems = [
        *configs.problems(dump(_into(_base(), section, {word: 0.5}))),
        *configs.problems(HEAD, f"{path}=0.5"),
        *configs.problems(dump(_into(_base(), "tasks", {"t": {path: 0.5}}))),
    ]
    for problem in problems:
        assert f'Did you mean "{other}"' not in problem, problem
        assert "Did you mean" not in problem, problem


def test_a_tuned_path_without_anything_like_it_gets_no_suggestion() -> None:
    nothing = Node({}, Place("c.yaml"))
    assert about_tuned("training.patience", nothing) == ""
    assert about_tuned("data.noise", nothing) == ""


# What was written, and what the message says to write: the value that was meant, not an example.
MEANT = {
    "model: {return_sequences: true}": "latent: sequence",
    "model: {return_sequences: false}": "latent: vector",
    "model: {repeat_vector: true}": "latent: vector",
    "model: {repeat_vector: false}": "latent: sequence",
    "model: {bidir: false}": "bidirectional: false",
    "model: {layer_norm: false}": "normalization: none",
    "model: {forget_bias: 0.0}": "unit_forget_bias: false",
    "model: {forget_bias: 1.0}": "unit_forget_bias: true",
    "training: {restore_best_weights: false}": "select: last",
    "model: {layers: [32, 16]}": "encoder: [32, 16]",
    "model: {num_layers: 3}": "encoder: {units: 32, layers: 3}",
    "model: {mlp: [32]}": "head: {units: [64], activation: relu}",
    "training: {criterion: mae}": "loss: mae",
    "training: {criterion: L1Loss}": "loss: mae",
    "training: {optim: sgd}": "optimizer: sgd",
    "training: {weight_decay: 0.1}": "training: {optimizer: {name: adamw, weight_decay: 0.1}}",
    "experiment_name: mine": "name: mine",
    "csv: own_data.csv": "data: {family: file, path: own_data.csv}",
    "model: {recurrent_activation: hardsigmoid}": "gates: hard_sigmoid",
    "model: {recurrent_activation: nothing_like_it}": "gates: sigmoid",
}


@pytest.mark.parametrize(("written", "meant"), MEANT.items())
def test_a_message_keeps_what_was_meant(configs: Configs, written: str, meant: str) -> None:
    (problem,) = configs.problems(f"{HEAD}{written}\n")
    assert problem.endswith(f"write {meant}")


# What was written for the encoder or the decoder alone, and the activations of three layers then.
IN_ONE_PART = {
    ("encoder", "activation", "relu"): ("candidate", ("relu", "relu", "tanh")),
    ("encoder", "nonlinearity", "relu"): ("output", ("relu", "relu", "tanh")),
    ("decoder", "recurrent_activation", "relu"): ("gates", ("sigmoid", "sigmoid", "relu")),
    ("encoder", "between", "relu"): ("between", ("relu", "linear")),
}


@pytest.mark.parametrize(("written", "places"), IN_ONE_PART.items())
def test_a_key_of_one_part_says_what_it_changes_in_the_other(
    configs: Configs, written: tuple[str, str, str], places: tuple[Any, tuple[str, ...]]
) -> None:
    part, key, name = written
    stacks = {"encoder": {"units": 4, "layers": 2}, "decoder": {"units": 4, "layers": 1}}
    base = _base() | {"model": stacks, "variants": {"tanh": {}, "v": {"model.cell_clip": 3}}}
    problem = _check(configs, base, f"model.{part}", key, name)
    other = {"encoder": "decoder", "decoder": "encoder"}[part]
    assert (
        f"(one name for all layers, or one for each; this leaves the {other} as it is)" in problem
    )
    more = read_text(_said(problem)[0], "message").plain()["model"]
    model = configs.load(dump(base | {"model": stacks | more})).settings["default", "tanh"].model
    site, acting = places
    assert model.places(site) == acting
    (of_path,) = configs.problems(dump(base), f"model.{part}.{key}={name}")
    followed = configs.load(dump(base), *shlex.split(_said(of_path)[0]))
    assert followed.settings["default", "tanh"].model.places(site) == acting


def test_a_key_that_cannot_be_of_one_part_says_so(configs: Configs) -> None:
    said = {
        "encoder: {units: 4, layers: 2, use_peepholes: true}": (
            "Here it is model.peepholes (it holds for all layers, those of the decoder too): write"
            " model: {peepholes: true}"
        ),
        "decoder: {units: 4, layers: 2, bidirectional: true}": (
            "Here it is model.bidirectional (in the decoder alone): write model: {bidirectional:"
            " decoder}"
        ),
        "encoder: {units: 4, layers: 1, between: relu}": (
            "(it holds for all layers, those of the decoder too): write model: {between: relu}"
        ),
    }
    for text, message in said.items():
        (problem,) = configs.problems(f"{HEAD}model: {{{text}}}\n")
        assert problem.endswith(message)


def test_units_and_a_number_of_layers_are_answered_together(configs: Configs) -> None:
    layers = {
        "hidden_size: 24, num_layers: 3": "write encoder: {units: 24, layers: 3}",
        "encoder: {units: 8, layers: 2}, num_layers: 3": "write encoder: {units: 8, layers: 3}",
        "encoder: [64, 32], num_layers: 2": "a number for each of 2 layers): leave it out",
        "encoder: [64], num_layers: 2": (
            "for each of 1 layer): leave it out, or write encoder: {units: 64, layers: 2}"
        ),
    }
    for text, message in layers.items():
        problems = configs.problems(f"{HEAD}model: {{{text}}}\n")
        assert all(problem.endswith(message) for problem in problems), problems


def test_an_underscore_may_stand_for_a_dot(configs: Configs) -> None:
    for written, meant in {
        "training_epochs=2": "training.epochs=2",
        "optimizer_learning_rate=1": "training.optimizer.learning_rate=1",
        "data_family=lorenz": "data.family=lorenz",
        "optimizer.name=sgd": "training.optimizer.name=sgd",
    }.items():
        (problem,) = configs.problems(HEAD, written)
        assert problem.endswith(f"write {meant}")


def test_no_row_hides_another_for_good() -> None:
    """Keras' clipnorm was hidden by PyTorch's clip_norm, which is another thing."""
    rows: dict[str, list[Habit]] = {}
    for habit in HABITS:
        for word in dict.fromkeys(map(advice._plain, habit.words.split())):
            rows.setdefault(word, []).append(habit)
    for word, some in rows.items():
        for habit in some[:-1]:  # what has no such key goes on to the next row
            assert habit.write.startswith("data."), word


@pytest.mark.parametrize("word", ["clipnorm", "clip_norm"])
def test_clipping_in_another_way_is_said_to_be_another(configs: Configs, word: str) -> None:
    text = f"{HEAD}training: {{optimizer: {{name: adam, {word}: 1}}}}\n"
    (problem,) = configs.problems(text)
    assert "each weight array by itself" in problem and "so that the two differ" in problem
    assert problem.endswith("leave it out, or write global_clipnorm: 1")


def test_a_target_is_not_the_target_of_hydra(configs: Configs) -> None:
    (problem,) = configs.problems(f"{HEAD}data: {{family: sines, target: x}}\n")
    assert problem.endswith("(the network reconstructs the window that it reads): leave it out")


def test_an_activation_that_other_tools_mean_otherwise_comes_with_its_formula(
    configs: Configs,
) -> None:
    """Keras 2's formula, in the language of expressions, against NumPy's clip."""
    text = f"{HEAD}model: {{recurrent_activation: hard_sigmoid}}\n"
    (problem,) = configs.problems(text)
    assert "clip(x / 6 + 1/2, 0, 1); that of Keras 2 was clip(0.2 x + 0.5, 0, 1)" in problem
    older = re.search(r"here (relu6\(.*?\) / 6)\)", problem)
    assert older is not None
    x = np.linspace(-9, 9, 999)
    function = activations.activation(activations.canonical(older[1])).function
    assert np.allclose(function(x), np.clip(0.2 * x + 0.5, 0, 1), rtol=0, atol=1e-15)
    one = configs.load(f"{HEAD}model: {{gates: hard_sigmoid}}\n")
    assert one.remarks == [activations.MEANT_OTHERWISE["hard_sigmoid"]]
    assert configs.load(HEAD).remarks == []


@pytest.mark.parametrize(
    ("change", "typed"),
    [("data.sep=;", """data.separator='";"'"""), ("hidden_size=[8, 4]", 'model.encoder="[8, 4]"')],
)
def test_what_a_message_says_to_type_survives_the_shell(
    configs: Configs, change: str, typed: str
) -> None:
    text = f"{HEAD}data: {{family: file, path: own_data.csv}}\n"
    (problem,) = configs.problems(text, change)
    assert problem.endswith(f"write {typed}")
    configs.load(text, *shlex.split(typed))


def test_a_value_that_is_no_yaml_comes_with_the_form_that_is(configs: Configs) -> None:
    (problem,) = configs.problems(HEAD, "question=@home?")
    typed = problem.partition("in quotes: ")[2]
    assert typed == """question='"@home?"'"""
    assert configs.load(HEAD, *shlex.split(typed)).resolved["question"] == "@home?"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "model.head=relu",
            "expected a mapping such as {units: [64], activation: relu}, found",
        ),
        ("model.encoder=32,16", 'expected a list such as [32, 16], found "32,16" (text)'),
        ("model.encoder=32", "expected a list such as [32], found 32"),
        ("data.samples=5", "expected a mapping such as {train: 1024, validation: 256, test: 1024}"),
    ],
)
def test_what_is_expected_comes_with_an_example(
    configs: Configs, change: str, message: str
) -> None:
    (problem,) = configs.problems(HEAD, change)
    assert message in problem


def test_examples_of_mappings_and_lists_are_right(configs: Configs) -> None:
    for path, example in wording._EXAMPLES.items():
        file = path in ("data.split", "data.columns")
        chirp = path in ("data.start", "data.end")
        family = "file" if file else "chirp" if chirp else "ar" if "coeff" in path else "sines"
        more = ["data.path=own_data.csv"] if file else []
        if path == "tune.grid":
            more += ["tune={path: training.optimizer.learning_rate, grid: [1, 2]}"]
        configs.load(HEAD, f"data.family={family}", *more, f"{path}={example}")


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("seeds", "5", "write seeds=5"),
        ("seeds", "", "write seeds=..."),
        ("epochs", "5", "Here it is training.epochs: write training.epochs=5"),
        ("dropout", "0.1", "Not supported (no unit is dropped in training): leave it out"),
        ("quite", "", ""),
    ],
)
def test_an_option_that_is_a_setting_is_answered_with_it(
    option: str, value: str, told: str
) -> None:
    assert advice.about_option(option, value) == told


def test_the_gates_of_all_variants_are_shown_where_those_of_one_are_unusual(
    configs: Configs,
) -> None:
    plain = configs.load(HEAD)
    assert plain.formula("default", "tanh") == "g = tanh(z_g); h = o * tanh(c)"
    gated = configs.load(f"{HEAD}  hard: {{model.gates: hard_sigmoid}}\n")
    assert gated.formula("default", "tanh") == (
        "i, f, o = sigmoid(z); g = tanh(z_g); h = o * tanh(c)"
    )


def test_a_learned_slope_is_said_to_be_one(configs: Configs) -> None:
    (problem,) = configs.problems(f"{HEAD}model: {{activation: PReLU}}\n")
    assert problem.endswith("learns its slope; with a fixed one it is leaky_relu(0.25) here")
    configs.load(f"{HEAD}model: {{activation: leaky_relu(0.25)}}\n")


@pytest.mark.parametrize(
    ("value", "saved", "name"),
    [
        (pd.DataFrame({"a": [1]}), '.to_csv("own.csv", index=False)', "own.csv"),
        (np.zeros((2, 3, 1)), 'numpy.save("own.npy", ...)', "own.npy"),
    ],
)
def test_data_of_a_program_are_said_to_be_saved_first(value: object, saved: str, name: str) -> None:
    with pytest.raises(UserError) as caught:
        load({"version": 1, "data": value})
    assert f'Save it with {saved}, and write {{"family": "file", "path": "{name}"}} for data' in (
        str(caught.value)
    )


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ("variants.gelu={model.activation:gelu}", "model.activation: gelu"),
        ("data.samples={train:64}", "train: 64"),
        ("training=epochs:5", "epochs: 5"),
        ("training.optimizer=learning_rate:0.1", "learning_rate: 0.1"),
    ],
)
def test_a_colon_without_its_space_is_answered_with_the_space(
    configs: Configs, change: str, answer: str
) -> None:
    (problem,) = configs.problems(HEAD, change)
    assert problem.endswith(f" YAML needs a space after the colon: write {answer}")
    path, _, written = change.partition("=")
    spaced = f"{{{answer}}}"
    configs.load(HEAD, f"{path}={spaced}")
    unknown = configs.problems(HEAD, f"{path}={written.replace(':', 'x:')}")
    assert "YAML needs a space" not in "".join(unknown)
