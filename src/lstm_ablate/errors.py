"""The two errors that speak to the user, and the words that messages share.

Any other exception is a bug of ours.
"""

import difflib
from collections.abc import Callable, Iterable, Sequence

Log = Callable[[str], None]  # hears a message of one line


class UserError(Exception):
    """The config or the command line is wrong (exit code 2).

    It carries every problem that was found, not only the first.
    """

    def __init__(self, *problems: str):
        super().__init__("\n".join(problems))
        self.problems = problems


class FolderError(Exception):
    """The results folder cannot be used (exit code 4)."""


def printable(text: str) -> str:
    """Return text in which every character that is not printable is spelt out, such as \\x1b.

    Such characters could move a terminal's cursor, change its colours or turn text around; ends of
    lines are among them.
    """
    return "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text
    )


def counted(number: int, what: str) -> str:
    """Return "1 run" or "2 runs"."""
    return f"{number} {what}" + "s" * (number != 1)


def listed(words: Iterable[str]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def shortened(words: Sequence[str], most: int, between: str = ", ") -> str:
    """Return the words in one text; of more than so many the first ones, and an ellipsis."""
    return between.join([*words[:most], *["..."] * (len(words) > most)])


def duration(seconds: float) -> str:
    """Return roughly how long something takes, in words."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes < 90 else f"about {minutes / 60:.1f} h"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the nearest known word, None if none is near; upper and lower case count as equal."""
    folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), list(folded), n=1, cutoff=0.6)
    return folded[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ' Did you mean "nearest"?' with the nearest known word, or '' if none is near."""
    near = nearest(word, known)
    return "" if near is None else f' Did you mean "{near}"?'
