"""The user's own data: what is cut where, what is scaled by what, and what is refused."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lstm_ablate.errors import UserError
from lstm_ablate.experiment import loading
from lstm_ablate.experiment.data_settings import FileData, Split
from lstm_ablate.training.inputs import checking, file, windows
from lstm_ablate.training.inputs.file import LARGEST, read

PARTS = ("train", "validation", "test")
N = 40  # rows: 28 for training, 6 for validation, 6 for test at the default split


def _csv(path: Path, *rows: object, header: str = "a,b") -> Path:
    path.write_text("\n".join([header, *map(str, rows)]) + "\n")
    return path


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """Rows (r, 1000 - r^2): every value tells its row, so windows can be told apart."""
    return _csv(tmp_path / "series.csv", *(f"{row},{1000 - row * row}" for row in range(N)))


def _read(path: Path, **changes: Any) -> tuple[np.ndarray, ...]:
    window = {} if path.suffix == ".npy" else {"timesteps": 4, "columns": ("a", "b")}
    return read(FileData(path=str(path), **{**window, "scaling": "none", **changes}))


# ------------------------------------------------------------------------------------------ cutting


@pytest.mark.parametrize("stride", [1, 2, 3, 100])
@pytest.mark.parametrize("timesteps", [2, 4, 6])
def test_windows_are_cut_within_their_part_in_the_order_of_the_rows(
    series: Path, timesteps: int, stride: int
) -> None:
    rows = [(float(row), 1000.0 - row * row) for row in range(N)]
    parts = _read(series, timesteps=timesteps, stride=stride)
    for part, low, high in zip(parts, (0, 28, 34), (28, 34, 40), strict=True):
        expected = [
            rows[start : start + timesteps] for start in range(low, high - timesteps + 1, stride)
        ]
        np.testing.assert_array_equal(part, expected)
        assert part.dtype == np.float64
        assert part.flags.c_contiguous


def test_the_split_is_chronological_and_no_row_is_in_two_parts(series: Path) -> None:
    split = Split(train=0.5, validation=0.2, test=0.3)
    rows = [set(part[:, :, 0].ravel()) for part in _read(series, split=split)]
    assert [len(part) for part in rows] == [20, 8, 12]
    assert max(rows[0]) < min(rows[1]) <= max(rows[1]) < min(rows[2])
    assert set.union(*rows) == set(range(N))


@pytest.mark.parametrize("split", [(0.7, 0.15, 0.15), (0.5, 0.3, 0.2), (0.34, 0.33, 0.33)])
def test_both_cuts_fall_on_the_sample_next_to_their_fraction(tmp_path: Path, split: Any) -> None:
    """Each within half a sample of its exact place: the first cut's rounding moves no other."""
    for samples in range(7, 41):
        np.save(tmp_path / "a.npy", np.zeros((samples, 2, 1)))
        parts = _read(tmp_path / "a.npy", split=Split(**dict(zip(PARTS, split, strict=True))))
        train, validation, test = map(len, parts)
        assert abs(train - samples * split[0]) <= 0.5 + 1e-9
        assert abs(train + validation - samples * (split[0] + split[1])) <= 0.5 + 1e-9
        assert train + validation + test == samples


def test_npy_samples_are_split_in_their_order(tmp_path: Path) -> None:
    array = np.random.default_rng(0).standard_normal((20, 5, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", array)
    parts = _read(tmp_path / "a.npy")
    assert [len(part) for part in parts] == [14, 3, 3]
    np.testing.assert_array_equal(np.concatenate(parts), array)
    assert parts[0].dtype == np.float64


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<i2", "u1", "<f2"])
def test_npy_of_any_number_type_and_order(tmp_path: Path, dtype: str, order: Any) -> None:
    array = np.arange(120).reshape(10, 4, 3).astype(dtype, order=order)
    np.save(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(np.concatenate(_read(tmp_path / "a.npy")), array)


# ------------------------------------------------------------------------------------------ scaling


def test_scaling_is_fitted_on_the_training_part_alone(series: Path, tmp_path: Path) -> None:
    rows = np.array([(row, 1000 - row * row) for row in range(N)], dtype=float)
    train = rows[:28]
    standard = (rows - np.mean(train, axis=0)) / np.std(train, axis=0)
    minmax = (rows - train.min(axis=0)) / (train.max(axis=0) - train.min(axis=0))
    # Every training row in one window, so windows weigh rows alike.
    one_row_apart = {"timesteps": 2, "stride": 2}
    for scaling, expected in (("standard", standard), ("minmax", minmax), ("none", rows)):
        parts = _read(series, scaling=scaling, **one_row_apart)
        np.testing.assert_allclose(
            np.concatenate([part.reshape(-1, 2) for part in parts]), expected, rtol=1e-12
        )


@pytest.mark.parametrize("scaling", ["standard", "minmax"])
def test_validation_and_test_rows_never_reach_the_training_windows(
    series: Path, scaling: str
) -> None:
    before = _read(series, scaling=scaling)
    lines = series.read_text().splitlines()
    series.write_text("\n".join([*lines[:29], *(f"{1e6 * row},-5" for row in range(12))]))
    after = _read(series, scaling=scaling)
    np.testing.assert_array_equal(after[0], before[0])
    assert not np.any(after[1] == before[1])
    assert not np.any(after[2] == before[2])


def test_standard_scaling_keeps_its_digits_far_from_zero(tmp_path: Path) -> None:
    """Such as a column of Unix times: the scale is not a difference of large numbers."""
    rows = np.random.default_rng(1).integers(0, 2**20, N) / 2**20
    near, far = (
        _read(
            _csv(tmp_path / "a.csv", *map(repr, (rows + shift).tolist()), header="a"),
            columns=("a",),
            scaling="standard",
        )
        for shift in (0, 2.0**32)
    )
    for one, other in zip(near, far, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_data_load_gives_the_same_windows_to_every_seed(series: Path) -> None:
    data = FileData(path=str(series), timesteps=4, columns=("a", "b"))
    one, other = windows.of(data, seed=0), windows.of(data, seed=1)
    for name in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


# ------------------------------------------------------------------------------------------ reading


def test_what_a_file_held_is_cut_alike_where_the_file_is_not(series: Path, tmp_path: Path) -> None:
    """Of a CSV without its text, and of an NPY array that nobody may write into."""
    path = tmp_path / "own.npy"
    np.save(path, np.random.default_rng(1).normal(size=(20, 5, 2)))
    every = [
        FileData(path=str(series), timesteps=5, columns=("b",)),
        FileData(path=str(path), scaling="none"),
    ]
    expected = [windows.of(data, 0) for data in every]
    files = windows.files_of([*every, *every])
    assert len(files) == 2 and not any(held.text or held.lines for held in files.values())
    for held in files.values():
        held.numbers.flags.writeable = False
    series.unlink()
    path.unlink()
    for data, arrays in zip(every, expected, strict=True):
        found = windows.of(data, 1, "evaluation", files)
        for name in ("train", "validation", "test"):
            np.testing.assert_array_equal(getattr(found, name), getattr(arrays, name))
    with pytest.raises(UserError, match="No such file"):
        windows.of(every[0], 0)


def test_columns_are_chosen_by_name_in_the_order_asked_for(tmp_path: Path) -> None:
    path = _csv(
        tmp_path / "a.csv",
        *(f"2024-01-{row:02},{row},{-row}" for row in range(N)),
        header="day,up,down",
    )
    parts = _read(path, columns=("down", "up"))
    np.testing.assert_array_equal(parts[0][3], [[-3, 3], [-4, 4], [-5, 5], [-6, 6]])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_marks_quotes_blanks_and_empty_lines(tmp_path: Path, end: str, mark: str) -> None:
    path = tmp_path / "a.csv"
    rows = [f'"{row}", {row * 0.1!r} ' for row in range(N)]
    path.write_bytes((mark + end.join(["a,b", "", *rows, "", ""])).encode())
    parts = _read(path)
    # Exact digits.
    np.testing.assert_array_equal(parts[0][0], [[row, row * 0.1] for row in range(4)])
    assert parts[0].shape == (25, 4, 2)


BAD_ROWS = {
    "text": (
        ["1,2", "3,x"],
        ':3: column "b": "x" is not a number',
    ),
    "empty cell": (["1,2", "3,"], ':3: column "b": no value in 1 of 2 rows (line 3)'),
    "NaN": (["1,2", "nan,1"], ':3: column "a": no value in 1 of 2 rows (line 3)'),
    "infinite": (["1,2", "1,-inf"], ':3: column "b": "-inf" is not a number'),
    "too large": (["1,2", "1,1e400"], ':3: column "b": "1e400" is not a number'),
    "underscore": (["1,2", "1,1_000"], ':3: column "b": "1_000" is not a number'),
    "comma for a point": (["1,5,2,5"], ":2: 4 cells where the header has 2"),
    "short row": (["1,2", "", "3"], ":4: 1 cell where the header has 2"),
    "Arabic digit": (["1,2", "1,٣"], ':3: column "b": "٣" is not a number'),
    "endless cell": (["1," + "2" * 200_000], ":2: not CSV (field larger than field limit"),
    "no rows": ([], ": the training part has 0 rows, fewer than one window of 4 time steps"),
    "few rows": (
        ["1,2"] * 6,
        ": the validation part has 1 row, fewer than one window of 4 time steps",
    ),
}


@pytest.mark.parametrize(("rows", "message"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_bad_rows_are_named_with_their_line(tmp_path: Path, rows: list[str], message: str) -> None:
    path = _csv(tmp_path / "a.csv", *rows)
    with pytest.raises(UserError) as caught:
        _read(path)
    assert str(caught.value).startswith(f"{path}{message}")


def test_parts_shorter_than_a_window_are_told_beside_what_else_is_wrong(tmp_path: Path) -> None:
    """Of 40 rows a tenth is 4: validation and test rows of a window each, at most."""
    rows = [f"{row},{row * row}" for row in range(N)]
    rows[3] = "3,"
    path = _csv(tmp_path / "a.csv", *rows)
    with pytest.raises(UserError) as caught:
        _read(path, split=Split(train=0.85, validation=0.1, test=0.05), columns=("a", "b"))
    gap, short = caught.value.problems
    assert 'column "b": no value in 1 of 40 rows' in gap
    assert short.startswith(f"{path}: the test part has 2 rows, fewer than one window of 4 time")


BAD_HEADERS = {
    "empty file": ("", {}, ":1: the first line must name the columns; it is empty"),
    "empty line": ("\n1,2\n", {}, ":1: the first line must name the columns; it is empty"),
    "numbers": ("1,2\n3,4\n", {}, ":1: the first line must name the columns; found numbers only"),
    "numbers, columns given": (
        "1,2\n3,4\n",
        {"columns": ("a",)},
        ":1: the first line must name the columns",
    ),
    "unknown columns": (
        "a,b\n1,2\n",
        {"columns": ("a", "c", "d")},
        ': no column "c", "d"; the header has: a, b.',
    ),
    "a name twice": ("a,b,a\n1,2,3\n", {}, ':1: two columns are named "a"'),
    "a name twice, chosen": (
        "a,b,a\n1,2,3\n",
        {"columns": ("a",)},
        ':1: two columns are named "a"',
    ),
    "semicolons": (
        "a;b\n1;2\n",
        {},
        ':1: the columns are separated by ";"; under `data` write `separator: ";"`',
    ),
    "Latin-1": ("ä,b\n1,2\n", {}, ": byte 0 is not UTF-8"),
}


@pytest.mark.parametrize(("text", "changes", "message"), BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_bad_headers(tmp_path: Path, text: str, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError) as caught:
        _read(path, **{"columns": None, **changes})
    assert str(caught.value).startswith(f"{path}{message}")


def test_a_name_twice_does_not_matter_where_it_is_not_asked_for(tmp_path: Path) -> None:
    path = _csv(tmp_path / "a.csv", *(f"{row},0,0" for row in range(N)), header="a,b,b")
    assert _read(path, columns=("a",))[0].shape == (25, 4, 1)


@pytest.mark.parametrize("scaling", ["standard", "minmax"])
def test_a_constant_feature_is_refused(tmp_path: Path, scaling: str) -> None:
    path = _csv(tmp_path / "a.csv", *(f"{row},{7 if row < 28 else row}" for row in range(N)))
    told = r'column "b" \(constant in the training part\) is no feature; .* `columns: \[a\]`'
    with pytest.raises(UserError, match=told):
        _read(path, scaling=scaling)


BEYOND = {
    "squares overflow": (
        [f"0,{row + 1}e200" for row in range(N)],
        "standard",
        "cannot be scaled: in the training part",
    ),
    "differences overflow": (
        [f"0,{(-1) ** row}.7e308" for row in range(N)],
        "minmax",
        "it lies between -1.7e+308 and",
    ),
    "squares vanish": (
        [f"0,{row + 1}e-320" for row in range(N)],
        "standard",
        "cannot be scaled: in the training part",
    ),
    "large as they are": (
        [f"0,{row}e8" for row in range(N)],
        "none",
        "reaches 3.9e+09 without scaling (see data.scaling)",
    ),
    "below as they are": (
        [f"0,-{row}e8" for row in range(N)],
        "none",
        "reaches 3.9e+09 without scaling",
    ),
    "large in the test part": (
        [f"0,{row if row < N - 1 else 5e11}" for row in range(N)],
        "minmax",
        "reaches 1.85185e+10 after scaling",
    ),
}


@pytest.mark.parametrize(("rows", "scaling", "message"), BEYOND.values(), ids=BEYOND)
def test_a_feature_beyond_what_can_be_trained_on_is_refused(
    tmp_path: Path, rows: list[str], scaling: str, message: str
) -> None:
    """Warnings are errors in the tests, so NumPy says nothing."""
    path = _csv(tmp_path / "a.csv", *(f"{number}{row}" for number, row in enumerate(rows)))
    with pytest.raises(UserError) as caught:
        _read(path, scaling=scaling)
    assert str(caught.value).startswith(f'{path}: column "b" ')
    assert message in str(caught.value)


def test_what_can_be_trained_on_has_squares_and_their_squares_in_float32(tmp_path: Path) -> None:
    path = _csv(tmp_path / "a.csv", *(f"{row},{(-1) ** row * LARGEST!r}" for row in range(N)))
    windows = _read(path)[2].astype(np.float32)
    assert np.all(np.isfinite(np.square(np.square(windows))))


# --------------------------------------------------------------------------------------- bad arrays


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def _npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, a=np.zeros((3, 3, 3)))
    return stream.getvalue()


class Bomb:
    """An object whose unpickling would leave a trace."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("unpickled"),))


def _npy_headed(header: str) -> bytes:
    """Return an NPY file with a header that NumPy did not write."""
    line = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(line).to_bytes(2, "little") + line + bytes(80)


def _npy_shaped(shape: str, descr: str = "'<f8'") -> bytes:
    return _npy_headed(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}")


GOOD = np.arange(60.0).reshape(10, 3, 2)
HOLE = np.where(GOOD == 17, np.nan, GOOD)
BAD_ARRAYS = {
    "two dimensions": (_npy(np.zeros((4, 5))), "features), found float64 of shape (4, 5)"),
    "four dimensions": (_npy(np.zeros((4, 5, 1, 1))), "found float64 of shape (4, 5, 1, 1)"),
    "text": (_npy(np.full((4, 5, 1), "a")), "found <U1 of shape (4, 5, 1)"),
    "complex": (_npy(np.zeros((4, 5, 1), complex)), "found complex128 of shape (4, 5, 1)"),
    "truth": (_npy(np.zeros((4, 5, 1), bool)), "found bool of shape (4, 5, 1)"),
    "not finite": (_npy(HOLE), "the value at (2, 2, 1) is not finite"),
    "beyond float64": (
        _npy(np.full((10, 3, 2), np.longdouble("1e400"))),
        "the value at (0, 0, 0) is not finite",
    ),
    "pickled objects": (
        _npy(np.full((4, 5, 1), Bomb())),
        "not an NPY array of numbers (Object arrays cannot be",
    ),
    "too few": (_npy(GOOD[:2]), ": 2 samples are too few for three parts (see data.split)"),
    "none": (_npy(GOOD[:0]), ": 0 samples are too few for three parts"),
    "no time steps": (_npy(GOOD[:, :0]), "(10, 0, 2)"),
    "no features": (_npy(GOOD[:, :, :0]), "(10, 3, 0)"),
    "empty file": (b"", "not an NPY array of numbers"),
    "text file": (b"a,b\n1,2\n", "not an NPY array of numbers"),
    "pickle": (b"\x80\x04N.", "not an NPY array of numbers"),
    "zip of arrays": (_npz(), "not an NPY array of numbers"),
    "half a file": (_npy(GOOD)[:-8], "not an NPY array of numbers"),
    "half a header": (_npy(GOOD)[:40], "not an NPY array of numbers"),
    "header of the size of the moon": (
        _npy(GOOD).replace(b"(10, 3, 2), }" + b" " * 12, b"(999999999999, 3, 2), }  "),
        "not an NPY array of numbers",
    ),
    "shape of 30 digits": (_npy_shaped(f"({'9' * 30}, 1, 1)"), "not an NPY array of numbers"),
    "shape of truths": (_npy_shaped("(True, True, True)"), "not an NPY array of numbers"),
    "shape that no parser ends": (
        _npy_shaped(f"({'-' * 6000}1, 1, 1)"),
        "not an NPY array of numbers",
    ),
    "half a dtype": (_npy_shaped("(10, 1, 1)", "('<f8',)"), "not an NPY array of numbers"),
    "key that is a list": (_npy_headed("{[]: 1}"), "not an NPY array of numbers"),
    "long nonsense": (
        _npy_headed("'" + "x" * 9000),
        "not an NPY array of numbers (Cannot parse header: ",
    ),
    "long dtype": (_npy_shaped("(1, 1, 1)", f"[('{'a' * 5000}', '<f8')]"), "[('aaa"),
}


@pytest.mark.parametrize(("content", "message"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_bad_arrays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        _read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "()" not in str(caught.value) and len(str(caught.value)) < len(str(path)) + 400
    assert not Path("unpickled").exists()


@pytest.mark.parametrize("key", [{"columns": ("a",)}, {"timesteps": 4}, {"stride": 2}])
def test_what_a_csv_needs_is_refused_for_an_array(tmp_path: Path, key: dict[str, Any]) -> None:
    np.save(tmp_path / "a.npy", GOOD)
    with pytest.raises(UserError, match=r"is for CSV files; an NPY array holds its windows"):
        _read(tmp_path / "a.npy", **key)


# ------------------------------------------------------------------------------------------- digest


def test_a_file_that_changed_since_the_experiment_was_read_is_refused(series: Path) -> None:
    digest = hashlib.sha256(series.read_bytes()).hexdigest()
    assert len(_read(series, digest=digest)) == 3
    series.write_text(series.read_text() + "1,2\n")
    with pytest.raises(UserError) as caught:
        _read(series, digest=digest)
    assert str(caught.value) == f"{series}: the file has changed since the experiment was read"


def test_missing_file(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "no.csv", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(UserError) as caught:
            _read(path)
        assert str(caught.value) == f"{path}: {message}"


# ----------------------------------------------------------------------- before anything is trained


def test_variants_that_share_a_file_have_it_read_once_and_are_all_checked(
    series: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CSV of 100,000 rows takes most of a second to read."""
    config = series.with_name("c.yaml")
    lines = [
        "version: 1",
        "name: c",
        "data: {family: file, path: series.csv, timesteps: 4, columns: [a, b]}",
        "training: {batch_size: 25}",
        "baseline: base",
        "variants:",
        "  base: {}",
        "  relu: {model.activation: relu}",
        "  full: {training.batch_size: 26}",
        "tasks: {near: {}, far: {data.stride: 2, training.batch_size: 13}}",
    ]
    config.write_text("\n".join(lines) + "\n")
    reads: list[FileData] = []

    def counted(data: FileData) -> tuple[np.ndarray, ...]:
        reads.append(data)
        return read(data)

    monkeypatch.setattr(file, "read", counted)
    with pytest.raises(UserError) as caught:
        checking.check_data(loading.load(config))
    assert caught.value.problems == (
        f"{config}:9:31: training.batch_size: 26 is more than the 25 training windows of the file",
        f"{config}:9:31: training.batch_size: 26 is more than the 13 training windows of the file",
    )
    assert [data.stride for data in reads] == [None, 2]
