"""The figures of a report as PDF files, at the width of a column of a paper."""

import os
from pathlib import Path

from lstm_ablate.errors import UserError
from lstm_ablate.evidence.summary import Summary
from lstm_ablate.report import plots
from lstm_ablate.store import files

WIDTH = 84.0  # millimetres; a column of most journals has 80 to 90


def figures(summary: Summary, width: float) -> dict[str, bytes]:
    """Return each figure of a report as PDF by its file name, `width` millimetres wide."""
    sheet = plots.column(width)
    return {
        f"{drawing.name}.pdf": plots.pdf(plots.drawn(drawing, sheet))
        for drawing in plots.drawings(summary)
    }


def write(summary: Summary, folder: Path, width: float) -> list[Path]:
    """Write the figures of a report into a folder, and return their paths.

    Figures that an earlier call wrote are replaced. Raises UserError where another file has the
    name of one; none is written then.
    """
    contents = {folder / name: content for name, content in figures(summary, width).items()}
    taken = [path for path in contents if os.path.lexists(path)]
    if foreign := [path for path in taken if not plots.is_ours(files.read(path))]:
        why = "exists, and is no figure of this program; move it, or name another folder"
        raise UserError(*(f"{path}: {why}" for path in foreign))
    files.make_folder(folder)
    for path, content in contents.items():
        files.replace(path, content)
    return list(contents)
