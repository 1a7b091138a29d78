"""The references of a loss against NumPy's singular value decomposition, and against cases worked
by hand.
"""

import numpy as np
import pytest

from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.training import work
from lstm_ablate.training.inputs import references, windows
from lstm_ablate.training.inputs.windows import Arrays

RNG = np.random.default_rng(5)


def drawn(n, timesteps, features, rank=None, noise=0.1):
    """Windows around a subspace, with noise in every direction and a mean for each number."""
    d = timesteps * features
    basis = np.random.default_rng(1).normal(size=(rank or d, d))
    rows = RNG.normal(size=(n, len(basis))) @ basis + noise * RNG.normal(size=(n, d)) + np.arange(d)
    return rows.reshape(n, timesteps, features)


def by_svd(arrays, numbers):
    """The residuals of the projection on the first right singular vectors."""
    train, test = (part.reshape(len(part), -1) for part in (arrays.train, arrays.test))
    _, _, rows = np.linalg.svd(train - train.mean(axis=0), full_matrices=False)
    centred = test - train.mean(axis=0)
    return centred - centred @ rows[:numbers].T @ rows[:numbers]


LOSSES = {
    "mse": lambda e: np.mean(e**2),
    "mae": lambda e: np.mean(np.abs(e)),
    "huber": lambda e: np.mean([0.5 * x * x if abs(x) <= 1 else abs(x) - 0.5 for x in e.ravel()]),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("n", "numbers"), [(200, 3), (200, 20), (17, 3), (17, 16)])
def test_the_linear_code_is_that_of_the_singular_vectors(loss, n, numbers):
    """There are more windows than numbers in a window, or fewer."""
    arrays = Arrays(drawn(n, 7, 3), drawn(5, 7, 3), drawn(50, 7, 3))
    found = references.linear(arrays, numbers, loss)
    assert found == pytest.approx(LOSSES[loss](by_svd(arrays, numbers)), rel=1e-9) and found > 0


def test_a_code_of_the_rank_of_noiseless_windows_leaves_nothing():
    arrays = Arrays(*(drawn(n, 6, 2, rank=4, noise=0.0) for n in (100, 5, 30)))
    assert references.linear(arrays, 4, "mse") < 1e-20 < references.linear(arrays, 3, "mse")


@pytest.mark.parametrize("numbers", [21, 22, 1000])
def test_a_code_that_is_no_shorter_than_the_window_loses_nothing(numbers):
    assert references.linear(Arrays(*(drawn(9, 7, 3) for _ in range(3))), numbers, "mae") == 0.0


def test_of_more_numbers_than_windows_show_only_what_they_show_is_coded():
    """Three windows span two directions, so a code of 5 numbers cannot use more than 2."""
    arrays = Arrays(drawn(3, 7, 3), drawn(5, 7, 3), drawn(50, 7, 3))
    assert references.linear(arrays, 5, "mse") == pytest.approx(
        np.mean(by_svd(arrays, 2) ** 2), rel=1e-9
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_the_ceiling_is_the_loss_of_each_features_mean(loss):
    test = drawn(40, 5, 2)
    error = test - test.reshape(-1, 2).mean(axis=0)
    assert references.ceiling(test, loss) == pytest.approx(LOSSES[loss](error), rel=1e-12)


def test_a_part_is_described_beside_the_training_windows():
    """Each of two features has its own range in the training windows; the rest is by hand."""
    train = np.array([[[0.0, 10.0], [2.0, 30.0]]])
    windows = np.array([[[1.0, 5.0], [3.0, 20.0]], [[-1.0, 31.0], [2.0, 30.0]]])
    found = references.part(windows, train, "mse")
    values = [1, 5, 3, 20, -1, 31, 2, 30]
    assert (found.mean, found.low, found.high) == (sum(values) / 8, -1.0, 31.0)
    assert found.variance == pytest.approx(np.var(values))
    assert found.outside == 4 / 8  # 3, -1, 5 and 31
    assert found.ceiling == pytest.approx((np.var([1, 3, -1, 2]) + np.var([5, 20, 31, 30])) / 2)
    assert references.part(train, train, "mse").outside == 0


def test_the_test_part_of_a_series_that_grows_lies_beyond_its_training_part(tmp_path):
    """A worker describes the parts, 420, 90 and 90 rows, of 600 rows that grow by 0.4% a row."""
    rows = 1.004 ** np.arange(600)
    (tmp_path / "grows.csv").write_text("x\n" + "".join(f"{row!r}\n" for row in rows.tolist()))
    data = {"family": "file", "path": str(tmp_path / "grows.csv"), "timesteps": 12}
    run = Run("default", "tanh", 0, Settings.model_validate({"data": data}), "fused")
    found = work._references_of(run, windows.of(run.settings.data, 0))
    scaled = (rows - rows[:420].mean()) / rows[:420].std()
    assert found.parts["test"].outside == found.parts["validation"].outside == 1.0
    assert found.parts["train"].low == pytest.approx(scaled[0], rel=0.05)  # of windows, not rows
    assert found.parts["test"].high == pytest.approx(scaled[-1], rel=0.05)
    assert found.ceiling == found.parts["test"].ceiling < found.parts["train"].ceiling
