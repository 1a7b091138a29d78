"""What is done where there are GPUs: none is here, so nvidia-smi is a script that tells of some."""

import os
import shutil
from pathlib import Path

import pytest
from command_line import call

from lstm_ablate import machine
from lstm_ablate.errors import UserError
from lstm_ablate.experiment import loading, runs, sizes
from lstm_ablate.experiment.settings import Settings
from lstm_ablate.training import resources, variables

ROOT = Path(__file__).parents[2]
GIB = 2**30


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """A function that sets what nvidia-smi prints to this process and those that it starts."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "nvidia-smi"

    def tell(*lines):
        query = "--query-gpu=index,uuid,memory.free --format=csv,noheader,nounits"
        script.write_text(
            f'#!/bin/sh\n[ "$*" = "{query}" ] && cat <<END\n' + "\n".join(lines) + "\nEND\n"
        )
        script.chmod(0o755)
        machine.gpus.cache_clear()

    yield tell
    machine.gpus.cache_clear()


def test_gpus_are_those_that_we_may_use_with_the_memory_that_is_free(smi, monkeypatch):
    smi("0, GPU-a, 79000", "1, GPU-b, 10", "2, GPU-c, [N/A]")
    first, second, third = (
        machine.Gpu("GPU-a", 79000 * 2**20),
        machine.Gpu("GPU-b", 10 * 2**20),
        machine.Gpu("GPU-c", None),
    )
    assert machine.gpus() == (first, second, third)
    for allowed, expected in {"1": (second,), "GPU-c,0": (first, third), "": ()}.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
        machine.gpus.cache_clear()
        assert machine.gpus() == expected
    smi("No devices were found")
    assert machine.gpus() == ()


def test_every_gpu_gets_a_worker(smi):
    smi("0, GPU-a, 79000", "1, GPU-b, 79000")
    assert resources.default_workers() == 2
    assert [
        variables.worker_environment(worker)["CUDA_VISIBLE_DEVICES"] for worker in range(3)
    ] == ["GPU-a", "GPU-b", "GPU-a"]
    assert (
        variables.worker_environment(0).items()
        > (variables.WORKER_ENVIRONMENT | variables.GPU_ENVIRONMENT).items()
    )


def test_as_many_runs_at_once_as_half_of_the_free_memory_holds():
    fitting = {free: sizes.fitting(1.0, 1000, free) for free in (0, 3, 4, 7.9, 8, 127, 128, 1e9)}
    assert fitting == {0: 1, 3: 1, 4: 2, 7.9: 2, 8: 4, 127: 32, 128: 64, 1e9: sizes.MOST}
    assert [sizes.fitting(1.0, seeds, 1e9) for seeds in (1, 2, 3, 10, 16, 17)] == [
        1,
        2,
        4,
        16,
        16,
        32,
    ]


def test_a_run_takes_more_memory_with_every_size():
    changes = [
        {"model": {"encoder": [200, 50]}},
        {"model": {"decoder": [50, 50, 100]}},
        {"model": {"head": {"units": [500]}}},
        {"training": {"batch_size": 64}},
        {"training": {"dtype": "float64"}},
    ]
    base, *larger = (
        sizes.run_bytes(Settings.model_validate(values), 2304, 30, 1) for values in [{}, *changes]
    )
    wider = [
        sizes.run_bytes(Settings(), *shape)
        for shape in ((9999, 30, 1), (2304, 60, 1), (2304, 30, 5))
    ]
    assert all(size > base for size in [*larger, *wider])
    with_head = Settings.model_validate(changes[2])
    added = sizes.run_bytes(with_head, 2304, 300, 1) - sizes.run_bytes(Settings(), 2304, 300, 1)
    assert added > 500 * 300 * 32 * 4  # the head's output alone


CONFIG = """
version: 1
name: large
seeds: 40
model: {decoder: [50, 100]}
baseline: tanh
variants: {tanh: {}, wide: {model.encoder: [400]}}
tasks: {short: {}, long: {data.timesteps: 300}}
"""


def test_the_group_size_is_that_of_the_largest_runs_on_the_fullest_gpu(smi, tmp_path):
    (tmp_path / "c.yaml").write_text(CONFIG)
    experiment = loading.load(tmp_path / "c.yaml")
    each = sizes.run_bytes(experiment.settings["long", "wide"], 2304, 300, 1)
    fullest = int(2 * each * 9 / 2**20)
    smi("0, GPU-a, 79000", f"1, GPU-b, {fullest}", "2, GPU-c, [N/A]")
    settled = resources.settled(experiment, tmp_path)
    assert (
        settled.group_size,
        settled.resolved["group_size"],
        experiment.resolved["group_size"],
    ) == (8, 8, "auto")
    assert list(settled.resolved) == list(experiment.resolved)
    expanded = runs.expand(settled)
    assert {run.identity["group_size"] for run in expanded} == {8}
    assert [len(group) for group in runs.groups(expanded)] == [8] * 20
    smi("0, GPU-a, 79000")
    assert resources.settled(experiment, tmp_path).group_size == 64  # no more than hold 40 seeds
    asked = loading.load(tmp_path / "c.yaml", ("group_size=3",))
    assert resources.settled(asked, tmp_path) is asked
    for lines in (["0, GPU-c, [N/A]"], []):
        smi(*lines)
        assert resources.settled(experiment, tmp_path) is experiment


def test_the_size_of_own_data_is_that_of_the_file(smi, tmp_path):
    (tmp_path / "mine.csv").write_text("x\n" + "1\n2\n" * 20_000)
    config = (
        CONFIG.replace(", long: {data.timesteps: 300}", "")
        + "data: {family: file, path: mine.csv}\n"
    )
    (tmp_path / "c.yaml").write_text(config)
    experiment = loading.load(tmp_path / "c.yaml")
    windows = 28_000 + 6_000 + 6_000 - 3 * 29
    each = sizes.run_bytes(experiment.settings["short", "wide"], windows, 30, 1)
    for runs_held, size in ((3.9, 2), (4.1, 4)):
        smi(f"0, GPU-a, {round(2 * each * runs_held / 2**20)}")
        assert resources.settled(experiment, tmp_path).group_size == size


def test_a_results_folder_keeps_its_group_size_and_needs_no_gpu_to_report(smi, tmp_path):
    shutil.copy(ROOT / "configs" / "smoke.yaml", tmp_path)
    folder = tmp_path / "results" / "smoke"

    smi("0, GPU-a, 79000")
    short = (
        "smoke.yaml",
        "seeds=2",
        "training.epochs=3",
        "model.encoder=[4]",
        "model.decoder=[4]",
        "variants={tanh: {}}",
    )
    assert "2 to train" in call("run", *short, cwd=tmp_path).stderr
    names = ("experiment.yaml", "runs.csv", "summary.csv", "report.md")
    before = {name: (folder / name).read_bytes() for name in names}
    assert b"\ngroup_size: 2\n" in before["experiment.yaml"]
    assert before["runs.csv"].count(b"\n") == 3
    smi("0, GPU-a, 1")
    assert "2 done, 0 to train" in call("run", *short, cwd=tmp_path).stderr
    assert "of which 0 are missing" in call("plan", *short, cwd=tmp_path).stdout
    smi()
    call("report", folder, cwd=tmp_path)
    assert {name: (folder / name).read_bytes() for name in names} == before


def test_the_group_size_is_settled_before_an_experiment_is_cut(smi, tmp_path):
    (tmp_path / "c.yaml").write_text(CONFIG)
    experiment = loading.load(tmp_path / "c.yaml")
    whole, part = tmp_path / "whole", tmp_path / "part"
    smi("No devices were found")
    assert resources.settled_before_cutting(experiment, (whole, part)) is experiment
    smi("0, GPU-a, 79000")
    fitting = resources.settled(experiment, whole).group_size
    with pytest.raises(UserError, match=f"Add group_size={fitting}, which fits the GPUs here"):
        resources.settled_before_cutting(experiment, (whole, part))
    for folder, number in ((part, 4), (whole, 2)):  # that of the whole comes first
        folder.mkdir()
        (folder / "experiment.yaml").write_text(f"group_size: {number}\n")
        settled = resources.settled_before_cutting(experiment, (whole, part))
        assert settled.group_size == settled.resolved["group_size"] == number
    written = loading.load(tmp_path / "c.yaml", (f"group_size={fitting}",))
    assert resources.settled_before_cutting(written, (whole, part)) is written
