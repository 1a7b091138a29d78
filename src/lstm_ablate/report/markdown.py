"""A summary as Markdown, which shows every name and every question literally."""

import re

from lstm_ablate.evidence.overall import OVERALL
from lstm_ablate.evidence.summary import Summary
from lstm_ablate.experiment.yaml_source import dump
from lstm_ablate.report.cells import (
    BY_EPOCH_TEXT,
    HEADINGS,
    STATISTICS,
    beside,
    by_epoch,
    by_task,
    cells,
    legend,
    looks_text,
    overview,
    overview_text,
    statistics,
    statistics_legend,
    tuning,
    tuning_legend,
)


def markdown(summary: Summary) -> str:
    """Return the report as Markdown. It contains no timings, so that reruns give the same bytes."""
    lines = [f"# {_name(summary.name)}", ""]
    if summary.question:
        lines += [_plain(summary.question), ""]
    lines += _overview(summary)
    for task, rows in by_task(summary):
        if len(summary.tasks) > 1:
            lines += [f"## {'All tasks' if task == OVERALL else f'Task {_name(task)}'}", ""]
        sentences = [f"- {_name(row.sentence)}" for row in rows if row.sentence]
        lines += [*sentences, ""] if sentences else []
        lines += [
            f"| {' | '.join(HEADINGS)} |",
            "|---|---|---|" + "---:|" * (len(HEADINGS) - 4) + "---|",
        ]
        for row in rows:
            _, formula, *others, verdict = (
                cell.replace("|", "\\|") for cell in cells(summary, row)
            )
            keras = row.keras.replace("|", "\\|")
            shown = f"`{formula}`" + f"<br>Keras: `{keras}`" * bool(keras)
            verdict = f"**{verdict}**" if row.verdict == "better" else verdict
            lines.append(f"| {_name(row.variant)} | {shown} | {' | '.join(others)} | {verdict} |")
        lines += ["", _name(beside(summary, task)), ""]
    lines += [_name(legend(summary)), ""]
    lines += [f"{looks}\n" for looks in [looks_text(summary)] if looks]
    lines += [f"{_plain(note)}\n" for note in summary.notes]
    lines += _tuning(summary)
    lines += _by_epoch(summary)
    lines += ["## All statistics", ""]
    for task, rows in by_task(summary):
        if task == OVERALL:
            continue
        first = f"variant, {_name(task)}" if len(summary.tasks) > 1 else "variant"
        lines += [
            f"| {' | '.join((first, *STATISTICS))} |",
            "|---|" + "---:|" * len(STATISTICS),
        ]
        lines += [f"| {' | '.join((_name(row.variant), *statistics(row)))} |" for row in rows]
        lines.append("")
    lines += [statistics_legend(summary), ""]
    if summary.troubles:
        lines += [
            "## Diverged and failed runs",
            "",
            *(f"- {_plain(trouble)}" for trouble in summary.troubles),
            "",
        ]
    lines += ["## Settings", "", "```yaml", dump(dict(summary.resolved)).rstrip(), "```", ""]
    lines += [
        "To do this again, save the settings as `experiment.yaml` and call `lstm-ablate run"
        " experiment.yaml`."
    ]
    lines += [
        "The time that each run took is in `timings.csv`. Its record in `runs/` says on which"
        " processor and with which versions it was trained."
    ]
    return "\n".join(lines) + "\n"


def _overview(summary: Summary) -> list[str]:
    """Return a table of all verdicts, where there are several tasks."""
    found = overview(summary)
    if found is None:
        return []
    headings, rows = found
    lines = [
        f"| {' | '.join(map(_name, headings))} |",
        "|---" * len(headings) + "|",
        *(f"| {' | '.join((_name(name), *texts))} |" for name, *texts in rows),
    ]
    return ["## Overview", "", *lines, "", _name(overview_text(summary)), ""]


def _tuning(summary: Summary) -> list[str]:
    """Return tables of the losses by tuned value in each task, with the chosen values in bold."""
    if not summary.tuned:
        return []
    lines = ["## Tuning", ""]
    for task in summary.tasks:
        headings, rows = tuning(summary, task)
        first = (
            f"{summary.tuned_name}, {_name(task)}" if len(summary.tasks) > 1 else summary.tuned_name
        )
        lines += [f"| {' | '.join((first, *headings[1:]))} |"]
        lines += ["|---|" + "---:|" * (len(headings) - 2) + "---|"]
        for texts, chosen in rows:
            shown = [f"**{text}**" if place == chosen else text for place, text in enumerate(texts)]
            lines.append(f"| {' | '.join((_name(texts[0]), *shown[1:]))} |")
        lines.append("")
    return [
        *lines,
        f"{tuning_legend(summary)} The chosen one is bold; all runs are in `tuning.csv`.",
        "",
    ]


def _by_epoch(summary: Summary) -> list[str]:
    """Return tables of the ratio at some epochs in each task; ratios.csv has all epochs."""
    lines = []
    for task in summary.tasks:
        headings, rows = by_epoch(summary, task)
        if rows:
            first = f"epoch, {_name(task)}" if len(summary.tasks) > 1 else "epoch"
            lines += [f"| {' | '.join((first, *map(_name, headings[1:])))} |"]
            lines += ["|" + "---:|" * len(headings)]
            lines += [f"| {' | '.join(row)} |" for row in rows]
            lines.append("")
    return ["## By epoch", "", BY_EPOCH_TEXT, "", *lines] if lines else []


def _plain(text: str) -> str:
    """Return a text escaped, so that Markdown shows it literally: as no list, rule or heading."""
    return re.sub(
        r"([\\`*_{}\[\]<>#|!~]|^ *[-+=]|^ *[0-9]+[.)])",
        lambda found: f"{found[0][:-1]}\\{found[0][-1]}",
        text,
    )


def _name(text: str) -> str:
    """Return a name, or a sentence with names, escaped: at either end of a word, _ is markup."""
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\_", text)
