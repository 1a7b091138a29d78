"""Two tables compared, and the gate for CI: held to pandas, NumPy, SciPy and statsmodels, and to
swapping the sides.
"""

import csv
import itertools
import json
import math
import struct
import threading
import zlib

import numpy as np
import pandas as pd
import pytest
from command_line import call
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from lstm_ablate.errors import UserError
from lstm_ablate.evidence import compare, gate
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


def judged(a, b, margin=0.1, metric="test_loss"):
    return gate.judge(*compare.read_pair(a, b), margin, metric)


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


def test_settings_tell_the_same_question_whatever_the_engine(tmp_path):
    """Ids of settings stand for those of runs where both tables have them."""
    header = "variant,seed,test_loss,settings,run\n"
    a = of(tmp_path / "a.csv", f"{header}v,0,0.5,1e3,a0\nv,1,0.5,1e3,a1\n")
    b = of(tmp_path / "b.csv", f"{header}v,0,0.5,1e3,b0\nv,1,0.5,1000,a1\n")
    old = of(tmp_path / "old.csv", "variant,seed,test_loss,run\nv,0,0.5,b0\nv,1,0.5,a1\n")
    found, exact = compared(a, b), compared(a, b, exact=True)
    assert found.same and (found.ids, found.other_ids) == ("settings", 1)
    assert [(one.key[2], one.column) for one in exact.texts] == [(1, "settings"), (0, "run")]
    before = compared(a, old, metric="test_loss")
    assert (before.ids, before.other_ids) == ("run", 1)
    assert judged(a, b).ids == "settings" and judged(a, old).ids == "run"
    told = [compare.told_other_ids(one.ids, one.other_ids) for one in (found, before)]
    assert told == [
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


def test_a_column_holds_numbers_if_it_does_so_throughout_one_file(tmp_path):
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
    with pytest.raises(UserError, match="--margin needs the runs themselves"):
        judged(outside, outside)


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
        (GOOD.replace("test_loss", "loss"), "not comparable, for their columns differ"),
        (
            GOOD.replace("v,", "w,"),
            "no row of one has its like in the other, by task, variant and seed",
        ),
        (GOOD.splitlines()[0], "no row of one has its like"),
        (GOOD + 'v,3,"1\n', "b.csv:5: not a CSV file: unexpected end of data"),
        (GOOD.encode("utf-16"), "b.csv: not UTF-8 text"),
        ("variant,test_loss\nv,1\n", "a.csv holds runs,"),
    ],
)
def test_what_cannot_be_compared_is_told_with_its_place(tmp_path, monkeypatch, text, expected):
    monkeypatch.chdir(tmp_path)
    of(tmp_path / "a.csv", GOOD)
    of(tmp_path / "b.csv", text)
    for names in (("a.csv", "b.csv"), ("b.csv", "a.csv")):
        with pytest.raises(UserError) as told:
            compared(*map(compare.Path, names))
        assert expected in str(told.value)


def test_all_problems_are_told_up_to_a_few(tmp_path):
    a, b = of(tmp_path / "a.csv", GOOD), of(tmp_path / "b.csv", GOOD + "v\n" * 40)
    with pytest.raises(UserError) as told:
        compared(a, b)
    assert len(told.value.problems) == 11 and told.value.problems[-1] == "... and 30 problems more"


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


# ----------------------------------------------------------------------------------------- the gate


def drawn(seed, n, spread, ratio=1.0):
    """Losses of n seeds whose logs share what belongs to the seed."""
    own = np.random.default_rng(seed)
    shared = [np.random.default_rng([77, k]).normal() for k in range(n)]
    return {k: ratio * math.exp(shared[k] + spread * own.normal()) for k in range(n)}


def with_variants(path, **variants):
    return runs(
        path,
        {
            (name, seed): loss
            for name, by_seed in variants.items()
            for seed, loss in by_seed.items()
        },
    )


@pytest.mark.parametrize("margin", [0.0, 0.1, 0.5])
def test_losses_are_judged_as_scipy_does(tmp_path, margin):
    ratios = {"relu": 1.0, "gelu": 1.3, "elu": 1.17, "selu": 3.0}
    a = {name: drawn(k, 8, 0.05) for k, name in enumerate(ratios)}
    b = {name: drawn(10 + k, 8, 0.05, ratio) for k, (name, ratio) in enumerate(ratios.items())}
    found = judged(
        with_variants(tmp_path / "a.csv", **a), with_variants(tmp_path / "b.csv", **b), margin
    )
    edge = math.log1p(margin)
    tests = []
    for name in ratios:
        x, y = np.log([*a[name].values()]), np.log([*b[name].values()])
        tests.append(stats.ttest_1samp(y - x, edge, alternative="greater"))
        interval = stats.ttest_1samp(y - x, 0).confidence_interval(0.9)
        (one,) = [one for one in found.judgements if one.variant == name]
        assert one.pairs == 8
        assert one.ratio == pytest.approx(
            stats.gmean([*b[name].values()]) / stats.gmean([*a[name].values()])
        )
        assert (one.low, one.high) == pytest.approx(
            (math.exp(interval.low), math.exp(interval.high))
        )
    reject, adjusted, *_ = multipletests([test.pvalue for test in tests], 0.05, "holm")
    assert [one.p for one in found.judgements] == pytest.approx(adjusted, abs=1e-7)
    assert [one.worse for one in found.judgements] == list(reject)
    assert found.passed == (not any(reject))
    assert list(reject) == {0.0: [0, 1, 1, 1], 0.1: [0, 1, 0, 1], 0.5: [0, 0, 0, 1]}[margin]


def test_seeds_that_only_one_side_has_are_named_and_nothing_is_judged(tmp_path):
    """What a gate dropped before it passed: a threefold loss at the seeds without a partner."""
    a = {"relu": dict.fromkeys(range(10), 0.1), "tanh": drawn(0, 4, 0.1)}
    b = {
        "relu": {**dict.fromkeys(range(3), 0.1), **dict.fromkeys([10, 12, 13, 14], 0.3)},
        "tanh": drawn(1, 4, 0.1),
    }
    tables = with_variants(tmp_path / "a.csv", **a), with_variants(tmp_path / "b.csv", **b)
    with pytest.raises(UserError) as told:
        judged(*tables)
    assert told.value.problems[0].endswith(
        "b.csv: --margin judges the same seeds on both sides, and here they differ"
    )
    assert told.value.problems[1:] == (
        "relu: finished runs of seed 3 to 9 only in A and of seed 10, 12 to 14 only in B",
    )
    done = call("compare", *tables, "--margin", "10%", cwd=tmp_path, code=2)
    assert "seed 3 to 9 only in A" in done.stderr and done.stdout == ""


def test_the_adjustment_is_over_all_variants(tmp_path):
    """One variant alone fails; beside nine others that are as they were, it does not."""
    a, b = drawn(0, 6, 0.05), drawn(9, 6, 0.05, 1.19)
    alone = judged(
        with_variants(tmp_path / "a.csv", relu=a), with_variants(tmp_path / "b.csv", relu=b)
    )
    others = {f"v{k}": a for k in range(9)}
    beside = judged(
        with_variants(tmp_path / "a.csv", relu=a, **others),
        with_variants(tmp_path / "b.csv", relu=b, **others),
    )
    assert not alone.passed and beside.passed
    assert beside.judgements[0].p == pytest.approx(10 * alone.judgements[0].p)
    assert beside.judgements[0].low > 1.1


@pytest.mark.parametrize(
    ("in_a", "in_b", "n", "fails"),
    [
        (0, 3, 3, True),
        (0, 2, 3, False),
        (0, 4, 10, False),
        (0, 6, 10, True),
        (5, 0, 10, False),
        (10, 10, 10, False),
    ],
)
def test_more_divergence_is_worse(tmp_path, in_a, in_b, n, fails):
    """By Fisher's test, with Holm's adjustment over it and the test of the losses, where there is
    one.
    """
    a = {seed: None if seed < in_a else 1.0 + seed for seed in range(n)}
    b = {seed: None if seed < in_b else 1.0 + seed for seed in range(n)}
    found = judged(
        with_variants(tmp_path / "a.csv", relu=a), with_variants(tmp_path / "b.csv", relu=b)
    )
    p = stats.fisher_exact([[in_b, n - in_b], [in_a, n - in_a]], alternative="greater").pvalue
    (one,) = found.judgements
    tests = 1 + (one.p is not None)
    assert one.diverged_p == pytest.approx(min(1, tests * p)) and tests == 1 + (
        n - max(in_a, in_b) >= 3
    )
    assert found.passed != fails and one.diverges_more == fails and not one.worse


def test_failed_runs_are_missing_and_losses_that_are_not_finite_diverged(tmp_path):
    a = of(tmp_path / "a.csv", "variant,seed,loss\n" + "".join(f"v,{k},1\n" for k in range(6)))
    b = of(tmp_path / "b.csv", "variant,seed,loss\nv,0,1\nv,1,1\nv,2,1\nv,3,nan\nv,4,\nv,5,inf\n")
    (one,) = judged(a, b, metric="loss").judgements
    assert (one.diverged_a, one.diverged_b, one.finished_b, one.pairs) == (0, 3, 6, 3)
    c = runs(tmp_path / "c.csv", {("v", k): 1.0 for k in range(6)})
    text = c.read_text().replace("v,0,ok,30,7,1.0", "v,0,failed,,,")
    with pytest.raises(UserError, match=r"v: finished runs of seed 0 only in A$"):
        judged(c, of(tmp_path / "d.csv", text))
    c = of(tmp_path / "c.csv", text)
    (one,) = judged(c, of(tmp_path / "d.csv", text)).judgements
    assert (one.finished_a, one.finished_b, one.diverged_b, one.diverged_p) == (5, 5, 0, None)
    (one,) = judged(c, of(tmp_path / "d.csv", text.replace("v,1,ok", "v,1,diverged"))).judgements
    assert (one.finished_b, one.diverged_b, one.pairs) == (5, 1, 4)


def test_a_constant_ratio_is_judged_without_spread(tmp_path):
    """The edge itself is not beyond it, and the digits of a logarithm decide nothing."""
    a = drawn(0, 5, 0.1)
    first = with_variants(tmp_path / "a.csv", v=a)
    for ratio, passes in ((1.0, True), (1.1, True), (1.1000001, False), (2.0, False), (0.5, True)):
        second = with_variants(
            tmp_path / "b.csv", v={seed: ratio * loss for seed, loss in a.items()}
        )
        assert judged(first, second).passed == passes
    many = {f"v{k}": drawn(k, 4, 0.1) for k in range(20)}
    first = with_variants(tmp_path / "a.csv", **many)
    second = with_variants(
        tmp_path / "b.csv",
        **{name: {seed: 1.1 * loss for seed, loss in a.items()} for name, a in many.items()},
    )
    assert {one.p for one in judged(first, second).judgements} == {1.0}
    one, two = (
        with_variants(tmp_path / f"{x}.csv", v=dict.fromkeys(range(4), x)) for x in (1.0, 2.0)
    )
    assert not judged(one, two).passed and judged(two, one).passed and judged(one, one, 0.0).passed


def test_sentences_say_what_was_found_and_what_could_not_be(tmp_path):
    a = {
        "relu": drawn(0, 5, 0.02),
        "gelu": drawn(1, 5, 0.02),
        "thin": drawn(2, 2, 0.02),
        "wide": drawn(3, 4, 0.5),
    }
    b = {
        "relu": drawn(5, 5, 0.02),
        "gelu": drawn(6, 5, 0.02, 1.5),
        "thin": drawn(7, 2, 0, 9.0),
        "wide": drawn(8, 4, 0.5),
    }
    b["late"] = a["gone"] = drawn(0, 5, 0.1)
    found = judged(with_variants(tmp_path / "a.csv", **a), with_variants(tmp_path / "b.csv", **b))
    relu, gelu, thin, wide = (gate.sentence(one, found.margin) for one in found.judgements)
    assert (
        relu.startswith("relu: B's loss is ")
        and "5 pairs), not worse by more than 10% (p = 1 after Holm)" in relu
    )
    assert "WORSE by more than 10%" in gelu
    assert (
        thin
        == "thin: too few runs that converged to compare losses (2 pairs; 3 are needed): passes,"
        " but could not have failed"
    )
    assert "not shown to be worse by more than 10%" in wide
    assert gate.result(found) == "failed: B is worse than A in gelu"
    assert (found.only_a, found.only_b) == (("gone",), ("late",))
    few = judged(
        with_variants(tmp_path / "a.csv", v=a["thin"]),
        with_variants(tmp_path / "b.csv", v=b["thin"]),
    )
    assert few.passed and gate.result(few).endswith(
        "only 0 of 1 variant had enough runs to judge losses"
    )
    assert found.judged and not few.judged  # which the command line takes for not comparable


@pytest.mark.parametrize(
    ("text", "expected"), [("10%", 0.1), ("0.1", 0.1), ("0", 0), ("2.5%", 0.025), ("100%", 1)]
)
def test_margins(text, expected):
    assert gate.margin_of(text) == expected


@pytest.mark.parametrize("text", ["", "ten", "-10%", "nan", "inf", "1e400", "10 %", "%"])
def test_what_is_no_margin(text):
    with pytest.raises(UserError, match="write a percentage such as 10%"):
        gate.margin_of(text)


def test_the_gate_seldom_fails_at_its_edge(tmp_path):
    """Three variants that are worse by the margin exactly, and diverge as often: 5% of 300 gates,
    give or take.
    """
    rng = np.random.default_rng(3)
    failed = 0
    for _ in range(300):
        tables = []
        for name, ratio in (("a", 1.0), ("b", 1.1)):
            cells, lines = {}, {}
            for variant, seed in itertools.product("uvw", range(6)):
                loss = "" if rng.random() < 0.2 else repr(ratio * math.exp(0.1 * rng.normal()))
                key = "default", variant, seed
                cells[key], lines[key] = {"test_loss": loss}, 0
            tables.append(compare.Table(name, True, ("test_loss",), cells, lines))
        failed += not gate.judge(*tables, 0.1, "test_loss").passed
    assert stats.binomtest(failed, 300, 0.05, alternative="greater").pvalue > 0.01
    assert failed > 0


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


def test_the_command_as_a_gate(tmp_path):
    a = with_variants(tmp_path / "a.csv", relu=drawn(0, 5, 0.02))
    good = with_variants(tmp_path / "good.csv", relu=drawn(1, 5, 0.02, 0.9))
    bad = with_variants(tmp_path / "bad.csv", relu=drawn(1, 5, 0.02, 1.5))
    done = call("compare", a, good, "--margin", "10%", cwd=tmp_path)
    assert done.stdout.splitlines()[-1].startswith("passed: ")
    done = call("compare", a, bad, "--margin", "10%", cwd=tmp_path, code=1)
    assert (
        "relu: B's loss is 1.5" in done.stdout
        and done.stdout.splitlines()[-1] == "failed: B is worse than A in relu"
    )
    content = json.loads(
        call("compare", a, bad, "--margin", "0.1", "--json", cwd=tmp_path, code=1).stdout
    )
    (one,) = content["judgements"]
    assert (
        one["low"] > 1.1
        and one["p"] < 0.05
        and one["sentence"] in done.stdout
        and content["passed"] is False
    )


def test_the_gate_tells_that_settings_differ(tmp_path):
    rows = [f"relu,{seed},{{}}{seed},{0.1 + seed / 1000}\n" for seed in range(4)]
    paths = [
        of(tmp_path / f"{name}.csv", "variant,seed,run,test_loss\n" + "".join(rows).format(*marks))
        for name, marks in {"a": "xxxx", "b": "xyyx", "c": "xxxx"}.items()
    ]
    told = "2 runs with another id: of other settings, data, engine or schema\n"
    assert told in call("compare", *paths[:2], "--margin", "10%", cwd=tmp_path).stdout
    assert (
        "another id"
        not in call("compare", paths[0], paths[2], "--margin", "10%", cwd=tmp_path).stdout
    )


def test_the_options_reach_the_comparison(tmp_path):
    a = of(tmp_path / "a.csv", "variant,seed,loss\nv,0,1\nv,1,1\nv,2,1\n")
    b = of(tmp_path / "b.csv", "variant,seed,loss\nv,0,1.000001\nv,1,1\nv,2,1\n")
    call("compare", a, b, cwd=tmp_path)
    call("compare", a, b, "--exact", cwd=tmp_path, code=1)
    call("compare", a, b, "--rtol", "1e-7", cwd=tmp_path, code=1)
    call("compare", a, b, "--rtol", "0", "--atol", "1e-5", cwd=tmp_path)
    call("compare", a, b, "--margin", "10%", "--metric", "loss", cwd=tmp_path)


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
        (
            ["a.csv", "a.csv", "--metric", "tset_loss"],
            'a.csv:1: no column "tset_loss" to compare. Did you mean "test_lo',
        ),
        (["a.csv", "a.csv", "--metric", "status"], 'no column "status" to compare'),
        (["a.csv", "a.csv", "--metric", "seed"], 'no column "seed" to compare'),
        (
            ["a.csv", "zero.csv", "--margin", "10%"],
            "zero.csv:2: column test_loss: --margin compares ratios, and 0 is not",
        ),
        (["a.csv", "other.csv", "--margin", "10%"], "no variant of one has its like in the other"),
        (["a.csv", "a.csv", "--margin", "ten"], '--margin: "ten" is not a margin'),
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
    of(tmp_path / "zero.csv", "variant,seed,test_loss\nv,0,0\n")
    of(tmp_path / "other.csv", "variant,seed,test_loss\nw,0,1\n")
    done = call("compare", *words, cwd=tmp_path, code=2)
    assert expected in done.stderr and done.stdout == ""


def test_a_gate_with_nothing_to_judge_neither_passes_nor_fails(tmp_path):
    """As where every run failed."""
    for name, status, loss in (("a.csv", "failed", ""), ("b.csv", "failed", "")):
        rows = "".join(f"v,{seed},{status},{loss}\n" for seed in range(3))
        (tmp_path / name).write_text("variant,seed,status,test_loss\n" + rows)
    done = call("compare", "a.csv", "b.csv", "--margin", "10%", cwd=tmp_path, code=2)
    assert "no variant has enough finished runs to judge" in done.stderr
