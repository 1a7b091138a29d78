"""The house: which room may import which, and that what reads never loads what trains."""

import ast
import contextlib
import importlib.util
import re
import sys
from fnmatch import fnmatch
from pathlib import Path

import processes
import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "lstm_ablate"

# Which rooms a room may import; what those import in turn, it may too. Errors and machine stand
# below all.
ARROWS = {
    "cli": {"display", "checks", "models", "merging"},
    "api": {"display", "models", "merging"},
    "models": {"study"},
    "display": {"study"},
    "checks": {"study"},
    "merging": {"study"},
    "study": {"training", "report"},
    "report": {"evidence"},
    "evidence": {"store", "keras_code"},
    "training": {"store"},
    "store": {"experiment"},
    "keras_code": {"experiment"},
    "experiment": {"errors", "machine"},
    "machine": {"errors"},
    "errors": set(),
}

# Libraries that only the named modules may import.
AT_HOME = {
    "tensorflow": {"training.engines.*", "checks.handwritten"},
    "keras": {
        "training.engines.reference*",
        "training.engines.functions",
        "checks.handwritten",
        "training.engines.exported",
    },
    "jax": {"checks.handwritten_jax"},
    "optax": {"checks.handwritten_jax"},
    "matplotlib": {"report.plots", "api"},
    "yaml": {"experiment.yaml_source"},
    "typer": {"cli.*"},
    "filelock": {"store.locks"},
    "ray": {"training.executors.ray_*"},
    "pandas": {"evidence.*", "store.tables", "report.*", "training.inputs.clock", "api"},
    "scipy": {"evidence.*"},
    "jinja2": {"report.parts"},
    "markupsafe": {"report.inline", "report.page", "report.parts"},
}

PATHS = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
    if path.name not in ("__main__.py",) and path != SOURCE / "__init__.py"
}


def below(room):
    """Return a room with all that it may import, directly or through others."""
    return {room}.union(*(below(other) for other in ARROWS[room]))


def imported(path):
    """Yield every module that a file imports, anywhere in it, in full."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("name", PATHS)
def test_imports_stay_in_the_room_or_point_down(name):
    room = name.split(".")[0]
    assert room in ARROWS, "a room that nobody knows"
    for target in imported(PATHS[name]):
        library, *inner = target.split(".")
        if library == "lstm_ablate":
            assert inner[0] in below(room) | {"__version__"}, f"{name} imports {target}"
        elif library in AT_HOME:
            assert any(fnmatch(name, home) for home in AT_HOME[library]), (
                f"{name} imports {library}"
            )


def test_no_arrow_leads_back_and_the_two_wings_never_see_one_another():
    for room, others in ARROWS.items():
        assert all(room not in below(other) for other in others)
    assert not below("training") & {"evidence", "report"} and "training" not in below("report")


def test_the_rooms_are_the_listing():
    listed = {
        path.stem
        for path in SOURCE.iterdir()
        if not path.name.startswith("__") and path.name != "py.typed"
    }
    assert listed == ARROWS.keys()
    assert {
        path.name for path in ROOT.glob("tests/*/") if path.name not in ("__pycache__", "data")
    } == {
        *(room for room in ARROWS if (SOURCE / room).is_dir()),
        "faults",
        "measure",
    }


def test_the_page_of_the_architecture_has_the_rooms_and_the_arrows():
    """In the diagram a text has the name of its room as id, an arrow the names of two."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    listed = re.findall(r"^\| `(\w+)(?:/|\.py)` \|", page, re.MULTILINE)
    assert sorted(listed) == sorted(ARROWS)
    drawn = (ROOT / "docs" / "rooms.svg").read_text()
    assert sorted(re.findall(r'<text id="(\w+)"', drawn)) == sorted(ARROWS)
    arrows = [f"{room}-{other}" for room, others in ARROWS.items() for other in others]
    assert sorted(re.findall(r'<path id="(\w+-\w+)"', drawn)) == sorted(arrows)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_every_file_says_in_one_sentence_what_it_is(path):
    first = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n\n")[0]
    assert first.endswith(".") and ". " not in first


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "init",
        "plan configs/smoke.yaml",
        "code configs/smoke.yaml relu",
        "schema",
        "activations",
        "report {}",
        "doctor {}",
        "compare {0}/a.csv {0}/a.csv --margin 10%",
    ],
)
def test_commands_that_train_nothing_load_no_tensorflow(command, tmp_path):
    (tmp_path / "a.csv").write_text(
        "variant,seed,test_loss\n" + "".join(f"tanh,{seed},0.1\n" for seed in range(5))
    )
    (tmp_path / "experiment.yaml").write_text(
        (SOURCE.parent.parent / "configs" / "smoke.yaml").read_text()
    )
    code = (
        "import sys\nfrom lstm_ablate.cli import app\nsys.argv = ['lstm-ablate',"
        f" *{command.format(tmp_path).split()!r}]\ntry:\n    app.main()\nexcept SystemExit as"
        " end:\n    assert end.code in (0, None), end.code\nprint(sorted({name.split('.')[0] for"
        " name in sys.modules} & {'tensorflow', 'keras', 'jax', 'torch'}))"
    )
    done = processes.run([sys.executable, "-c", code], cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def imports_of(text):
    """Yield (module, name) of what is imported from the package, in code and in code in strings."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lstm_ablate"):
            yield from ((node.module, alias.name) for alias in node.names)
        if isinstance(node, ast.Constant) and "import" in str(node.value):
            with contextlib.suppress(SyntaxError):
                yield from imports_of(str(node.value))


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "measure").glob("*.py")), ids=str)
def test_what_is_measured_by_hand_imports_names_that_exist(path):
    """Nothing else calls these files, so a moved name would be noticed too late."""
    text = path.read_text()
    found = list(imports_of(text))
    assert bool(found) == ("from lstm_ablate" in text)
    for module, name in found:
        inner = importlib.util.find_spec(module).submodule_search_locations is not None
        known = inner and importlib.util.find_spec(f"{module}.{name}") is not None
        assert known or hasattr(importlib.import_module(module), name), f"{module}: {name}"
