"""Safety: nothing that is read is ever executed, nothing leaves the machine, and no cell of a CSV
is a formula.
"""

import ast
import csv
import io
import sys
from pathlib import Path

import processes
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstm_ablate import machine
from lstm_ablate.evidence import analysis
from lstm_ablate.experiment import loading, runs
from lstm_ablate.experiment.names import why_no_name
from lstm_ablate.store import tables
from lstm_ablate.store.records import Record

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "lstm_ablate"
FILES = {str(path.relative_to(SOURCE)): path.read_text() for path in sorted(SOURCE.rglob("*.py"))}

# Modules that nobody imports, but for those named; and names that nobody calls.
BARRED = {
    **dict.fromkeys(("marshal", "shelve", "dill", "cloudpickle", "joblib", "code", "runpy"), ()),
    **dict.fromkeys(
        ("urllib", "urllib3", "http", "requests", "ftplib", "smtplib", "ssl", "asyncio", "xmlrpc"),
        (),
    ),
    # One call of the kernel: that workers end with their driver.
    "ctypes": ("training/executors/local.py",),
    # Messages of its own processes, through pipes without a name.
    "pickle": ("training/executors/local.py",),
    "importlib": (
        "training/engines/__init__.py",
        "training/engines/tensorflow_parts.py",
        "training/executors/ray_versions.py",  # which versions a node has
        "machine.py",
        "checks/benchmark.py",
        "checks/doctor.py",
    ),
    # The name of this machine, and whether a Ray cluster answers at the address that a user gave.
    "socket": ("store/locks.py", "training/executors/ray_cluster.py"),
    # `bench --processes` starts whole processes: that is what it measures.
    "subprocess": ("machine.py", "checks/whole_processes.py"),
}
NEVER_CALLED = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "open_url",
    "get_file",
    "load_model",
    "load_weights",
}
NEVER_CALLED |= {
    "read_pickle",
    "to_pickle",
    "system",
    "popen",
    "unsafe_load",
    "full_load",
    "safe_load",
    "load_all",
}


SOCKETS = {
    ("store/locks.py", "gethostname"),
    ("training/executors/ray_cluster.py", "create_connection"),
}

# Code that this program has written itself; tests/keras_code/test_module.py says what stands in it.
OF_OUR_OWN = ("training/engines/exported.py", "calls exec")


def faults(name, text):
    """Return what a file does that it must not, each with its line."""
    found = []
    for node in ast.walk(ast.parse(text)):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        for module in modules:
            if name not in BARRED.get(module.split(".")[0], [name]):
                found.append(f"{name}:{node.lineno}: imports {module}")
        if (
            isinstance(node, ast.Attribute)
            and ast.unparse(node.value) == "socket"
            and (name, node.attr) not in SOCKETS
        ):
            found.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
        if isinstance(node, ast.Call):
            wrong = [fault for fault in call_faults(node) if (name, fault) != OF_OUR_OWN]
            found += [f"{name}:{node.lineno}: {fault}" for fault in wrong]
    return found


def call_faults(call):
    function, words = (
        ast.unparse(call.func),
        {word.arg: ast.unparse(word.value) for word in call.keywords},
    )
    last = function.rsplit(".", 1)[-1]
    if last in NEVER_CALLED and not (
        last == "compile" and function.split(".")[0] in ("re", "model", "network")
    ):
        yield f"calls {function}"
    if (last in ("read_array", "memmap", "fromfile") or function == "np.load") and words.get(
        "allow_pickle"
    ) != "False":
        yield f"{function} without allow_pickle=False"
    if function in ("yaml.load", "yaml.parse", "yaml.scan", "yaml.compose"):
        loader = [ast.unparse(word) for word in call.args[1:]] or [words.get("Loader")]
        if function != "yaml.parse" or loader != ["yaml.SafeLoader"]:
            yield f"{function} with {loader[0]}"
    if last == "import_module" and ast.unparse(call.args[0]) != "ENGINES.get(name, name)":
        yield f"{function} of {ast.unparse(call.args[0])}"
    if words.get("shell", "False") != "False":
        yield f"{function} with a shell"


@pytest.mark.parametrize("name", FILES)
def test_no_file_executes_what_it_reads_or_opens_a_connection(name):
    assert faults(name, FILES[name]) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "import urllib.request",
        "import socket",
        "eval(text)",
        "builtins.exec(text)",
        "yaml.load(text, yaml.SafeLoader)",
        "yaml.parse(text)",
        "yaml.parse(text, yaml.UnsafeLoader)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.lib.format.read_array(stream)",
        "pd.read_pickle(path)",
        "keras.models.load_model(path)",
        "importlib.import_module(config['engine'])",
        "os.system(text)",
        "subprocess.run(text, shell=True)",
    ],
)
def test_each_of_these_lines_would_be_found(line):
    assert faults("evidence/analysis.py", line)


def test_even_where_sockets_are_known_nothing_but_the_host_is_asked():
    assert faults("store/locks.py", "import socket\nsocket.gethostname()") == []
    assert faults("store/locks.py", "import socket\nsocket.create_connection(place)")


def test_everything_that_tests_install_is_pinned_with_hashes_as_in_the_constraints():
    lines = (ROOT / "requirements-test.txt").read_text().replace("\\\n", " ").splitlines()
    pins = {line.split(" --hash=")[0].strip() for line in lines}
    assert all(" --hash=sha256:" in line for line in lines)
    assert {
        pin.split("==")[0]
        for pin in pins - set((ROOT / "constraints.txt").read_text().splitlines())
    } == {
        "editables",
        "hatchling",
        "trove-classifiers",
    }
    assert 'requires = ["hatchling==1.27.0"]' in (ROOT / "pyproject.toml").read_text()
    assert "hatchling==1.27.0" in pins and "keras==3.15.1" in pins


def test_a_worker_imports_nothing_from_the_working_folder(tmp_path):
    """Python starts a worker with the working folder first on its path unless told not to."""
    here, program = tmp_path / "here", tmp_path / "program.py"
    here.mkdir()
    for name in ("multiprocessing", "pickle", "random", "numpy", "signal"):
        (here / f"{name}.py").write_text(f"open('ran', 'w').write('{name}')\nraise SystemExit(9)\n")
    (tmp_path / "work.py").write_text("def work(group, send):\n    return group\n")
    program.write_text(
        "import sys\n"
        "from lstm_ablate.cli import app\n"
        "from lstm_ablate.training.executors.local import execute\n"
        "from work import work\n"
        "if __name__ == '__main__':\n"
        "    sys.argv = ['lstm-ablate', '--version']\n"
        "    try:\n        app.main()\n    except SystemExit:\n        pass\n"
        "    options = {'key': str, 'workers': 1, 'environment': lambda worker: {}}\n"
        "    print([event.value for event in execute(work, ['done'], **options)])\n"
    )
    done = processes.run([sys.executable, program], cwd=here)
    assert done.stdout.endswith("['done']\n"), done.stderr
    assert not (here / "ran").exists()


def test_no_program_of_a_repository_is_started(tmp_path):
    for words in (["init", "-q"], ["config", "core.fsmonitor", f"touch {tmp_path}/ran; false"]):
        processes.run(["git", "-C", tmp_path, *words])
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.fsmonitor=false"]
    commit = ["commit", "-q", "--allow-empty", "-m", "a"]
    processes.run(["git", "-C", tmp_path, *identity, *commit])
    assert len(machine.describe("cpu", {}, tmp_path)["git_commit"]) == 40
    assert not (tmp_path / "ran").exists()


# ----------------------------------------------------------------------------------- cells of a CSV


@settings(deadline=None, max_examples=500)
@given(
    st.text(max_size=8)
    | st.text(st.sampled_from("=+-@\t\r\n,;|\"'a1._<&\u202e\u200b\uff1d\uff0b"), max_size=2)
)
def test_no_accepted_name_is_a_formula_or_hides_anything(name):
    if not why_no_name(name):
        assert name[0].isalnum() or name[0] == "_"
        assert name.isprintable() and not set(name) & set("=@\t\r\n,;|\"'<>&/\\ \uff1d\uff0b")


def test_every_cell_of_the_tables_is_a_number_or_begins_with_a_letter():
    one = loading.load(ROOT / "configs" / "sites.yaml", ("seeds=3",))
    expanded = runs.expand(one)
    result = {
        "status": "ok",
        "parameters": 3,
        "epochs": 1,
        "best_epoch": 1,
        "train_loss": 0.5,
        "validation_loss": 0.5,
        "test_loss": 0.5,
        "diverged_epoch": None,
        "floor": 0.0,
        "ceiling": 1.0,
        "linear": 0.25,
        "train_losses": [0.5],
        "validation_losses": [0.5],
    }
    meta = {
        "seconds": 1.0,
        "training_seconds": 1.0,
        "engine": "fused",
        "device": "cpu",
        "worker": 0,
        "process": 1,
    }
    failed = {"status": "failed", "message": "=HYPERLINK(0)"}
    records = {
        run.id: Record(
            run.id, {}, failed if run.seed == 2 else result, {} if run.seed == 2 else meta
        )
        for run in expanded
    }
    frames = [
        tables.runs_table(expanded, records),
        tables.curves_table(expanded, records),
        tables.timings_table(expanded, records),
        analysis.summarise(one, expanded, records).table(),
    ]
    cells = [
        cell
        for table in frames
        for row in csv.reader(io.StringIO(tables.csv_text(table)))
        for cell in row
    ]
    assert len(cells) > 200
    for cell in cells:
        assert cell == "" or cell[0].isalnum() or cell[0] == "_" or float(cell) < 0
