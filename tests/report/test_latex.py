"""LaTeX tables: pdflatex compiles them in a column of 84 mm, and they have the right numbers."""

import csv
import re
import shutil
from dataclasses import replace
from pathlib import Path

import processes
import pytest
import reported
from recorded import DIVERGED, OK

from lstm_ablate.evidence import analysis, selection
from lstm_ablate.evidence.typical import Typical
from lstm_ablate.experiment import loading, runs
from lstm_ablate.report import latex
from lstm_ablate.store.records import Record

ROOT = Path(__file__).parents[2]
PDFLATEX = shutil.which("pdflatex")
INF = float("inf")


@pytest.fixture(scope="module")
def has_latex():
    """Skips a test where there is no pdflatex, or not all packages that the tables need."""
    if PDFLATEX is None:
        pytest.skip("pdflatex is not installed")
    names = re.findall(r"\w+(?=[,}])", latex.PREAMBLE)
    assert names == ["booktabs", "siunitx", "tabularx"]
    if processes.run(["kpsewhich", *(f"{name}.sty" for name in names)], None).returncode:
        pytest.skip(f"LaTeX lacks one of {', '.join(names)}")


# Whatever is wider than the column, TeX says in a line that begins with "Overfull".
DOCUMENT = r"""\documentclass[10pt]{article}
PREAMBLE
\begin{document}
\setlength{\columnwidth}{84mm}\hsize=\columnwidth
TABLES
\clearpage
REFERENCES
\end{document}
"""

HOSTILE = """
version: 1
name: a_b-c.d+e_100
data: {family: sines, samples: {train: 4, validation: 2, test: 2}, timesteps: 3}
training: {batch_size: 2, epochs: 4}
seeds: 10
baseline: base_line-with_a.name+of_letters
activations: {own_one: "maximum(x, 0.25 * x) + tanh(x) ** 2 - (x / (1 + abs(x)))"}
variants:
  base_line-with_a.name+of_letters: {}
  recurrentactivationhardsigmoid: {model.gates: hard_sigmoid}
  wide: {model.activation: own_one, model.peepholes: true, model.normalization: layer}
  größer: {model.encoder: [5, 4], model.projection: 2}
  far: {model.activation: relu}
  gone: {model.activation: elu}
  half: {model.activation: selu}
  between: {model.between: softsign}
tasks: {"a_b": {}, "a-b": {data.noise: 0.5}}
"""


def summary_of(experiment, losses):
    """Return the summary of invented test losses, by variant and seed; infinite ones diverged."""
    expanded, records = runs.expand(experiment, "keras"), {}
    for run in expanded:
        loss = losses(run.variant, run.seed)
        result = DIVERGED if loss == INF else {**OK, "test_loss": loss}
        records[run.id] = Record(run.id, run.identity, result, {})
    return analysis.summarise(experiment, expanded, records)


def published(name):
    """Return the summary of a published study, as far as its table of runs tells."""
    one = loading.load(ROOT / "configs" / f"{name}.yaml")
    with (ROOT / "tests" / "data" / "shipped" / name / "runs.csv").open() as stream:
        rows = {(row["variant"], int(row["seed"])): row for row in csv.DictReader(stream)}
    assert {row["status"] for row in rows.values()} == {"ok"}
    return summary_of(one, lambda *cell: float(rows[cell]["test_loss"]))


def hostile(tmp_path):
    """Return a summary of long names and formulas, of losses far apart, and of infinite ones."""
    path = tmp_path / "hostile.yaml"
    path.write_text(HOSTILE, encoding="utf-8")

    def loss(variant, seed):
        of_variant = {"far": 3e9, "gone": INF, "wide": 1e-9, "between": 1.00004}
        if variant == "half" and seed % 2:
            return INF
        return 2e-7 * (1 + seed / 100) * of_variant.get(variant, 1.0)

    return summary_of(loading.load(path), loss)


def summaries(tmp_path):
    found = {
        "published": published("relu_vs_tanh"),
        "vector": published("relu_vs_tanh_vector"),
        "tasks": analysis.summarise(*reported.two_tasks(tmp_path)),
        "hostile": hostile(tmp_path),
    }
    few = loading.load(ROOT / "configs" / "smoke.yaml", ("seeds=3",))
    found["few"] = summary_of(few, lambda _, seed: 1.0 + seed)
    found["empty"] = analysis.summarise(few, runs.expand(few), {})
    found["selected"] = selection.of_variants(found["published"], ["linear"], "--variants")
    one = found["published"]
    text = r'50% of a_b & #1 $x$ {y} ~ ^ \ < > | "a '
    found["special"] = replace(
        one,
        references=dict.fromkeys(one.tasks, text * 3),
        notes=(text,),
        rows=tuple(replace(row, formula=f"{text}; {row.formula}", scope=text) for row in one.rows),
    )
    return found


def compiled(tmp_path, tables):
    """Compile tables in one document, until their labels are known, and return what TeX logged."""
    labels = re.findall(r"\\label\{(.*?)\}", tables)
    document = DOCUMENT.replace("PREAMBLE", latex.PREAMBLE).replace("TABLES", tables)
    references = " ".join(rf"\ref{{{label}}}" for label in labels)
    (tmp_path / "paper.tex").write_text(document.replace("REFERENCES", references), "utf-8")
    command = [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    processes.run(command, cwd=tmp_path)
    processes.run(command, cwd=tmp_path)
    return (tmp_path / "paper.log").read_text(encoding="utf-8", errors="replace")


def complaints(log):
    return re.findall(r"^(?:!|Overfull|LaTeX Warning|Package \w+ Warning|Missing).*", log, re.M)


@pytest.mark.usefixtures("has_latex")
def test_tables_compile_in_a_column_and_nothing_sticks_out(tmp_path):
    found = summaries(tmp_path)
    tables = "\n\\clearpage\n".join(
        latex.latex(replace(one, name=f"{name}-{one.name}")) for name, one in found.items()
    )
    log = compiled(tmp_path, tables)
    assert complaints(log) == []
    # "Output written on paper.pdf (12 pages": a page for each table, or nearly.
    assert int(re.search(r"Output written on paper.pdf \((\d+) pages", log)[1]) >= len(found)


@pytest.mark.usefixtures("has_latex")
def test_what_sticks_out_and_what_is_undefined_would_be_seen(tmp_path):
    """The same table without its breaks, at half the width, with a reference to nowhere."""
    table = latex.latex(hostile(tmp_path)).replace(r"\allowbreak{}", "").replace("tab:", "tab:x", 1)
    table += r"\hbox to 1mm{too wide}\ref{nowhere}"
    found = "\n".join(complaints(compiled(tmp_path, table)))
    assert "Overfull" in found and "Reference `nowhere' on page" in found


def rows_of(text):
    """Return the cells of the tables of a text, by the first of each row."""
    return {
        cells[0].replace(r"\allowbreak{}", ""): [*map(str.strip, cells[1:])]
        for line in text.splitlines()
        if line.endswith(r" \\") and len(cells := line.removesuffix(r" \\").split(" & ")) > 2
    }


def test_the_numbers_are_those_of_the_summary():
    """The arbiter is the published table, read with pandas: medians of losses and of ratios."""
    import pandas as pd

    table = pd.read_csv(ROOT / "tests/data/shipped/relu_vs_tanh/runs.csv")
    losses = table.pivot_table(index="seed", columns="variant", values="test_loss")
    text = latex.latex(published("relu_vs_tanh"))
    assert "X S[table-format=1.2] S[table-format=1.3] r@{" in text  # 6.44 and 0.465 at the widest
    found = rows_of(text)
    assert list(found) == ["Variant", "tanh", "relu", "relu-between", "linear"]
    for variant, cells in found.items():
        if variant == "Variant":
            continue
        assert float(cells[0]) * 1e-4 == pytest.approx(losses[variant].median(), rel=0.005)
        if variant != "tanh":
            ratio = losses[variant] / losses["tanh"]
            # 11 of 12 wins are needed, so that the interval is from the second to the eleventh.
            wanted = [ratio.median(), *sorted(ratio)[1:11:9]]
            assert [float(cell) for cell in cells[1:4]] == pytest.approx(wanted, rel=0.005)
            assert cells[4] == f"{(ratio < 1).sum()}/12"
    # The invented curves of all runs still fall, by which each verdict is marked.
    better = r"\textbf{better\textsuperscript{a}}"
    assert [cells[-1] for cells in found.values()][1:] == [
        *("baseline", r"inconclusive\textsuperscript{a}", better, better)
    ]


def test_a_caption_says_the_scope_once_and_what_a_verdict_takes():
    text = latex.latex(published("relu_vs_tanh"))
    (caption,) = re.findall(r"\\caption\{(.*)\}", text)
    for words in (
        r"relu\_vs\_tanh: mse on test. Loss: the median over 12 seeds.",
        r"with its 98.33\% interval (all 3 of this experiment together: 95\%)",
        "of which a verdict takes 11. After 30 epochs of Adam at 0.001.",
    ):
        assert words in caption
    assert "infinitely" not in caption and r"\label{tab:relu-vs-tanh}" in text
    below = text.partition(r"\end{tabularx}")[2].partition(r"\end{table}")[0]
    assert "After 30 epochs" not in below and "2 of 12 runs far above the typical loss" in below
    assert "predicting the mean" not in below.replace("Predicting", "")
    assert r"\texttt{g = relu(z\_g); h = o * relu(c)}" in below


def test_below_a_table_stand_the_runs_that_hardly_beat_the_mean():
    """The ceiling of these results is 1: a loss of 0.95 has not learned, one of 0.5 has."""
    few = loading.load(ROOT / "configs" / "smoke.yaml", ("seeds=3",))
    text = latex.latex(summary_of(few, lambda variant, seed: [0.5, 0.95, 1.0][seed]))
    assert text.count("2 of 3 runs hardly better than predicting the mean") == len(few.variants)


def test_scopes_that_differ_stand_with_their_variants_and_labels_are_distinct(tmp_path):
    text = latex.latex(analysis.summarise(*reported.two_tasks(tmp_path)))
    captions = re.findall(r"\\caption\{(.*)\}", text)
    assert len(captions) == 3 and not any("epochs of" in caption for caption in captions)
    bad = "the median over 6 seeds, a run that diverged being infinitely bad."
    assert [bad in caption for caption in captions] == [True, True, False]
    assert text.count("Task easy, after 4 epochs of Adam at 0.5 (base: 4 epochs of Adam at") == 2
    labels = re.findall(r"\\label\{(.*)\}", latex.latex(hostile(tmp_path)))
    first = "tab:a-b-c-d-e-100"
    assert labels == [f"{first}-a-b", f"{first}-a-b-1", f"{first}-all-tasks"]


def test_numbers_of_any_size_stay_narrow_and_on_their_side():
    bounds = (1.0, 1 / 1.1, 1.1)
    wanted = {
        0.00012: "$<$0.001", 0.00123: "0.001", 0.4654: "0.465", 1.1035: "1.103", 0.9996: "0.9996",
        8.534: "8.53", 12.54: "12.5", 99.94: "99.9", 99.96: "$>$99", 0.0: "0", INF: r"$\infty$",
    }  # fmt: skip
    assert {value: latex._ratio(value, bounds) for value in wanted} == wanted
    shown = [latex._loss(value, -7) for value in (2e-7, 2.04e-5, 3e-4, 3e-3, 1e-12, INF, 0.0)]
    assert shown == ["2.00", "204", "3000", "$>$9999", "$<$0.001", r"$\infty$", "0"]

    def number(*median):
        return latex._number(Typical(median, None), lambda x: latex._ratio(x, bounds))

    assert [number(0.5, INF), number(0.0, 0.5), number(INF, INF), number(2, 2)] == [
        *(r"{$\geq$0.500}", "{0--0.500}", r"{$\infty$}", "2.00")
    ]
    assert latex._power([Typical((0.02, 0.02), None), None]) == 0
    some = [Typical((loss, loss), None) for loss in (0.0, 1e-16, 3e-8, 4e-4, INF)]
    assert latex._power(some) == -8 and latex._power([]) == 0
    assert latex._aligned(["2.00", "{$\\infty$}", "", "1234", "0.12345"]) == ("S[table-format=4.5]")


def test_words_are_broken_where_they_are_too_long_and_nowhere_else():
    assert latex._text("a_b 100%", 8) == r"a\_b 100\%"
    assert latex._text("relu-between", 8) == r"relu-\allowbreak{}between"
    parts = latex._text("x" * 20 + "_y", 8).split(r"\allowbreak{}")
    assert parts == ["x" * 8, "x" * 8, r"xxxx\_", "y"]
    assert latex._text("(((x", 2).replace(r"\allowbreak{}", "") == "(((x"


def test_the_page_on_papers_names_the_packages_that_the_tables_need():
    page = (ROOT / "docs" / "papers.md").read_text()
    assert page.count(latex.PREAMBLE) == 1
    assert latex.latex(published("relu_vs_tanh")).startswith(f"% In the preamble: {latex.PREAMBLE}")
    assert f"above {latex._MOST_LOSS:.0f}".replace("10000", "9999") in page
    assert f"above 99 or below {latex._LEAST}" in page and 99 < latex._MOST_RATIO < 100
