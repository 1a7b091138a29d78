"""Standard output and standard error, which may disappear without ending an experiment."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Stream:
    """Standard output or standard error. If writing fails, everything that follows is dropped, and
    `error` says why; the experiment goes on.
    """

    def __init__(self, stream: Any):
        self.stream = stream or Path(os.devnull).open("w")  # noqa: SIM115 - the stream is closed, as with >&-
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
