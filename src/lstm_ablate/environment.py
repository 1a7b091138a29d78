"""What an experiment ran on: versions, platform, processor, device, thread settings and commit."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("lstm-ablate", "tensorflow", "keras", "numpy", "pandas", "scipy", "pydantic", "PyYAML")


def describe(device: str, settings: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Return the content of environment.json.

    `device` is what trained, `settings` the variables set for workers, `folder` where the config lies: its git commit
    is named, with a + where there were uncommitted changes.
    """
    return {
        "packages": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "device": device,
        "worker_settings": dict(settings),
        "git_commit": _git_commit(folder),
    }


def load(folder: Path) -> dict[str, Any]:
    """Return the content of a results folder's environment.json; nothing where there is none, or none of ours."""
    path = folder / "environment.json"
    try:
        content = json.loads(path.read_bytes()) if path.is_file() else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) and _shallow(content, 5) else {}


def _shallow(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_shallow(one, levels - 1) for one in inner)


def processor() -> dict[str, Any]:
    """Return the processor's name and its vector instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {"name": platform.processor() or platform.machine()}
    values = dict(reversed([[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]))
    vector = [flag for flag in values.get("flags", "").split() if flag.startswith(("sse", "avx", "fma", "amx"))]
    return {"name": values.get("model name", platform.machine()), "flags": vector}


@dataclass(frozen=True)
class Gpu:
    """A GPU; those that share their memory with the processor do not tell how much of it is free."""

    uuid: str
    free_bytes: int | None


@cache
def gpus() -> tuple[Gpu, ...]:
    """Return the NVIDIA GPUs that we may use, without loading TensorFlow."""
    command = ["nvidia-smi", "--query-gpu=index,uuid,memory.free", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return ()
    present = [line.split(", ") for line in done.stdout.splitlines() if line.count(", ") == 2]
    allowed = os.environ["CUDA_VISIBLE_DEVICES"].split(",") if "CUDA_VISIBLE_DEVICES" in os.environ else None
    return tuple(
        Gpu(uuid, int(mebibytes) * 2**20 if mebibytes.isdecimal() else None)
        for index, uuid, mebibytes in present
        if allowed is None or index in allowed or uuid in allowed
    )


def _git_commit(folder: Path) -> str | None:
    def git(*words: str) -> str:
        # a repository's own settings can name a program that watches its files; it is not started
        command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None
