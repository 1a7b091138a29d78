"""`lstm-ablate bench`: measures the engines on this machine."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from lstm_ablate.display.printing import line_printer, print_lines, print_table
from lstm_ablate.errors import UserError, did_you_mean
from lstm_ablate.report.json_text import json_text


def bench(
    cases: Annotated[
        str,
        typer.Option(
            "--cases",
            help=(
                "Which networks, with commas: default, default-relu, small, vector, long (these"
                " without the option), or the default network with a key of its layers, such as"
                " bidirectional."
            ),
        ),
    ] = "",
    rounds: Annotated[
        int, typer.Option(min=1, help="Epochs that each contestant trains in turn.")
    ] = 7,
    config: Annotated[
        Path | None,
        typer.Option(
            "--end-to-end", metavar="CONFIG", help="Run this experiment from start to report too."
        ),
    ] = None,
    processes: Annotated[
        bool,
        typer.Option(
            "--processes",
            help=(
                "Measure whole processes: the smoke config from nothing and with nothing to do, and"
                " tanh and relu against a loop of Keras; with --rounds 3 in six minutes. Networks"
                " are measured too if --cases or --end-to-end is given."
            ),
        ),
    ] = False,
    file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures to a file.")
    ] = None,
) -> None:
    """Measure on this machine how fast the engines train, against loops of Keras and JAX written by
    hand.
    """
    lines: list[str] = []
    content: dict[str, Any] = {}
    if cases or config or not processes:
        lines, content = _networks(cases, rounds, config)
    if processes:
        from lstm_ablate.checks import whole_processes

        whole_of = whole_processes.measure(rounds, line_printer())
        lines += whole_processes.lines(whole_of)
        content["processes"] = asdict(whole_of)
    print_lines(lines)
    if file:
        file.write_text(json_text(content) + "\n", encoding="utf-8")


def _networks(cases: str, rounds: int, config: Path | None) -> tuple[list[str], dict[str, Any]]:
    """Print the table of the networks; return the lines below it, and all figures for a file."""
    from lstm_ablate.checks import benchmark
    from lstm_ablate.training import resources

    wanted = cases.split(",") if cases else list(benchmark.DEFAULT_CASES)
    for case in wanted:
        if case not in benchmark.CASES:
            hint = did_you_mean(case, benchmark.CASES)
            raise UserError(
                f'--cases: "{case}" is not a case.{hint}\n  known: {", ".join(benchmark.CASES)}'
            )
    result = benchmark.run(wanted, rounds, resources.default_workers(), config, line_printer())
    headings, *rows = benchmark.table(result)
    print_table(headings, rows, title=f"{result.processor['name']}, {result.cores} cores")
    lines = [
        (
            f"peak: {result.peak_gflops:.0f} GFLOP/s in a float32 matrix product of"
            f" {benchmark.PEAK_SIZE} rows, all cores"
        ),
        (
            f"growth: {result.growth.timesteps:.2f} times the time per step when sequences are 8"
            f" times as long, {result.growth.seeds:.2f} times per run with 10 times the seeds"
        ),
    ]
    if not benchmark.jax_is_installed():
        lines.append("jax: left out, since it is not installed; the extra [bench] brings it")
    if whole := result.end_to_end:
        lines.append(
            f"{whole.experiment}, {whole.runs} runs from start to report: fused"
            f" {whole.fused_seconds:.0f} s, plain Keras {whole.plain_seconds:.0f} s (estimated from"
            f" 4 whole runs of the baseline): {whole.plain_seconds / whole.fused_seconds:.1f}x"
        )
    return lines, asdict(result)
