"""Copies of a shipped config: all files are written or none, and no file is replaced."""

import pytest

from lstm_ablate.errors import UserError
from lstm_ablate.experiment import shipped
from lstm_ablate.store import copies, files


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("taken", ["own_data.csv", "own_data.yaml", "both", "dangling"])
def test_where_a_file_exists_it_is_kept_and_none_is_written(taken, tmp_path):
    names = ["own_data.csv", "own_data.yaml"] if taken == "both" else [taken]
    if taken == "dangling":
        names = ["own_data.yaml"]
        (tmp_path / "own_data.yaml").symlink_to("nowhere")
    else:
        for name in names:
            (tmp_path / name).write_text("mine")
    with pytest.raises(UserError) as raised:
        copies.write(shipped.contents("own_data"), tmp_path)
    assert [problem.partition(": exists")[0] for problem in raised.value.problems] == [
        str(tmp_path / name) for name in names
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert taken == "dangling" or set(contents(tmp_path).values()) == {b"mine"}


@pytest.mark.parametrize("failure", [False, OSError("the disk is full"), KeyboardInterrupt()])
def test_if_the_second_file_cannot_be_written_the_first_one_is_removed(
    failure, tmp_path, monkeypatch
):
    """`False` means that another process wrote the config in between."""

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
