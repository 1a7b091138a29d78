"""The user's data files: where they lie, and the digests that identify their content."""

import hashlib
import json
import re
import stat
from contextlib import suppress
from pathlib import Path

from lstm_ablate.experiment.applying import with_value
from lstm_ablate.experiment.nodes import Node
from lstm_ablate.experiment.problems import Problems
from lstm_ablate.experiment.settings import FileData, Settings


def with_digests(document: Node, folder: Path, problems: Problems) -> Node:
    """Return the document with the digest of each data file beside its path, also in tasks.

    `folder` is the folder of the config.
    """
    data = document.entries.get("data")
    if data and "path" in data.entries and data.nearest("family").value == "file":
        given = data.entries.get("digest")
        digest = _digest(data.entries["path"], given, folder, problems)
        if digest:
            document = with_value(document, ("data", "digest"), digest, digest.place)
    tasks = document.entries.get("tasks")
    for name, changes in tasks.entries.items() if tasks else ():
        if "data.path" in changes.entries:
            given = changes.entries.get("data.digest")
            digest = _digest(changes.entries["data.path"], given, folder, problems)
            if digest:
                keys = ("tasks", name, "data.digest")
                document = with_value(document, keys, digest, digest.place)
    return document


def _digest(path: Node, given: Node | None, folder: Path, problems: Problems) -> Node | None:
    """Return the SHA-256 of the file at a path, or the given digest if the file cannot be read."""
    if not isinstance(path.value, str) or not path.value:
        return given
    shown = json.dumps(path.value[:200], ensure_ascii=False)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path.value):
        problems.add(path.place, f"{shown} is an address; name a file on this machine")
        return given
    try:
        file = _absolute(path.value, folder)
        if what := _why_no_file(file):
            problems.add(path.place, f"data file {shown} {what}; name a CSV or NPY file")
            return given
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        if given is None:
            looked = " and ".join(dict.fromkeys((str(folder.resolve()), str(Path.cwd()))))
            problems.add(path.place, f"data file {shown} not found (looked in {looked})")
        return given
    except (OSError, ValueError) as error:  # no permission, a path that is too long or holds a NUL
        why = error.strerror if isinstance(error, OSError) else str(error)
        problems.add(path.place, f"data file {shown} cannot be read: {why}")
        return given
    if given is not None and given.value != digest:
        message = f"{shown} has the SHA-256 {digest}, not the digest given here"
        problems.add(given.place, message)
    return Node(digest, path.place)


def _why_no_file(path: Path) -> str:
    """Return why a path cannot be a data file, such as "is a folder"; "" if it is a regular file.

    This is asked before the file is opened, because opening a pipe would wait for ever.
    """
    mode = path.stat().st_mode
    if stat.S_ISREG(mode):
        return ""
    return "is a folder" if stat.S_ISDIR(mode) else "is not a regular file"


def with_absolute_path(settings: Settings, folder: Path) -> Settings:
    """Return the settings with the absolute path of their data file, if they name one."""
    if not isinstance(settings.data, FileData):
        return settings
    path = str(_absolute(settings.data.path, folder))
    data = settings.data.model_copy(update={"path": path})
    return settings.model_copy(update={"data": data})


def _absolute(path: str, folder: Path) -> Path:
    """Return where a data file lies: beside the config, or if not there, in the working folder."""
    file = Path(path)
    with suppress(RuntimeError):  # there is no user of this name
        file = file.expanduser()
    with suppress(OSError):
        if (folder / file).exists():
            file = folder / file
    return file.absolute()
