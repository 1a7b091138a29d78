"""What this machine is, and what it leaves to us: processor, versions, GPUs, cores and memory."""

import hashlib
import math
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path("/")
PACKAGES = ("lstm-ablate", "tensorflow", "keras", "numpy", "pandas", "scipy", "pydantic", "PyYAML")


def describe(device: str, settings: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Return the content of environment.json.

    `device` is what trained, and `settings` are the variables set for workers. `folder` is that of
    the config. If it belongs to a git repository, the commit is named, with a + if there were
    uncommitted changes.
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


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a run's numbers depend on."""
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in ("lstm-ablate", "tensorflow", "keras", "numpy")},
    }


@cache
def program() -> str:
    """Return a hash of this program and of the packages that compute and draw its reports."""
    here = Path(__file__).parent
    sources = sorted(path for path in here.rglob("*") if path.suffix in (".py", ".html"))
    known = {name: version(name) for name in ("numpy", "scipy", "pandas", "matplotlib", "jinja2")}
    found = hashlib.sha256(repr((platform.python_version(), known)).encode())
    for path in sources:
        found.update(f"{path.relative_to(here)}\0".encode() + path.read_bytes())
    return found.hexdigest()


@cache
def processor() -> dict[str, Any]:
    """Return the processor's name and its vector instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {"name": platform.processor() or platform.machine()}
    values = dict(
        reversed([[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line])
    )
    vector = [
        flag
        for flag in values.get("flags", "").split()
        if flag.startswith(("sse", "avx", "fma", "amx"))
    ]
    return {"name": values.get("model name", platform.machine()), "flags": vector}


@dataclass(frozen=True)
class Gpu:
    """A GPU. If it shares its memory with the processor, it does not report how much is free."""

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
    allowed = (
        os.environ["CUDA_VISIBLE_DEVICES"].split(",")
        if "CUDA_VISIBLE_DEVICES" in os.environ
        else None
    )
    return tuple(
        Gpu(uuid, int(mebibytes) * 2**20 if mebibytes.isdecimal() else None)
        for index, uuid, mebibytes in present
        if allowed is None or index in allowed or uuid in allowed
    )


def _git_commit(folder: Path) -> str | None:
    def git(*words: str) -> str:
        # A repository's own settings can name a program that watches its files. We do not let git
        # start it.
        command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + (
            "+" if git("status", "--porcelain", "--untracked-files=no") else ""
        )
    except (OSError, subprocess.SubprocessError):
        return None


# --------------------------------------------------------------------------------- cores and memory


def cores(root: Path = ROOT) -> int:
    """Return the number of cores that we may use.

    These are the cores that we may run on, or our share of their time, rounded up, if that is less.
    Linux control groups set this share: version 2 in `cpu.max`, version 1 in `cpu.cfs_quota_us`.
    `root` is the folder below which the system keeps its own files.
    """
    allowed = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    for group in _groups("cpu", root):
        quota, _, period = _read(group / "cpu.max").partition(" ")
        quota, period = (
            quota or _read(group / "cpu.cfs_quota_us"),
            period or _read(group / "cpu.cfs_period_us"),
        )
        if quota.isdecimal() and period.isdecimal():
            allowed = min(allowed, math.ceil(int(quota) / int(period)))
    return max(1, allowed)


def memory_bytes(root: Path = ROOT) -> int:
    """Return the memory of the machine, or the limit of one of our control groups if it is less."""
    allowed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for group in _groups("memory", root):
        limit = _read(group / "memory.max") or _read(group / "memory.limit_in_bytes")
        if limit.isdecimal():
            allowed = min(allowed, int(limit))
    return allowed


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """Yield the folders of our control group and of all groups that contain it.

    In a container the kernel may give the path as it is outside, where only its top exists for us
    (cgroups(7)). The top is always among the folders.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(",") or not controllers:
            top = root / "sys/fs/cgroup" / (controller if controllers else "")
            group = PurePosixPath(path)
            yield from (top / str(folder).lstrip("/") for folder in (group, *group.parents))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
