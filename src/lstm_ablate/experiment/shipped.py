"""The configs that come with the package: what each asks, and a copy of one for the user."""

import os
from pathlib import Path

from lstm_ablate.errors import UserError, did_you_mean
from lstm_ablate.experiment.yaml_source import read_file
from lstm_ablate.store.files import publish

# The schema lies beside the configs of the repository alone. Of a file that is not there an editor
# would complain, and one more file in a user's folder was not asked for: a copy has no such line.
_FIRST_LINES = "# yaml-language-server: $schema=../experiment.schema.json\n#\n"


def questions() -> dict[str, str]:
    """Return the names of the configs, and what each asks."""
    return {path.stem: read_file(path).plain()["question"] for path in _configs()}


def write(name: str, folder: Path) -> list[Path]:
    """Write a config into a folder, after the data that it names; return the files.

    All are written or none, and nothing is replaced: raises UserError where the name is unknown or
    a file exists.
    """
    known = {path.stem: path for path in _configs()}
    if name not in known:
        found = f'"{name}" is not a config that comes with lstm-ablate.{did_you_mean(name, known)}'
        raise UserError(f"{found}\n  known: {', '.join(known)}")
    contents = {folder / file: content for file, content in _contents(known[name]).items()}
    if taken := [path for path in contents if os.path.lexists(path)]:
        raise UserError(*map(_exists, taken))
    written: list[Path] = []
    try:
        for path, content in contents.items():
            if not publish(path, content):  # somebody else was faster
                raise UserError(_exists(path))
            written.append(path)
    except BaseException:
        for path in written:
            path.unlink()
        raise
    return written


def _contents(config: Path) -> dict[str, bytes]:
    """Return what belongs to a config, by the name of its file; the config comes last."""
    data = read_file(config).plain()["data"]
    contents = {data["path"]: config.with_name(data["path"]).read_bytes()} if "path" in data else {}
    text = config.read_text(encoding="utf-8").removeprefix(_FIRST_LINES)
    return {**contents, config.name: text.encode()}


def _exists(path: Path) -> str:
    return f"{path}: exists, and init replaces nothing; move it, or call init in another folder"


def _configs() -> list[Path]:
    """Return the files: in the package as a wheel installs it, or at the top of a clone."""
    package = Path(__file__).parents[1]
    installed = package / "configs"
    return sorted((installed if installed.is_dir() else package.parents[1] / "configs").glob("*.yaml"))
