"""Files as people have them: every cause is told at once, and what a message says to write works.

pandas reads the same files, told how they are written: it is the arbiter of what they hold.
"""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lstm_ablate.errors import FolderError, UserError
from lstm_ablate.experiment import loading
from lstm_ablate.experiment.settings import FileData
from lstm_ablate.store import inventory, notices_file
from lstm_ablate.training.inputs import checking, description, file
from lstm_ablate.training.inputs.array import read as read_array

N = 120
HOURS = pd.date_range("2004-03-10 18:00", periods=N, freq="h")
RANDOM = np.random.default_rng(5)
CO = np.round(np.abs(RANDOM.normal(2, 1, N)) + 0.1, 1)
POWER = np.round(500 + 300 * np.sin(np.arange(N) / 4) + RANDOM.normal(0, 20, N), 2)
CO2 = np.round(315 + 0.1 * np.arange(N) + RANDOM.normal(0, 0.3, N), 2)
KEYS = "columns|separator|decimal|thousands|skip_rows"


def check(path: Path, data: str = "") -> list[str]:
    """Check a config for the file, with more lines of `data`; return what is told of it."""
    config = path.with_name("c.yaml")
    config.write_text(
        f"version: 1\nname: c\ndata:\n  family: file\n  path: {path.name}\n  timesteps: 4\n{data}"
        "training: {batch_size: 8}\nbaseline: tanh\nvariants: {tanh: {}}\n"
    )
    return checking.check_data(loading.load(config)).messages


def problems_of(path: Path, data: str = "") -> list[str]:
    with pytest.raises(UserError) as caught:
        check(path, data)
    place = re.escape(str(path.with_name("c.yaml"))) + r":5:9: " + re.escape(str(path))
    return [re.sub(f"^{place}(:|: )", "", problem) for problem in caught.value.problems]


def advice(problems: list[str]) -> dict[str, str]:
    """Return the lines that problems say to write, the first where there is a choice."""
    found: dict[str, str] = {}
    for problem in problems:
        own: dict[str, str] = {}
        for key, value in re.findall(rf"`({KEYS}): (.*?)`", problem.split("; if it is ")[0]):
            own.setdefault(key, value)
        found |= own
    return found


def follow(path: Path, steps: int) -> FileData:
    """Write what messages say to write, at most so often; return the data as it is read then."""
    written: dict[str, str] = {}
    for _ in range(steps):
        lines = "".join(f"  {key}: {value}\n" for key, value in written.items())
        try:
            check(path, lines)
        except UserError as error:
            written |= advice(list(error.problems))
            continue
        break
    lines = "".join(f"  {key}: {value}\n" for key, value in written.items())
    check(path, lines)
    experiment = loading.load(path.with_name("c.yaml"))
    (settings,) = experiment.settings.values()
    assert isinstance(settings.data, FileData)
    return settings.data


def assert_reads_as(data: FileData, expected: pd.DataFrame) -> None:
    held = file.content(data)
    assert held.names == list(expected.columns)
    np.testing.assert_array_equal(held.numbers, expected.to_numpy(dtype=float))


# ------------------------------------------------------------------------------- shapes in public


def air_quality() -> str:
    """UCI Air Quality: semicolons, decimal commas, two columns and two rows of separators only."""
    rows = [
        f"{hour:%d/%m/%Y};{hour:%H}.00.00;{co};{power}".replace(".", ",") + ";;"
        for hour, co, power in zip(HOURS, CO, POWER, strict=True)
    ]
    rows = [row.replace(",00,00", ".00.00") for row in rows]
    return "\n".join(["Date;Time;CO(GT);PT08.S1(CO);;", *rows, ";;;;;", ";;;;;"]) + "\n"


def mauna_loa() -> str:
    """NOAA's monthly CO2: remarks with commas and colons, then a header, then parts of dates."""
    rows = [
        f"{1958 + k // 12},{k % 12 + 1},{1958 + (k + 0.5) / 12:.4f},{co2},{0.1 + k % 7 / 100:.2f}"
        for k, co2 in enumerate(CO2)
    ]
    remarks = ["# ----", "# USE OF DATA: free, with no restrictions, to the public", "#", "# (ppm)"]
    return "\n".join([*remarks, "year,month,decimal date,average,unc", *rows]) + "\n"


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


def grouped(numbers: Any, digits: int = 2) -> list[str]:
    return [f"{number:,.{digits}f}" for number in numbers]


# What a file holds, pandas' words for how it is written, the columns that are features.
SHAPES: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "index of df.to_csv": (frame(co2=CO2).to_csv(), {}, ["co2"]),
    "index and dates": (frame(time=HOURS, co2=CO2).to_csv(), {}, ["co2"]),
    "index named Unnamed": (
        frame(**{"Unnamed: 0": range(N), "co2": CO2}).to_csv(index=False),
        {},
        ["co2"],
    ),
    "German": (
        frame(Datum=HOURS.strftime("%d.%m.%Y %H:%M"), Last=POWER, CO=CO).to_csv(
            sep=";", decimal=",", index=False
        ),
        {"sep": ";", "decimal": ","},
        ["Last", "CO"],
    ),
    "air quality": (
        air_quality(),
        {"sep": ";", "decimal": ",", "skipfooter": 2, "engine": "python"},
        ["CO(GT)", "PT08.S1(CO)"],
    ),
    "Mauna Loa": (mauna_loa(), {"comment": "#"}, ["average", "unc"]),
    "electricity": (
        pd.DataFrame({"": HOURS, "MT_001": POWER, "MT_002": CO}).to_csv(
            sep=";", decimal=",", index=False
        ),
        {"sep": ";", "decimal": ","},
        ["MT_001", "MT_002"],
    ),
    "thousands": (
        frame(date=HOURS, sales=grouped(POWER * 9), co=CO).to_csv(index=False),
        {"thousands": ","},
        ["sales", "co"],
    ),
    "German thousands": (
        frame(
            Umsatz=[one.translate(str.maketrans(",.", ".,")) for one in grouped(POWER * 9)], CO=CO
        ).to_csv(sep=";", decimal=",", index=False),
        {"sep": ";", "decimal": ",", "thousands": "."},
        ["Umsatz", "CO"],
    ),
    "tabs": (frame(a=CO2, b=POWER).to_csv(sep="\t", index=False), {"sep": "\t"}, ["a", "b"]),
    "blanks": (
        frame(year=2000 + np.arange(N) // 12, a=CO2, b=POWER).to_string(index=False),
        {"sep": r"\s+"},
        ["a", "b"],
    ),
    "one column of decimal commas": (
        frame(wert=CO2).to_csv(sep=";", decimal=",", index=False),
        {"sep": ";", "decimal": ","},
        ["wert"],
    ),
    "Beijing": (
        frame(
            No=np.arange(1, N + 1),
            year=HOURS.year,
            month=HOURS.month,
            day=HOURS.day,
            hour=HOURS.hour,
            pm=POWER,
            wind=np.resize(["NW", "SE", "cv"], N),
        ).to_csv(index=False),
        {},
        ["pm"],
    ),
}


@pytest.mark.parametrize(("text", "words", "features"), SHAPES.values(), ids=SHAPES)
def test_a_file_is_read_after_its_messages_were_followed_once(
    tmp_path: Path, text: str, words: dict[str, Any], features: list[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    expected = pd.read_csv(io.StringIO(text), **words)[features]
    assert_reads_as(follow(path, steps=1), expected)


@pytest.mark.parametrize("index", [False, True])
@pytest.mark.parametrize("remarks", [0, 3])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_every_way_to_write_a_file_is_found_at_once(
    tmp_path: Path, separator: str, decimal: str, remarks: int, index: bool
) -> None:
    table = frame(power=POWER, co=CO, co2=CO2)
    text = "# of a station, by hand\n" * remarks
    text += table.to_csv(sep=separator, decimal=decimal, index=index)
    path = tmp_path / "a.csv"
    path.write_text(text)
    data = follow(path, steps=1)
    assert (data.separator, data.decimal, data.skip_rows) == (separator, decimal, remarks)
    assert_reads_as(data, table)


def test_each_cause_is_told_with_its_line_and_the_line_to_write(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("# remark\n" + air_quality())
    assert problems_of(path) == [
        '2: the columns are separated by ";"; under `data` write `separator: ";"`',
        "2: this line names the columns, not line 1; under `data` write `skip_rows: 1`",
        f'3: "{CO[0]}" has a decimal comma; under `data` write `decimal: ","`'.replace(
            f"{CO[0]}", f"{CO[0]}".replace(".", ",")
        ),
        '2: columns "Date" (dates); "Time" (times of day) are no features; under `data` write'
        " `columns: [CO(GT), PT08.S1(CO)]`",
    ]


def test_1_234_may_be_read_in_two_ways_and_both_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    numbers = RANDOM.integers(1000, 9999, N)
    path.write_text(f"visitors\n{chr(10).join(f'{number:,}' for number in numbers)}\n")
    for write, unit in (('decimal: ","', 1000), ('thousands: ","', 1)):
        (problem,) = problems_of(path, '  separator: ";"\n')
        assert f"`{write}`" in problem
        check(path, f'  separator: ";"\n  {write}\n')
        data = FileData(path=str(path), separator=";", **{write[: write.index(":")]: ","})
        np.testing.assert_array_equal(file.content(data).numbers[:, 0], numbers / unit)


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u202f"])
def test_blanks_group_digits(tmp_path: Path, blank: str) -> None:
    path = tmp_path / "a.csv"
    cells = [f"{number:,.2f}".replace(",", blank).replace(".", ",") for number in POWER * 9]
    path.write_text("\n".join(["a", *cells]) + "\n")
    np.testing.assert_array_equal(
        file.content(follow(path, 1)).numbers[:, 0], np.round(POWER * 9, 2)
    )


@pytest.mark.parametrize("cell", ["1,23", "12,34.5", "1,2345", ",123", "1,234,", "1.234,5"])
def test_digits_are_grouped_by_three(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["a;b", *(f"{co};1,234.5" for co in CO), f"0;{cell}"]) + "\n")
    (problem,) = problems_of(
        path, '  separator: ";"\n  thousands: ","\n  columns: [b]\n  scaling: none\n'
    )
    told = "is not a number; correct it in the file"
    assert problem == f'{N + 2}: column "b": "{cell}" {told}'


NAMES = [
    "no",
    "1e-3",
    "12",
    "a, b",
    "x: y",
    "#",
    "ü (°C)",
    "[",
    'say "so"',
    "-",
    "~",
    "null",
    "a#b",
]


def test_names_are_written_as_yaml_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    table = pd.DataFrame(RANDOM.normal(size=(N, len(NAMES))), columns=NAMES)
    path.write_text(table.to_csv())
    assert_reads_as(follow(path, 1), table)


def test_lines_of_units_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    body = frame(a=CO, b=POWER).to_csv(index=False, header=False)
    path.write_text(f"a,b\nppm,kW\n{body}")
    (problem,) = problems_of(path)
    assert problem.startswith('2: "ppm", "kW" are no numbers. If these are units')
    assert file.content(follow(path, 1)).names == ["ppm", "kW"]


def test_a_file_without_names_says_where_to_write_them(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    body = frame(y=2000, a=CO2, b=POWER).to_string(index=False, header=False)
    path.write_text(f"# remarks, of whom\n# and when\n{body}\n")
    problems = problems_of(path)
    assert problems[-1].startswith(
        "3: the first line must name the columns; none above line 3 does"
    )
    assert "`column1 column2 column3`" in problems[-1]
    path.write_text(f"# remarks, of whom\n# and when\ncolumn1 column2 column3\n{body}\n")
    assert file.content(follow(path, 1)).names == ["column2", "column3"]


# ------------------------------------------------------------------------------ index and time


def test_an_index_is_trained_on_where_it_is_named_on_purpose(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(frame(hour=range(N), co2=CO2).to_csv(index=False))
    (problem,) = problems_of(path)
    assert problem == (
        '1: column "hour" (goes on by 1 from row to row) is no feature; under `data` write'
        " `columns: [co2]`, or name it there too on purpose"
    )
    check(path, "  columns: [hour, co2]\n")


def test_where_nothing_else_is_left_the_message_says_how_to_train_on_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(frame(t=np.arange(N) * 0.25).to_csv(index=False))
    (problem,) = problems_of(path)
    assert problem.endswith("to train on it all the same, under `data` write `columns: [t]`")
    check(path, "  columns: t\n")


def test_an_index_with_gaps_is_one_and_its_gaps_are_told(tmp_path: Path) -> None:
    """As after df.dropna()."""
    path = tmp_path / "a.csv"
    text = frame(co2=CO2, x=CO).drop([40, 41, 90]).to_csv()
    for name in ("", "hour", "sample"):
        path.write_text(name + text)
        assert problems_of(path)[0].endswith("`columns: [co2, x]`, or name it there too on purpose")
        found, _ = check(path, "  columns: [co2, x]\n")
        assert (
            f'a.csv:42: warning: column "{name}": a gap between 39 and 42, and so at 1 other'
            in found
        )


def test_a_trend_is_no_index(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(frame(price=100 * 1.004 ** np.arange(600)).to_csv(index=False))
    (found,) = check(path)
    assert "Where values have a trend" in found


def rows_of(times: Any) -> str:
    return frame(time=times, x=RANDOM.normal(size=len(times))).to_csv(index=False)


GAPS = HOURS.delete(range(50, 60))
AUTUMN = [f"2024-10-27 {hour:02}:{minute:02}" for hour in (0, 1, 2) for minute in (0, 20, 40)]
AUTUMN += [f"2024-10-27 {hour:02}:{minute:02}" for hour in range(2, 24) for minute in (0, 20, 40)]
AUTUMN += [f"2024-10-28 {hour:02}:{minute:02}" for hour in range(20) for minute in (0, 20, 40)]
TIMES = {
    "backwards": (HOURS[::-1], 'column "time": the rows run back in time, from 2004-03-15', None),
    "two series": (
        HOURS[:60].append(HOURS[:60]),
        "2004-03-10 18:00:00 comes after 2004-03-13",
        None,
    ),
    "shuffled": (
        HOURS[np.random.default_rng(0).permutation(N)],
        "other places; sort the rows",
        None,
    ),
    "gap": (
        GAPS,
        None,
        ':52: warning: column "time": a gap between 2004-03-12 19:00:00 and 2004-03-13 06:00:00;'
        " the usual step is 1 hour, the longest 11 hours",
    ),
    "repeats": (
        HOURS.append(HOURS[-1:]),
        None,
        ':122: warning: column "time": 2004-03-15 17:00:00 stands there again',
    ),
    "clock set back in autumn": (
        AUTUMN,
        None,
        ':11: warning: column "time": 2024-10-27 02:00 stands there again',
    ),
    "days before months": ([f"{one:%d/%m/%Y %H:%M}" for one in HOURS], None, ""),
    "months before days": ([f"{one:%m/%d/%Y %H:%M}" for one in HOURS], None, ""),
    "months": (pd.date_range("2000-01-01", periods=N, freq="MS").strftime("%Y-%m-%d"), None, ""),
    "offsets that change": (
        [f"{one:%Y-%m-%d %H:%M}+0{1 + (k > 50)}:00" for k, one in enumerate(HOURS)],
        None,
        "stands there again",
    ),
    "Unix time with a gap": (
        1e9 + 60 * np.delete(np.arange(N), range(40, 45)),
        None,
        "a gap between",
    ),
}


@pytest.mark.parametrize(("times", "wrong", "notice"), TIMES.values(), ids=TIMES)
def test_the_order_of_times_is_told(
    tmp_path: Path, times: Any, wrong: str | None, notice: str | None
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(rows_of(times))
    if wrong:
        # At once with what else is wrong, and where nothing else is.
        assert wrong in problems_of(path)[-1]
        (problem,) = problems_of(path, "  columns: [x]\n")
        assert wrong in problem
    else:
        found = check(path, "  columns: x\n")
        assert len(found) == bool(notice)
        assert not notice or notice in found[0]


def test_times_of_day_and_parts_of_dates_make_one_time(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for table in (
        frame(Date=GAPS.strftime("%d/%m/%Y"), Time=GAPS.strftime("%H.%M.%S")),
        frame(year=GAPS.year, month=GAPS.month, day=GAPS.day, hour=GAPS.hour),
    ):
        path.write_text(table.assign(x=RANDOM.normal(size=len(GAPS))).to_csv(index=False))
        (found,) = check(path, "  columns: x\n")
        assert ":52: " in found and "the usual step is 1 hour, the longest 11 hours" in found


# -------------------------------------------------------------------------- missing, and padding


@pytest.mark.parametrize("mark", ["", "?", "NA", "nan", "-", "NULL"])
def test_what_is_missing_is_told_with_its_rows(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "a.csv"
    table = frame(a=CO, b=POWER, c=CO2).astype(str)
    table.loc[[2, 3, 4, 70], "b"] = mark
    path.write_text(table.to_csv(index=False))
    (problem,) = problems_of(path)
    assert problem == (
        f'4: column "b": no value in 4 of {N} rows (lines 4 to 6, 72). Nothing fills the gaps here:'
        " fill them in the file, as pandas' df.interpolate() does, or keep a part of it (lines 7"
        " to 71 are the longest part without a gap); or under `data` write `columns: [a, c]`,"
        " which have no gap"
    )
    assert file.content(follow(path, 1)).names == ["a", "c"]


def test_values_that_stand_for_missing_ones_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    table = frame(co=CO, power=POWER, fine=RANDOM.normal(size=N))
    table.loc[10:21, "co"] = -200
    table.loc[[5], "power"] = -999
    path.write_text(table.to_csv(index=False))
    (found,) = check(path)
    assert 'column "co" holds -200 in 12 of 120 rows (10%)' in found and ":12: " in found
    assert 'column "power" holds -999 in 1 of 120 rows (0.833%)' in found and "fine" not in found


def test_stretches_of_one_value_are_told_with_their_share(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    table = frame(sun=POWER, on=np.arange(N) > 60, co=CO).astype(float)
    table.loc[: N // 4 - 1, "sun"] = 0
    path.write_text(table.to_csv(index=False))
    (found,) = check(path)
    assert 'column "sun": 25% of the rows lie in stretches of one value as long as' in found
    assert f"the longest of {N // 4} rows of 0" in found and '"on"' not in found


@pytest.mark.parametrize("end", [True, False])
def test_padded_windows_are_told_with_their_share(tmp_path: Path, end: bool) -> None:
    windows = np.random.default_rng(1).normal(size=(40, 10, 2))
    windows[:10, 6:] = 0
    path = tmp_path / "a.npy"
    np.save(path, windows if end else windows[:, ::-1])
    config = tmp_path / "c.yaml"
    config.write_text(
        "version: 1\nname: c\ndata: {family: file, path: a.npy}\ntraining: {batch_size: 8}\n"
        "baseline: tanh\nvariants: {tanh: {}}\n"
    )
    (found,) = checking.check_data(loading.load(config)).messages
    assert f"10 of 40 windows {'end' if end else 'begin'} with a stretch of 0 in every" in found
    assert "10% of all time steps" in found


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        (
            (500, 1, 3),
            "(500, 1, 3): 500 samples of 1 time step and 3 features. A window has at least 2",
        ),
        ((300, 1, 60), "in PyTorch's order (samples, channels, steps), save array.swapaxes(1, 2)"),
        (
            (1, 100_001, 1),
            "(1, 100001, 1): 1 sample of 100001 time steps and 1 feature. A window has at most",
        ),
        ((1, 2, 10_001), "At most 10,000 features"),
        ((500, 3), "If these are 500 time steps of 3 features, save them as a CSV"),
    ],
)
def test_arrays_are_refused_as_families_are_with_their_axes(
    tmp_path: Path, shape: tuple[int, ...], told: str
) -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros(shape, np.float32))
    with pytest.raises(UserError) as caught:
        read_array(tmp_path / "a.npy", stream.getvalue())
    assert told in str(caught.value)


def test_good_files_of_the_project_say_nothing() -> None:
    folder = Path(__file__).parents[2] / "configs"
    data = FileData(
        path=str(folder / "own_data.csv"), columns=("temperature", "load"), timesteps=24
    )
    assert description.notices(data) == []


# --------------------------------------------------------------------- all at once, and in a report


def test_a_column_that_holds_a_sentinel_is_not_recommended_and_told_beside_the_gaps(
    tmp_path: Path,
) -> None:
    """ "write columns: [flats], which have no gap" led to a column with 19 x -999."""
    path = tmp_path / "meters.csv"
    flats, office = POWER.copy(), [f"{value}" for value in POWER]
    flats[40:44] = -999
    office[7] = ""
    table = pd.DataFrame({"office": office, "flats": flats, "school": POWER + 3})
    path.write_text(table.to_csv(index=False))
    problems = problems_of(path)
    assert len(problems) == 2 and "`columns: [school]`, which has no gap" in problems[0]
    assert problems[1].startswith(
        '42: warning: column "flats" holds -999 in 4 of 120 rows (3.33%), far from all other values'
    )
    path.write_text(table.drop(columns="school").to_csv(index=False))
    assert not any("which ha" in problem for problem in problems_of(path))


def test_what_to_do_about_a_gap_is_told_with_the_longest_part_without_one(tmp_path: Path) -> None:
    """Days 0 to 109 without 20 to 24, 70 and 71; a header is line 1."""
    kept = [day for day in range(110) if day not in (20, 21, 22, 23, 24, 70, 71)]
    dates = pd.Timestamp("2020-01-01") + pd.to_timedelta(kept, unit="D")
    path = tmp_path / "a.csv"
    table = pd.DataFrame({"day": dates, "flow": RANDOM.normal(size=len(kept))})
    table.to_csv(path, index=False)
    told = description.notices(FileData(path=str(path), columns=("flow",), timesteps=5))
    (gap,) = [notice.text for notice in told if "a gap between" in notice.text]
    rows = [line - 2 for line in map(int, re.findall("lines ([0-9]+) to ([0-9]+)", gap)[0])]
    assert [kept[row] for row in rows] == [25, 69]
    assert "put the missing rows into the file, as pandas' df.asfreq() does, and fill them" in gap


def test_gaps_are_filled_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of the days 1 to 120 are missing, and a cell of another: 4.5 lies between 4 and 5."""
    monkeypatch.chdir(tmp_path)
    days = pd.date_range("2024-01-01", periods=N, freq="D")
    rows = [
        f"{day:%d.%m.%Y};{'' if k == 30 else f'{k / 2:.1f}'.replace('.', ',')}"
        for k, day in enumerate(days)
        if k not in (9, 60)
    ]
    Path("river.csv").write_text("\n".join(["day;flow", *rows]) + "\n")
    page = Path(__file__).parents[2] / "docs" / "data.md"
    (block,) = re.findall("```python\n(.*?)```", page.read_text(), re.DOTALL)
    exec(block, {})
    filled = FileData(path="river_filled.csv", columns=("flow",))
    np.testing.assert_allclose(file.content(filled).numbers[:, 0], np.arange(N) / 2)
    assert not [notice for notice in description.notices(filled) if "gap" in notice.text]


def test_gaps_in_times_and_values_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    table = pd.DataFrame({"hour": HOURS, "power": [f"{one}" for one in POWER]})
    table.loc[20, "power"] = ""
    path.write_text(table.drop(index=range(50, 60)).to_csv(index=False))
    problems = problems_of(path, "  columns: [power]\n")
    assert [problem.split(":")[0] for problem in problems] == ["22", "52"]
    assert "no value in 1 of 110 rows" in problems[0] and "a gap between" in problems[1]
    assert ["warning: " in problem for problem in problems] == [False, True]


@pytest.mark.parametrize("ending", ["csv", "npy"])
def test_parts_that_lie_elsewhere_are_told_before_training(tmp_path: Path, ending: str) -> None:
    """The report told it, after training. Here the share is counted by hand."""
    grows, stays = np.exp(np.arange(N) / 30), POWER
    path = tmp_path / f"stock.{ending}"
    if ending == "csv":
        path.write_text(pd.DataFrame({"price": grows, "stays": stays}).to_csv(index=False))
        (found,) = check(path)
        assert '"stays"' not in found and 'column "price": 100% of the values' in found
        assert f"training part, {grows[0]:g} to {grows[83]:g}. Test losses will" in found
        other = check(path, "  columns: [stays]\n")
        assert other == []
    else:
        windows = np.stack([grows[k : k + 4] for k in range(0, N - 4)])[:, :, None]
        np.save(path, windows)
        data = FileData(path=str(path))
        (notice,) = description.notices(data)
        assert notice.text.startswith("feature 1: 100% of the values of the test part and")
        assert notice.sentence.startswith("stock.npy: feature 1: 100%")


def test_a_report_goes_on_saying_what_was_said_of_the_data(tmp_path: Path) -> None:
    """Whether the file is there or not, in every format; and no more than the last run said."""
    notices_file.write(tmp_path, ["own.csv, line 42: column x holds -999: in 4 rows."])
    assert notices_file.read(tmp_path) == ["own.csv, line 42: column x holds -999: in 4 rows."]
    assert inventory.foreign(tmp_path) == []
    notices_file.write(tmp_path, [])
    assert notices_file.read(tmp_path) == [] and not list(tmp_path.iterdir())
    (tmp_path / notices_file.NAME).write_text("{a: 1}")
    with pytest.raises(FolderError, match=r"notices.yaml: damaged; it says what a reader"):
        notices_file.read(tmp_path)


@pytest.mark.parametrize(
    ("encoding", "named"), [("utf-16", "UTF-16"), ("latin-1", "WINDOWS-1252"), ("npz", "archive")]
)
def test_what_is_no_text_in_utf_8_comes_with_what_converts_it(
    tmp_path: Path, encoding: str, named: str
) -> None:
    """Converted as the message says, by the encoding that it names, the file is read."""
    path = tmp_path / "own data.csv"
    text = pd.DataFrame({"größe": POWER, "co": CO}).to_csv(index=False)
    if encoding == "npz":
        np.savez(path.with_suffix(".npz"), a=np.zeros((3, 4, 1)))
        (problem,) = problems_of(path.with_suffix(".npz"))
        assert 'save the array itself: numpy.save("own.npy", numpy.load("own.npz")["name"])' in (
            problem
        )
        return
    path.write_bytes(text.encode(encoding))
    (problem,) = problems_of(path)
    assert f"`iconv -f {named} -t UTF-8 'own data.csv' > utf8.csv`" in problem
    path.write_text(path.read_bytes().decode(named))
    assert check(path) == []


def test_each_wrong_column_gets_a_suggestion_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(pd.DataFrame({"flats": POWER, "office": CO}).to_csv(index=False))
    (problem,) = problems_of(path, "  columns: [falts, ofice]\n")
    assert problem.endswith(
        'For "falts": Did you mean "flats"? For "ofice": Did you mean "office"?'
    )


def test_a_notice_of_a_report_is_one_line_whatever_a_column_is_called(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = POWER.copy()
    rows[3] = -999
    path.write_text(pd.DataFrame({"x\n% \x1b[31m": rows, "y": CO}).to_csv(index=False))
    (notice,) = description.notices(FileData(path=str(path), timesteps=4))
    assert notice.sentence.startswith("a.csv, line ") and notice.sentence.isprintable()


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("914,82", '"914,82" has a decimal comma, and others have a thousands separator'),
        ("1.914,82", '"1.914,82" has a decimal comma and a thousands separator'),
    ],
)
def test_a_number_is_said_to_have_only_the_separators_that_it_has(
    tmp_path: Path, first: str, told: str
) -> None:
    path = tmp_path / "a.csv"
    values = [first, *(f"1.{number},5" for number in range(200, 300))]
    path.write_text("\n".join(["power;x", *(f"{value};1,5" for value in values)]))
    problem = problems_of(path, '  separator: ";"\n')[0]
    assert f'{told}; under `data` write `decimal: ","` and `thousands: "."`' in problem
