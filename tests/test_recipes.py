"""docs/recipes.md does what it says: every recipe is carried out, shortened, and gives the exit
codes, the tables and the files that the page shows; and what the page tells of its answers stands
in them.

The arbiters of the answers are SciPy's binomial distribution and the page itself.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import in_process
import pandas as pd
import pytest
import recipes
import yaml
from scipy.stats import binom

from lstm_ablate import study
from lstm_ablate.cli import app
from lstm_ablate.report import derived
from lstm_ablate.training.executors import local

PAGE = recipes.PAGE.read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
LEGEND = SECTIONS.pop("What the columns mean")
CI = "In CI"
NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?:e-?\d+)?")

# What shortens a recipe: eight seeds are enough for an interval, and one group trains them.
SHORT = ("seeds=8", "group_size=8", "training.epochs=1", "training.batch_size=4")
DRAWN = ("data.samples={train: 4, validation: 3, test: 3}", "data.timesteps=2")
SHORTER = {
    "My own CSV": (*SHORT, "data.timesteps=2", "data.stride=200"),
    "Is my training long enough?": (
        *SHORT,
        *DRAWN,
        "tasks.short.training.epochs=1",
        "tasks.long.training.epochs=2",
        "tasks.longest.training.epochs=3",
    ),
    "Fair learning rates": (*SHORT, *DRAWN, "tune.seeds=1"),
}


def scripts(section):
    """Return the config of a recipe, and its scripts, each with the answer below it or with ""."""
    (kind, config), *others = recipes.BLOCK.findall(SECTIONS[section])
    assert kind == "yaml"
    found = []
    for kind, text in others:
        if kind == "sh":
            found.append([text, ""])
        else:
            assert kind == "text" and found[-1][1] == ""
            found[-1][1] = text
    return config, found


@pytest.fixture(scope="module")
def eager():
    """TensorFlow carries out the fused engine operation by operation.

    To compile its programs would take four seconds for each of two dozen networks.
    """
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def called(line, overrides, monkeypatch, capsys):
    """Carry out a line of a script; return its exit code and what it prints."""
    words = shlex.split(line, comments=True)
    if words[0] != "lstm-ablate":
        return subprocess.run(words, check=False).returncode, ""
    if words[1] == "run":  # what the line itself changes comes last, and wins
        words[3:3] = overrides
    monkeypatch.setattr(sys, "argv", words)
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        app.main()
    return end.value.code or 0, capsys.readouterr().out


def skeleton(text):
    """Return what a table has whatever the losses are: its heads, its variants and its formulas,
    with numbers as #.
    """
    kept = []
    for line in recipes.unwrapped(text).splitlines():
        row = re.match(r" (\S+) +\S.*?$", line)
        if row:
            kept.append(line.split() if row[1] == "variant" else row[1])
        elif re.match(r"  \S+: |\S+: \w+ on test|\S+: all tasks", line):
            without_time = re.sub(r"; \S+ m?s a run$", "", line.rstrip())
            kept.append(NUMBER.sub("#", without_time))
    return kept


@pytest.mark.parametrize("section", SECTIONS)
def test_every_recipe_gives_what_the_page_shows(section, eager, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(derived, "_write_page", lambda folder, summary: set())  # it takes seconds
    for module in (local, study):  # the one that has it, and the one that imports it
        monkeypatch.setattr(module, "execute", in_process.execute)
    overrides = SHORTER.get(section, (*SHORT, *DRAWN))
    config, parts = scripts(section)
    asked = yaml.safe_load(config)
    Path(f"{asked['name']}.yaml").write_text(config)
    for script, shown in parts:
        for line in script.splitlines():
            expected = re.search(r"# exits with (\d+)$", line)
            code, printed = called(line, overrides, monkeypatch, capsys)
            assert code == (int(expected[1]) if expected else 0), printed
            if section == CI and line.startswith("lstm-ablate run"):
                learn()
        if shown:
            assert skeleton(shown) == skeleton(recipes.answer(printed))
    folder = Path("results", asked["name"])
    names = {"runs", "curves", "summary", "ratios", "timings", *["tuning"] * ("tune" in asked)}
    assert {path.stem for path in folder.glob("*.csv")} == names
    runs = pd.read_csv(folder / "runs.csv")
    asked_for = len(asked["variants"]) * len(asked.get("tasks", [0])) * 8
    assert len(runs) == asked_for and set(runs.status) == {"ok"}
    assert (folder / "report.md").is_file()


def learn():
    """Make the losses of a job such that a gate can judge them, which those of an epoch are not:
    far below the mean's, and where the learning rate was another one three times as high.
    """
    for path in Path().glob("*/*/runs.csv"):
        runs = pd.read_csv(path)
        if runs.test_loss.min() > 0.1:
            runs.test_loss = 0.001 * (1 + runs.seed) * (3 if path.parent.name == "slow" else 1)
            runs.to_csv(path, index=False)


def tables(answer):
    """Yield of each table of an answer the variants but the baseline: name, wins, seeds, needed,
    the interval of the ratio, and the verdict.
    """
    row = re.compile(
        r"^ (\S+) .*? (\d+) of (\d+)  (.*)\n.* (\S+) to (\S+)  (\d+) needed *(.*)$", re.MULTILINE
    )
    for name, wins, seeds, first, low, high, needed, second in row.findall(answer):
        verdict = f"{first.strip()} {second}".removeprefix("still learning:").strip()
        yield name, int(wins), int(seeds), int(needed), float(low), float(high), verdict


def verdict_of(wins, losses, needed, low, high):
    """Return the verdict by the rules of docs/statistics.md."""
    if max(wins, losses) >= needed:
        return "better" if wins >= needed else "worse"
    return "practically equivalent" if low > 1 / 1.1 and high < 1.1 else "inconclusive"


@pytest.mark.parametrize("section", SECTIONS)
def test_the_verdicts_of_the_page_are_those_of_the_sign_test(section):
    config, parts = scripts(section)
    asked, answer = yaml.safe_load(config), next(answer for _, answer in parts if answer)
    comparisons = (len(asked["variants"]) - 1) * len(asked.get("tasks", [0]))
    found = list(tables(answer))
    assert len(found) == comparisons
    for name, wins, seeds, needed, low, high, verdict in found:
        assert seeds == asked["seeds"]
        at_least = (count for count in range(seeds + 1) if allowed(count, seeds, comparisons))
        assert needed == next(at_least)
        assert verdict == verdict_of(wins, seeds - wins, needed, low, high), name
        said = {"inconclusive": "cannot be told from"}.get(
            verdict, f"is {verdict} to" if "equivalent" in verdict else f"reconstructs {verdict}"
        )
        assert f"{name} {said}" in recipes.unwrapped(answer)


def allowed(count, seeds, comparisons):
    """Return whether so many wins come about by chance in at most 5% of experiments."""
    return 2 * binom.sf(count - 1, seeds, 0.5) <= 0.05 / comparisons


@pytest.mark.parametrize("section", SECTIONS)
def test_every_number_that_the_prose_tells_stands_in_the_recipe(section):
    config, parts = scripts(section)
    shown = config + "".join(script + answer for script, answer in parts)
    prose = recipes.BLOCK.sub("", SECTIONS[section])
    assert set(NUMBER.findall(prose)) <= set(NUMBER.findall(shown)), section


def test_the_paragraph_on_the_columns_is_the_one_that_is_printed():
    """It speaks of the first recipe, with as many comparisons."""
    (_, shown) = recipes.BLOCK.findall(LEGEND)[0]
    assert recipes.LEGEND.fullmatch(shown)
    assert "those of all 4 ratios" in shown and "98.75%" in shown
