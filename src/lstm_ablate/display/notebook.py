"""A line in a notebook's cell that is replaced in place, where IPython runs in a kernel.

The kernel of a notebook has loaded IPython already. It is not a dependency of this package, and
where it is not loaded it is not imported.
"""

import html
import sys
from typing import Any


def cell() -> "Cell | None":
    """Return a line of the cell that is running, or None where there is no notebook."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    return None if getattr(get_ipython(), "kernel", None) is None else Cell()


class Cell:
    """A line with a bar, shown once and then replaced."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, text: str, done: int, total: int) -> None:
        """Show a line and a bar that is filled up to `done` of `total`."""
        bar = f'<progress value="{done}" max="{total}"></progress>'
        content = {"text/plain": text, "text/html": f"{bar} {html.escape(text)}"}
        if self._handle is None:
            from IPython.display import display

            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)
