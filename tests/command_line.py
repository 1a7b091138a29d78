"""Runs the command line as a process of its own, for tests of exit codes and streams."""

import os
import sys
from pathlib import Path

import processes

PROGRAM = Path(sys.executable).with_name("lstm-ablate")


def call(*words, cwd, code=0, **environment):
    done = processes.run([PROGRAM, *words], code, cwd=cwd, env={**os.environ, **environment})
    assert "Traceback" not in done.stderr
    return done
