"""action.yml does what docs/ci.md says: its `run:` lines, in order, in a shell as GitHub calls it,
around the stub engine; and it is written as GitHub's page on the syntax of actions asks for.
"""

import os
import re
from pathlib import Path

import processes
import pytest
import stub_program
import yaml
from stub_behaviour import Behaviour, learning_rate

ROOT = Path(__file__).parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = ACTION["runs"]["steps"]
CI = (ROOT / "docs" / "ci.md").read_text()
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")


class Job:
    """What GitHub does with the steps of a composite action, as far as they use it."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.kept, self.outputs, self.code = folder, [], {}, 0
        stub_program.write(folder / "temp" / "lstm-ablate" / "bin" / "lstm-ablate")
        self.output, self.summary = folder / "output", folder / "summary.md"
        self.environment = stub_program.environment(
            RUNNER_TEMP=str(folder / "temp"),
            GITHUB_ACTION_PATH=str(ROOT),
            GITHUB_OUTPUT=str(self.output),
            GITHUB_STEP_SUMMARY=str(self.summary),
        )
        monkeypatch.chdir(folder)

    def call(self, **inputs):
        """Carry out the steps but the one that installs packages; return what the folder is."""
        given = {name: one.get("default") for name, one in ACTION["inputs"].items()} | {
            name.replace("_", "-"): value for name, value in inputs.items()
        }
        assert all(one is not None for one in given.values()), given
        self.outputs, self.kept, self.code = {"python-path": "python"}, [], 0
        for path in (self.output, self.summary):
            path.write_text("")
        for step in STEPS:
            if step.get("name", "").startswith("Install"):
                continue
            if "run" in step and self.code == 0:
                self._run(step, given)
            elif step.get("uses", "").startswith("actions/upload-artifact"):
                assert step["if"] == "${{ !cancelled() && steps.train.outputs.folder != '' }}"
                if self.outputs.get("folder"):
                    self.kept.append({k: self._filled(v, given) for k, v in step["with"].items()})
        return self._filled(ACTION["outputs"]["folder"]["value"], given)

    def _run(self, step, given):
        values = {name: self._filled(text, given) for name, text in step.get("env", {}).items()}
        script = self.folder / "step.sh"
        script.write_text(step["run"])
        done = processes.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
            None,
            cwd=self.folder,
            env=self.environment | values,
        )
        self.code, self.told = done.returncode, done.stdout + done.stderr
        assert "Traceback" not in self.told
        self.outputs |= dict(line.split("=", 1) for line in self.output.read_text().splitlines())

    def _filled(self, text, given):
        def value(found):
            room, *_, name = found[1].strip().split(".")
            return given[name] if room == "inputs" else self.outputs.get(name, "")

        return EXPRESSION.sub(value, text)


@pytest.fixture
def job(tmp_path, monkeypatch):
    (tmp_path / "my smoke.yaml").write_text((ROOT / "configs" / "smoke.yaml").read_text())
    return Job(tmp_path, monkeypatch)


def test_it_trains_and_compares_and_keeps_the_report(job):
    """First without a table to compare with, as the page says that one begins; then with it, after
    a change of the config, which is to be said.
    """
    names = {"config": "my smoke.yaml", "baseline": "kept.csv"}
    first = Path(job.call(**names))
    assert job.code == 2 and "kept.csv" in job.told
    assert job.kept == [{"name": "lstm-ablate", "path": str(first)}]
    assert (first / "report.md").read_text() in job.summary.read_text()
    (job.folder / "kept.csv").write_text((first / "runs.csv").read_text())

    names["overrides"] = "training.epochs=41\nquestion=$(touch a) `touch b`; touch c\n"
    again = Path(job.call(**names))
    assert job.code == 2 and "--across-settings" in job.told and again != first
    assert not any((job.folder / name).exists() for name in "abc")
    last = job.call(**names, across_settings="true", margin="20%", artifact="mine")
    assert job.code == 0 and "not worse by more than 20%" in job.told
    assert job.kept == [{"name": "mine", "path": last}]
    assert "\n```\nA: kept.csv" in job.summary.read_text()


def test_what_is_wrong_with_a_config_ends_it_and_nothing_is_kept(job):
    """What looks like an option in place of a file or a change is none."""
    for wrong in ({"config": "--help"}, {"overrides": "--results=elsewhere"}):
        assert job.call(**{"config": "my smoke.yaml", "baseline": "x"} | wrong) == ""
        assert job.code == 2 and job.kept == []
        (word,) = wrong.values()
        assert word.partition("=")[0] in job.told and "Usage" not in job.told
    assert not (job.folder / "elsewhere").exists()


@pytest.mark.usefixtures("stub_marks")
def test_a_run_that_fails_ends_it_and_its_report_is_kept(job):
    job.environment["STUB_MARKS"] = os.environ["STUB_MARKS"]
    raises = f"variants.relu.training.optimizer.learning_rate={learning_rate(Behaviour.RAISES)}"
    folder = job.call(config="my smoke.yaml", baseline="x", overrides=f"seeds=2\n\n{raises}\n")
    assert job.code == 3 and job.kept == [{"name": "lstm-ablate", "path": folder}]
    assert "failed" in job.summary.read_text() and "B: " not in job.summary.read_text()


def test_the_packages_are_those_whose_versions_are_pinned():
    (step,) = (one for one in STEPS if one.get("name", "").startswith("Install"))
    make, install = step["run"].replace("\\\n  ", "").splitlines()
    assert make == '"$PYTHON" -m venv "$RUNNER_TEMP/lstm-ablate"'
    assert install == (
        '"$RUNNER_TEMP/lstm-ablate/bin/pip" install -c "$GITHUB_ACTION_PATH/constraints.txt"'
        ' "$GITHUB_ACTION_PATH"'
    )
    assert (ROOT / "constraints.txt").exists()


def test_it_is_written_as_github_asks_for():
    """The keys that a composite action and its steps may have, and those that they must have."""
    assert ACTION.keys() <= {"name", "author", "description", "inputs", "outputs", "runs"}
    assert ACTION["runs"].keys() == {"using", "steps"} and ACTION["runs"]["using"] == "composite"
    name = re.compile("[_a-zA-Z][a-zA-Z0-9_-]*")
    for kind, keys in (
        ("inputs", {"description", "required", "default"}),
        ("outputs", {"description", "value"}),
    ):
        for one, content in ACTION[kind].items():
            assert name.fullmatch(one) and one == one.lower() and content.keys() <= keys
            assert isinstance(content["description"], str)
            assert content.get("required") is True or isinstance(
                content.get("default", content.get("value")), str
            )
    ids = [step["id"] for step in STEPS if "id" in step]
    assert len(ids) == len(set(ids)) and all(map(name.fullmatch, ids))
    for step in STEPS:
        if "run" in step:
            assert step.keys() <= {"name", "id", "if", "shell", "env", "run"}
            assert step["shell"] == "bash"
        else:
            assert step.keys() <= {"name", "id", "if", "uses", "with"}
            assert re.fullmatch(r"actions/[a-z-]+@v[0-9]+", step["uses"])


def test_what_a_caller_gives_never_becomes_part_of_a_line_of_a_shell():
    """Every expression stands in `env`, `with` or `if`, and names what there is."""
    for step in STEPS:
        assert "${{" not in step.get("run", "")
    (compare,) = (step["run"] for step in STEPS if step.get("name") == "Compare")
    assert 'compare --margin="$MARGIN" --require ' in compare
    text = (ROOT / "action.yml").read_text()
    used = [one.strip() for one in EXPRESSION.findall(text)]
    assert {one for one in used if one.startswith("inputs.")} == {
        f"inputs.{name}" for name in ACTION["inputs"]
    }
    known = {"steps.python.outputs.python-path", "steps.train.outputs.folder"}
    assert {one for one in used if one.startswith("steps.")} == known


def test_the_page_names_every_input_and_output_and_uses_them():
    (workflow,) = (
        block for block in re.findall(r"```yml\n(.*?)```", CI, re.DOTALL) if "OWNER" in block
    )
    (job,) = yaml.safe_load(workflow)["jobs"].values()
    (step,) = (one for one in job["steps"] if "OWNER" in one["uses"])
    assert re.fullmatch(r"OWNER/lstm-ablate@v0\.2\.0", step["uses"])
    required = {name for name, one in ACTION["inputs"].items() if one.get("required")}
    assert required <= step["with"].keys() <= ACTION["inputs"].keys()
    table = dict(re.findall(r"^\| `([a-z-]+)` \| .* \| (.*?) \|$", CI, re.MULTILINE))
    assert table == {
        name: "" if one.get("required") else f"`{one['default']}`" if one["default"] else "none"
        for name, one in ACTION["inputs"].items()
    }
    assert all(f"`{name}`" in CI for name in ACTION["outputs"])
