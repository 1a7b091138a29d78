"""`lstm-ablate compare`: shows what differs between two tables, or judges B against A as a gate."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from lstm_ablate.cli.options import DIFFERENT, AsJson
from lstm_ablate.display.printing import print_lines, print_table
from lstm_ablate.errors import UserError, printable
from lstm_ablate.report.json_text import json_text

A = Annotated[
    Path,
    typer.Argument(
        metavar="A", help="A results folder, or a CSV of runs or a summary.", show_default=False
    ),
]
B = Annotated[
    Path, typer.Argument(metavar="B", help="What is compared with A.", show_default=False)
]
Rtol = Annotated[float | None, typer.Option(help="Relative tolerance.", show_default="1e-5")]
Atol = Annotated[float | None, typer.Option(help="Absolute tolerance.", show_default="0")]
Exact = Annotated[
    bool, typer.Option("--exact", help="Numbers equal to the bit, and the same ids of runs.")
]
Metric = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="The column to compare.", show_default="all; --margin: test_loss"
    ),
]
Margin = Annotated[
    str | None,
    typer.Option(
        help="A gate: fail if B is shown to be worse than A by more than this, such as 10%."
    ),
]
Require = Annotated[
    bool,
    typer.Option(
        "--require", help="Pass only if B is shown not to be worse by more than the margin."
    ),
]
HigherIsBetter = Annotated[
    bool | None,
    typer.Option(
        "--higher-is-better/--lower-is-better",
        help="Whether a higher or a lower metric is better, for a gate.",
        show_default="lower",
    ),
]
Unpaired = Annotated[
    bool,
    typer.Option("--unpaired", help="Let a gate compare runs of different seeds."),
]
AcrossSettings = Annotated[
    bool,
    typer.Option("--across-settings", help="Let a gate compare runs of different settings."),
]
Limit = Annotated[
    int, typer.Option(min=0, help="How many differences of a kind are listed; with --json, all.")
]


def compare(
    a: A,
    b: B,
    rtol: Rtol = None,
    atol: Atol = None,
    exact: Exact = False,
    metric: Metric = None,
    margin: Margin = None,
    require: Require = False,
    higher_is_better: HigherIsBetter = None,
    unpaired: Unpaired = False,
    across_settings: AcrossSettings = False,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two tables of runs, joined by task, variant and seed; exit with 1
    if anything differs.

    With --margin, judge as a gate for CI whether the runs of B are worse than those of A: exit with
    1 if they are, or with --require if they may be, and with 2 if there are too few to tell.
    Example of a gate: lstm-ablate compare results/smoke again/smoke --margin 10% --require
    """
    from lstm_ablate.evidence import compare as comparing

    tolerances = _tolerances(rtol=rtol, atol=atol)
    if (exact or margin is not None) and (tolerances or (exact and margin is not None)):
        raise UserError(
            "--margin, --exact, and --rtol with --atol are three ways to compare; choose one"
        )
    of_a_gate = {"require": require, "unpaired": unpaired, "across_settings": across_settings}
    if margin is None:
        _refuse_without_margin(higher_is_better=higher_is_better is not None, **of_a_gate)
    first, second = comparing.read_pair(a, b)
    if margin is None:
        found = comparing.differences(first, second, exact=exact, metric=metric, **tolerances)
        passed = _print_differences(found, limit, as_json)
    else:
        from lstm_ablate.evidence import gate

        metric = metric or "test_loss"
        direction = gate.direction_of(metric, higher_is_better)
        rule = gate.Rule(gate.margin_of(margin), metric, direction, **of_a_gate)
        passed = _print_gate(gate.judge(first, second, rule), as_json)
    if not passed:
        raise typer.Exit(DIFFERENT)


def _tolerances(**given: float | None) -> dict[str, float]:
    """Return the tolerances that the user gave; raise UserError if one is not a tolerance."""
    tolerances = {name: value for name, value in given.items() if value is not None}
    for name, value in tolerances.items():
        if not 0 <= value < float("inf"):
            raise UserError(f"--{name}: {value} is not a tolerance; it takes a number from 0 on")
    return tolerances


def _refuse_without_margin(**given: bool) -> None:
    """Raise UserError if the user gave options of a gate without a margin."""
    names = [f"--{name.replace('_', '-')}" for name, there in given.items() if there]
    if names:
        raise UserError(
            f"{', '.join(names)}: only for a gate; give its margin too, such as --margin 10%"
        )


def _print_differences(found: Any, limit: int, as_json: bool) -> bool:
    """Print what differs; return whether the tables are the same."""
    from lstm_ablate.evidence import compare as comparing

    if as_json:
        print(json_text(comparing.as_json(found)))
        return bool(found.same)
    lines = [f"A: {found.a}", f"B: {found.b}"]
    for what, keys in (("only in A", found.only_a), ("only in B", found.only_b)):
        lines += _some([f"{what}: {text}" for text in comparing.shown_together(keys)], limit)
    lines += _some([comparing.changed(text) for text in found.texts], limit)
    if found.other_ids and not found.exact:
        lines.append(comparing.told_other_ids(found.ids, found.other_ids))
    print_lines(lines)
    numbers = comparing.in_turns(found.numbers)
    if numbers and limit:
        cells = [
            [
                comparing.shown(number.key) + (f" and {rows - 1} more" if rows > 1 else ""),
                printable(number.column),
                *(
                    "-" if value is None else repr(value).removesuffix(".0")
                    for value in (number.a, number.b)
                ),
                *(
                    "-" if value is None else f"{value:.2g}"
                    for value in (number.relative, number.absolute)
                ),
            ]
            for number, rows in numbers[:limit]
        ]
        print_table(["row", "column", "A", "B", "relative", "absolute"], cells)
    if more := sum(rows for _, rows in numbers[limit:]):
        print(f"... and {more} more")
    print_lines([comparing.result(found)])
    return bool(found.same)


def _print_gate(gate: Any, as_json: bool) -> bool:
    """Print the judgement of each variant; return whether the gate passes.

    After printing, raises UserError if there were too few runs for any other answer.
    """
    from lstm_ablate.evidence import gate_sentences as words

    sentences = [words.sentence(judgement, gate) for judgement in gate.judgements]
    result = words.result(gate)
    if as_json:
        content: dict[str, Any] = {"result": result, "passed": gate.passed, **asdict(gate)}
        for judgement, sentence in zip(content["judgements"], sentences, strict=True):
            judgement["sentence"] = sentence
        print(json_text(content))
    else:
        only_b = [f"{name}: only in B, and not judged" for name in gate.only_b]
        print_lines([f"A: {gate.a}", f"B: {gate.b}", *sentences, *only_b, *gate.remarks])
    if gate.passed is None:
        raise UserError(result)
    if not as_json:
        print_lines([result])
    return bool(gate.passed)


def _some(lines: list[str], limit: int) -> list[str]:
    return lines[:limit] + ([f"... and {len(lines) - limit} more"] if len(lines) > limit else [])
