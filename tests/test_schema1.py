"""A results folder that an earlier program wrote, committed as it was: today's program still knows
all of it.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lstm_ablate.experiment import loading, runs
from lstm_ablate.store import records

WRITTEN = Path(__file__).parent / "data" / "schema1"
DERIVED = ("experiment.yaml", "runs.csv", "curves.csv", "summary.csv", "timings.csv", "report.md")


@pytest.fixture
def folder(tmp_path):
    """A copy of the folder under the name of its experiment, with the config beside `results`."""
    shutil.copy(WRITTEN / "schema1.yaml", tmp_path)
    return Path(shutil.copytree(WRITTEN / "results", tmp_path / "results" / "schema1"))


def call(*words, folder, code=0):
    done = subprocess.run(
        [Path(sys.executable).parent / "lstm-ablate", *words],
        capture_output=True, text=True, check=False, cwd=folder.parent.parent, timeout=120,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done


def derived(folder):
    return {name: (folder / name).read_text() for name in DERIVED}


def test_the_records_are_whole_and_those_that_the_config_asks_for():
    one = loading.load(WRITTEN / "schema1.yaml")
    found, damaged = records.read_all(WRITTEN / "results")
    assert damaged == [] and found.keys() == {run.id for run in runs.expand(one)}
    assert {record.identity["schema"] for record in found.values()} == {1}
    counts = [
        sum(record.status == status for record in found.values())
        for status in ("ok", "diverged", "failed")
    ]
    assert counts == [7, 4, 1]


def test_report_writes_every_derived_file_again_to_the_byte(folder):
    before = derived(folder)
    done = call("report", "results/schema1", folder=folder)
    assert derived(folder) == before and done.stderr == ""
    assert "1/0/1" in done.stdout and "all diverged (2 of 2)" in done.stdout


def test_run_trains_nothing_and_tells_of_the_run_that_failed(folder):
    before = derived(folder)
    done = call("run", "schema1.yaml", folder=folder, code=3)
    assert "schema1: 12 runs, 12 done, 0 to train" in done.stderr and derived(folder) == before


def test_compare_finds_the_folder_equal_to_its_own_table(folder):
    done = call(
        "compare", WRITTEN / "results" / "runs.csv", "results/schema1", "--exact", folder=folder
    )
    assert "same: 12 shared rows, every number to the bit" in done.stdout


def test_doctor_checks_every_record(folder):
    findings = json.loads(call("doctor", "results/schema1", "--json", folder=folder).stdout)[
        "findings"
    ]
    found = {one["what"]: one for one in findings}
    assert found["records"]["found"] == "12 checked: 4 diverged, 1 failed, 7 ok"
    assert found["experiment"]["found"] == "schema1" and found["foreign files"]["found"] == "none"
    assert not any(one["problem"] for one in findings)
