"""Copies of a shipped config: all files are there afterwards or none, and nothing is replaced."""

import pytest

from lstm_ablate.errors import UserError
from lstm_ablate.experiment import shipped
from lstm_ablate.store import copies, files


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("taken", ["own_data.csv", "own_data.yaml", "both", "dangling"])
def test_nothing_is_replaced_and_nothing_is_written_in_part(taken, tmp_path):
    names = ["own_data.csv", "own_data.yaml"] if taken == "both" else [taken]
    if taken == "dangling":
        names = ["own_data.yaml"]
        (tmp_path / "own_data.yaml").symlink_to("nowhere")
    else:
        for name in names:
            (tmp_path / name).write_text("mine")
    with pytest.raises(UserError) as told:
        copies.write(shipped.contents("own_data"), tmp_path)
    assert [problem.partition(": exists")[0] for problem in told.value.problems] == [
        str(tmp_path / name) for name in names
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert taken == "dangling" or set(contents(tmp_path).values()) == {b"mine"}


@pytest.mark.parametrize("failure", [False, OSError("the disk is full"), KeyboardInterrupt()])
def test_what_fails_at_the_second_file_takes_the_first_back(failure, tmp_path, monkeypatch):
    """False: somebody else wrote the config in between."""

    def publish(path, content):
        if path.suffix == ".csv":
            return files.publish(path, content)
        if failure:
            raise failure
        return False

    monkeypatch.setattr(copies, "publish", publish)
    with pytest.raises(type(failure) if failure else UserError):
        copies.write(shipped.contents("own_data"), tmp_path)
    assert contents(tmp_path) == {}
