"""Parts of an experiment: every seed in exactly one of them, and what Slurm's variables mean.

The arbiter of job arrays is a model of what Slurm does with `--array`: the numbers that it lists.
"""

import pytest

from lstm_ablate.errors import UserError
from lstm_ablate.experiment.shards import Shard, of_option

EVERY = [(tuple(range(100, 100 + seeds)), of) for seeds in range(45) for of in range(1, 20)]


def cut(seeds, of):
    return [Shard(part, of).of_seeds(seeds) for part in range(1, of + 1)]


def test_every_seed_is_in_one_part_and_parts_are_alike_in_size():
    for seeds, of in EVERY:
        parts = cut(seeds, of)
        assert sorted(seed for part in parts for seed in part) == list(seeds)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_the_seeds_of_every_look_are_shared_alike():
    for seeds, of in EVERY:
        for begin in range(0, len(seeds), 10):
            look = set(seeds[begin : begin + 10])
            shares = [len(look & set(part)) for part in cut(seeds, of)]
            assert max(shares) - min(shares) <= 1


def test_a_seed_stays_in_its_part_when_more_are_asked_for():
    for seeds, of in EVERY:
        for before, after in zip(cut(seeds, of), cut((*seeds, 7, 3, 99), of), strict=True):
            assert after[: len(before)] == before


def test_a_part_is_named_as_it_is_written():
    shard = of_option(" 2/8", {})
    assert (shard, str(shard), shard.name) == (Shard(2, 8), "2/8", "2of8")
    assert shard.title == "part 2 of 8" and of_option("1/1", {}) == Shard(1, 1)


def test_a_part_that_is_no_text_is_refused_in_words():
    """As from Python, where a pair of numbers would be natural."""
    with pytest.raises(UserError, match=r'expected a text such as "2/8", found \(1, 2\)'):
        of_option((1, 2), {})


@pytest.mark.parametrize("text", ["", "2", "0/8", "9/8", "1/0", "1/99999", "-1/8", "a/b", "2/8/1"])
def test_what_is_no_part_is_told(text):
    with pytest.raises(UserError, match=r"^--shard: "):
        of_option(text, {})


def array(numbers, own, step=1):
    """What Slurm sets in a task of an array of these numbers (sbatch(1), output variables)."""
    values = {"ID": own, "MIN": min(numbers), "MAX": max(numbers), "COUNT": len(numbers)}
    return {f"SLURM_ARRAY_TASK_{name}": f"{value}" for name, value in values.items()} | {
        "SLURM_ARRAY_TASK_STEP": f"{step}"
    }


@pytest.mark.parametrize(
    ("numbers", "step"),
    [
        (range(1, 9), 1),  # --array=1-8
        (range(8), 1),  # --array=0-7
        (range(1, 16, 2), 2),  # --array=1-15:2, and 1-16:2, whose largest number is 15
        (range(0, 16, 4), 4),
        (range(2), 1),
    ],
)
def test_every_task_of_an_array_is_its_part(numbers, step):
    for place, own in enumerate(numbers, start=1):
        assert of_option("slurm", array(numbers, own, step)) == Shard(place, len(numbers))
    without_step = array(range(1, 4), 2)
    del without_step["SLURM_ARRAY_TASK_STEP"]
    assert of_option("Slurm", without_step) == Shard(2, 3)


@pytest.mark.parametrize(
    ("numbers", "own", "step"),
    [
        ([1, 3, 7], 3, 1),  # --array=1,3,7: the place of 3 is not known
        ([3, 4, 5], 4, 1),  # --array=3-5: what is left of a longer one, perhaps
        ([1, 3, 5, 7, 20], 5, 2),  # --array=1-7:2,20
        ([1, 2, 3], 9, 1),
        ([1], 1, 1),  # --array=1
    ],
)
def test_an_array_that_does_not_say_which_part_it_is_is_refused(numbers, own, step):
    with pytest.raises(UserError, match="do not say which part this is") as told:
        of_option("slurm", array(numbers, own, step))
    assert '--shard "$SLURM_ARRAY_TASK_ID/N"' in str(told.value)


def test_outside_an_array_the_variable_that_lacks_is_named():
    with pytest.raises(UserError, match="SLURM_ARRAY_TASK_ID is not set; call it in a task of"):
        of_option("slurm", {})
    with pytest.raises(UserError, match='SLURM_ARRAY_TASK_COUNT is "eight"'):
        of_option("slurm", array([1], 1) | {"SLURM_ARRAY_TASK_COUNT": "eight"})
