"""docs/contributing.md does what it says: its examples are applied to a copy of the project, and
the checks that it names pass there.

The arbiters are in the page's own tests: SciPy, stock Keras, and an LSTM in NumPy.
"""

import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import processes
import pytest
from stub_behaviour import Behaviour

from lstm_ablate.experiment import identity
from lstm_ablate.experiment.settings import Settings

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "contributing.md").read_text()
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
EXAMPLES = ["An activation", "A data family", "A key of the model", "An executor"]


def blocks(language, section):
    return re.findall(rf"```{language}\n(.*?)```", SECTIONS[section], re.DOTALL)


def applied(block, folder):
    """Apply a block with changes to the files that it names; each place must be there once."""
    for change in re.split(r"^--- (?=\S+\n\+\+\+ )", block, flags=re.MULTILINE)[1:]:
        first, second, *_ = change.splitlines()
        assert second == f"+++ {first}"
        path, hunks = folder / first, re.split(r"^@@ .*\n", change, flags=re.MULTILINE)[1:]
        for hunk in hunks:
            lines = hunk.splitlines(keepends=True)
            before = "\n" + "".join(line[1:] for line in lines if line[0] != "+")
            after = "\n" + "".join(line[1:] for line in lines if line[0] != "-")
            text = path.read_text()
            assert text.count(before) == 1, f"{first}:{before}"
            path.write_text(text.replace(before, after))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project to which every example is applied."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for section in EXAMPLES:
        for block in blocks("diff", section):
            applied(block, folder)
    files = re.findall(r"Write\s+it\s+to\s+`(\S+?)`:\n\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(files) == 2
    for name, content in files:
        assert not (folder / name).exists()
        (folder / name).write_text(content)
    return folder


def test_the_check_of_every_example_passes(project):
    """In one process, which loads TensorFlow once."""
    files, words = [], []
    for section in EXAMPLES:
        for command in blocks("sh", section)[0].splitlines():
            python, module, program, *named = shlex.split(command)
            assert (python, module, program) == ("python", "-m", "pytest")
            files.append(named[0])
            words.append(named[2] if named[1:2] == ["-k"] else Path(named[0]).stem)
    chosen = ["-p", "no:xdist", "-v", *files, "-k", " or ".join(words)]
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    pytest_there = [sys.executable, "-m", "pytest", *chosen]
    said = processes.run(pytest_there, None, cwd=project, env=environment).stdout
    passed = re.findall(r"^(\S+) PASSED", said, re.MULTILINE)
    assert all(any(word in name for name in passed) for word in words), said
    assert re.search(rf"^=+ {len(passed)} passed, ", said, re.MULTILINE), said


def test_the_code_that_is_added_is_typed_and_formatted(project):
    """As `make check` asks for it, but for mypy, which takes half a minute."""
    for check in (["format", "--check"], ["check"]):
        ruff = [sys.executable, "-m", "ruff", *check, "--no-cache", "src", "tests"]
        processes.run(ruff, cwd=project)


def test_a_run_of_today_keeps_its_id(project):
    """With the neutral value of the new key, as the page says, and without it not."""
    code = (
        "from lstm_ablate.experiment import identity\n"
        "from lstm_ablate.experiment.settings import Model, Settings\n"
        "for model in (Model(), Model(go_backwards=True)):\n"
        "    print(identity.settings_id(Settings(model=model)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    said = processes.run([sys.executable, "-c", code], env=environment).stdout.split()
    assert said[0] == identity.settings_id(Settings()) != said[1]


def test_the_executor_trains_in_the_process_that_calls_it(project, tmp_path):
    """The script of the page, with the stub engine."""
    (script,) = [block for block in blocks("python", "An executor") if "la.run" in block]
    (tmp_path / "smoke.yaml").write_text(
        "version: 1\nname: smoke\nbaseline: calm\nvariants: {calm: {}}\n"
        f"training: {{optimizer: {{name: adam, learning_rate: {Behaviour.CALM}}}}}\n"
    )
    (tmp_path / "script.py").write_text(
        f"import os, stubbed\n{script}\nprint('process', os.getpid())\n"
    )
    paths = os.pathsep.join(str(project / name) for name in ("src", "tests"))
    environment = {**os.environ, "PYTHONPATH": paths}
    said = processes.run([sys.executable, "script.py"], cwd=tmp_path, env=environment).stdout
    (record,) = (tmp_path / "results" / "smoke" / "runs").glob("*.json")
    meta = json.loads(record.read_text())["meta"]
    assert meta["device"] == "stub" and said.endswith(f"process {meta['process']}\n")


def test_the_first_commands_are_there():
    """What they do, every check of this project does."""
    script = blocks("sh", "Ten minutes to the first green check")[0]
    make, tests = map(shlex.split, script.splitlines())
    targets = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = [make[1], *re.findall(r"`make ([\w-]+)`", PAGE)]
    assert make[0] == "make" and set(named) <= set(targets)
    paths = [word for word in tests if word.startswith("tests/")]
    paths += re.findall(r"`((?:src|tests)/[\w/]+(?:\.py)?)/?`", PAGE)
    assert len(paths) > 5
    new = {"src/lstm_ablate/training/executors/here.py", "tests/training/test_here.py"}
    assert {path for path in paths if not (ROOT / path).exists()} == new
