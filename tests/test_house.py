"""The house: which module may import which, and that what reads never loads what trains."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "lstm_ablate"

# From top to bottom: a module imports only from lines below its own.
FLOORS = [
    "__main__",
    "cli",
    "progress planning report verification benchmark doctor gate",
    "sweep page compare",
    "plots",
    "analysis",
    "tables sentences",
    "evidence inventory shipped",
    "engines.reference engines.handwritten engines.fused executors.local environment records",
    "engines.devices engines.fused_network engines.fused_optimizers",
    "executors data files",
    "data_file runs",
    "engines experiment",
    "randomness memory",
    "changes",
    "problems",
    "schema",
    "settings",
    "activations yaml_source reach json_text limits",
    "errors",
]
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names.split()}

# Libraries that only the named modules may import.
AT_HOME = {
    "tensorflow": {name for name in FLOOR if name.startswith("engines.")},
    "keras": {"engines.reference", "engines.handwritten"},
    "matplotlib": {"plots"},
    "yaml": {"yaml_source"},
    "typer": {"cli"},
    "filelock": {"records"},
    "pandas": {"analysis", "report", "tables"},
    "scipy": {"evidence", "gate"},
    "jinja2": {"page"},
    "markupsafe": {"page"},
}


PATHS = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
    if path != SOURCE / "__init__.py"
}


def imported(path):
    """Every module that a file imports, anywhere in it, in full."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module in ("lstm_ablate", "lstm_ablate.engines", "lstm_ablate.executors"):
                inside = {f"{node.module}.{alias.name}" for alias in node.names}
                known = {f"lstm_ablate.{name}" for name in FLOOR}
                yield from inside & known
                if inside - known and node.module != "lstm_ablate":
                    yield node.module
            else:
                yield node.module


@pytest.mark.parametrize("name", PATHS)
def test_imports_point_down(name):
    assert name in FLOOR, "give the module its floor"
    for target in imported(PATHS[name]):
        if target.startswith("lstm_ablate."):
            below = target.removeprefix("lstm_ablate.")
            assert FLOOR[below] > FLOOR[name], f"{name} imports {below}"
        library = target.split(".")[0]
        assert name in AT_HOME.get(library, {name}), f"{name} imports {library}"


def test_the_side_that_reads_does_not_import_the_side_that_trains():
    training = {"sweep", "engines", "engines.reference", "executors", "executors.local", "data"}
    reading = {"analysis", "report", "records", "compare", "gate"}
    for name in reading:
        assert not {target.removeprefix("lstm_ablate.") for target in imported(PATHS[name])} & training


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
        "schema",
        "activations",
        "report {}",
        "doctor {}",
        "compare {0}/a.csv {0}/a.csv --margin 10%",
    ],
)
def test_commands_that_train_nothing_load_no_tensorflow(command, tmp_path):
    (tmp_path / "a.csv").write_text("variant,seed,test_loss\n" + "".join(f"tanh,{seed},0.1\n" for seed in range(3)))
    (tmp_path / "experiment.yaml").write_text((SOURCE.parent.parent / "configs" / "smoke.yaml").read_text())
    code = (
        "import sys\nfrom lstm_ablate import cli\n"
        f"sys.argv = ['lstm-ablate', *{command.format(tmp_path).split()!r}]\n"
        "try:\n    cli.main()\nexcept SystemExit as end:\n    assert end.code in (0, None), end.code\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'tensorflow', 'keras', 'jax', 'torch'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=SOURCE.parent.parent
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
