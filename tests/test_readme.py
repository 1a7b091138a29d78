"""The README does what it says: its commands exist and parse, its example is valid, its columns are
the files'.
"""

import math
import os
import re
import shlex
import shutil
import sys
import textwrap
from pathlib import Path

import processes
import pytest
import yaml
from typer.main import get_command

from lstm_ablate.cli import app
from lstm_ablate.evidence import compare, gate, gate_sentences, looks, summary
from lstm_ablate.experiment import loading, shipped
from lstm_ablate.experiment.elementwise import KINDS
from lstm_ablate.experiment.settings import Model
from lstm_ablate.report.formats import FORMATS
from lstm_ablate.store import copies
from lstm_ablate.store.tables import curves_table, runs_table, tuning_table
from lstm_ablate.training.engines import ENGINES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = get_command(app.app).commands


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def lines():
    """Every call of lstm-ablate in a shell block."""
    for block in blocks("sh"):
        for line in block.splitlines():
            found = re.search(r"lstm-ablate (.*?)( +#.*)?$", line)
            if found:
                yield found[1]


@pytest.mark.parametrize("line", list(lines()))
def test_every_call_parses_and_names_a_valid_experiment(line, monkeypatch, tmp_path):
    """A config in no folder is one that `init` has written."""
    name, *words = shlex.split(line)
    alone = [word.removesuffix(".yaml") for word in words if re.fullmatch(r"\w+\.yaml", word)]
    monkeypatch.chdir(tmp_path if alone else ROOT)
    for config in alone:
        copies.write(shipped.contents(config), Path())
    context = COMMANDS[name].make_context(name, list(words))
    if "config" in context.params and name in ("run", "plan", "verify"):
        loading.load(Path(context.params["config"]), tuple(context.params["overrides"] or ()))


def test_there_are_calls_to_check():
    assert len(list(lines())) >= 4


def test_the_example_is_a_valid_config(tmp_path):
    (example,) = blocks("yaml")
    (tmp_path / "mine.yaml").write_text(example)
    one = loading.load(tmp_path / "mine.yaml")
    assert one.settings["default", "tanh"].model == Model()


def test_the_example_of_a_merge_is_valid(tmp_path):
    (example,) = re.findall(r"(?:^    .*\n)*^    x-wide: .*\n(?:^    .*\n)*", README, re.MULTILINE)
    path = tmp_path / "merged.yaml"
    path.write_text(f"version: 1\nname: merged\nbaseline: tanh\n{textwrap.dedent(example)}")
    settings = loading.load(path).settings
    assert {one.model.decoder for one in settings.values()} == {(100, 200)}
    assert {one.training.epochs for one in settings.values()} == {60}


def test_the_tables_of_commands_engines_and_configs_are_whole():
    assert set(re.findall(r"^\| `lstm-ablate (\w+)", README, re.MULTILINE)) == set(COMMANDS)
    assert {path.name for path in (ROOT / "configs").glob("*.yaml")} == set(
        re.findall(r"^\| `(\w+\.yaml)`", README, re.MULTILINE)
    )
    assert set(re.findall(r"`--engine (\w+)`", README)) == set(ENGINES)
    assert f"--format {','.join(FORMATS)}`" in README
    assert len(KINDS) == 26 and "the 26 elementwise activations of Keras" in README


def test_the_columns_are_those_of_the_files():
    for name, table in (("runs.csv", runs_table([], {})), ("curves.csv", curves_table([], {}))):
        (columns,) = re.findall(rf"^ +{name} +(\S+)$", README, re.MULTILINE)
        assert columns == ",".join(table.columns)
    (columns,) = re.findall(r"^ +tuning.csv +(\S+); only with `tune`$", README, re.MULTILINE)
    assert columns == ",".join(tuning_table([], {}, {}).columns)
    (columns,) = re.findall(r"^ +ratios.csv +(\S+)$", README, re.MULTILINE)
    assert columns == ",".join(summary.RATIO_COLUMNS)
    table = README[README.index("| columns | what they hold |") :].split("\n\n")[0]
    row = summary.Row("default", "tanh", "", 1, 0, 0, 0, 1)
    assert ",".join(re.findall(r"^\| `(\S+)`", table, re.MULTILINE)).split(",") == list(
        summary._cells(row)
    )


def test_the_error_shown_is_the_error_given(tmp_path, monkeypatch):
    """The block after "each with its place" is what the loader says of the config that is named
    there.
    """
    (block,) = re.findall(r"each with its place:\n\n```\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("depth2.yaml").write_text(
        "version: 1\nname: depth2\nbaseline: tanh\ntraining: {epohcs: 5}\nvariants:\n  tanh: {}\n"
        "  gelu: {model.activation: geul}\n"
    )
    with pytest.raises(loading.UserError) as told:
        loading.load(Path("depth2.yaml"))
    assert block == "\n".join(told.value.problems) + "\n"


def test_the_ci_job_of_the_shell_is_that_of_github_and_does_what_it_says(tmp_path):
    """Trained once, then held to a reference that it equals, to one far better than it, and to
    none.
    """
    (workflow,) = blocks("yml")
    (script,) = [block for block in blocks("sh") if "compare" in block]
    (job,) = yaml.safe_load(workflow)["jobs"].values()
    steps = [step["run"] for step in job["steps"] if step.get("run", "").startswith("lstm-ablate")]
    assert steps == script.splitlines() and len(workflow.splitlines()) == 10

    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    reference = tmp_path / "ci" / "smoke.csv"
    reference.parent.mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def called():
        environment = {**os.environ, "PATH": path}
        done = processes.run(["sh", "-ec", script], None, cwd=tmp_path, env=environment)
        assert "Traceback" not in done.stderr
        return done

    assert called().returncode == 2  # no reference yet
    (copy,) = re.findall(r"here: `(cp .*?)`", README)
    processes.run(shlex.split(copy), cwd=tmp_path)
    done = called()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed: " in done.stdout and "2 variants" not in done.stdout
    header, *rows = [line.split(",") for line in reference.read_text().splitlines()]
    place = header.index("test_loss")
    for row in rows:
        row[place] = repr(float(row[place]) / 2)
    reference.write_text("".join(",".join(row) + "\n" for row in [header, *rows]))
    done = called()
    assert (
        done.returncode == 1
        and "failed: B may be worse than A by more than 10% in tanh; relu" in done.stdout
    )


def test_the_sentences_of_the_gate_are_those_it_gives(tmp_path):
    """The example's losses: A's are 0.1, 0.11, ..., B's the same, changed by some percent."""
    (block,) = re.findall(
        r"It says why \(here of another experiment\):\n\n```\n(.*?)```",
        README,
        re.DOTALL,
    )
    changes = {
        "tanh": [0.98, 1.03, 1.0, 1.02, 1.01, 0.99, 1.04, 1.0, 0.97, 1.01, 1.15, 1.0],
        "relu": [1.35, 1.2, 1.55, 1.4, 1.3, 1.25, 1.6, 1.45, 1.3, 1.2, 1.5, math.inf],
        "gelu": [0.8, 1.3, 1.0, 1.2, 0.95, 0.9, 1.15, 1.0, 1.25, 0.85, 1.05, 0.9],
    }
    for name in "ab":
        rows = [
            f"{variant},{seed},{(0.1 + seed / 100) * (factor if name == 'b' else 1)!r},s\n"
            for variant, factors in changes.items()
            for seed, factor in enumerate(factors)
        ]
        (tmp_path / name).write_text("variant,seed,test_loss,settings\n" + "".join(rows))
    found = gate.judge(
        *compare.read_pair(tmp_path / "a", tmp_path / "b"), gate.Rule(0.1, require=True)
    )
    assert block.splitlines() == [
        *(gate_sentences.sentence(one, found) for one in found.judgements),
        gate_sentences.result(found),
    ]


def test_the_counts_of_looks_are_those_that_are_needed():
    """The table has them by comparisons; the comment behind the command is what it prints."""
    section = README[README.index("## As many seeds as the answer takes") :]
    heads, _, *rows = re.findall(r"^\| (.*) \|$", section.partition("\nSo many wins")[0], re.M)
    seeds = [int(head.split()[0]) for head in heads.split(" | ")[1:]]
    for comparisons, *counts in (row.split(" | ") for row in rows):
        planned = looks.looks(seeds, 0.05 / int(comparisons))
        assert counts == ["-" if one.count is None else str(one.count) for one in planned]
    (seeds, wins) = re.findall(r'--until-decided +# "look at (\d+) seeds: (\d+) wins"', section)[0]
    (look,) = [one for one in looks.looks(range(10, 61, 10), 0.05) if one.seeds == int(seeds)]
    assert look.count == int(wins)


def test_no_placeholder_is_left():
    assert "@@" not in README
