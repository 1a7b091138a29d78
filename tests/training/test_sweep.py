"""The sweep around a stub engine: what is trained, recorded, resumed and derived."""

import sys
import types

import numpy as np
import pytest
from in_process import execute as in_process
from stub_behaviour import Behaviour, happened, learning_rate

from lstm_ablate.evidence import analysis
from lstm_ablate.experiment import loading, runs, sizes
from lstm_ablate.report import derived
from lstm_ablate.store import environment, failures, records
from lstm_ablate.training import engines, sweep, work
from lstm_ablate.training.executors import local
from lstm_ablate.training.inputs import windows

pytestmark = pytest.mark.usefixtures("no_page", "stub_marks")

CONFIG = """
version: 1
name: stub
data: {family: sines, samples: {train: 4, validation: 2, test: 2}, timesteps: 3}
model: {encoder: [2], decoder: [2]}
training: {epochs: 3, batch_size: 2}
seeds: 3
baseline: calm
variants:
  calm: {training.optimizer.learning_rate: CALM}
  other: {training.optimizer.learning_rate: OTHER}
""".replace("CALM", f"{Behaviour.CALM}")


@pytest.fixture
def load(tmp_path):
    """A function that loads the experiment with a behaviour for the variant `other`."""

    def loaded(behaviour=Behaviour.QUICK, *overrides):
        path = tmp_path / "stub.yaml"
        path.write_text(CONFIG.replace("OTHER", learning_rate(behaviour)))
        return loading.load(path, overrides)

    return loaded


def swept(
    experiment,
    folder,
    *,
    retry_failed=False,
    stop_after=None,
    execute=in_process,
    workers=2,
    **options,
):
    """Train what is missing, in this process if nothing else is said; return what finished."""
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    todo = sweep.plan(
        experiment, records.read_all(folder), engine="stub_engine", retry_failed=retry_failed
    )
    steps = sweep.train(
        todo, folder, execute=execute, workers=workers, config_folder=folder, **options
    )
    finished = []
    for step in steps:
        if isinstance(step, sweep.Finished):
            finished.append(step)
            if len(finished) == stop_after:
                break
    steps.close()
    return finished


def derived_files(experiment, folder):
    todo = sweep.plan(experiment, records.read_all(folder), engine="stub_engine")
    summary = analysis.summarise(experiment, todo.runs, todo.records)
    derived.write(folder, experiment, todo.runs, todo.records, summary)
    names = ("experiment.yaml", "runs.csv", "curves.csv", "summary.csv", "report.md")
    return summary, {name: (folder / name).read_bytes() for name in names}


def test_every_run_is_trained_once_and_recorded(load, tmp_path):
    finished = swept(load(), tmp_path / "r", execute=local.execute)
    assert sorted((step.run.variant, step.run.seed) for step in finished) == [
        (variant, seed) for variant in ("calm", "other") for seed in range(3)
    ]
    assert {step.stored for step in finished} == {"stored"}
    assert swept(load(), tmp_path / "r") == []
    result = records.read_all(tmp_path / "r").records[finished[0].run.id].result
    windows, reconstructions = np.array(result["windows"]), np.array(result["reconstructions"])
    assert windows.shape == (2, 3)  # the first feature of so many windows
    np.testing.assert_allclose(reconstructions, windows / 2, atol=1e-4)  # as the stub says
    written = environment.read(tmp_path / "r")
    assert written["device"] == "stub" and written["packages"]["tensorflow"]


def test_seconds_of_training_are_told_where_they_are_not_those_of_a_compilation(load, tmp_path):
    several, single = (
        swept(load(Behaviour.QUICK, f"training.epochs={epochs}"), tmp_path / str(epochs))[0]
        for epochs in (3, 1)
    )
    assert 0 <= several.record.meta["training_seconds"] < 1
    assert "training_seconds" not in single.record.meta and single.record.meta["seconds"] >= 0


def test_seconds_are_those_of_one_run_of_a_group(load, monkeypatch):
    """By a clock that the engine moves, epochs take 20 s (with the compilation), 6 s and 6 s, and
    the test takes 4 s.
    """
    now = [1000.0]

    def train(group, arrays, on_epoch):
        for epoch, spent in enumerate((20.0, 6.0, 6.0), start=1):
            now[0] += spent
            for index in range(len(group)):
                if (index, epoch) != (1, 3):  # the second run has diverged
                    on_epoch(engines.EpochEnd(index, epoch, 0.5, 0.5, dict))
        now[0] += 4.0
        for index in range(len(group)):
            losses = [0.5] * (2 if index == 1 else 3)
            yield engines.result_of("best", 10, losses, losses, 0.5, None, None)

    engine = types.SimpleNamespace(train=train, device=lambda: "none")
    monkeypatch.setitem(sys.modules, "clocked_engine", engine)
    monkeypatch.setattr(work, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))
    group = runs.expand(load(Behaviour.QUICK, "seeds=4"), "clocked_engine")[:4]
    metas = [meta for _, meta in work.train(group, lambda message: None)]
    assert [meta["seconds"] for meta in metas] == [36.0 / 4] * 4
    epochs = [meta["training_seconds"] / (6.0 / 4) for meta in metas]
    assert epochs == [3, 2, 3, 3]


def test_the_curves_of_a_record_are_those_of_the_first_feature(load):
    run, *_ = runs.expand(load(Behaviour.QUICK, "data.features=3"), "stub_engine")
    ((result, _),) = work.train([run], lambda message: None)
    test = windows.of(run.settings.data, run.seed).test
    assert not np.any(test[..., 0].round(4) == test[..., 2].round(4))
    np.testing.assert_array_equal(result["windows"], test[:3, :, 0].round(4))
    np.testing.assert_array_equal(result["reconstructions"], (test[:3, :, 0] / 2).round(4))


def test_stops_workers_and_order_change_no_byte(load, tmp_path):
    swept(load(), tmp_path / "whole")
    expected = derived_files(load(), tmp_path / "whole")[1]
    for stop in range(1, 6):
        folder = tmp_path / f"stopped{stop}"
        swept(load(), folder, stop_after=stop)
        derived_files(load(), folder)
        swept(load(), folder, execute=local.execute, workers=2)
        assert derived_files(load(), folder)[1] == expected


def test_variants_of_equal_values_share_a_run(load, tmp_path):
    """They are equal in one of two tasks; in every task it would be a mistake in the config."""
    rate = "training.optimizer.learning_rate"
    changes = (
        f"variants={{calm: {{}}, other: {{{rate}: {Behaviour.QUICK}}}}}",
        f"{rate}={Behaviour.CALM}",
        f"tasks={{apart: {{}}, same: {{{rate}: {Behaviour.QUICK}}}}}",
    )
    one = load(Behaviour.QUICK, *changes)
    assert len(swept(one, tmp_path / "r")) == 6
    summary, _ = derived_files(one, tmp_path / "r")
    assert [row.ok for row in summary.rows] == [3, 3, 3, 3]
    apart, same = summary.rows[1], summary.rows[3]
    assert apart.comparison.ratio.value != 1.0 and apart.verdict != "same training"
    assert (same.comparison, same.verdict) == (None, "same training")
    assert same.sentence == (
        "other means the same training as calm here: no verdict. Task same, after 3 epochs of Adam"
        f" at {Behaviour.QUICK:g}."
    )


def test_an_edited_config_trains_only_what_changed(load, tmp_path):
    swept(load(Behaviour.QUICK), tmp_path / "r")
    finished = swept(load(Behaviour.EDITED), tmp_path / "r")
    assert sorted((step.run.variant, step.run.seed) for step in finished) == [
        ("other", seed) for seed in range(3)
    ]
    assert (
        sweep.plan(
            load(Behaviour.EDITED), records.read_all(tmp_path / "r"), engine="stub_engine"
        ).others
        == 3
    )


def test_a_diverged_run_is_a_result(load, tmp_path):
    swept(load(Behaviour.DIVERGES), tmp_path / "r")
    summary, written = derived_files(load(Behaviour.DIVERGES), tmp_path / "r")
    row = summary.rows[1]
    assert (row.ok, row.diverged, row.failed, row.missing, row.comparison.pairs) == (2, 1, 0, 0, 3)
    assert row.mean == pytest.approx(
        (1 + 3) / 2 * (1 + Behaviour.DIVERGES) / 3
    )  # seeds 0 and 2 after three epochs
    assert summary.troubles == ("default, other, seed 1: diverged at epoch 2 of training",)
    line = next(line for line in written["runs.csv"].decode().splitlines() if ",diverged," in line)
    *results, ceiling, linear, diverged, _, _ = line.split(",")
    assert ",".join(results) == "default,other,1,diverged,2,,10,,,"
    # On standardised windows the mean's loss is 1; a sequence of codes compresses nothing.
    assert (0.5 < float(ceiling) < 2, linear, diverged) == (True, "0.0", "2")
    assert "default,other,1,2,,\n" in written["curves.csv"].decode()


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (Behaviour.RAISES, "ArithmeticError: the stub was told to raise"),
        (Behaviour.DIES, "its process ended with exit code 7"),
        (
            Behaviour.BOUNDLESS,
            (
                "FloatingPointError: a number of the result is not finite, though the run did not"
                " diverge"
            ),
        ),
    ],
    ids=["RAISES", "DIES", "BOUNDLESS"],
)
def test_a_failed_run_is_told_kept_and_tried_again_only_on_request(
    behaviour, message, load, tmp_path
):
    finished = swept(load(behaviour), tmp_path / "r", execute=local.execute)
    assert sum(step.record.status == "ok" for step in finished) == 5
    (failed,) = (step for step in finished if step.record.status == "failed")
    assert (failed.run.variant, failed.run.seed) == ("other", 1)
    assert failed.record.result["message"] == message
    log = (tmp_path / "r" / "logs" / f"{failed.run.id}.log").read_text()
    assert "stub: training seed 1" in log
    summary, _ = derived_files(load(behaviour), tmp_path / "r")
    assert (summary.rows[1].ok, summary.rows[1].failed) == (2, 1)
    assert summary.troubles[0].startswith(f"default, other, seed 1: failed: {message}")
    assert swept(load(behaviour), tmp_path / "r", execute=local.execute) == []
    (again,) = swept(load(behaviour), tmp_path / "r", execute=local.execute, retry_failed=True)
    assert again.run.id == failed.run.id


@pytest.mark.parametrize(
    "behaviour",
    [Behaviour.RAISES, Behaviour.DIES, Behaviour.BOUNDLESS],
    ids=lambda behaviour: behaviour.name,
)
def test_a_group_of_several_runs_loses_only_the_run_that_fails(
    behaviour, load, tmp_path, monkeypatch
):
    """When the group has failed, each of its runs is tried alone."""
    monkeypatch.setattr(sizes, "group_size", lambda *settings: 3)
    experiment = load(behaviour)
    todo = sweep.plan(experiment, records.read_all(tmp_path), engine="stub_engine")
    assert [len(group) for group in runs.groups(todo.missing)] == [3, 3]
    finished = swept(experiment, tmp_path, execute=local.execute)
    assert sorted((step.run.variant, step.run.seed, step.record.status) for step in finished) == [
        *(("calm", seed, "ok") for seed in range(3)),
        *(("other", seed, "failed" if seed == 1 else "ok") for seed in range(3)),
    ]


def test_groups_that_share_a_program_have_one_key(load, tmp_path):
    """An executor sends groups of one key to the worker that has compiled their program."""
    named = []

    def execute(work, groups, *, key, **options):
        named.extend((group[0].variant, key(group)) for group in groups)
        return in_process(work, groups, key=key, **options)

    experiment = load(
        Behaviour.QUICK,
        f"training.optimizer.learning_rate={Behaviour.EDITED}",
        "variants.third={model.between: relu}",
        "variants.longer={training.epochs: 4}",
    )
    swept(experiment, tmp_path / "r", execute=execute)
    keys = dict(named)
    assert len(named) == 12 and all(keys[variant] == key for variant, key in named)
    assert keys["calm"] == keys["other"] == keys["longer"] != keys["third"]


def test_a_run_that_is_tried_again_on_request_has_two_attempts_again(load, tmp_path):
    """Failures that led to its record no longer count; those of a run without a record do."""
    experiment = load(Behaviour.KILLED, "seeds=[1]", "training.epochs=1")
    swept(experiment, tmp_path / "r", execute=local.execute, workers=1)
    assert happened(Behaviour.KILLED) == 2
    swept(experiment, tmp_path / "r", execute=local.execute, workers=1, retry_failed=True)
    assert happened(Behaviour.KILLED) == 4
    (failed,) = (
        record
        for record in records.read_all(tmp_path / "r").records.values()
        if record.status == "failed"
    )
    (tmp_path / "r" / "runs" / f"{failed.run}.json").unlink()
    swept(experiment, tmp_path / "r", execute=local.execute, workers=1)
    assert happened(Behaviour.KILLED) == 5


def test_a_noted_failure_is_forgotten_once_its_run_has_succeeded(load, tmp_path):
    experiment = load(Behaviour.QUICK, "seeds=2", "training.epochs=1")
    todo = sweep.plan(experiment, records.read_all(tmp_path / "r"), engine="stub_engine")
    for run in (todo.missing[1].id, "0" * 16):
        failures.note(tmp_path / "r", run, "as a driver left it that was killed")
    finished = swept(experiment, tmp_path / "r")
    assert {step.record.status for step in finished} == {"ok"} and len(finished) == 4
    assert failures.noted(tmp_path / "r") == {
        "0" * 16
    }  # the note of a run that this experiment does not have


def test_fail_fast_ends_the_sweep(load, tmp_path):
    everything = swept(load(Behaviour.RAISES_ALWAYS), tmp_path / "all")
    finished = swept(load(Behaviour.RAISES_ALWAYS), tmp_path / "r", fail_fast=True)
    statuses = [
        [step.record.status for step in steps].count("failed") for steps in (everything, finished)
    ]
    assert statuses == [3, 1]
    # These are the runs before the failure, and no others.
    assert finished[-1].record.status == "failed" and len(finished) == 4


def test_fail_fast_tries_again_at_once_and_goes_on_where_that_helps(load, tmp_path):
    """The first run always fails, or in the other experiment only once. Then no other run waits for
    it, and none is left out.
    """
    options = {"execute": local.execute, "workers": 1, "fail_fast": True}
    always = swept(load(Behaviour.KILLED, "seeds=[1, 0, 2]"), tmp_path / "a", **options)
    assert [(step.run.variant, step.run.seed, step.record.status) for step in always][-1] == (
        "other",
        1,
        "failed",
    )
    assert len(always) == 4
    once = swept(load(Behaviour.KILLED, "seeds=[3, 0, 2]"), tmp_path / "b", **options)
    assert [step.record.status for step in once] == ["ok"] * 6
    assert [step.run.seed for step in once if step.run.variant == "other"] == [3, 0, 2]


def test_a_damaged_record_is_moved_aside_and_trained_again(load, tmp_path):
    first = swept(load(), tmp_path / "r")
    expected = derived_files(load(), tmp_path / "r")[1]
    path = tmp_path / "r" / "runs" / f"{first[0].run.id}.json"
    path.write_bytes(path.read_bytes()[:-100])
    (again,) = swept(load(), tmp_path / "r")
    assert again.run.id == first[0].run.id
    assert derived_files(load(), tmp_path / "r")[1] == expected
    assert [p.name for p in (tmp_path / "r" / "runs" / "damaged").iterdir()] == [
        f"{first[0].run.id}.1.json"
    ]


def test_epochs_are_told_while_a_run_is_at_work(load, tmp_path):
    (tmp_path / "runs").mkdir()
    todo = sweep.plan(load(), records.read_all(tmp_path), engine="stub_engine")
    steps = list(
        sweep.train(todo, tmp_path, execute=local.execute, workers=2, config_folder=tmp_path)
    )
    epochs = [
        (step.run.variant, step.run.seed, step.epoch)
        for step in steps
        if isinstance(step, sweep.Epoch)
    ]
    assert sorted(epochs) == [
        (v, s, e) for v in ("calm", "other") for s in range(3) for e in (1, 2, 3)
    ]
