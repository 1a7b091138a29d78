"""Shared by all tests: TensorFlow runs as it does in a worker, and what a test sets in the environment ends with it."""

import os

import pytest

from lstm_ablate.sweep import WORKER_ENVIRONMENT

os.environ.update(WORKER_ENVIRONMENT)  # before anything imports TensorFlow


@pytest.fixture(autouse=True)
def environment_of_its_own():
    """The command line sets PYTHONSAFEPATH for its workers; a later test's own processes would have it too."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
