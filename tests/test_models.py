"""A recorded run as a Keras model, and a variant as code: held to the record, and to Keras itself.

One small experiment is trained here: a variant that Keras' own layers say, and one that needs a
cell and an activation of its own, with the fused engine. Keras loads what is exported in a process
of its own.
"""

import re
import shlex
import sys
from pathlib import Path

import in_process
import keras
import numpy as np
import processes
import pytest
from command_line import call
from typer.main import get_command

import lstm_ablate as la
from lstm_ablate import models, study
from lstm_ablate.cli import app, options
from lstm_ablate.errors import UserError
from lstm_ablate.experiment.yaml_source import dump
from lstm_ablate.report import derived
from lstm_ablate.store import records
from lstm_ablate.store.records import Record

CONFIG = {
    "version": 1,
    "name": "small",
    "data": {
        "family": "sines",
        "samples": {"train": 16, "validation": 8, "test": 8},
        "timesteps": 5,
        "features": 2,
    },
    "model": {"encoder": [3], "decoder": [4]},
    "training": {
        "epochs": 3,
        "batch_size": 5,
        "optimizer": {"name": "adam", "learning_rate": 0.01},
    },
    "seeds": [3, 5],
    "baseline": "relu",
    "activations": {"snake": "x + sin(x) ** 2"},
    "variants": {
        "relu": {"model.activation": "relu"},
        "own-cell": {"model.output": "snake", "model.peepholes": True},
        "wild": {"training.optimizer": {"name": "sgd", "learning_rate": 1e30}},
    },
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The working folder in which the experiment was trained."""
    place = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr(study, "execute", in_process.execute)
        patch.setattr(derived, "_write_page", lambda folder, summary: set())
        la.run(CONFIG, quiet=True)
    return place


@pytest.fixture
def folder(trained, monkeypatch):
    """The results folder, with what trains again in this process."""
    monkeypatch.setattr(models, "execute", in_process.execute)
    return trained / "results" / "small"


def record_of(folder: Path, variant: str, seed: int) -> Record:
    table = la.load(folder).runs
    (run,) = table[(table.variant == variant) & (table.seed == seed)].run
    return records.read_all(folder).records[run]


def test_the_command_exports_a_model_that_keras_loads_alone(trained, tmp_path):
    """In processes of their own: one trains, one saves, one loads."""
    path = tmp_path / "relu.keras"
    done = call("export", "results/small", "relu", "--seed", "3", path, cwd=trained)
    expected = record_of(trained / "results" / "small", "relu", 3).result["test_loss"]
    assert f"test loss  {expected!r}; Keras gives the model" in done.stdout
    assert [one.name for one in tmp_path.iterdir()] == ["relu.keras"]
    model = keras.saving.load_model(path)
    test = la.load(trained / "results" / "small")["relu"].windows(seed=3)["test"]
    np.testing.assert_allclose(model.evaluate(test, test, verbose=0), expected, rtol=1e-5)
    assert model.optimizer.learning_rate == np.float32(0.01)


LOADS = """
import sys
import keras, numpy as np
test = np.load("test.npy", allow_pickle=False)
try:
    keras.saving.load_model("own-cell.keras")
except Exception as error:
    print("refused", type(error).__name__)
import own_cell
model = keras.saving.load_model("own-cell.keras")
print(model.evaluate(test, test, verbose=0))
print("lstm_ablate" in sys.modules)
"""


def test_a_cell_of_its_own_is_loaded_with_the_module_beside_it(folder, tmp_path):
    again = models.again(folder, "own-cell", 5, log=print)
    assert again.apart is None
    done = models.export(again, tmp_path / "own-cell.keras")
    assert [file.name for file in done.files] == ["own-cell.keras", "own_cell.py"]
    expected = record_of(folder, "own-cell", 5).result["test_loss"]
    assert again.test_loss == expected
    np.testing.assert_allclose(done.test_loss, expected, rtol=1e-5)
    np.save(tmp_path / "test.npy", models.windows_of(folder, "own-cell", 5).test)
    (tmp_path / "loads.py").write_text(LOADS)
    read = processes.run([sys.executable, "loads.py"], cwd=tmp_path).stdout.splitlines()[-3:]
    assert read[0].startswith("refused") and read[2] == "False"
    np.testing.assert_allclose(float(read[1]), expected, rtol=1e-5)


def test_a_program_gets_the_model_itself(folder):
    results = la.load(folder)
    model, test = results["relu"].model(seed=5), results["relu"].windows(seed=5)["test"]
    expected = record_of(folder, "relu", 5)
    found = np.asarray(model.predict(test, verbose=0))
    np.testing.assert_allclose(np.mean(np.square(found - test)), expected.result["test_loss"], 1e-5)
    shown = np.array(expected.result["reconstructions"])
    np.testing.assert_allclose(found[: len(shown), :, 0], shown, atol=1e-4)


@pytest.fixture
def other_numbers(folder, monkeypatch):
    """Records whose numbers another processor gave."""
    read_all = records.read_all

    def read(place):
        found = read_all(place)
        for run, one in found.records.items():
            if one.status == "ok":
                losses = [*one.result["validation_losses"]]
                losses[1] *= 1.25
                result = {**one.result, "validation_losses": losses, "test_loss": 0.5}
                meta = {**one.meta, "processor": "another one"}
                found.records[run] = Record(run, one.identity, result, meta)
        return found

    monkeypatch.setattr(models.records, "read_all", read)


def test_other_numbers_are_told_and_used_only_if_asked_for(folder, other_numbers):
    again = models.again(folder, "relu", 3, log=print)
    assert again.apart
    away = abs(again.test_loss - 0.5) / 0.5
    assert (
        f"a test loss of {again.test_loss!r} instead of 0.5 ({away:.2g} of it apart)" in again.apart
    )
    assert "up to 0.2 of theirs apart, from epoch 2 on" in again.apart
    assert "It was recorded on processor another one, here " in again.apart
    with pytest.raises(UserError, match="anyway=True"):
        la.load(folder)["relu"].model(seed=3)
    assert la.load(folder)["relu"].model(seed=3, anyway=True).count_params() > 0


WRONG = {
    ("rleu", 3, None): '"rleu" is not a variant of small. Did you mean "relu"?',
    ("relu", 4, None): "seed 4 is not a seed of small\n  known: 3, 5",
    ("relu", 3, "hard"): '"hard" is not a task of small.',
    ("wild", 3, None): "wild, seed 3: this run diverged at epoch ",
}


@pytest.mark.parametrize("asked", WRONG)
def test_what_cannot_be_exported_is_told(asked, folder):
    variant, seed, task = asked
    with pytest.raises(UserError) as told:
        models.again(folder, variant, seed, task, log=print)
    assert WRONG[asked] in str(told.value)


@pytest.mark.parametrize("status", ["failed", "missing"])
def test_a_run_without_a_result_is_told(status, folder, monkeypatch):
    def read(place):
        found = read_all(place)
        for run, one in found.records.items():
            failed = {"status": "failed", "message": "no luck"}
            found.records[run] = Record(run, one.identity, failed, {})
        return found if status == "failed" else records.Found({}, [], {})

    read_all = records.read_all
    monkeypatch.setattr(models.records, "read_all", read)
    with pytest.raises(UserError) as told:
        models.again(folder, "relu", 3, log=print)
    expected = {
        "failed": "relu, seed 3: this run failed (no luck); `lstm-ablate run ",
        "missing": f"{folder}: holds no record of relu, seed 3; `lstm-ablate run ",
    }
    assert str(told.value).startswith(expected[status])


@pytest.mark.parametrize("name", ["relu.h5", "nowhere/relu.keras", "there.keras"])
def test_a_file_that_cannot_be_written_is_told_before_anything_is_trained(name, tmp_path):
    (tmp_path / "there.keras").write_text("mine")
    words = ("export", "nothing", "relu", "--seed", "1", tmp_path / name)
    said = call(*words, cwd=tmp_path, code=2).stderr
    told = {
        "relu.h5": "the name of a model ends with .keras",
        "nowhere/relu.keras": f"there is no folder {tmp_path / 'nowhere'}",
        "there.keras": "exists, and export replaces no file; move it, or give another name",
    }
    assert said == f"{tmp_path / name}: {told[name]}\n"
    assert (tmp_path / "there.keras").read_text() == "mine"


def test_training_that_fails_is_told_with_its_log(folder, monkeypatch):
    def fails(group, send):
        raise ArithmeticError("no luck")

    monkeypatch.setattr(models.work, "train_for_weights", fails)
    with pytest.raises(models.TrainingError, match=r"(?s)ArithmeticError: no luck.*Traceback"):
        models.again(folder, "relu", 3, log=print)


def test_a_data_file_that_is_gone_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("mine.npy", np.random.default_rng(0).normal(size=(20, 5, 2)))
    config = {**CONFIG, "data": {"family": "file", "path": "mine.npy"}, "name": "mine"}
    assert "keras.Input((5, 2))" in models.code(config, (), "own-cell", results=Path("results"))
    one = study.find(config, (), Path("results"))
    one.folder.mkdir(parents=True)
    (one.folder / "experiment.yaml").write_text(dump(dict(one.experiment.resolved)))
    Path("mine.npy").unlink()
    with pytest.raises(UserError, match=r"mine\.npy.*No such file"):
        models.again(one.folder, "relu", 3, log=print)


def test_a_value_that_is_not_tuned_yet_is_told():
    config = {**CONFIG, "tune": {"path": "training.optimizer.learning_rate", "grid": [0.1, 0.2]}}
    config["variants"] = {"relu": {"model.activation": "relu"}, "tanh": {}}
    text = models.code(config, (), "relu", results=Path("nowhere"))
    assert "Its learning rate is still to be tuned" in " ".join(text.split())
    assert "learning_rate=0.01" in text


def test_of_several_tasks_one_is_named():
    tasks = {"short": {"data.timesteps": 4}, "long": {"data.timesteps": 9}}
    config = {**CONFIG, "tasks": tasks}
    with pytest.raises(UserError, match="several tasks; name one of them\n  known: short, long"):
        models.code(config, (), "relu", results=Path("nowhere"))
    assert "keras.Input((9, 2))" in models.code(config, (), "relu", "long", results=Path("n"))


def test_the_command_prints_code_that_trains(tmp_path):
    done = call(
        "code", "configs/smoke.yaml", "relu", "training.epochs=1", cwd=Path(__file__).parents[1]
    )
    made: dict = {}
    exec(done.stdout, made)
    windows = {part: np.ones((4, 12, 1)) for part in ("train", "validation")}
    model = made["build_model"]()
    model.run_eagerly = True
    assert len(made["train"](model, windows).history["val_loss"]) == 1


def test_a_shell_completes_the_variants():
    command = get_command(app.app).commands["code"]
    context = command.make_context("code", ["configs/smoke.yaml", "relu"])
    context.params["config"] = Path(__file__).parents[1] / "configs" / "smoke.yaml"
    assert options.variants_there(context, "t") == ["tanh"]
    context.params["config"] = Path("nowhere.yaml")
    assert options.variants_there(context, "t") == []


def test_every_call_of_the_docs_parses():
    text = (Path(__file__).parents[1] / "docs" / "code.md").read_text()
    calls = re.findall(r"^lstm-ablate (.*?)(?: > .*)?$", text, re.MULTILINE)
    assert [line.split()[0] for line in calls] == ["code", "export"]
    for line in calls:
        name, *words = shlex.split(line)
        get_command(app.app).commands[name].make_context(name, words)
