"""What a process may use of its machine: the cores and the memory that containers and schedulers leave it."""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/")


def cores(root: Path = ROOT) -> int:
    """Return the number of cores: those that we may run on, or fewer where our share of time is less (rounded up).

    Shares are those of Linux control groups, version 2 (`cpu.max`) or 1 (`cpu.cfs_quota_us`); `root` is where the
    system's own files lie.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for group in _groups("cpu", root):
        quota, _, period = _read(group / "cpu.max").partition(" ")
        quota, period = quota or _read(group / "cpu.cfs_quota_us"), period or _read(group / "cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal():
            allowed = min(allowed, math.ceil(int(quota) / int(period)))
    return max(1, allowed)


def memory_bytes(root: Path = ROOT) -> int:
    """Return the memory: the machine's, or less where a control group of ours may not have that much."""
    allowed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for group in _groups("memory", root):
        limit = _read(group / "memory.max") or _read(group / "memory.limit_in_bytes")
        if limit.isdecimal():
            allowed = min(allowed, int(limit))
    return allowed


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """Yield the folders of our control groups that limit something, with those of the groups around them.

    In a container the path can be the one outside, of which nothing but the top is to be seen (cgroups(7)).
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(",") or not controllers:
            top = root / "sys/fs/cgroup" / (controller if controllers else "")
            group = PurePosixPath(path)
            yield from (top / str(one).lstrip("/") for one in (group, *group.parents))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
