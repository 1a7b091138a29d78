"""What runs say by themselves: failures, learning, ratios by epoch, against SciPy, NumPy, hand."""

import math

import numpy as np
import pytest
from scipy import stats

from lstm_ablate.evidence import failures, learning
from lstm_ablate.evidence.epochs import by_epoch
from lstm_ablate.experiment.settings import Training

INF = math.inf

# ----------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize(("count", "n"), [(0, 10), (3, 10), (10, 10), (1, 1), (17, 400)])
def test_shares_have_exact_intervals(count, n):
    """Clopper and Pearson's ends are quantiles of beta distributions."""
    found = failures.share(count, n, 0.05)
    low = stats.beta.ppf(0.025, count, n - count + 1) if count else 0.0
    high = stats.beta.ppf(0.975, count + 1, n - count) if count < n else 1.0
    assert (found.count, found.runs) == (count, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert failures.share(0, 0, 0.05) is None


@pytest.mark.parametrize(
    ("mine", "others", "stuck"),
    [
        ([1.0, 1.0, 1.0, 4.0], [1.0] * 4, 1),
        ([1.0, 1.0, 1.0, 3.0], [1.0] * 4, 0),  # three times the median is not above it
        ([1.0, 1.0, 1.0, 4.0], [9.0] * 8, 0),  # not far above the median of its task
        ([9.0, 9.0, 9.0, 20.0], [1.0] * 8, 0),  # not far above that of its variant
        ([9.0, 9.0, 9.0, 28.0], [1.0] * 8, 1),
        ([1.0, 1.0, 1.0, INF], [1.0] * 4, 0),  # diverged, which is counted elsewhere
        ([1.0, 40.0, INF, INF], [1.0] * 9, 0),  # typical of this variant is to diverge
        ([1.0, 1.0, 40.0, INF, INF], [1.0] * 9, 0),  # the median is 40 itself
        ([1.0, 1.0, 1.0, 40.0, INF], [1.0] * 9, 1),
        ([], [1.0], 0),
    ],
)
def test_a_run_is_stuck_above_both_medians(mine, others, stuck):
    assert failures.stuck(mine, [*mine, *others], 3) == stuck


def test_how_far_is_far_above_is_an_argument():
    losses = [1.0, 1.0, 1.0, 2.5]
    assert [failures.stuck(losses, losses, times) for times in (2, 2.5, 3)] == [1, 0, 0]


# ----------------------------------------------------------------------------------------- learning


def ended(loss, ceiling=1.0, validation=(1.0,), **more):
    status = "diverged" if loss is None else "ok"
    return {
        "status": status, "test_loss": loss, "ceiling": ceiling,
        "validation_losses": list(validation), "diverged_epoch": None, **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("losses", "learned"),
    [
        ([0.89, 0.5, 0.99], True),
        ([0.9, 0.5, 0.99], False),  # a run at 0.9 of the ceiling has not learned
        ([0.5, 0.5, 0.99, 0.99], True),  # half of them is enough
        ([0.5, None, None], False),  # a run that diverged has learned nothing
        ([0.5, 0.5, None], True),
        ([None], False),
        ([], None),
    ],
)
def test_a_side_has_learned_where_its_median_run_has(losses, learned):
    assert learning.median_has_learned([ended(loss) for loss in losses]) is learned


def test_each_run_is_held_to_its_own_ceiling():
    """Each run has windows of its own. If a record has no ceiling, the answer is unknown."""
    runs = [ended(0.8, 1.0), ended(0.8, 0.5), ended(1.7, 2.0)]
    assert learning.median_has_learned(runs) is True
    assert learning.median_has_learned([ended(0.1), ended(0.8, None)]) is None
    assert learning.not_learned(runs) == 1
    assert learning.not_learned([ended(0.1), ended(0.8, None)]) is None


def test_a_run_that_diverged_is_no_run_that_has_not_learned():
    """It is counted as diverged, and a run stands in one of the two counts."""
    assert learning.not_learned([ended(0.89), ended(0.9), ended(0.99), ended(None)]) == 2
    assert learning.not_learned([]) == 0
    assert failures.share(None, 3, 0.05) is failures.share(0, 0, 0.05) is None


@pytest.mark.parametrize(
    ("curve", "gain"),
    [
        ([5, 4, 3, 2, 1], 2.0),  # the best of the first four fifths over the best of all
        ([5, 4, 1, 2, 3], 1.0),
        ([8, 4], 2.0),  # with two epochs, four fifths are one epoch
        ([8], 1.0),
        ([10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0.5, 3, 2, 1], 1.0),  # 4/5 of 14, rounded down, are 11
        ([10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 5, 0.5, 2, 1], 2.0),
        ([2, 1, 1, 1, 0], INF),
        ([1, 0, 1, 1, 0], 1.0),
    ],
)
def test_the_gain_at_the_end(curve, gain):
    assert learning.gain([ended(1.0, validation=curve)]) == gain


def test_the_gain_is_that_of_the_median_run_that_ended_in_order():
    curves = [[4, 4, 4, 4, last] for last in (1, 2, 4)]
    runs = [ended(1.0, validation=curve) for curve in curves]
    assert learning.gain([*runs, ended(None, validation=[9, 9, 9, 9, None])]) == 2.0
    assert learning.gain([ended(None, validation=[9, None])]) is None
    assert learning.gain([]) is None


# ----------------------------------------------------------------------------------------- by epoch

EPOCHS = 12


def training(epochs=EPOCHS, select="best"):
    return Training(epochs=epochs, select=select)


def curves(seed, runs, epochs=EPOCHS):
    losses = np.random.default_rng(seed).lognormal(0, 1, (runs, epochs))
    return {k: ended(1.0, validation=curve.tolist()) for k, curve in enumerate(losses)}


@pytest.mark.parametrize("select", ["best", "last"])
@pytest.mark.parametrize("n", [1, 2, 5, 8, 30])
def test_medians_and_quartiles_are_numpys(n, select):
    """The losses are of the weights that `select` would choose: the best so far, or the epoch's."""
    mine, base = curves(1, n), curves(2, n)
    found = by_epoch(mine, base, (training(select=select), training(select=select)))
    arrays = [
        np.array([run["validation_losses"] for run in side.values()]) for side in (mine, base)
    ]
    if select == "best":
        arrays = [np.minimum.accumulate(one, axis=1) for one in arrays]
    ratios = arrays[0] / arrays[1]
    assert found.pairs == n
    assert np.array(found.medians) == pytest.approx(
        np.exp(np.median(np.log(ratios), axis=0))[:, None].repeat(2, axis=1)
    )
    assert found.q1 == pytest.approx(np.quantile(ratios, 0.25, axis=0, method="lower"))
    assert found.q3 == pytest.approx(np.quantile(ratios, 0.75, axis=0, method="higher"))


def test_a_run_that_diverges_loses_from_that_epoch_on():
    mine = {0: ended(None, validation=[2.0, 1.0, None], diverged_epoch=3)}
    base = {0: ended(1.0, validation=[1.0, 1.0, 1.0, 1.0])}
    found = by_epoch(mine, base, (training(4), training(4)))
    assert [low for low, _ in found.medians] == [2.0, 1.0, INF, INF] == list(found.q3)
    both = by_epoch(mine, mine, (training(4), training(4)))
    assert [low for low, _ in both.medians] == [1.0] * 4  # a draw
    # A training loss that is not a number also ends a run; its last validation loss was good.
    mine[0] |= {"validation_losses": [2.0, 1.0, 0.5]}
    assert by_epoch(mine, base, (training(4), training(4))).medians[2] == (INF, INF)


def test_an_even_number_of_pairs_of_which_half_diverged():
    mine = {
        0: ended(1.0, validation=[2.0]),
        1: ended(None, validation=[None], diverged_epoch=1),
    }
    base = {seed: ended(1.0, validation=[1.0]) for seed in mine}
    found = by_epoch(mine, base, (training(1), training(1)))
    assert (found.medians, found.q1, found.q3) == (((2.0, INF),), (2.0,), (INF,))


def test_only_pairs_count_and_only_epochs_of_both():
    mine, base = curves(1, 3), curves(2, 5, epochs=7)
    del mine[1]
    found = by_epoch(mine, base, (training(), training(7)))
    assert (found.pairs, len(found.medians), len(found.q1)) == (2, 7, 7)
    assert by_epoch({}, base, (training(), training())) is None
