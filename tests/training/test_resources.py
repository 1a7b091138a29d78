"""The memory that a group is predicted to take, against the machine's."""

from pathlib import Path

import pytest

from lstm_ablate import machine
from lstm_ablate.errors import UserError
from lstm_ablate.experiment import loading, sizes
from lstm_ablate.store import records
from lstm_ablate.training import cost as costs
from lstm_ablate.training import resources, sweep

SMOKE = Path(__file__).parents[2] / "configs" / "smoke.yaml"


def test_the_predicted_memory_of_a_group_is_that_of_all_its_runs(monkeypatch):
    """A machine with memory for one and a half runs trains one run, and refuses a group of two."""

    def predicted(size):
        experiment = loading.load(SMOKE, (f"group_size={size}",))
        resources.check_memory(experiment)
        return costs.cost(
            sweep.plan(experiment, records.read_all(Path("nowhere"))), 1, None
        ).memory_bytes

    alone = predicted(1) - sizes.WORKER_BYTES
    assert alone > 0
    assert predicted(4) == pytest.approx(sizes.WORKER_BYTES + 4 * alone)
    room = sizes.WORKER_BYTES + 1.5 * alone
    monkeypatch.setattr(machine, "memory_bytes", lambda: room)
    assert predicted(1) < room
    with pytest.raises(UserError, match="training would take about"):
        predicted(2)
