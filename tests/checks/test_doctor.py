"""The doctor finds what was broken on purpose, and changes nothing."""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import processes
import pytest
from recorded import FAILED, OK

from lstm_ablate.checks import doctor
from lstm_ablate.cli import app
from lstm_ablate.experiment import loading, runs
from lstm_ablate.experiment.identity import SCHEMA, canonical_json, id_of
from lstm_ablate.machine import Gpu
from lstm_ablate.store import files, locks, records
from lstm_ablate.store.records import Record

SMOKE = Path(__file__).parents[2] / "configs" / "smoke.yaml"


@pytest.fixture
def folder(tmp_path):
    """A results folder with four records, one of a failed run."""
    place = tmp_path / "results" / "smoke"
    (place / "runs").mkdir(parents=True)
    for run in runs.expand(loading.load(SMOKE, ("seeds=2",))):
        result = FAILED if (run.variant, run.seed) == ("relu", 1) else OK
        records.publish(place, Record(run.id, run.identity, result, {}))
    return place


def contents(folder):
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


def examined(folder=None):
    before = contents(folder) if folder else None
    findings = {one.what: one for one in doctor.examine(folder)}
    assert folder is None or contents(folder) == before
    return findings


def problems(folder):
    return {one.what: one.problem for one in doctor.examine(folder) if one.problem}


def test_a_sound_machine_and_folder(folder):
    findings = examined(folder)
    assert problems(folder) == {}
    assert findings["python"].found == ".".join(map(str, sys.version_info[:3]))
    assert findings["keras"].found and findings["tensorflow"].found
    assert findings["threads"].found.startswith("1 in each of ")
    assert (
        "the same bits" in findings["determinism"].found
        or "deterministic operations" in findings["determinism"].found
    )
    assert findings["records"].found == "4 checked: 1 failed, 3 ok"
    assert {
        findings[what].found
        for what in ("damaged", "misnamed", "conflicts", "quarantined", "foreign files")
    } == {"none"}
    assert findings["writing"].found.endswith(" ms")


@pytest.mark.parametrize(
    ("package", "installed", "bad"),
    [
        ("keras", "3.15.0", True),
        ("keras", "3.9.2", True),
        ("keras", "3.15.1", False),
        ("keras", "3.15.1rc0", False),
        ("keras", "4.0", False),
        ("PyYAML", "5.3.1", True),
        ("PyYAML", "6.0.3", False),
        ("filelock", "3.20.0", True),
        ("filelock", "3.20.1", False),
        ("numpy", "1.0", False),
    ],
)
def test_known_bad_versions(package, installed, bad):
    finding = doctor.judged(package, installed)
    assert bool(finding.problem) == bad
    assert not bad or f"install {doctor.KNOWN_BAD[package][0]} or newer" in finding.problem


def test_packages_that_are_old_or_missing(monkeypatch):
    def version(name):
        if name == "tensorflow":
            raise doctor.PackageNotFoundError(name)
        return "3.8.0" if name == "keras" else "99"

    monkeypatch.setattr(doctor, "version", version)
    found = problems(None)
    assert found.keys() == {"keras", "tensorflow"}
    assert "below 3.15.1: a model file can execute code" in found["keras"]
    assert found["tensorflow"].startswith("not installed")


def test_gpus_and_variables_that_change_numbers(monkeypatch):
    monkeypatch.setattr(doctor.machine, "gpus", lambda: (Gpu("GPU-1", None), Gpu("GPU-2", None)))
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    findings = examined()
    assert findings["device"].found == "GPU-1, GPU-2"
    assert findings["threads"].found.startswith("1 in each of 2 workers")
    assert (
        "deterministic operations are asked for; XLA_FLAGS set here"
        in findings["determinism"].found
    )


def test_what_is_wrong_with_records(folder):
    first, second, third, fourth = sorted((folder / "runs").glob("*.json"))
    first.write_bytes(first.read_bytes()[:-9])
    os.rename(second, folder / "runs" / "notes.json")  # noqa: PTH104
    old = records._parsed(third)
    assert (
        records.publish(folder, Record(old.run, old.identity, {**OK, "test_loss": 0.5}, {}))
        == "conflict"
    )
    other = records._parsed(fourth)
    records.publish(folder, Record("0" * 16, other.identity, other.result, {}))
    (folder / "runs" / "damaged").mkdir()
    (folder / "runs" / "damaged" / f"{'a' * 16}.1.json").write_text("half a rec")
    (folder / "thesis.docx").write_text("mine")
    found = problems(folder)
    assert found.keys() == {"damaged", "misnamed", "conflicts"}
    findings = examined(folder)
    assert first.name in findings["damaged"].found and "trains their runs again" in found["damaged"]
    assert findings["misnamed"].found == f"1: {'0' * 16}"
    assert findings["conflicts"].found == f"1: {third.stem}.1.json"
    assert findings["quarantined"].found == f"1: {'a' * 16}.1.json"
    assert findings["foreign files"].found == "2: runs/notes.json, thesis.docx"


EXPERIMENTS = {
    "sound": (SMOKE.read_text(), ""),
    "of a newer program": (
        SMOKE.read_text().replace("version: 1", "version: 2"),
        ":5:10: version: 2 is newer than this",
    ),
    "broken": ("name: [", ":1:8: not YAML: "),
    "of something else": ("5\n", ":1:1: an experiment is a mapping"),
    "a folder": (None, ": this is a folder"),
}


@pytest.mark.parametrize(("content", "problem"), EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_the_experiment_of_a_folder(content, problem, folder):
    assert examined(folder)["experiment"].found == "none yet"
    path = folder / "experiment.yaml"
    path.mkdir() if content is None else path.write_text(content)
    found = examined(folder)["experiment"]
    assert (found.found, problems(folder).keys()) == (
        ("unusable", {"experiment"}) if problem else ("smoke", set())
    )
    assert found.problem.startswith(f"{path}{problem}" if problem else "")


@pytest.mark.skipif(
    os.geteuid() == 0 and not shutil.which("setpriv"), reason="root reads everything"
)
def test_records_that_cannot_be_listed(folder):
    mortal = (
        ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    )
    (folder / "runs.csv").write_text("a table\nof one run\n")
    (folder / "experiment.yaml").write_text(SMOKE.read_text())
    (folder / "runs").chmod(0o300)
    for command in ("doctor", "report"):
        done = processes.run(
            [*mortal, sys.executable, "-m", "lstm_ablate", command, folder], code=4
        )
        assert f"{folder / 'runs'}: Permission denied" in done.stdout + done.stderr
    (folder / "runs").chmod(0o700)


def test_records_of_a_newer_program(folder):
    run = runs.expand(loading.load(SMOKE))[0]
    identity = {**run.identity, "schema": SCHEMA + 1}
    records.publish(folder, Record(id_of(identity), identity, {"status": "ok"}, {}))
    assert "newer than this program" in problems(folder)["records"]


def test_a_record_of_a_newer_program_may_hold_more(folder):
    """An unknown key is not damage as long as the checksum holds, but a missing key is."""
    run = runs.expand(loading.load(SMOKE, ("seeds=[9]",)))[0]
    content = {"run": run.id, "identity": run.identity, "meta": {}, "result": OK, "notes": "new"}
    for left_out in (None, "meta"):
        kept = {name: value for name, value in content.items() if name != left_out}
        checksum = hashlib.sha256(canonical_json(kept).encode()).hexdigest()
        (folder / "runs" / f"{run.id}.json").write_text(json.dumps({**kept, "checksum": checksum}))
        found = records.read_all(folder)
        assert (run.id in found.records, len(found.damaged)) == (
            (True, 0) if left_out is None else (False, 1)
        )


@pytest.mark.skipif(not shutil.which("findmnt"), reason="findmnt is not installed")
@pytest.mark.parametrize("place", ["/", "/proc/self", "/dev/shm", "/sys", "."])
def test_the_file_system_is_what_findmnt_says(place):
    found = processes.run(["findmnt", "-n", "-o", "FSTYPE", "-T", place])
    assert doctor.file_system(Path(place)) == found.stdout.split()[-1]


def test_the_file_system_of_a_network_is_named_as_such(folder, monkeypatch, tmp_path):
    mounts = (
        "22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n23 22 0:22 /"
        f" {str(folder.parent).replace(' ', chr(92) + '040')} rw master:2 shared:3 - nfs4"
        f" host:/data rw\n24 22 0:23 / {folder}s rw - tmpfs tmpfs rw\n"
    )
    (tmp_path / "mounts").write_text(mounts)
    monkeypatch.setattr(doctor, "_MOUNTS", tmp_path / "mounts")
    assert doctor.file_system(tmp_path) == "ext4"
    assert (
        examined(folder)["file system"].found.startswith("nfs4, of a network: ")
        and problems(folder) == {}
    )
    monkeypatch.setattr(doctor, "_MOUNTS", tmp_path / "nowhere")
    assert doctor.file_system(tmp_path) == "unknown"


@pytest.mark.parametrize("what", ["publish", "read"])
def test_a_folder_that_cannot_be_written_to(what, folder, monkeypatch):
    def full(path, content):
        if what == "publish":
            raise OSError(28, "No space left on device")
        path.write_text("a rec")

    monkeypatch.setattr(files, "publish", full)
    found = problems(folder)
    assert found["writing"].startswith(
        "No space left on device; "
        if what == "publish"
        else "the file does not read as it was written"
    )


def test_a_folder_that_is_missing_or_of_something_else(tmp_path):
    assert problems(tmp_path / "nowhere") == {"folder": "there is no such folder"}
    (tmp_path / "smoke").mkdir()
    (tmp_path / "smoke" / "experiment.yaml").touch()
    hint = f'there is no such folder. Did you mean "{tmp_path / "smoke"}"?'
    assert problems(tmp_path / "smoek") == {"folder": hint}
    assert examined(tmp_path)["records"].found.startswith("none: it holds no runs/")


def test_a_folder_in_use(folder):
    with locks.locked(folder):
        assert examined(folder)["in use"].found.startswith(f"by process {os.getpid()} on ")
    (folder / ".holder").write_text("process 1 on elsewhere\n")  # as a killed driver leaves it
    assert "in use" not in examined(folder)


@pytest.mark.parametrize("broken", [False, True])
def test_the_command_prints_and_ends_with_0_or_4(broken, folder, monkeypatch, capsys):
    if broken:
        next((folder / "runs").glob("*.json")).write_text("{}")
    (folder / "a\x1b[2Jb").write_text("")
    for words in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", ["lstm-ablate", "doctor", str(folder), *words])
        with pytest.raises(SystemExit) as end:
            app.main()
        assert (end.value.code or 0) == (4 if broken else 0)
        out = capsys.readouterr().out
        assert "\x1b" not in out
        if words:
            content = json.loads(out)
            assert content["ok"] != broken
            assert {"what": "foreign files", "found": "1: a\x1b[2Jb", "problem": ""} in content[
                "findings"
            ]
        else:
            assert "1: a\\x1b[2Jb" in out
            assert ("trains their runs again" in out, "nothing is wrong" in out) == (
                broken,
                not broken,
            )


def test_tables_without_records_are_not_overwritten(tmp_path, capsys, monkeypatch):
    """A published study holds no records, so neither a report nor a run may rebuild its tables."""
    published = Path(__file__).parents[2] / "results" / "reference" / "fair"
    shutil.copytree(published, tmp_path / "fair")
    config = published.parent.parent.parent / "configs" / "fair.yaml"
    count = len((published / "runs.csv").read_text().splitlines()) - 1
    for words in (
        ["report", tmp_path / "fair"],
        ["run", config, "--results", tmp_path, "-q"],
    ):
        monkeypatch.setattr(sys, "argv", ["lstm-ablate", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            app.main()
        assert end.value.code == 4
        assert f"holds the tables of {count} runs, and no records" in capsys.readouterr().err
    assert (tmp_path / "fair" / "runs.csv").read_bytes() == (published / "runs.csv").read_bytes()
