"""The command line as a user meets it: real processes, real training, exit codes and streams.

The config is the smoke config with half its layers, which compile in half the time; tests of the
pages and of the wheel train it as it is.
"""

import json
import os
import re
import shlex
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import processes
import pytest
import yaml
from command_line import PROGRAM, call
from processes import SECONDS, ended, until
from scipy import stats

from lstm_ablate import machine
from lstm_ablate import study as studies
from lstm_ablate.evidence import analysis
from lstm_ablate.experiment import loading, runs
from lstm_ablate.report import derived
from lstm_ablate.store import derivation, environment, inventory, records

ROOT = Path(__file__).parents[2]
SMALL = ("model.encoder=[4]", "model.decoder=[4]")


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The small config as smoke.yaml in a folder, run once there with two workers."""
    folder = tmp_path_factory.mktemp("smoke")
    text = (ROOT / "configs" / "smoke.yaml").read_text()
    for layers, fewer in (("encoder: [8, 4]", "encoder: [4]"), ("decoder: [4, 8]", "decoder: [4]")):
        assert text.count(layers) == 1
        text = text.replace(layers, fewer)
    (folder / "smoke.yaml").write_text(text)
    return folder, call("run", "smoke.yaml", "--workers", 2, cwd=folder)


@pytest.fixture(scope="module")
def overridden(smoke, tmp_path_factory):
    """A folder of results, run once with overrides, one of which lets a variant explode."""
    folder = tmp_path_factory.mktemp("overridden")
    done = call(
        "run", smoke[0] / "smoke.yaml", "name=other", "seeds=[4, 9]", "training.epochs=2",
        "data.family=lorenz", "variants.relu.model.gates=tanh",
        "variants.relu.training.optimizer.learning_rate=1e30", "--results", ".", "-q", cwd=folder,
    )  # fmt: skip
    return folder / "other", done


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_run_writes_the_folder_and_prints_the_table(smoke):
    folder, done = smoke
    found = files_of(folder / "results" / "smoke")
    runs = [name for name in found if name.startswith("runs/")]
    assert len(runs) == 24 and all(re.fullmatch(r"runs/[0-9a-f]{16}\.json", name) for name in runs)
    # A run is stuck here, and nothing is tuned.
    drawn = [name for name in inventory.KINDS if name != "tuning"]
    figures = {f"figures/{name}.{kind}" for name in drawn for kind in ("png", "svg")}
    assert found.keys() - set(runs) - figures - {".lock", ".derived.lock", ".derived.json"} == {
        "curves.csv",
        "environment.json",
        "experiment.yaml",
        "report.md",
        "report.html",
        "runs.csv",
        "ratios.csv",
        "summary.csv",
        "timings.csv",
    }
    assert figures < found.keys()
    header = found["runs.csv"].decode().splitlines()[0]
    assert (
        header == "task,variant,seed,status,epochs,best_epoch,parameters,"
        "train_loss,validation_loss,test_loss,ceiling,linear,diverged_epoch,settings,run"
    )
    assert "g = relu(z_g); h = o * relu(c)" in done.stdout
    assert "12 ended well" in done.stdout and "baseline" in done.stdout
    assert "24 to train, in groups of up to 5 that end together; the first are kept" in done.stderr
    assert "24/24 runs" in done.stderr and "24/24 runs" not in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_the_doctor_finds_nothing_wrong_or_foreign_in_it(smoke):
    folder, _ = smoke
    content = json.loads(call("doctor", "results/smoke", "--json", cwd=folder).stdout)
    found = {one["what"]: one["found"] for one in content["findings"]}
    assert content["ok"] and (found["records"], found["foreign files"]) == (
        "24 checked: 24 ok",
        "none",
    )


def test_a_second_run_trains_nothing_and_writes_the_same_bytes(smoke):
    folder, _ = smoke
    before, written = files_of(folder / "results" / "smoke"), times_of(folder / "results" / "smoke")
    done = call("run", "smoke.yaml", "--workers", 1, cwd=folder)
    assert "24 done, 0 to train" in done.stderr
    assert files_of(folder / "results" / "smoke") == before
    assert times_of(folder / "results" / "smoke") == written


def times_of(folder):
    """Return when each file was written, but for the locks."""
    return {
        path: path.stat().st_mtime_ns
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (".lock", ".derived.lock")
    }


def edited(folder):
    (folder / "report.md").write_text("mine")


def without_a_figure(folder):
    (folder / "figures" / "curves.svg").unlink()


def with_a_figure_of_an_earlier_version(folder):
    (folder / "figures" / "divergence.png").write_bytes(b"")


def in_another_environment(folder):
    path = folder / "environment.json"
    path.write_text(path.read_text().replace('"cores": ', '"cores": 1'))


def trained_in_other_seconds(folder):
    """The record of a run whose circumstances were others; its result is the same."""
    path = next((folder / "runs").glob("*.json"))
    found = records.read_all(folder).records[path.stem]
    path.unlink()
    records.publish(folder, replace(found, meta={**found.meta, "seconds": 77.0}))


def with_half_a_note(folder):
    note = folder / ".derived.json"
    note.write_bytes(note.read_bytes()[:-100])


CHANGES = (
    edited,
    without_a_figure,
    with_a_figure_of_an_earlier_version,
    in_another_environment,
    trained_in_other_seconds,
    with_half_a_note,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_is_derived_is_made_anew_where_something_changed(smoke, tmp_path, change, monkeypatch):
    written = []
    monkeypatch.setattr(derived, "write", lambda folder, *_: written.append(folder))
    folder = tmp_path / "results" / "smoke"
    shutil.copytree(smoke[0] / "results" / "smoke", folder)
    asked = studies.find(smoke[0] / "smoke.yaml", (), tmp_path / "results")

    def nobody(*_):
        raise AssertionError("there is something to train")

    def run():
        studies.run(asked, watch=nobody, log=lambda _: None, warn=lambda _: None)

    run()
    assert written == []
    change(folder)
    run()
    assert written == [folder]


def test_another_program_makes_what_is_derived_anew(smoke, tmp_path, monkeypatch):
    folder = tmp_path / "smoke"
    shutil.copytree(smoke[0] / "results" / "smoke", folder)
    found = records.read_all(folder).records
    experiment = loading.load(smoke[0] / "smoke.yaml")
    expanded = runs.expand(experiment)
    summary = analysis.summarise(experiment, expanded, found, environment.read(folder))
    made_of = derived.made_of(expanded, found, summary)
    assert derivation.holds(folder, made_of)
    monkeypatch.setattr(machine, "program", lambda: "another")
    assert not derivation.holds(folder, derived.made_of(expanded, found, summary))


def test_derived_files_are_written_as_they_were_before_an_edit(smoke, tmp_path):
    shutil.copytree(smoke[0] / "results", tmp_path / "results")
    before = files_of(tmp_path / "results" / "smoke")
    edited(tmp_path / "results" / "smoke")
    without_a_figure(tmp_path / "results" / "smoke")
    call("run", smoke[0] / "smoke.yaml", cwd=tmp_path)
    assert files_of(tmp_path / "results" / "smoke") == before


def test_report_rebuilds_the_files_from_the_records(smoke, tmp_path):
    folder, done = smoke
    shutil.copytree(folder / "results" / "smoke", tmp_path / "copy")
    before = files_of(tmp_path / "copy")
    for name in ("runs.csv", "curves.csv", "summary.csv", "ratios.csv", "report.md", "timings.csv"):
        (tmp_path / "copy" / name).unlink()
    again = call("report", "copy", cwd=tmp_path)
    assert again.stdout == done.stdout
    assert files_of(tmp_path / "copy") == before
    printed = call("report", "copy", "--format", "csv,json,markdown", cwd=tmp_path).stdout
    assert printed.startswith(before["summary.csv"].decode())
    assert printed.endswith(before["report.md"].decode())


def test_what_a_library_says_reaches_no_user(smoke):
    """matplotlib cannot keep its fonts here, and says so in a log that nobody has asked for."""
    folder, _ = smoke
    home = {"HOME": "/dev/null", "TF_CPP_MIN_LOG_LEVEL": "0"}
    gone = ("MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TERM")
    environment = {name: text for name, text in os.environ.items() if name not in gone} | home
    loud = "import matplotlib"
    done = processes.run([sys.executable, "-c", loud], cwd=folder, env=environment)
    assert "Matplotlib created a temporary cache directory" in done.stderr
    for words in (["run", "smoke.yaml", "--quiet"], ["report", "results/smoke"]):
        done = processes.run([PROGRAM, *words], cwd=folder, env=environment)
        assert done.stderr == "" and "12 ended well" in done.stdout


def test_plan_predicts_and_writes_nothing(smoke, tmp_path):
    folder, _ = smoke
    content = json.loads(
        call("plan", folder / "smoke.yaml", "seeds=3", "--json", cwd=tmp_path).stdout
    )
    assert [row["runs"] for row in content["variants"]] == [3, 3]
    assert (content["needed"], content["least_seeds"]) == (None, 6)  # 2 / 2**6 <= 0.05
    assert not content["measured"]
    assert list(tmp_path.iterdir()) == []
    text = call("plan", "smoke.yaml", "seeds=13", cwd=folder).stdout
    assert (
        "26, of which 2 are missing" in text
        and "(from finished runs); the first runs are kept" in text
    )
    assert "g = tanh(z_g); h = o * tanh(c)" in text
    assert "there are results of 12 seeds, and 1 more are asked for" in text
    typed = shlex.split(text.split("new seeds alone, add `")[1].split("`")[0])
    fresh = loading.load(folder / "smoke.yaml", typed)
    assert (fresh.name, fresh.seeds) == ("smoke-2", tuple(range(13, 26)))
    for words in (["seeds=12"], ["seeds=13", "training.epochs=3"], ["--until-decided"], typed):
        assert "seeds alone" not in call("plan", "smoke.yaml", *words, cwd=folder).stdout
    tasks = "tasks={easy: {}, hard: {data.noise: 0.5}}"
    content = json.loads(
        call("plan", folder / "smoke.yaml", "seeds=8", tasks, "--json", cwd=tmp_path).stdout
    )
    assert content["comparisons"] == 2  # one for each task; all tasks together are only described
    assert (content["needed"], content["needed_of_twice"]) == (8, 13)


@pytest.mark.parametrize(
    ("seeds", "variants", "told"),
    [
        (10, 4, "10 seeds, 4 comparisons: a variant must win at all 10; 20 seeds: at 16"),
        (12, 3, "12 seeds, 3 comparisons: a variant must win at 11; 24 seeds: at 19"),
        (7, 4, "7 seeds, 4 comparisons: no verdict, whatever they give; it takes 8 seeds"),
        (10, 1, "10 seeds, 1 comparison: a variant must win at 9; 20 seeds: at 15"),
        (1, 1, "1 seed, 1 comparison: no verdict, whatever they give; it takes 6 seeds"),
        (10, 0, "only the baseline: nothing is compared"),
    ],
)
def test_plan_says_how_many_wins_a_verdict_takes(seeds, variants, told, tmp_path):
    """As scipy's binomial test has it: so many wins are significant, and one fewer is not."""
    shutil.copy(ROOT / "configs" / "smoke.yaml", tmp_path)
    others = ", ".join(
        f"v{k}: {{training.optimizer.learning_rate: 0.{k + 1}}}" for k in range(variants)
    )
    changes = (f"seeds={seeds}", f"variants={{tanh: {{}}, {others}}}")
    printed = call("plan", "smoke.yaml", *changes, cwd=tmp_path).stdout
    assert f"evidence  {told}\n" in printed
    for n, count in re.findall(r"(\d+) seeds?.*? at (?:all )?(\d+)", told.replace("; ", ";\n")):
        p = [stats.binomtest(int(count) - k, int(n)).pvalue for k in (0, 1)]
        assert p[0] <= 0.05 / variants < p[1]


def test_overrides_reach_the_experiment(overridden):
    folder, _ = overridden
    resolved = yaml.safe_load((folder / "experiment.yaml").read_text())
    assert resolved["seeds"] == [4, 9] and resolved["data"]["family"] == "lorenz"
    assert resolved["variants"]["relu"] == {
        "model.activation": "relu",
        "model.gates": "tanh",
        "training.optimizer.learning_rate": 1e30,
    }
    assert "i, f, o = tanh(z)" in (folder / "summary.csv").read_text()


def test_run_prints_json_on_request(smoke):
    folder, _ = smoke
    content = json.loads(call("run", "smoke.yaml", "--json", cwd=folder).stdout)
    assert [row["ok"] for row in content["rows"]] == [12, 12]


def test_a_wrong_config_is_told_at_once_and_leaves_nothing(tmp_path):
    (tmp_path / "wrong.yaml").write_text(
        "version: 1\nname: x\nbaseline: a\nvariants:\n  a: {model.activation: geul}\n"
    )
    done = call("run", "wrong.yaml", "seds=3", cwd=tmp_path, code=2)
    assert (
        'wrong.yaml:5:25: variants.a: model.activation: "geul" is not an activation. Did you mean'
        ' "gelu"?' in done.stderr
    )
    assert (
        'command line, seds=3: "seds" is not a path of an experiment. Did you mean "seeds"?'
        in done.stderr
    )
    assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.yaml"]


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["run", "nowhere.yaml"], 2, "nowhere.yaml: No such file or directory (looked in "),
        (
            ["run", "smoke.yaml", "--engine", "kers"],
            2,
            (
                'engine=kers: engine: found "kers" (text); allowed: fused, keras. Did you mean'
                ' "keras"?'
            ),
        ),
        (["report", "."], 2, ".: not a results folder"),
        (
            ["report", "results/smoke", "--format", "cvs"],
            2,
            '--format: "cvs" is not a format. Did you mean "csv"?',
        ),
        (["rnu"], 2, "rnu"),
        (["run", "smoke.yaml", "--results", "smoke.yaml"], 4, "cannot be used"),
        (["run", "smoke.yaml", "epochs"], 2, "write path=value"),
    ],
)
def test_errors_have_a_line_and_a_code(words, code, expected, smoke):
    folder, _ = smoke
    done = call(*words, cwd=folder, code=code)
    assert expected in done.stderr


def test_a_run_that_explodes_is_diverged_and_the_others_go_on(overridden):
    folder, done = overridden
    assert "2 diverged" in done.stdout and "it diverges at 2 of 2 seeds (tanh: 0)" in done.stdout
    rows = (folder / "runs.csv").read_text().splitlines()[1:]
    assert [row.split(",")[3] for row in rows] == ["ok", "ok", "diverged", "diverged"]
    assert "diverged at epoch" in done.stdout


def test_a_run_that_fails_gives_exit_code_3_and_a_log(tmp_path):
    """A variant whose weights do not fit into memory, on a machine that is thought to have more."""
    config = yaml.safe_load((ROOT / "configs" / "smoke.yaml").read_text())
    config["model"] |= {"encoder": [4], "decoder": [4]}
    config["variants"]["relu"] = {"model.encoder": [65536, 65536]}
    (tmp_path / "smoke.yaml").write_text(yaml.safe_dump(config))
    code = (
        "import sys; from lstm_ablate import machine\nfrom lstm_ablate.cli import app\n"
        "machine.memory_bytes = lambda: 1e15\n"
        "sys.argv = ['lstm-ablate', 'run', 'smoke.yaml', 'seeds=1']\napp.main()"
    )
    limited = f'ulimit -v {12 * 2**20}; exec {sys.executable} -c "$0"'
    done = processes.run(["bash", "-c", limited, code], code=3, cwd=tmp_path)
    assert "1 failed" in done.stdout and "1 ended well" in done.stdout
    (log,) = (tmp_path / "results" / "smoke" / "logs").iterdir()
    assert f"logs/{log.name}" in done.stdout
    again = call("report", "results/smoke", cwd=tmp_path)
    assert "1 failed" in again.stdout
    assert "of memory" in call("run", "smoke.yaml", "seeds=1", cwd=tmp_path, code=2).stderr


def until_recorded(count, folder, process):
    """Wait for so many runs of a process that trains; if it ends before, it is no use to wait."""
    until(
        lambda: len(list((folder / "runs").glob("*.json"))) >= count or process.poll() is not None,
        f"{count} recorded runs",
        SECONDS,
    )


def test_an_interrupt_keeps_what_is_done_and_the_next_call_goes_on(smoke, tmp_path):
    folder, _ = smoke
    words = [
        "run",
        folder / "smoke.yaml",
        "seeds=200",
        "training.epochs=3",
        "--results",
        tmp_path,
        "--workers",
        "1",
    ]
    started = processes.start([PROGRAM, *words], cwd=folder)
    until_recorded(2, tmp_path / "smoke", started)
    os.killpg(started.pid, signal.SIGINT)  # as Ctrl-C does: to the driver and its workers
    _, err = ended(started)
    assert started.returncode == 130, err
    kept = len(list((tmp_path / "smoke" / "runs").glob("*.json")))
    assert f"interrupted: {kept} of 400 runs are done and kept" in err
    assert "Traceback" not in err
    assert len((tmp_path / "smoke" / "runs.csv").read_text().splitlines()) == 1 + kept
    report = call("report", tmp_path / "smoke", cwd=folder).stdout
    assert f"{400 - kept} runs are missing: they leave no pair" in report
    plan = json.loads(call("plan", *words[1:], "--json", cwd=folder).stdout)
    assert sum(row["missing"] for row in plan["variants"]) == 400 - kept


def test_a_closed_pipe_is_no_error(smoke):
    folder, _ = smoke
    line = f"{PROGRAM} report results/smoke | true; exit ${{PIPESTATUS[0]}}"
    done = processes.run(["bash", "-c", line], cwd=folder)
    assert done.stderr == ""


def test_activations_are_listed_with_formulas():
    done = call("activations", "--json", cwd=ROOT)
    listed = {row["name"]: row for row in json.loads(done.stdout)}
    assert len(listed) == 26
    assert listed["leaky_relu"]["formula"] == "x if x > 0 else negative_slope * x"
    assert listed["leaky_relu"]["parameters"] == {"negative_slope": 0.2}
    assert listed["leaky_relu"]["at -1, 0, 1"] == [-0.2, 0, 1]
    assert listed["threshold"]["parameters"] == {"threshold": None, "default_value": None}
    assert listed["relu"]["slope at -1, 0, 1"] == [0, 0, 1] and listed["relu"]["parameters"] == {}
    text = call("activations", cwd=ROOT).stdout
    assert "ln(1 + exp(x))" in text and "negative_slope = 0.2" in text
    assert 'activations: {snake: "x + sin(x)**2"}' in text and "squareplus" in text


def test_the_copy_of_the_schema_is_current():
    assert call("schema", cwd=ROOT).stdout == (ROOT / "experiment.schema.json").read_text(), (
        "make schema"
    )


def test_every_command_has_help_with_an_example():
    commands = re.findall(r"^│ (\w+) ", call("--help", cwd=ROOT).stdout, re.MULTILINE)
    assert commands == [
        "init",
        "run",
        "plan",
        "report",
        "merge",
        "compare",
        "code",
        "export",
        "verify",
        "bench",
        "doctor",
        "schema",
        "activations",
    ]
    for command in commands:
        assert f"Example: lstm-ablate {command}" in " ".join(
            call(command, "--help", cwd=ROOT).stdout.split()
        )


def test_a_bug_shows_its_traceback_and_exit_code_70(tmp_path):
    code = (
        "import sys; from lstm_ablate.cli import app\nfrom lstm_ablate.experiment import schema\n"
        "schema.json_schema = lambda: 1 / 0\nsys.argv = ['lstm-ablate', 'schema']\napp.main()"
    )
    done = processes.run([sys.executable, "-c", code], code=70)
    assert "ZeroDivisionError" in done.stderr and "a bug of lstm-ablate" in done.stderr


def test_a_report_needs_no_data_file(tmp_path):
    """Not even when the file has changed since; training does. What was told of the file when it
    was trained on, every report says, in every format that has sentences.
    """
    for name in ("own_data.yaml", "own_data.csv"):
        shutil.copy(ROOT / "configs" / name, tmp_path)
    lines = (tmp_path / "own_data.csv").read_text().splitlines()
    hour, temperature, _ = lines[9].split(",")
    lines[9] = f"{hour},{temperature},-999"
    (tmp_path / "own_data.csv").write_text("\n".join(lines) + "\n")
    small = ["seeds=1", "training.epochs=1", "data.stride=20", *SMALL, "variants={tanh: {}}"]
    call("run", "own_data.yaml", *small, cwd=tmp_path)
    before = files_of(tmp_path / "results" / "own_data")
    with (tmp_path / "own_data.csv").open("a") as stream:
        stream.write("1680,9.9,40.0\n")
    formats = "terminal,markdown,latex,json,html"
    shown = call("report", "results/own_data", "--format", formats, cwd=tmp_path).stdout
    assert shown.count("data.csv, line 10: column") == len(formats.split(","))
    assert shown.count("holds -999 in 1 of 1,680 rows") == len(formats.split(","))
    assert files_of(tmp_path / "results" / "own_data") == before
    assert "of which 1 are missing" in call("plan", "own_data.yaml", *small, cwd=tmp_path).stdout


def test_one_worker_a_rerun_and_an_interrupt_between_groups_change_no_byte(smoke, tmp_path):
    """12 seeds are three groups of a variant; a scheduler ends the first try."""
    folder, _ = smoke
    words = ["run", folder / "smoke.yaml", "--workers", "1", "--results", tmp_path]
    started = processes.start([PROGRAM, *words], cwd=folder)
    until_recorded(2, tmp_path / "smoke", started)
    started.send_signal(signal.SIGTERM)
    _, err = ended(started)
    assert started.returncode == 143 and "Traceback" not in err
    assert len(list((tmp_path / "smoke" / "runs").glob("*.json"))) < 24
    call(*words, cwd=folder)
    first, again = files_of(folder / "results" / "smoke"), files_of(tmp_path / "smoke")
    derived = (
        "curves.csv",
        "experiment.yaml",
        "ratios.csv",
        "report.md",
        "runs.csv",
        "summary.csv",
    )
    for name in derived:
        assert again[name] == first[name], name
    for name in first:
        if name.startswith("runs/"):
            assert json.loads(again[name])["result"] == json.loads(first[name])["result"]
