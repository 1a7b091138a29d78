"""looks.yaml: what an experiment with looks wrote down before its first run, and later changes.

An entry is added if something differs from the last entry, and no entry is ever replaced. Each one
says for how many seeds there were results at that time, so that a report can say what was changed
after results were seen. An experiment whose number of seeds is fixed beforehand writes no entry,
unless the folder already has the file.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from lstm_ablate.errors import FolderError, UserError
from lstm_ablate.experiment.identity import settings_id
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.yaml_source import dump, read_file, read_text
from lstm_ablate.store import files
from lstm_ablate.store.records import Found
from lstm_ablate.store.results import Shape

NAME = "looks.yaml"


class Entry(Shape):
    """What was written down when `after_seeds` seeds had results.

    `looks` is empty if all seeds are trained. `settings` holds the ids of data, model and training
    by task and variant, as they are before `tune` chooses a value in them.
    """

    model_config = ConfigDict(extra="forbid")

    after_seeds: int
    looks: list[int]
    seeds: int | list[int]
    level: float
    margin: float
    baseline: str
    engine: str
    tune: dict[str, Any] | None = None
    settings: dict[str, dict[str, str]]


_ENTRIES = TypeAdapter(list[Entry])


def read(folder: Path) -> list[Entry]:
    """Return the entries of a results folder, the first one first.

    Raises FolderError if the file is damaged.
    """
    path = folder / NAME
    if not os.path.lexists(path):
        return []
    try:
        return _ENTRIES.validate_python(read_file(path).plain())
    except (UserError, ValidationError):
        raise _damaged(str(path)) from None


def parsed(written: bytes, place: str) -> list[Entry]:
    """Return the entries of a file's content; raise FolderError if it is damaged."""
    try:
        return _ENTRIES.validate_python(read_text(written.decode(), place).plain())
    except (UserError, UnicodeDecodeError, ValidationError):
        raise _damaged(place) from None


def _damaged(place: str) -> FolderError:
    return FolderError(
        f"{place}: damaged; it says what was settled before the first run, and the program"
        " cannot write it again: restore it. If you move it away, the report will say that"
        " nothing was written down before the results in the folder"
    )


def together(entries: Sequence[Entry], others: Sequence[Entry]) -> list[Entry]:
    """Return the entries of a results folder with those that only another folder has."""
    return [*entries, *(entry for entry in others if entry not in entries)]


def write(folder: Path, entries: Sequence[Entry]) -> None:
    """Write the entries that `brought_up_to` returned, durably."""
    files.replace(folder / NAME, dump([entry.model_dump(exclude_none=True) for entry in entries]))


def brought_up_to(
    experiment: Experiment, entries: Sequence[Entry], found: Found, level: float
) -> list[Entry]:
    """Return the entries, with a new one if the experiment differs from the last of them."""
    if not (entries or experiment.looks):
        return []
    seeds = experiment.every_seed
    counted = seeds == tuple(range(len(seeds)))
    now = Entry(
        after_seeds=len(_seeds_of_evaluation(found)),
        looks=list(experiment.looks),
        seeds=len(seeds) if counted else list(seeds),
        level=level,
        margin=experiment.margin,
        baseline=experiment.baseline,
        engine=experiment.engine,
        tune=experiment.resolved.get("tune"),
        settings={
            task: {
                variant: settings_id(experiment.settings[task, variant])
                for variant in experiment.variants
            }
            for task in experiment.tasks
        },
    )
    same = entries and entries[-1] == now.model_copy(
        update={"after_seeds": entries[-1].after_seeds}
    )
    return list(entries) if same else [*entries, now]


def _seeds_of_evaluation(found: Found) -> set[int]:
    identities = [record.identity for record in found.records.values()]
    return {
        identity["seed"]
        for identity in identities
        if identity.get("purpose", "evaluation") == "evaluation"
    }
