"""What is said of a group that failed, in one line and in its log."""

import traceback


def of_error(error: BaseException) -> tuple[str, str]:
    """Return what an exception says in one line, and where it was raised."""
    kind = type(error).__name__
    message = f"{kind}: {error}"
    if isinstance(error, MemoryError) or kind == "ResourceExhaustedError":  # TensorFlow's name
        message = f"out of memory: {message}"
    return message, "".join(traceback.format_exception(error))


def silent(timeout: float) -> str:
    """Return why a process that was silent for too many seconds was killed."""
    return f"its process gave no sign of life for {timeout:g} s (execution.timeout)"


def described(message: str, details: str, printed: str) -> tuple[str, str]:
    """Return the message and the log of a group that failed, as `Failed` takes them."""
    log = f"{details or message}\n--- the worker printed ---\n{printed[-20_000:]}"
    return _writable(message.partition("\n")[0]), _writable(log)


def _writable(text: str) -> str:
    """Return a text as UTF-8 can write it: names of files can hold bytes that no encoding knows."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
