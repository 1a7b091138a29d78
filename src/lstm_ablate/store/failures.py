"""Noted failures: `logs/<id>.log` holds what is known of the latest failure of a run.

The note is written at the first failure, before the run has a record. A driver that takes over the
folder reads from the notes which runs have only one attempt left.
"""

from pathlib import Path

from lstm_ablate.store import files


def note(folder: Path, run: str, log: str) -> None:
    """Write durably that a run failed, with all that is known of the failure."""
    files.make_folder(folder / "logs")
    files.replace(_path(folder, run), log)


def noted(folder: Path) -> set[str]:
    """Return the runs that have a note, whether they are recorded as failed or not yet recorded."""
    return {path.stem for path in (folder / "logs").glob("*.log")}


def forget(folder: Path, run: str) -> None:
    """Remove the note of a run that has succeeded after all."""
    _path(folder, run).unlink(missing_ok=True)


def _path(folder: Path, run: str) -> Path:
    return folder / "logs" / f"{run}.log"
