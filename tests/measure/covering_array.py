"""Prints the covering array of tests/data/covering_array.csv; run by hand, not a test.

Every pair of values of any two keys stands in at least one row. A row costs the tests ten seconds
of a core, so the rows should be few. The greedy search of allpairspy 2.5.1 leaves 25 to 30 of them,
depending on the order of the keys. Simulated annealing, with seed 1, finds 20 in ten seconds; with
six keys of four values there can be no fewer than 16.
"""

import csv
import itertools
import math
import random
import sys
from collections import Counter

SITE = ["default", "relu", "own", "list"]
KEYS = {
    "candidate": SITE,
    "output": SITE,
    "gates": SITE,
    "between": SITE,
    "bidirectional": ["false", "true", "encoder", "decoder"],
    "optimizer": ["adam", "adamw", "sgd", "rmsprop"],
    "latent": ["sequence", "vector"],
    "peepholes": ["false", "true"],
    "projection": ["none", "3", "3 clipped"],  # only what is projected can be clipped
    "residual": ["false", "true"],
    "cell_clip": ["none", "0.3"],
    "normalization": ["none", "layer"],
    "head": ["none", "relu"],
}
ROWS = 20
STEPS = 3_000_000
HOT, COLD = 0.6, 0.02  # temperatures, in pairs that are missing


def covering_array(values: list[list[str]], rows: int, seed: int) -> list[list[str]]:
    """Return rows in which every pair of values of two keys stands together.

    A step changes one value of one row, and is taken back with the probability that simulated
    annealing gives it (Kirkpatrick et al. 1983) for the pairs that it loses. Raises ValueError
    where STEPS are too few.
    """
    draw = random.Random(seed)
    array = [[draw.choice(of_key) for of_key in values] for _ in range(rows)]
    keys = range(len(values))

    def pair(i: int, a: str, j: int, b: str) -> tuple[int, str, int, str]:
        return (i, a, j, b) if i < j else (j, b, i, a)

    count = Counter(
        pair(i, row[i], j, row[j]) for row in array for i, j in itertools.combinations(keys, 2)
    )
    missing = sum(len(a) * len(b) for a, b in itertools.combinations(values, 2)) - len(count)
    for step in range(STEPS):
        temperature = HOT + (COLD - HOT) * step / STEPS
        row, i = draw.choice(array), draw.choice(keys)
        old, new = row[i], draw.choice(values[i])
        if new == old:
            continue
        others = [j for j in keys if j != i]
        lost = sum(count[pair(i, old, j, row[j])] == 1 for j in others)
        lost -= sum(count[pair(i, new, j, row[j])] == 0 for j in others)
        if lost > 0 and draw.random() >= math.exp(-lost / temperature):
            continue
        for j in others:
            count[pair(i, old, j, row[j])] -= 1
            count[pair(i, new, j, row[j])] += 1
        row[i] = new
        missing += lost
        if missing == 0:
            return sorted(array)
    raise ValueError(f"{STEPS} steps are too few for {rows} rows: {missing} pairs are missing")


def main() -> None:
    """Print the rows as CSV."""
    rows = covering_array(list(KEYS.values()), ROWS, seed=int(sys.argv[1]))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(KEYS)
    writer.writerows(rows)


if __name__ == "__main__":
    main()
