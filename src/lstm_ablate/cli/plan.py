"""`lstm-ablate plan`: shows what would run and what it would cost."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lstm_ablate.cli import layers
from lstm_ablate.cli.options import (
    AsJson,
    Config,
    EngineName,
    Overrides,
    Results,
    UntilDecided,
    Workers,
    overrides_of,
)
from lstm_ablate.cli.printing import duration, print_lines, print_table
from lstm_ablate.errors import counted
from lstm_ablate.report.json_text import json_text

if TYPE_CHECKING:
    from lstm_ablate.evidence.looks import Look
    from lstm_ablate.study import Prospect


def plan(
    config: Config,
    overrides: Overrides = None,
    results: Results = Path("results"),
    engine: EngineName = None,
    workers: Workers = None,
    until_decided: UntilDecided = False,
    as_json: AsJson = False,
) -> None:
    """Show what would run, and what it would cost; train nothing, write nothing."""
    from lstm_ablate import study as studies

    study = studies.find(
        config, overrides_of(overrides, engine), results, until_decided=until_decided
    )
    prospect = studies.plan(study, workers)
    if as_json:
        print(json_text(_as_json(prospect)))
        return
    headings = ["task"] * (len(prospect.study.experiment.tasks) > 1) + [
        "variant",
        "formula",
        "runs",
        "missing",
    ]
    cells = [[str(getattr(share, heading)) for heading in headings] for share in prospect.shares]
    print_table(headings, cells, title=prospect.study.experiment.name)
    networks = {(share.task, share.variant): share.network for share in prospect.shares}
    for table in layers.tables(networks, _own_names(prospect)):
        print_table(table.headings, table.rows, title=table.title)
    print_lines(_lines(prospect))


def _own_names(prospect: "Prospect") -> dict[str, str]:
    return {text: name for name, text in prospect.study.experiment.own.items()}


def _as_json(prospect: "Prospect") -> dict[str, object]:
    names = _own_names(prospect)
    variants = []
    for share in prospect.shares:
        values = asdict(share)
        del values["network"]
        variants.append(values | {"layers": layers.rows_of(share.network, names)})
    return {
        "name": prospect.study.experiment.name,
        "folder": str(prospect.study.folder),
        "variants": variants,
        "workers": prospect.workers,
        **asdict(prospect.cost),
        "comparisons": prospect.comparisons,
        "needed": prospect.needed,
        "needed_of_twice": prospect.needed_of_twice,
        "least_seeds": prospect.least_seeds,
        "looks": [{"seeds": look.seeds, "needed": look.count} for look in prospect.looks],
        "next_look": prospect.next_look,
    }


def _lines(prospect: "Prospect") -> list[str]:
    todo, cost = prospect.todo, prospect.cost
    basis = (
        "from the finished runs" if cost.measured else "a rough guess until runs have finished here"
    )
    most = "at most " * bool(prospect.looks)
    needs = [
        (
            f"time      {most}{duration(cost.seconds)} with"
            f" {counted(prospect.workers, 'worker')} ({basis})"
        ),
        (
            f"memory    {cost.memory_bytes / 1e9:.1f} GB per worker; disk"
            f" {most}{cost.disk_bytes / 1e6:.2g} MB"
        ),
    ]
    runs = len({run.id for run in todo.runs})
    up_to = f", {prospect.next_look} of them up to the next look" * bool(prospect.looks)
    return [
        (
            f"runs      {most}{runs}, of which {len(todo.missing)} are missing in"
            f" {prospect.study.folder}{up_to}"
        ),
        *(needs if todo.missing else []),
        f"evidence  {_evidence(prospect)}",
        *_looks(prospect.looks),
    ]


def _looks(looks: "list[Look]") -> list[str]:
    """Say of each look how many wins, or losses, decide a comparison."""
    return [
        f"look at {counted(look.seeds, 'seed')}: "
        + ("no verdict is possible yet" if look.count is None else counted(look.count, "win"))
        for look in looks
    ]


def _evidence(prospect: "Prospect") -> str:
    """Say at how many seeds a variant must win for a verdict, of these and of twice as many."""
    if not prospect.comparisons:
        return "only the baseline: nothing is compared"
    seeds = counted(prospect.pairs, "seed")
    text = f"{seeds}, {counted(prospect.comparisons, 'comparison')}: "
    if prospect.looks:
        return f"at most {text}a variant must win, or lose, at so many of a look"
    if prospect.needed is None:
        return f"{text}no verdict, whatever they give; it takes {prospect.least_seeds} seeds"
    places = f"all {prospect.needed}" if prospect.needed == prospect.pairs else prospect.needed
    return (
        f"{text}a variant must win at {places}; {2 * prospect.pairs} seeds: at"
        f" {prospect.needed_of_twice}"
    )
