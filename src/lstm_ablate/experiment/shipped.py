"""The configs that come with the package: what each asks, and the files that belong to it."""

from pathlib import Path

from lstm_ablate.errors import UserError, did_you_mean
from lstm_ablate.experiment.yaml_source import read_file

# Only the configs of the repository have the schema beside them. An editor would complain about a
# missing schema, and `init` should not write one more file, so a user's copy has no such line.
_FIRST_LINES = "# yaml-language-server: $schema=../experiment.schema.json\n#\n"


def questions() -> dict[str, str]:
    """Return the names of the configs, each with the question that it asks."""
    return {name: read_file(path).plain()["question"] for name, path in _configs().items()}


def contents(name: str) -> dict[str, bytes]:
    """Return the files that belong to a config, by name: the data that it names, and the config.

    Raises UserError if no config has this name.
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
    """Return the configs by name, from the installed package, or in a clone from `configs/`."""
    package = Path(__file__).parents[1]
    installed = package / "configs"
    folder = installed if installed.is_dir() else package.parents[1] / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
