"""Whether a node of a Ray cluster has the versions that the driver has."""

from collections.abc import Callable, Mapping
from functools import cache


def asked() -> Callable[[], dict[str, str]]:
    """Return a function that says the versions of what decides a run's numbers, where it is called.

    Ray sends it to a node as code and not by its name, because it stands within this function: the
    node may lack this package, or have another one. Of lstm-ablate it says a hash of the code too,
    because between two releases the version stays as it is.
    """

    def versions() -> dict[str, str]:
        import hashlib
        import importlib.util
        import platform
        from importlib.metadata import PackageNotFoundError, version
        from pathlib import Path

        found = {"Python": platform.python_version()}
        for name in ("lstm-ablate", "tensorflow", "keras", "numpy"):
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                found[name] = "missing"
        code = hashlib.sha256()
        package = importlib.util.find_spec("lstm_ablate")
        if package and package.origin:
            for path in sorted(Path(package.origin).parent.rglob("*.py")):
                code.update(path.read_bytes())
        found["code"] = code.hexdigest()
        return found

    return versions


@cache
def own() -> Mapping[str, str]:
    """Return the versions of this process."""
    return asked()()


def differences(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """Return in words how the versions of a node differ from ours, or '' where they do not."""
    differing = [name for name in ours if theirs[name] != ours[name] and name != "code"]
    if not differing and theirs["code"] != ours["code"]:
        return "other code of lstm-ablate than here, under the same version"
    return ", ".join(f"{name} {theirs[name]} (here {ours[name]})" for name in differing)
