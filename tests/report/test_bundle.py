"""A bundle: the same bytes for the same folder, and in it every command works as beside a config.

The stub engine trains, in this process; `zipfile` of Python, and `merge`, read what is written.
"""

import hashlib
import re
import shutil
import sys
import zipfile

import in_process
import pytest
from stub_behaviour import Behaviour, learning_rate

import lstm_ablate as la
from lstm_ablate import merging, study
from lstm_ablate.cli import app
from lstm_ablate.errors import FolderError, UserError
from lstm_ablate.report import bundle, plots
from lstm_ablate.store import environment, files

pytestmark = pytest.mark.usefixtures("stub_marks", "stub")

CONFIG = f"""
version: 1
name: handed_on
question: Is it quick?
data: {{family: sines, samples: {{train: 4, validation: 2, test: 2}}, timesteps: 3}}
model: {{encoder: [2], decoder: [2]}}
training: {{epochs: 200, batch_size: 2, optimizer: {{name: adam, learning_rate: CALM}}}}
seeds: 3
baseline: calm
variants:
  calm: {{}}
  quick: {{training.optimizer.learning_rate: {learning_rate(Behaviour.QUICK)}}}
  wide: {{model.encoder: [3]}}
""".replace("CALM", str(learning_rate(Behaviour.CALM)))


@pytest.fixture
def stub(stub_engine, monkeypatch):
    """The stub engine in this process, one figure, and no waits for the disk."""
    monkeypatch.setattr(study, "execute", in_process.execute)
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: None)
    drawings = plots.drawings
    monkeypatch.setattr(plots, "drawings", lambda summary: [*drawings(summary)][:1])


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A folder of work with the results of an experiment, in which this process works."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "handed_on.yaml").write_text(CONFIG)
    la.run("handed_on.yaml", quiet=True)
    known = {"packages": {"numpy": "2.0"}, "python": "3.12.1", "git_commit": "0123abc"}
    environment.write(tmp_path / "results" / "handed_on", known)
    return la.load("results/handed_on").folder.absolute()


@pytest.fixture
def call(monkeypatch, capsys):
    """Calls a command in this process; returns its exit code, its output and its messages."""

    def called(*words):
        monkeypatch.setattr(sys, "argv", ["lstm-ablate", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app.main()
        return ended.value.code or 0, *capsys.readouterr()

    return called


def contents(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith("lock")
    }


def test_a_bundle_holds_all_that_a_reviewer_needs(results, call):
    code, shown, told = call("report", "results/handed_on", "--bundle", "b.zip")
    assert code == 0 and "handed_on: mse on test" in shown and "b.zip: " in told
    found = contents("b.zip")
    inside = {f"handed_on/results/handed_on/{name}": one for name, one in files_of(results).items()}
    assert found.items() >= inside.items() and {"tables.tex", "README.md"} < {
        name.removeprefix("handed_on/") for name in found.keys() - inside.keys()
    }
    assert plots.is_ours(found["handed_on/figures/intervals.pdf"])
    readme = found["handed_on/README.md"].decode()
    for words in ("Is it quick?", "numpy 2.0", "Python 3.12.1", "84 mm wide"):
        assert words in readme
    # It is that of the folder of the config, which need not be a clone of this program.
    commit = "- the commit of the repository of git in which the experiment's file lay: 0123abc\n"
    assert commit in readme and "lstm-ablate, git" not in readme
    assert (
        "data are not in this bundle" not in readme and "missing" not in readme.partition("##")[0]
    )
    for line in found["handed_on/tables.tex"].decode().splitlines()[:3]:
        assert line in (
            r"% In the preamble: \usepackage{booktabs,siunitx,tabularx}",
            "",
            r"\begin{table}",
        )


def test_the_same_folder_gives_the_same_bytes_in_any_order(results, tmp_path):
    def written(name):
        found = study.read_back(results, print)
        done = bundle.write(tmp_path / name, results, found.summary, found.runs, found.records, 84)
        return done, (tmp_path / name).read_bytes()

    done, first = written("first.zip")
    for path in sorted((results / "runs").iterdir()):  # written anew, in another order
        path.write_bytes(shutil.copy(path, tmp_path / "copy").read_bytes())
        path.chmod(0o600)
    assert written("second.zip")[1] == first
    with zipfile.ZipFile(tmp_path / "first.zip") as archive:
        infos = archive.infolist()
        names = [info.filename for info in infos]
        assert names == sorted(names) and len(names) == done.files and done.size == len(first)
        assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.external_attr >> 16 for info in infos} == {0o100644}
    assert not done.was_there and written("first.zip")[0] == done._replace(was_there=True)


def test_a_file_that_is_not_the_same_is_never_replaced(results, call, tmp_path):
    (tmp_path / "b.zip").write_text("mine")
    code, _, told = call("report", "results/handed_on", "--bundle", "b.zip")
    assert code == 2 and "b.zip: exists, and is another file; move it" in told
    assert (tmp_path / "b.zip").read_text() == "mine"
    assert not list(tmp_path.glob(".*.tmp"))
    assert call("report", "results/handed_on", "--bundle", "none/b.zip")[0] == 4
    code, _, told = call("report", "results/handed_on", "--bundle", "c.zip", "--variants", "quick")
    assert code == 2 and "--variants: a bundle holds the whole experiment" in told
    code, _, told = call("report", "results/handed_on", "--bundle", "c.tar.gz")
    assert code == 2 and "--bundle: c.tar.gz: the name of a bundle ends with .zip" in told
    code, _, told = call("report", "results/handed_on", "--width", "90")
    assert code == 2 and told.startswith("--width: ") and not (tmp_path / "c.zip").exists()


def test_every_command_works_in_an_unpacked_bundle(results, call, tmp_path, monkeypatch):
    """`run` trains nothing and leaves every byte; the lines are those of the README."""
    assert call("report", "results/handed_on", "--bundle", "b.zip")[0] == 0
    with zipfile.ZipFile("b.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    monkeypatch.chdir(tmp_path / "unpacked" / "handed_on")
    before = files_of(tmp_path / "unpacked")
    readme = before["handed_on/README.md"].decode()
    lines = [line.split()[1:] for line in readme.splitlines() if line.startswith("lstm-ablate ")]
    assert [line[0] for line in lines] == ["doctor", "report", "run", "run", "compare"]
    code, shown, _ = call(*lines[0])
    assert code == 0 and re.search(r"records +9 checked: 9 ok", shown)
    assert re.search(r"foreign files +none", shown)
    for line in lines[1:3]:
        code, shown, told = call(*line)
        assert code == 0 and "quick" in shown
    assert "9 runs, 9 done, 0 to train" in told
    assert files_of(tmp_path / "unpacked") == before
    assert call(*lines[3])[0] == 0  # trains all of them again
    assert call(*lines[4], "--exact")[0] == 0


def test_merge_takes_a_bundle_as_an_archive(results, call, tmp_path):
    assert call("report", "results/handed_on", "--bundle", "b.zip")[0] == 0
    merged = merging.merge_parts(
        tmp_path / "again" / "handed_on", [tmp_path / "b.zip"], log=print, warn=print
    )
    assert merged.copied == 9 and merged.missing is None
    assert files_of(tmp_path / "again" / "handed_on") == files_of(results)


def test_records_of_other_settings_and_files_of_others_stay_behind(results, tmp_path):
    la.run("handed_on.yaml", "training.epochs=150", quiet=True)  # 18 records, of which 9 count
    (results / "notes.txt").write_text("mine")
    (results / "runs" / "conflicts").mkdir()
    found = study.read_back(results, print)
    bundle.write(tmp_path / "b.zip", results, found.summary, found.runs, found.records, 84)
    names = [name for name in contents(tmp_path / "b.zip") if "/runs/" in name]
    assert len(names) == 9 and len(list((results / "runs").glob("*.json"))) == 18
    assert not any("notes.txt" in name for name in contents(tmp_path / "b.zip"))
    run = found.runs[0].id
    (results / "runs" / f"{run}.json").unlink()
    found = study.read_back(results, print)
    bundle.write(tmp_path / "c.zip", results, found.summary, found.runs, found.records, 84)
    readme = contents(tmp_path / "c.zip")["handed_on/README.md"].decode()
    assert "1 run is missing." in readme and "the third trains what is missing." in readme


def test_what_changes_while_it_is_read_is_no_bundle(results, tmp_path):
    found = study.read_back(results, print)
    words = (tmp_path / "b.zip", results, found.summary, found.runs, found.records, 84)
    (results / "summary.csv").write_text("written meanwhile")
    with pytest.raises(FolderError, match="its files are not those of its records"):
        bundle.write(*words)
    (results / "shard.yaml").write_text("part: 1\nof: 3\n")
    with pytest.raises(UserError, match="is part 1 of 3, and a bundle is of the whole"):
        bundle.write(*words)
    assert not (tmp_path / "b.zip").exists()


def test_a_bundle_of_own_data_says_which_file_it_needs_and_does_not_hold_it(
    results, call, tmp_path, monkeypatch
):
    rows = "\n".join(f"{row / 7 % 1},{row / 11 % 1}" for row in range(60))
    (tmp_path / "secret.csv").write_text(f"a,b\n{rows}\n")
    words = ("data={family: file, path: secret.csv, timesteps: 3}", "name=own")
    assert call("run", "handed_on.yaml", *words, "seeds=1", "--quiet")[0] == 0
    assert call("report", "results/own", "--bundle", "b.zip")[0] == 0
    found = contents("b.zip")
    assert not any("secret" in name for name in found)
    readme = found["own/README.md"].decode()
    (digest,) = re.findall(r"- `secret.csv`, SHA-256 `(\w+)`: `data.path=FILE`", readme)
    assert digest == hashlib.sha256((tmp_path / "secret.csv").read_bytes()).hexdigest()
    assert str(tmp_path) not in readme
    with zipfile.ZipFile("b.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    (tmp_path / "secret.csv").rename(tmp_path / "elsewhere.csv")
    monkeypatch.chdir(tmp_path / "unpacked" / "own")
    assert call("report", "results/own")[0] == 0
    assert call("run", "results/own/experiment.yaml")[0] == 2
    code, _, told = call("run", "results/own/experiment.yaml", "data.path=../../elsewhere.csv")
    assert code == 0 and "3 runs, 3 done, 0 to train" in told


def test_what_is_shown_of_some_variants_changes_no_file_of_the_folder(results, call, tmp_path):
    before = files_of(results)
    words = ("report", "results/handed_on", "--variants")
    code, shown, told = call(
        *words, "quick", "--format", "csv,terminal", "--figures", "pdfs", "--width", "60"
    )
    assert code == 0 and "quick" in shown and "pdfs: intervals.pdf" in told
    assert "Of the 2 comparisons of this experiment, 1 is not shown (wide): the wins" in shown
    assert "handed_on: wide" not in shown and "default,wide" not in shown
    assert plots.is_ours((tmp_path / "pdfs" / "intervals.pdf").read_bytes())
    assert files_of(results) == before
    code, _, told = call(*words, "quik")
    assert code == 2 and told.splitlines()[0].endswith('Did you mean "quick"?')
