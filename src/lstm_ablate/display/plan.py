"""What a plan shows: the variants, their layers, and what training them takes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lstm_ablate.display import data, layers, trainings
from lstm_ablate.display.layers import Table
from lstm_ablate.display.printing import print_lines, print_table
from lstm_ablate.errors import counted, duration, shortened

_MOST_SEEDS = 20  # of a part, in its line

if TYPE_CHECKING:
    from rich.console import Console

    from lstm_ablate.evidence.looks import Look
    from lstm_ablate.study import Prospect
    from lstm_ablate.training.cost import Cost


def print_plan(prospect: "Prospect", to: "Console | None" = None) -> None:
    """Print what would run, and what it would cost; on standard output, unless said otherwise."""
    variants, *networks = _tables(prospect)
    files = data.tables(prospect.files, prospect.study.experiment.tasks)
    for table in (variants, *files, *networks):
        print_table(table.headings, table.rows, title=table.title, to=to)
    print_lines(_lines(prospect), to)


def _tables(prospect: "Prospect") -> Iterator[Table]:
    yield _variants(prospect)
    networks = {(share.task, share.variant): share.network for share in prospect.shares}
    yield from layers.tables(networks, own_names(prospect))


def _variants(prospect: "Prospect") -> Table:
    """Return what each variant is, in each task, and how it is trained where that differs."""
    headings = ["task"] * (len(prospect.study.experiment.tasks) > 1) + ["variant", "formula"]
    columns = {
        heading: [getattr(share, heading) for share in prospect.shares] for heading in headings
    }
    columns |= _trainings(prospect).columns
    for heading in ("runs", "missing"):
        columns[heading] = [str(getattr(share, heading)) for share in prospect.shares]
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return Table(prospect.study.experiment.name, list(columns), rows)


def _trainings(prospect: "Prospect") -> trainings.Trainings:
    settings = prospect.study.experiment.settings
    tuned = {}
    if prospect.tuning and prospect.tuning.waits:
        key = prospect.tuning.path.rpartition(".")[2]
        if prospect.tuning.path.startswith("training."):
            tuned[key] = f"one of {', '.join(f'{value:g}' for value in prospect.tuning.grid)}"
    those = [settings[share.task, share.variant].training for share in prospect.shares]
    return trainings.trainings(those, tuned)


def own_names(prospect: "Prospect") -> dict[str, str]:
    """Return the names of the user's own activations by their texts."""
    return {text: name for name, text in prospect.study.experiment.own.items()}


def _lines(prospect: "Prospect") -> list[str]:
    todo, ahead = prospect.todo, prospect.tuning
    asked = len({run.id for run in todo.runs})
    lines = [*_part(prospect), f"training  {_trainings(prospect).shared}"]
    if ahead:
        of_tuning = len({run.id for run in ahead.todo.runs})
        lines.append(
            f"tuning    {counted(of_tuning, 'run')}, {ahead.most_runs} at most, of which"
            f" {len(ahead.todo.missing)} are missing in {prospect.study.folder}"
        )
        lines += _needs(ahead.cost, prospect.workers) if ahead.todo.missing else []
    most = "at most " * bool(prospect.looks)
    if ahead and ahead.waits:
        lines.append(f"runs      {most}{asked}, which follow at the values that tuning chooses")
    else:
        up_to = f", {prospect.next_look} of them up to the next look" * bool(prospect.looks)
        missing = f"{len(todo.missing)} are missing in {prospect.study.folder}{up_to}"
        lines.append(f"runs      {most}{asked}, of which {missing}")
    lines += _needs(prospect.cost, prospect.workers, most) if todo.missing else []
    lines += [f"evidence  {_evidence(prospect)}", *_looks(prospect.looks)]
    lines += [f"seeds     {text}" for text in [prospect.added_seeds] if text]
    return [*lines, *(f"note      {text}" for text in prospect.study.experiment.remarks)]


def _part(prospect: "Prospect") -> list[str]:
    """Say which seeds a part trains, of a part alone."""
    shard = prospect.study.shard
    if shard is None:
        return []
    mine = [str(seed) for seed in prospect.seeds]
    text = f"{len(mine)} of {counted(prospect.pairs, 'seed')}"
    text += f": {shortened(mine, _MOST_SEEDS)}" * bool(mine)
    return [f"part      {shard.part} of {shard.of}, with {text}"]


def _needs(cost: "Cost", workers: int, most: str = "") -> list[str]:
    """Say what training the missing runs of a stage takes, or takes at `most`."""
    if cost.seconds is None or cost.first_seconds is None:
        time = "unknown, because a short measurement of this machine failed"
    else:
        basis = (
            "from finished runs" if cost.measured else "from a short measurement of this machine"
        )
        time = (
            f"{most}{duration(cost.seconds)} with {counted(workers, 'worker')} on an idle machine"
            f" ({basis}); the first runs are kept after {duration(cost.first_seconds)}"
        )
    return [
        f"time      {time}",
        (
            f"memory    {cost.memory_bytes / 1e9:.1f} GB per worker; disk"
            f" {most}{cost.disk_bytes / 1e6:.2g} MB"
        ),
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
    seeds = counted(prospect.pairs, "seed") + " of all parts" * bool(prospect.study.shard)
    text = f"{seeds}, {counted(prospect.comparisons, 'comparison')}: "
    if prospect.looks:
        return f"at most {text}a variant must win, or lose, at so many of the seeds of a look"
    if prospect.needed is None:
        return f"{text}no verdict, whatever they give; it takes {prospect.least_seeds} seeds"
    places = f"all {prospect.needed}" if prospect.needed == prospect.pairs else prospect.needed
    return (
        f"{text}a variant must win at {places}; {2 * prospect.pairs} seeds: at"
        f" {prospect.needed_of_twice}"
    )
