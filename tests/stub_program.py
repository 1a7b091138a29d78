"""`lstm-ablate` as a program that a shell finds: a driver with the stub engine."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def write(path, text=None):
    """Write a program, by default one that calls the command line with the stub engine."""
    driver = ROOT / "tests" / "faults" / "stub_driver.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or f'#!/bin/sh\nexec {sys.executable} {driver} "$@"\n')
    path.chmod(0o755)


def environment(**more):
    """Return the variables with which such a program finds the stub engine."""
    paths = [str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    found = os.pathsep.join(paths).rstrip(os.pathsep)
    return {**os.environ, "PYTHONPATH": found, "STUB_TAKES_ANY_RATE": "yes", **more}
