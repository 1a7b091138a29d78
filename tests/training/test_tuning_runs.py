"""Tuning runs have no test windows: what engines, workers and records do with them."""

import json

import numpy as np
import pytest
from fused_runs import SINES, make

from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import FileData
from lstm_ablate.store import records
from lstm_ablate.store.records import Record
from lstm_ablate.training import engines, work
from lstm_ablate.training.inputs import windows

SETTINGS = make(training={"epochs": 2})


def ignore(_):
    """Ignore an epoch or a message."""


@pytest.mark.parametrize("name", engines.ENGINES)
def test_training_is_the_same_without_test_windows(name):
    """If an engine is given test windows, the losses of the epochs stay the same."""
    runs = [Run("t", "v", seed, SETTINGS, name, 2, "tuning") for seed in (0, 1)]
    without = [windows.of(SETTINGS.data, run.seed, run.purpose) for run in runs]
    assert [one.test.shape for one in without] == [(0, SINES["timesteps"], 1)] * 2
    test = windows.of(SETTINGS.data, 0).test
    given = [windows.Arrays(one.train, one.validation, test) for one in without]
    engine = engines.engine(name)
    for mine, other in zip(
        engine.train(runs, without, ignore), engine.train(runs, given, ignore), strict=True
    ):
        assert (mine.status, mine.test_loss, mine.reconstructions) == ("ok", None, None)
        assert other.test_loss > 0 and len(other.reconstructions) == engines.SHOWN
        assert mine.validation_losses == other.validation_losses
        assert mine.validation_loss == min(mine.validation_losses)
        for weights, others in zip(mine.weights.values(), other.weights.values(), strict=True):
            np.testing.assert_array_equal(weights, others)


def test_a_record_of_a_tuning_run_is_whole_without_what_test_windows_say(tmp_path):
    run = Run("t", "v", 0, SETTINGS, "fused", 1, "tuning")
    ((result, meta),) = work.train([run], ignore)
    told = {key: result[key] for key in ("test_loss", "ceiling", "linear", "reconstructions")}
    assert told == {"test_loss": None, "ceiling": None, "linear": None, "reconstructions": []}
    record = Record(run.id, run.identity, result, meta)
    (tmp_path / "runs").mkdir()
    assert records.publish(tmp_path, record) == "stored"
    (kept,) = records.read_all(tmp_path).records.values()
    assert (kept.purpose, kept.result) == ("tuning", json.loads(json.dumps(result)))


@pytest.mark.parametrize(
    ("purpose", "other"),
    [
        ("evaluation", {"test_loss": None}),
        ("evaluation", {"ceiling": None}),
        ("evaluation", {"linear": None}),
        ("tuning", {"test_loss": 0.1}),
        ("tuning", {"ceiling": 1.0}),
    ],
)
def test_a_record_that_lacks_what_its_purpose_asks_for_is_damaged(purpose, other, tmp_path):
    run = Run("t", "v", 0, SETTINGS, "fused", 1, purpose)
    ((result, meta),) = work.train([run], ignore)
    (tmp_path / "runs").mkdir()
    records.publish(tmp_path, Record(run.id, run.identity, {**result, **other}, meta))
    assert [path.stem for path in records.read_all(tmp_path).damaged] == [run.id]


def test_of_a_file_a_tuning_run_has_the_training_and_the_validation_part(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(20, 4, 2)))
    data = FileData(family="file", path=str(tmp_path / "a.npy"))
    tuning, evaluation = windows.of(data, 0, "tuning"), windows.of(data, 0)
    np.testing.assert_array_equal(tuning.train, evaluation.train)
    np.testing.assert_array_equal(tuning.validation, evaluation.validation)
    assert tuning.test.shape == (0, 4, 2) and len(evaluation.test)
