"""Whole processes are measured from start to end, in turns; one that fails gives no figure."""

import json
import subprocess
from itertools import count

import pytest

from lstm_ablate.checks import benchmark, whole_processes
from lstm_ablate.checks.whole_processes import FirstSeconds, Processes, Race
from lstm_ablate.cli import bench


def test_a_process_is_measured_to_its_end_and_its_failure_is_none():
    assert 0.3 < whole_processes._seconds(["-c", "import time; time.sleep(0.3)"]) < 60
    with pytest.raises(RuntimeError, match="ended with exit code 7\nwhy"):
        code = "import sys; print('why', file=sys.stderr); sys.exit(7)"
        whole_processes._seconds(["-c", code])


def test_a_process_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(whole_processes, "_LONGEST", 0.2)
    with pytest.raises(subprocess.TimeoutExpired):
        whole_processes._seconds(["-c", "import time; time.sleep(60)"])


def test_they_take_turns_and_the_median_counts(monkeypatch):
    """An import, a run from nothing and one with nothing to do take 1, 2, 3, then 4, 5, 6, then 7,
    8, 9 seconds.
    """
    asked, clock = [], count(1)
    monkeypatch.setattr(
        whole_processes, "_seconds", lambda words: asked.append(words) or next(clock)
    )
    assert whole_processes.first_seconds(3) == FirstSeconds(4, 5, 6)
    assert asked[::3] == [["-c", "import tensorflow"]] * 3
    results = [words[words.index("--results") + 1] for words in asked if "run" in words]
    assert results[::2] == results[1::2] and len(set(results)) == 3


def test_ours_runs_before_and_after_the_loop(monkeypatch):
    asked, clock = [], count(1)
    monkeypatch.setattr(
        whole_processes, "_seconds", lambda words: asked.append(words) or next(clock)
    )
    assert whole_processes.race("[16, 8]") == Race("[16, 8]", 8, 10, 2.0, 2.0)
    assert ["run" in words for words in asked] == [True, False, True]


@pytest.mark.parametrize("network", whole_processes.NETWORKS)
def test_both_sides_train_the_same_runs(network, monkeypatch, tmp_path):
    """The loop trains each variant of the config once for each seed."""
    from lstm_ablate.checks import handwritten

    encoder, decoder = whole_processes.NETWORKS[network]
    words = {"name": "race", "encoder": encoder, "decoder": decoder, "epochs": 2, "seeds": 3}
    config = tmp_path / "race.yaml"
    config.write_text(whole_processes._CONFIG.format(**words))
    trained = []
    monkeypatch.setattr(handwritten, "plain", lambda settings, *_: trained.append(settings))
    whole_processes.loop(str(config))
    names = [settings.model.site("candidate") for settings in trained]
    assert names == ["tanh"] * 3 + ["relu"] * 3
    assert {(*one.model.encoder, one.training.epochs) for one in trained} == {(*encoder, 2)}


def test_the_lines_say_it_in_imports_and_in_times_as_fast():
    measured = Processes(FirstSeconds(2.0, 5.0, 0.5), (Race("[16, 8]", 8, 10, 4.0, 50.0),))
    first, second = whole_processes.lines(measured)
    assert "5.0 s, 2.5 imports of TensorFlow of 2.0 s" in first and "0.50 s, 0.25" in first
    assert second.endswith("fused 4.0 s, plain Keras 50.0 s: 12.5x")


def test_networks_are_measured_beside_processes_only_if_asked_for(monkeypatch, tmp_path, capsys):
    networks = benchmark.Benchmark({"name": "x"}, 2, 100.0, (), benchmark.Growth(1.0, 1.0), None)
    processes = Processes(FirstSeconds(2.0, 5.0, 0.5), ())
    monkeypatch.setattr(benchmark, "run", lambda *_: networks)
    monkeypatch.setattr(whole_processes, "measure", lambda *_: processes)
    figures = tmp_path / "figures.json"

    def measured(**options):
        given = {"cases": "", "rounds": 3, "config": None, "processes": True} | options
        bench.bench(**given, file=figures)
        keys = json.loads(figures.read_text()).keys()
        return "processes" in keys, "growth" in keys, capsys.readouterr().out

    assert measured()[:2] == (True, False)
    assert measured(cases="small")[:2] == (True, True)
    assert measured(config=tmp_path / "a.yaml")[:2] == (True, True)
    *kinds, said = measured(processes=False)
    assert kinds == [False, True] and "growth: 1.00 times" in said and "smoke" not in said
