"""The layers that `lstm-ablate plan` shows, against tables and numbers of weights by hand."""

import json
import re

import numpy as np
import pytest
from command_line import call
from configurations import HEAD

from lstm_ablate.display.layers import rows_of, tables
from lstm_ablate.experiment.network import network_of
from lstm_ablate.experiment.settings import Head, Model

SNAKE = "x + sin(x) ** 2"


def shown(*models, names=None, tasks=("default",)):
    """Return the tables of models, each a variant of every task called v0, v1, ..."""
    networks = {
        (task, f"v{k}"): network_of(model, 5, 1) for task in tasks for k, model in enumerate(models)
    }
    return list(tables(networks, names or {}))


def test_plain_layers_with_their_parameters():
    """Keras' `summary` counts 4 U (I + U + 1) for an LSTM layer and U (I + 1) for a dense one."""
    (table,) = shown(Model(encoder=(100, 50), decoder=(4,), head=Head(units=(8,))))
    assert table.title == "layers"
    assert table.headings == ["layer", "inputs", "units", "outputs", "parameters"]
    assert table.rows == [
        ["encoder.0", "1", "100", "100", "40,800"],
        ["encoder.1", "100", "50", "50", "30,200"],
        ["decoder.0", "50", "4", "4", "880"],
        ["head.0", "4", "8", "8", "40"],
        ["reconstruction", "8", "1", "1", "9"],
        ["all", "", "", "", "71,929"],
    ]


def test_columns_are_there_where_they_say_something():
    (table,) = shown(
        Model(
            encoder=(5, 4),
            decoder=(3,),
            bidirectional="encoder",
            projection=2,
            residual=True,
            normalization="layer",
            candidate=("relu", SNAKE, "tanh"),
            gates="relu",
            between=("elu", "linear"),
        ),
        names={SNAKE: "snake"},
    )
    assert table.headings == [
        *("layer", "directions", "inputs", "units", "projection", "adds its input", "outputs"),
        *("candidate", "between", "parameters"),
    ]
    # A direction has 4 U (I + 2 + 1) + 2 U weights, and the normalization has two for each output.
    assert table.rows == [
        ["encoder.0", "2", "1", "5", "2", "", "4", "relu", "elu", "188"],
        ["encoder.1", "2", "4", "4", "2", "yes", "4", "snake", "linear", "248"],
        ["decoder.0", "1", "4", "3", "2", "", "2", "tanh", "", "90"],
        ["reconstruction", "", "2", "1", "", "", "1", "", "", "3"],
        ["all", *[""] * 8, "529"],
    ]


def test_time_steps_are_shown_where_layers_pass_on_the_last_one_alone():
    (table,) = shown(Model(encoder=(5, 4), latent="vector"))
    assert table.headings == ["layer", "inputs", "units", "outputs", "time steps", "parameters"]
    assert [row[4] for row in table.rows] == ["5", "1", "5", "5", "5", ""]
    assert [row[2] for row in table.rows] == ["5", "4", "4", "5", "1", ""]  # 4 and 5 again


def test_variants_whose_layers_look_alike_share_a_table():
    small, large = Model(encoder=(4,), decoder=(4,)), Model(encoder=(8,), decoder=(4,))
    relu = small.model_copy(update={"activation": "relu"})
    assert [table.title for table in shown(small, relu)] == ["layers"]
    assert [table.title for table in shown(small, large, relu)] == [
        "layers of v0, v2",
        "layers of v1",
    ]
    assert [table.title for table in shown(small, relu, tasks=("a", "b"))] == ["layers"]
    networks = {
        ("a", "x"): small, ("a", "y"): small, ("b", "x"): small, ("b", "y"): large,
    }  # fmt: skip
    found = tables({cell: network_of(model, 5, 1) for cell, model in networks.items()}, {})
    assert [table.title for table in found] == ["layers of a, b (x)", "layers of b (y)"]


def test_the_values_for_programs_are_whole():
    network = network_of(Model(encoder=(5,), decoder=(3,), peepholes=True), 7, 2)
    first, second, last = rows_of(network, {})
    sites = {"candidate": "tanh", "output": "tanh", "gates": "sigmoid"}
    assert first == {
        "name": "encoder.0", "directions": 1, "inputs": 2, "units": 5, "projection": None,
        "residual": False, "outputs": 5, "steps": 7, **sites, "between": "linear",
        "parameters": 175,
    }  # fmt: skip
    assert second["between"] is None
    assert last == {
        "name": "reconstruction", "inputs": 3, "units": 2, "outputs": 2, "steps": 7,
        "activation": "linear", "parameters": 8,
    }  # fmt: skip


@pytest.fixture
def planned(tmp_path):
    def call_plan(text, *words):
        (tmp_path / "c.yaml").write_text(text)
        return call("plan", "c.yaml", *words, cwd=tmp_path).stdout

    return call_plan


def test_plan_shows_layers_and_names_of_ones_own(planned):
    text = (
        f"{HEAD}  own: {{model.between: [snake, relu, linear]}}\nactivations: {{snake: x+sin(x)}}\n"
    )
    printed = planned(text)
    assert "layers of tanh, relu" in printed and "layers of own" in printed
    assert "40,800" in printed
    assert "snake(h) after encoder.0, relu(h) after encoder.1" in " ".join(printed.split())
    variants = json.loads(planned(text, "--json"))["variants"]
    assert [row["between"] for row in variants[2]["layers"][:4]] == [
        "snake",
        "relu",
        "linear",
        None,
    ]
    assert [row["parameters"] for row in variants[0]["layers"]] == [40800, 30200, 20200, 60400, 101]


def test_what_all_runs_share_of_their_training_is_a_line(planned):
    """The usual keys are always shown, and others if the config writes them."""
    usual = "epochs 30, batch size 32, optimizer adam, learning rate 0.001, loss mse\n"
    assert f"training  {usual}" in planned(HEAD)
    text = (
        f"{HEAD}training: {{select: last, loss: mae, epochs: 2000,"
        " optimizer: {name: sgd, momentum: 0.9, nesterov: true, learning_rate: 5}}\n"
    )
    assert (
        "training  epochs 2,000, batch size 32, optimizer sgd, learning rate 5, loss mae, select"
        " last, momentum 0.9, nesterov yes\n"
    ) in planned(text)


def test_what_differs_in_training_stands_beside_variant_and_task(planned):
    text = (
        f"{HEAD}  slow: {{training.optimizer.learning_rate: 1e-5}}\n"
        "  clipped: {training.optimizer.global_clipnorm: 1}\n"
        "tasks:\n  short: {training.epochs: 5}\n"
        "  long: {training.epochs: 100, training.batch_size: 8}\n"
    )
    printed = planned(text)
    assert "training  optimizer adam, loss mse\n" in printed
    columns = r"task +variant +formula +epochs +batch size +learning rate +global clipnorm +runs"
    assert re.search(columns, printed)
    for row in (
        r"short +slow .* 5 +32 +1e-05 +10 +10",
        r"long +tanh .* 100 +8 +0.001 +10 +10",
        r"long +clipped .* 100 +8 +0.001 +1 +10 +10",
    ):
        assert re.search(row, printed), row
    found = {
        (one["task"], one["variant"]): one
        for one in json.loads(planned(text, "--json"))["variants"]
    }
    assert found["long", "slow"]["training"] == {
        "epochs": 100, "batch_size": 8, "loss": "mse", "select": "best", "dtype": "float32",
        "optimizer": {
            "name": "adam", "learning_rate": 1e-5, "beta_1": 0.9, "beta_2": 0.999,
            "epsilon": 1e-7, "global_clipnorm": None,
        },
    }  # fmt: skip
    assert found["short", "tanh"]["training"]["epochs"] == 5
    assert {one["parameters"] for one in found.values()} == {40800 + 30200 + 20200 + 60400 + 101}


def test_a_value_that_tuning_is_yet_to_choose_is_shown_as_such(planned):
    path = "training.optimizer.learning_rate"
    text = f"{HEAD}tune: {{path: {path}, grid: [1e-2, 1e-4]}}\n"
    assert "optimizer adam, learning rate one of 0.0001, 0.01, loss mse\n" in planned(text)
    tuning = json.loads(planned(text, "--json"))["tuning"]
    assert (tuning["path"], tuning["grid"], tuning["values"]) == (path, [1e-4, 1e-2], 2)


def test_the_inputs_of_a_file_are_those_that_it_has(planned, tmp_path):
    """The config does not have to say how many columns the file has."""
    rows = "\n".join(f"{k**3},{k * k},{k % 7}" for k in range(60))
    (tmp_path / "a.csv").write_text(f"a,b,c\n{rows}\n")
    data = "data: {family: file, path: a.csv, timesteps: 4}\ntraining: {batch_size: 8}\n"
    (first, *_, last), *_ = (
        variant["layers"] for variant in json.loads(planned(HEAD + data, "--json"))["variants"]
    )
    assert (first["inputs"], last["outputs"]) == (3, 3)


def test_plan_shows_what_a_file_holds(planned, tmp_path):
    """60 rows are split into 42, 9 and 9, and windows of 4 rows start 2 rows apart."""
    rows = [
        f"2024-01-{day:02}T{hour:02},{day * hour},{hour**2}"
        for day in (1, 2, 3)
        for hour in range(20)
    ]
    (tmp_path / "a.csv").write_text("\n".join(["time,up,down", *rows]) + "\n")
    data = (
        "data: {family: file, path: a.csv, timesteps: 4, stride: 2, columns: [down, up]}\n"
        "training: {batch_size: 8}\n"
    )
    printed = " ".join(planned(HEAD + data).split())
    assert (
        "a.csv: 60 rows (42 training, 9 validation, 9 test); windows of 4 time steps, 2 rows apart:"
        " 20 training, 3 validation, 3 test"
    ) in printed
    assert "down 0, 1, 4, 9, 16 0 361" in printed and "up 0, 1, 2, 3, 4 0 57" in printed
    (file,) = json.loads(planned(HEAD + data, "--json"))["files"]
    assert (file["timesteps"], file["stride"], file["tasks"]) == (4, 2, ["default"])
    assert file["parts"] == [
        {"name": "training", "rows": 42, "windows": 20},
        {"name": "validation", "rows": 9, "windows": 3},
        {"name": "test", "rows": 9, "windows": 3},
    ]
    assert file["columns"][1] == {
        "name": "up",
        "first": [0, 1, 2, 3, 4],
        "least": 0,
        "greatest": 57,
    }
    assert json.loads(planned(HEAD, "--json"))["files"] == []


def test_plan_shows_the_axes_of_an_array(planned, tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(20, 5, 2)))
    data = "data: {family: file, path: a.npy}\ntraining: {batch_size: 8}\n"
    printed = planned(HEAD + data)
    assert "a.npy: 20 windows of 5 time steps: 14 training, 3 validation, 3 test" in printed
    (file,) = json.loads(planned(HEAD + data, "--json"))["files"]
    assert [column["name"] for column in file["columns"]] == ["1", "2"]
    assert [part["rows"] for part in file["parts"]] == [None] * 3


def test_what_a_reader_should_know_of_a_file_goes_to_standard_error(tmp_path):
    rows = [f"{value % 11},{value**2 % 13}" for value in range(59)]
    (tmp_path / "a.csv").write_text("\n".join(["a,b", *rows, "-999,1"]) + "\n")
    (tmp_path / "c.yaml").write_text(
        f"{HEAD}data: {{family: file, path: a.csv, timesteps: 4}}\ntraining: {{batch_size: 8}}\n"
    )
    done = call("plan", "c.yaml", "--json", cwd=tmp_path)
    assert 'a.csv:61: warning: column "a" holds -999 in 1 of 60 rows' in done.stderr
    assert json.loads(done.stdout)["files"]


def test_plan_shows_the_looks(planned):
    """The counts are the published ones; a note says if the first look cannot decide."""
    printed = planned(HEAD, "seeds=60", "--until-decided")
    counts = {10: 10, 20: 16, 30: 22, 40: 28, 50: 34, 60: 40}
    for seeds, wins in counts.items():
        assert f"look at {seeds} seeds: {wins} wins\n" in printed
    assert "runs      at most 120, of which 120 are missing in results/test, 20 of them" in printed
    found = json.loads(planned(HEAD, "seeds=60", "--until-decided", "--json"))
    assert {one["seeds"]: one["needed"] for one in found["looks"]} == counts
    assert (found["next_look"], found["needed"]) == (20, 40)
    rates = "".join(f"  v{k}: {{training.optimizer.learning_rate: 0.{k}}}\n" for k in range(1, 5))
    printed = planned(f"{HEAD}{rates}seeds: {{until: decided, step: 10, most: 60}}\n")
    assert "look at 10 seeds: no verdict is possible yet\nlook at 20 seeds: 17 wins" in printed
    assert "look at" not in planned(HEAD)


def test_what_no_look_can_decide_is_refused_with_its_place(tmp_path):
    (tmp_path / "c.yaml").write_text(f"{HEAD}seeds: {{until: decided, most: 5}}\n")
    for command in ("plan", "run"):
        told = call(command, "c.yaml", cwd=tmp_path, code=2).stderr
        assert told.endswith(
            "c.yaml:7:31: seeds: 5 seeds at most: no verdict is possible at any look; it takes 6"
            " seeds\n"
        )
    assert [path.name for path in tmp_path.iterdir()] == ["c.yaml"]
