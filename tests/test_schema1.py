"""What today's program does with a results folder that an earlier one wrote."""

import json
import re
import shutil
from pathlib import Path

import command_line
import pytest

from lstm_ablate.store import older, records

WRITTEN = Path(__file__).parent / "data" / "schema1"
# Three runs of a network with half the layers are enough to train.
FEWER = ("seeds=1", "tasks={smoke: {}}", "model.encoder=[4]", "model.decoder=[4]")


@pytest.fixture
def folder(tmp_path):
    """A copy of the folder under the name of its experiment, with the config beside `results`."""
    return copied_to(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Another copy in which `run` has trained, with what it said."""
    folder = copied_to(tmp_path_factory.mktemp("trained"))
    return folder, call("run", "schema1.yaml", *FEWER, folder=folder).stderr


def copied_to(place):
    shutil.copy(WRITTEN / "schema1.yaml", place)
    return Path(shutil.copytree(WRITTEN / "results", place / "results" / "schema1"))


def call(*words, folder, code=0):
    return command_line.call(*words, cwd=folder.parent.parent, code=code)


def files_of(folder):
    """Return every file that is written to keep: all but the locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


def test_its_records_are_whole_and_of_other_settings():
    found = records.read_all(WRITTEN / "results")
    assert (found.records, found.damaged) == ({}, [])
    assert found.older == dict.fromkeys(
        (path.stem for path in (WRITTEN / "results" / "runs").iterdir()), 1
    )
    assert len(found.older) == 12


def test_report_leaves_every_byte_and_says_why(folder):
    before = files_of(folder)
    done = call("report", "results/schema1", folder=folder, code=4)
    assert files_of(folder) == before and done.stdout == ""
    assert done.stderr == (
        "results/schema1: holds 12 records of schema 1 and none of schema 2, with which this "
        "program trains; nothing is written, and its tables stay as they are. `lstm-ablate run` "
        "trains its runs anew, and keeps these tables in schema-1/\n"
    )


def test_plan_counts_every_run_as_missing_and_writes_nothing(folder):
    before = files_of(folder)
    content = json.loads(call("plan", "schema1.yaml", "--json", folder=folder).stdout)
    counts = [(one["runs"], one["missing"]) for one in content["variants"]]
    assert counts == [(2, 2)] * 6 and files_of(folder) == before


def test_run_names_the_records_once_and_trains_anew(trained):
    folder, told = trained
    stay = "12 records of schema 1 stay, and are not in the tables: "
    assert told.count(f"results/schema1: {stay}this program trains with schema 2\n") == 1
    assert told.count("schema 1") == 1 and "damaged" not in told and "other settings" not in told
    kept = "results/schema1: the tables that came from them are kept in schema-1/\n"
    assert told.count(kept) == 1
    assert "schema1: 3 runs, 0 done, 3 to train" in told
    lines = (folder / "runs.csv").read_text().splitlines()
    assert len(lines) == 4 and lines[0].endswith(",settings,run")


def test_run_leaves_the_old_records_and_copies_the_old_tables(trained):
    folder, _ = trained
    before, after = files_of(WRITTEN / "results"), files_of(folder)
    old = [name for name in before if name.startswith(("runs/", "logs/"))]
    assert len(old) == 13
    assert [after[name] for name in old] == [before[name] for name in old]
    copies = {name: content for name, content in after.items() if name.startswith("schema-1/")}
    assert copies == {f"schema-1/{name}": before[name] for name in older.TABLES if name in before}


def test_what_follows_a_run_keeps_both(trained):
    folder, _ = trained
    before = files_of(folder)
    told = call("report", "results/schema1", folder=folder).stderr
    assert told.count("12 records of schema 1 stay") == 1 and "kept in" not in told
    again = call("run", "schema1.yaml", *FEWER, folder=folder).stderr
    assert "3 runs, 3 done, 0 to train" in again
    assert again.count("12 records of schema 1 stay") == 1 and "kept in" not in again
    changing = re.compile(r"report\.html|figures/.*")  # they name the time of their drawing
    after = files_of(folder)
    assert {name for name in after if after[name] != before.get(name)} <= {
        name for name in after if changing.fullmatch(name)
    }


def test_compare_reads_the_copies(trained):
    folder, _ = trained
    written = WRITTEN / "results" / "runs.csv"
    done = call("compare", written, "results/schema1/schema-1", "--exact", folder=folder)
    assert "same: 12 shared rows, every number to the bit" in done.stdout
    words = ("results/schema1/schema-1", "results/schema1", "--metric", "epochs")
    done = call("compare", *words, folder=folder, code=1)  # for the other nine were not trained
    assert "3 runs with another id" in done.stdout and "9 only in A" in done.stdout


@pytest.mark.parametrize("checked", ["as it was", "after a run"])
def test_doctor_is_content(checked, folder, trained):
    here, found = (folder, "0 checked") if checked == "as it was" else (trained[0], "3 checked: ")
    done = call("doctor", "results/schema1", "--json", folder=here)
    findings = {one["what"]: one for one in json.loads(done.stdout)["findings"]}
    assert findings["records"]["found"].startswith(found)
    assert findings["older records"]["found"] == (
        "12 records of schema 1: kept, and not in the tables"
    )
    assert findings["experiment"]["found"] == "schema1"
    assert findings["foreign files"]["found"] == "none"
    assert not any(one["problem"] for one in findings.values())
