"""The measured speed of a machine: constants against times computed from them, and its file."""

import json
import threading
from dataclasses import asdict, astuple
from pathlib import Path

import in_process
import pytest

from lstm_ablate.experiment.network import network_of
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.training import engines, speed
from lstm_ablate.training.engines import EpochEnd
from lstm_ablate.training.speed import Speed

REAL = Speed(start=3.0, build=2.0, tensor=0.1, kind=0.5, turn=2e-5, cell=1e-8, product=1e-10)

# By hand, of 16 steps of 32 windows with 20 time steps in groups of P; 128 validation windows count
# a third: 512 + 128 / 3 windows, and 20 numbers each.
VALUES = 20 * (512 + 128 / 3)
NARROW = {"turns": 16 * 20 * 2, "cells": 5 * 2 * VALUES, "products": 5 * 16 * VALUES}
DEEP = {
    "turns": 16 * 20 * 9,
    "cells": 2 * 144 * VALUES,
    "products": 2 * (4 * 16 * (1 + 16) + 8 * 4 * 16 * (16 + 16)) * VALUES,
}
SIZES = [(1, 80), (80, 50), (50, 50), (50, 80)]  # inputs and units of the wide network
WIDE = {
    "turns": 16 * 20 * 4,
    "cells": 2 * 260 * VALUES,
    "products": 2 * sum(4 * units * (inputs + units) for inputs, units in SIZES) * VALUES,
}


def epoch(work, of=REAL):
    return work["turns"] * of.turn + work["cells"] * of.cell + work["products"] * of.product


def test_the_constants_are_those_that_the_times_were_made_of():
    """Three tensors for an LSTM layer, two for the dense one. The narrow network has one kind of
    layer, the deep one two, of 1 and of 16 inputs, and the wide one four.
    """
    # An epoch of the narrow network is taken for turns alone.
    turns_alone = {"turns": NARROW["turns"], "cells": 0, "products": 0}
    timed = [
        (2.0 + 8 * 0.1 + 0.5, epoch(turns_alone)),
        (2.0 + 29 * 0.1 + 2 * 0.5, epoch(DEEP)),
        (2.0 + 14 * 0.1 + 4 * 0.5, epoch(WIDE)),
    ]
    found = speed._solved(3.0, timed, "fused")
    assert astuple(found) == pytest.approx(astuple(REAL), rel=1e-9)


def test_an_epoch_and_a_program_take_what_their_sizes_say():
    settings = Settings.model_validate(
        {
            "data": {"family": "sines", "timesteps": 20},
            "model": {"encoder": [16] * 8, "decoder": [16]},
        }
    )
    network = network_of(settings.model, 20, 1)
    assert REAL.of_epoch(settings, network, 512, 128, 2) == pytest.approx(epoch(DEEP), rel=1e-12)
    assert REAL.to_compile(network) == pytest.approx(2.0 + 29 * 0.1 + 2 * 0.5)


def test_layers_of_other_sizes_activations_or_directions_are_other_kinds():
    def kinds(**model):
        settings = Settings.model_validate(
            {"model": {"encoder": [8, 8, 8], "decoder": [8], **model}}
        )
        only = Speed(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
        return only.to_compile(network_of(settings.model, 7, 8))

    assert kinds() == 1
    assert kinds(activation=["relu", "tanh", "relu", "tanh"]) == 2
    # Both directions of 8 inputs and of 16 inputs; the decoder is one of the latter.
    assert kinds(bidirectional="encoder") == 4
    assert kinds(encoder=[8, 6, 5], decoder=[4]) == 4


def test_keys_that_add_a_pass_over_the_cells_count_them_once_more():
    """Normalization acts on layers that feed another, which of the two here is the first."""

    def cells(**keys):
        model = {"encoder": [6], "decoder": [10], **keys}
        settings = Settings.model_validate({"model": model})
        network = network_of(settings.model, 7, 1)
        only = Speed(0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
        return only.of_epoch(settings, network, 3, 0, 2) / (2 * 7 * 3)

    assert cells() == pytest.approx(16)
    assert cells(bidirectional=True, head={"units": [5]}) == pytest.approx(37)
    assert cells(peepholes=True) == cells(projection=3) == pytest.approx(32)
    assert cells(normalization="layer") == pytest.approx(22)
    assert cells(normalization="layer", peepholes=True) == pytest.approx(38)


@pytest.mark.parametrize("chance", [(0.0, 0.2), (0.2, 0.0), (0.0, 0.0)])
def test_times_that_fit_no_constants_give_none_below_0(chance):
    deep, wide = chance
    timed = [(3.0, 0.01), (2.0, deep), (3.0, wide)]
    found = speed._solved(3.0, timed, "fused")
    assert min(astuple(found)) >= 0
    assert (found.product > 0) == (wide > 0 == deep) and (found.cell > 0) == (deep > 0)


class Clock:
    """An engine that loads in no time. By its own clock every epoch takes 0.5 s, the first one 4 s
    more, and what comes after the last one takes 1 s.
    """

    def __init__(self):
        self.now = 0.0

    def process_time(self):
        return self.now

    def train(self, runs, arrays, on_epoch):
        for number in range(1, runs[0].settings.training.epochs + 1):
            self.now += 0.5 + 4.0 * (number == 1)
            for index in range(len(runs)):
                on_epoch(EpochEnd(index, number, 0.1, 0.1, dict))
        self.now += 1.0
        return iter(())


def test_a_measurement_times_programs_and_epochs(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(speed, "time", clock)
    monkeypatch.setattr(engines, "engine", lambda name: clock)
    for model, epochs in speed._PROBES:
        timed = speed._timed(clock, speed._run(model, epochs, "fused"))
        assert timed.compiled == (5.0,) and set(timed.epochs) == {0.5}
    found = speed.measured("fused", in_process.execute)
    assert found.turn == pytest.approx(0.5 / NARROW["turns"])
    assert (found.build, found.tensor, found.kind) == (5.0, 0.0, 0.0)


def test_a_wait_does_not_lengthen_a_measurement(monkeypatch):
    """Other work on the machine, or a cold disk, makes a worker wait like this."""

    class Waits(Clock):
        def train(self, runs, arrays, on_epoch):
            threading.Event().wait(0.2)
            on_epoch(EpochEnd(0, 1, 0.1, 0.1, dict))
            on_epoch(EpochEnd(0, 2, 0.1, 0.1, dict))
            return iter(())

    timed = speed._timed(Waits(), speed._run({"encoder": [1], "decoder": [1]}, 2, "fused"))
    assert timed.compiled[0] < 0.1


def test_a_worker_that_fails_leaves_no_speed(monkeypatch):
    def broken(name):
        raise ImportError(name)

    monkeypatch.setattr(engines, "engine", broken)
    assert speed.measured("fused", in_process.execute) is None


# ----------------------------------------------------------------------------------------- its file


def test_a_speed_is_kept_in_the_cache_folder_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert speed.kept("fused") is None
    speed.keep("fused", REAL)
    assert speed.kept("fused") == REAL and speed.kept("keras") is None
    (path,) = (tmp_path / "cache").rglob("*.json")
    assert path == speed.path_of("fused") and path.parent == tmp_path / "cache" / "lstm-ablate"
    assert json.loads(path.read_text())["start"] == 3.0
    monkeypatch.setattr(speed.machine, "cores", lambda: 977)
    assert speed.kept("fused") is None  # another machine


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"start": 1}', '{"start": "x"}', json.dumps(asdict(REAL) | {"cell": -1e-9})],
)
def test_a_file_that_says_something_else_is_no_speed(content, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    speed.keep("fused", REAL)
    speed.path_of("fused").write_text(content)
    assert speed.kept("fused") is None


def test_what_cannot_be_written_is_not_kept_and_no_error(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache")
    speed.keep("fused", REAL)
    assert speed.kept("fused") is None


def test_a_relative_cache_folder_is_ignored_as_the_standard_asks(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert speed.path_of("fused").parent == tmp_path / ".cache" / "lstm-ablate"


def test_without_a_home_nothing_is_kept_and_no_error(monkeypatch):
    def none():
        raise RuntimeError("no home")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", none)
    speed.keep("fused", REAL)
    assert speed.kept("fused") is None
