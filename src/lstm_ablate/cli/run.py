"""`lstm-ablate run`: trains what is missing, shows how far it is, and prints the table."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstm_ablate.cli.options import (
    FAILED_RUNS,
    Address,
    AsJson,
    Config,
    EngineName,
    Executor,
    Overrides,
    Part,
    Results,
    UntilDecided,
    Workers,
    overrides_of,
)
from lstm_ablate.display.printing import console, line_printer

if TYPE_CHECKING:
    from lstm_ablate.study import Stage, Steps
    from lstm_ablate.training.sweep import Finished


def run(
    config: Config,
    overrides: Overrides = None,
    results: Results = Path("results"),
    engine: EngineName = None,
    workers: Workers = None,
    executor: Executor = None,
    address: Address = None,
    until_decided: UntilDecided = False,
    shard: Part = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try runs again that failed before.")
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first run that fails.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train what is missing, then write the CSVs and the report, and print the table."""
    from lstm_ablate import study as studies
    from lstm_ablate.cli.interrupts import exit_code, interruptible
    from lstm_ablate.cli.report import files_of, print_summary
    from lstm_ablate.display import progress
    from lstm_ablate.experiment import shards

    to = console(sys.stderr, quiet=quiet)

    def watch(steps: "Steps", stage: "Stage") -> "Iterator[Finished]":
        with interruptible():
            yield from progress.shown(steps, stage, to)

    log, warn = line_printer(to=to), line_printer(to=None if quiet else to)
    study = studies.find(
        config,
        overrides_of(overrides, engine),
        results,
        until_decided=until_decided,
        shard=shards.of_option(shard, os.environ) if shard is not None else None,
    )
    try:
        ran = studies.run(
            study,
            workers=workers,
            executor=executor,
            address=address,
            retry_failed=retry_failed,
            fail_fast=fail_fast,
            watch=watch,
            log=log,
            warn=warn,
        )
    except KeyboardInterrupt:
        raise typer.Exit(exit_code()) from None
    print_summary(ran.summary, ["json" if as_json else "terminal"])
    log(files_of(study.folder, ran.summary))
    if ran.conflict:
        warn(ran.conflict)
    if ran.failed:
        raise typer.Exit(FAILED_RUNS)
