"""Results of six variants, invented, of which some runs diverged, are stuck or failed."""

import json

import numpy as np
import pytest

from lstm_ablate.evidence import analysis
from lstm_ablate.experiment import loading, runs
from lstm_ablate.store.records import Record

CONFIG = """
version: 1
name: page
question: QUESTION
data: {family: sines, samples: {train: 4, validation: 3, test: 3}, timesteps: 5}
training: {batch_size: 2, epochs: 30}
seeds: 10
baseline: base
variants:
  base: {}
  better: {model.activation: relu}
  alike: {model.activation: elu}
  wild: {model.activation: selu}
  gone: {model.activation: gelu}
  broken: {model.activation: silu}
TASKS
"""
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> $\\frac{1}{0}$ https://example.org/"
    " \"'&amp;"
)


@pytest.fixture(scope="session")
def hostile():
    """A text that would do harm where it is not taken as text."""
    return HOSTILE


@pytest.fixture(scope="module")
def summarised(tmp_path_factory):
    """A function that returns the summary, where `alike` may have another name."""
    path = tmp_path_factory.mktemp("summarised") / "page.yaml"

    def summary(tasks="", question="Does it matter?", alike="alike"):
        config = CONFIG.replace("TASKS", tasks).replace("QUESTION", json.dumps(question))
        path.write_text(config.replace("alike", alike))
        one = loading.load(path)
        records = {}
        for run in runs.expand(one, "keras"):
            random = np.random.default_rng([run.seed, len(run.variant)])
            factor = {"base": 1.0, "better": 0.5, alike: 1.0}.get(run.variant, 1.3)
            curve = factor * np.exp(-np.arange(30) / 10 + 0.02 * random.standard_normal(30))
            diverges = run.variant == "gone" or (run.variant == "wild" and run.seed in (2, 5))
            if diverges:
                curve = [*curve[:7], None]
            result = {
                "status": "diverged" if diverges else "ok",
                "diverged_epoch": 8,
                "parameters": 10,
                "floor": 0.0,
                "ceiling": 1.0,
                "linear": 0.25,
                "test_loss": None if diverges else float(curve[-1]),
                "validation_losses": list(curve),
                "windows": [] if diverges else [[0.0, 1.0, 0.0, -1.0, 0.0]] * 3,
                "reconstructions": [] if diverges else [[0.1, 0.9, 0.1, -0.9, 0.1]] * 3,
            }
            if run.variant == "wild" and run.seed in (7, 8):  # both are stuck; one has learned
                result["test_loss"] = 9.0 if run.seed == 7 else 0.5
            if run.variant == "broken":
                result = {"status": "failed", "message": HOSTILE}
            records[run.id] = Record(run.id, run.identity, result, {"training_seconds": 1.5})
        environment = {"device": HOSTILE, "worker_settings": {"TF_NUM_INTRAOP_THREADS": "1"}}
        return analysis.summarise(one, runs.expand(one, "keras"), records, environment)

    summary.path = path
    return summary
