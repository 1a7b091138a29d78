"""The files of a results folder that are derived from its records."""

from pathlib import Path

from lstm_ablate.evidence.summary import Summary
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.yaml_source import dump
from lstm_ablate.report import page, plots
from lstm_ablate.report.markdown import markdown
from lstm_ablate.store import files, inventory, tables
from lstm_ablate.store.records import Record


def write(
    folder: Path,
    experiment: Experiment,
    runs: list[Run],
    records: dict[str, Record],
    summary: Summary | None,
) -> None:
    """Write every file of a results folder that is derived from its records.

    The same records give the same bytes, whenever and in whatever order they came about, but for
    what report.html says of time and environment. Without a summary, which of many runs takes
    seconds, only the tables of runs are written, and what an earlier summary gave is removed.
    """
    # Of earlier tasks too, as long as experiment.yaml names them.
    figures = inventory.figures(folder)
    files.replace(folder / "experiment.yaml", resolved_yaml(experiment))
    files.replace(folder / "runs.csv", tables.csv_text(tables.runs_table(runs, records)))
    files.replace(folder / "curves.csv", tables.csv_text(tables.curves_table(runs, records)))
    files.replace(folder / "timings.csv", tables.csv_text(tables.timings_table(runs, records)))
    if summary is None:
        for name in ("summary.csv", "ratios.csv", "report.md", "report.html"):
            (folder / name).unlink(missing_ok=True)
    else:
        files.replace(folder / "summary.csv", tables.csv_text(summary.table()))
        files.replace(folder / "ratios.csv", tables.csv_text(summary.ratios_table()))
        files.replace(folder / "report.md", markdown(summary))
        figures -= _write_page(folder, summary)
    for path in figures:
        path.unlink(missing_ok=True)


def _write_page(folder: Path, summary: Summary) -> set[Path]:
    """Write report.html and the figures, as SVG and PNG; return where the figures lie."""
    (folder / "figures").mkdir(exist_ok=True)
    pictures = []
    for name, caption, figure in plots.figures(summary):
        pictures.append(page.Picture(name, caption, plots.svg(name, figure)))
        files.replace(folder / "figures" / f"{name}.svg", pictures[-1].svg)
        files.replace(folder / "figures" / f"{name}.png", plots.png(figure))
    files.replace(folder / "report.html", page.with_pictures(summary, pictures))
    return {
        folder / "figures" / f"{picture.name}.{ending}"
        for picture in pictures
        for ending in ("svg", "png")
    }


def resolved_yaml(experiment: Experiment) -> str:
    """Return the experiment with its defaults filled in, as a config that can be run."""
    return dump(dict(experiment.resolved))
