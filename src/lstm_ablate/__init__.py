"""lstm-ablate: does a piece of a stacked LSTM matter? Activation ablations, paired by seed, from
one YAML file.

`run`, `plan`, `merge` and `load` are what a notebook or a script calls; docs/api.md shows them.
They are loaded when they are asked for: `import lstm_ablate` loads neither TensorFlow nor pandas.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstm_ablate.api import Estimate, Outcome, Plan, Results, load, merge, plan, run
    from lstm_ablate.errors import FolderError, UserError

__version__ = "0.2.0"

__all__ = [
    "Estimate",
    "FolderError",
    "Outcome",
    "Plan",
    "Results",
    "UserError",
    "__version__",
    "load",
    "merge",
    "plan",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lstm_ablate import api, errors

    return getattr(errors if name.endswith("Error") else api, name)


def __dir__() -> list[str]:
    return __all__
