"""Shards: the parts of an experiment that several machines train, cut by seeds.

All variants and tasks of a seed are in one part. A comparison is of pairs at a seed, and processors
of different kinds round differently, so that a pair must never be split over two of them.

The k-th of n parts has the seeds at the places k, k + n, k + 2n, ... of the experiment's seeds, as
cards are dealt. So the parts of every look are as large as they can be alike, and a seed stays in
its part when more seeds are asked for. Blocks of seeds would leave all but one part of n without
work in the first look.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from lstm_ablate.errors import UserError

MOST = 9999  # parts; more than any experiment has seeds to share out

_OPTION = "--shard"
_SLURM = "SLURM_ARRAY_TASK_"


@dataclass(frozen=True)
class Shard:
    """The `part`-th of `of` parts, counted from 1."""

    part: int
    of: int

    def __str__(self) -> str:
        return f"{self.part}/{self.of}"

    @property
    def name(self) -> str:
        """The name of its folder, such as `2of8`."""
        return f"{self.part}of{self.of}"

    @property
    def title(self) -> str:
        """What a sentence calls it."""
        return f"part {self.part} of {self.of}"

    def of_seeds(self, seeds: tuple[int, ...]) -> tuple[int, ...]:
        """Return those of an experiment's seeds that belong to the part."""
        return seeds[self.part - 1 :: self.of]

    @classmethod
    def of_text(cls, text: str, source: str = _OPTION) -> Self:
        """Return the shard of a text such as `2/8`; raise UserError where there is none.

        `source` is what the message calls where the text comes from.
        """
        found = re.fullmatch(r"\s*([0-9]{1,6})\s*/\s*([0-9]{1,6})\s*", text)
        if not found:
            example = "2/8, the second of 8 parts, or slurm, in a task of a job array"
            raise UserError(f'{source}: "{text}" is no part; write {example}')
        part, of = map(int, found.groups())
        if not 1 <= of <= MOST:
            raise UserError(f"{source}: {text}: an experiment has 1 to {MOST} parts")
        if not 1 <= part <= of:
            raise UserError(
                f"{source}: {text}: there is no such part; they are 1/{of} to {of}/{of}"
            )
        return cls(part, of)


def of_option(text: object, environment: Mapping[str, str], source: str = _OPTION) -> Shard:
    """Return the shard that an option asks for: `2/8`, or `slurm` for a task of a job array.

    Raises UserError where it is neither.
    """
    if not isinstance(text, str):  # from Python
        raise UserError(f'{source}: expected a text such as "2/8", found {text!r}')
    if text.strip().casefold() == "slurm":
        return _of_array(environment, f"{source} slurm")
    return Shard.of_text(text, source)


def _of_array(environment: Mapping[str, str], source: str) -> Shard:
    """Return the shard of this task of a Slurm job array.

    Slurm tells a task its own number (ID), the smallest, the largest and the step of the array's
    numbers, and how many tasks there are (MIN, MAX, STEP, COUNT). With `--array=1-8`, `0-7` and
    `1-15:2` the task's place follows from that. With `--array=1,3,7` it does not, and of
    `--array=3-5` or `--array=1`, which may be what is left of `1-8`, nobody can tell of how many
    parts these are.
    """
    values = {}
    for name in ("ID", "MIN", "MAX", "COUNT", "STEP"):
        text = environment.get(_SLURM + name, "1" if name == "STEP" else "")
        if not re.fullmatch("[0-9]{1,9}", text):
            found = f'is "{text}"' if text else "is not set"
            raise UserError(f"{source}: {_SLURM}{name} {found}; call it in a task of a job array")
        values[name] = int(text)
    own, first, last, count, step = values.values()
    numbers = range(first, last + 1, max(1, step))
    whole = first <= 1 < count and len(numbers) == count and numbers[-1] == last
    if not whole or own not in numbers:
        seen = ", ".join(f"{name} {value}" for name, value in values.items())
        raise UserError(
            f"{source}: the array's numbers do not say which part this is ({seen}): they must be"
            " those of --array=1-N or --array=0-M, or such with a step. Submit the whole array"
            f" again, for a part that is done ends at once; or write {_OPTION}"
            ' "$SLURM_ARRAY_TASK_ID/N"'
        )
    return Shard(numbers.index(own) + 1, count)
