"""The README and the pages of docs/ do what they say: their commands exist and parse, their configs
are valid, their columns are the files', their links lead somewhere, and what is made is current.
"""

import math
import os
import re
import shlex
import shutil
import sys
import textwrap
from pathlib import Path

import processes
import pytest
import reference
import yaml
from typer.main import get_command

from lstm_ablate.cli import app
from lstm_ablate.evidence import compare, gate, gate_sentences, looks, summary
from lstm_ablate.experiment import loading, shipped
from lstm_ablate.experiment.elementwise import KINDS
from lstm_ablate.experiment.settings import Model
from lstm_ablate.report.formats import FORMATS
from lstm_ablate.store import copies
from lstm_ablate.store.tables import curves_table, runs_table, tuning_table
from lstm_ablate.training.engines import ENGINES

ROOT = Path(__file__).parent.parent
FILES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
PAGES = {str(path.relative_to(ROOT)): path.read_text() for path in sorted(FILES)}
README, EXPERIMENT, CLI, RESULTS, CI, TUNING, ENGINE = (
    PAGES[name]
    for name in (
        "README.md",
        *(
            f"docs/{name}.md"
            for name in ("experiment", "cli", "results", "ci", "tuning", "engines")
        ),
    )
)
COMMANDS = get_command(app.app).commands


def blocks(language, text):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def lines():
    """Every call of lstm-ablate in a shell block of a page, with the text of the page."""
    for name, text in PAGES.items():
        for block in blocks("sh", text):
            for line in block.splitlines():
                found = re.search(r"lstm-ablate (.*?)( +#.*)?$", line)
                if found:
                    yield pytest.param(found[1], text, id=f"{name}: {found[1]}")


def configs():
    for name, text in PAGES.items():
        for number, block in enumerate(blocks("yaml", text)):
            yield pytest.param(block, id=f"{name}: {number}")


@pytest.mark.parametrize(("line", "text"), list(lines()))
def test_every_call_parses_and_names_a_valid_experiment(line, text, monkeypatch, tmp_path):
    """A config in no folder is one of the page itself, or one that `init` has written. One in a
    results folder is not there.
    """
    name, *words = shlex.split(line.partition(" > ")[0])
    alone = [word.removesuffix(".yaml") for word in words if re.fullmatch(r"\w+\.yaml", word)]
    monkeypatch.chdir(tmp_path if alone else ROOT)
    for config in alone:
        own = [block for block in blocks("yaml", text) if f"name: {config}\n" in block]
        copies.write(
            {f"{config}.yaml": own[0].encode()} if own else shipped.contents(config), Path()
        )
        if own:
            shutil.copy(ROOT / "configs" / "own_data.csv", tmp_path)
    context = COMMANDS[name].make_context(name, list(words))
    there = not str(context.params.get("config", "results")).startswith("results")
    if there and name in ("run", "plan", "verify"):
        loading.load(Path(context.params["config"]), tuple(context.params["overrides"] or ()))


def test_there_are_calls_and_configs_to_check():
    assert len(list(lines())) >= 15 and len(list(configs())) >= 2


@pytest.mark.parametrize("text", list(configs()))
def test_every_config_is_valid(text, tmp_path):
    (tmp_path / "mine.yaml").write_text(text)
    shutil.copy(ROOT / "configs" / "own_data.csv", tmp_path)
    assert len(loading.load(tmp_path / "mine.yaml").variants) > 1


def test_the_config_that_says_everything_says_the_defaults(tmp_path):
    (example,) = blocks("yaml", EXPERIMENT)
    (tmp_path / "mine.yaml").write_text(example)
    assert loading.load(tmp_path / "mine.yaml").settings["default", "tanh"].model == Model()


@pytest.mark.parametrize("begin", ["tasks:", "x-wide:"])
def test_the_indented_parts_of_configs_are_valid(begin, tmp_path):
    (example,) = re.findall(rf"^    {begin}.*\n(?:^    .*\n)*", EXPERIMENT, re.MULTILINE)
    path = tmp_path / "part.yaml"
    variants = "variants: {tanh: {}, relu: {model.activation: relu}}\n" * (
        "variants" not in example
    )
    path.write_text(f"version: 1\nname: part\nbaseline: tanh\n{variants}{textwrap.dedent(example)}")
    settings = loading.load(path).settings
    if begin == "x-wide:":
        assert {one.model.decoder for one in settings.values()} == {(100, 200)}
        assert {one.training.epochs for one in settings.values()} == {60}
    else:
        assert settings["long", "relu"].training.epochs == 100


def test_the_python_of_the_readme_is_in_the_script_that_is_executed():
    """tests/test_api.py executes what docs/api.md has."""
    _, block = blocks("python", README)
    assert block == blocks("python", PAGES["docs/api.md"])[0]


def slug(heading):
    """Return the anchor that GitHub and MyST give to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(name):
    text = re.sub(r"```.*?```", "", PAGES[name], flags=re.DOTALL)
    for link in re.findall(r"\]\((?!https?:)(\S+?)\)", text):
        file, _, anchor = link.partition("#")
        path = (ROOT / name).parent / file if file else ROOT / name
        assert path.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert anchor in map(slug, headings), link


def test_the_index_lists_every_page():
    listed = re.findall(r"^- \[.*?\]\((.*?\.md)\)", PAGES["docs/index.md"], re.MULTILINE)
    pages = {path.name for path in ROOT.glob("docs/*.md")} - {"index.md"}
    included = {"changelog.md": "../CHANGELOG.md", "security.md": "../SECURITY.md"}
    assert sorted(listed) == sorted(included.get(name, name) for name in pages)


@pytest.mark.parametrize("name", reference.PARTS)
def test_what_is_made_from_the_program_is_current(name):
    text = PAGES[f"docs/{name}"]
    assert reference.with_part(text, reference.PARTS[name]()) == text, "call `make reference`"


def test_the_tables_of_commands_engines_and_configs_are_whole():
    assert set(re.findall(r"^\| `lstm-ablate (\w+)", CLI, re.MULTILINE)) == set(COMMANDS)
    assert {path.name for path in (ROOT / "configs").glob("*.yaml")} == set(
        re.findall(r"^\| `(\w+\.yaml)`", EXPERIMENT, re.MULTILINE)
    )
    assert set(re.findall(r"`--engine (\w+)`", ENGINE)) == set(ENGINES)
    assert f"What to print: {', '.join(FORMATS)};" in CLI
    assert len(KINDS) == 26 and "the 26 elementwise activations of Keras" in EXPERIMENT
    assert "26 activations" in README


def test_the_columns_are_those_of_the_files():
    tables = {
        "runs.csv": runs_table([], {}).columns,
        "curves.csv": curves_table([], {}).columns,
        "ratios.csv": summary.RATIO_COLUMNS,
        "tuning.csv": tuning_table([], {}, {}).columns,
    }
    listed = RESULTS[RESULTS.index("| file | columns |") :].split("\n\n")[0]
    assert re.findall(r"^\| `(\S+)` \| `(.*)` \|$", listed, re.MULTILINE) == [
        (name, ", ".join(columns)) for name, columns in tables.items()
    ]
    table = RESULTS[RESULTS.index("| columns | what they hold |") :].split("\n\n")[0]
    row = summary.Row("default", "tanh", "", 1, 0, 0, 0, 1)
    assert ", ".join(re.findall(r"^\| `(.*?)` \|", table, re.MULTILINE)).split(", ") == list(
        summary._cells(row)
    )


def test_the_error_shown_is_the_error_given(tmp_path, monkeypatch):
    """The block about mistakes is what the loader says of the config that is named there."""
    (block,) = re.findall(r"and nothing starts:\n\n```\n(.*?)```", EXPERIMENT, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("depth2.yaml").write_text(
        "version: 1\nname: depth2\nbaseline: tanh\ntraining: {epohcs: 5}\nvariants:\n  tanh: {}\n"
        "  gelu: {model.activation: geul}\n"
    )
    with pytest.raises(loading.UserError) as told:
        loading.load(Path("depth2.yaml"))
    assert block == "\n".join(told.value.problems) + "\n"


def test_the_ci_job_of_the_shell_is_that_of_github_and_does_what_it_says(tmp_path):
    """Trained once, then held to a reference that it equals, to one far better than it, and to
    none.
    """
    workflow, _ = blocks("yml", CI)  # tests/test_action.py has the other one
    (script,) = blocks("sh", CI)
    (job,) = yaml.safe_load(workflow)["jobs"].values()
    steps = [step["run"] for step in job["steps"] if step.get("run", "").startswith("lstm-ablate")]
    assert steps == script.splitlines() and len(workflow.splitlines()) == 10

    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    reference = tmp_path / "ci" / "smoke.csv"
    reference.parent.mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def called():
        environment = {**os.environ, "PATH": path}
        done = processes.run(["sh", "-ec", script], None, cwd=tmp_path, env=environment)
        assert "Traceback" not in done.stderr
        return done

    assert called().returncode == 2  # no reference yet
    (copy,) = re.findall(r"\(here:\s`(cp .*?)`", CI)
    processes.run(shlex.split(copy), cwd=tmp_path)
    done = called()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed: " in done.stdout and "2 variants" not in done.stdout
    header, *rows = [line.split(",") for line in reference.read_text().splitlines()]
    place = header.index("test_loss")
    for row in rows:
        row[place] = repr(float(row[place]) / 2)
    reference.write_text("".join(",".join(row) + "\n" for row in [header, *rows]))
    done = called()
    assert (
        done.returncode == 1
        and "failed: B may be worse than A by more than 10% in tanh; relu" in done.stdout
    )


def test_the_sentences_of_the_gate_are_those_it_gives(tmp_path):
    """The example's losses: A's are 0.1, 0.11, ..., B's the same, changed by some percent."""
    (block,) = re.findall(r"\(here of another experiment\):\n\n```\n(.*?)```", CI, re.DOTALL)
    changes = {
        "tanh": [0.98, 1.03, 1.0, 1.02, 1.01, 0.99, 1.04, 1.0, 0.97, 1.01, 1.15, 1.0],
        "relu": [1.35, 1.2, 1.55, 1.4, 1.3, 1.25, 1.6, 1.45, 1.3, 1.2, 1.5, math.inf],
        "gelu": [0.8, 1.3, 1.0, 1.2, 0.95, 0.9, 1.15, 1.0, 1.25, 0.85, 1.05, 0.9],
    }
    for name in "ab":
        rows = [
            f"{variant},{seed},{(0.1 + seed / 100) * (factor if name == 'b' else 1)!r},s\n"
            for variant, factors in changes.items()
            for seed, factor in enumerate(factors)
        ]
        (tmp_path / name).write_text("variant,seed,test_loss,settings\n" + "".join(rows))
    found = gate.judge(
        *compare.read_pair(tmp_path / "a", tmp_path / "b"), gate.Rule(0.1, require=True)
    )
    assert block.splitlines() == [
        *(gate_sentences.sentence(one, found) for one in found.judgements),
        gate_sentences.result(found),
    ]


def test_the_counts_of_looks_are_those_that_are_needed():
    """The table has them by comparisons; the comment behind the command is what it prints."""
    section = TUNING[TUNING.index("## As many seeds as the answer takes") :]
    heads, _, *rows = re.findall(r"^\| (.*) \|$", section.partition("\nThese counts")[0], re.M)
    seeds = [int(head.split()[0]) for head in heads.split(" | ")[1:]]
    for comparisons, *counts in (row.split(" | ") for row in rows):
        planned = looks.looks(seeds, 0.05 / int(comparisons))
        assert counts == ["-" if one.count is None else str(one.count) for one in planned]
    (seeds, wins) = re.findall(r'--until-decided +# "look at (\d+) seeds: (\d+) wins"', section)[0]
    (look,) = [one for one in looks.looks(range(10, 61, 10), 0.05) if one.seeds == int(seeds)]
    assert look.count == int(wins)


@pytest.mark.parametrize("name", PAGES)
def test_no_placeholder_is_left(name):
    text = re.sub(r"```diff.*?```", "", PAGES[name], flags=re.DOTALL)
    assert "@@" not in text and "TODO" not in text
