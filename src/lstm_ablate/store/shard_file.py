"""shard.yaml: says which part of an experiment a results folder holds; the whole has no such file.

It stands beside experiment.yaml, not in it: that is the config of the whole, in every part the same
to the byte, so that two parts can be known to belong together.
"""

import os
import re
from pathlib import Path

from pydantic import ConfigDict, ValidationError

from lstm_ablate.errors import FolderError, UserError
from lstm_ablate.experiment.shards import Shard
from lstm_ablate.experiment.yaml_source import dump, read_file, read_text
from lstm_ablate.store import files
from lstm_ablate.store.results import Shape

NAME = "shard.yaml"


class _Content(Shape):
    model_config = ConfigDict(extra="forbid")

    part: int
    of: int


def read(folder: Path) -> Shard | None:
    """Return which part a results folder holds, or None if it is no part.

    Raises FolderError if the file is damaged.
    """
    path = folder / NAME
    if not os.path.lexists(path):
        return None
    try:
        return _shard_of(read_file(path).plain(), str(path))
    except UserError:
        raise _damaged(str(path)) from None


def parsed(content: bytes, place: str) -> Shard:
    """Return the part that the content of a file names; raise FolderError if it is damaged."""
    try:
        return _shard_of(read_text(content.decode(), place).plain(), place)
    except (UserError, UnicodeDecodeError):
        raise _damaged(place) from None


def _shard_of(content: object, place: str) -> Shard:
    try:
        found = _Content.model_validate(content)
        return Shard.of_text(f"{found.part}/{found.of}")
    except (ValidationError, UserError):
        raise _damaged(place) from None


def _damaged(place: str) -> FolderError:
    return FolderError(
        f"{place}: damaged; it says which part of an experiment the folder holds: write the two"
        ' lines "part: 2" and "of: 8" into it, if it is part 2 of 8'
    )


def write(folder: Path, shard: Shard) -> None:
    """Write durably which part a results folder holds, before anything else is in it."""
    if read(folder) != shard:
        files.replace(folder / NAME, dump({"part": shard.part, "of": shard.of}))


def other_cuts(folder: Path, shard: Shard) -> str:
    """Return into how many parts an experiment was cut beside a part's folder, such as "8"."""
    found = [re.fullmatch("[0-9]+of([0-9]+)", path.name) for path in folder.parent.glob("*of*")]
    numbers = {int(name[1]) for name in found if name} - {shard.of}
    return ", ".join(map(str, sorted(numbers)))


def check(folder: Path, shard: Shard | None) -> None:
    """Raise FolderError if a results folder holds another part, or a part where the whole is
    expected, or the whole where a part is expected.
    """
    there = read(folder)
    if there == shard or not (there or (folder / "experiment.yaml").exists()):
        return
    titles = [held.title if held else "the whole" for held in (there, shard)]
    raise FolderError(
        f"{folder}: holds {titles[0]} of an experiment, not {titles[1]}; name another folder"
        " (--results of `run`). `lstm-ablate merge` makes one folder of all parts"
    )
