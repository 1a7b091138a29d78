"""What the package says about itself: licence, citation and versions agree in every file."""

import hashlib
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest
import trove_classifiers
import yaml

from lstm_ablate import __version__
from lstm_ablate.experiment.yaml_source import read_file

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
AUTHORS = "the lstm-ablate authors"

# Of the Citation File Format 1.2.0 the keys that a program without a DOI has use for. Its own
# schema refuses unknown keys too, and requires the same four.
TEXT = {"type": "string", "minLength": 1}
CFF = {
    "type": "object",
    "additionalProperties": False,
    "required": ["authors", "cff-version", "message", "title"],
    "properties": {
        "abstract": TEXT,
        "authors": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {"name": TEXT},
            },
        },
        "cff-version": {"const": "1.2.0"},
        "keywords": {"type": "array", "minItems": 1, "uniqueItems": True, "items": TEXT},
        "license": {"const": "Apache-2.0"},
        "message": TEXT,
        "title": TEXT,
        "type": {"enum": ["dataset", "software"]},
        "version": TEXT,
    },
}


def test_the_licence_is_the_official_text_and_names_who_holds_the_copyright():
    """The digest is that of the Apache Software Foundation's LICENSE-2.0.txt."""
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    assert digest == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
    assert (PROJECT["license"], PROJECT["license-files"]) == ("Apache-2.0", ["LICENSE", "NOTICE"])
    assert f"Copyright {AUTHORS}\n" in (ROOT / "NOTICE").read_text()
    readme = (ROOT / "README.md").read_text()
    assert f"Copyright {AUTHORS}" in readme and "Apache License 2.0" in readme


def test_the_version_is_one():
    assert PROJECT["version"] == __version__
    release = __version__.partition(".dev")[0]  # which a version under development leads to
    assert f"\n## {release} " in (ROOT / "CHANGELOG.md").read_text()


def test_the_citation_is_valid_and_says_what_the_package_says():
    citation = read_file(ROOT / "CITATION.cff").plain()
    jsonschema.validate(citation, CFF)
    assert citation == yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["authors"] == PROJECT["authors"] == [{"name": AUTHORS}]
    for key, said in {"name": "title", "version": "version", "description": "abstract"}.items():
        assert citation[said] == PROJECT[key]
    assert (citation["license"], citation["keywords"]) == (PROJECT["license"], PROJECT["keywords"])


@pytest.mark.parametrize(
    "wrong",
    [{"authors": []}, {"authors": [{"nam": ""}]}, {"cff-version": 1.2}, {"doy": ""}, {"title": 1}],
    ids=str,
)
def test_a_citation_that_is_wrong_would_be_found(wrong):
    citation = read_file(ROOT / "CITATION.cff").plain()
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**citation, **wrong}, CFF)


def test_the_classifiers_are_known():
    assert set(PROJECT["classifiers"]) <= trove_classifiers.classifiers
    # PEP 639: the licence is said by its SPDX name alone.
    assert not any(one.startswith("License ::") for one in PROJECT["classifiers"])


def test_the_checks_run_on_every_python_that_is_promised():
    """PyYAML reads the workflow, and takes its key `on` for true."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert job["steps"][-1] == {"run": ".ci/run"}
    assert job["steps"][-2]["with"] == {"python-version": "${{ matrix.python }}"}
    matrix = job["strategy"]["matrix"]["python"]
    python = "Programming Language :: Python :: 3."
    assert [f"{python}{one.removeprefix('3.')}" for one in matrix] == [
        one for one in PROJECT["classifiers"] if one.startswith(python)
    ]
    assert PROJECT["requires-python"] == f">={matrix[0]}"
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    # That python3 is the one which setup-python puts first.
    assert "\nPYTHON ?= python3\n" in (ROOT / "Makefile").read_text()


def test_git_calls_the_ruff_that_the_checks_call():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    (repository,) = hooks["repos"]
    (pinned,) = re.findall(r"^ruff==(\S+)", (ROOT / "requirements-test.txt").read_text(), re.M)
    assert repository["rev"] == f"v{pinned}"
    assert [hook["id"] for hook in repository["hooks"]] == ["ruff-check", "ruff-format"]
