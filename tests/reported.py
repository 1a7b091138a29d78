"""Experiments with invented results, for tests of what is derived from records."""

import math

from lstm_ablate.experiment import loading, runs
from lstm_ablate.store.records import Record

TWO_TASKS = """
version: 1
name: two_tasks
data: {family: sines, samples: {train: 4, validation: 2, test: 2}, timesteps: 3}
training: {batch_size: 2, epochs: 4}
seeds: 6
baseline: base
variants:
  base: {}
  "007": {model.activation: relu}
  gone: {model.activation: elu}
  broken: {model.gates: relu, training.optimizer.learning_rate: 0.5}
  unstarted: {model.activation: selu}
tasks:
  easy: {}
  hard: {data.noise: 0.5}
"""

VERDICTS = """
version: 1
name: verdicts
data: {family: sines, samples: {train: 4, validation: 2, test: 2}, timesteps: 3}
training: {batch_size: 2, epochs: 4}
seeds: 12
baseline: base
variants:
  base: {}
  worse: {model.activation: relu}
  better: {model.activation: elu}
  alike: {model.activation: selu}
  slightly: {model.activation: gelu}
  unclear: {model.activation: silu}
  gone: {model.activation: softplus}
"""


def two_tasks(folder, changes=()):
    """Return the experiment of two tasks, its runs and its records.

    Losses depend on the seed and are skewed. Some runs diverged, failed or are missing.
    """
    path = folder / "two_tasks.yaml"
    path.write_text(TWO_TASKS)
    experiment = loading.load(path, changes)
    expanded = runs.expand(experiment, "keras")
    records = {}
    for run in expanded:
        result = {
            "status": "ok",
            "test_loss": loss(run),
            "parameters": 10,
            "floor": 0.0,
            "ceiling": 1.0,
            "linear": 0.25,
            "epochs": 4,
            "best_epoch": 4,
            "train_loss": 0.1,
            "validation_loss": 0.2,
            "diverged_epoch": None,
            "train_losses": [0.4, 0.3, 0.2, 0.1],
            "validation_losses": [0.5, 0.4, 0.3, 0.2],
        }
        if run.variant == "gone" or (run.variant == "007" and run.seed == 2):
            result |= {
                "status": "diverged",
                "test_loss": None,
                "diverged_epoch": 2,
                "best_epoch": None,
                "epochs": 2,
                "train_loss": None,
                "validation_loss": None,
                "train_losses": [0.4, None],
                "validation_losses": [0.5, None],
            }
        if run.variant == "broken":
            result = {"status": "failed", "message": "ValueError: [red]"}
        if run.variant != "unstarted" and (run.variant, run.seed) != ("base", 5):
            meta = {"training_seconds": spent(run.seed), "engine": "keras"}
            meta = {} if run.variant == "broken" else meta
            records[run.id] = Record(run.id, run.identity, result, meta)
    return experiment, expanded, records


def loss(run):
    return math.exp(run.seed - len(run.variant)) / (3 if run.task == "easy" else 1)


def spent(seed):
    """Return seconds whose median is not their mean."""
    return 2.0 + seed**2
