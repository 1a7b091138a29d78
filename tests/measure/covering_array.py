"""Prints the covering array of tests/data/covering_array.csv; run by hand, not a test.

Every pair of values of any two keys stands in at least one row. Made with allpairspy 2.5.1
(`pip install allpairspy`), which is no dependency of the project.
"""

import csv
import sys

from allpairspy import AllPairs  # type: ignore[import-not-found]

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


def main() -> None:
    """Print the rows as CSV."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(KEYS)
    writer.writerows(AllPairs(list(KEYS.values())))


if __name__ == "__main__":
    main()
