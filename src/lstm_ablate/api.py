"""What a notebook or a script calls: the studies of the command line as Python values.

Everything here can be imported from `lstm_ablate` itself; docs/api.md shows it in use.
"""

import html
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from lstm_ablate import merging, models
from lstm_ablate import study as studies
from lstm_ablate.display import notebook, progress
from lstm_ablate.display.plan import print_plan
from lstm_ablate.display.printing import console, line_printer, printed
from lstm_ablate.errors import UserError, counted, did_you_mean, printable
from lstm_ablate.experiment import shards
from lstm_ablate.experiment.changes import Override
from lstm_ablate.training.sweep import Finished

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    from lstm_ablate.evidence.summary import Row
    from lstm_ablate.evidence.typical import Typical

Config: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]
Key: TypeAlias = str | tuple[str, str]  # a variant, or a task and a variant

_SOURCE = "call"  # what messages call where overrides come from


class UnknownNameError(UserError, KeyError):
    """There is no such task, variant or figure; a `KeyError` for those who look names up."""

    def __str__(self) -> str:
        return "\n".join(self.problems)


@dataclass(frozen=True)
class Estimate:
    """A median over the seeds, with the interval that a report shows beside it.

    `value` is None where the median lies between two numbers that are not both finite, `low` and
    `high` where there are too few seeds for an interval.

    >>> Estimate(0.49, 0.28, 0.76).low
    0.28
    """

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Outcome:
    """What became of one variant in one task.

    `ratio` is its typical loss as a multiple of the baseline's, at which it wins at `wins` of
    `pairs` seeds. The baseline is compared with nothing: its `ratio`, `wins`, `pairs` and
    `sentence` are None, as are those that no run tells yet.

    >>> load("results/smoke")["relu"].formula
    'g = relu(z_g); h = o * relu(c)'
    >>> load("results/smoke")["relu"].keras
    'LSTM(..., activation="relu")'
    >>> load("results/smoke")["relu"].pairs
    3
    """

    task: str
    variant: str
    verdict: str
    sentence: str | None
    ratio: Estimate | None
    loss: Estimate | None
    formula: str
    keras: str
    wins: int | None
    pairs: int | None
    folder: Path = field(repr=False)

    def model(self, seed: int, *, anyway: bool = False) -> Any:
        """Return the trained Keras model of a run, which is trained once more for it.

        A process of its own trains; the model is built here, which loads Keras. Raises UserError
        where there is no such run, where it has no weights, and where its numbers are not the
        recorded ones, as on another machine; `anyway` returns the model then too.
        """
        try:
            again = models.again(self.folder, self.variant, seed, self.task, log=line_printer())
        except models.TrainingError as error:
            raise UserError(f"{self.variant}, seed {seed}: {error}") from None
        if again.apart and not anyway:
            raise UserError(f"{again.apart}\n  anyway=True returns the model all the same")
        return models.built(again)

    def windows(self, seed: int) -> "dict[str, np.ndarray[Any, Any]]":
        """Return the windows of a run, each part [N, time steps, features], by its name.

        >>> load("results/smoke")["relu"].windows(seed=0)["test"].shape
        (32, 12, 1)
        """
        arrays = models.windows_of(self.folder, self.variant, seed, self.task)
        return {"train": arrays.train, "validation": arrays.validation, "test": arrays.test}

    def scaling(self) -> "pd.DataFrame":
        """Return how the columns of a data file were scaled, for rows that the model has not seen.

        For rows in the units of the file, with its columns, `(rows - scaling["offset"]) /
        scaling["scale"]` are in the units of the model. Raises UserError where data are drawn.
        """
        import pandas as pd

        names, offset, scale = models.scaling_of(self.folder, self.variant, self.task)
        return pd.DataFrame({"offset": offset, "scale": scale}, index=names)


class Results(Mapping[Key, Outcome]):
    """What a results folder holds: tables, verdicts and figures, in a notebook as in a report.

    It maps each variant to its `Outcome`, by its name or by the names of a task and a variant.
    `print` gives the table of `lstm-ablate report`, a notebook shows it as HTML.

    >>> study = load("results/smoke")
    >>> list(study)
    ['tanh', 'relu']
    >>> study.runs[["variant", "seed", "status"]].head(2)
      variant  seed status
    0    tanh     0     ok
    1    tanh     1     ok
    """

    def __init__(self, findings: studies.Findings, folder: Path):
        self._findings = findings
        self._summary = findings.summary
        self.folder = folder

    # ------------------------------------------------------------------------------ what it says

    @property
    def name(self) -> str:
        """The name of the experiment."""
        return self._summary.name

    @property
    def question(self) -> str:
        """What the experiment asks; empty where its config does not say."""
        return self._summary.question

    @property
    def verdicts(self) -> dict[Key, str]:
        """The verdict on each variant but the baseline, by the key that leads to its outcome.

        >>> list(load("results/smoke").verdicts)
        ['relu']
        """
        baseline = self._summary.baseline
        return {
            key: outcome.verdict for key, outcome in self.items() if outcome.variant != baseline
        }

    @cached_property
    def runs(self) -> "pd.DataFrame":
        """One row for each run: the content and the types of runs.csv."""
        from lstm_ablate.store import tables

        return tables.runs_table(self._findings.runs, self._findings.records)

    @cached_property
    def curves(self) -> "pd.DataFrame":
        """One row for each epoch of each run: the content and the types of curves.csv."""
        from lstm_ablate.store import tables

        return tables.curves_table(self._findings.runs, self._findings.records)

    @cached_property
    def summary(self) -> "pd.DataFrame":
        """One row for each task and variant: the content and the types of summary.csv."""
        return self._summary.table()

    def figure(self, name: str, width: float | None = None) -> "Figure":
        """Return a figure of the report, by the name of its file in figures/.

        With several tasks a figure of one task is called like `curves-TASK`. With a `width` in
        millimetres it is drawn for print at that width, with text of 7 points; `savefig` writes it.
        Raises UserError, with the names that there are, where there is no such figure.

        >>> load("results/smoke").figure("curves")
        <...Figure size ...>
        """
        from lstm_ablate.report import plots

        drawings = {drawing.name: drawing for drawing in plots.drawings(self._summary)}
        if name not in drawings:
            what = f'"{name}" is not a figure of {self.name}'
            raise UnknownNameError(f"{what}.{did_you_mean(name, drawings)}{_known(drawings)}")
        sheet = plots.SCREEN if width is None else plots.column(width)
        return plots.drawn(drawings[name], sheet)

    # ----------------------------------------------------------------------------- what it holds

    def __getitem__(self, key: Key) -> Outcome:
        tasks, variants = self._summary.tasks, self._summary.variants
        task, variant = key if isinstance(key, tuple) and len(key) == 2 else (tasks[0], key)
        for kind, name, known in (("task", task, tasks), ("variant", variant, variants)):
            if name not in known:
                shown = f'"{name}"' if isinstance(name, str) else repr(name)
                hint = did_you_mean(name, known) if isinstance(name, str) else ""
                raise UnknownNameError(
                    f"{shown} is not a {kind} of {self.name}.{hint}{_known(known)}"
                )
        if not isinstance(key, tuple) and len(tasks) > 1:
            write = f'write ["{tasks[0]}", "{variant}"]'
            raise UnknownNameError(f"{self.name} has several tasks; {write}{_known(tasks)}")
        (row,) = (row for row in self._summary.rows if (row.task, row.variant) == (task, variant))
        return _outcome(row, self.folder)

    def __iter__(self) -> Iterator[Key]:
        several = len(self._summary.tasks) > 1
        return iter(
            [(row.task, row.variant) if several else row.variant for row in self._summary.rows]
        )

    def __len__(self) -> int:
        return len(self._summary.rows)

    # ---------------------------------------------------------------------------- how it is shown

    def __repr__(self) -> str:
        """Return the name, the counts of verdicts and the folder; an unfinished object has none."""
        try:
            counts: dict[str, int] = {}
            for verdict in self.verdicts.values():
                counts[verdict] = counts.get(verdict, 0) + 1
            text = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
            shown = printable(f"{self.name}: {text or 'only the baseline'}; {self.folder}")
        except Exception as error:  # a debugger may ask at any time
            shown = f"not whole: {type(error).__name__}"
        return f"<Results of {shown}>"

    def __str__(self) -> str:
        """Return the table that `lstm-ablate report` prints."""
        from lstm_ablate.report.terminal import terminal

        return printed(lambda to: terminal(self._summary, to)).rstrip("\n")

    def _repr_html_(self) -> str:
        """Return the verdicts and tables of the report for a notebook, with all escaped."""
        from lstm_ablate.report.parts import for_notebook

        return for_notebook(self._summary)


def _known(names: Mapping[str, object] | tuple[str, ...]) -> str:
    return f"\n  known: {', '.join(names)}" if names else "\n  known: none"


def _outcome(row: "Row", folder: Path) -> Outcome:
    compared = row.comparison
    return Outcome(
        task=row.task,
        variant=row.variant,
        verdict=row.verdict,
        sentence=row.sentence,
        ratio=_estimate(compared.ratio) if compared else None,
        loss=_estimate(row.loss) if row.loss else None,
        formula=row.formula,
        keras=row.keras,
        wins=compared.wins if compared else None,
        pairs=compared.pairs if compared else None,
        folder=folder,
    )


def _estimate(middle: "Typical") -> Estimate:
    low, high = middle.interval or (None, None)
    return Estimate(middle.value, low, high)


class Plan:
    """What a run would do and cost. `print` gives what `lstm-ablate plan` prints.

    `runs` are asked for at most, and `missing` of them are not recorded yet; `tuning_runs` are
    missing before them, where something is tuned. `seconds` says how long all of that takes on
    `workers` processes, None where nobody knows; `memory_bytes` what each of them takes.

    >>> plan("smoke.yaml", seeds=4).runs
    8
    """

    def __init__(self, prospect: studies.Prospect):
        self._prospect = prospect
        self.name = prospect.study.experiment.name
        self.folder = prospect.study.folder
        self.runs = len({run.id for run in prospect.todo.runs})
        self.missing = len(prospect.todo.missing)
        self.tuning_runs = len(prospect.tuning.todo.missing) if prospect.tuning else 0
        self.workers = prospect.workers
        self.memory_bytes = prospect.cost.memory_bytes
        stages = [prospect.cost.seconds] if self.missing else []
        if prospect.tuning and self.tuning_runs:
            stages.append(prospect.tuning.cost.seconds)
        known = [seconds for seconds in stages if seconds is not None]
        self.seconds: float | None = sum(known) if len(known) == len(stages) else None

    def __repr__(self) -> str:
        """Return the name, the runs and the folder."""
        runs = f"{counted(self.runs, 'run')}, {self.missing} missing"
        return f"<Plan of {printable(f'{self.name}: {runs}; {self.folder}')}>"

    def __str__(self) -> str:
        """Return the tables and lines that `lstm-ablate plan` prints."""
        return printed(lambda to: print_plan(self._prospect, to)).rstrip("\n")

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def run(
    config: Config,
    *overrides: str,
    results: str | os.PathLike[str] = "results",
    workers: int | None = None,
    executor: Literal["local", "ray"] | None = None,
    address: str | None = None,
    engine: str | None = None,
    until_decided: bool = False,
    shard: str | None = None,
    retry_failed: bool = False,
    fail_fast: bool = False,
    quiet: bool = False,
    **changes: Any,
) -> Results:
    """Train what is missing, write the CSVs and the report, and return the results.

    `config` is the path of a YAML file, or a dict that holds what one would. `overrides` are texts
    as on the command line (`"training.epochs=5"`), `changes` are keys at the top of the config, or
    paths (`**{"training.epochs": 5}`). Progress goes to standard error or, in a notebook, to the
    cell. `shard="2/8"` trains that part of the experiment alone, in a folder of its own, which
    `merge` puts together with the others. Processes of their own train, on this machine or, with
    `executor="ray"`, on the nodes of the Ray cluster at `address`; an interrupt keeps every run
    that is done, and goes on as KeyboardInterrupt. Raises UserError with every problem that the
    config has, and FolderError where the results folder cannot be used.

    >>> run("smoke.yaml", "training.epochs=2", seeds=3, quiet=True)
    <Results of smoke: 1 ...; results/smoke>
    """
    _check_workers(workers)
    study = _find(
        config, overrides, changes, results, engine, until_decided=until_decided, shard=shard
    )
    cell = None if quiet else notebook.cell()
    to = console(sys.stderr, quiet=quiet or cell is not None)  # red in a notebook is a warning

    def watch(steps: studies.Steps, stage: studies.Stage) -> Iterator[Finished]:
        return progress.shown(steps, stage, cell or to)

    warn = line_printer(to=None if to.quiet else to)
    ran = studies.run(
        study,
        workers=workers,
        executor=executor,
        address=address,
        retry_failed=retry_failed,
        fail_fast=fail_fast,
        watch=watch,
        log=line_printer(to=to),
        warn=warn,
    )
    if ran.conflict:
        warn(ran.conflict)
    return Results(ran.findings, study.folder)


def plan(
    config: Config,
    *overrides: str,
    results: str | os.PathLike[str] = "results",
    workers: int | None = None,
    engine: str | None = None,
    until_decided: bool = False,
    shard: str | None = None,
    **changes: Any,
) -> Plan:
    """Return what `run` with these arguments would do and cost; train nothing, write no results.

    The first call on a machine measures how fast it trains, and keeps that in the user's cache.
    Raises UserError and FolderError as `run` does.

    >>> plan("smoke.yaml", seeds=3, **{"training.epochs": 2})
    <Plan of smoke: 6 runs, 0 missing; results/smoke>
    """
    _check_workers(workers)
    study = _find(
        config, overrides, changes, results, engine, until_decided=until_decided, shard=shard
    )
    return Plan(studies.plan(study, workers, log=line_printer()))


def load(folder: str | os.PathLike[str]) -> Results:
    """Return what a results folder holds, with its tables and its report made anew.

    Raises UserError where it is no results folder, and FolderError where it cannot be used.

    >>> load("results/smoke").name
    'smoke'
    """
    return Results(studies.read_back(Path(folder), line_printer()), Path(folder))


def merge(folder: str | os.PathLike[str], *sources: str | os.PathLike[str]) -> Results:
    """Copy what parts of an experiment have trained into one results folder, and return it.

    `sources` are results folders, or folders and archives (zip, tar.gz) with some in them. Raises
    UserError and FolderError as `lstm-ablate merge` says them.

    >>> part = run("smoke.yaml", "training.epochs=2", seeds=3, shard="1/3", quiet=True)
    >>> merge("results/smoke", "results/smoke.shards/1of3")
    <Results of smoke: 1 ...; results/smoke>
    """
    merged = merging.merge_parts(
        Path(folder), [*map(Path, sources)], log=line_printer(), warn=line_printer()
    )
    if merged.missing:
        line_printer()(f"{folder}: {merged.state}: {merged.missing.what}")
    return Results(merged.ran.findings, Path(folder))


def _check_workers(workers: object) -> None:
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise UserError(f"{_SOURCE}, workers: a whole number from 1 is needed; found {workers!r}")


def _find(
    config: Config,
    overrides: tuple[str, ...],
    changes: Mapping[str, Any],
    results: str | os.PathLike[str],
    engine: str | None,
    *,
    until_decided: bool,
    shard: str | None,
) -> studies.Study:
    """Return the study of a config as a caller gives it."""
    if isinstance(config, str | os.PathLike):
        config = Path(config)
    elif not isinstance(config, Mapping):
        found = type(config).__name__
        raise UserError(f"config: the path of a YAML file or a dict is needed; found a {found}")
    for text in overrides:
        if not isinstance(text, str):
            raise UserError(f'{_SOURCE}, {text!r}: write text, such as "training.epochs=5"')
    given: list[Override] = [*overrides, *changes.items()]
    if engine is not None:
        given.append(("engine", engine))
    return studies.find(
        config,
        given,
        Path(results),
        until_decided=until_decided,
        shard=None if shard is None else shards.of_option(shard, os.environ, f"{_SOURCE}, shard"),
        source=_SOURCE,
    )
