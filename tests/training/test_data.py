"""The data families: their scale, their formulas against closed forms and SciPy, and which seeds
move what.
"""

import itertools
from typing import Any, get_args

import keras
import numpy as np
import pytest
from scipy import signal
from scipy.integrate import solve_ivp

from lstm_ablate.experiment import data_settings as s
from lstm_ablate.training.inputs import windows
from lstm_ablate.training.inputs.families import (
    LORENZ_MEAN,
    LORENZ_SD,
    autocorrelation,
    lorenz_flow,
)
from lstm_ablate.training.inputs.references import ceiling
from lstm_ablate.training.inputs.windows import Arrays

FAMILIES = get_args(get_args(s.Data)[0])[:-1]  # the last is one's own file

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)


def _draw(family: type[s.Synthetic], n: int = 2000, seed: int = 0, **changes: Any) -> np.ndarray:
    """Return n windows without noise, where nothing else is said."""
    samples = s.Samples(train=n, validation=1, test=1)
    return windows.of(family(**{"samples": samples, "noise": 0.0, **changes}), seed).train


def _arrays(family: type[s.Synthetic], seed: int, **changes: Any) -> Arrays:
    samples = s.Samples(train=7, validation=5, test=6)
    return windows.of(
        family(**{"samples": samples, "timesteps": 9, "features": 2, **changes}), seed
    )


# ---------------------------------------------------------------------------------- shape and scale


@every_family
@pytest.mark.parametrize("features", [1, 2, 3, 4, 7])
def test_shapes(family: type[s.Synthetic], features: int) -> None:
    arrays = _arrays(family, 0, features=features)
    assert arrays.train.shape == (7, 9, features)
    assert arrays.validation.shape == (5, 9, features)
    assert arrays.test.shape == (6, 9, features)
    for part in (arrays.train, arrays.validation, arrays.test):
        assert part.dtype == np.float64
        assert np.all(np.isfinite(part))


@every_family
@pytest.mark.parametrize("features", [1, 4])
def test_mean_is_0_and_variance_1_within_their_standard_errors(
    family: type[s.Synthetic], features: int
) -> None:
    x = _draw(family, n=2000, timesteps=20, features=features)
    # Windows are independent, time steps not.
    means, squares = x.mean(axis=(1, 2)), np.square(x).mean(axis=(1, 2))
    assert abs(means.mean()) < 5 * means.std() / np.sqrt(len(x)) + 1e-12
    off = 0.01 if family is s.Lorenz else 1e-12  # its long-run constants are rounded
    assert abs(squares.mean() - 1) < 5 * squares.std() / np.sqrt(len(x)) + off


@every_family
def test_noise_adds_its_square_to_the_variance_and_leaves_the_signal(
    family: type[s.Synthetic],
) -> None:
    noisy, clean = _draw(family, noise=0.5), _draw(family, noise=0.0)
    noise = (noisy - clean) / 0.5
    np.testing.assert_allclose(noise, (_draw(family, noise=2.0) - clean) / 2.0, atol=1e-9)
    assert abs(noise.mean()) < 5 / np.sqrt(noise.size)
    assert abs(noise.var() - 1) < 5 * np.sqrt(2 / noise.size)
    assert abs(np.mean(noise[:, 1:] * noise[:, :-1])) < 5 / np.sqrt(noise.size)
    assert abs(np.mean(noise * clean)) < 5 / np.sqrt(noise.size)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family is not s.Lorenz])
def test_features_and_windows_are_independent(family: type[s.Synthetic]) -> None:
    x = _draw(family, n=3000, timesteps=8, features=3)
    for one, other in itertools.combinations(range(3), 2):
        products = (x[:, :, one] * x[:, :, other]).mean(axis=1)
        assert abs(products.mean()) < 5 * products.std() / np.sqrt(len(products))
    products = (x[1:] * x[:-1]).mean(axis=(1, 2))
    assert abs(products.mean()) < 5 * products.std() / np.sqrt(len(products))


# -------------------------------------------------------------------------------------------- seeds


@every_family
def test_every_part_is_drawn_anew_for_each_seed_and_purpose(family: type[s.Synthetic]) -> None:
    """No window of one stands in the other, whatever the part; the same again is the same. Of runs
    that tune there are no test windows.
    """
    samples = s.Samples(train=7, validation=5, test=6)
    data = family(samples=samples, timesteps=9, features=2)
    first = windows.of(data, 0)
    for other in (
        windows.of(data, 1),
        windows.of(data, 0, "tuning"),
        windows.of(data, 1, "tuning"),
    ):
        for mine, its in itertools.product(vars(first).values(), vars(other).values()):
            assert not (mine[:, None] == its[None]).all(axis=(2, 3)).any()
    for mine, again in zip(vars(first).values(), vars(windows.of(data, 0)).values(), strict=True):
        np.testing.assert_array_equal(mine, again)
    assert windows.of(data, 0, "tuning").test.shape == (0, 9, 2)


@every_family
def test_parts_are_different_windows(family: type[s.Synthetic]) -> None:
    samples = s.Samples(train=5, validation=5, test=5)
    arrays = _arrays(family, 0, samples=samples)
    for one, other in itertools.combinations((arrays.train, arrays.validation, arrays.test), 2):
        assert not np.any(np.all(one == other, axis=(1, 2)))


@every_family
def test_the_number_of_windows_of_one_part_moves_no_other_part(family: type[s.Synthetic]) -> None:
    few = _arrays(family, 3)
    more = _arrays(family, 3, samples=s.Samples(train=70, validation=5, test=6))
    np.testing.assert_array_equal(more.validation, few.validation)
    np.testing.assert_array_equal(more.test, few.test)
    more = _arrays(family, 3, samples=s.Samples(train=7, validation=50, test=60))
    np.testing.assert_array_equal(more.train, few.train)


# ----------------------------------------------------------------------------------------- formulas


def _frequencies(x: np.ndarray) -> np.ndarray:
    """Return the frequency [N, F] of the largest peak of each window's periodogram, in cycles per
    window.
    """
    frequency, power = signal.periodogram(
        x, fs=x.shape[1], window="hann", nfft=16 * x.shape[1], axis=1
    )
    return frequency[np.argmax(power, axis=1)]


@pytest.mark.parametrize(("family", "more"), [(s.Sines, {"components": 1}), (s.Square, {})])
def test_cycles_are_uniform_in_their_range(family: type[s.Synthetic], more: dict[str, Any]) -> None:
    found = _frequencies(
        _draw(family, n=500, timesteps=256, features=2, cycles=(10.0, 20.0), **more)
    ).ravel()
    assert 9.9 < found.min() < 10.5
    assert 19.5 < found.max() < 20.1
    assert abs(found.mean() - 15) < 5 * (10 / np.sqrt(12)) / np.sqrt(len(found))
    assert abs(found.std() - 10 / np.sqrt(12)) < 0.2


def test_one_cycle_is_periodic_over_the_window() -> None:
    """At f whole cycles per window a window would continue where it began: x_T = x_0, so the sum
    over it is 0.
    """
    x = _draw(s.Sines, n=50, timesteps=24, cycles=(3.0, 3.0))
    np.testing.assert_allclose(x.sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(x[:, :8], x[:, 8:16], atol=1e-12)


@pytest.mark.parametrize("components", [1, 2, 5])
def test_sines_have_as_many_components_as_asked_for(components: int) -> None:
    """A sum of K sines obeys a linear recurrence of order 2 K, and no smaller one (Prony 1795)."""
    x = _draw(s.Sines, n=1, timesteps=200, components=components, cycles=(5.0, 60.0))[0, :, 0]
    rows = np.lib.stride_tricks.sliding_window_view(x, 2 * components + 2)
    assert np.linalg.matrix_rank(rows, tol=1e-7 * np.linalg.norm(rows)) == 2 * components


def test_amplitudes_of_sines_lie_between_one_half_and_one() -> None:
    x = _draw(s.Sines, n=2000, timesteps=64, components=1, cycles=(4.0, 4.0))
    amplitude = np.sqrt(2 * np.square(x).mean(axis=(1, 2))) * np.sqrt(7 / 24)
    assert 0.5 <= amplitude.min() < 0.51
    assert 0.99 < amplitude.max() <= 1
    assert abs(amplitude.mean() - 0.75) < 5 * np.sqrt(1 / 48) / np.sqrt(2000)


def test_square_is_plus_or_minus_one() -> None:
    x = _draw(s.Square, n=200, timesteps=60, cycles=(3.0, 3.0))
    assert set(np.unique(x)) == {-1.0, 1.0}
    np.testing.assert_array_equal(
        np.count_nonzero(np.diff(np.concatenate([x, x[:, :1]], axis=1), axis=1), axis=1), 6
    )


def test_chirp_sweeps_from_its_start_to_its_end() -> None:
    """The frequency of the analytic signal (Hilbert transform) runs in a line from f0 to f1 cycles
    per window.
    """
    steps = 2000
    x = _draw(s.Chirp, n=20, timesteps=steps, start=(20.0, 20.0), end=(60.0, 60.0))[:, :, 0]
    angle = np.unwrap(np.angle(signal.hilbert(x, axis=1)), axis=1)
    frequency = np.diff(angle, axis=1) * (steps - 1) / (2 * np.pi)
    inside = slice(steps // 10, -steps // 10)  # the transform is not local, so its ends are off
    expected = np.linspace(20, 60, steps - 1)[inside]
    np.testing.assert_allclose(frequency[:, inside].mean(axis=0), expected, rtol=0.05)
    np.testing.assert_allclose(np.abs(x).max(axis=1), np.sqrt(2), rtol=1e-2)


def test_chirp_that_does_not_sweep_is_a_sine() -> None:
    x = _draw(s.Chirp, n=5, timesteps=31, start=(3.0, 3.0), end=(3.0, 3.0))
    np.testing.assert_allclose(x[:, :21], x[:, 10:], atol=1e-12)


AR = [(0.8,), (-0.6,), (1.5, -0.75), (0.5, 0.2, 0.1), (0.0, 0.0, 0.7)]


def _autocorrelation_by_filter(phi: tuple[float, ...], lags: int) -> np.ndarray:
    """Return the autocorrelations from the impulse response psi: rho_k is proportional to sum_j
    psi_j psi_{j+k}.
    """
    response = signal.lfilter([1.0], [1.0, *(-value for value in phi)], np.eye(1, 4000)[0])
    covariance = np.array(
        [response[: len(response) - lag] @ response[lag:] for lag in range(lags + 1)]
    )
    return covariance / covariance[0]


@pytest.mark.parametrize("phi", AR)
def test_yule_walker_autocorrelations(phi: tuple[float, ...]) -> None:
    np.testing.assert_allclose(
        autocorrelation(np.array(phi)), _autocorrelation_by_filter(phi, len(phi)), atol=1e-10
    )


@pytest.mark.parametrize("phi", AR)
def test_ar_is_stationary_with_the_autocorrelations_of_its_coefficients(
    phi: tuple[float, ...],
) -> None:
    n, steps = 4000, 12
    x = _draw(s.Autoregressive, n=n, timesteps=steps, coefficients=phi)[:, :, 0]
    expected = _autocorrelation_by_filter(phi, steps)
    covariance = x.T @ x / n  # [T, T], at every pair of time steps, the first ones included
    lag = np.abs(np.subtract.outer(np.arange(steps), np.arange(steps)))
    np.testing.assert_allclose(covariance, expected[lag], atol=5 * np.sqrt(2 / n))


def test_ar_obeys_its_recurrence() -> None:
    x = _draw(s.Autoregressive, n=2000, timesteps=30)[:, :, 0]
    e = x[:, 2:] - 1.5 * x[:, 1:-1] + 0.75 * x[:, :-2]
    # Innovations are white.
    assert abs(np.mean(e[:, 1:] * e[:, :-1])) < 5 * e.var() / np.sqrt(e.size)
    for before in (x[:, :-2], x[:, 1:-1]):
        assert abs(np.mean(e * before)) < 5 * e.std() / np.sqrt(e.size)
    # Closed form for order 2: var(e) / var(x) = (1 + phi_2) ((1 - phi_2)^2 - phi_1^2) / (1 -
    # phi_2).
    assert e.var() == pytest.approx(0.25 * (1.75**2 - 1.5**2) / 1.75, rel=5 * np.sqrt(2 / e.size))


def test_the_variance_of_a_random_walk_grows_with_time() -> None:
    n, steps = 4000, 25
    x = _draw(s.RandomWalk, n=n, timesteps=steps)[:, :, 0]
    t = np.arange(steps)
    np.testing.assert_allclose(x.var(axis=0), (t + 1) / 13, rtol=5 * np.sqrt(2 / n))
    increments = np.diff(x, axis=1, prepend=0)
    assert increments.var() == pytest.approx(1 / 13, rel=5 * np.sqrt(2 / increments.size))
    assert abs(np.mean(increments[:, 1:] * increments[:, :-1])) < 5 / 13 / np.sqrt(increments.size)


# ------------------------------------------------------------------------------------------- lorenz


def _lorenz(_: float, state: np.ndarray) -> list[float]:
    x, y, z = state
    return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]


@pytest.mark.parametrize("duration", [0.003, 0.05, 1.0])
def test_lorenz_flow_is_that_of_scipy(duration: float) -> None:
    start = np.array([[1.0, -8.0, 12.0], [1.0, -9.0, 3.0], [20.0, 27.0, 35.0]])  # [3, M]
    found = lorenz_flow(start, duration)
    for k in range(3):
        path = solve_ivp(
            _lorenz, (0, duration), start[:, k], method="DOP853", rtol=1e-12, atol=1e-12
        )
        np.testing.assert_allclose(found[:, k], path.y[:, -1], atol=5e-4 if duration == 1 else 1e-5)


def test_lorenz_windows_follow_the_flow() -> None:
    x = _draw(s.Lorenz, n=40, timesteps=6, features=7, step=0.02)
    for first in (0, 3):  # two whole trajectories; the seventh feature is the x of a third
        state = x[:, :, first : first + 3] * LORENZ_SD + LORENZ_MEAN
        after = lorenz_flow(state[:, :-1].reshape(-1, 3).T, 0.02).T.reshape(40, 5, 3)
        np.testing.assert_allclose(after, state[:, 1:], atol=1e-9)
    assert np.abs(np.corrcoef(x[:, 0, [0, 3, 6]].T) - np.eye(3)).max() < 5 / np.sqrt(40)


def test_the_fixed_points_of_lorenz_stay() -> None:
    corner = np.sqrt(8 / 3 * 27)
    still = np.array([[0, corner, -corner], [0, corner, -corner], [0, 27, 27]])
    np.testing.assert_allclose(lorenz_flow(still, 0.5), still, atol=1e-10)


def test_long_run_constants_of_lorenz_are_those_of_a_long_run() -> None:
    """Measured along one long path of SciPy's. Exact: E[x] = E[y] = 0 by symmetry, E[x^2] = E[x y]
    = 8/3 E[z].
    """
    path = solve_ivp(
        _lorenz, (0, 420), [1.0, 1.0, 20.0], t_eval=np.arange(20, 420, 0.05), rtol=1e-6, atol=1e-6
    ).y
    np.testing.assert_allclose(path[2].mean(), LORENZ_MEAN[2], atol=0.15)
    np.testing.assert_allclose(
        np.sqrt(np.mean(np.square(path[:2]), axis=1)), LORENZ_SD[:2], rtol=0.01
    )
    np.testing.assert_allclose(path[2].std(), LORENZ_SD[2], rtol=0.02)
    np.testing.assert_allclose(LORENZ_SD[0] ** 2, 8 / 3 * LORENZ_MEAN[2], rtol=2e-3)


# ------------------------------------------------------------------------------------------ ceiling


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
@pytest.mark.parametrize("family", [s.Sines, s.Lorenz, s.RandomWalk])
def test_ceiling_is_keras_loss_of_the_mean(family: type[s.Synthetic], loss: str) -> None:
    # [6, 9, 2], on both sides of Huber's delta.
    test = 3 * _arrays(family, 0).test + np.array([0.0, 5.0])
    mean = np.array([sum(test[:, :, f].ravel()) / 54 for f in range(2)])
    arbiter = {
        "mse": keras.losses.MeanSquaredError,
        "mae": keras.losses.MeanAbsoluteError,
        "huber": keras.losses.Huber,
    }
    expected = arbiter[loss](dtype="float64")(test, np.broadcast_to(mean, test.shape))
    assert ceiling(test, loss) == pytest.approx(float(expected), rel=1e-12)


def test_ceiling_of_mse_is_one_and_the_noise() -> None:
    test = windows.of(
        s.Sines(samples=s.Samples(train=1, validation=1, test=4000), noise=0.5), 0
    ).test
    assert ceiling(test, "mse") == pytest.approx(1.25, rel=0.03)
