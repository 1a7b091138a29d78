"""Seeds until the answer is decided: what is read, what is written, and what is refused."""

import pytest
from configurations import HEAD, Configs

from lstm_ablate.experiment import loading, runs
from lstm_ablate.experiment.yaml_source import dump


@pytest.mark.parametrize(
    ("text", "looks", "seeds"),
    [
        ("{until: decided, step: 10, most: 60}", (10, 20, 30, 40, 50, 60), tuple(range(60))),
        ("{until: decided, most: 25}", (10, 20, 25), tuple(range(25))),
        ("{until: decided, step: 30, most: 12}", (12,), tuple(range(12))),
        ("{until: decided, step: 2, most: [7, 0, 5, 3]}", (2, 4), (7, 0, 5, 3)),
        ("12", (), tuple(range(12))),
    ],
)
def test_looks_come_after_every_step_and_at_the_end(configs: Configs, text, looks, seeds) -> None:
    experiment = configs.load(f"{HEAD}seeds: {text}\n")
    assert (experiment.looks, experiment.seeds) == (looks, seeds)
    assert {run.seed for run in runs.expand(experiment)} == set(seeds)
    again = configs.load(dump(dict(experiment.resolved)))
    assert (again, dict(again.resolved)) == (experiment, dict(experiment.resolved))


def test_what_is_written_is_short(configs: Configs) -> None:
    experiment = configs.load(f"{HEAD}seeds: {{until: decided, most: 1000}}\n")
    assert experiment.resolved["seeds"] == {"until": "decided", "step": 10, "most": 1000}
    named = configs.load(f"{HEAD}seeds: {{until: decided, most: [2, 0, 1]}}\n")
    assert named.resolved["seeds"] == {"until": "decided", "step": 10, "most": [2, 0, 1]}


@pytest.mark.parametrize(
    ("written", "most", "looks"),
    [
        ("", 10, (10,)),
        ("seeds: 25\n", 25, (10, 20, 25)),
        ("seeds: [9, 4, 7]\n", [9, 4, 7], (3,)),
        ("seeds: {until: decided, step: 4, most: 9}\n", 9, (4, 8, 9)),
    ],
)
def test_any_config_can_be_asked_until_decided(configs: Configs, written, most, looks) -> None:
    """Its number is the last look, its list is taken in its order."""
    settled = configs.load(HEAD + written)
    experiment = loading.load(configs.path, sequential=True)
    assert experiment.looks == looks and experiment.seeds == settled.seeds
    assert experiment.resolved["seeds"]["most"] == most


def test_the_command_line_changes_seeds_before_they_are_taken(configs: Configs) -> None:
    configs.load(f"{HEAD}seeds: 3\n")
    assert loading.load(configs.path, ("seeds=20",), sequential=True).looks == (10, 20)
    sequential = f"{HEAD}seeds: {{until: decided, most: 30}}\n"
    assert configs.load(sequential, "seeds.most=12", "seeds.step=5").looks == (5, 10, 12)
    assert configs.load(sequential, "seeds=12").looks == ()


def test_a_document_that_is_empty_is_told_as_ever(configs: Configs) -> None:
    configs.path.write_text("{}\n")
    with pytest.raises(loading.UserError) as told:
        loading.load(configs.path, sequential=True)
    assert 'the key "version" is missing' in str(told.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{until: decided}", '7:8: seeds: the key "most" is missing'),
        ("{most: 60}", '7:8: seeds: the key "until" is missing'),
        (
            "{until: bored, most: 60}",
            '7:16: seeds.until: found "bored" (text); allowed: decided.',
        ),
        (
            "{until: decided, step: 0, most: 60}",
            "7:31: seeds.step: must be at least 1; found 0",
        ),
        (
            "{until: decided, step: often, most: 60}",
            '7:31: seeds.step: expected a whole number, found "often" (text)',
        ),
        (
            "{until: decided, step: true, most: 60}",
            "7:31: seeds.step: expected a whole number, found true",
        ),
        (
            "{until: decided, most: 0}",
            "7:31: seeds.most: a number of seeds is between 1 and 1,000,000; found 0",
        ),
        (
            "{until: decided, most: 1001}",
            "7:31: seeds.most: at most 1,000 seeds until a decision; found 1001",
        ),
        (
            "{until: decided, most: [1, 2, 1]}",
            "7:31: seeds.most: the seed 1 is named twice; found a list",
        ),
        (
            "{until: decided, steps: 5, most: 60}",
            '7:25: unknown key "steps" in seeds. Did you mean "step"?\n  known: until, step, most',
        ),
    ],
)
def test_wrong_input_is_told_at_its_place(configs: Configs, text, message) -> None:
    assert configs.problems(f"{HEAD}seeds: {text}\n") == [f"c.yaml:{message}"]


def test_too_many_seeds_to_be_looked_at_are_told_of_the_command_line_too(configs: Configs) -> None:
    configs.load(f"{HEAD}seeds: 2000\n")
    with pytest.raises(loading.UserError) as told:
        loading.load(configs.path, sequential=True)
    assert told.value.problems == (
        f"{configs.path}:7:8: seeds.most: at most 1,000 seeds until a decision; found 2000",
    )
