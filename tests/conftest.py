"""Shared by all tests: TensorFlow runs as it does in a worker, and results go to temporary folders."""

import os

from lstm_ablate.sweep import WORKER_ENVIRONMENT

os.environ.update(WORKER_ENVIRONMENT)  # before anything imports TensorFlow
