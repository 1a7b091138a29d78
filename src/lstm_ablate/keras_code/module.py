"""A variant as a module of plain Keras that stands alone: `build_model()`, `train(model, windows)`
and what they need.
"""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from lstm_ablate import __version__
from lstm_ablate.experiment.formula import formula_of
from lstm_ablate.experiment.network import Network
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.keras_code import cell
from lstm_ablate.keras_code.build import build_model
from lstm_ablate.keras_code.layout import WIDTH
from lstm_ablate.keras_code.naming import definition, functions_of
from lstm_ablate.keras_code.training import train


@dataclass(frozen=True)
class Variant:
    """What a module is written from: a variant of an experiment, in one of its tasks.

    `task` is empty where the experiment has only one; `own` are the names of the user's own
    activations, by text; `tuned` says, where it is so, that a value is still to be tuned.
    """

    experiment: str
    task: str
    variant: str
    settings: Settings
    network: Network
    own: Mapping[str, str]
    tuned: str = ""

    @property
    def package(self) -> str:
        """Where Keras finds the classes and functions of the module, apart from those of others."""
        return ".".join(filter(None, (self.experiment, self.task, self.variant)))


@dataclass(frozen=True)
class Module:
    """A module as text, and whether a saved model of it is loaded only where it is imported."""

    text: str
    is_needed: bool


def module(source: Variant) -> Module:
    """Return the module of a variant."""
    model, training = source.settings.model, source.settings.training
    network, functions = source.network, functions_of(source.network, source.own)
    defined = [definition(text, name, source.package) for text, name in functions.items()]
    defined += cell.definitions(network, model.initializers, source.package)
    body = [
        *defined,
        build_model(network, model.initializers, training, functions),
        train(training),
    ]
    uses_ops = any("ops." in line for block in body for line in block)
    head = [
        *_docstring(source, is_needed=bool(defined)),
        "",
        "import keras",
        f"from keras import layers{', ops' * uses_ops}",
    ]
    if training.dtype != "float32":
        head += ["", f'keras.config.set_floatx("{training.dtype}")']
    if constants := cell.constants(network):
        head += ["", *constants]
    text = "\n\n\n".join("\n".join(block) for block in (head, *body)) + "\n"
    return Module(text, bool(defined))


def _docstring(source: Variant, *, is_needed: bool) -> list[str]:
    of_task = f", task {source.task}" * bool(source.task)
    paragraphs = [
        f'"""The variant {source.variant} of {source.experiment}{of_task}, in plain Keras.',
        _formula(source),
        "z = x W + h R + b are the inputs of the gates i, f, o and of the candidate g, c is the"
        " cell, and y is what the next LSTM layer reads, h where nothing is said of it.",
        f"Written by lstm-ablate {__version__}. Two things are not those of its own runs: Keras"
        " draws the initial weights, from the same distributions, and the order of the windows in"
        " each epoch. So a loss differs from a recorded one as those of two seeds differ.",
    ]
    if source.tuned:
        paragraphs.append(source.tuned)
    if is_needed:
        paragraphs.append("To load a saved model of it, import this module first.")
    lines: list[str] = []
    for paragraph in paragraphs:
        lines += (
            [*paragraph.split("\n"), ""]
            if paragraph.startswith("  ")
            else [
                *textwrap.wrap(paragraph, WIDTH, break_on_hyphens=False, break_long_words=False),
                "",
            ]
        )
    return [*lines[:-1], '"""']


def _formula(source: Variant) -> str:
    """Return the formula, each part of it on a line of its own."""
    parts = formula_of(source.settings.model, source.own).split("; ")
    lines = [
        textwrap.fill(
            part,
            WIDTH,
            initial_indent="    ",
            subsequent_indent="        ",
            break_on_hyphens=False,
            break_long_words=False,
        )
        for part in parts
    ]
    return "\n".join(lines)
