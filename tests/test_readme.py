"""The README does what it says: its commands exist and parse, its example is valid, its columns are the files'."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from lstm_ablate import cli, experiment
from lstm_ablate.activations import ACTIVATIONS
from lstm_ablate.engines import ENGINES
from lstm_ablate.report import FORMATS
from lstm_ablate.settings import Model
from lstm_ablate.tables import curves_table, runs_table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = get_command(cli.app).commands


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
def test_every_call_parses_and_names_a_valid_experiment(line, monkeypatch):
    monkeypatch.chdir(ROOT)
    name, *words = shlex.split(line)
    context = COMMANDS[name].make_context(name, list(words))
    if "config" in context.params and name in ("run", "plan", "verify"):
        experiment.load(Path(context.params["config"]), tuple(context.params["overrides"] or ()))


def test_there_are_calls_to_check():
    assert len(list(lines())) >= 4


def test_the_example_is_a_valid_config(tmp_path):
    (example,) = blocks("yaml")
    (tmp_path / "mine.yaml").write_text(example)
    one = experiment.load(tmp_path / "mine.yaml")
    assert one.settings["default", "tanh"].model == Model()


def test_the_tables_of_commands_engines_and_configs_are_whole():
    assert set(re.findall(r"^\| `lstm-ablate (\w+)", README, re.MULTILINE)) == set(COMMANDS)
    assert {path.name for path in (ROOT / "configs").glob("*.yaml")} == set(
        re.findall(r"^\| `(\w+\.yaml)`", README, re.MULTILINE)
    )
    assert set(re.findall(r"`--engine (\w+)`", README)) == set(ENGINES)
    assert f"--format {','.join(FORMATS)}`" in README
    assert len(ACTIVATIONS) == 14 and "the fourteen activations" in README


def test_the_columns_are_those_of_the_files():
    for name, table in (("runs.csv", runs_table([], {})), ("curves.csv", curves_table([], {}))):
        (columns,) = re.findall(rf"^ +{name} +(\S+)$", README, re.MULTILINE)
        assert columns == ",".join(table.columns)


def test_the_error_shown_is_the_error_given(tmp_path, monkeypatch):
    """The block after "each with its place" is what the loader says of the config that is named there."""
    (block,) = re.findall(r"each with its place:\n\n```\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("depth2.yaml").write_text(
        "version: 1\nname: depth2\nbaseline: tanh\ntraining: {epohcs: 5}\nvariants:\n  tanh: {}\n"
        "  gelu: {model.activation: geul}\n"
    )
    with pytest.raises(experiment.UserError) as told:
        experiment.load(Path("depth2.yaml"))
    assert block == "\n".join(told.value.problems) + "\n"


def test_no_placeholder_is_left():
    assert "@@" not in README
