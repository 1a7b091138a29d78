"""How often the verdicts of experiments with looks are wrong, and how many seeds they take (`make
simulation`).

The experiments are those of `simulation`, looked at after 10, 20, ... 60 seeds. Three designs judge
them: looks with their own counts, a single look at 60 seeds, and a look after every ten with the
counts of a single one, which is what naive peeking does. All experiments are judged at once, by the
rules of evidence.verdicts; a test holds both to one another.
"""

import math
import sys
import time
from dataclasses import dataclass

import numpy as np
import simulation
from simulation import COMPARISONS, DIFFERENCES, EDGE, LEVEL, RATIOS, percent

from lstm_ablate.evidence import counting
from lstm_ablate.evidence.looks import looks

EXPERIMENTS, AT_ONCE = 100_000, 5000  # the latter take 300 MB for ten comparisons
SEEDS = (10, 20, 30, 40, 50, 60)


def design_with_looks(comparisons):
    """Return (seeds, count) of each look."""
    return [(look.seeds, look.count) for look in looks(SEEDS, LEVEL / comparisons)]


def design_of_one_look(comparisons):
    return [(SEEDS[-1], counting.count_needed(SEEDS[-1], LEVEL / comparisons))]


def design_of_peeking(comparisons):
    return [(n, counting.count_needed(n, LEVEL / comparisons)) for n in SEEDS]


DESIGNS = (design_with_looks, design_of_peeking, design_of_one_look)


@dataclass(frozen=True)
class Stopped:
    """Where comparisons [experiments, comparisons] stopped: what they say, and at how many seeds.

    `within` says that the interval lies inside the margin, where a difference is shown too.
    """

    better: np.ndarray
    worse: np.ndarray
    equivalent: np.ndarray
    within: np.ndarray
    seeds: np.ndarray


def stopped(d, design, edge=EDGE):
    """Return where differences [experiments, comparisons, seeds] stop in a design.

    `edge` is the log of 1 + margin.
    """
    shape = d.shape[:2]
    found = Stopped(*(np.zeros(shape, bool) for _ in range(4)), np.full(shape, design[-1][0]))
    open_ = np.ones(shape, bool)
    for n, count in design:
        if count is None:
            continue
        seen = d[..., :n]
        better, worse = (np.sum(side, axis=-1) >= count for side in (seen < 0, seen > 0))
        within = np.sum(seen < edge - 1e-12, axis=-1) >= count
        within &= np.sum(seen > 1e-12 - edge, axis=-1) >= count
        now = open_ & (better | worse | within)
        found.better[now], found.worse[now], found.within[now] = (
            one[now] for one in (better, worse, within)
        )
        found.equivalent[now] = (within & ~better & ~worse)[now]
        found.seeds[now] = n
        open_ &= ~now
    return found


def errors(name, comparisons, experiments=EXPERIMENTS):
    """Return, by design, how many reports have a false verdict at any look.

    First of "better" or "worse" where no variant differs, then of "better" or of anything "within
    the margin" where every variant is at its edge.
    """
    counts = {design: np.zeros(2, int) for design in DESIGNS}
    for start in range(0, experiments, AT_ONCE):
        some = min(AT_ONCE, experiments - start)
        d = simulation.drawn(name, comparisons, SEEDS[-1], some, f"looks, from {start}")
        for design, found in counts.items():
            equal, at_edge = (stopped(one, design(comparisons)) for one in (d, d + EDGE))
            wrong = equal.better | equal.worse, at_edge.better | at_edge.within
            found += [np.sum(np.any(one, axis=1)) for one in wrong]
    return counts


def power(name, ratio, comparisons=4, experiments=EXPERIMENTS // 5):
    """Return, by design, how often one of so many comparisons gets its right verdict, and its mean
    number of seeds.
    """
    d = simulation.drawn(name, 1, SEEDS[-1], experiments, "power of looks") + math.log(ratio)
    shares = {}
    for design in DESIGNS:
        found = stopped(d, design(comparisons))
        right = found.equivalent if ratio == 1 else found.better
        shares[design] = float(np.mean(right)), float(np.mean(found.seeds))
    return shares


def table_of_errors():
    """Return the lines of the table of errors: in each cell looks / naive peeking / one look."""
    kinds = [f"{m} comparison{'s' * (m > 1)}" for m in COMPARISONS]
    heads = [f"{kind}, {where}" for where in ("no difference", "at the edge") for kind in kinds]
    lines = [f"| at any look | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    for name in DIFFERENCES:
        found = [errors(name, m) for m in COMPARISONS]
        cells = [
            " / ".join(percent(counts[design][where], EXPERIMENTS) for design in DESIGNS)
            for where in (0, 1)
            for counts in found
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def table_of_powers():
    """Return the lines of the table of powers: in each cell looks / naive peeking / one look."""
    heads = [f"true ratio {ratio:g}" for ratio in RATIOS]
    lines = [f"| right verdict, seeds | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    for name in DIFFERENCES:
        cells = []
        for ratio in RATIOS:
            found = power(name, ratio)
            cells.append(
                " / ".join(
                    f"{100 * share:.0f}%" + f", {seeds:.0f}" * (design != design_of_one_look)
                    for design, (share, seeds) in found.items()
                )
            )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def main():
    start = time.process_time()
    parts = {"errors of looks": table_of_errors(), "power of looks": table_of_powers()}
    simulation.write(parts)
    print(f"{simulation.DOCS}: {time.process_time() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
