"""`lstm-ablate plan`: shows what would run and what it would cost."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lstm_ablate.cli.options import (
    AsJson,
    Config,
    EngineName,
    Overrides,
    Part,
    Results,
    UntilDecided,
    Workers,
    overrides_of,
)
from lstm_ablate.display import data, layers
from lstm_ablate.display.plan import own_names, print_plan
from lstm_ablate.display.printing import line_printer
from lstm_ablate.report.json_text import json_text

if TYPE_CHECKING:
    from lstm_ablate.study import Prospect, TuningAhead


def plan(
    config: Config,
    overrides: Overrides = None,
    results: Results = Path("results"),
    engine: EngineName = None,
    workers: Workers = None,
    until_decided: UntilDecided = False,
    shard: Part = None,
    as_json: AsJson = False,
) -> None:
    """Show what would run, and what it would cost; train nothing, and write no results.

    The first call on a machine measures how fast it trains, and keeps that in the user's cache.
    """
    from lstm_ablate import study as studies
    from lstm_ablate.experiment import shards

    study = studies.find(
        config,
        overrides_of(overrides, engine),
        results,
        until_decided=until_decided,
        shard=shards.of_option(shard, os.environ) if shard is not None else None,
    )
    prospect = studies.plan(study, workers, log=line_printer())
    if as_json:
        print(json_text(_as_json(prospect)))
        return
    print_plan(prospect)


def _as_json(prospect: "Prospect") -> dict[str, object]:
    names, shard = own_names(prospect), prospect.study.shard
    variants = []
    for share in prospect.shares:
        values = asdict(share)
        del values["network"]
        training = prospect.study.experiment.settings[share.task, share.variant].training
        values["training"] = training.model_dump(mode="json")
        values["parameters"] = share.network.parameters
        variants.append(values | {"layers": layers.rows_of(share.network, names)})
    return {
        "name": prospect.study.experiment.name,
        "folder": str(prospect.study.folder),
        "part": asdict(shard) | {"seeds": prospect.seeds} if shard else None,
        "variants": variants,
        "files": [data.as_json(file) for file in prospect.files],
        "tuning": _tuning_as_json(prospect.tuning) if prospect.tuning else None,
        "workers": prospect.workers,
        **asdict(prospect.cost),
        "comparisons": prospect.comparisons,
        "needed": prospect.needed,
        "needed_of_twice": prospect.needed_of_twice,
        "least_seeds": prospect.least_seeds,
        "looks": [{"seeds": look.seeds, "needed": look.count} for look in prospect.looks],
        "next_look": prospect.next_look,
    }


def _tuning_as_json(ahead: "TuningAhead") -> dict[str, object]:
    return {
        "path": ahead.path,
        "grid": list(ahead.grid),
        "values": len(ahead.grid),
        "runs": len({run.id for run in ahead.todo.runs}),
        "missing": len(ahead.todo.missing),
        "most_runs": ahead.most_runs,
        **asdict(ahead.cost),
    }
