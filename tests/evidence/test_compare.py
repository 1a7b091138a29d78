"""Comparisons of two tables, against pandas, against NumPy, and with the sides swapped."""

import csv
import itertools
import json
import math
import shutil
import struct
import threading
import zlib

import numpy as np
import pandas as pd
import pytest
from command_line import call
from hypothesis import given, settings
from hypothesis import strategies as st

from lstm_ablate.errors import UserError
from lstm_ablate.evidence import compare
from lstm_ablate.store import files

RUNS = "task,variant,seed,status,epochs,parameters,test_loss,diverged_epoch,run"


def runs(path, losses):
    """Write a runs.csv of losses by variant and seed; None is a diverged run."""
    lines = [RUNS]
    for (variant, seed), loss in losses.items():
        rest = f"ok,30,7,{loss!r}," if loss is not None else "diverged,3,7,,3"
        lines.append(
            f"default,{variant},{seed},{rest},{zlib.crc32(f'{variant}{seed}'.encode()):016x}"
        )
    path.write_text("\n".join([*lines, ""]))
    return path


def of(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def compared(a, b, **options):
    return compare.differences(*compare.read_pair(a, b), **options)


LOSSES = {
    (variant, seed): (1 + len(variant)) / (3 + seed)
    for variant in ("tanh", "relu", "gelu")
    for seed in range(5)
}


@pytest.fixture
def pair(tmp_path):
    """Two runs.csv: a run on one side only, a changed status, another id, numbers that differ a
    little and a lot.
    """
    other = dict(LOSSES)
    other["relu", 1] *= 1 + 1e-7
    other["relu", 2] *= 1.5
    other["gelu", 3] *= 1 - 1e-3
    other["gelu", 4] = None
    del other["tanh", 0]
    other["tanh", 9] = 0.5
    return runs(tmp_path / "a.csv", LOSSES), runs(tmp_path / "b.csv", other)


# -------------------------------------------------------------------------------------- differences


def test_everything_that_differs_is_found_and_the_largest_is_first(pair):
    found = compared(*pair)
    assert found.only_a == (("default", "tanh", 0),) and found.only_b == (("default", "tanh", 9),)
    assert [(one.key[1:], one.column, one.a, one.b) for one in found.texts] == [
        (("gelu", 4), "status", "ok", "diverged")
    ]
    assert [one.key[1:] for one in found.numbers] == [("relu", 2), ("gelu", 3)]
    assert found.shared == 14 and not found.same
    assert (
        compare.result(found)
        == "different: 14 shared rows; 1 only in A, 1 only in B, 1 with another status, 2 with"
        " other numbers (largest: relu, seed 2, test_loss)"
    )


@pytest.mark.parametrize(
    ("rtol", "atol"), [(1e-5, 0), (0, 0), (0, 1e-3), (1e-2, 0), (1e-4, 2e-3), (0.4, 0)]
)
def test_tolerances_are_numpys_made_symmetric(pair, rtol, atol):
    a, b = (pd.read_csv(path).set_index(["variant", "seed"]) for path in pair)
    both = a.join(b.add_suffix("_b"), how="inner")
    both = both[both["status"] == both["status_b"]]
    x, y = both["test_loss"], both["test_loss_b"]
    apart = ~np.isclose(x, y, rtol, atol) & ~np.isclose(y, x, rtol, atol)
    relative = (x - y).abs() / np.maximum(x, y)
    expected = relative[apart].sort_values(ascending=False)
    found = compared(*pair, rtol=rtol, atol=atol)
    assert [one.key[1:] for one in found.numbers] == list(expected.index)
    assert [one.relative for one in found.numbers] == pytest.approx(list(expected))
    assert [one.absolute for one in found.numbers] == pytest.approx(
        list((x - y).abs()[expected.index])
    )
    assert found.largest == pytest.approx(relative.max())


@pytest.mark.parametrize(
    ("a", "b", "exact", "close"),
    [
        ("0.1", "0.1", True, True),
        ("0.1", "0.10", True, True),
        ("0.1", "1e-1", True, True),
        ("0.1", repr(math.nextafter(0.1, 1)), False, True),
        ("1", "1.0", True, True),
        ("0.0", "-0.0", False, True),
        ("", "nan", True, True),
        ("NaN", "NA", True, True),
        ("", "0.1", False, False),
        ("inf", "inf", True, True),
        ("inf", "-inf", False, False),
        ("inf", "1e308", False, False),
        ("0.0", "5e-324", False, False),
        ("-1.7e308", "1.7e308", False, False),
        ("9007199254740993", "9007199254740992", False, True),
        ("9007199254740993", "9007199254740993", True, True),
        ("1.0", "1.00001", False, True),
        ("1.0", "1.0001", False, False),
    ],
)
def test_one_cell(tmp_path, a, b, exact, close):
    paths = [
        of(tmp_path / f"{name}.csv", f"variant,seed,x\nv,0,{text}\nv,1,2.5\n")
        for name, text in (("a", a), ("b", b))
    ]
    for first, second in (paths, paths[::-1]):
        assert compared(first, second, exact=True).same == exact
        assert compared(first, second).same == close


@settings(deadline=None)
@given(st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)))
def test_exact_is_to_the_bit(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("exact")
    paths = [
        of(folder / f"{k}.csv", f"variant,seed,x\nv,0,{value!r}\n")
        for k, value in enumerate(values)
    ]
    bits = [struct.pack("<d", value) for value in values]
    assert compared(*paths, exact=True).same == (bits[0] == bits[1])


CELLS = st.one_of(st.floats(), st.none(), st.integers(-(2**60), 2**60))
NAMES = st.sampled_from(["tanh", "007", "7", "nan", "NA", "", "a,b", 'say "x"', "two\nlines", "é"])
TABLES = st.dictionaries(st.tuples(NAMES, st.integers(0, 3)), st.tuples(CELLS, CELLS), min_size=1)


def table(path, rows, columns="xy"):
    with path.open("w", newline="", encoding="utf-8") as stream:
        out = csv.writer(stream)
        out.writerow(["variant", "seed", *columns])
        for key, cells in rows.items():
            named = dict(zip("xy", cells, strict=True))
            out.writerow(
                [
                    *key,
                    *("" if named[column] is None else repr(named[column]) for column in columns),
                ]
            )
    return path


@settings(deadline=None)
@given(TABLES, st.booleans())
def test_a_table_equals_itself_in_any_order(tmp_path_factory, rows, exact):
    folder = tmp_path_factory.mktemp("same")
    first = table(folder / "a.csv", rows)
    second = table(folder / "b.csv", dict(reversed(rows.items())), "yx")
    found = compared(first, second, exact=exact)
    assert found.same and found.shared == len(rows) and found.largest == 0


@settings(deadline=None)
@given(TABLES, TABLES, st.sampled_from([0, 1e-5, 0.5]), st.sampled_from([0, 1.0]), st.booleans())
def test_swapping_the_sides_mirrors(tmp_path_factory, one, other, rtol, atol, exact):
    other[next(iter(one))] = next(iter(other.values()))
    folder = tmp_path_factory.mktemp("swap")
    a, b = table(folder / "a.csv", one), table(folder / "b.csv", other)
    there, back = (
        compared(*sides, rtol=rtol, atol=atol, exact=exact) for sides in ((a, b), (b, a))
    )
    assert {key[1:] for key in there.only_a} == one.keys() - other.keys()
    assert there.only_a == back.only_b and there.only_b == back.only_a
    assert {(d.key, d.column, d.a, d.b, d.relative) for d in there.numbers} == {
        (d.key, d.column, d.b, d.a, d.relative) for d in back.numbers
    }
    assert there.same == back.same and there.largest == back.largest
    sizes = [math.inf if d.relative is None else d.relative for d in there.numbers]
    assert sizes == sorted(sizes, reverse=True)


def test_ids_of_runs_count_only_where_exactness_is_asked(tmp_path):
    a = runs(tmp_path / "a.csv", LOSSES)
    b = of(tmp_path / "b.csv", a.read_text().replace(a.read_text().splitlines()[3][-16:], "0" * 16))
    found, exact = compared(a, b), compared(a, b, exact=True)
    assert found.same and found.other_ids == 1
    assert [(one.key[1:], one.column) for one in exact.texts] == [(("tanh", 2), "run")]


def test_the_ids_of_settings_say_whether_the_question_is_the_same_whatever_the_engine(tmp_path):
    """If both tables have ids of settings, these are compared and not the ids of runs."""
    header = "variant,seed,test_loss,settings,run\n"
    a = of(tmp_path / "a.csv", f"{header}v,0,0.5,1e3,a0\nv,1,0.5,1e3,a1\n")
    b = of(tmp_path / "b.csv", f"{header}v,0,0.5,1e3,b0\nv,1,0.5,1000,a1\n")
    old = of(tmp_path / "old.csv", "variant,seed,test_loss,run\nv,0,0.5,b0\nv,1,0.5,a1\n")
    found, exact = compared(a, b), compared(a, b, exact=True)
    assert found.same and (found.ids, found.other_ids) == ("settings", 1)
    assert [(one.key[2], one.column) for one in exact.texts] == [(1, "settings"), (0, "run")]
    before = compared(a, old, metric="test_loss")
    assert (before.ids, before.other_ids) == ("run", 1)
    sentences = [compare.told_other_ids(result.ids, result.other_ids) for result in (found, before)]
    assert sentences == [
        "1 run of other settings or data",
        "1 run with another id: of other settings, data, engine or schema",
    ]


def test_names_that_look_like_numbers_stay_names(tmp_path):
    rows = {
        ("007", 0): (1.0, 1.0),
        ("7", 0): (2.0, 2.0),
        ("nan", 0): (3.0, 3.0),
        ("NA", 0): (4.0, 4.0),
    }
    a = table(tmp_path / "a.csv", rows)
    b = table(tmp_path / "b.csv", {**rows, ("007", 0): (9.0, 1.0)})
    assert [(one.key[1], one.a, one.b) for one in compared(a, b).numbers] == [("007", 1.0, 9.0)]
    ids = [of(tmp_path / f"{k}.csv", f"variant,seed,run\nx,0,{k}\n") for k in ("1e3", "1000")]
    assert not compared(*ids, exact=True).same


def test_other_dialects_are_read(tmp_path):
    plain = "task,variant,seed,test_loss\ndefault,é,0,0.5\ndefault,é,1,0.25\n"
    a = of(tmp_path / "a.csv", plain)
    other = '\ufeff"variant",test_loss,seed\r\né,0.25,1.0\r\n\r\né,.50, 0\r\n'
    assert compared(a, of(tmp_path / "b.csv", other), exact=True).same


def test_one_column_of_different_tables(tmp_path):
    a = runs(tmp_path / "a.csv", LOSSES)
    text = "seed,variant,test_loss,lr\n" + "".join(
        f"{s},{v},{loss!r},auto\n" for (v, s), loss in LOSSES.items()
    )
    b = of(tmp_path / "b.csv", text)
    assert compared(a, b, metric="test_loss", exact=True).same
    c = of(tmp_path / "c.csv", text.replace("0,gelu,", "0,gelu,9"))
    assert [one.key[1:] for one in compared(a, c, metric="test_loss").numbers] == [("gelu", 0)]


def test_a_column_is_one_of_numbers_if_one_file_holds_no_text_in_it(tmp_path):
    first = "variant,seed,lr\nv,0,auto\nv,1,0.1\n"
    a, b = of(tmp_path / "a.csv", first), of(tmp_path / "b.csv", first.replace("0.1", "0.10"))
    assert [(one.column, one.a, one.b) for one in compared(a, b).texts] == [("lr", "0.1", "0.10")]
    assert compare.result(compared(a, b)) == "different: 2 shared rows; 1 with other texts"
    with pytest.raises(UserError, match=r'a\.csv:2: column lr: "auto" is not a number'):
        compared(a, b, metric="lr")
    c = of(tmp_path / "c.csv", first.replace("auto", ""))
    for sides in ((a, c), (c, a)):
        with pytest.raises(UserError, match=r'a\.csv:2: column lr: "auto" is not a number'):
            compared(*sides)


def test_no_text_of_a_file_reaches_the_terminal_as_a_command(tmp_path):
    head, row = 'variant,seed,status,"x\x1b[2J"\n', '"v\x1b[31m\nw",{},"ok\x07",{}\n'
    a, b = of(tmp_path / "a", head + row.format(0, 1)), of(tmp_path / "b", head + row.format(0, 2))
    c, d = (
        of(tmp_path / "c", head + row.format(0, 1) * 2),
        of(tmp_path / "d", head + 'v,0,"\x1b[0m",1\n'),
    )
    e = of(tmp_path / "e", head.replace("2J", "3J") + row.format(0, 1))
    f = of(tmp_path / "f", head + row.format(0, 1).replace("ok", "gone"))
    for first, second, code in ((a, b, 1), (a, f, 1), (a, c, 2), (a, d, 2), (a, e, 2)):
        done = call("compare", first, second, cwd=tmp_path, code=code)
        assert not set(done.stdout + done.stderr) & {"\x1b", "\x07"}
    assert (
        "v\\x1b[31m\\nw, seed 0: status: ok\\x07 -> gone\\x07"
        in call("compare", a, f, cwd=tmp_path, code=1).stdout
    )


def test_folders_runs_and_summaries_in_every_mix(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    inside = runs(folder / "runs.csv", LOSSES)
    summary = (
        "task,variant,formula,ok,median,mean\ndefault,tanh,g ="
        " tanh(z),5,0.5,0.6\ndefault,relu,g,5,0.4,\n"
    )
    of(folder / "summary.csv", summary)
    outside = of(tmp_path / "summary.csv", summary.replace("0.6", "0.7"))
    for a, b in itertools.product((folder, inside), repeat=2):
        assert compared(a, b, exact=True).shared == 15
    for a, b in ((folder, outside), (outside, folder)):
        (one,) = compared(a, b).numbers
        assert (
            one.key == ("default", "tanh", None)
            and one.column == "mean"
            and {one.a, one.b} == {0.6, 0.7}
        )
    with pytest.raises(UserError, match=r"runs\.csv holds runs, .*summary\.csv a summary"):
        compared(inside, outside)


GOOD = "variant,seed,test_loss\nv,0,0.5\nv,1,0.6\nv,2,0.7\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 'b.csv:1: no column "variant"; found: nothing'),
        (
            "variant;seed;test_loss\nv;0;1\n",
            'b.csv:1: no column "variant"; found: variant;seed;test_loss',
        ),
        ("variant,seed,test_loss,seed\nv,0,1,0\n", "b.csv:1: repeated columns: seed"),
        (GOOD + "v,3\n", "b.csv:5: 2 cells, where the header has 3"),
        (GOOD + "v,3,1,1\n", "b.csv:5: 4 cells, where the header has 3"),
        (GOOD + "v,x,1\n", 'b.csv:5: column seed: "x" is not a whole number'),
        (GOOD + "v,1_0,1\n", 'b.csv:5: column seed: "1_0" is not a whole number'),
        (GOOD + "v,1.5,1\n", 'b.csv:5: column seed: "1.5" is not a whole number'),
        (GOOD + "v,1,1\n", "b.csv:5: v, seed 1 is in line 3 already"),
        (GOOD + "v,1.0,1\n", "b.csv:5: v, seed 1 is in line 3 already"),
        (GOOD.replace("0.6", "oops"), 'b.csv:3: column test_loss: "oops" is not a number'),
        (GOOD.replace("0.6", "0,6"), "b.csv:3: 4 cells, where the header has 3"),
        (GOOD.replace("0.6", "1_0"), 'b.csv:3: column test_loss: "1_0" is not a number'),
        (GOOD.replace("test_loss", "loss"), "not comparable, because their columns differ"),
        (
            GOOD.replace("v,", "w,"),
            "the tables have no row in common, by task, variant and seed",
        ),
        (GOOD.splitlines()[0], "the tables have no row in common"),
        (GOOD + 'v,3,"1\n', "b.csv:5: not a CSV file: unexpected end of data"),
        (GOOD.encode("utf-16"), "b.csv: not UTF-8 text"),
        ("variant,test_loss\nv,1\n", "a.csv holds runs,"),
    ],
)
def test_what_cannot_be_compared_is_an_error_with_its_place(tmp_path, monkeypatch, text, expected):
    monkeypatch.chdir(tmp_path)
    of(tmp_path / "a.csv", GOOD)
    of(tmp_path / "b.csv", text)
    for names in (("a.csv", "b.csv"), ("b.csv", "a.csv")):
        with pytest.raises(UserError) as raised:
            compared(*map(compare.Path, names))
        assert expected in str(raised.value)


def test_of_many_problems_the_first_ten_are_shown(tmp_path):
    a, b = of(tmp_path / "a.csv", GOOD), of(tmp_path / "b.csv", GOOD + "v\n" * 40)
    with pytest.raises(UserError) as raised:
        compared(a, b)
    assert (
        len(raised.value.problems) == 11 and raised.value.problems[-1] == "... and 30 more problems"
    )


def test_a_file_that_is_replaced_all_the_time_can_be_read(tmp_path):
    path = runs(tmp_path / "runs.csv", LOSSES)
    text, stop = path.read_text(), threading.Event()
    short = "\n".join(text.splitlines()[:3]) + "\n"

    def write():
        for content in itertools.cycle((text, short)):
            files.replace(path, content)
            if stop.is_set():
                return

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        sizes = {len(compare.read(path).cells) for _ in range(200)}
    finally:
        stop.set()
        writer.join(timeout=60)
    assert sizes <= {2, 15}


def test_a_table_of_version_0_1_is_compared_by_the_columns_that_it_has(tmp_path):
    """It lacks three columns; any other column of one side alone is still an error."""
    old = of(tmp_path / "old.csv", "variant,seed,test_loss,run\nv,0,0.1,x\n")
    new = "variant,seed,test_loss,ceiling,linear,settings,run\nv,0,{},1,0.5,s,y\n"
    same = compared(old, of(tmp_path / "same.csv", new.format(0.1)))
    assert same.same and same.other_ids == 1
    (number,) = compared(old, of(tmp_path / "other.csv", new.format(0.2))).numbers
    assert (number.column, number.a, number.b) == ("test_loss", 0.1, 0.2)
    stranger = of(tmp_path / "stranger.csv", "variant,seed,test_loss,epochs,run\nv,0,0.1,3,x\n")
    with pytest.raises(UserError, match=r"only in .*: epochs"):
        compared(stranger, of(tmp_path / "same.csv", new.format(0.1)))


# -------------------------------------------------------------------------------------- the command


def test_the_command_lists_counts_and_exits(pair, tmp_path):
    a, b = pair
    same = call("compare", a, a, cwd=tmp_path)
    assert same.stdout.splitlines()[-1] == "same: 15 shared rows, every number equal"
    done = call("compare", a, b, "--limit", 1, cwd=tmp_path, code=1)
    lines = done.stdout.splitlines()
    assert "only in A: tanh, seed 0" in lines and "only in B: tanh, seed 9" in lines
    assert "gelu, seed 4: status: ok -> diverged" in lines and "... and 1 more" in lines
    assert repr(LOSSES["relu", 2] * 1.5) in done.stdout and lines[-1].startswith(
        "different: 14 shared rows; 1 only in A"
    )
    assert "gelu, seed 3" not in done.stdout
    content = json.loads(call("compare", a, b, "--limit", 1, "--json", cwd=tmp_path, code=1).stdout)
    assert [(one["variant"], one["seed"], one["column"]) for one in content["numbers"]] == [
        ("relu", 2, "test_loss"), ("gelu", 3, "test_loss"),
    ]  # fmt: skip
    assert content["numbers"][0]["b"] == LOSSES["relu", 2] * 1.5 and content["same"] is False


def test_the_options_reach_the_comparison(tmp_path):
    a = of(tmp_path / "a.csv", "variant,seed,loss\nv,0,1\nv,1,1\nv,2,1\n")
    b = of(tmp_path / "b.csv", "variant,seed,loss\nv,0,1.000001\nv,1,1\nv,2,1\n")
    call("compare", a, b, cwd=tmp_path)
    call("compare", a, b, "--exact", cwd=tmp_path, code=1)
    call("compare", a, b, "--rtol", "1e-7", cwd=tmp_path, code=1)
    call("compare", a, b, "--rtol", "0", "--atol", "1e-5", cwd=tmp_path)


def test_json_holds_no_infinite_number(tmp_path):
    a, b = (
        of(tmp_path / name, f"variant,seed,x\nv,0,{x}\n") for name, x in (("a", "inf"), ("b", "1"))
    )
    text = call("compare", a, b, "--json", cwd=tmp_path, code=1).stdout
    (one,) = json.loads(text, parse_constant=pytest.fail)["numbers"]
    assert (one["a"], one["b"], one["relative"]) == (None, 1.0, None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a.csv", "nowhere.csv"], "nowhere.csv: No such file or directory"),
        (["a.csv", "."], ".: not a results folder (it holds no runs.csv)"),
        (["a.csv", "m999"], 'm999: No such file or directory. Did you mean "results/m999"?'),
        (["a.csv", "results/m99"], ' Did you mean "results/m999"?'),
        (
            ["a.csv", "a.csv", "--metric", "tset_loss"],
            'a.csv:1: no column "tset_loss" to compare. Did you mean "test_lo',
        ),
        (["a.csv", "a.csv", "--metric", "status"], 'no column "status" to compare'),
        (["a.csv", "a.csv", "--metric", "seed"], 'no column "seed" to compare'),
        (["a.csv", "a.csv", "--margin", "10%", "--exact"], "are three ways to compare; choose one"),
        (
            ["a.csv", "a.csv", "--margin", "10%", "--rtol", "0.1"],
            "are three ways to compare; choose one",
        ),
        (["a.csv", "a.csv", "--exact", "--atol", "0.1"], "are three ways to compare; choose one"),
        (["a.csv", "a.csv", "--rtol", "nan"], "--rtol: nan is not a tolerance"),
        (["a.csv", "a.csv", "--atol", "-1"], "--atol: -1.0 is not a tolerance"),
    ],
)
def test_errors_of_the_command(tmp_path, words, expected):
    of(tmp_path / "a.csv", "variant,seed,test_loss,status\nv,0,1,ok\n")
    (tmp_path / "results" / "m999").mkdir(parents=True)
    shutil.copy(tmp_path / "a.csv", tmp_path / "results" / "m999" / "runs.csv")
    done = call("compare", *words, cwd=tmp_path, code=2)
    assert expected in done.stderr and done.stdout == ""


def test_what_differs_is_listed_by_columns_in_turns_and_what_is_alike_once():
    """20 rows of a reference that all variants share came first, test losses 150 rows later."""
    numbers = [
        compare.Difference(("default", variant, seed), column, a, b, abs(a - b), size)
        for column, size in (("linear", 0.9), ("train_loss", 0.5), ("test_loss", 0.2))
        for seed in range(3)
        for variant in ("tanh", "relu")
        for a, b in [
            (float(seed), 9.0)
            if column == "linear"
            else (seed + 0.1, len(column) + (variant == "tanh") + 0.5)
        ]
    ]
    listed = [(one.column, one.key[1:], rows) for one, rows in compare.in_turns(numbers)]
    assert listed[:3] == [
        ("test_loss", ("tanh", 0), 1),
        ("train_loss", ("tanh", 0), 1),
        ("linear", ("tanh", 0), 2),
    ]
    assert sum(rows for *_, rows in listed) == len(numbers) == 18
    assert [column for column, *_ in listed].count("linear") == 3


def test_rows_of_one_side_are_named_by_stretches_of_seeds():
    keys = [("default", "tanh", seed) for seed in (4, 0, 1, 2)] + [("easy", "relu", None)]
    assert compare.shown_together(keys) == ["tanh, seed 0 to 2, 4", "easy, relu"]
