"""The command line: parse, call one function, print, exit with its code."""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from lstm_ablate import __version__
from lstm_ablate.errors import FolderError, UserError, did_you_mean, printable
from lstm_ablate.report.json_text import json_text

if TYPE_CHECKING:
    from rich.console import Console

    from lstm_ablate.evidence.analysis import Summary
    from lstm_ablate.experiment.resolved import Experiment

app = typer.Typer(
    name="lstm-ablate",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Does a piece of a stacked LSTM matter? Train every variant of a YAML file with the same seeds and compare.",
    epilog="Start with: lstm-ablate init smoke, then lstm-ablate run smoke.yaml",
)

DIFFERENT, WRONG, FAILED_RUNS, FOLDER, BUG = 1, 2, 3, 4, 70  # and 128 + the number of a signal

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="The experiment's YAML file.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH=VALUE", help="Changes to the config, such as training.epochs=5.", show_default=False),
]
Results = Annotated[
    Path, typer.Option("--results", metavar="DIR", readable=False, help="Where results folders are kept.")
]
EngineName = Annotated[
    str | None,
    typer.Option("--engine", metavar="fused|keras", help="The code that trains; the config's own, or fused."),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes; one per core by default, as far as memory goes.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def main() -> None:
    """Run the command line and exit: 0 done, 2 wrong input, 3 failed runs, 4 unusable folder, 70 a bug of ours."""
    os.environ["PYTHONSAFEPATH"] = "1"  # a worker imports nothing from the working folder
    output, messages = _Stream(sys.stdout), _Stream(sys.stderr)
    with redirect_stdout(output), redirect_stderr(messages):
        try:
            app()
        except UserError as error:
            _end("\n".join(error.problems), WRONG)
        except FolderError as error:
            _end(str(error), FOLDER)
        except OSError as error:
            _end(f"{error.filename}: {error.strerror}" if error.filename else str(error), FOLDER)
        except MemoryError as error:
            _end(f"out of memory: {str(error) or 'the experiment or its data is too large for this machine'}", WRONG)
        except Exception:
            traceback.print_exc()
            _end(f"This is a bug of lstm-ablate {__version__}; please report it with the lines above.", BUG)
        finally:
            output.flush()
            messages.flush()
            if output.error and output.error.errno not in (errno.EPIPE, errno.EIO):  # the reader or the terminal went
                _end(f"standard output: {output.error.strerror}; what was to be printed is lost", FOLDER)


def _end(message: str, code: int) -> NoReturn:
    print(_visible(message), file=sys.stderr)
    sys.exit(code)


class _Stream:
    """Standard output or error, whose loss ends no experiment: what follows is dropped, and `error` says why."""

    def __init__(self, stream: Any):
        self.stream = stream or Path(os.devnull).open("w")  # noqa: SIM115 - closed, as by >&-
        self.stream.reconfigure(errors="replace")
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        self._tried(self.stream.write, text)
        return len(text)

    def flush(self) -> None:
        self._tried(self.stream.flush)

    def _tried(self, do: Callable[..., Any], *words: str) -> None:
        try:
            do(*words)
        except OSError as error:
            self.error = error
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _visible(text: str) -> str:
    """Return lines that steer no terminal and turn no text around."""
    return "\n".join(map(printable, text.split("\n")))


def _version(wanted: bool) -> None:
    if wanted:
        print(f"lstm-ablate {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: lstm-ablate init smoke")
def init(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Which to write; none: list them.", show_default=False),
    ] = None,
) -> None:
    """List the configs that come with lstm-ablate, or write one into the working folder."""
    from lstm_ablate.experiment import shipped
    from lstm_ablate.store import copies

    if name is None:
        rows = [list(row) for row in shipped.questions().items()]
        _print_table(_console(sys.stdout), ["config", "what it asks"], rows)
        return
    for path in copies.write(shipped.contents(name), Path()):
        print(path)
    _log()(f"next: lstm-ablate run {name}.yaml")


@app.command(epilog="Example: lstm-ablate run smoke.yaml training.epochs=5 seeds=3")
def run(
    config: Config,
    overrides: Overrides = None,
    results: Results = Path("results"),
    engine: EngineName = None,
    workers: Workers = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try runs again that failed before.")] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first run that fails.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train what is missing, then write the CSVs and the report, and print the table."""
    from lstm_ablate.cli import progress
    from lstm_ablate.store import inventory, records
    from lstm_ablate.training import resources, sweep

    experiment = _checked(config, overrides, engine)
    folder = results / experiment.name
    inventory.check_owner(folder, experiment.name)
    log, warn = _log(quiet), _log()
    conflicts = 0
    with records.locked(folder):
        inventory.check_rebuildable(folder)
        experiment = resources.settled(experiment, folder)
        todo = sweep.plan(experiment, folder, retry_failed=retry_failed)
        if foreign := inventory.foreign(folder):
            log(f"{folder}: not ours, left alone: {', '.join(map(str, foreign))}")
        asked = {one.id for one in todo.runs}
        for path in todo.damaged:
            again = ", the run is trained again" if path.stem in asked else ""
            warn(f"{path}: damaged; moved to {records.set_aside(path)}{again}")
        if todo.others:
            log(f"{folder}: {todo.others} records of other settings stay, and are not in the tables")
        done = len(asked) - len(todo.missing)
        log(f"{experiment.name}: {len(asked)} runs, {done} done, {len(todo.missing)} to train")
        if todo.missing:
            _write_tables(folder, experiment)  # so that `report` works beside a run, and after one that was killed
            steps = sweep.train(
                todo,
                folder,
                workers=workers or resources.workers(experiment),
                config_folder=config.parent,
                timeout=experiment.timeout,
                fail_fast=fail_fast,
            )
            _on_interrupts(_interrupt)
            try:
                for finished in progress.shown(steps, todo.missing, done, _console(sys.stderr, quiet=quiet)):
                    conflicts += finished.stored == "conflict"
            except KeyboardInterrupt as interrupt:
                steps.close()
                kept = _write_tables(folder, experiment)
                warn(f"interrupted: {kept} of {len(asked)} runs are done and kept; call again to go on")
                raise typer.Exit(128 + interrupt.args[0]) from None
            _on_interrupts(_leave)
        summary = _rebuilt(folder, experiment)
    _print_report(summary, ["json" if as_json else "terminal"])
    log(f"{folder}: runs.csv, curves.csv, summary.csv, timings.csv, report.md, report.html, figures/")
    if conflicts:
        warn(f"{conflicts} runs gave other numbers than recorded before: {folder}/runs/conflicts")
    if conflicts or any(row.failed for row in summary.rows):
        raise typer.Exit(FAILED_RUNS)


@app.command(epilog="Example: lstm-ablate plan smoke.yaml seeds=30")
def plan(
    config: Config,
    overrides: Overrides = None,
    results: Results = Path("results"),
    engine: EngineName = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Show what would run, and what it would cost; train nothing, write nothing."""
    from lstm_ablate.evidence import reach
    from lstm_ablate.store import inventory
    from lstm_ablate.training import cost as costs
    from lstm_ablate.training import resources, sweep

    experiment = _checked(config, overrides, engine)
    folder = results / experiment.name
    inventory.check_owner(folder, experiment.name)
    experiment = resources.settled(experiment, folder)
    todo = sweep.plan(experiment, folder)
    processes = workers or resources.workers(experiment)
    cost = costs.cost(todo, processes)
    shares = [asdict(share) for share in costs.shares(experiment, todo)]
    tasks = len(experiment.tasks)
    families = tasks + (tasks > 1)  # of several tasks a report compares over all of them too
    seeds, comparisons = len(experiment.seeds), max(1, (len(experiment.variants) - 1) * families)
    smallest = reach.smallest_p(seeds)
    smallest_holm = min(1.0, smallest * comparisons)
    if as_json:
        content = {
            "name": experiment.name,
            "folder": str(folder),
            "variants": shares,
            "workers": processes,
            **asdict(cost),
            "smallest_p": smallest,
            "smallest_p_holm": smallest_holm,
        }
        print(json_text(content))
        return
    headings = ["task"] * (len(experiment.tasks) > 1) + ["variant", "formula", "runs", "missing"]
    cells = [[str(share[heading]) for heading in headings] for share in shares]
    out = _console(sys.stdout)
    _print_table(out, headings, cells, title=experiment.name)
    basis = "from the finished runs" if cost.measured else "a rough guess until runs have finished here"
    time = f"{_duration(cost.seconds)} with {_count(processes, 'worker')} ({basis})"
    needs = [
        f"time      {time}",
        f"memory    {cost.memory_bytes / 1e9:.1f} GB per worker; disk {cost.disk_bytes / 1e6:.2g} MB",
    ]
    lines = [
        f"runs      {len({one.id for one in todo.runs})}, of which {len(todo.missing)} are missing in {folder}",
        *(needs if todo.missing else []),
        f"evidence  {seeds} paired seeds can reach p = {smallest:.2g} at best (two-sided sign-flip test, 2/2^n), "
        f"{smallest_holm:.2g} after Holm over {_count(comparisons, 'comparison')}",
    ]
    out.print("\n".join(lines), markup=False, soft_wrap=True)


@app.command(epilog="Example: lstm-ablate report results/smoke --format markdown,csv")
def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A results folder.", show_default=False)],
    formats: Annotated[
        str,
        typer.Option(
            "--format", help="What to print: terminal, markdown, latex, csv, json, html; several with commas."
        ),
    ] = "terminal",
) -> None:
    """Rebuild the derived files of a results folder from its records, and print the table."""
    from lstm_ablate.report.renderers import FORMATS
    from lstm_ablate.store import inventory

    wanted = formats.split(",")
    for name in wanted:
        if name not in FORMATS:
            hint = did_you_mean(name, FORMATS)
            raise UserError(f'--format: "{name}" is not a format.{hint}\n  known: {", ".join(FORMATS)}')
    if not (folder / "experiment.yaml").is_file():
        raise UserError(f"{folder}: not a results folder (it holds no experiment.yaml)")
    inventory.check_rebuildable(folder)
    _print_report(_rebuilt(folder), wanted)


@app.command(
    epilog="Example: lstm-ablate compare results/smoke again/smoke --exact, "
    "after lstm-ablate run smoke.yaml --results again"
)
def compare(
    a: Annotated[
        Path, typer.Argument(metavar="A", help="A results folder, or a CSV of runs or a summary.", show_default=False)
    ],
    b: Annotated[Path, typer.Argument(metavar="B", help="What is compared with A.", show_default=False)],
    rtol: Annotated[float | None, typer.Option(help="Relative tolerance.", show_default="1e-5")] = None,
    atol: Annotated[float | None, typer.Option(help="Absolute tolerance.", show_default="0")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Equal to the bit, and the same ids of runs.")] = False,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="The column to compare.", show_default="all; --margin: test_loss")
    ] = None,
    margin: Annotated[
        str | None, typer.Option(help="Fail only if B's loss is above A's by more than this, as 10%, with confidence.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many differences of a kind are listed; all with --json.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two tables of runs, joined by task, variant and seed; exit with 1 if anything does."""
    from lstm_ablate.evidence import compare as comparing

    tolerances = {name: value for name, value in {"rtol": rtol, "atol": atol}.items() if value is not None}
    for name, value in tolerances.items():
        if not 0 <= value < float("inf"):
            raise UserError(f"--{name}: {value} is not a tolerance; it takes a number from 0 on")
    if (exact or margin is not None) and (tolerances or (exact and margin is not None)):
        raise UserError("--margin, --exact, and --rtol with --atol are three ways to compare; choose one")
    first, second = comparing.read_pair(a, b)
    if margin is None:
        passed = _print_differences(
            comparing.compare(first, second, exact=exact, metric=metric, **tolerances), limit, as_json
        )
    else:
        passed = _print_gate(first, second, margin, metric or "test_loss", as_json)
    if not passed:
        raise typer.Exit(DIFFERENT)


@app.command(epilog="Example: lstm-ablate verify smoke.yaml seeds=3")
def verify(
    config: Config,
    overrides: Overrides = None,
    engine: EngineName = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Train the same runs with an engine and with plain Keras, and show how far apart they are."""
    from lstm_ablate.checks import verification
    from lstm_ablate.experiment import runs
    from lstm_ablate.training import resources

    experiment = _checked(config, overrides, engine)
    log = _log()
    expanded = runs.expand(experiment)
    comparisons = []
    for one in verification.compare(expanded, workers or resources.workers(experiment)):
        comparisons.append(one)
        log(f"{len(comparisons)}/{len(expanded)} runs compared; {one.run.variant}, seed {one.run.seed}")
    comparisons.sort(key=lambda one: expanded.index(one.run))
    verdicts = verification.judge(comparisons)
    epochs = verification.by_epoch(comparisons)
    if as_json:
        content = {"verdicts": [asdict(one) for one in verdicts], "epochs": [asdict(one) for one in epochs]}
        print(json_text(content))
    else:
        _print_verification(experiment.engine, verdicts, epochs)
    if not all(verdict.holds for verdict in verdicts):
        raise typer.Exit(DIFFERENT)


@app.command(epilog="Example: lstm-ablate bench --end-to-end smoke.yaml --json bench.json")
def bench(
    cases: Annotated[str, typer.Option("--cases", help="Which networks, with commas; all by default.")] = "",
    rounds: Annotated[int, typer.Option(min=1, help="Epochs that each contestant trains in turn.")] = 7,
    config: Annotated[
        Path | None,
        typer.Option("--end-to-end", metavar="CONFIG", help="Run this experiment from start to report too."),
    ] = None,
    file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all figures to a file.")] = None,
) -> None:
    """Measure on this machine how fast the engines train, against Keras loops written by hand."""
    from lstm_ablate.checks import benchmark
    from lstm_ablate.training import resources

    wanted = cases.split(",") if cases else list(benchmark.CASES)
    for case in wanted:
        if case not in benchmark.CASES:
            hint = did_you_mean(case, benchmark.CASES)
            raise UserError(f'--cases: "{case}" is not a case.{hint}\n  known: {", ".join(benchmark.CASES)}')
    result = benchmark.run(wanted, rounds, resources.default_workers(), config, _log())
    out = _console(sys.stdout)
    headings, *rows = benchmark.table(result)
    _print_table(out, headings, rows, title=f"{result.processor['name']}, {result.cores} cores")
    lines = [
        f"peak: {result.peak_gflops:.0f} GFLOP/s in a float32 matrix product of {benchmark.PEAK_SIZE} rows, all cores",
        f"growth: {result.growth.timesteps:.2f} times the time per step when sequences are 8 times as long, "
        f"{result.growth.seeds:.2f} times per run with 10 times the seeds",
    ]
    if whole := result.end_to_end:
        lines.append(
            f"{whole.experiment}, {whole.runs} runs from start to report: fused {whole.fused_seconds:.0f} s, "
            f"plain Keras {whole.plain_seconds:.0f} s (estimated from 4 whole runs of the baseline): "
            f"{whole.plain_seconds / whole.fused_seconds:.1f}x"
        )
    out.print("\n".join(lines), markup=False, soft_wrap=True)
    if file:
        file.write_text(json_text(asdict(result)) + "\n", encoding="utf-8")


@app.command(epilog="Example: lstm-ablate doctor results/smoke")
def doctor(
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="A results folder.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look for what could go wrong: versions, device, threads, and a results folder with its records."""
    from lstm_ablate.checks import doctor as doctors

    findings = doctors.examine(folder)
    problems = [one for one in findings if one.problem]
    if as_json:
        content = {"ok": not problems, "findings": [asdict(one) for one in findings]}
        print(json_text(content))
    else:
        out = _console(sys.stdout)
        _print_table(out, ["what", "found"], [[one.what, _visible(one.found)] for one in findings])
        lines = [f"{one.what}: {one.found}: {one.problem}" for one in problems] or ["nothing is wrong"]
        out.print(_visible("\n".join(lines)), markup=False, soft_wrap=True)
    if problems:
        raise typer.Exit(FOLDER)


@app.command(epilog="Example: lstm-ablate schema > experiment.schema.json")
def schema() -> None:
    """Print the JSON Schema of an experiment file, for editors and other programs."""
    from lstm_ablate.experiment.schema import json_schema

    print(json_text(json_schema()))


@app.command(epilog="Example: lstm-ablate activations --json")
def activations(as_json: AsJson = False) -> None:
    """List the activations with their formulas; they mean what they mean in Keras."""
    import numpy as np

    from lstm_ablate.experiment.activations import ACTIVATIONS

    points = np.array([-1.0, 0.0, 1.0])
    rows = [
        {
            "name": one.name,
            "formula": one.formula,
            "at -1, 0, 1": [round(float(value), 4) for value in one.function(points)],
            "slope at -1, 0, 1": [round(float(value), 4) for value in one.derivative(points)],
        }
        for one in ACTIVATIONS.values()
    ]
    if as_json:
        print(json_text(rows))
        return
    cells = [
        [str(cell) if isinstance(cell, str) else "  ".join(f"{x:g}" for x in cell) for cell in row.values()]
        for row in rows
    ]
    _print_table(_console(sys.stdout), list(rows[0]), cells)


# ------------------------------------------------------------------------------------------------ shared parts


def _on_interrupts(handler: Callable[[int, Any], None]) -> None:
    """Handle Ctrl-C, a scheduler's signal and the end of a terminal, but for what nohup and & have us ignore."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _interrupt(number: int, _: Any) -> None:
    """Stop in order; who asks a second time does not want to wait."""
    _on_interrupts(_leave)
    raise KeyboardInterrupt(number)


def _leave(number: int, _: Any) -> None:
    """End at once: files are whole at any moment, and workers end with us."""
    os._exit(128 + number)


def _write_tables(folder: Path, experiment: "Experiment") -> int:
    """Write the tables of the runs that are recorded; return how many of those asked for are."""
    from lstm_ablate.experiment import runs
    from lstm_ablate.report import renderers as reports
    from lstm_ablate.store import records

    with records.deriving(folder):
        found, _ = records.load(folder)
        expanded = runs.expand(experiment)
        reports.write(folder, experiment, expanded, found, None)
    return len(found.keys() & {one.id for one in expanded})


def _rebuilt(folder: Path, experiment: "Experiment | None" = None) -> "Summary":
    """Write the derived files and return what they say.

    Without an experiment it is the folder's own, and files that cannot be written are no error.
    """
    from lstm_ablate.evidence import analysis
    from lstm_ablate.experiment import loading as experiments
    from lstm_ablate.experiment import runs
    from lstm_ablate.report import renderers as reports
    from lstm_ablate.store import inventory, records

    with records.deriving(folder):
        one = experiment or experiments.load(folder / "experiment.yaml", with_data=False)
        found, damaged = records.load(folder)
        expanded = runs.expand(one)
        summary = analysis.summarise(one, expanded, found, inventory.environment(folder))
        try:
            reports.write(folder, one, expanded, found, summary)
        except OSError as error:
            if experiment:
                raise
            _log()(f"{folder}: its files are not rewritten: {error.strerror or error}")
    for path in damaged:
        again = " and trains its run again" if path.stem in {one.id for one in expanded} else ""
        _log()(f"{path}: damaged; `lstm-ablate run` moves it aside{again}")
    return summary


def _print_report(summary: "Summary", formats: list[str]) -> None:
    from lstm_ablate.report import renderers as reports

    for name in formats:
        render = reports.FORMATS[name]
        if render is None:
            reports.terminal(summary, _console(sys.stdout))
        else:
            sys.stdout.write(render(summary))


def _checked(config: Path, overrides: list[str] | None, engine: str | None) -> "Experiment":
    """Return an experiment that can be trained here: its values, its data files and its sizes are checked."""
    from lstm_ablate.experiment import loading as experiments
    from lstm_ablate.training import resources
    from lstm_ablate.training.inputs import checking

    experiment = experiments.load(config, _overrides(overrides, engine))
    checking.check_data(experiment)
    resources.check_memory(experiment)
    return experiment


def _overrides(words: list[str] | None, engine: str | None) -> tuple[str, ...]:
    return (*(words or ()), *([f"engine={engine}"] if engine else []))


def _console(stream: Any, *, quiet: bool = False) -> "Console":
    """Return a console; where it is no terminal, wide enough that tables stay whole. A message stays on its line."""
    from rich.console import Console

    width = None if stream.isatty() else 160
    return Console(file=stream, quiet=quiet, highlight=False, width=width, soft_wrap=stream is sys.stderr)


def _log(quiet: bool = False) -> Callable[[str], None]:
    """Return what prints a message of one line on standard error, whatever names of others it holds."""
    console = _console(sys.stderr, quiet=quiet)
    return lambda text: console.print(printable(text), markup=False)


def _print_table(console: "Console", headings: Any, rows: list[list[str]], title: str | None = None) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def _print_verification(engine: str, verdicts: Any, epochs: Any) -> None:
    out = _console(sys.stdout)
    headings = ["task", "variant", "float64, 20 steps", "float32: beyond 2x", "median", "at epoch", "holds"]
    rows = [
        [
            one.task,
            one.variant,
            f"{one.after_steps:.1e}",
            f"{one.beyond} of {one.seeds} seeds",
            f"{one.median_factor:.2f}x",
            str(one.worst_epoch),
            ("yes" if one.seeds >= one.seeds_needed else f"so far; float32 takes {one.seeds_needed} seeds")
            if one.holds
            else "NO",
        ]
        for one in verdicts
    ]
    _print_table(out, headings, rows, title=f"{engine} against keras: errors of weights")
    headings = ["epoch", f"{engine} float64", "loss", f"{engine} float32", "loss", "keras float32", "loss"]
    errors = ("exact_weights", "exact_loss", "weights", "loss", "keras_weights", "keras_loss")
    rows = [[str(one.epoch), *(f"{getattr(one, name):.1e}" for name in errors)] for one in epochs]
    _print_table(out, headings, rows, title="relative errors against keras in float64, geometric means over the runs")


def _print_differences(found: Any, limit: int, as_json: bool) -> bool:
    """Print what differs; return whether nothing does."""
    from lstm_ablate.evidence import compare as comparing

    if as_json:
        print(json_text(comparing.as_json(found)))
        return bool(found.same)
    out = _console(sys.stdout)
    lines = [f"A: {found.a}", f"B: {found.b}"]
    for what, keys in (("only in A", found.only_a), ("only in B", found.only_b)):
        lines += _some([f"{what}: {comparing.shown(key)}" for key in keys], limit)
    lines += _some([comparing.changed(one) for one in found.texts], limit)
    if not found.exact:
        lines += _of_others(found.other_ids)
    out.print("\n".join(lines), markup=False, soft_wrap=True)
    if found.numbers and limit:
        cells = [
            [
                comparing.shown(one.key),
                printable(one.column),
                *("-" if value is None else repr(value).removesuffix(".0") for value in (one.a, one.b)),
                *("-" if value is None else f"{value:.2g}" for value in (one.relative, one.absolute)),
            ]
            for one in found.numbers[:limit]
        ]
        _print_table(out, ["row", "column", "A", "B", "relative", "absolute"], cells)
    if len(found.numbers) > limit:
        print(f"... and {len(found.numbers) - limit} more")
    out.print(comparing.result(found), markup=False, soft_wrap=True)
    return bool(found.same)


def _print_gate(a: Any, b: Any, margin: str, metric: str, as_json: bool) -> bool:
    """Print what the runs say about each variant; return whether B is nowhere worse."""
    from lstm_ablate.evidence import gate as gates

    gate = gates.judge(a, b, gates.margin_of(margin), metric)
    sentences = [gates.sentence(one, gate.margin) for one in gate.judgements]
    if as_json:
        content: dict[str, Any] = {"result": gates.result(gate), "passed": gate.passed, **asdict(gate)}
        for one, sentence in zip(content["judgements"], sentences, strict=True):
            one["sentence"] = sentence
        print(json_text(content))
        return _said(gate)
    lines = [f"A: {gate.a}", f"B: {gate.b}", *sentences]
    lines += [f"{name}: only in {side}" for side, names in (("A", gate.only_a), ("B", gate.only_b)) for name in names]
    lines += _of_others(gate.other_ids)
    _console(sys.stdout).print("\n".join([*lines, gates.result(gate)]), markup=False, soft_wrap=True)
    return _said(gate)


def _of_others(ids: int) -> list[str]:
    return [f"{_count(ids, 'run')} with another id: of other settings, data or engine"] if ids else []


def _said(gate: Any) -> bool:
    """Return whether a gate passed; raise UserError where it had nothing to judge."""
    if not gate.judged:
        raise UserError(
            f"{gate.a}, {gate.b}: no variant has enough finished runs to judge: --margin cannot pass or fail"
        )
    return bool(gate.passed)


def _some(lines: list[str], limit: int) -> list[str]:
    return lines[:limit] + ([f"... and {len(lines) - limit} more"] if len(lines) > limit else [])


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes < 90 else f"about {minutes / 60:.1f} h"


if __name__ == "__main__":
    main()
