"""What control groups leave to a process is read as the kernel's documentation says."""

import os
import sys
import uuid
from pathlib import Path

import processes
import pytest

from lstm_ablate import machine
from lstm_ablate.experiment import loading
from lstm_ablate.training import resources

CORES = len(os.sched_getaffinity(0))
PHYSICAL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
NO_LIMIT_V1 = 9223372036854771712  # what version 1 shows if there is no limit

# name: own groups, files below /sys/fs/cgroup, cores, bytes of memory
SYSTEMS = {
    "no control groups": ("", {}, CORES, PHYSICAL),
    "version 2": (
        "0::/job\n",
        {"job/cpu.max": "50000 100000", "job/memory.max": "3000000"},
        1,
        3_000_000,
    ),
    "without a limit": (
        "0::/job\n",
        {"job/cpu.max": "max 100000", "job/memory.max": "max"},
        CORES,
        PHYSICAL,
    ),
    "of a group around": (
        "0::/user/job/step\n",
        {
            "user/memory.max": "2000000",
            "user/job/memory.max": "max",
            "user/job/step/memory.max": "4000000",
        },
        CORES,
        2_000_000,
    ),
    "version 1": (
        "5:cpu,cpuacct:/job\n4:memory:/other\n1:name=systemd:/\n",
        {
            "cpu/job/cpu.cfs_quota_us": "100000",
            "cpu/job/cpu.cfs_period_us": "100000",
            "memory/other/memory.limit_in_bytes": "5000000",
            "memory/job/memory.limit_in_bytes": "1",
        },
        1,
        5_000_000,
    ),
    "version 1 without": (
        "5:cpu,cpuacct:/\n4:memory:/\n",
        {
            "cpu/cpu.cfs_quota_us": "-1",
            "cpu/cpu.cfs_period_us": "100000",
            "memory/memory.limit_in_bytes": str(NO_LIMIT_V1),
        },
        CORES,
        PHYSICAL,
    ),
    "a container that sees the path outside": (
        "4:memory:/docker/0123\n3:cpu:/docker/0123\n",
        {
            "memory/memory.limit_in_bytes": "6000000",
            "cpu/cpu.cfs_quota_us": "1000",
            "cpu/cpu.cfs_period_us": "100000",
        },
        1,
        6_000_000,
    ),
    "more than the machine has": (
        "0::/\n",
        {"cpu.max": "900000000 1000", "memory.max": str(2**60)},
        CORES,
        PHYSICAL,
    ),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_is_left(name, tmp_path):
    groups, contents, cores, memory = SYSTEMS[name]
    for path, text in {
        "proc/self/cgroup": groups,
        **{f"sys/fs/cgroup/{k}": v for k, v in contents.items()},
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text + "\n" * bool(contents))
    assert (machine.cores(tmp_path), machine.memory_bytes(tmp_path)) == (cores, memory)


@pytest.mark.skipif(
    not os.access("/sys/fs/cgroup/memory", os.W_OK), reason="needs control groups (v1) to write to"
)
def test_limits_that_the_kernel_keeps():
    name = f"lstm-ablate-{uuid.uuid4().hex[:8]}"
    groups = [Path("/sys/fs/cgroup") / controller / name for controller in ("memory", "cpu")]
    for group in groups:
        group.mkdir()
    try:
        (groups[0] / "memory.limit_in_bytes").write_text(str(3 * 2**30))
        (groups[1] / "cpu.cfs_quota_us").write_text("70000")
        join = "".join(f"echo $$ > {group}/cgroup.procs; " for group in groups)
        code = "from lstm_ablate import machine; print(machine.cores(), machine.memory_bytes())"
        done = processes.run(["sh", "-c", join + 'exec "$@"', "sh", sys.executable, "-c", code])
    finally:
        for group in groups:
            group.rmdir()
    assert done.stdout.split() == ["1", str(3 * 2**30)]


def test_as_many_workers_as_cores_and_memory_are_good_for(monkeypatch):
    one = loading.load(Path(__file__).parent.parent / "configs" / "smoke.yaml")
    monkeypatch.setattr(resources, "default_workers", lambda: 64)
    # 0.7 GB each, and a little for the runs.
    for gigabytes, workers in ((1000, 64), (7.5, 10), (0.5, 1)):
        monkeypatch.setattr(machine, "memory_bytes", lambda gigabytes=gigabytes: gigabytes * 1e9)
        assert resources.workers(one) == workers
    fixed = loading.load(
        Path(__file__).parent.parent / "configs" / "smoke.yaml", ("execution.workers=3",)
    )
    assert resources.workers(fixed) == 3
