"""In which keys two experiments, or the values of two runs, differ."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from lstm_ablate.experiment.resolved import Experiment

# What changes no number and no verdict: the question above a report, and where a data file lies.
_IGNORED = ("question", "data.path")
_NOTHING = object()
_MOST = 60  # characters of a value, or of the name of a key, that a message shows


def differences(
    there: Mapping[str, Any], here: Mapping[str, Any], *, ignored: tuple[str, ...] = ()
) -> list[str]:
    """Return the keys in which values differ, as `training.epochs: 5 there, 10 here`.

    A key is a path of names with dots. It is `ignored` where it, or its end, is among these names.
    """
    one, other = dict(_leaves(there)), dict(_leaves(here))
    return [
        f"{_cut(path)}: {_shown(one.get(path, _NOTHING))} there,"
        f" {_shown(other.get(path, _NOTHING))} here"
        for path in dict.fromkeys((*other, *one))
        if one.get(path, _NOTHING) != other.get(path, _NOTHING)
        and not any(path == name or path.endswith(f".{name}") for name in ignored)
    ]


def unlike(there: Experiment, here: Experiment) -> list[str]:
    """Return the differences for which the results of two experiments cannot be merged; that one of
    them goes on with more seeds is none.
    """
    fewer, more = sorted((there.seeds, here.seeds), key=len)
    goes_on = not (there.looks or here.looks) and more[: len(fewer)] == fewer
    ignored = (*_IGNORED, "seeds") if goes_on else _IGNORED
    return differences(there.resolved, here.resolved, ignored=ignored)


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _shown(value: object) -> str:
    if value is _NOTHING:
        return "nothing"
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST else f"{text[:_MOST]}..."
