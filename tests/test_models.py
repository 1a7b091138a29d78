"""A recorded run as a Keras model, and a variant as code: held to the record, and to Keras itself.

The fused engine trains runs of one small network here, which needs a cell and an activation of its
own. The command trains one of them again in processes of its own, and Keras loads it in another.
"""

import re
import shlex
import sys
from pathlib import Path

import in_process
import keras
import numpy as np
import pandas as pd
import processes
import pytest
from command_line import call
from typer.main import get_command

import lstm_ablate as la
from lstm_ablate import models, study
from lstm_ablate.cli import app, options
from lstm_ablate.errors import UserError
from lstm_ablate.experiment import runs
from lstm_ablate.experiment.network import network_of
from lstm_ablate.experiment.yaml_source import dump
from lstm_ablate.keras_code.module import Variant, module
from lstm_ablate.report import derived
from lstm_ablate.store import records
from lstm_ablate.store.records import Record
from lstm_ablate.training import work
from lstm_ablate.training.engines import exported
from lstm_ablate.training.inputs.randomness import initial_weights

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
    "baseline": "own-cell",
    "activations": {"snake": "x + sin(x) ** 2"},
    "variants": {
        "own-cell": {"model.output": "snake", "model.peepholes": True},
        "wild": {
            "model.output": "snake",
            "model.peepholes": True,
            "training.optimizer.learning_rate": 1e30,
        },
        "relu": {"model.activation": "relu"},  # has no record
    },
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The working folder in which the experiment was trained."""
    place = tmp_path_factory.mktemp("trained")
    one = study.find(CONFIG, (), place / "results")
    recorded = [run for run in runs.expand(one.experiment) if run.variant != "relu"]
    (one.folder / "runs").mkdir(parents=True)
    (one.folder / "experiment.yaml").write_text(dump(dict(one.experiment.resolved)))
    for group in runs.groups(recorded):
        outcomes = work.train(group, lambda message: None)
        for run, (result, meta) in zip(group, outcomes, strict=True):
            records.publish(one.folder, Record(run.id, run.identity, result, meta))
    return place


@pytest.fixture
def folder(trained, monkeypatch):
    """The results folder, with what trains again in this process."""
    monkeypatch.setattr(models, "execute", in_process.execute)
    monkeypatch.setattr(derived, "_write_page", lambda folder, summary: set())
    return trained / "results" / "small"


def result_of(folder: Path, seed: int) -> dict:
    """Return what is recorded of own-cell at a seed."""
    found = records.read_all(folder).records.values()
    (one,) = [one for one in found if one.status == "ok" and one.identity["seed"] == seed]
    return one.result


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


def test_the_command_exports_a_model_that_keras_loads_alone(trained, tmp_path):
    """In processes of their own: one trains, one saves, one loads. In this one it was recorded."""
    path = tmp_path / "own-cell.keras"
    done = call("export", "results/small", "own-cell", "--seed", "5", path, cwd=trained)
    expected = result_of(trained / "results" / "small", 5)["test_loss"]
    assert f"test loss  {expected!r}; Keras gives the model" in done.stdout
    assert "to load it, import own_cell first" in done.stdout
    assert {one.name for one in tmp_path.iterdir()} == {"own-cell.keras", "own_cell.py"}
    np.save(tmp_path / "test.npy", windows_of(trained / "results" / "small", 5)["test"])
    (tmp_path / "loads.py").write_text(LOADS)
    read = processes.run([sys.executable, "loads.py"], cwd=tmp_path).stdout.splitlines()
    assert any(line.startswith("refused") for line in read) and read[-1] == "False"
    np.testing.assert_allclose(float(read[-2]), expected, rtol=1e-5)


def windows_of(folder: Path, seed: int) -> dict:
    arrays = models.windows_of(folder, "own-cell", seed)
    return {"train": arrays.train, "validation": arrays.validation, "test": arrays.test}


def test_a_model_of_stock_layers_is_loaded_with_keras_alone(tmp_path):
    one = study.find(CONFIG, (), tmp_path).experiment.settings["default", "relu"]
    layers = network_of(one.model, 5, 2)
    made = module(Variant("small", "", "relu", one, layers, {}))
    assert not made.is_needed
    model = exported.built(made.text, initial_weights(layers, 0))
    (tmp_path / "relu.keras").write_bytes(exported.content(model))
    again = keras.saving.load_model(tmp_path / "relu.keras")
    x = np.random.default_rng(0).normal(size=(4, 5, 2))
    np.testing.assert_array_equal(again(x), model(x))
    assert again.optimizer.learning_rate == np.float32(0.01) and again.loss == "mse"


def test_a_program_gets_the_model_itself(folder):
    results = la.load(folder)["own-cell"]
    model, windows = results.model(seed=5), results.windows(seed=5)
    expected, test = result_of(folder, 5), windows["test"]
    np.testing.assert_equal(windows, windows_of(folder, 5))
    found = np.asarray(model(test), np.float64)
    np.testing.assert_allclose(np.mean(np.square(found - test)), expected["test_loss"], rtol=1e-5)
    shown = np.array(expected["reconstructions"])
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
    again = models.again(folder, "own-cell", 3, log=print)
    assert again.apart
    away = abs(again.test_loss - 0.5) / 0.5
    assert (
        f"a test loss of {again.test_loss!r} instead of 0.5 ({away:.2g} of it apart)" in again.apart
    )
    assert "up to 0.2 of theirs apart, from epoch 2 on" in again.apart
    assert "It was recorded on processor another one, here " in again.apart
    with pytest.raises(UserError, match="anyway=True"):
        la.load(folder)["own-cell"].model(seed=3)
    assert la.load(folder)["own-cell"].model(seed=3, anyway=True).count_params() > 0


WRONG = {
    ("rleu", 3, None): '"rleu" is not a variant of small. Did you mean "relu"?',
    ("relu", 4, None): "seed 4 is not a seed of small\n  known: 3, 5",
    ("relu", 3, "hard"): '"hard" is not a task of small.',
    ("relu", 3, None): "holds no record of relu, seed 3; `lstm-ablate run ",
    ("wild", 3, None): "wild, seed 3: this run diverged at epoch ",
}


@pytest.mark.parametrize("asked", WRONG)
def test_what_cannot_be_exported_is_told(asked, folder):
    variant, seed, task = asked
    with pytest.raises(UserError) as told:
        models.again(folder, variant, seed, task, log=print)
    assert WRONG[asked] in str(told.value)


def test_without_a_seed_those_that_can_be_exported_are_named(trained):
    words = ("export", "results/small", "own-cell", "own.keras")
    low, _ = sorted(
        (3, 5), key=lambda seed: result_of(trained / "results/small", seed)["test_loss"]
    )
    assert call(*words, cwd=trained, code=2).stderr == (
        f"own-cell: name the run with --seed, such as --seed {low}, whose test loss is the median\n"
        "  known: 3, 5\n"
    )
    said = str(models.unnamed_seed(trained / "results/small", "wild"))
    assert "no run of wild ended well; `lstm-ablate run " in said


def test_a_run_that_failed_is_told(folder, monkeypatch):
    def read(place):
        found = read_all(place)
        for run, one in found.records.items():
            failed = {"status": "failed", "message": "no luck"}
            found.records[run] = Record(run, one.identity, failed, {})
        return found

    read_all = records.read_all
    monkeypatch.setattr(models.records, "read_all", read)
    with pytest.raises(UserError) as told:
        models.again(folder, "own-cell", 3, log=print)
    assert str(told.value).startswith("own-cell, seed 3: this run failed (no luck); `lstm-ablate ")


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


def test_code_that_cannot_be_written_beside_a_model_is_told_before_training(folder, tmp_path):
    (tmp_path / "own.py").write_text("mine")
    told = []
    with pytest.raises(UserError, match=r"own\.py: exists, and export replaces no file"):
        models.again(folder, "own-cell", 3, log=told.append, path=tmp_path / "own.keras")
    assert told == []


def test_training_that_fails_is_told_with_its_log(folder, monkeypatch):
    def fails(group, send):
        raise ArithmeticError("no luck")

    monkeypatch.setattr(models.work, "train_for_weights", fails)
    with pytest.raises(models.TrainingError, match=r"(?s)ArithmeticError: no luck.*Traceback"):
        models.again(folder, "own-cell", 3, log=print)


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


@pytest.mark.parametrize("scaling", ["standard", "minmax", "none"])
def test_rows_of_a_file_are_scaled_as_its_windows_are(scaling, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drawn = np.random.default_rng(0).normal(50, [3, 900], (60, 2))
    rows = pd.DataFrame(drawn, columns=["kWh", "flow"])
    rows.to_csv("mine.csv", index=False)
    data = {"family": "file", "path": "mine.csv", "timesteps": 5, "stride": 2, "scaling": scaling}
    one = study.find({**CONFIG, "data": data}, (), Path("results"))
    one.folder.mkdir(parents=True)
    (one.folder / "experiment.yaml").write_text(dump(dict(one.experiment.resolved)))
    variant = la.load(one.folder)["own-cell"]
    numbers, windows = variant.scaling(), variant.windows(seed=3)
    scaled = (rows - numbers["offset"]) / numbers["scale"]
    np.testing.assert_allclose(windows["train"][0], scaled[:5], rtol=1e-12)
    np.testing.assert_allclose(windows["test"][0], scaled[-len(rows) * 3 // 20 :][:5], rtol=1e-12)
    again = windows["train"][1] * numbers["scale"].to_numpy() + numbers["offset"].to_numpy()
    np.testing.assert_allclose(again, rows[2:7], rtol=1e-12)


def test_drawn_data_have_no_scaling(folder):
    with pytest.raises(UserError, match="own-cell: its data are drawn"):
        la.load(folder)["own-cell"].scaling()


def test_a_value_that_is_not_tuned_yet_is_told():
    config = {**CONFIG, "tune": {"path": "training.optimizer.learning_rate", "grid": [0.1, 0.2]}}
    config["variants"] = {"relu": {"model.activation": "relu"}, "own-cell": {}}
    text = models.code(config, (), "relu", results=Path("nowhere"))
    assert "Its learning rate is still to be tuned" in " ".join(text.split())
    assert "learning_rate=0.01" in text


def test_of_several_tasks_one_is_named():
    tasks = {"short": {"data.timesteps": 4}, "long": {"data.timesteps": 9}}
    config = {**CONFIG, "tasks": tasks}
    with pytest.raises(UserError, match="several tasks; name one of them\n  known: short, long"):
        models.code(config, (), "relu", results=Path("nowhere"))
    assert "keras.Input((9, 2))" in models.code(config, (), "relu", "long", results=Path("n"))


def test_the_command_prints_the_code():
    root = Path(__file__).parents[1]
    done = call("code", "configs/smoke.yaml", "relu", "training.epochs=7", cwd=root)
    config, changes = root / "configs" / "smoke.yaml", ("training.epochs=7",)
    assert done.stdout == models.code(config, changes, "relu", results=root / "results")
    assert "epochs=7" in done.stdout


def test_a_shell_completes_the_variants():
    command = get_command(app.app).commands["code"]
    context = command.make_context("code", ["configs/smoke.yaml", "relu"])
    context.params["config"] = Path(__file__).parents[1] / "configs" / "smoke.yaml"
    assert options.variants_there(context, "t") == ["tanh"]
    context.params["config"] = Path("nowhere.yaml")
    assert options.variants_there(context, "t") == []


def test_errors_by_window_are_as_the_page_computes_them(folder, monkeypatch):
    """The mean of the errors of all test windows is the recorded loss."""
    monkeypatch.chdir(folder.parents[1])
    page = (Path(__file__).parents[1] / "docs" / "code.md").read_text()
    (block,) = [one for one in re.findall("```python\n(.*?)```", page, re.S) if "alarms" in one]
    for written, here in (("smoke", "small"), ('"relu"', '"own-cell"'), ("seed=2", "seed=3")):
        assert written in block
        block = block.replace(written, here)
    found: dict = {}
    exec(block, found)
    assert found["errors"]["test"].mean() == pytest.approx(
        result_of(folder, 3)["test_loss"], rel=1e-5
    )
    above = (found["errors"]["test"] > found["threshold"]).sum()
    assert found["alarms"].shape == (8,) and found["alarms"].sum() == above


def test_every_call_of_the_docs_parses():
    text = (Path(__file__).parents[1] / "docs" / "code.md").read_text()
    calls = re.findall(r"^lstm-ablate (.*?)(?: > .*)?$", text, re.MULTILINE)
    assert [line.split()[0] for line in calls] == ["code", "export"]
    for line in calls:
        name, *words = shlex.split(line)
        get_command(app.app).commands[name].make_context(name, words)
