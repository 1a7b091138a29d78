"""A bundle: one zip with all that a reviewer of a paper needs, its results folder among it.

The results folder lies in the bundle as it lies beside a config, in `results/`, so that every
command works in the unpacked bundle. Beside it lie what is made for a paper, and a README.

Why a data file of the user's own is not in it. A bundle is made to be handed on, and the file may
be somebody else's, secret or large. The records hold its digest, so whoever has the file can know
that it is the same; the README says which file is needed, and where it goes. Whoever may hand it on
puts it beside the bundle.
"""

import io
import stat
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lstm_ablate.errors import FolderError, UserError, counted
from lstm_ablate.evidence.summary import Summary
from lstm_ablate.experiment import loading, runs
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run
from lstm_ablate.report import derived, paper
from lstm_ablate.report.latex import PREAMBLE, latex
from lstm_ablate.store import (
    derivation,
    files,
    inventory,
    locks,
    looks_file,
    notices_file,
    shard_file,
)
from lstm_ablate.store.records import Record

_BESIDE = ("environment.json", looks_file.NAME, notices_file.NAME, derivation.NAME)
_TIME = (1980, 1, 1, 0, 0, 0)  # of every file; the earliest that a zip can say


class Bundled(NamedTuple):
    """What became of a bundle: how many files are in it, how many bytes it has, and whether it was
    there before, the same to the byte.
    """

    files: int
    size: int
    was_there: bool


def write(
    path: Path,
    folder: Path,
    summary: Summary,
    found: Sequence[Run],
    records: Mapping[str, Record],
    width: float,
) -> Bundled:
    """Write the bundle of a results folder, of which `found` and `records` gave the summary.

    The same folder gives the same bytes. The file is whole or absent. Raises UserError where
    another file has its name, or where the folder holds a part of an experiment; FolderError where
    the derived files are not those of the records, as while a driver trains.
    """
    if shard := shard_file.read(folder):
        raise UserError(
            f"{folder}: is {shard.title}, and a bundle is of the whole; merge the parts first"
        )
    made_of = derived.made_of(found, records, summary)
    with locks.deriving(folder):
        if not derivation.holds(folder, made_of):
            raise FolderError(
                f"{folder}: its files are not those of its records, as while a run goes on; call"
                " again when it has ended"
            )
        experiment = loading.load(folder / "experiment.yaml", with_data=False)
        contents = _results(folder, experiment, records)
    inside = f"results/{summary.name}/"
    contents = {inside + name: content for name, content in contents.items()}
    contents["tables.tex"] = latex(summary).encode()
    for name, content in paper.figures(summary, width).items():
        contents[f"figures/{name}"] = content
    contents["README.md"] = _readme(summary, experiment, width).encode()
    content = _zipped({f"{summary.name}/{name}": one for name, one in contents.items()})
    was_there = not files.publish(path, content)
    if was_there and files.read(path) != content:
        raise UserError(f"{path}: exists, and is another file; move it, or name another one")
    return Bundled(len(contents), len(content), was_there)


def _results(
    folder: Path, experiment: Experiment, records: Mapping[str, Record]
) -> dict[str, bytes]:
    """Return the files of a results folder that belong to its experiment, by their names in it."""
    ids = {run.id for run in runs.possible(experiment)} & records.keys()
    names = [path.relative_to(folder).as_posix() for path in inventory.derived(folder)]
    names += [name for name in _BESIDE if (folder / name).is_file()]
    names += [f"runs/{run_id}.json" for run_id in ids]
    names += [name for run_id in ids if (folder / (name := f"logs/{run_id}.log")).is_file()]
    return {name: files.read(folder / name) for name in names}


def _zipped(contents: Mapping[str, bytes]) -> bytes:
    """Return a zip of files in the order of their names, with nothing in it that differs from one
    time or machine to another.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in sorted(contents.items()):
            info = zipfile.ZipInfo(name, _TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, whose permissions follow
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(info, content)
    return stream.getvalue()


# ------------------------------------------------------------------------------------- its README


def _readme(summary: Summary, experiment: Experiment, width: float) -> str:
    """Return what a reviewer reads first: what is here, and how to do it again."""
    name = summary.name
    config = f"results/{name}/experiment.yaml"
    missing = sum(row.missing for row in summary.rows)
    are = "is" if missing == 1 else "are"
    state = f"{counted(missing, 'run')} {are} missing.\n\n" if missing else ""
    question = f"{summary.question}\n\n" if summary.question else ""
    return f"""# {name}

{question}{state}| what | where |
|---|---|
| the report, to be opened in a browser | `results/{name}/report.html` |
| the experiment, with every default | `{config}` |
| a record of every run | `results/{name}/runs/` |
| the same as tables | `results/{name}/*.csv` |
| where the runs were trained | `results/{name}/environment.json` |
| LaTeX tables (`{PREAMBLE}`) | `tables.tex` |
| figures as PDF, {width:g} mm wide | `figures/` |

## What it was trained with

{_versions(summary)}
{_data(experiment)}
## Doing it again

Call these commands in this folder, which is `{name}`:

```sh
lstm-ablate doctor results/{name}
lstm-ablate report results/{name}
lstm-ablate run {config}
```

The first checks the records, the second computes every number and verdict from them once more, and
the third trains {"what is missing" if missing else "nothing, since no run is missing"}.
These two train every run again, and compare what comes out:

```sh
lstm-ablate run {config} --results again
lstm-ablate compare results/{name} again/{name}
```

With the versions above, on the same kind of processor, the numbers are the same to the last bit.
Elsewhere arithmetic rounds differently, so that the picture is the same, and not the digits.
"""


def _versions(summary: Summary) -> str:
    """Return the versions that the environment of a results folder names, as a list."""
    environment = summary.environment
    packages = environment.get("packages")
    named = dict(packages) if isinstance(packages, dict) else {}
    lines = [f"{package} {version}" for package, version in named.items()]
    commit = "the commit of the repository of git in which the experiment's file lay:"
    for key, what in (("python", "Python"), ("git_commit", commit)):
        if environment.get(key):
            lines.append(f"{what} {environment[key]}")
    lines += [str(environment[key]) for key in ("platform", "device") if environment.get(key)]
    return "\n".join(f"- {line}" for line in lines) or "Nothing is known of it."


def _data(experiment: Experiment) -> str:
    """Say which data files are not here, and where they go; nothing where all data are drawn.

    The paths are those of the config: `settings` have them as they are on this machine.
    """
    tasks = experiment.resolved["tasks"]
    changes = [("", {f"data.{key}": one for key, one in experiment.resolved["data"].items()})]
    changes += [(f"tasks.{task}.", changed) for task, changed in tasks.items()]
    found = [
        (f"{where}data.path=FILE", changed["data.path"], changed.get("data.digest"))
        for where, changed in changes
        if "data.path" in changed
    ]
    if not found:
        return ""
    lines = "".join(f"- `{path}`, SHA-256 `{digest}`: `{word}`\n" for word, path, digest in found)
    return f"""
## Its data

The data are not in this bundle, because they may not be the authors' to hand on:

{lines}
Nothing but `lstm-ablate run` needs them: add what stands behind a file to its commands below, with
the place where the file lies. Its content alone counts. The records hold the first feature of a few
test windows, which the figures show.
"""
