"""Standard output and error, whose loss ends no experiment."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Stream:
    """Standard output or error, whose loss ends no experiment: what follows is dropped, and `error`
    says why.
    """

    def __init__(self, stream: Any):
        self.stream = stream or Path(os.devnull).open("w")  # noqa: SIM115 - closed, as by >&-
        self.stream.reconfigure(errors="replace")
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        self._tried(self.stream.write, text)
        return len(text)

    def flush(self) -> None:
        self._tried(self.stream.flush)

    def _tried(self, do: Callable[..., Any], *words: str) -> None:
        try:
            do(*words)
        except OSError as error:
            self.error = error
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
