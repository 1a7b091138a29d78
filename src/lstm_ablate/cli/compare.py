"""`lstm-ablate compare`: shows what differs between two tables, or judges one of them as a gate."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from lstm_ablate.cli.options import DIFFERENT, AsJson
from lstm_ablate.cli.printing import print_lines, print_table
from lstm_ablate.errors import UserError, printable
from lstm_ablate.report.json_text import json_text


def compare(
    a: Annotated[
        Path,
        typer.Argument(
            metavar="A", help="A results folder, or a CSV of runs or a summary.", show_default=False
        ),
    ],
    b: Annotated[
        Path, typer.Argument(metavar="B", help="What is compared with A.", show_default=False)
    ],
    rtol: Annotated[
        float | None, typer.Option(help="Relative tolerance.", show_default="1e-5")
    ] = None,
    atol: Annotated[
        float | None, typer.Option(help="Absolute tolerance.", show_default="0")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Equal to the bit, and the same ids of runs.")
    ] = False,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The column to compare.", show_default="all; --margin: test_loss"
        ),
    ] = None,
    margin: Annotated[
        str | None,
        typer.Option(
            help="Fail only if B's loss is above A's by more than this, as 10%, with confidence."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="How many differences of a kind are listed; all with --json.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two tables of runs, joined by task, variant and seed; exit with 1
    if anything does.
    """
    from lstm_ablate.evidence import compare as comparing

    tolerances = _tolerances(rtol=rtol, atol=atol)
    if (exact or margin is not None) and (tolerances or (exact and margin is not None)):
        raise UserError(
            "--margin, --exact, and --rtol with --atol are three ways to compare; choose one"
        )
    first, second = comparing.read_pair(a, b)
    if margin is None:
        passed = _print_differences(
            comparing.differences(first, second, exact=exact, metric=metric, **tolerances),
            limit,
            as_json,
        )
    else:
        passed = _print_gate(first, second, margin, metric or "test_loss", as_json)
    if not passed:
        raise typer.Exit(DIFFERENT)


def _tolerances(**given: float | None) -> dict[str, float]:
    """Return the tolerances that were given; raise UserError where one is none."""
    tolerances = {name: value for name, value in given.items() if value is not None}
    for name, value in tolerances.items():
        if not 0 <= value < float("inf"):
            raise UserError(f"--{name}: {value} is not a tolerance; it takes a number from 0 on")
    return tolerances


def _print_differences(found: Any, limit: int, as_json: bool) -> bool:
    """Print what differs; return whether nothing does."""
    from lstm_ablate.evidence import compare as comparing

    if as_json:
        print(json_text(comparing.as_json(found)))
        return bool(found.same)
    lines = [f"A: {found.a}", f"B: {found.b}"]
    for what, keys in (("only in A", found.only_a), ("only in B", found.only_b)):
        lines += _some([f"{what}: {comparing.shown(key)}" for key in keys], limit)
    lines += _some([comparing.changed(one) for one in found.texts], limit)
    if not found.exact:
        lines += _of_others(found)
    print_lines(lines)
    if found.numbers and limit:
        cells = [
            [
                comparing.shown(one.key),
                printable(one.column),
                *(
                    "-" if value is None else repr(value).removesuffix(".0")
                    for value in (one.a, one.b)
                ),
                *(
                    "-" if value is None else f"{value:.2g}"
                    for value in (one.relative, one.absolute)
                ),
            ]
            for one in found.numbers[:limit]
        ]
        print_table(["row", "column", "A", "B", "relative", "absolute"], cells)
    if len(found.numbers) > limit:
        print(f"... and {len(found.numbers) - limit} more")
    print_lines([comparing.result(found)])
    return bool(found.same)


def _print_gate(a: Any, b: Any, margin: str, metric: str, as_json: bool) -> bool:
    """Print what the runs say about each variant; return whether B is nowhere worse."""
    from lstm_ablate.evidence import gate as gates

    gate = gates.judge(a, b, gates.margin_of(margin), metric)
    sentences = [gates.sentence(one, gate.margin) for one in gate.judgements]
    if as_json:
        content: dict[str, Any] = {
            "result": gates.result(gate),
            "passed": gate.passed,
            **asdict(gate),
        }
        for one, sentence in zip(content["judgements"], sentences, strict=True):
            one["sentence"] = sentence
        print(json_text(content))
        return _said(gate)
    lines = [f"A: {gate.a}", f"B: {gate.b}", *sentences]
    lines += [
        f"{name}: only in {side}"
        for side, names in (("A", gate.only_a), ("B", gate.only_b))
        for name in names
    ]
    lines += _of_others(gate)
    print_lines([*lines, gates.result(gate)])
    return _said(gate)


def _of_others(found: Any) -> list[str]:
    from lstm_ablate.evidence import compare as comparing

    return [comparing.told_other_ids(found.ids, found.other_ids)] if found.other_ids else []


def _said(gate: Any) -> bool:
    """Return whether a gate passed; raise UserError where it had nothing to judge."""
    if not gate.judged:
        raise UserError(
            f"{gate.a}, {gate.b}: no variant has enough finished runs to judge: --margin cannot"
            " pass or fail"
        )
    return bool(gate.passed)


def _some(lines: list[str], limit: int) -> list[str]:
    return lines[:limit] + ([f"... and {len(lines) - limit} more"] if len(lines) > limit else [])
