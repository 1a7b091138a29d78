"""What a notebook and a script call, compared with the files and the output of the command line.

The code of docs/api.md is the script that trains here, as a process of its own and without a guard
of its main module.
"""

import ast
import doctest
import html
import json
import re
import signal
import sys
import threading
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType, SimpleNamespace

import in_process
import numpy as np
import pandas as pd
import processes
import pytest
import reported
from command_line import call
from matplotlib.figure import Figure
from stub_behaviour import Behaviour

import lstm_ablate as la
from lstm_ablate import api, study
from lstm_ablate.evidence import analysis
from lstm_ablate.experiment import loading
from lstm_ablate.experiment.python_source import read_value
from lstm_ablate.report import plots

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL)
LOADED = """
import sys
print("loaded", sorted(sys.modules.keys() & {"tensorflow", "keras"}))
"""
CONFIG = {
    "version": 1,
    "name": "mine",
    "data": {
        "family": "sines",
        "samples": {"train": 4, "validation": 2, "test": 2},
        "timesteps": 3,
    },
    "model": {"encoder": [2], "decoder": [2]},
    "training": {
        "epochs": 2,
        "batch_size": 2,
        "optimizer": {"name": "adam", "learning_rate": float(Behaviour.CALM)},
    },
    "seeds": 2,
    "baseline": "calm",
    "variants": {
        "calm": {},
        "other": {"training.optimizer.learning_rate": float(Behaviour.QUICK)},
    },
}


@pytest.fixture(scope="module")
def scripted(tmp_path_factory):
    """A folder in which the script has run, and what it wrote on both streams."""
    folder = tmp_path_factory.mktemp("script")
    text = (ROOT / "configs" / "smoke.yaml").read_text()
    text = text.replace("[8, 4]", "[4]").replace("[4, 8]", "[4]")
    (folder / "smoke.yaml").write_text(text)
    (folder / "script.py").write_text("\n".join(BLOCKS) + LOADED)
    return folder, processes.run([sys.executable, "script.py"], cwd=folder)


@pytest.fixture(scope="module")
def results(scripted):
    """What the script left behind of its first study."""
    return la.load(scripted[0] / "results" / "smoke")


@pytest.fixture
def inside(scripted, monkeypatch):
    """The folder of the script as the working folder."""
    monkeypatch.chdir(scripted[0])
    return scripted[0]


@pytest.fixture
def stub(stubbed_workers, monkeypatch):
    """The stub engine in this process, in a working folder of its own; and no page."""
    monkeypatch.setattr(study, "execute", in_process.execute)


@pytest.fixture
def stubbed_workers(stub_engine, monkeypatch, tmp_path):
    """The stub engine in workers, in a working folder of its own; and no page."""
    monkeypatch.chdir(tmp_path)


# ------------------------------------------------------------------------------------ the script


def test_a_script_without_a_guard_trains_a_file_and_a_dict(scripted):
    folder, done = scripted
    assert {path.name for path in (folder / "results").iterdir()} == {"smoke", "small"}
    found = {
        path.name: (path / "runs.csv").read_text().count(",ok,")
        for path in (folder / "results").iterdir()
    }
    assert found == {"smoke": 6, "small": 6}
    assert "measuring" not in done.stderr  # the tests say how fast the machine is
    assert "loaded []" in done.stdout  # the workers load TensorFlow
    assert "6/6 runs" in done.stderr and "small" not in done.stderr  # quiet
    assert 'call, training.epohcs: "training.epohcs" is not a path' in done.stdout
    assert 'Did you mean "training.epochs"?' in done.stdout


def test_a_thread_trains_in_workers_twice(stubbed_workers):
    found = []
    thread = threading.Thread(
        target=lambda: found.extend(la.run(CONFIG, seeds=n, workers=1, quiet=True) for n in (1, 2))
    )
    thread.start()
    thread.join(processes.SECONDS)
    assert [len(one.runs) for one in found] == [2, 4]


def test_print_gives_what_the_command_line_prints(scripted, results, inside):
    printed = call("report", "results/smoke", cwd=inside).stdout
    assert printed.rstrip("\n") == str(results)
    assert printed.splitlines()[0] in scripted[1].stdout
    planned = call("plan", "smoke.yaml", "seeds=30", cwd=inside).stdout
    assert planned.rstrip("\n") == str(la.plan("smoke.yaml", seeds=30))


def test_the_tables_are_the_csvs_with_their_types(results):
    for name in ("runs", "curves", "summary"):
        table = getattr(results, name)
        written = (results.folder / f"{name}.csv").read_text()
        assert table.to_csv(index=False, lineterminator="\n") == written
        assert table is getattr(results, name)
    assert results.runs.dtypes["seed"] == np.int64
    assert results.runs.dtypes["test_loss"] == np.float64
    assert results.summary.dtypes["wins"] == pd.Int64Dtype()


def test_the_examples_of_the_docstrings_are_true(inside):
    """The code of the page loads one folder many times; here it is loaded once."""
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    once = {"load": cache(la.load)}
    failed, tried = doctest.testmod(api, optionflags=options, extraglobs=once)
    assert (failed, tried) == (0, 16)
    for name in set(la.__all__) - {"__version__", "UserError", "FolderError"}:
        assert ">>> " in getattr(la, name).__doc__, name


def test_figures_are_those_of_the_report_by_name(results):
    figure = results.figure("curves")
    drawn = {path.stem: path.read_text() for path in (results.folder / "figures").glob("*.svg")}
    assert plots.svg("curves", figure) == drawn["curves"]
    assert isinstance(figure, Figure) and figure._repr_png_().startswith(b"\x89PNG")
    assert results.figure("curves", width=84).get_figwidth() == pytest.approx(84 / 25.4)
    with pytest.raises(la.UserError, match='Did you mean "curves"') as told:
        results.figure("curve")
    assert set(str(told.value).partition("known: ")[2].split(", ")) == drawn.keys()


def test_a_plan_says_in_a_line_and_as_html_what_it_prints(inside):
    ahead = la.plan("smoke.yaml", seeds=30)
    assert repr(ahead) == "<Plan of smoke: 60 runs, 60 missing; results/smoke>"
    assert ahead._repr_html_().startswith("<pre>") and "30 seeds, 1 comparison" in str(ahead)
    assert (ahead.runs, ahead.missing, ahead.tuning_runs) == (60, 60, 0) and ahead.seconds > 0


# ------------------------------------------------------------------------------- what is imported


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, time\nstart = time.process_time()\nimport lstm_ablate\n"
        "print(time.process_time() - start < 0.3, lstm_ablate.__version__, dir(lstm_ablate))\n"
        "heavy = {'tensorflow', 'keras', 'pandas', 'numpy', 'matplotlib', 'pydantic', 'rich'}\n"
        "print(sorted(sys.modules.keys() & heavy))\n"
        "lstm_ablate.run\nprint(sorted(sys.modules.keys() & {'tensorflow', 'keras', 'pandas'}))\n"
    )
    first, *others = processes.run([sys.executable, "-c", code]).stdout.splitlines()
    assert first == f"True {la.__version__} {sorted(la.__all__)}"
    assert others == ["[]", "[]"]


def test_names_are_those_of_all_and_no_others():
    for name in la.__all__:
        assert getattr(la, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        la.train  # noqa: B018


# ------------------------------------------------------------------------------- what is asked


def test_a_dict_means_what_its_yaml_means(tmp_path, monkeypatch):
    """JSON is YAML; a program also has tuples, ranges, paths and NumPy's numbers at hand."""
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(json.dumps(CONFIG))
    from_file = loading.load(Path("c.yaml"))
    given = CONFIG | {"seeds": range(2), "model": {"encoder": (np.int64(2),), "decoder": [2]}}
    from_dict = loading.load(given)
    assert from_dict.settings == from_file.settings and from_dict.seeds == from_file.seeds
    assert from_dict.resolved == from_file.resolved
    changed = loading.load(CONFIG, ("seeds=3", ("training.epochs", 7), ("name", "other")))
    written = loading.load(Path("c.yaml"), ("seeds=3", "training.epochs=7", "name=other"))
    assert changed.resolved == written.resolved
    removed = loading.load(
        CONFIG, [("variants.other", None), ("variants.new", {"model.activation": "elu"})]
    )
    assert removed.variants == ("calm", "new")


def test_data_of_a_dict_lie_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("mine.npy", np.zeros((9, 3, 1)))
    settings = loading.load(CONFIG | {"data": {"family": "file", "path": "mine.npy"}}).settings
    assert settings["default", "calm"].data.path == str(tmp_path / "mine.npy")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"training": {"epochs": "x"}},
            "config, training.epochs: training.epochs: expected a whole number",
        ),
        ({"variants": {"calm": {}, 5: {}}}, "config, variants: the key 5 is not text"),
        ({"name": {1, 2}}, "config, name: found a set; a config holds a mapping, a list, text"),
        ({"name": "a/b"}, 'config, name: "a/b" cannot be a name'),
        ({"seeds": [1, 1 << 400]}, "config, seeds.1: a whole number of so many digits"),
        ({"seeds": range(10**9)}, "config, seeds: more than 50,000 values"),
        ({"trainig": {}}, 'config, trainig: unknown key "trainig".'),
        ({"question": "\ud800"}, "config, question: U+D800 is half a character"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_dict_is_said_at_its_place(changes, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(la.UserError) as error:
        la.run(CONFIG | changes)
    assert str(error.value).startswith(told), str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "options", "told"),
    [
        (("seeds",), {}, "call, seeds: write path=value, such as training.epochs=5"),
        ((5,), {}, "call, 5: write text"),
        ((), {"sedes": 3}, 'call, sedes: "sedes" is not a path of an experiment.'),
        ((), {"workers": 0}, "call, workers: a whole number from 1 is needed; found 0"),
        ((), {"engine": "torch"}, "call, engine: "),
        (("seeds=x",), {}, "call, seeds=x: seeds: "),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_call_is_said(words, options, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for ask in (la.run, la.plan):
        with pytest.raises(la.UserError) as error:
            ask(CONFIG, *words, **options)
        assert str(error.value).startswith(told), str(error.value)


@pytest.mark.parametrize(
    ("words", "keywords", "answer"),
    [
        ((), {"seed": 3}, "seeds=[3]"),
        (("seed=3",), {}, '"seeds=[3]"'),
        ((), {"epochs": 3}, "training={'epochs': 3}"),
        (("training.epoch=3",), {}, '"training.epochs=3"'),
        ((), {"lr": 0.1}, "training={'optimizer': {'learning_rate': 0.1}}"),
        ((), {"bottleneck": 3}, "model={'encoder': [64, 16], 'latent': 'vector'}"),
    ],
    ids=str,
)
def test_what_a_call_is_told_to_write_can_be_written_in_it(words, keywords, answer, tmp_path):
    with pytest.raises(la.UserError) as error:
        la.plan(CONFIG, *words, results=tmp_path, **keywords)
    assert str(error.value).endswith(f" write {answer}")
    call = ast.parse(f"plan({answer})", mode="eval").body  # Python reads it
    given = {one.arg: ast.literal_eval(one.value) for one in call.keywords}
    texts = [ast.literal_eval(one) for one in call.args]
    study.checked(CONFIG, [*texts, *given.items()], source="call")


def test_other_configs_and_folders_are_refused(tmp_path, monkeypatch):
    with pytest.raises(la.UserError, match="a dict is needed; found a list"):
        la.run([])
    for name in ("nothing", "other"):  # folders are near by their names, not by where they lie
        (tmp_path / "here" / name).mkdir(parents=True)
    (tmp_path / "here" / "other" / "experiment.yaml").touch()
    with pytest.raises(la.UserError, match=r"not a results folder \(it holds no [a-z.]+\)\.$"):
        la.load(tmp_path / "here" / "nothing")
    for name in ("b", "a"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "experiment.yaml").touch()
    results = tmp_path / "results"
    with pytest.raises(la.UserError) as told:
        la.load(results)
    assert str(told.value).endswith(f" Name one of those in it: {results / 'a'}, {results / 'b'}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(la.UserError, match='Did you mean "results/a"'):
        la.load("a.yaml")
    (tmp_path / "question.yaml").write_text("name: b\n")
    with pytest.raises(la.UserError, match='Did you mean "results/b"'):
        la.load("question.yaml")
    with pytest.raises(la.UserError, match="No such file"):
        la.run(tmp_path / "none.yaml")
    loop = {}
    loop["x"] = loop
    with pytest.raises(la.UserError, match="config, x: nested deeper than 50 levels"):
        read_value(loop, "config")


# ------------------------------------------------------------------------------ what comes out


def two_tasks(tmp_path):
    experiment, expanded, records = reported.two_tasks(tmp_path)
    told = study.Findings(analysis.summarise(experiment, expanded, records), expanded, records)
    return told, api.Results(told, Path("results") / "two\ntasks")


def test_outcomes_are_the_rows_of_the_summary(tmp_path):
    told, results = two_tasks(tmp_path)
    table = told.summary.table()
    assert len(results) == len(list(results)) == 10
    for task, variant in results:
        outcome = results[task, variant]
        (row,) = (
            row._asdict()
            for row in table[(table.task == task) & (table.variant == variant)].itertuples()
        )
        for name in ("verdict", "formula", "sentence", "wins", "pairs"):
            found = getattr(outcome, name)
            assert found == row[name] if found is not None else pd.isna(row[name]), name
        for name in ("ratio", "loss"):
            one = getattr(outcome, name) or api.Estimate(None, None, None)
            for found, column in (
                (one.value, name),
                (one.low, f"{name}_low"),
                (one.high, f"{name}_high"),
            ):
                assert found == row[column] if found is not None else pd.isna(row[column]), column
    assert set(results.verdicts) == {key for key in results if key[1] != "base"}
    assert results.name == "two_tasks" and results.question == ""


def test_names_that_are_unknown_are_answered(tmp_path):
    _, results = two_tasks(tmp_path)
    for key, told in (
        (("esay", "gone"), '"esay" is not a task of two_tasks. Did you mean "easy"?'),
        (("easy", "broke"), '"broke" is not a variant of two_tasks. Did you mean "broken"?'),
        (("easy", 7), "7 is not a variant of two_tasks."),
        ("gone", 'two_tasks has several tasks; write ["easy", "gone"]'),
        ("nobody", '"nobody" is not a variant of two_tasks.'),
    ):
        with pytest.raises(la.UserError) as error:
            results[key]
        assert isinstance(error.value, KeyError) and str(error.value).startswith(told)
    assert ("easy", "gone") in results and "nobody" not in results


def test_a_line_shows_results_whatever_they_are(tmp_path):
    _, results = two_tasks(tmp_path)
    shown = repr(results)
    assert shown.startswith("<Results of two_tasks: ") and shown.endswith("two\\ntasks>")
    assert shown.isprintable() and "4 no pair" in shown
    assert repr(api.Results.__new__(api.Results)) == "<Results of not whole: AttributeError>"


class Tags(HTMLParser):
    """The tags and texts of a piece of HTML."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.texts.append(data.strip())


def test_a_notebook_shows_verdicts_and_tables_and_runs_nothing(tmp_path):
    told, results = two_tasks(tmp_path)
    shown = results._repr_html_()
    found = Tags(shown)
    assert set(found.tags) == {
        *("div", "p", "strong", "h3", "ul", "li"),
        *("table", "tr", "th", "td", "br", "span", "code"),
    }
    assert found.attributes == {"class"} and "[red]" in shown
    said = html.unescape(re.sub("</?code>", "`", shown))
    assert all(row.sentence in said for row in told.summary.rows if row.sentence)
    assert found.tags.count("table") == 3  # two tasks, and all of them together


def test_what_others_wrote_is_escaped_in_a_notebook(stub):
    results = la.run(CONFIG | {"question": "<script>alert(1)</script>"}, quiet=True)
    found = Tags(results._repr_html_())
    assert "script" not in found.tags
    assert any("<script>alert(1)</script>" in text for text in found.texts)


# --------------------------------------------------------------------------- how it is watched


def test_quiet_says_nothing_and_a_second_run_trains_nothing(stub, capsys):
    first = la.run(CONFIG, quiet=True)
    assert capsys.readouterr() == ("", "")
    second = la.run(CONFIG)
    assert "mine: 4 runs, 4 done, 0 to train" in capsys.readouterr().err
    assert second.runs.equals(first.runs) and second == first


def test_an_interrupt_keeps_what_is_done_and_goes_on(stub, monkeypatch, capsys):
    """The signal of Ctrl-C comes while progress is being shown."""
    shown = api.progress.shown

    def interrupted(*words):
        for index, finished in enumerate(shown(*words)):
            yield finished
            if index == 0:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(api.progress, "shown", interrupted)
    with pytest.raises(KeyboardInterrupt):
        la.run(CONFIG)
    assert "are done and kept; call again to go on" in capsys.readouterr().err
    kept = len(pd.read_csv("results/mine/runs.csv"))
    assert 0 < kept < 4
    monkeypatch.setattr(api.progress, "shown", shown)
    assert len(la.run(CONFIG).runs) == 4
    assert f"4 runs, {kept} done" in capsys.readouterr().err


def test_a_notebook_sees_one_line_that_is_replaced(stub, monkeypatch, capsys):
    """A double stands in for IPython, which does what its documentation says about `display`."""
    shown = []

    def display(content, *, raw, display_id):
        assert raw and display_id
        shown.append(["new", content])
        return SimpleNamespace(update=lambda content, *, raw: shown.append(["update", content]))

    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    part = ModuleType("IPython.display")
    part.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", part)
    la.run(CONFIG)
    assert capsys.readouterr() == ("", "")
    assert [how for how, _ in shown] == ["new"] + ["update"] * (len(shown) - 1)
    last = shown[-1][1]
    assert last["text/plain"].startswith("4/4 runs, 0:00 left; other, seed 1: test loss")
    assert last["text/html"].startswith('<progress value="8" max="8"></progress> 4/4 runs')

    ipython.get_ipython = SimpleNamespace  # a terminal's IPython has no kernel
    shown.clear()
    la.run(CONFIG, "seeds=3")
    assert shown == [] and "6/6 runs" in capsys.readouterr().err
