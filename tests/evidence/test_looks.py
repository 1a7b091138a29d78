"""The counts of looks against published figures, enumeration and simulation."""

import itertools

import numpy as np
import pytest

from lstm_ablate.evidence.looks import looks

SIX = [10, 20, 30, 40, 50, 60]


@pytest.mark.parametrize(
    ("comparisons", "counts", "spent"),
    [
        (1, [10, 16, 22, 28, 34, 40], 0.0423),
        (4, [10, 18, 24, 30, 35, 41], 0.0125),
        (5, [None, 17, 24, 30, 36, 42], 0.0076),
        (10, [None, 18, 24, 30, 37, 43], 0.0041),
    ],
)
def test_counts_of_six_looks(comparisons: int, counts: list[int | None], spent: float) -> None:
    planned = looks(SIX, 0.05 / comparisons)
    assert [look.count for look in planned] == counts
    assert planned[-1].spent == pytest.approx(spent, abs=6e-5)


@pytest.mark.parametrize(("seeds", "level"), [([4, 8, 12], 0.3), ([5, 6, 11], 0.2), ([12], 0.05)])
def test_what_is_spent_is_what_enumeration_counts(seeds: list[int], level: float) -> None:
    """Enumerate all sequences of wins and losses, and count those that stop at each look."""
    planned = looks(seeds, level)
    stopped = dict.fromkeys(seeds, 0)
    for signs in itertools.product([0, 1], repeat=seeds[-1]):
        for look in planned:
            wins = sum(signs[: look.seeds])
            if look.count and max(wins, look.seeds - wins) >= look.count:
                stopped[look.seeds] += 1
                break
    share = np.cumsum(list(stopped.values())) / 2 ** seeds[-1]
    assert [look.spent for look in planned] == pytest.approx(list(share))
    for look in planned:
        assert look.spent <= level * look.seeds / seeds[-1]


def test_no_smaller_count_would_do() -> None:
    """If a look had a count lower by one, more than its share of the level would be spent."""
    level = 0.05
    for at, look in enumerate(looks(SIX, level)):
        assert look.count is not None
        counts = [before.count for before in looks(SIX, level)[:at]] + [look.count - 1]
        assert crossed(SIX[: at + 1], counts) > level * look.seeds / SIX[-1]


def crossed(seeds: list[int], counts: list[int | None]) -> float:
    """Return the chance of reaching a count by the last look, from the distribution of the wins."""
    chance, stopped, before = np.ones(1), 0.0, 0
    for n, count in zip(seeds, counts, strict=True):
        for _ in range(n - before):
            chance = np.convolve(chance, [0.5, 0.5])
        before = n
        if count is not None:
            wins = np.arange(n + 1)
            out = np.maximum(wins, n - wins) >= count
            stopped += chance[out].sum()
            chance = np.where(out, 0.0, chance)
    return stopped


def test_one_look_is_the_fixed_design() -> None:
    assert [looks([n], 0.05 / 4)[0].count for n in (10, 12, 20, 30)] == [10, 11, 16, 23]
