"""The configs that come with the package: what each asks, and the files that belong to it."""

from pathlib import Path

from lstm_ablate.errors import UserError, did_you_mean
from lstm_ablate.experiment.yaml_source import read_file

# The schema lies beside the configs of the repository alone. An editor would complain of a schema
# that is not there, and nobody asked for one more file, so a user's copy has no such line.
_FIRST_LINES = "# yaml-language-server: $schema=../experiment.schema.json\n#\n"


def questions() -> dict[str, str]:
    """Return the names of the configs, and what each asks."""
    return {name: read_file(path).plain()["question"] for name, path in _configs().items()}


def contents(name: str) -> dict[str, bytes]:
    """Return what belongs to a config, by the name of its file: the data that it names, the config.

    Raises UserError where no config has this name.
    """
    known = _configs()
    if name not in known:
        hint = f"{did_you_mean(name, known)}\n  known: {', '.join(known)}"
        raise UserError(f'"{name}" is not a config that comes with lstm-ablate.{hint}')
    config = known[name]
    data = read_file(config).plain()["data"]
    files = {data["path"]: config.with_name(data["path"]).read_bytes()} if "path" in data else {}
    text = config.read_text(encoding="utf-8").removeprefix(_FIRST_LINES)
    return {**files, config.name: text.encode()}


def _configs() -> dict[str, Path]:
    """Return the configs by name: of the package as a wheel installs it, or else of a clone."""
    package = Path(__file__).parents[1]
    installed = package / "configs"
    folder = installed if installed.is_dir() else package.parents[1] / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
