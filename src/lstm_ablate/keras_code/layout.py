"""How statements of Python are laid out: as ruff and Black do with their own settings."""

from collections.abc import Sequence

WIDTH = 88  # what both take without a word


def call(head: str, arguments: Sequence[str], level: int = 1) -> list[str]:
    """Return the lines of `head(arguments)` at a level of indentation.

    That is one line where it fits; or else the arguments on one line of their own; or else each of
    them on a line.
    """
    outer, inner = "    " * level, "    " * (level + 1)
    if not arguments or fits(f"{head}({', '.join(arguments)})", level):
        return [f"{outer}{head}({', '.join(arguments)})"]
    if fits(", ".join(arguments), level + 1):
        return [f"{outer}{head}(", f"{inner}{', '.join(arguments)}", f"{outer})"]
    return [f"{outer}{head}(", *(f"{inner}{argument}," for argument in arguments), f"{outer})"]


def fits(text: str, level: int = 1) -> bool:
    """Return whether a text fits on one line at a level of indentation."""
    return 4 * level + len(text) <= WIDTH


def statement(text: str, level: int = 1) -> str:
    """Return a statement on one line, which ruff is to leave there even if it is too long."""
    return "    " * level + text + ("" if fits(text, level) else "  # fmt: skip")
