"""Why runs are hardly better than the mean: losses and parts by hand, and what is said of them."""

import pytest
import recorded

from lstm_ablate.evidence import analysis, diagnosis, notes
from lstm_ablate.experiment import loading, runs
from lstm_ablate.store.records import Record

HEAD = """
version: 1
name: why
training: {batch_size: 2, epochs: 10}
seeds: 12
baseline: tanh
variants: {tanh: {}, relu: {model.activation: relu}}
"""
DRAWN = "data: {family: sines, samples: {train: 4, validation: 2, test: 2}, timesteps: 3}\n"
OWN = "data: {family: file, path: own.csv, timesteps: 3, scaling: SCALING}\n"

KNOWN = {
    "mean": 2e-16, "variance": 1.0, "low": -1.5, "high": 2.0, "outside": 0.0, "ceiling": 1.0,
}  # fmt: skip
AWAY = KNOWN | {
    "mean": 5.0, "variance": 0.5, "low": 4.0, "high": 6.5, "outside": 1.0, "ceiling": 0.5,
}  # fmt: skip
FALLING, FLAT = [2.0, *[1.0] * 8, 0.8], [0.95] * 10


def result(train=1.0, validation=1.0, test=1.0, parts=None, curve=FLAT):
    parts = {"train": KNOWN, "validation": KNOWN, "test": KNOWN} | (parts or {})
    return recorded.OK | {
        "epochs": 10,
        "best_epoch": 10,
        "train_loss": train,
        "validation_loss": validation,
        "test_loss": test,
        "ceiling": parts["test"]["ceiling"],
        "parts": parts,
        "train_losses": [train] * 10,
        "validation_losses": curve,
    }


@pytest.fixture
def summary(tmp_path):
    """A function from the results of both variants to the summary; tuning chose the lowest."""

    def made(tanh, relu, data=DRAWN, scaling="standard"):
        (tmp_path / "own.csv").write_text("x\n" + "".join(f"{k % 7}\n" for k in range(90)))
        (tmp_path / "why.yaml").write_text(HEAD + data.replace("SCALING", scaling))
        experiment = loading.load(tmp_path / "why.yaml")
        if experiment.tuning:
            lowest = experiment.tuning.grid[0]
            cells = (("default", name) for name in experiment.variants)
            experiment = experiment.with_choices(dict.fromkeys(cells, lowest))
        expanded = runs.expand(experiment)
        results = {"tanh": tanh, "relu": relu}
        records = {
            run.id: Record(run.id, run.identity, results[run.variant], {}) for run in expanded
        }
        return analysis.summarise(experiment, expanded, records)

    return made


def told(summary):
    """Return what is said of the task, and the verdict on relu in a word."""
    return summary.diagnoses.get("default"), summary.rows[1].verdict


def test_a_series_with_a_trend_is_learned_and_tested_elsewhere(summary):
    """Thirteen times the loss of the mean of the test windows, beside a training loss near 0."""
    away = {"test": AWAY, "validation": AWAY}
    found = summary(result(0.001, 2.0, 6.5, away), result(0.003, 2.5, 7.0, away), data=OWN)
    text, verdict = told(found)
    assert text == (
        "tanh and relu have learned the training windows (losses 0.001 and 0.003 in the median"
        " run, where predicting the mean of these windows gives 1) but not the test windows, which"
        " lie elsewhere: 100% of their values are beyond the range of the training windows. After"
        " scaling, their mean is 5, that of the training windows 0; they lie between 4 and 6.5,"
        " the training windows between -1.5 and 2. So the test losses say how a network goes on"
        " beyond what it was trained on, not how well it reconstructs what it knows. Where values"
        " have a trend, train on their changes from row to row, such as differences or growth"
        " rates; otherwise choose parts that are alike (`data.split`)."
    )
    assert verdict == "test not learned"
    assert found.rows[1].sentence.startswith(
        "Neither relu nor tanh reconstructs the test windows much better than predicting their mean"
        " does, so that there is no verdict: their typical losses are 7 and 6.5, and that mean"
        " gives 0.5; "
    )
    one = result(0.001, 2.0, 6.5, away)
    assert "training windows. Their mean is 5" in told(summary(one, one, OWN, "none"))[0]


def test_what_was_never_scaled_is_named_with_its_values(summary):
    """A loss above that of the mean in training too; scaled, it is just not learned."""
    large = KNOWN | {
        "mean": 1e6, "variance": 1e10, "low": 8e5, "high": 1.2e6, "ceiling": 1e10,
    }  # fmt: skip
    one = result(1e12, 1e12, 1e12, dict.fromkeys(("train", "validation", "test"), large))
    text, verdict = told(summary(one, one, data=OWN, scaling="none"))
    assert text == (
        "tanh and relu have not learned the training windows: losses 1e+12 and 1e+12 in the median"
        " run, where predicting the mean of these windows gives 1e+10. These windows are not scaled"
        " (`data.scaling: none`), and their values lie between 8e+05 and 1.2e+06, while initial"
        " weights and usual learning rates are made for values around 1: write `data.scaling:"
        " standard`, or scale the file."
    )
    assert verdict == "nothing learned"
    for data, scaling in ((OWN, "standard"), (DRAWN, "")):
        text, _ = told(summary(one, one, data=data, scaling=scaling))
        assert "scal" not in text and "try other learning rates" in text
    near = result(1.0)  # not scaled, and of a size that needs no scaling
    assert "scal" not in told(summary(near, near, data=OWN, scaling="none"))[0]


def test_what_is_not_learned_is_told_with_whether_it_was_falling(summary):
    text, verdict = told(summary(result(0.95), result(0.99)))
    assert text == (
        "tanh and relu have not learned the training windows: losses 0.95 and 0.99 in the median"
        " run, where predicting the mean of these windows gives 1. Validation losses hardly fell"
        " in the last fifth of the epochs: try other learning rates, of which `tune` tries several"
        " for every variant, and more epochs."
    )
    assert verdict == "nothing learned"
    text, _ = told(summary(result(0.95), result(0.99, curve=FALLING)))
    assert text.endswith(
        "Validation losses still fell when training ended: train longer (`training.epochs`)."
    )


@pytest.mark.parametrize(
    ("path", "grid", "rates"),
    [
        ("training.optimizer.learning_rate", "[1e-3, 1e-2]", False),
        ("training.optimizer.global_clipnorm", "[0.5, 1.0]", True),
    ],
)
def test_other_rates_are_not_advised_where_tuning_has_tried_them(summary, path, grid, rates):
    tune = f"tune: {{path: {path}, grid: {grid}, seeds: 3}}\n"
    for train, more in ((0.95, "more epochs."), (0.8, "before anything else")):
        one = result(train, 1.0, 1.0)
        found = summary(one, one, data=DRAWN + tune)
        text, _ = told(found)
        assert more in text and ("learning rates" in text) == rates
        assert (notes.UNTUNED in found.notes) == rates


def test_windows_that_vary_little_are_hard_to_beat(summary):
    """Reconstructed as well as the training windows, and worse than a constant all the same."""
    still = KNOWN | {"variance": 0.01, "ceiling": 0.01}
    one = result(0.02, 0.02, 0.03, {"test": still})
    text, verdict = told(summary(one, one, data=OWN))
    assert text == (
        "tanh and relu have learned the training windows (losses 0.02 and 0.02 in the median run,"
        " where predicting the mean of these windows gives 1). The test windows vary far less"
        " (variance 0.01, in training 1), so that their own mean is hard to beat: losses 0.03 and"
        " 0.03 in the median run, where predicting the mean of these windows gives 0.01. Choose"
        " parts that are alike (`data.split`)."
    )
    assert verdict == "test not learned"


@pytest.mark.parametrize(
    ("validation", "rest"),
    [
        (
            1.1,
            " On validation windows: loss 1.1 in the median run, where predicting the mean of"
            " these windows gives 1. What was learned does not carry over to other windows: give"
            " more training windows (`data.samples.train`), or a smaller network.",
        ),
        (
            0.2,
            " The validation windows were learned too (loss 0.2 in the median run, where"
            " predicting the mean of these windows gives 1): the test windows differ from both in"
            " something that mean, variance and range do not show.",
        ),
    ],
)
def test_what_fits_the_training_windows_alone_is_told(validation, rest, summary):
    fitted = result(0.1, validation, 1.2, {"test": KNOWN | {"outside": 0.04}})
    found = summary(result(0.1, 0.1, 0.1), fitted)
    text, verdict = told(found)
    assert text == (
        "relu has learned the training windows (loss 0.1 in the median run, where predicting the"
        " mean of these windows gives 1) but not the test windows, though only 4% of their values"
        f" are beyond the range of the training windows.{rest}"
    )
    assert verdict == "worse"  # tanh has learned


def test_windows_that_are_learned_in_part_are_no_failure_to_generalize(summary):
    """One feature of four is learned, which hardly varies in the test windows."""
    louder = KNOWN | {"variance": 1.5, "ceiling": 1.5}
    text, verdict = told(summary(result(0.75, 1.0, 0.98), result(0.74, 1.1, 0.97)))
    assert text == (
        "tanh and relu have learned the training windows only in part (losses 0.75 and 0.74 in the"
        " median run, where predicting the mean of these windows gives 1), and the test windows"
        " hardly (losses 0.98 and 0.97 in the median run, where predicting the mean of these"
        " windows gives 1). Perhaps what is learned so far, such as one feature of several, varies"
        " less in the test windows. Train longer (`training.epochs`) or try other learning rates"
        " (`tune`) before anything else: a loss can stay on a plateau for long."
    )
    assert verdict == "test not learned"
    one = result(0.75, 1.1, 1.45, {"test": louder})
    assert told(summary(one, one))[0].endswith(
        "The test windows vary more: their variance is 1.5, that of the training windows 1."
    )


def test_a_share_that_rounds_to_nothing_is_no_percentage(summary):
    fitted = result(0.1, 1.1, 1.2, {"test": KNOWN | {"outside": 0.004}})
    text, _ = told(summary(result(0.1, 0.1, 0.1), fitted))
    assert "though hardly any of their values are beyond the range" in text


def test_each_reason_is_told_of_its_own_variants(summary):
    text, verdict = told(summary(result(1.0), result(0.1, 0.1, 5.0, {"test": AWAY})))
    assert text.index("tanh has not learned the training windows") < text.index(
        "relu has learned the training windows"
    )
    assert verdict == "test not learned"
    _, verdict = told(summary(result(0.1, 0.1, 5.0, {"test": AWAY}), result(1.0)))
    assert verdict == "test not learned"  # whichever side has learned


def test_nothing_is_told_of_what_has_learned_or_is_not_recorded(summary):
    fine = result(0.1, 0.1, 0.1)
    assert summary(fine, fine).diagnoses == {}
    bare = {name: value for name, value in result().items() if name != "parts"}
    assert told(summary(bare, bare)) == (None, "nothing learned")
    gone = recorded.DIVERGED | {"parts": result()["parts"], "ceiling": 1.0}
    assert told(summary(gone, gone)) == (None, "nothing learned")


def test_every_kind_of_finding_has_words():
    assert set(diagnosis._SENTENCES) == set(diagnosis.Kind.__args__)


def test_test_losses_far_from_validation_losses_are_told_with_what_differs(summary):
    """0.79 beside 0.21 was told by nothing: the test part was of another season."""
    season = {"test": KNOWN | {"mean": 0.5, "variance": 2.0, "outside": 0.04, "ceiling": 1.2}}
    winter = result(0.2, 0.21, 0.79, season), result(0.2, 0.24, 0.8, season)
    text, verdict = told(summary(*winter, data=OWN))
    assert text == (
        "The test losses of tanh and relu, 0.79 and 0.8 in the median run, lie far from the"
        " validation losses, 0.21 and 0.24: the two parts of the data differ. After scaling, their"
        " mean is 0.5 in the test windows and 0 in the validation windows, their variance 2 and 1,"
        " and 4% of the test values are beyond the range of the training windows. So the epoch was"
        " chosen on one stretch of the file, and the verdict is about another (`data.split`)."
    )
    assert verdict == "worse"
    one_side, _ = told(summary(result(0.2, 0.2, 0.39), winter[1]))
    assert one_side.startswith("The test loss of relu, 0.8 in the median run, lies far from")
    assert "Draw more windows" in one_side
    assert told(summary(result(0.2, 0.5, 0.2), result(0.2, 0.2, 0.2)))[0].startswith(
        "The test loss"
    )
