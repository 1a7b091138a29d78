"""The problems of a config, each with its place, collected to be shown together."""

from lstm_ablate.errors import UserError
from lstm_ablate.experiment.nodes import Place


class Problems:
    """Collects the problems of a config, each once, however many of its cells have it."""

    def __init__(self) -> None:
        self._texts: dict[tuple[Place, str], str] = {}

    def add(self, place: Place, message: str, context: str = "", advice: str = "") -> None:
        """Add a problem; `context` says in which task or variant it was found, `advice` what to do.

        If many cells have the same problem, only the first context and advice are shown.
        """
        self._texts.setdefault((place, message), f"{place}: {context}{message}{advice}")

    def has(self, place: Place, message: str) -> bool:
        """Return whether a problem is there already, so that advice is looked for only once."""
        return (place, message) in self._texts

    def stop_if_any(self) -> None:
        """Raise UserError with all problems in the order of their lines, if there are any.

        Problems of the command line have no line and come first.
        """
        if self._texts:
            in_order = sorted(self._texts, key=lambda key: (key[0].line, key[0].column))
            raise UserError(*(self._texts[key] for key in in_order))
