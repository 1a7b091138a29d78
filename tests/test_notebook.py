"""docs/notebook.ipynb in a kernel: every cell works and is shown as a notebook shows it, and an
interrupted cell keeps what is done.

The kernel is ipykernel's own, which nbclient and jupyter_client start and ask as a notebook does.
"""

import asyncio
import json
import os
import re
from collections import Counter
from pathlib import Path

import nbformat
import pandas as pd
import processes
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell
from stub_behaviour import Behaviour

import lstm_ablate as la

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"

BREATHING = {
    "version": 1,
    "name": "breathing",
    "data": {
        "family": "sines",
        "samples": {"train": 4, "validation": 2, "test": 2},
        "timesteps": 3,
    },
    "model": {"encoder": [2], "decoder": [2]},
    "training": {
        "epochs": 20,
        "batch_size": 2,
        "optimizer": {"name": "adam", "learning_rate": float(Behaviour.BREATHES)},
    },
    "seeds": 20,
    "group_size": 1,
    "baseline": "only",
    "variants": {"only": {}},
    "execution": {"workers": 1},
}
INTERRUPTED = f"import stubbed\nbreathing = {BREATHING!r}\nla.run(breathing)"


class Interrupting(NotebookClient):
    """A client that presses the notebook's button once a cell shows that one of 20 runs is done."""

    pressed = None

    def process_message(self, message, cell, index):
        line = message["content"].get("data", {}).get("text/plain", "")
        if not self.pressed and re.match(r"[1-9]\d?/20 runs", line):
            self.pressed = asyncio.ensure_future(self.km.interrupt_kernel())
        return super().process_message(message, cell, index)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def executed(folder):
    """The cells of the notebook, and two more, after one kernel has executed them; by their id.

    The kernel works in an empty folder, with nobody's settings.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells += [
        new_code_cell(INTERRUPTED, id="interrupted", metadata={"tags": ["raises-exception"]}),
        new_code_cell("len(la.run(breathing).runs)", id="again"),
    ]
    paths = [str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"PYTHONPATH": os.pathsep.join(paths), "STUB_MARKS": str(folder)}
    own |= {name: str(folder / "home") for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR")}
    client = Interrupting(
        notebook,
        kernel_name="python3",
        timeout=processes.SECONDS,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env={**os.environ, **own})
    return {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}


def shown(cell, kind):
    """Return what a cell shows in a format: the last of its outputs that has one."""
    found = [output["data"][kind] for output in cell.outputs if kind in output.get("data", {})]
    assert found, f"cell {cell.id} shows no {kind}"
    return found[-1]


def test_the_notebook_is_stored_without_outputs():
    """The digits of a loss depend on the processor: stored ones would differ at every execution."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
        assert all(len(line) <= 100 for line in cell.source.splitlines())


def test_every_cell_is_shown_as_a_notebook_shows_it(executed):
    for name in executed.keys() - {"interrupted"}:  # neither an error nor anything red
        kinds = {output.get("name", output.output_type) for output in executed[name].outputs}
        assert kinds <= {"stdout", "display_data", "execute_result"}, (name, kinds)
    progress = shown(executed["train"], "text/html")
    assert re.match(r'<progress value="(\d+)" max="\1"></progress> 24/24 runs', progress)
    for name in ("study", "load"):
        assert shown(executed[name], "text/html").count("<table") == 1
        assert shown(executed[name], "text/plain").startswith("<Results of notebook: 1 ")
    for name in ("runs", "summary"):
        assert "<table" in shown(executed[name], "text/html")
    assert shown(executed["plan"], "text/html").startswith("<pre>")
    assert "60 runs, 36 missing" in shown(executed["plan"], "text/plain")
    assert executed["figure"].outputs[-1]["data"].keys() >= {"image/png", "text/plain"}


def test_what_the_cells_show_is_what_the_files_hold(executed, folder):
    table = pd.read_csv(folder / "results" / "notebook" / "summary.csv")
    (row,) = (row for row in table.itertuples() if row.variant == "relu")
    assert executed["outcome"].outputs[0]["text"] == f"{row.sentence}\n"
    ratio = la.Estimate(row.ratio, row.ratio_low, row.ratio_high)
    assert shown(executed["outcome"], "text/plain") == f"({row.verdict!r},\n {ratio})"
    assert row.verdict in shown(executed["summary"], "text/plain")


def test_an_interrupted_cell_keeps_what_is_done_and_goes_on(executed, folder):
    *_, said, error = executed["interrupted"].outputs
    assert error.ename == "KeyboardInterrupt", error
    found = re.search(r"interrupted: (\d+) of 20 runs are done and kept; call again", said.text)
    assert said.name == "stderr" and 0 < int(found[1]) < 20, said
    assert shown(executed["again"], "text/plain") == "20"
    records = (folder / "results" / "breathing" / "runs").glob("*.json")
    trained_by = Counter(json.loads(path.read_text())["meta"]["process"] for path in records)
    assert sorted(trained_by.values()) == sorted([int(found[1]), 20 - int(found[1])])
