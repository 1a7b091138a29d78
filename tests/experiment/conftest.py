"""Shared by the tests of experiments: a folder of configs to work in."""

from pathlib import Path

import pytest
from configurations import Configs


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configs:
    monkeypatch.chdir(tmp_path)
    return Configs(tmp_path)
