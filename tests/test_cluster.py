"""What docs/cluster.md and the files under examples/ say is done: every `run:` line of them, in
order, on smoke; and parts of real networks, merged, equal one undivided run to the bit.
"""

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import in_process
import processes
import pytest
import stub_program
import yaml
from typer.main import get_command

import lstm_ablate as la
from lstm_ablate import merging, study
from lstm_ablate.cli import app
from lstm_ablate.display.printing import line_printer
from lstm_ablate.experiment import loading
from lstm_ablate.experiment.shards import Shard
from lstm_ablate.report import derived
from lstm_ablate.store import records
from lstm_ablate.training.sweep import Finished

ROOT = Path(__file__).parent.parent
DOC = (ROOT / "docs" / "cluster.md").read_text()
TABLES = ("experiment.yaml", "runs.csv", "curves.csv", "summary.csv", "ratios.csv", "report.md")


@pytest.fixture
def stub(stub_engine, monkeypatch, tmp_path):
    """The stub engine in this process, trained in a folder with our configs; and no page."""
    monkeypatch.setenv("STUB_TAKES_ANY_RATE", "yes")
    monkeypatch.setenv("NO_COLOR", "yes")
    monkeypatch.setattr(study, "execute", in_process.execute)
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def called(line, monkeypatch, code=0):
    """Call a line of the command line in this process."""
    monkeypatch.setattr(sys, "argv", shlex.split(line))
    with pytest.raises(SystemExit) as end:
        app.main()
    assert (end.value.code or 0) == code


def tables(folder):
    return {name: (folder / name).read_bytes() for name in TABLES}


# ------------------------------------------------------------------------- the files under examples


def with_values(text, values):
    """Fill in what a workflow takes from its matrix; nothing else may stand in braces."""
    filled = re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda found: str(values[found[1]]), text)
    assert "${{" not in filled
    return filled


def test_the_workflow_of_ci_does_what_it_says(stub, monkeypatch):
    """Each job has a folder of its own, and what it keeps goes through a zip. Packages are not
    installed: the line that does that must be the one of docs/ci.md.
    """
    workflow = yaml.safe_load((ROOT / "examples" / "ci" / "parts.yml").read_text())
    jobs, kept = workflow["jobs"], {}
    assert list(jobs) == ["part", "merge"] and jobs["merge"]["needs"] == "part"
    summary = stub / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    runs = 0

    def work(job, values):
        nonlocal runs
        for step in jobs[job]["steps"]:
            given = {
                key: with_values(str(text), values) for key, text in step.get("with", {}).items()
            }
            if "run" in step:
                line, runs = with_values(step["run"], values), runs + 1
                if line.startswith("lstm-ablate "):
                    called(line, monkeypatch)
                elif line.startswith("pip "):
                    assert f"- run: {line}\n" in (ROOT / "docs" / "ci.md").read_text()
                else:
                    subprocess.run(["bash", "-ec", line], check=True, timeout=60)
            elif step["uses"].startswith("actions/upload-artifact"):
                kept[given["name"]] = uploaded(Path(given["path"]), stub / f"{given['name']}.zip")
            elif step["uses"].startswith("actions/download-artifact"):
                names = [name for name in kept if Path(name).match(given["pattern"])]
                for name in names:  # a folder for each, as there are several
                    zipfile.ZipFile(kept[name]).extractall(Path(given["path"]) / name)

    for job, values in [
        ("part", {"part": part}) for part in jobs["part"]["strategy"]["matrix"]["part"]
    ] + [("merge", {})]:
        place = stub / f"{job}{values.get('part', '')}"
        shutil.copytree(stub / "configs", place / "configs")
        monkeypatch.chdir(place)
        work(job, values)
    assert runs == 4 * 2 + 3
    monkeypatch.chdir(stub)
    called("lstm-ablate run configs/smoke.yaml -q", monkeypatch)
    assert tables(stub / "merge" / "results" / "smoke") == tables(stub / "results" / "smoke")
    assert summary.read_text() == (stub / "results" / "smoke" / "report.md").read_text()
    # By hand, as the page says it, from the files as they are downloaded.
    (line,) = re.findall(r"`(lstm-ablate merge .*\.zip)`", DOC)
    monkeypatch.chdir(stub)
    shutil.rmtree(stub / "results")
    called(line, monkeypatch)
    assert len(records.read_all(stub / "results" / "smoke").records) == 12


def uploaded(path, to):
    """Keep a folder as upload-artifact does: without hidden files and without its own name."""
    with zipfile.ZipFile(to, "w") as archive:
        for file in sorted(path.rglob("*")):
            inside = file.relative_to(path)
            if file.is_file() and not any(part.startswith(".") for part in inside.parts):
                archive.write(file, str(inside))
    return to


SBATCH = """#!{python}
# What sbatch does with these scripts: an array runs task by task, and its job has a number.
import os, re, subprocess, sys
script = sys.argv[-1]
options = " ".join(sys.argv[1:-1] + re.findall("^#SBATCH (.*)$", open(script).read(), re.M))
after = re.search("--dependency=(\\\\S+)", options)
assert after is None or after[1] == "afterany:71", options
job = 72 if after else 71
numbers = [None]
if array := re.search("--array=([0-9]+)-([0-9]+)", options):
    numbers = range(int(array[1]), int(array[2]) + 1)
for number in numbers:
    own = dict(os.environ)
    if number is not None:
        values = dict(ID=number, MIN=numbers[0], MAX=numbers[-1], COUNT=len(numbers), STEP=1)
        own |= {{f"SLURM_ARRAY_TASK_{{name}}": str(value) for name, value in values.items()}}
    with open(f"slurm-{{job}}_{{number}}.out", "w") as out:
        done = subprocess.run(["bash", script], env=own, stdout=out, stderr=out)
    assert done.returncode == 0, open(out.name).read()
print(f"{{job}};cluster" if "--parsable" in options else f"Submitted batch job {{job}}")
"""


def test_the_scripts_of_slurm_do_what_they_say(stub, monkeypatch):
    """In a shell, with a double of sbatch, and drivers with the stub engine."""
    shutil.copytree(ROOT / "examples" / "slurm", stub / "job")
    programs = stub / "bin"
    stub_program.write(programs / "sbatch", SBATCH.format(python=sys.executable))
    stub_program.write(programs / "lstm-ablate")
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = processes.run(
        ["bash", "submit.sh"], cwd=stub / "job", env=stub_program.environment(PATH=path)
    )
    assert done.stdout == "smoke.yaml\nSubmitted batch job 72\n", done.stdout
    said = (stub / "job" / "slurm-72_None.out").read_text()
    assert "results/smoke: no run is missing" in said
    called("lstm-ablate run configs/smoke.yaml -q", monkeypatch)
    assert tables(stub / "job" / "results" / "smoke") == tables(stub / "results" / "smoke")


def test_every_command_of_the_page_parses():
    commands = get_command(app.app).commands
    lines = re.findall(r"^lstm-ablate (.*?)(?: +#.*)?$", DOC, re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        name, *words = shlex.split(line)
        commands[name].make_context(name, list(words))


def test_the_code_of_the_page_does_what_it_says(stub):
    (block,) = re.findall(r"```python\n(.*?)```", DOC, re.DOTALL)
    shutil.copy("configs/smoke.yaml", "smoke.yaml")
    names = {}
    exec(block, names)
    assert len(names["study"].runs) == 24 and isinstance(names["study"], la.Results)


def test_the_files_that_the_page_links_to_exist():
    for path in re.findall(r"\]\((\.\./[^)#]*)", DOC):
        assert (ROOT / "docs" / path).exists(), path
    for script in (ROOT / "examples" / "slurm").iterdir():
        assert script.read_text().startswith("#!/bin/bash\n#")
        assert (
            not stat.S_IMODE(script.stat().st_mode) & 0o111
        )  # they are called with bash, or sbatch


# ------------------------------------------------------------------------------- what merge prints


def test_the_command_prints_the_table_and_what_comes_next(stub, monkeypatch, capsys):
    run = "lstm-ablate run configs/smoke.yaml seeds=4 -q"
    called(f"{run} --shard 1/2", monkeypatch)
    said = capsys.readouterr().err
    assert said == (
        "smoke: part 1 of 2; this makes one folder of all parts:"
        " lstm-ablate merge results/smoke results/smoke.shards/*\n"
    )
    merge = "lstm-ablate merge results/smoke results/smoke.shards/1of2"
    called(merge, monkeypatch)
    out, err = capsys.readouterr()
    assert out.endswith(
        "\nresults/smoke: the experiment is not complete: 4 runs missing, of seeds 1, 3\n"
        "to train them here:\n"
        "  lstm-ablate run results/smoke/experiment.yaml\n"
        "or each part on a machine of its own, beside results/smoke, and then merge again:\n"
        "  lstm-ablate run results/smoke/experiment.yaml --shard 2/2\n"
    )
    assert err == (
        "results/smoke.shards/1of2: part 1 of 2: 4 records copied, 0 are here already\n"
        "results/smoke: runs.csv, curves.csv, summary.csv, ratios.csv, timings.csv, report.md,"
        " report.html, figures/\n"
    )
    called(f"{merge} --json -q", monkeypatch)
    out, err = capsys.readouterr()
    assert err == "" and json.loads(out) == {
        "folder": "results/smoke",
        "copied": 0,
        "there": 4,
        "conflicts": 0,
        "failed": 0,
        "unusable": [],
        "state": "the experiment is not complete",
        "missing": 4,
        "command": "lstm-ablate run results/smoke/experiment.yaml",
        "commands": ["lstm-ablate run results/smoke/experiment.yaml --shard 2/2"],
    }
    called(json.loads(out)["commands"][0], monkeypatch)
    called("lstm-ablate merge results/smoke results/smoke.shards", monkeypatch)
    assert capsys.readouterr().out.endswith("\nresults/smoke: no run is missing\n")


def test_the_exit_codes_of_a_merge(stub, monkeypatch, capsys):
    run = "lstm-ablate run configs/smoke.yaml seeds=1 -q --shard 1/1"
    called(run, monkeypatch)
    merge = "lstm-ablate merge results/smoke"
    called(f"{merge} nowhere", monkeypatch, code=2)
    called(f"{merge} configs/smoke.yaml", monkeypatch, code=2)
    called(f"{merge} results/smoke.shards configs/smoke.yaml", monkeypatch, code=4)
    called(f"{run} training.epochs=41", monkeypatch)
    capsys.readouterr()
    called(f"{merge} results/smoke.shards", monkeypatch, code=4)
    assert "training.epochs: 41 there, 40 here" in capsys.readouterr().err
    called(run, monkeypatch)
    part = Path("results") / "smoke.shards" / "1of1"
    kept, _ = (
        one
        for one in records.read_all(part).records.values()
        if one.identity["training"]["epochs"] == 40
    )
    (part / "runs" / f"{kept.run}.json").unlink()
    other = type(kept)(kept.run, kept.identity, {**kept.result, "test_loss": 0.5}, kept.meta)
    records.publish(part, other)
    called(f"{merge} results/smoke.shards", monkeypatch, code=3)
    assert "1 run with other numbers than here" in capsys.readouterr().err
    called(f"{run.replace('1/1', 'slurm')}", monkeypatch, code=2)
    assert "SLURM_ARRAY_TASK_ID is not set" in capsys.readouterr().err


# ----------------------------------------------------------------------------------- real networks


SMALL = """
version: 1
name: small
data: {family: sines, samples: {train: 8, validation: 4, test: 4}, timesteps: 3}
model: {encoder: [2], decoder: [2]}
training: {epochs: 2, batch_size: 4}
seeds: 3
baseline: tanh
variants: {tanh: {}, relu: {model.activation: relu}}
"""


def test_no_cut_changes_a_bit_of_real_networks(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "execute", in_process.execute)
    monkeypatch.setattr(derived, "_write_page", lambda folder, summary: set())
    (tmp_path / "small.yaml").write_text(SMALL)

    def trained(results, shard=None):
        found = study.find(tmp_path / "small.yaml", (), tmp_path / results, shard=shard)
        only = lambda steps, *_: (step for step in steps if isinstance(step, Finished))  # noqa: E731
        study.run(found, workers=1, watch=only, log=lambda _: None, warn=lambda _: None)
        return found.folder

    whole = trained("whole")
    parts = [trained("cut", Shard(part, 2)) for part in (1, 2)]
    merged = merging.merge_parts(tmp_path / "cut" / "small", parts, log=print, warn=line_printer())
    assert merged.copied == 6 and tables(tmp_path / "cut" / "small") == tables(whole)
    ours, theirs = (
        records.read_all(folder).records for folder in (tmp_path / "cut" / "small", whole)
    )
    assert {run: one.result for run, one in ours.items()} == {
        run: one.result for run, one in theirs.items()
    }
    assert loading.load(tmp_path / "cut" / "small" / "experiment.yaml").seeds == (0, 1, 2)
