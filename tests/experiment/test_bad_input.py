"""Bad input: one table of what people get wrong, each told at once, at its place, with nothing
written.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np
import processes
import pytest
from configurations import HEAD

from lstm_ablate import machine
from lstm_ablate.cli import app
from lstm_ablate.errors import printable
from lstm_ablate.experiment import loading, runs
from lstm_ablate.experiment.identity import SCHEMA
from lstm_ablate.experiment.yaml_source import MAX_BYTES
from lstm_ablate.store import environment, records
from lstm_ablate.training import sweep
from lstm_ablate.training.inputs import checking

PROGRAM = Path(sys.executable).with_name("lstm-ablate")


def head(old, new):
    assert old in HEAD
    return HEAD.replace(old, new)


ALLOWED = (
    "cannot be a name; allowed: letters, digits and _ - + . (a letter, digit or _ first), at most"
    " 64 and 200 bytes"
)
UNSEEN = "holds a character that cannot be seen"
READ_AS = "cannot be a name: other programs read it as something else"
SECTIONS = "known: data, model, training, version, name, question, seeds, baseline, variants, tasks"
ACTIVATIONS = (
    "known: linear, relu, leaky_relu, relu6, elu, celu, selu, gelu, silu, mish, softplus,"
    " squareplus, sparse_plus, softsign, tanh, hard_tanh"
)
WHOLE = "training.epochs: expected a whole number, found"
SEEDS = "seeds: write a number of seeds, or a list of whole numbers from 0, such as [0, 7]; found"
DATA = "data: {family: file, path: data.csv, timesteps: 4}\n"
GOOD_ROWS = [f"{row * row * row},{row * row}" for row in range(40)]

# What a file holds -> how the message goes on after "c.yaml"; it may have other parts, given after
# the first.
FILES = {
    "empty": ("", [": the file is empty"]),
    "list at the top": (
        "- a\n",
        [":1:1: an experiment is a mapping (name: ..., variants: ...), found a list"],
    ),
    "text at the top": (
        "hello\n",
        [':1:1: an experiment is a mapping (name: ..., variants: ...), found "hello"'],
    ),
    "UTF-16": (HEAD.encode("utf-16"), [":1: byte 0 (0xff) is not UTF-8; save the file as UTF-8"]),
    "UTF-16, no mark": (
        HEAD.encode("utf-16-le"),
        [":1:2: the character U+0000 is not allowed in YAML"],
    ),
    "Latin-1": (
        head("tanh: {}", "tänh: {}").encode("latin-1"),
        [":5: byte 50 (0xe4) is not UTF-8; save the file as"],
    ),
    "over 1 MiB": (HEAD + "#" * MAX_BYTES, [": 1,048,667 bytes; a config has at most 1,048,576"]),
    "smart quotes": (
        HEAD + "model: {gates: “tanh”}\n",
        [":7:16: “tanh” begins with a typographic quote; write \" or '"],
    ),
    "smart single quotes": (
        head("test", "\u2018test\u2019"),
        [":2:7: \u2018test\u2019 begins with a typographic quote"],
    ),
    "unclosed quote": (
        HEAD + 'engine: "fused\n',
        [":8:1: not YAML: while scanning a quoted scalar"],
    ),
    # YAML
    "alias bomb": (
        "x0: &x0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        + "".join(f"x{k}: &x{k} [{', '.join([f'*x{k - 1}'] * 10)}]\n" for k in range(1, 10)),
        [":5:20: more than 50,000 values after expanding aliases"],
    ),
    "long list": (
        HEAD + f"x: [{'1,' * 500_000}]\n",
        [":7:99971: more than 50,000 values after expanding aliases"],
    ),
    "recursive alias": (HEAD + "model: &m {head: *m}\n", [":7:18: *m refers to itself"]),
    "depth 2,000": (
        HEAD + "model: " + "[" * 2000 + "]" * 2000,
        [":7:58: nested deeper than 50 levels"],
    ),
    "binary": (
        HEAD + "seeds: !!binary aGk=\n",
        [":7:8: the tag tag:yaml.org,2002:binary is not allowed"],
    ),
    "date": (HEAD + "seeds: 2024-01-31\n", [f':7:8: {SEEDS} "2024-01-31" (text)']),
    "equals sign": (HEAD + "seeds: =\n", [f':7:8: {SEEDS} "=" (text)']),
    "merge of a list": (
        HEAD + "<<: [1]\n",
        [":7:6: << takes a mapping or a list of mappings, such as *base or [*one, *other]; found"],
    ),
    "repeated key beside a merge": (
        HEAD + "model: {<<: {gates: relu}, gates: elu, gates: selu}\n",
        [':7:40: the key "gates" was already given at c.yaml:7:28'],
    ),
    "mistake that a merge brings in": (
        "x-a: &a\n  model.gates: tnah\n" + HEAD + "  third: {<<: *a}\n",
        [':2:16: variants.third: model.gates: "tnah" is not an activation.'],
    ),
    "key is a number": (HEAD + "  7: {}\n", [":7:3: the key 7 is not text; put it in quotes"]),
    "5,000 digits": (
        HEAD + f"seeds: {'9' * 5000}\n",
        [":7:8: a whole number of 5000 digits is out of range"],
    ),
    "5,000 digits and a point": (
        HEAD + f"seeds: {'9' * 5000}.0\n",
        [f":7:8: {'9' * 80} is outside the range of a float"],
    ),
    # the frame
    "missing name": (head("name: test\n", ""), [':1:1: the key "name" is missing']),
    "missing version": (head("version: 1\n", ""), [':1:1: the key "version" is missing']),
    "missing variants": (
        "version: 1\nname: a\nbaseline: b\n",
        [':1:1: the key "variants" is missing'],
    ),
    "unsupported version": (
        head("version: 1", "version: 2"),
        [":1:10: version: found 2; allowed: 1."],
    ),
    "version is true": (
        head("version: 1", "version: true"),
        [":1:10: version: expected a whole number, found true"],
    ),
    "name is a number": (head("test", "1e3"), [":2:7: name: expected text, found 1000.0"]),
    "unknown baseline": (
        head("baseline: tanh", "baseline: tnah"),
        [':3:11: baseline: "tnah" is not a variant. Did you mean "tanh"?\n  known: tanh, relu'],
    ),
    "no variants": (
        "version: 1\nname: a\nbaseline: b\nvariants: {}\n",
        [":4:11: variants: expected at least 1, found a"],
    ),
    "name that leads up": (head("test", ".."), [f':2:7: ".." {ALLOWED}']),
    "name with a slash": (head("test", "a/b"), [f':2:7: "a/b" {ALLOWED}']),
    "name that turns text around": (
        head("name: test", 'name: "a\\u202eb"'),
        [f':2:7: "a\\u202eb" {ALLOWED}'],
    ),
    "name with a backslash": (head("test", "a\\b"), [f':2:7: "a\\\\b" {ALLOWED}']),
    "absolute name": (head("test", "/tmp"), [f':2:7: "/tmp" {ALLOWED}']),
    "grid of 490,000 cells, all with a mistake": (
        "version: 1\nname: t\nbaseline: v0\ntraining: {epochs: x}\nvariants:\n"
        + "".join(f"  v{k}: {{model.gates: {'tanh' if k else 'tnah'}}}\n" for k in range(700))
        + "  last: {training.batch_size: 0}\ntasks:\n"
        + "".join(f"  t{k}: {{data.noise: 1}}\n" for k in range(699))
        + "  last: {data.noise: -1}\nseeds: 1\n",
        [
            f':4:20: {WHOLE} "x" (text)',
            'c.yaml:6:21: tasks.t0: variants.v0: model.gates: "tnah" is not an activation.',
            (
                "c.yaml:706:31: tasks.t0: variants.last: training.batch_size: must be at least 1;"
                " found 0"
            ),
            "c.yaml:1407:22: tasks.last: variants.v0: data.noise: must be at least 0.0; found -1",
        ],
    ),
    "grid of two billion runs": (
        "version: 1\nname: t\nbaseline: v0\nvariants:\n"
        + "".join(f"  v{k}: {{}}\n" for k in range(2000))
        + "tasks:\n"
        + "".join(f"  t{k}: {{}}\n" for k in range(1000))
        + "seeds: 1000\n",
        [
            ":3006:8: 1,000 tasks x 2,000 variants x 1,000 seeds are 2,000,000,000 runs; at most"
            " 1,000,000 are allowed"
        ],
    ),
}

# What follows HEAD -> how the message goes on after "c.yaml".
LINES = {
    # scalars
    "octal": ("training: {epochs: 010}", f':7:20: {WHOLE} "010" (text)'),
    "time": ("training:\n  epochs: 12:30", f':8:11: {WHOLE} "12:30" (text)'),
    "hexadecimal": ("training: {epochs: 0x10}", f':7:20: {WHOLE} "0x10" (text)'),
    "underscore": ("training: {epochs: 1_000}", f':7:20: {WHOLE} "1_000" (text)'),
    "comma": ("training:\n  epochs: 1,000", f':8:11: {WHOLE} "1,000" (text)'),
    "comma in braces": (
        "training: {epochs: 1,000}",
        ':7:22: unknown key "000" in training.\n  known: epochs, batch_size',
    ),
    "truth": ("training: {epochs: True}", f":7:20: {WHOLE} true"),
    "float for a whole number": ("training: {epochs: 1e3}", f":7:20: {WHOLE} 1000.0"),
    "3.5 units": (
        "model: {encoder: [3.5]}",
        ":7:19: model.encoder.0: expected a whole number, found 3.5",
    ),
    "NaN": (
        "data: {family: ar, noise: .nan}",
        ":7:27: data.noise: expected a finite number, found NaN",
    ),
    "infinity": (
        "data: {family: ar, noise: .inf}",
        ":7:27: data.noise: expected a finite number, found Infinity",
    ),
    "too large": (
        "data: {family: ar, noise: 1e400}",
        ":7:27: 1e400 is outside the range of a float",
    ),
    "too small": (
        "data: {family: ar, noise: 1e-400}",
        ":7:27: 1e-400 is outside the range of a float",
    ),
    "noise that overflows": (
        "data: {family: ar, noise: 1e200}",
        ":7:27: data.noise: must be at most 1000000.0; found",
    ),
    "cycles that overflow": (
        "data: {family: sines, cycles: [1e-320, 1e308]}",
        ":7:40: data.cycles.1: must be at most 1000000.0; found 1e+308",
    ),
    "chirp that overflows": (
        "data: {family: chirp, end: [1, 2e6]}",
        ":7:32: data.end.1: must be at most 1000000.0",
    ),
    "negative size": (
        "model: {encoder: [-4]}",
        ":7:19: model.encoder.0: must be at least 1; found -4",
    ),
    "size zero": (
        "data: {family: ar, samples: {train: 0}}",
        ":7:37: data.samples.train: must be at least 1; found 0",
    ),
    "one time step": (
        "data: {family: ar, timesteps: 1}",
        ":7:31: data.timesteps: must be at least 2; found 1",
    ),
    "rate zero": (
        "training: {optimizer: {name: sgd, learning_rate: 0}}",
        ":7:50: training.optimizer.learning_rate: must be greater than 0.0; found 0",
    ),
    "negative rate": (
        "training: {optimizer: {name: adam, learning_rate: -1e-3}}",
        ":7:51: training.optimizer.learning_rate: must be greater than 0.0; found -0.001",
    ),
    "momentum of 1": (
        "training: {optimizer: {name: sgd, momentum: 1}}",
        ":7:45: training.optimizer.momentum: must be less than 1.0; found 1",
    ),
    "quoted number": ("training: {epochs: '5'}", f':7:20: {WHOLE} "5" (text)'),
    "Arabic digits": ("training: {epochs: ٣}", f':7:20: {WHOLE} "٣" (text)'),
    "full-width digits": ("seeds: １０", f':7:8: {SEEDS} "１０" (text)'),  # noqa: RUF001
    "no for false": (
        "training: {optimizer: {name: sgd, nesterov: no}}",
        ':7:45: training.optimizer.nesterov: expected true or false, found "no" (text)',
    ),
    "nothing": ("training: {epochs: }", f":7:19: {WHOLE} nothing"),
    "99 digits": (
        f"training: {{epochs: {'9' * 99}}}",
        ":7:20: training.epochs: must be at most 1000000; found 999",
    ),
    # schema
    "unknown section": (
        "trainig: {}",
        f':7:1: unknown key "trainig". Did you mean "training"?\n  {SECTIONS}',
    ),
    "unknown key": (
        "model: {encodr: [1]}",
        (
            ':7:9: unknown key "encodr" in model. Did you mean "encoder"?\n  known: encoder,'
            " latent, decoder"
        ),
    ),
    "8,000 unknown keys": (
        f"model: {{{', '.join(f'k{k}: 1' for k in range(8000))}}}",
        ':7:9: unknown key "k0" in model.\n  known: encoder, latent, decoder',
    ),
    "missing key": (
        "model: {head: {activation: relu}}",
        ':7:15: model.head: the key "units" is missing',
    ),
    "misspelt family": (
        "data: {familly: sines, timestep: 3}",
        ':7:8: unknown key "familly" in data. Did you mean "family"?',
    ),
    "another misspelt key beside it": (
        "data: {familly: sines, timestep: 3}",
        ':7:24: unknown key "timestep" in data. Here it is data.timesteps: write timesteps: 3',
    ),
    "misspelt key beside an unknown family": (
        "data: {family: sinus, timestep: 3}",
        ':7:23: unknown key "timestep" in data. Here it is data.timesteps: write timesteps: 3',
    ),
    "missing family": ("data: {noise: 0.1}", ':7:7: data: the key "family" is missing'),
    "one value for a list": (
        "model: {encoder: 100}",
        ":7:18: model.encoder: expected a list such as [100], found 100",
    ),
    "empty layers": (
        "model: {encoder: []}",
        ":7:18: model.encoder: expected at least 1, found an empty list",
    ),
    "empty seeds": ("seeds: []", f":7:8: {SEEDS} an empty list"),
    "empty columns": (
        "data: {family: file, path: c.yaml, columns: []}",
        ":7:45: data.columns: expected at least 1, found",
    ),
    "repeated seed": ("seeds: [3, 1, 3]", ":7:8: seeds: the seed 3 is named twice"),
    "negative seed": (
        "seeds: [0, -1]",
        ":7:8: seeds: a seed is a whole number from 0 to 2^63 - 1; -1 is none",
    ),
    "seed of 99 digits": (
        f"seeds: [{'9' * 99}]",
        f":7:8: seeds: a seed is a whole number from 0 to 2^63 - 1; {'9' * 80} ",
    ),
    "separator of two characters": (
        "data: {family: file, path: c.yaml, separator: ';;'}",
        ':7:47: data.separator: expected one character such as ";", or tab, found ";;"',
    ),
    "decimal mark": (
        "data: {family: file, path: c.yaml, decimal: ;}",
        ':7:45: data.decimal: write "." or ","; found ";"',
    ),
    "thousands that are decimals": (
        "data: {family: file, path: c.yaml, decimal: ',', thousands: ','}",
        ':7:61: data.thousands: "," is the decimal mark too',
    ),
    "repeated column": (
        "data: {family: file, path: c.yaml, columns: [a, a]}",
        ':7:45: data.columns: "a" is named twice',
    ),
    "repeated column of 30,000": (
        (
            "data: {family: file, path: c.yaml, columns:"
            f" [{', '.join(f'c{k}' for k in range(30_000))}, c29999]}}"
        ),
        ':7:45: data.columns: "c29999" is named twice',
    ),
    "repeated name": ("  relu: {}", ':7:3: the key "relu" was already given at '),
    "names alike but for case": (
        "  ReLU: {}",
        ':7:3: "ReLU" and "relu" in variants differ only in case or accents\' form',
    ),
    "names alike after folding": (
        "  straße: {}\n  STRASSE: {}",
        ':8:3: "STRASSE" and "straße" in variants differ only in case or accents\' form',
    ),
    "names alike after NFC": (
        "  é: {}\n  e\u0301: {}",
        ':8:3: "e\u0301" and "é" in variants differ only in case',
    ),
    "tasks alike but for case": (
        "tasks: {a: {}, A: {}}",
        ':7:16: "A" and "a" in tasks differ only in case',
    ),
    "unknown activation": (
        "model: {gates: Sigmoid}",
        (
            ':7:16: model.gates: "Sigmoid" is not an activation. Did you mean "sigmoid"?\n '
            f" {ACTIVATIONS}"
        ),
    ),
    "unknown activation of a variant": (
        "  third: {model.activation: geul}",
        (
            ':7:29: variants.third: model.activation: "geul" is not an activation. Did you mean'
            f' "gelu"?\n  {ACTIVATIONS}'
        ),
    ),
    "unknown optimizer": (
        "training: {optimizer: admw}",
        (
            ':7:23: training.optimizer: found "admw" (text); allowed: adam, adamw, sgd, rmsprop.'
            ' Did you mean "adamw"?'
        ),
    ),
    "unknown family": (
        "data: {family: sine}",
        (
            ':7:16: data: family: found "sine" (text); allowed: sines, chirp, square, ar,'
            " random_walk, lorenz, file."
        ),
    ),
    "unknown loss": (
        "training: {loss: mes}",
        ':7:18: training.loss: found "mes" (text); allowed: mse, mae, huber.',
    ),
    "engine is a module": ("engine: os", ':7:9: engine: found "os" (text); allowed: fused, keras.'),
    "activation of another library": (
        "model: {between: swish}",
        ':7:18: model.between: "swish" is silu here: write silu',
    ),
    "activation that needs parameters": (
        "model: {between: threshold}",
        (
            ':7:18: model.between: "threshold" cannot be an activation: write threshold(threshold,'
            " default_value), with a number for each name"
        ),
    ),
    "activation with a wrong parameter": (
        "model: {between: leaky_relu(-1)}",
        (
            ':7:18: model.between: "leaky_relu(-1)" cannot be an activation: negative_slope of'
            " leaky_relu is from 0 to 1e+06; found -1"
        ),
    ),
    "activations of some layers": (
        "model: {activation: [relu, tanh, relu]}",
        (
            ":7:21: model.activation: 3 names for 4 places: encoder.0, encoder.1, decoder.0,"
            " decoder.1"
        ),
    ),
    "expression that computes something else": (
        "model: {between: '().__class__.__base__'}",
        ':7:18: model.between: "().__class__.__base__" cannot be an activation: "().__class__',
    ),
    "expression that calls something else": (
        "activations: {evil: __import__('os').system('touch evil')}",
        ":7:21: activations.evil: \"__import__('os').system('touch evil')\" cannot be an",
    ),
    "expression that would take for ever": (
        "activations: {tower: 9**9**9**9 * x}",
        ':7:22: activations.tower: "9**9**9**9 * x" cannot be an activation: it is not finite at x',
    ),
    "expression with a hole": (
        "activations: {sinc: sin(x) / x}",
        ':7:21: activations.sinc: "sin(x) / x" cannot be an activation: it is not finite at x = 0',
    ),
    "expression of 10,000 characters": (
        f"activations: {{long: {'(' * 5000}x{')' * 5000}}}",
        f':7:21: activations.long: "{"(" * 80}" cannot be an activation: it has 10,001 characters;',
    ),
    "layers of a list": (
        "tasks: {deep: {model.encoder.layers: 4}}",
        (
            ':7:16: tasks.deep: model.encoder: the key "units" is missing; write both in the base,'
            " as in encoder: {units: 32, layers: 4}, to change one"
        ),
    ),
    "a billion layers": (
        "model: {encoder: {units: 1, layers: 1000000000}}",
        ":7:37: model.encoder.layers: must be at most 100; found 1000000000",
    ),
    "residual that is added nowhere": (
        "model: {residual: true, encoder: [8], decoder: [4]}",
        ":7:19: model.residual: would be added nowhere: decoder.0 reads 8, gives 4\n",
    ),
    "projection of nothing": (
        "model: {projection: 100}",
        ":7:21: model.projection: 100 is not smaller than the 100 units of encoder.0\n",
    ),
    "clip of no projection": (
        "model: {projection_clip: 3}",
        ":7:26: model.projection_clip: there is no projection to clip; cell_clip clips the cell\n",
    ),
    "directions": (
        "model: {bidirectional: both}",
        (
            ':7:24: model.bidirectional: found "both" (text); allowed: true, false, encoder,'
            " decoder.\n"
        ),
    ),
    "activation and candidate": (
        "model: {activation: tanh, candidate: relu}",
        (
            ':7:27: model: "candidate" and "activation" exclude each other: activation sets both'
            " candidate and output"
        ),
    ),
    "activation and output in a variant": (
        "  third: {model.activation: relu, model.output: tanh}",
        ':7:35: variants.third: "model.output" and "activation" exclude each other',
    ),
    "path that does not exist": (
        "  third: {model.activatoin: relu}",
        (
            ':7:11: variants.third: "model.activatoin" is not a path that variants can change. Did'
            ' you mean "model.activ'
        ),
    ),
    "path of a task that does not exist": (
        "tasks: {long: {data.timestep: 60}}",
        (
            ':7:16: tasks.long: "data.timestep" is not a path that tasks can change. Here it is'
            " data.timesteps: write data.timesteps: 60"
        ),
    ),
    "variant with data": (
        "  third: {data.noise: 1}",
        ":7:11: variants.third: variants of a task share its data",
    ),
    "batch above samples": (
        "training: {batch_size: 2000}",
        ":7:24: training.batch_size: 2000 is more than the 1024 training samples",
    ),
    "a billion seeds": (
        "seeds: 1000000000",
        ":7:8: seeds: a number of seeds is between 1 and 1,000,000; found 1000000000",
    ),
    "two million runs": (
        "seeds: 1000000",
        (
            ":7:8: 1 tasks x 2 variants x 1,000,000 seeds are 2,000,000 runs; at most 1,000,000 are"
            " allowed: name fewer"
        ),
    ),
    # memory: of 16 GB, see below
    "weights beyond the memory": (
        "model: {encoder: [65536, 65536]}",
        (
            ":7:8: training would take about 7,717.4 GB of memory, 7,696.6 GB of it for model;"
            " there are 16.0 GB. Make model.encoder, model.decoder smaller"
        ),
    ),
    "windows beyond the memory": (
        "data: {family: ar, samples: {train: 10000000}, timesteps: 1000}",
        (
            ":7:29: training would take about 81.5 GB of memory, 80.0 GB of it for data.samples;"
            " there are 16.0"
        ),
    ),
    "batches beyond the memory": (
        (
            "  wide: {training.batch_size: 1000, model.encoder: [9000]}\ndata: {family: ar,"
            " timesteps: 200}"
        ),
        ":7:31: training would take about ",
    ),
    # names
    "name with a control character": ('  "a\\tb": {}', f':7:3: the key "a\\tb" {UNSEEN}'),
    "name that turns text around": ("  a\u202eb: {}", f':7:3: the key "a\\u202eb" {UNSEEN}'),
    "name with an invisible character": ("  a\u200bb: {}", f':7:3: the key "a\\u200bb" {UNSEEN}'),
    "leading -": ("  -a: {}", f':7:3: "-a" {ALLOWED}'),
    "leading .": ("  .a: {}", f':7:3: ".a" {ALLOWED}'),
    "leading =": ("  =a: {}", f':7:3: "=a" {ALLOWED}'),
    "leading +": ("  +a: {}", f':7:3: "+a" {ALLOWED}'),
    "leading @": ('  "@a": {}', f':7:3: "@a" {ALLOWED}'),
    "65 characters": (f"  {'a' * 65}: {{}}", f':7:3: "{"a" * 65}" {ALLOWED}'),
    "256 bytes": (f"  {'𠮷' * 64}: {{}}", f":7:3: {json.dumps('𠮷' * 64)} {ALLOWED}"),
    "201 bytes": (
        f"tasks: {{a{'𠮷' * 50}: {{}}}}",
        f":7:9: {json.dumps('a' + '𠮷' * 50)} {ALLOWED}",
    ),
    **{
        f"nothing but U+{ord(filler):04X}": (
            f"  a{filler}: {{}}",
            f':7:3: the name "a\\u{ord(filler):04x}" {UNSEEN}',
        )
        for filler in "\u115f\u1160\u3164\uffa0"
    },
    "no characters": ('  "": {}', f':7:3: "" {ALLOWED}'),
    "markup of a page": ("  <b>: {}", f':7:3: "<b>" {ALLOWED}'),
    "markup of a terminal": ('  "[red]": {}', f':7:3: "[red]" {ALLOWED}'),
    "markup of a table": ('  "a|b": {}', f':7:3: "a|b" {ALLOWED}'),
    "two dots": ("  a..b: {}", f':7:3: "a..b" {ALLOWED}'),
    "None": ("  None: {}", f':7:3: "None" {READ_AS}'),
    "NA": ("  NA: {}", f':7:3: "NA" {READ_AS}'),
    "nan": ("  nan: {}", f':7:3: "nan" {READ_AS}'),
    **{
        name: (f'  "{name}": {{}}', f':7:3: "{name}" {READ_AS}')
        for name in ("null", "prn", "aux", "nul", "lpt1", "Nul.txt", "COM9.a.b")
    },
    "con": ("tasks: {con: {}}", f':7:9: "con" {READ_AS}'),
    "con with an ending": ("  CON.csv: {}", f':7:3: "CON.csv" {READ_AS}'),
    "com1": ("  com1: {}", f':7:3: "com1" {READ_AS}'),
    # where the data lies
    "missing data": (
        "data: {family: file, path: no.csv}",
        ':7:28: data file "no.csv" not found (looked in ',
    ),
    "data is a folder": (
        "data: {family: file, path: .}",
        ':7:28: data file "." is a folder; name a CSV or NPY file',
    ),
    "data is a pipe": (
        "data: {family: file, path: pipe}",
        ':7:28: data file "pipe" is not a regular file; name a CSV or NPY file',
    ),
    "address": (
        "data: {family: file, path: 'https://example.org/a.csv'}",
        ':7:28: "https://example.org/a.csv" is an address; name a file on this machine',
    ),
    "address of a bucket": (
        "data: {family: file, path: s3://b/a.csv}",
        ':7:28: "s3://b/a.csv" is an address; name a file',
    ),
    "home of nobody": (
        "data: {family: file, path: ~nobody-here/a.csv}",
        ':7:28: data file "~nobody-here/a.csv" not found',
    ),
    "path of 300 characters": (
        f"data: {{family: file, path: {'a' * 300}}}",
        f':7:28: data file "{"a" * 200}" cannot be read: File name too long',
    ),
    "path of two lines": (
        'data: {family: file, path: "a\\nb"}',
        ':7:28: data file "a\\nb" not found (looked in ',
    ),
    "path with a NUL": (
        'data: {family: file, path: "a\\0"}',
        ':7:28: data file "a\\u0000" cannot be read: ',
    ),
    "data without a path": ("data: {family: file}", ':7:7: data: the key "path" is missing'),
    "another digest": (
        f"data: {{family: file, path: c.yaml, digest: '{'0' * 64}'}}",
        ':7:44: "c.yaml" has the SHA-256 ',
    ),
}

# The rows of data.csv, other lines of the config -> how the message goes on after the place of the
# path, "c.yaml:7:28"
TABLES = {
    "missing column": (
        GOOD_ROWS,
        "  columns: [a, bb]",
        ': {}: no column "bb"; the header has: a, b. Did you mean "b"?',
    ),
    "extra cell": ([*GOOD_ROWS[:4], "1,2,3"], "", ": {}:6: 3 cells where the header has 2"),
    "ragged row": ([*GOOD_ROWS[:4], "1"], "", ": {}:6: 1 cell where the header has 2"),
    "extra column of text": (
        [f"{row * row},x" for row in range(40)],
        "",
        (
            ': {}:1: column "b" (text, "x" in line 2) is no feature; under `data` write `columns:'
            " [a]`"
        ),
    ),
    "NaN cell": (
        [*GOOD_ROWS[:4], "1,nan"],
        "",
        ': {}:6: column "b": no value in 1 of 5 rows (line 6)',
    ),
    "empty cell": (
        [*GOOD_ROWS[:4], ",1"],
        "",
        ': {}:6: column "a": no value in 1 of 5 rows (line 6)',
    ),
    "constant column": (
        [f"{row * row},7" for row in range(40)],
        "",
        (
            ': {}:1: column "b" (constant in the training part) is no feature; under `data` write'
            " `columns: [a]`"
        ),
    ),
    "cells that overflow": (
        [f"{row * row},{row + 1}e200" for row in range(40)],
        "  columns: [a, b]",
        (
            ': {}: column "b" cannot be scaled: in the training part it lies between 1e+200 and'
            " 2.8e+201; give it another"
        ),
    ),
    "large cells without scaling": (
        [f"{row * row},1e200" for row in range(40)],
        "  scaling: none",
        (
            ': {}: column "b" reaches 1e+200 without scaling (see data.scaling); at most 1e+09 can'
            " be trained on"
        ),
    ),
    "too short for one window": (
        GOOD_ROWS[:10],
        "",
        ": {}: the validation part has 1 row, fewer than one window of 4 time steps",
    ),
    "hostile column": (
        [*GOOD_ROWS[:4], "1,\x1b[2J\u202e"],
        "",
        ': {}:6: column "b": "\\x1b[2J\\u202e" is not a number',
    ),
}


class Bomb:
    """An object whose unpickling would leave a trace."""

    def __reduce__(self):
        return (Path.touch, (Path("unpickled"),))


def cases():
    for name, (content, message) in FILES.items():
        yield name, content, message
    for name, (lines, message) in LINES.items():
        yield name, f"{HEAD}{lines}\n", [message]


CASES = {
    f"{number}: {name}": (content, message)
    for number, (name, content, message) in enumerate(cases())
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, on a machine of 16 GB where nothing is trained."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "memory_bytes", lambda: 16e9)
    in_place_of_training(monkeypatch, lambda *words, **more: pytest.fail("trained"))
    os.mkfifo("pipe")
    return tmp_path


def in_place_of_training(monkeypatch, double):
    """Put a double where the command line trains."""
    monkeypatch.setattr(sweep, "train", double)


def test_training_is_where_its_double_is_put(folder, monkeypatch):
    """Or the tests that nothing is trained would see nothing."""
    trained = []
    in_place_of_training(monkeypatch, lambda todo, *words, **more: trained.append(todo) or iter(()))
    write(f"{HEAD}seeds: 2\n")
    monkeypatch.setattr(sys, "argv", ["lstm-ablate", "run", "c.yaml"])
    with pytest.raises(SystemExit):
        app.main()
    assert [len(todo.missing) for todo in trained] == [4]
    assert not list(Path("results/test/runs").iterdir())


def call(words, monkeypatch, capsys, code=2):
    """Call the command line in this process, within 5 s; return what it told.

    Alone on a core 8,000 unknown keys, the longest, take 0.9 s of it; beside other work 2.2.
    """
    monkeypatch.setattr(sys, "argv", ["lstm-ablate", *map(str, words)])
    before, start = contents(), time.process_time()
    with pytest.raises(SystemExit) as end:
        app.main()
    seconds = time.process_time() - start
    out, err = capsys.readouterr()
    assert (end.value.code or 0) == code, err
    assert "Traceback" not in err and "pydantic" not in err
    assert contents() == before, "something was written"
    assert seconds < 5
    assert code == 0 or out == ""
    return err


def contents():
    return {path: path.is_file() and path.read_bytes() for path in Path().rglob("*")}


def write(content):
    Path("c.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize(("content", "message"), CASES.values(), ids=CASES)
def test_a_wrong_config_is_told_at_its_place(content, message, folder, monkeypatch, capsys):
    write(content)
    err = call(["run", "c.yaml"], monkeypatch, capsys)
    first, *others = message
    assert err.startswith(f"c.yaml{first}") or f"\nc.yaml{first}" in err, err
    assert all(part in err for part in others), err


def test_a_config_that_is_no_file_is_told_with_where_it_was_looked_for(folder, monkeypatch, capsys):
    Path("dangling").symlink_to("nowhere")
    Path("loop").symlink_to("loop")
    for words, message in {
        "missing.yaml": f"missing.yaml: No such file or directory (looked in {folder})",
        "dangling": f"dangling: No such file or directory (looked in {folder})",
        "loop": "loop: Too many levels of symbolic links",
        ".": ".: this is a folder; name the YAML file in it",
        "pipe": "pipe: not a regular file",
        f"{folder}/{'a' * 300}": f"{folder}/{'a' * 300}: File name too long",
    }.items():
        assert call(["run", words], monkeypatch, capsys).startswith(message)


def named(*names):
    """Return variants that differ in more than their names."""
    activations = ("elu", "selu", "gelu", "silu", "relu6")
    pairs = zip(names, activations, strict=False)
    return HEAD + "".join(f"  {name}: {{model.activation: {one}}}\n" for name, one in pairs)


ACCEPTED = {
    "byte order mark": (b"\xef\xbb\xbf" + HEAD.encode(), None),
    "1e-3 is a float": (
        f"{HEAD}training: {{optimizer: {{name: adam, learning_rate: 1e-3}}}}",
        0.001,
    ),
    "1e3 is a float": (
        f"{HEAD}training: {{optimizer: {{name: adam, learning_rate: 1e3}}}}",
        1000.0,
    ),
    "names that YAML 1.1 reads as something else": (
        named("no", "off", "yes", "007"),
        None,
    ),
    "a baseline called no": (HEAD.replace("tanh", "no", 1).replace("  tanh", "  no"), None),
    "names of 64 characters and of 200 bytes": (
        named("a" * 64, "𠮷" * 50),
        None,
    ),
    "names like reserved ones": (
        named("nulls", "com", "com10", "a.con", "none.a"),
        None,
    ),
    "a batch of all training samples": (
        f"{HEAD}data: {{family: ar, samples: {{train: 9}}}}\ntraining: {{batch_size: 9}}",
        None,
    ),
    "names in other scripts": (named("größer", "双曲"), None),
}


@pytest.mark.parametrize(("content", "rate"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_is_right_is_accepted_and_planning_writes_nothing(
    content, rate, folder, monkeypatch, capsys
):
    write(content)
    monkeypatch.setattr(sys, "argv", ["lstm-ablate", "plan", "c.yaml"])
    before = contents()
    with pytest.raises(SystemExit) as end:
        app.main()
    assert not end.value.code and contents() == before
    out, err = capsys.readouterr()
    assert err == "" and "evidence" in out
    one = loading.load(Path("c.yaml"))
    assert rate is None or one.settings["default", "tanh"].training.optimizer.learning_rate == rate
    assert all(name in out for name in one.variants)


@pytest.mark.parametrize(("rows", "lines", "message"), TABLES.values(), ids=TABLES)
def test_wrong_data_is_told_with_row_and_column(rows, lines, message, folder, monkeypatch, capsys):
    Path("data.csv").write_text("\n".join(["a,b", *rows]) + "\n")
    write(f"{HEAD}data:\n  family: file\n  path: data.csv\n  timesteps: 4\n{lines}\n")
    err = call(["run", "c.yaml"], monkeypatch, capsys)
    assert err.startswith(f"c.yaml:9:9{message.format(folder / 'data.csv')}"), err


def test_a_table_of_30_000_columns(folder, monkeypatch, capsys):
    header = ",".join(f"c{k}" for k in range(30_000))
    write(f"{HEAD}data: {{family: file, path: data.csv}}\n")
    for more, message in (
        (",c9", ':1: two columns are named "c9"'),
        ("", ": the training part has 0 rows"),
    ):
        Path("data.csv").write_text(f"{header}{more}\n")
        assert call(["run", "c.yaml"], monkeypatch, capsys).startswith(
            f"c.yaml:7:28: {folder / 'data.csv'}{message}"
        )


def test_a_batch_holds_at_most_all_training_windows_of_a_file(folder, monkeypatch, capsys):
    """Of 40 rows 28 are for training: 25 windows of 4 time steps."""
    Path("data.csv").write_text("\n".join(["a,b", *GOOD_ROWS]) + "\n")
    write(f"{HEAD}{DATA}training: {{batch_size: 25}}\n")
    assert "batch_size" not in call(["plan", "c.yaml"], monkeypatch, capsys, code=0)
    write(f"{HEAD}{DATA}training: {{batch_size: 26}}\n")
    assert (
        call(["plan", "c.yaml"], monkeypatch, capsys)
        == "c.yaml:8:24: training.batch_size: 26 is more than the 25 training windows of the file\n"
    )


ARRAYS = {
    "objects": (
        np.full((10, 4, 1), Bomb()),
        "not an NPY array of numbers (Object arrays cannot be loaded when allow_pick",
    ),
    "text": (
        np.full((10, 4, 1), "a"),
        "expected an array of numbers (samples, timesteps, features), found <U1 of shape",
    ),
    "two dimensions": (np.zeros((10, 4)), "features), found float64 of shape (10, 4)"),
    "NaN": (
        np.where(np.arange(40).reshape(10, 4, 1) == 6, np.nan, 0),
        "the value at (1, 2, 0) is not finite",
    ),
    "two samples": (
        np.arange(8.0).reshape(2, 4, 1),
        "2 samples are too few for three parts (see data.split)",
    ),
}


@pytest.mark.parametrize(("array", "message"), ARRAYS.values(), ids=ARRAYS)
def test_wrong_arrays_are_refused_and_never_unpickled(array, message, folder, monkeypatch, capsys):
    np.save("data.npy", array, allow_pickle=True)
    write(f"{HEAD}data: {{family: file, path: data.npy}}\n")
    err = call(["run", "c.yaml"], monkeypatch, capsys)
    assert err.startswith(f"c.yaml:7:28: {folder / 'data.npy'}: ") and message in err, err
    shutil.move("data.npy", "data.pkl")
    write(f"{HEAD}data: {{family: file, path: data.pkl}}\n")
    assert "byte 0 is not UTF-8; expected a CSV, or an array in a .npy file" in call(
        ["run", "c.yaml"], monkeypatch, capsys
    )


# ------------------------------------------------------------------------------- the results folder


def test_a_results_folder_that_is_a_file(folder, monkeypatch, capsys):
    write(HEAD)
    Path("results").mkdir()
    Path("results/test").write_text("mine")
    err = call(["run", "c.yaml"], monkeypatch, capsys, code=4)
    assert (
        err
        == "results/test: cannot be used: results/test: File exists; fix that and call again, or"
        " name another folder (--results of `run`). What is recorded is kept.\n"
    )


@pytest.mark.parametrize("command", ["doctor", "report", "compare", "run", "plan"])
def test_paths_that_no_system_takes(command, folder, monkeypatch, capsys):
    write(HEAD)
    Path("a.csv").write_text("variant,seed\nv,0\n")
    words = {
        "run": ["c.yaml", "--results"],
        "plan": ["c.yaml", "--results"],
        "compare": ["a.csv"],
    }.get(command, [])
    err = call([command, *words, "a" * 300], monkeypatch, capsys, code=4)
    assert "a" * 300 in err and "File name too long" in err


def test_too_little_memory_is_told(folder, monkeypatch, capsys):
    write(HEAD)
    for message, told in {
        "": "out of memory: the experiment or its data is too large",
        "no 8 GB": "no 8 GB\n",
    }.items():
        monkeypatch.setattr(checking, "check_data", mock.Mock(side_effect=MemoryError(message)))
        assert told in call(["plan", "c.yaml"], monkeypatch, capsys)


OWNERS = {
    "another name": (
        HEAD.replace("name: test", "name: other"),
        (
            "results/test/experiment.yaml:2:7: the folder belongs to another experiment: name:"
            ' "other" there, "test" here; name another folder with --results, or give this'
            " experiment another name"
        ),
    ),
    "a newer form": (
        HEAD.replace("version: 1", "version: 2"),
        (
            "results/test/experiment.yaml:1:10: version: 2 is newer than this program, which knows"
            " 1; update it, or name"
        ),
    ),
}


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize(("content", "message"), OWNERS.values(), ids=OWNERS)
def test_a_results_folder_of_another_experiment(
    content, message, command, folder, monkeypatch, capsys
):
    write(HEAD)
    Path("results/test").mkdir(parents=True)
    Path("results/test/experiment.yaml").write_text(content)
    assert call([command, "c.yaml"], monkeypatch, capsys, code=4).startswith(message)


@pytest.mark.parametrize("content", ["name: test\ntraining: {epochs: 7}\n", "", "name: [", "5\n"])
def test_an_edited_experiment_and_a_broken_file_of_it_are_no_hindrance(
    content, folder, monkeypatch, capsys
):
    write(HEAD)
    Path("results/test").mkdir(parents=True)
    Path("results/test/experiment.yaml").write_text(content)
    assert call(["plan", "c.yaml", "--json"], monkeypatch, capsys, code=0) == ""


def test_records_of_a_newer_program(folder, monkeypatch, capsys):
    write(HEAD)
    run = runs.expand(loading.load(Path("c.yaml")))[0]
    Path("results/test/runs").mkdir(parents=True)
    identity = {**run.identity, "schema": SCHEMA + 1}
    records.publish(Path("results/test"), records.Record("0" * 16, identity, {"status": "ok"}, {}))
    err = call(["plan", "c.yaml"], monkeypatch, capsys, code=4)
    assert err.startswith(
        "results/test: holds records of schema 3, newer than this program, which knows 2; update"
        " it, "
    )


def test_run_stops_at_records_of_a_newer_program_too(folder, monkeypatch, capsys):
    write(HEAD)
    run = runs.expand(loading.load(Path("c.yaml")))[0]
    Path("results/test/runs").mkdir(parents=True)
    record = records.Record("0" * 16, {**run.identity, "schema": SCHEMA + 1}, {"status": "ok"}, {})
    records.publish(Path("results/test"), record)
    Path("results/test/.lock").touch()
    assert "holds records of schema 3, newer than" in call(
        ["run", "c.yaml"], monkeypatch, capsys, code=4
    )


def test_foreign_files_are_left_alone_and_listed(folder, monkeypatch, capsys):
    write(HEAD)
    others = (
        ".mine.tmp",
        "figures/curves-annotated.png",
        "figures/loss.svg",
        "figures/mine.txt",
        "notes.txt",
        "runs/.notes.tmp",
        "runs/notes.json",
        "runs/old/a.json",
        "z\x1b[2J\u202e",
    )
    for name in (*others, "figures/curves.svg", ".runs.csv.0a1b2c3d.tmp"):
        path = Path("results/test") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    monkeypatch.setattr(sys, "argv", ["lstm-ablate", "run", "c.yaml"])
    in_place_of_training(monkeypatch, lambda *words, **more: iter(()))
    with pytest.raises(SystemExit):
        app.main()
    err = capsys.readouterr().err
    assert f"results/test: not ours, left alone: {', '.join(map(printable, others))}\n" in err
    assert "damaged" not in err
    for name in others:
        assert (Path("results/test") / name).read_text() == "mine"
    assert not Path("results/test/.runs.csv.0a1b2c3d.tmp").exists()


@pytest.mark.parametrize(
    "content",
    ['"x"', "[1]", "5", "", "{", '{"a":' * 900 + "1" + "}" * 900, "[" * 10**5, '{"a":' * 10**5],
)
def test_an_environment_that_is_none_of_ours_is_none(content, folder):
    path = folder / "environment.json"
    path.write_text(content)
    assert environment.read(folder) == {}
    path.unlink()
    os.mkfifo(path)
    assert environment.read(folder) == {}


def test_an_environment_is_read_as_it_was_written(folder):
    content = machine.describe("cpu", {"KERAS_BACKEND": "tensorflow"}, folder)
    environment.write(folder, content)
    assert environment.read(folder) == content


def test_tables_in_another_encoding_without_records_are_not_overwritten(
    folder, monkeypatch, capsys
):
    Path("results/test").mkdir(parents=True)
    Path("results/test/experiment.yaml").write_text(HEAD)
    Path("results/test/runs.csv").write_bytes("variant\ngrößer\nkleiner".encode("latin-1"))
    err = call(["report", "results/test"], monkeypatch, capsys, code=4)
    assert err.startswith("results/test: holds the tables of 2 runs, and no records")


# ----------------------------------------------------------------------------------- real processes


def process(*words, **more):
    """Call the program, whose output is buffered as a user's is."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return processes.run([PROGRAM, *words], None, env=env, **more)


# Its own is unknown.
@pytest.mark.parametrize("name", [name for name in CASES if "memory" not in name][::15])
def test_a_process_says_the_same(name, folder):
    content, message = CASES[name]
    write(content)
    before = contents()
    done = process("run", "c.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"c.yaml{message[0]}" in done.stderr and "Traceback" not in done.stderr
    assert contents() == before


@pytest.mark.parametrize(
    "words", [["plan", "c.yaml"], ["plan", "c.yaml", "--json"], ["schema"], ["activations"], ["-h"]]
)
def test_nobody_reads_the_output(words, folder):
    write(HEAD)
    reader, writer = os.pipe()
    os.close(reader)
    done = process(*words, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = process(*words, stdout=full)
    said = "standard output: No space left on device; what was to be printed is lost\n"
    assert (done.returncode, done.stderr) == (4, said)
    closed = processes.run(["bash", "-c", '"$0" "$@" >&-', PROGRAM, *words])
    assert closed.stderr == ""
