"""The wheel without its clone: built, installed in a clean environment, called in an empty folder.

TensorFlow and the other dependencies are those of the environment that runs the tests; only the
package is installed anew. Nothing is downloaded.
"""

import os
import shlex
import shutil
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import processes
import pytest
from typer.main import get_command

from lstm_ablate.cli import app
from lstm_ablate.experiment import loading, shipped

ROOT = Path(__file__).parent.parent
COMMANDS = get_command(app.app).commands
EXAMPLES = {name: command.epilog.removeprefix("Example: ") for name, command in COMMANDS.items()}
# They train, or measure, for longer than a test should: their line is parsed, their config read.
HEAVY = {"run", "verify", "bench"}


# In one process: 16 of them took 10 s of a core.
EVERY_CONFIG = """
import sys
from lstm_ablate.cli import app
for name in sys.argv[1:]:
    for words in (["init", name], ["plan", f"{name}.yaml"]):
        sys.argv = ["lstm-ablate", *words]
        try:
            app.main()
        except SystemExit as end:
            assert not end.code, words
"""


def done(words, cwd, **environment):
    """Carry out a command that must succeed; nothing in its environment leads to the clone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return processes.run(words, cwd=cwd, env={**kept, **environment}).stdout


def built(kind, source, folder):
    """Return the wheel or the sdist of a source tree."""
    done([sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)], source)
    (file,) = folder.glob({"wheel": "*.whl", "sdist": "*.tar.gz"}[kind])
    return file


def members(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return built("wheel", ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """Return the programs' folder of an environment with the wheel, and all else from this one."""
    place = tmp_path_factory.mktemp("clean") / "venv"
    done([sys.executable, "-m", "venv", "--without-pip", str(place)], ROOT)
    (packages,) = place.glob("lib/python*/site-packages")
    install = ["install", "--quiet", "--no-index", "--no-deps", str(wheel)]
    done([sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), *install], ROOT)
    # Folders that a .pth file adds come last, and the .pth files in them, which lead to the clone
    # where the package is editable, are not read.
    outer = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    (packages / "outer.pth").write_text("\n".join([*outer, ""]))
    return place / "bin"


@pytest.fixture(scope="module")
def smoke(environment, tmp_path_factory):
    """Return a folder that was empty, after what `lstm-ablate --help` says to start with."""
    folder = tmp_path_factory.mktemp("empty")
    first, second = app.app.info.epilog.removeprefix("Start with: ").split(", then ")
    assert (first, second) == ("lstm-ablate init smoke", "lstm-ablate run smoke.yaml")
    for line in (first, second):
        called(line, environment, folder)
    return folder


def called(line, environment, cwd):
    """Carry out a line of the shell with the environment's programs."""
    return done(["sh", "-c", line], cwd, PATH=f"{environment}{os.pathsep}{os.environ['PATH']}")


def test_the_wheel_holds_the_package_and_the_configs_and_nothing_else(wheel):
    command = ["git", "ls-files", "-co", "--exclude-standard", "src/lstm_ablate", "configs"]
    listed = processes.run(command, None, cwd=ROOT).stdout.split()
    if not listed:
        pytest.skip("not in a clone: git does not know the files")
    inside = {f"lstm_ablate/{path.removeprefix('src/lstm_ablate/')}": path for path in listed}
    expected = {name: (ROOT / path).read_bytes() for name, path in inside.items()}
    found = {name: text for name, text in members(wheel).items() if ".dist-info/" not in name}
    assert found == expected
    assert {f"lstm_ablate/{one}" for one in ("py.typed", "configs/own_data.csv")} < found.keys()


def test_the_wheel_says_what_it_is_licensed_under(wheel):
    info = {name.partition(".dist-info/")[2]: text for name, text in members(wheel).items()}
    for name in ("LICENSE", "NOTICE"):
        assert info[f"licenses/{name}"] == (ROOT / name).read_bytes()
    assert b"\nLicense-Expression: Apache-2.0\n" in info["METADATA"]


def test_the_wheel_of_the_source_distribution_is_the_same(wheel, tmp_path):
    with tarfile.open(built("sdist", ROOT, tmp_path)) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert not (source / ".git").exists()
    assert members(built("wheel", source, tmp_path / "dist")) == members(wheel)


def test_what_is_imported_is_the_wheels_own(environment, tmp_path):
    find = "import importlib.util, sys; print(importlib.util.find_spec(sys.argv[1]).origin)"
    ours, theirs = (
        Path(done([environment / "python", "-c", find, name], tmp_path).strip())
        for name in ("lstm_ablate", "tensorflow")
    )
    assert ours.is_relative_to(environment.parent)
    assert not theirs.is_relative_to(environment.parent)


def test_what_help_says_to_start_with_works(smoke):
    assert sorted(path.name for path in smoke.iterdir()) == ["results", "smoke.yaml"]
    assert (smoke / "results" / "smoke" / "report.html").stat().st_size > 10_000
    rows = (smoke / "results" / "smoke" / "runs.csv").read_text().splitlines()[1:]
    assert rows and all(",ok," in row for row in rows)


def test_the_doctor_finds_nothing_wrong(smoke, environment):
    assert called("lstm-ablate doctor", environment, smoke).endswith("nothing is wrong\n")


def test_every_config_is_listed_and_written(environment, tmp_path):
    listed = called("lstm-ablate init", environment, tmp_path)
    for name in shipped.questions():
        assert f" {name} " in listed
    done([environment / "python", "-c", EVERY_CONFIG, *shipped.questions()], tmp_path)
    assert {path.stem for path in tmp_path.glob("*.yaml")} == shipped.questions().keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_each_help_works_after_init(name, smoke, environment, tmp_path, monkeypatch):
    """What a long training would leave behind, here a second one that gives the same, is copied."""
    example, _, before = EXAMPLES[name].partition(", after ")
    assert example.split()[:2] == ["lstm-ablate", name]
    if name != "init":
        shutil.copytree(smoke, tmp_path, dirs_exist_ok=True)
    if before:
        copies = {
            "lstm-ablate run smoke.yaml --results again": ("again/smoke",),
            "lstm-ablate run smoke.yaml --shard 1/2 and 2/2": (
                "results/smoke.shards/1of2",
                "results/smoke.shards/2of2",
            ),
        }
        for copy in copies[before]:
            shutil.copytree(smoke / "results" / "smoke", tmp_path / copy)
    if name not in HEAVY:
        said = called(example, environment, tmp_path)
        example, _, written = example.partition(" > ")
        assert said or (tmp_path / written).stat().st_size > 1_000
        return
    monkeypatch.chdir(tmp_path)
    given = COMMANDS[name].make_context(name, shlex.split(example)[2:]).params
    loading.load(given["config"], tuple(given.get("overrides") or ()))
