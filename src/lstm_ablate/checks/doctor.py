"""Whether this machine, its packages and a results folder are in order."""

import os
import platform
import re
import secrets
import time
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lstm_ablate import machine
from lstm_ablate.errors import FolderError, UserError
from lstm_ablate.experiment import loading
from lstm_ablate.experiment.identity import id_of
from lstm_ablate.store import files, inventory, locks, records, shard_file
from lstm_ablate.training import resources, variables

PACKAGES = (*machine.PACKAGES, "filelock")

KNOWN_BAD = {  # package: the first good version, and what is wrong with those below it
    "keras": (
        "3.15.1",
        (
            "a model file can execute code when it is loaded (CVE-2025-1550 to CVE-2026-1462, and"
            " later fixes)"
        ),
    ),
    "PyYAML": ("5.4", "reading a file can execute code (CVE-2020-14343)"),
    "filelock": (
        "3.20.1",
        "whoever can write to the folder can make the lock empty another file (CVE-2025-68146)",
    ),
}

# Variables that workers inherit and that make TensorFlow choose other kernels or compilations, so
# that numbers differ from those without them.
CHANGES_NUMBERS = ("XLA_FLAGS", "TF_XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS")


# File systems whose disks are in another machine.
NETWORKS = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "fuse.ceph",
    "lustre",
    "gpfs",
    "beegfs",
} | {"glusterfs", "fuse.glusterfs", "fuse.sshfs", "orangefs", "ocfs2", "gfs2"}
_MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True)
class Finding:
    """One thing that was examined, and what is wrong with it, if anything."""

    what: str
    found: str
    problem: str = ""


def examine(folder: Path | None = None) -> list[Finding]:
    """Examine the machine and, if a results folder is named, that too; leave both as they were."""
    return [*_packages(), *_machine(), *(_folder(folder) if folder else ())]


def _packages() -> list[Finding]:
    findings = [Finding("python", platform.python_version())]
    for name in PACKAGES:
        try:
            findings.append(judged(name, version(name)))
        except PackageNotFoundError:
            findings.append(
                Finding(name, "-", "not installed; install lstm-ablate with its dependencies")
            )
    return findings


def judged(package: str, installed: str) -> Finding:
    """Return a finding with what is known to be wrong with an installed version of a package."""
    good, why = KNOWN_BAD.get(package, ("0", ""))
    bad = _numbers(installed) < _numbers(good)
    return Finding(
        package, installed, f"below {good}: {why}; install {good} or newer" if bad else ""
    )


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"[0-9]+", text)[:3]]


def _machine() -> list[Finding]:
    gpus = machine.gpus()
    settings = variables.worker_environment(0)
    determinism = "one thread a worker: reruns on this machine give the same bits"
    if gpus:
        determinism = "TF_DETERMINISTIC_OPS=1, TF32 off: deterministic operations are asked for"
    if inherited := [name for name in CHANGES_NUMBERS if name in os.environ]:
        determinism += f"; {', '.join(inherited)} set here, which can change numbers"
    return [
        Finding("device", ", ".join(gpu.uuid for gpu in gpus) or str(machine.processor()["name"])),
        Finding(
            "threads",
            f"{settings['TF_NUM_INTRAOP_THREADS']} in each of {resources.default_workers()}"
            f" workers; {machine.memory_bytes() / 1e9:.1f} GB of memory",
        ),
        Finding("determinism", determinism),
    ]


def _folder(folder: Path) -> list[Finding]:
    if not folder.is_dir():
        hint = inventory.did_you_mean_folder(folder, "experiment.yaml")
        return [Finding("folder", str(folder), "there is no such folder" + f".{hint}" * bool(hint))]
    findings = [
        Finding("folder", str(folder)),
        Finding("file system", _described(file_system(folder))),
        _writing(folder),
    ]
    if not (folder / "runs").is_dir():
        return [
            *findings,
            Finding("records", "none: it holds no runs/, so it is no results folder yet"),
        ]
    if who := locks.holder(folder):
        findings.append(Finding("in use", f"by {who}"))
    foreign = list(map(str, inventory.foreign(folder)))
    return [
        *findings,
        _experiment(folder),
        _part(folder),
        *_records(folder),
        Finding("foreign files", _listed(foreign)),
    ]


def file_system(folder: Path) -> str:
    """Return the type of a folder's file system, as Linux names it; "unknown" on other systems."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return "unknown"
    place = folder.resolve()
    around = [("", "unknown")]
    # See proc(5): the fifth field is the mount point, and the type follows a lone hyphen.
    for line in lines:
        mount = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split()[4])
        if place.is_relative_to(mount):
            around.append((mount, line.partition(" - ")[2].split()[0]))
    # Of two file systems mounted at one place, the later one hides the other.
    return max(reversed(around), key=lambda mounted: len(mounted[0]))[1]


def _described(kind: str) -> str:
    return (
        f"{kind}, of a network: it may lose what it reports as synced" if kind in NETWORKS else kind
    )


def _writing(folder: Path) -> Finding:
    """Write, sync, link and read a small file, just as a record is published."""
    path = folder / f".doctor.{secrets.token_hex(4)}.tmp"
    start = time.perf_counter()
    try:
        files.publish(path, "a record")
        whole = path.read_text(encoding="utf-8") == "a record"
        path.unlink()
    except OSError as error:
        return Finding(
            "writing", "fails", f"{error.strerror or error}; fix that, or use another folder"
        )
    took = f"a durable file takes {1e3 * (time.perf_counter() - start):.0f} ms"
    return Finding(
        "writing",
        took,
        "" if whole else "the file does not read as it was written; use another disk",
    )


def _experiment(folder: Path) -> Finding:
    """Read the experiment of the records; a driver that was killed early has not yet written it."""
    path = folder / "experiment.yaml"
    if not os.path.lexists(path):
        return Finding("experiment", "none yet")
    try:
        inventory.check_version(folder)
        return Finding("experiment", loading.load(path, with_data=False).name)
    except (FolderError, UserError) as error:
        return Finding("experiment", "unusable", str(error))


def _part(folder: Path) -> Finding:
    """Read which part of the experiment the folder holds."""
    try:
        shard = shard_file.read(folder)
    except FolderError as error:
        return Finding("part", "unusable", str(error))
    return Finding("part", shard.title if shard else "the whole")


def _records(folder: Path) -> list[Finding]:
    try:
        found = records.read_all(folder)
    except FolderError as error:
        return [Finding("records", "unusable", str(error))]
    counts = Counter(record.status for record in found.records.values())
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    strange = [run for run, record in found.records.items() if id_of(record.identity) != run]
    older = records.told_older(found.older)
    conflicts, quarantined = (
        sorted(path.name for path in (folder / "runs" / name).glob("*"))
        for name in ("conflicts", "damaged")
    )
    return [
        Finding("records", f"{len(found.records)} checked" + (f": {statuses}" if statuses else "")),
        Finding("older records", f"{older}: kept, and not in the tables" if older else "none"),
        Finding(
            "damaged",
            _listed([path.name for path in found.damaged]),
            (
                "`lstm-ablate run` moves them aside and trains their runs again"
                if found.damaged
                else ""
            ),
        ),
        Finding(
            "misnamed",
            _listed(strange),
            "they are records of other runs; move them away" if strange else "",
        ),
        Finding(
            "conflicts",
            _listed(conflicts),
            (
                "the same runs gave other numbers: other versions, another processor, or a fault"
                if conflicts
                else ""
            ),
        ),
        Finding("quarantined", _listed(quarantined)),
    ]


def _listed(names: list[str]) -> str:
    return (
        f"{len(names)}: {', '.join(names[:5])}" + (", ..." if len(names) > 5 else "")
        if names
        else "none"
    )
