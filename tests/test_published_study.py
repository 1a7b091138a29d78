"""The published study and the first look: their files agree with each other and with the configs,
verdicts with counting by hand, and the pages with both.
"""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lstm_ablate.evidence import counting, stopping
from lstm_ablate.experiment import loading, runs
from lstm_ablate.training.engines import engine
from lstm_ablate.training.inputs import windows

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "measure"))
import findings_of_study  # noqa: E402

STUDY = ROOT / "results" / "reference" / "fair"
ASKED = loading.load(ROOT / "configs" / "fair.yaml")
RUNS, SUMMARY, TUNING = (
    pd.read_csv(STUDY / f"{name}.csv") for name in ("runs", "summary", "tuning")
)
SHIPPED = ["relu_vs_tanh", "relu_vs_tanh_vector"]
OTHERS = [(task, name) for task in ASKED.tasks for name in ASKED.variants if name != "tanh"]


# ------------------------------------------------------------------------------------ the study


def test_the_published_study_is_what_the_shipped_config_asks_for():
    published = loading.load(STUDY / "experiment.yaml")
    assert published.settings == ASKED.settings and published.tuning == ASKED.tuning
    for part in ("tasks", "variants", "baseline", "seeds", "looks", "margin"):
        assert getattr(published, part) == getattr(ASKED, part), part


def tuned(without=None):
    """Return the median log validation loss at each value, by NumPy; one seed may be left out."""
    kept = TUNING[TUNING["seed"] != without]
    logs = np.log(kept["validation_loss"].where(kept["status"] == "ok", np.inf))
    return logs.groupby([kept[key] for key in ("task", "variant", "value")]).median()


def chosen_by_hand(without=None):
    """Return the value with the lowest median of each task and variant."""
    lowest = tuned(without).groupby(["task", "variant"]).idxmin()
    return lowest.map(lambda place: place[2])


def test_each_variant_has_the_rate_that_was_best_in_tuning():
    chosen = chosen_by_hand()
    assert findings_of_study.rates().to_dict() == chosen.to_dict()
    for task, mine in TUNING.groupby("task"):
        grid = sorted(mine["value"].unique())
        assert set(ASKED.tuning.grid) <= set(grid)
        for _, tried in mine.groupby("variant"):  # the same care for all
            assert sorted(tried["value"].unique()) == grid
            assert (tried.groupby("value")["seed"].nunique() == 5).all()
        rates = chosen[task]
        full = set(ASKED.tuning.below) <= set(grid), set(ASKED.tuning.above) <= set(grid)
        assert min(rates) > grid[0] or full[0]
        assert max(rates) < grid[-1] or full[1]


def test_every_run_is_one_that_the_config_asks_for_at_the_chosen_rate():
    chosen, asked = chosen_by_hand(), ASKED.tuning.settings
    expected = {
        (task, name, seed): runs.Run(
            task, name, seed, asked[task, name, chosen[task, name]], "fused"
        ).id
        for task in ASKED.tasks
        for name in ASKED.variants
        for seed in range(60)
    }
    found = RUNS.set_index(["task", "variant", "seed"])["run"].to_dict()
    assert found.items() <= expected.items() and RUNS["status"].isin(["ok", "diverged"]).all()


def test_a_published_run_can_be_trained_again():
    """At a low rate, where other roundings stay small; at 0.01 they grow until losses differ.

    Where this fails because a change moves bits, the schema of records counts up.
    """
    row = TUNING[(TUNING["task"] == "code-10") & (TUNING["variant"] == "tanh")].iloc[0]
    run = next(run for run in runs.tuning_runs(ASKED, "code-10", [0.0003]) if run.id == row["run"])
    assert (run.variant, run.seed, row["value"]) == ("tanh", row["seed"], 0.0003)
    drawn = windows.of(run.settings.data, run.seed, run.purpose)
    (result,) = engine("fused").train([run], [drawn], lambda _: None)
    assert result.validation_loss == pytest.approx(row["validation_loss"], rel=1e-4)


def by_hand(task, variant):
    """Return (seeds, wins, losses, ratios, count needed, verdict), counted look by look.

    A diverged run has an infinite loss, and two infinite losses are a draw.
    """
    of_task = RUNS[RUNS["task"] == task].set_index(["variant", "seed"])
    losses = of_task["test_loss"].where(of_task["status"] == "ok", np.inf)
    mine, base = losses[variant], losses["tanh"]
    found = None
    for look in stopping.planned(ASKED):
        seeds = range(look.seeds)
        if not set(seeds) <= set(mine.index) & set(base.index):
            return found
        a, b = mine[seeds], base[seeds]
        wins, lost = int((a < b).sum()), int((a > b).sum())
        ratios = sorted(np.where(a == b, 1, a / b))
        c, verdict = look.count, "inconclusive"
        learned = [
            2 * (side < 0.9 * of_task["ceiling"][name][seeds]).sum() >= look.seeds
            for side, name in ((a, variant), (b, "tanh"))
        ]
        if not any(learned):
            verdict = "nothing learned"
        elif c and wins >= c:
            verdict = "better"
        elif c and lost >= c:
            verdict = "worse"
        elif c and ratios[-c] >= 0.8 and ratios[c - 1] <= 1.25:
            verdict = "practically equivalent"
        if verdict == "inconclusive" and look.seeds < 60:
            verdict = "undecided"
        found = look.seeds, wins, lost, ratios, c, verdict
        if verdict != "undecided":
            return found
    return found


@pytest.mark.parametrize(("task", "variant"), OTHERS)
def test_every_verdict_is_what_counting_by_hand_gives(task, variant):
    row = SUMMARY.set_index(["task", "variant"]).loc[(task, variant)]
    seeds, wins, lost, ratios, c, verdict = by_hand(task, variant)
    assert (row["pairs"], row["wins"], row["losses"]) == (seeds, wins, lost)
    assert row["verdict"] == verdict
    assert row["ratio"] == pytest.approx(np.exp(np.median(np.log(ratios))), rel=1e-9)
    if c:
        ends = (ratios[-c], ratios[c - 1])
        assert (row["ratio_low"], row["ratio_high"]) == pytest.approx(ends, rel=1e-9)
        assert stopping.planned(ASKED)[int(row["look"]) - 1].seeds == seeds


def test_the_page_of_the_study_has_the_published_tables():
    text = (ROOT / "docs" / "study.md").read_text()
    for name, lines in findings_of_study.tables().items():
        block = "\n".join([f"<!-- {name} -->", *lines, f"<!-- end of {name} -->"])
        assert text.count(block) == 1, name
    assert len(findings_of_study.tables()) == 2 + len(ASKED.tasks)
    overview = "\n".join(findings_of_study.tables()["overview"])
    assert overview in (ROOT / "docs" / "question.md").read_text()
    heads, _, *rows = (line.strip("| ").split(" | ") for line in overview.splitlines())
    assert heads == ["variant", *ASKED.tasks] and len(rows) == len(ASKED.variants) - 1
    shown = {(task, row[0]): row[1 + k] for row in rows for k, task in enumerate(ASKED.tasks)}
    for task, name in OTHERS:
        _, _, _, ratios, _, expected = by_hand(task, name)
        verdict, ratio = shown[task, name].split(", ")
        assert verdict.removeprefix("still learning: ") == expected
        middle = np.exp(np.median(np.log(ratios)))
        assert float(ratio.replace(",", "")) == pytest.approx(middle, rel=5e-3)
    picture = (STUDY / "figures" / "intervals.png").read_bytes()
    assert (ROOT / "docs" / "study.png").read_bytes() == picture


@pytest.mark.parametrize("task", ASKED.tasks)
def test_every_row_of_the_page_is_what_counting_by_hand_gives(task):
    """The tables are not taken from the program that writes them, but read in the page itself."""
    text = (ROOT / "docs" / "study.md").read_text()
    block = re.search(rf"<!-- findings in {task} -->(.*?)<!-- end", text, re.DOTALL)[1]
    rows = {
        cells[0].strip("`"): cells[1:]
        for cells in (line.strip("| ").split(" | ") for line in block.splitlines())
        if cells[0].startswith("`")
    }
    assert tuple(rows) == ASKED.variants
    looks = SUMMARY[SUMMARY["task"] == task].set_index("variant")["look"]
    of_task = RUNS[RUNS["task"] == task]
    for name, (rate, loss, ratio, wins, failed, *verdict) in rows.items():
        assert float(rate) == chosen_by_hand()[task, name]
        look = stopping.planned(ASKED)[int(looks[name]) - 1]
        beside = of_task[of_task["seed"] < look.seeds]  # what all variants gave at these seeds
        ended = beside["status"] == "ok"
        of_all = beside["test_loss"].where(ended, np.inf)
        mine = of_all[beside["variant"] == name]
        assert float(loss.split()[0]) == pytest.approx(mine.median(), rel=5e-3)
        well = mine[ended]
        counts = {
            "diverged": len(mine) - len(well),
            "far above": (well > 3 * max(mine.median(), of_all.median())).sum(),
            "not learned": (well >= 0.9 * beside["ceiling"][well.index]).sum(),
        }
        told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        assert failed == (told or "-")
        if name == "tanh":
            assert (ratio, wins) == ("-", "-")
            continue
        seeds, won, _, ratios, _, expected = by_hand(task, name)
        assert float(ratio.split()[0].replace(",", "")) == pytest.approx(
            np.exp(np.median(np.log(ratios))), rel=5e-3
        )
        strong = "**" * (expected == "worse")
        assert wins == f"{won} of {seeds}"
        assert verdict[0].endswith(f"{strong}{expected}{strong}")


# ---------------------------------------------------------------------- the one after the study

AFTER = findings_of_study.AFTER
LATER = loading.load(ROOT / "configs" / "relu_vs_tanh_tuned.yaml")


def test_the_experiment_after_the_study_is_the_first_look_with_tuned_rates():
    first = loading.load(ROOT / "configs" / "relu_vs_tanh.yaml")
    assert loading.load(AFTER / "experiment.yaml").settings == LATER.settings
    assert set(first.variants) == set(LATER.variants) and LATER.seeds == tuple(range(100, 120))
    for name in LATER.variants:
        mine, other = (
            runs.Run("default", name, 0, one.settings["default", name], "fused").settings_id
            for one in (LATER, first)
        )
        assert mine == other
    for part in ("path", "grid", "below", "above", "seeds"):
        assert getattr(LATER.tuning, part) == getattr(ASKED.tuning, part), part


def test_what_the_experiment_after_the_study_gave_is_what_counting_by_hand_gives():
    tried = pd.read_csv(AFTER / "tuning.csv")
    losses = tried["validation_loss"].where(tried["status"] == "ok", np.inf)
    middle = losses.groupby([tried["variant"], tried["value"]]).median().unstack()
    rates = middle.idxmin(axis=1)
    assert findings_of_study.rates(AFTER)["default"].to_dict() == rates.to_dict()
    assert rates["tanh"] == rates["relu-between"] == 0.01
    assert min(rates) > 0.0003 and max(rates) < 0.03  # none stands at an edge
    table = pd.read_csv(AFTER / "runs.csv")
    assert (table["status"] == "ok").all()
    chosen = {
        (name, seed): runs.Run(
            "default", name, seed, LATER.tuning.settings["default", name, rates[name]], "fused"
        ).id
        for name in LATER.variants
        for seed in LATER.seeds
    }
    assert table.set_index(["variant", "seed"])["run"].to_dict() == chosen
    summary = pd.read_csv(AFTER / "summary.csv").set_index("variant")
    needed = counting.count_needed(20, 0.05 / 3)
    assert needed == 16
    for name, (wins, lost, ratio, ratios) in counted(AFTER / "runs.csv").items():
        row = summary.loc[name]
        assert (row["wins"], row["losses"], row["needed"]) == (wins, lost, needed)
        assert row["ratio"] == pytest.approx(ratio, rel=1e-9)
        ends = (ratios[-needed], ratios[needed - 1])
        assert (row["ratio_low"], row["ratio_high"]) == pytest.approx(ends, rel=1e-9)
        assert row["verdict"] == ("worse" if lost >= needed else "inconclusive")
        assert (lost >= needed) == (name != "linear") and wins < needed


def test_the_pages_say_what_the_experiment_after_the_study_gave():
    text, tried = text_of("docs/study.md"), pd.read_csv(AFTER / "tuning.csv")
    by_seed = tried[tried["value"] == 0.001].pivot(
        index="seed", columns="variant", values="validation_loss"
    )
    wins = by_seed["relu-between"] < by_seed["tanh"]
    assert f"wins at {sum(wins)} of the {len(wins)} seeds of tuning" in text
    middle = tried.groupby(["variant", "value"])["validation_loss"].median()
    of_tanh, between = (
        middle[name, 0.001] / middle[name, 0.01] for name in ("tanh", "relu-between")
    )
    assert f"tanh is {of_tanh:.0f} times lower than at 0.001" in text
    assert f"between the layers {between:.1f} times" in text
    wins, *_ = counted(AFTER / "runs.csv")["linear"]
    assert f"with new seeds it wins at {wins}, and nothing can be said" in text
    _, losses, ratio, ratios = counted(AFTER / "runs.csv")["relu-between"]
    said = f"at {losses} of 20 seeds and with {ratio:.2f} times its loss in a typical pair"
    assert f"{said} ({interval(ratios, 16)})" in text_of("docs/question.md")
    assert f"it is worse, at {losses} of 20 seeds in this same network" in text_of("README.md")


# ------------------------------------------------------------------------------------ what docs say


def text_of(name):
    """Return a text in one line."""
    return " ".join((ROOT / name).read_text().split())


def counted(path):
    """Return (wins, losses, median ratio, sorted ratios) against tanh, by variant: by hand."""
    losses = pd.read_csv(path).pivot(index="seed", columns="variant", values="test_loss")
    ratios = losses.div(losses["tanh"], axis=0)
    return {
        name: (
            int((ratios[name] < 1).sum()),
            int((ratios[name] > 1).sum()),
            float(np.exp(np.log(ratios[name]).median())),
            sorted(ratios[name]),
        )
        for name in ratios
        if name != "tanh"
    }


def interval(ratios, c):
    """Return the order statistics that belong to c of n, as a page has them."""
    return f"{ratios[-c]:.2f} to {ratios[c - 1]:.2f}"


def shipped(name):
    return counted(ROOT / "tests" / "data" / "shipped" / name / "runs.csv")


def test_the_shipped_runs_are_those_of_the_configs():
    """Settings have ids that every later version computes alike."""
    for name in SHIPPED:
        table = pd.read_csv(ROOT / "tests" / "data" / "shipped" / name / "runs.csv")
        asked = loading.load(ROOT / "configs" / f"{name}.yaml")
        expected = [(run.variant, run.seed, run.settings_id, run.id) for run in runs.expand(asked)]
        columns = ["variant", "seed", "settings", "run"]
        assert list(table[columns].itertuples(index=False, name=None)) == expected
        assert (table["status"] == "ok").all()


RELUS = [variant for variant in ASKED.variants if variant.startswith("relu")]


def verdicts(variants):
    """Return the rows of some variants, once for each task."""
    return SUMMARY[SUMMARY["variant"].isin(variants) & SUMMARY["task"].isin(ASKED.tasks)]


@pytest.mark.parametrize("name", ["README.md", "docs/question.md", "docs/study.md"])
def test_the_advice_is_what_the_study_gave(name):
    """Every variant with a relu is worse in every task; all but one were decided by 20 seeds.

    `linear` is worse in one task, and nothing is better or practically equivalent.
    """
    text, found = text_of(name), verdicts(RELUS)
    assert len(RELUS) == len(ASKED.tasks) == 5 and len(found) == 25
    assert set(found["verdict"]) == {"worse"} and "all 25 comparisons" in text
    later = found[found["pairs"] != 20]
    assert later[["task", "variant", "losses", "pairs"]].to_numpy().tolist() == [
        ["copy-10", "relu-between", 26, 30]
    ]
    assert min(found.loc[found["pairs"] == 20, "losses"]) == 18
    assert "n networks like th" in text and "put no ReLU between the layers" in text
    assert name != "docs/study.md" or ("18 or more of 20 seeds" in text and "26 of 30" in text)
    of_linear = verdicts(["linear"]).set_index("task")["verdict"]
    assert of_linear.to_dict() == dict.fromkeys(ASKED.tasks, "inconclusive") | {"code-10": "worse"}


def test_tasks_of_one_network_share_runs_where_a_variant_has_the_same_rate():
    """Seeds draw weights, windows and batches, of which a task that only trains longer has more."""
    assert "its runs in `code-10` and in `code-100` are the same ones" in text_of("docs/study.md")
    of_ten, of_hundred = (chosen_by_hand()[task] for task in ("code-10", "code-100"))
    table = pd.read_csv(STUDY / "ratios.csv").set_index(["task", "variant", "epoch"]).sort_index()
    shared = [name for name in RELUS if of_ten[name] == of_hundred[name]]
    assert len(shared) == 4 and of_ten["tanh"] == of_hundred["tanh"]
    for name in shared:
        early, late = (table.loc[(task, name)].loc[:10] for task in ("code-10", "code-100"))
        pd.testing.assert_frame_equal(early, late)
    ceilings = RUNS[RUNS["variant"] == "tanh"].pivot(index="seed", columns="task", values="ceiling")
    drawn = ceilings.loc[:19].T.drop_duplicates()
    assert len(drawn) == 2 and "square-100" in drawn.index


FIRST = RUNS[RUNS["seed"] < 20]  # all variants have these
IDLE = FIRST["status"].eq("ok") & (FIRST["test_loss"] >= 0.9 * FIRST["ceiling"])
IDLE = IDLE.groupby([FIRST["variant"], FIRST["task"]]).sum()  # runs that have not learned


def test_the_readme_says_how_large_the_differences_are_and_which_runs_fail():
    text, ratio = text_of("README.md"), SUMMARY.set_index(["variant", "task"])["ratio"]
    assert (FIRST.groupby(["variant", "task"])["seed"].nunique() == 20).all()
    of_tasks = ratio["relu-between"][list(ASKED.tasks)]
    *four, largest = sorted(of_tasks)
    assert of_tasks["square-100"] == largest
    assert f"{min(four):.1f} to {max(four):.1f} times the test loss of tanh in four tasks" in text
    failed = IDLE["relu-between", "square-100"]
    assert f"in the fifth {failed} of its 20 runs hardly beat predicting the mean" in text
    relu, tanh = IDLE["relu"].sum(), IDLE["tanh"].sum()
    assert f'{relu} of all 100 runs of `activation="relu"` and {tanh} of 100 of tanh' in text
    settings = [ASKED.settings[task, "tanh"] for task in ASKED.tasks]
    units = {n for one in settings for n in (*one.model.encoder, *one.model.decoder)}
    assert (min(units), max(units)) == (4, 100) and "layers of 4 to 100 units" in text
    assert {one.training.epochs for one in settings} == {10, 100}
    assert {one.data.timesteps for one in settings} == {30} and "waves of 30 steps" in text
    of_linear = verdicts(["linear"])["verdict"].value_counts().to_dict()
    assert of_linear == {"worse": 1, "inconclusive": 4}
    assert "is worse in one task, and in four not told from tanh" in text


def test_the_page_of_the_study_says_what_the_rates_gave():
    text, rate = text_of("docs/study.md"), chosen_by_hand()
    assert set(rate[:, "tanh"]) == {0.01} and "Tanh takes 0.01 in every task" in text
    assert sorted(rate[:, "relu"]) == [0.001, 0.001, 0.003, 0.003, 0.01]
    assert sorted(rate[:, "relu-he"] <= 0.001) == [False, True, True, True, True]
    typical = tuned()
    at_one, at_their_own = (
        at_rate("copy-100", "relu", mine) / at_rate("copy-100", "tanh", other)
        for mine, other in ((0.001, 0.001), (rate["copy-100", "relu"], rate["copy-100", "tanh"]))
    )
    wins, middle = sum(at_one < 1), np.exp(np.log(at_one).median())
    assert f"it wins at {wins} of {len(at_one)} seeds, with {middle:.2f} times its" in text
    assert (at_their_own > 1).all()
    assert f"it loses at all 5, with {np.exp(np.log(at_their_own).median()):.1f} times." in text
    slow = [
        np.exp(typical[task, "tanh", 0.001] - typical[task, "tanh", 0.01]) for task in ASKED.tasks
    ]
    assert f"is {min(slow):.1f} to {max(slow):.0f} times what it is at 0.01" in text
    changed = set()
    for seed in range(5):
        changed |= set(rate.index[chosen_by_hand(seed) != rate])
    assert not {name for _, name in changed} & {"tanh"}
    assert f"In {len(changed)} of the 35 cells the choice changes" in text
    lost = TUNING[TUNING["status"] != "ok"]
    assert f"{len(lost)} of 1,015 diverged" in text and len(TUNING) == 1015
    assert set(lost["variant"]) == {"linear", "relu", "relu-he"} and min(lost["value"]) == 0.01


def at_rate(task, variant, value):
    """Return the validation losses of the tuning runs at a value, by seed."""
    rows = TUNING[(TUNING["task"] == task) & (TUNING["variant"] == variant)]
    return rows[rows["value"] == value].set_index("seed")["validation_loss"]


def test_the_page_of_the_study_says_where_tuning_chose_a_rate_at_which_runs_fail():
    text = text_of("docs/study.md")
    cells = set()
    for (task, name), value in chosen_by_hand().items():
        found = at_rate(task, name, value).fillna(np.inf)
        if max(found) > 3 * found.median():
            cells.add((task, name))
    assert f"three times the median of the five in {len(cells)} of the 35 cells" in text
    assert cells == {
        *(("copy-10", name) for name in ("relu", "relu-output", "relu-he")),
        *(("copy-100", name) for name in ("relu", "relu-he", "linear")),
        *(("square-100", name) for name in ("relu-between", "relu-candidate", "tanh")),
    }
    assert (
        "`relu`, `relu-output` and `relu-he` in `copy-10`, `relu`, `relu-he` and `linear` in"
        " `copy-100`, and `relu-between`, `relu-candidate` and tanh in `square-100`"
    ) in text
    best = tuned().groupby(["task", "variant"]).min().unstack()
    factors = np.exp(best[RELUS].sub(best["tanh"], axis=0))
    assert factors.min().min() >= 1.295 and "by a factor of 1.3 or more" in text


def test_the_page_of_the_study_says_which_runs_failed():
    text, stuck = text_of("docs/study.md"), SUMMARY.set_index(["task", "variant"])["stuck"]
    lost = RUNS[RUNS["status"] != "ok"]
    assert lost[["task", "variant"]].to_numpy().tolist() == [["square-100", "linear"]]
    assert "one diverged: `linear`, in `square-100`" in text
    some = {task: {name for name in ASKED.variants if stuck[task, name]} for task in ASKED.tasks}
    assert some["copy-100"] == {"relu", "relu-he", "linear"}
    assert some["copy-10"] == {*some["copy-100"], "relu-output"}
    assert stuck["square-100", "tanh"] == 2 and "in `square-100` tanh has 2 of 60" in text
    assert stuck["copy-10", "relu"] == 7 and "and 7 of them end far above that" in text


def test_the_page_of_the_study_says_which_runs_have_not_learned():
    text, sums = text_of("docs/study.md"), IDLE.groupby("variant").sum()
    listed = [
        f"`{name}` {sums[name]}"
        + (f" ({IDLE[name, 'square-100']} of them in `square-100`)" * (name == "relu-between"))
        for name in ASKED.variants[1:]
    ]
    assert f"have not learned: tanh {sums['tanh']}, {', '.join(listed)}." in text
    relu, he = IDLE["relu"], IDLE["relu-he"]
    said = f"{relu['code-10']} of 20 runs of `relu` and {he['code-10']} of `relu-he` have not"
    assert said in text
    assert (he > relu).all()
    typical = SUMMARY.set_index(["task", "variant"])["loss"]["copy-10", "relu-he"]
    assert 0.9 < typical < 1  # "typically hardly learns"


def test_the_page_of_the_study_says_what_losses_are_typical():
    table = SUMMARY.set_index(["task", "variant"])
    loss, linear, text = table["loss"], table["linear"], text_of("docs/study.md")
    assert round(loss["code-10", "tanh"], 1) == 0.6 and round(loss["code-100", "tanh"], 1) == 0.3
    assert round(loss["square-100", "tanh"], 2) == 0.08
    assert round(loss["square-100", "relu"], 2) == 0.44
    above = f"leave {loss['square-100', 'relu-between']:.2f} and"
    assert f"{above} {loss['square-100', 'relu-he']:.1f}, more than that code" in text
    assert round(linear["code-10", "tanh"], 3) == 0.076 == round(linear["code-100", "tanh"], 3)
    assert round(linear["square-100", "tanh"], 2) == 0.46
    of_codes = [name for name in loss.index if name[0].startswith("code")]
    assert all(loss[name] > 2 * linear[name] for name in of_codes)  # "no variant comes near it"
    fell = 100 - 100 / table.loc["code-100", "gain"][["tanh", *RELUS]]
    assert f"relu still fell by {min(fell):.0f} to {max(fell):.0f}%" in text
    later = 100 - 100 / table.loc[("code-100", "linear"), "gain"]
    assert f"and that of `linear` by {later:.0f}%" in text
    by_epoch = pd.read_csv(STUDY / "ratios.csv").set_index(["task", "variant", "epoch"])["ratio"]
    early, last = (by_epoch["code-100", "linear", epoch] for epoch in (17, 100))
    assert f"falls from {early:.2f} after 17 epochs to {last:.2f} after 100" in text
    assert not table.loc["code-10", "unfinished"].any()
    worst = RUNS.loc[RUNS["task"].eq("copy-10") & RUNS["variant"].eq("relu"), "test_loss"]
    assert f"where {sum(worst >= 1 / 3)} of 20 runs end at a third" in text
    shares = 100 * loss["copy-100"] / table.loc["copy-100", "ceiling"]
    assert [f"{shares[name]:.3f}" for name in ("tanh", "relu-between")] == ["0.001", "0.002"]
    assert round(loss["copy-10", "relu"], 2) == 0.01
    tried = TUNING[TUNING["task"].eq("copy-10") & TUNING["variant"].eq("relu") & TUNING["chosen"]]
    assert f"a validation loss of {tried['validation_loss'].median():.2g};" in text
    copied = table.loc[("copy-100", "linear")]
    assert (
        f"it wins at {copied['wins']:.0f} of 60 seeds (a verdict takes {copied['needed']:.0f}),"
        f" with {copied['ratio']:.2f} times the loss of tanh in a typical pair, while"
        f" {copied['stuck']:.0f} of its 60 runs end far above" in text
    )


def test_the_page_of_the_study_says_how_the_pilot_differs():
    text = text_of("docs/study.md")
    pilot = pd.read_csv(ROOT / "tests" / "data" / "pilot.csv")
    of_pilot, of_study = (
        np.log(table.pivot(index=["task", "seed"], columns="variant", values="test_loss"))
        for table in (pilot, RUNS[RUNS["status"] == "ok"])
    )
    differences = [one["relu-between"] - one["tanh"] for one in (of_pilot, of_study)]
    wins = differences[0] < 0
    assert f"won in {sum(wins)} of {len(wins)} pairs" in text
    spreads = pd.DataFrame([one.groupby("task").std() for one in differences])
    assert (spreads.iloc[1] > spreads.iloc[0]).all()
    assert round((spreads.iloc[1] / spreads.iloc[0])["code-10"]) == 4
    of_tanh = 2**0.5 * of_study["tanh"].groupby("task").std()
    assert f"standard deviation of {min(of_tanh):.2g} to {max(of_tanh):.1f} on the log" in text


def test_the_page_of_the_question_has_what_a_first_look_gave():
    text = text_of("docs/question.md")
    assert counting.count_needed(12, 0.05 / 3) == 11
    assert "the same 12 seeds, and a verdict takes 11" in text
    for name in SHIPPED:
        for wins, losses, ratio, ratios in shipped(name).values():
            assert re.search(
                rf"\b{max(wins, losses)} of 12\b.*\b{ratio:.2f} times.*?"
                rf"\({interval(ratios, 11)}\)",
                text,
            ), (name, ratio)
    vector = pd.read_csv(ROOT / "tests" / "data" / "shipped" / "relu_vs_tanh_vector" / "runs.csv")
    before, _, _, ratios = counted(ROOT / "tests" / "data" / "published" / "relu_vs_tanh.csv")[
        "relu"
    ]
    assert before >= counting.count_needed(len(ratios), 0.05 / 3) and len(ratios) == 30
    assert f"is better there, at {before} of 30 seeds" in text
    tanh = vector.loc[vector["variant"] == "tanh", "test_loss"]
    assert round(tanh.median(), 2) == 0.39 and "it ends at 0.39, where predicting the mean" in text


def test_what_is_said_of_single_epochs_and_seeds_is_in_the_tables():
    table = pd.read_csv(ROOT / "tests" / "data" / "shipped" / "relu_vs_tanh" / "ratios.csv")
    ratio = table.set_index(["variant", "epoch"])["ratio"]
    assert (round(ratio["relu-between", 10], 1), round(ratio["relu", 10])) == (1.6, 12)
    text = text_of("docs/question.md")
    assert "1.6 times the validation loss of tanh in a typical pair" in text
    assert '`activation="relu"` 12 times' in text
    assert ratio["relu-between", 5] > 3 and ratio["relu", 5] > 10  # "far above 1 at first"
    assert all(ratio[variant, 30] < 1 for variant in ("relu", "relu-between", "linear"))
    vector = pd.read_csv(ROOT / "tests" / "data" / "shipped" / "relu_vs_tanh_vector" / "ratios.csv")
    assert (vector.loc[vector["variant"].str.startswith("relu"), "ratio"] > 1).all()
    *most, nine, far = shipped("relu_vs_tanh")["relu"][3]
    assert len(most) == 10 and most[0] > 0.25 and most[-1] < 2 / 3  # "a quarter to two thirds"
    assert (round(nine), round(far, -2)) == (9, 200)


def test_what_the_page_of_statistics_says_of_single_epochs_is_in_the_tables():
    text = text_of("docs/statistics.md")
    table = pd.read_csv(ROOT / "tests" / "data" / "shipped" / "relu_vs_tanh" / "ratios.csv")
    ratio = table.set_index(["variant", "epoch"])["ratio"]["relu-between"]
    assert (round(ratio[10], 1), round(ratio[30], 1)) == (1.6, 0.7)
    assert "1.6 times the validation loss of tanh at epoch 10, and 0.7 times at epoch 30" in text


def test_the_table_that_is_shown_is_that_of_the_runs():
    """The page has all that is printed, the README as far as the formulas."""
    readme, page = (
        re.search(r"```\n(relu_vs_tanh: mse on test.*?)```", text, re.DOTALL)[1]
        for text in map(Path.read_text, (ROOT / "README.md", ROOT / "docs" / "results.md"))
    )
    assert page.startswith(readme)
    lines = readme.splitlines()
    for variant, (wins, _, ratio, ratios) in shipped("relu_vs_tanh").items():
        place = next(k for k, line in enumerate(lines) if line.split()[:1] == [variant])
        assert f"{ratio:.3g}" in lines[place].split() and f"{wins} of 12" in lines[place]
        assert f"{ratios[1]:.3g} to {ratios[10]:.3g}  11 needed" in lines[place + 1]
    table = lines[: next(k for k, line in enumerate(lines) if line.startswith("  tanh: "))]
    assert max(map(len, table)) <= 100
