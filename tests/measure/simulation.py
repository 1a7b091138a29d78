"""How often the verdicts are wrong, measured: simulated experiments whose truth is known (`make
simulation`).

An experiment is drawn as its differences d of log losses, and goes through evidence.verdicts as
a real one does. The seeds are fixed: tables and figure come out the same on every run, and are
written into docs/statistics.md.
"""

import csv
import math
import re
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import optimize, stats

from lstm_ablate.evidence import counting, pairs, verdicts
from lstm_ablate.report import plots

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "statistics.md"
FIGURE = ROOT / "docs" / "power.svg"
PUBLISHED = ROOT / "tests" / "data" / "published" / "relu_vs_tanh.csv"

EXPERIMENTS = 5000
LEVEL = 0.05
MARGIN = 0.1
EDGE = math.log1p(MARGIN)
SEEDS = (6, 10, 20, 30)
COMPARISONS = (1, 4, 10)
RATIOS = (0.62, 0.8, 0.9, 1.0)

# -------------------------------------------------------------------------------- differences


def published_differences():
    """Return d of the published relu against tanh at 30 seeds."""
    losses = {}
    with PUBLISHED.open() as stream:
        for row in csv.DictReader(stream):
            losses.setdefault(row["variant"], {})[int(row["seed"])] = float(row["test_loss"])
    return np.array(list(pairs.differences(losses["relu"], losses["tanh"]).values()))


RELU = published_differences()
RELU -= np.median(RELU)
_FAILING, _FAR = 0.1, math.log(100)  # of all runs of the variant, so far above the others
_MEDIAN = optimize.brentq(
    lambda x: (
        (1 - _FAILING) * stats.norm.cdf(x / 0.2) + _FAILING * stats.norm.cdf((x - _FAR) / 0.2) - 0.5
    ),
    -1,
    1,
)

# Distributions of d with median 0, of which a shape is drawn.
DIFFERENCES = {
    "normal, sd 0.1": lambda rng, shape: rng.normal(0, 0.1, shape),
    "normal, sd 0.25": lambda rng, shape: rng.normal(0, 0.25, shape),
    "Student's t, 3 df, times 0.2": lambda rng, shape: 0.2 * rng.standard_t(3, shape),
    "normal, sd 0.2, 1 in 10 is 100x worse": lambda rng, shape: (
        rng.normal(0, 0.2, shape) + _FAR * (rng.random(shape) < _FAILING) - _MEDIAN
    ),
    "the published relu, recentred": lambda rng, shape: rng.choice(RELU, shape),
}

# --------------------------------------------------------------------------------- experiments


@dataclass(frozen=True)
class Found:
    """Of how many of `experiments` each of these was true.

    `false`: some comparison is better, or worse, though no variant differs. `covered`: the interval
    of every ratio holds the true one. `false_at_edge`: some comparison is better or equivalent,
    though every variant is at the upper edge of the margin.
    """

    experiments: int
    false: int
    covered: int
    false_at_edge: int


def judged(d, needed):
    """Return the comparisons of experiments [experiments, comparisons, n], as a report judges."""
    return [
        [verdicts.judge(one, needed, MARGIN, learned=True, diverged=False) for one in experiment]
        for experiment in d.tolist()
    ]


def drawn(name, comparisons, seeds, experiments, what=""):
    """Draw differences [experiments, comparisons, seeds], with a seed of their own."""
    rng = np.random.default_rng(zlib.crc32(repr((name, comparisons, seeds, what)).encode()))
    return DIFFERENCES[name](rng, (experiments, comparisons, seeds))


def errors(name, comparisons, seeds, experiments=EXPERIMENTS):
    """Return how often a report on so many comparisons is wrong; None where none can judge."""
    needed = counting.count_needed(seeds, LEVEL / comparisons)
    if needed is None:
        return None
    d = drawn(name, comparisons, seeds, experiments)
    equal, at_edge = judged(d, needed), judged(d + EDGE, needed)
    return Found(
        experiments,
        sum(any(one.verdict in ("better", "worse") for one in found) for found in equal),
        sum(
            all(one.ratio.interval[0] <= 1 <= one.ratio.interval[1] for one in found)
            for found in equal
        ),
        sum(
            any(one.verdict == "better" or one.within_margin for one in found) for found in at_edge
        ),
    )


def power(name, ratio, seeds, comparisons=4, experiments=EXPERIMENTS):
    """Return how often one of so many comparisons gets its right verdict.

    Better at a ratio below the margin, practically equivalent at 1.
    """
    needed = counting.count_needed(seeds, LEVEL / comparisons)
    d = drawn(name, 1, seeds, experiments, "power") + math.log(ratio)
    right = "practically equivalent" if ratio == 1 else "better"
    return sum(found.verdict == right for (found,) in judged(d, needed)) / experiments


# ------------------------------------------------------------------------------------- in the docs


def percent(count, experiments):
    return f"{100 * count / experiments:.1f}%"


def table_of_errors():
    """Return the lines of the table of errors."""
    heads = "".join(f" {n} seeds |" for n in SEEDS)
    lines = [f"| differences | comparisons |{heads}", "|---|---:|" + "---:|" * len(SEEDS)]
    for name in DIFFERENCES:
        for comparisons in COMPARISONS:
            cells = []
            for seeds in SEEDS:
                found = errors(name, comparisons, seeds)
                cells.append(
                    "none possible"
                    if found is None
                    else " / ".join(
                        percent(count, found.experiments)
                        for count in (found.false, found.covered, found.false_at_edge)
                    )
                )
            lines.append(f"| {name} | {comparisons} | {' | '.join(cells)} |")
    return lines


def powers():
    """Return the power by distribution, ratio and number of seeds that can judge at all."""
    able = [seeds for seeds in SEEDS if counting.count_needed(seeds, LEVEL / 4)]
    return {
        name: {ratio: {n: power(name, ratio, n) for n in able} for ratio in RATIOS}
        for name in DIFFERENCES
    }


def table_of_powers(found):
    """Return the lines of the table of powers."""
    able = list(next(iter(next(iter(found.values())).values())))
    heads = "".join(f" {n} seeds |" for n in able)
    lines = [f"| differences | true ratio |{heads}", "|---|---:|" + "---:|" * len(able)]
    for name, of_ratios in found.items():
        for ratio, of_seeds in of_ratios.items():
            cells = " | ".join(f"{100 * share:.0f}%" for share in of_seeds.values())
            lines.append(f"| {name} | {ratio:g} | {cells} |")
    return lines


def draw(found):
    """Write the figure of the powers: a panel for each distribution, a line for each ratio."""
    figure = Figure((10.5, 2.6), layout="constrained")
    panels = figure.subplots(1, len(found), sharey=True)
    for axes, (name, of_ratios) in zip(panels, found.items(), strict=True):
        for (ratio, of_seeds), colour in zip(
            of_ratios.items(), ("#0072b2", "#009e73", "#e69f00", "#7f7f7f"), strict=True
        ):
            shares = [100 * share for share in of_seeds.values()]
            label = f"ratio {ratio:g}" + (": equivalent" if ratio == 1 else ": better")
            axes.plot(list(of_seeds), shares, color=colour, marker="o", ms=3, label=label)
        axes.set_title(name.replace(", 1 in", ",\n1 in").replace(", times", ",\ntimes"), fontsize=8)
        axes.set(xlabel="seeds", xticks=list(of_seeds), ylim=(-3, 103))
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("right verdict, %")
    panels[-1].legend(fontsize=7, frameon=False, loc="upper left")
    FIGURE.write_text(plots.svg("power", figure))


def write(parts, page=DOCS):
    """Write tables into a page, each between the marks that name it."""
    text = page.read_text()
    for name, lines in parts.items():
        block = "\n".join([f"<!-- {name} -->", *lines, f"<!-- end of {name} -->"])
        text, times = re.subn(
            f"<!-- {name} -->.*?<!-- end of {name} -->", lambda _, new=block: new, text, flags=re.S
        )
        assert times == 1
    page.write_text(text)


def main():
    start = time.process_time()
    found = powers()
    write({"errors": table_of_errors(), "power": table_of_powers(found)})
    draw(found)
    print(f"{DOCS}, {FIGURE}: {time.process_time() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
