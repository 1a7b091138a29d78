"""Configs in a folder of their own, and what is wrong with them."""

from pathlib import Path

import pytest

from lstm_ablate.errors import UserError
from lstm_ablate.experiment.loading import load
from lstm_ablate.experiment.resolved import Experiment

HEAD = """\
version: 1
name: test
baseline: tanh
variants:
  tanh: {}
  relu: {model.activation: relu}
"""  # what follows it starts on line 7


class Configs:
    """A folder of configs."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.path = folder / "c.yaml"

    def load(self, text: str, *overrides: str) -> Experiment:
        self.path.write_text(text, encoding="utf-8")
        return load(self.path, overrides)

    def problems(self, text: str, *overrides: str) -> list[str]:
        """Return the problems of a bad config, each without the folder's name."""
        with pytest.raises(UserError) as caught:
            self.load(text, *overrides)
        return [problem.replace(f"{self.folder}/", "") for problem in caught.value.problems]
