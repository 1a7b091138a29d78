"""What was changed in an experiment with looks after there were results, in plain English.

The error of a verdict is only known if its rule was fixed before anybody saw results. A user may
change the experiment after that, and then every later report says so.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from lstm_ablate.errors import counted
from lstm_ablate.store.looks_file import Entry


def notes(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return a sentence for each entry that came after results, the first one first.

    Of parts that were merged, several may have written the same down, each at results of its own.
    That is one sentence, with the most seeds of them.
    """
    written = [list(alike) for _, alike in groupby(entries, _without_results)]
    sentences = []
    for first in written[:1]:
        if seeds := _seeds_with_results(first):
            sentences.append(
                f"The looks were written down when there were results of"
                f" {counted(seeds, 'seed')} already."
            )
    for (*_, before), now in pairwise(written):
        if seeds := _seeds_with_results(now):
            sentences.append(
                f"Changed when there were results of {counted(seeds, 'seed')}:"
                f" {'; '.join(_changes(before, now[0]))}. The error of the verdicts holds for what"
                " was settled before."
            )
    return tuple(sentences)


def _without_results(entry: Entry) -> Entry:
    return entry.model_copy(update={"after_seeds": 0})


def _seeds_with_results(entries: Sequence[Entry]) -> int:
    return max(entry.after_seeds for entry in entries)


def _changes(before: Entry, now: Entry) -> Iterator[str]:
    if _seeds(before) != _seeds(now):
        yield f"{_seeds(before)} became {_seeds(now)}"
    elif before.seeds != now.seeds:
        yield "other seeds, or another order of them"
    for what, old, new in (
        ("the level", f"{before.level:.4g}", f"{now.level:.4g}"),
        ("the margin", f"{100 * before.margin:.4g}%", f"{100 * now.margin:.4g}%"),
        ("the baseline", before.baseline, now.baseline),
        ("the engine", before.engine, now.engine),
    ):
        if old != new:
            yield f"{what} {old} became {new}"
    if before.tune != now.tune:
        yield "the tuning"
    yield from _sets("task", list(before.settings), list(now.settings))
    yield from _sets("variant", _variants(before), _variants(now))
    other = [
        f"{variant} in {task}" if len(now.settings) > 1 else variant
        for task, variants in now.settings.items()
        for variant, settings in variants.items()
        if before.settings.get(task, {}).get(variant, settings) != settings
    ]
    if other:
        yield f"other settings of {', '.join(other)}"


def _seeds(entry: Entry) -> str:
    if not entry.looks:
        seeds = entry.seeds if isinstance(entry.seeds, int) else len(entry.seeds)
        return f"{counted(seeds, 'seed')} without looks"
    return f"looks at {', '.join(map(str, entry.looks))} seeds"


def _variants(entry: Entry) -> list[str]:
    return list(dict.fromkeys(name for variants in entry.settings.values() for name in variants))


def _sets(what: str, before: Sequence[str], now: Sequence[str]) -> Iterator[str]:
    if added := [name for name in now if name not in before]:
        yield f"{what} {', '.join(added)} added"
    if removed := [name for name in before if name not in now]:
        yield f"{what} {', '.join(removed)} removed"
