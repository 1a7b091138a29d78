"""`lstm-ablate init`: the configs that come with the package, and what a folder then holds."""

import os
import sys
from pathlib import Path

import processes
import pytest

from lstm_ablate.errors import UserError
from lstm_ablate.experiment import loading, runs, shipped
from lstm_ablate.store import copies

CONFIGS = Path(__file__).parents[2] / "configs"
NAMES = sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def call(*words, cwd, safe=""):
    """Call `python -m lstm_ablate`; if `safe` is empty, Python puts the folder on its path."""
    command = [sys.executable, "-m", "lstm_ablate", *words]
    return processes.run(command, None, cwd=cwd, env={**os.environ, "PYTHONSAFEPATH": safe})


def test_every_config_is_listed_with_the_question_that_it_asks():
    asked = shipped.questions()
    assert list(asked) == NAMES
    assert asked == {name: loading.load(CONFIGS / f"{name}.yaml").question for name in NAMES}
    assert all(question.endswith("?") for question in asked.values())
    assert len(set(asked.values())) == len(asked)


@pytest.mark.parametrize("name", NAMES)
def test_a_written_config_is_the_same_experiment_and_names_no_missing_file(name, tmp_path):
    written = copies.write(shipped.contents(name), tmp_path)
    needed = [f"{name}.csv"] if name == "own_data" else []
    assert [path.name for path in written] == [*needed, f"{name}.yaml"]
    assert sorted(contents(tmp_path)) == sorted(path.name for path in written)
    text, original = written[-1].read_text(), (CONFIGS / f"{name}.yaml").read_text()
    assert original.endswith(text) and original.count("\n") == text.count("\n") + 2
    assert "language-server" not in text
    ours, theirs = loading.load(CONFIGS / f"{name}.yaml"), loading.load(written[-1])
    assert [run.id for run in runs.expand(theirs)] == [run.id for run in runs.expand(ours)]
    assert theirs.question == ours.question


@pytest.mark.parametrize("name", ["smok", "Smoke", "smoke.yaml", "./smoke"])
def test_a_name_that_is_nearly_one_is_told_which(name):
    with pytest.raises(UserError, match='Did you mean "smoke"') as told:
        shipped.contents(name)
    assert str(told.value).endswith(f"known: {', '.join(NAMES)}")
    with pytest.raises(UserError):
        shipped.contents(f"../configs/{name}")


def test_the_command_lists_writes_and_refuses(tmp_path):
    listed = call("init", cwd=tmp_path)
    assert listed.returncode == 0 and not listed.stderr
    for name, question in shipped.questions().items():
        (line,) = [one for one in listed.stdout.splitlines() if one.split()[:1] == [name]]
        assert question in line
    assert contents(tmp_path) == {}
    written = call("init", "smoke", cwd=tmp_path)
    assert (written.returncode, written.stdout) == (0, "smoke.yaml\n")
    assert written.stderr == "next: lstm-ablate run smoke.yaml\n"
    refused = call("init", "smoke", cwd=tmp_path)
    assert refused.returncode == 2 and refused.stderr.startswith("smoke.yaml: exists, ")
    unknown = call("init", "smok", cwd=tmp_path)
    assert unknown.returncode == 2 and 'Did you mean "smoke"?' in unknown.stderr
    assert list(contents(tmp_path)) == ["smoke.yaml"]


@pytest.mark.parametrize("safe", ["", "1"])
def test_python_m_takes_no_module_from_the_working_folder(safe, tmp_path):
    for name in ("typer", "yaml", "pathlib", "rich", "errno", "signal"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w')\nraise SystemExit(9)\n")
    done = call("init", cwd=tmp_path, safe=safe)
    assert done.returncode == 0, done.stderr
    assert "relu_vs_tanh" in done.stdout and not (tmp_path / "ran").exists()
