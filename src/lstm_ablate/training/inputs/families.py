"""Data families: windows of sequences, arrays [N, T, F], drawn in NumPy.

Every family is scaled analytically to mean 0 and variance 1 over draws and time steps, then
Gaussian noise of the given standard deviation is added. Shapes: N windows, T time steps, F
features. t counts from 0 to T - 1. Features are independent draws, but for lorenz, where three
features in turn are the coordinates of one trajectory.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstm_ablate.experiment import data_settings

Array = NDArray[np.float64]


def draw(data: data_settings.Synthetic, random: np.random.Generator, n: int) -> Array:
    """Return n windows [n, T, F] of a family, with its noise, from a stream of random numbers."""
    signal: Array = _FAMILIES[type(data)](data, random, n)
    return signal + data.noise * random.standard_normal(signal.shape)


# ----------------------------------------------------------------------------------------- families


def _sines(data: data_settings.Sines, random: np.random.Generator, n: int) -> Array:
    """x_t = s sum_k a_k sin(2 pi f_k t / T + p_k).

    a ~ U(1/2, 1), f ~ U(cycles), p ~ U(0, 2 pi); E[a^2] = 7/12, so the variance is K 7/24 before
    scaling.
    """
    shape = (n, data.components, 1, data.features)
    amplitude = random.uniform(0.5, 1.0, shape)
    cycles = random.uniform(*data.cycles, shape)
    phase = random.uniform(0.0, 2.0 * math.pi, shape)
    time = (np.arange(data.timesteps) / data.timesteps)[:, None]  # [T, 1]
    waves = amplitude * np.sin(2.0 * math.pi * cycles * time + phase)  # [N, K, T, F]
    return np.asarray(waves.sum(axis=1) / math.sqrt(data.components * 7.0 / 24.0))


def _chirp(data: data_settings.Chirp, random: np.random.Generator, n: int) -> Array:
    """x_t = sqrt(2) sin(2 pi (f0 u + (f1 - f0) u^2 / 2) + p), u = t / (T - 1).

    f0 ~ U(start), f1 ~ U(end), p ~ U(0, 2 pi); the frequency at u is f0 + (f1 - f0) u cycles per
    window.
    """
    shape = (n, 1, data.features)
    start, end = random.uniform(*data.start, shape), random.uniform(*data.end, shape)
    phase = random.uniform(0.0, 2.0 * math.pi, shape)
    u = np.linspace(0.0, 1.0, data.timesteps)[:, None]
    return np.asarray(
        math.sqrt(2.0) * np.sin(2.0 * math.pi * (start * u + 0.5 * (end - start) * u * u) + phase)
    )


def _square(data: data_settings.Square, random: np.random.Generator, n: int) -> Array:
    """x_t = sign(sin(2 pi f t / T + p)), f ~ U(cycles), p ~ U(0, 2 pi); the variance is 1."""
    shape = (n, 1, data.features)
    cycles = random.uniform(*data.cycles, shape)
    phase = random.uniform(0.0, 2.0 * math.pi, shape)
    time = (np.arange(data.timesteps) / data.timesteps)[:, None]
    return np.where(np.sin(2.0 * math.pi * cycles * time + phase) >= 0.0, 1.0, -1.0)


def _ar(data: data_settings.Autoregressive, random: np.random.Generator, n: int) -> Array:
    """x_t = sum_k phi_k x_{t-k} + e_t, e ~ N(0, s^2), with s such that the variance is 1.

    The first p values are drawn from the stationary distribution itself, so no burn-in is needed.
    Box & Jenkins, Time Series Analysis, section 3.2 (Yule-Walker equations).
    """
    phi = np.array(data.coefficients)
    p = len(phi)
    correlation = autocorrelation(phi)  # lags 0..p
    lags = np.abs(np.subtract.outer(np.arange(p), np.arange(p)))
    innovation = math.sqrt(1.0 - float(phi @ correlation[1:]))
    start = np.linalg.cholesky(correlation[lags]) @ random.standard_normal((n, p, data.features))
    e = innovation * random.standard_normal((n, data.timesteps, data.features))
    x = np.concatenate([start, np.empty_like(e)], axis=1)  # [N, p + T, F]
    for t in range(p, p + data.timesteps):
        x[:, t] = np.einsum("k,nkf->nf", phi[::-1], x[:, t - p : t]) + e[:, t - p]
    return x[:, p:]


def autocorrelation(phi: Array) -> Array:
    """Return the autocorrelations at lags 0..p of a stationary AR(p) process, by the Yule-Walker
    equations.
    """
    p = len(phi)
    system = np.eye(p + 1)
    for lag in range(1, p + 1):
        for k in range(1, p + 1):
            system[lag, abs(lag - k)] -= phi[k - 1]
    return np.asarray(np.linalg.solve(system, np.eye(p + 1)[0]))


def _random_walk(data: data_settings.RandomWalk, random: np.random.Generator, n: int) -> Array:
    """x_t = s sum_{k<=t} e_k, e ~ N(0, 1); the variance t + 1 averages (T + 1) / 2 over a window
    before scaling.
    """
    steps = random.standard_normal((n, data.timesteps, data.features))
    return np.asarray(np.cumsum(steps, axis=1) / math.sqrt((data.timesteps + 1) / 2.0))


# Long-run mean and standard deviation of x, y, z on the attractor; the tests measure them again.
LORENZ_MEAN = np.array([0.0, 0.0, 23.55])
LORENZ_SD = np.array([7.92, 9.01, 8.62])
_LORENZ_STEP = 0.01  # at most, time units of an integration step
_LORENZ_BURN_IN = 15.0  # time units from a random start onto the attractor


def _lorenz(data: data_settings.Lorenz, random: np.random.Generator, n: int) -> Array:
    """x' = 10 (y - x), y' = x (28 - z) - y, z' = x y - 8/3 z (Lorenz 1963, equations 25 to 27),
    scaled by coordinate.

    Starts uniform in a box around the attractor, then 15 time units on to reach it; samples `step`
    apart; classical Runge-Kutta of order 4. Features take x, y, z of one trajectory in turn, then
    of a further, independent one.
    """
    trajectories = -(-data.features // 3)
    state = np.stack(
        [
            random.uniform(low, high, n * trajectories)
            for low, high in ((-15, 15), (-20, 20), (5, 40))
        ]
    )  # [3, N * trajectories]
    state = lorenz_flow(state, _LORENZ_BURN_IN)
    samples = [state]
    for _ in range(data.timesteps - 1):
        state = lorenz_flow(state, data.step)
        samples.append(state)
    # [T, 3, N * trajectories].
    path = (np.stack(samples) - LORENZ_MEAN[:, None]) / LORENZ_SD[:, None]
    # [N, T, trajectories, 3].
    by_window: Array = path.reshape(data.timesteps, 3, n, trajectories).transpose(2, 0, 3, 1)
    return by_window.reshape(n, data.timesteps, 3 * trajectories)[:, :, : data.features]


def lorenz_flow(state: Array, duration: float) -> Array:
    """Return the states [3, M] of the Lorenz system after a duration in its time units."""
    steps = math.ceil(duration / _LORENZ_STEP)
    h = duration / steps
    for _ in range(steps):
        k1 = _lorenz_slope(state)
        k2 = _lorenz_slope(state + 0.5 * h * k1)
        k3 = _lorenz_slope(state + 0.5 * h * k2)
        k4 = _lorenz_slope(state + h * k3)
        state = state + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return state


def _lorenz_slope(state: Array) -> Array:
    x, y, z = state
    return np.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z])


_FAMILIES: dict[type, Any] = {
    data_settings.Sines: _sines,
    data_settings.Chirp: _chirp,
    data_settings.Square: _square,
    data_settings.Autoregressive: _ar,
    data_settings.RandomWalk: _random_walk,
    data_settings.Lorenz: _lorenz,
}
