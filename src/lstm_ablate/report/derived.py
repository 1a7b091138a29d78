"""The files of a results folder that are derived from its records."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from lstm_ablate import machine
from lstm_ablate.evidence.summary import Summary
from lstm_ablate.evidence.tuning import replay
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.yaml_source import dump
from lstm_ablate.report.markdown import markdown
from lstm_ablate.store import derivation, files, inventory, tables
from lstm_ablate.store.records import Record


def made_of(runs: Sequence[Run], records: Mapping[str, Record], summary: Summary) -> str:
    """Return a hash of all that the files are derived from, including this program."""
    named = [(run.task, run.variant, run.tries, run.seed, run.id) for run in runs]
    recorded = [(run, record.result, record.meta) for run, record in sorted(records.items())]
    everything = repr((machine.program(), named, recorded, summary))
    return hashlib.sha256(everything.encode("utf-8", "surrogatepass")).hexdigest()


def write(
    folder: Path,
    experiment: Experiment,
    runs: list[Run],
    records: dict[str, Record],
    summary: Summary | None,
) -> None:
    """Write every file of a results folder that is derived from its records.

    The same records give the same bytes, whenever and in whatever order they were trained, except
    for what report.html says of time and environment. A summary of many runs takes seconds. Without
    one only the tables of runs are written, and the files of an earlier summary are removed.
    """
    # The figures of earlier tasks are among them, as long as experiment.yaml names these tasks.
    figures = inventory.figures(folder)
    texts = {
        "experiment.yaml": resolved_yaml(experiment),
        "runs.csv": tables.csv_text(tables.runs_table(runs, records)),
        "curves.csv": tables.csv_text(tables.curves_table(runs, records)),
    }
    tuning = replay(experiment, records)
    every = [*tuning.runs, *runs]
    texts["timings.csv"] = tables.csv_text(tables.timings_table(every, records))
    if experiment.tuning:
        table = tables.tuning_table(tuning.runs, records, tuning.experiment.choices)
        texts["tuning.csv"] = tables.csv_text(table)
    if summary is not None:
        texts["summary.csv"] = tables.csv_text(summary.table())
        texts["ratios.csv"] = tables.csv_text(summary.ratios_table())
        texts["report.md"] = markdown(summary)
    for name, text in texts.items():
        files.replace(folder / name, text)
    written = {folder / name for name in texts}
    if summary is not None:
        written |= _write_page(folder, summary)
    for path in (inventory.derived(folder) | figures) - written:
        path.unlink(missing_ok=True)
    if summary is not None:
        derivation.write(folder, made_of(runs, records, summary), written)


def _write_page(folder: Path, summary: Summary) -> set[Path]:
    """Write report.html, and the figures as SVG and PNG; return their paths."""
    from lstm_ablate.report import page, plots  # these take a third of a second to load

    (folder / "figures").mkdir(exist_ok=True)
    pictures, written = [], {folder / "report.html"}
    for name, caption, figure in plots.figures(summary):
        pictures.append(page.Picture(name, caption, plots.svg(name, figure)))
        drawing, image = (folder / "figures" / f"{name}.{ending}" for ending in ("svg", "png"))
        files.replace(drawing, pictures[-1].svg)
        files.replace(image, plots.png(figure))
        written |= {drawing, image}
    files.replace(folder / "report.html", page.with_pictures(summary, pictures))
    return written


def resolved_yaml(experiment: Experiment) -> str:
    """Return the experiment with its defaults filled in, as a config that can be run."""
    return dump(dict(experiment.resolved))
