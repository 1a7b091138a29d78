"""A study with looks, around a stub engine: what is trained, written down, and reported.

One comparison, looks at 10, 20, ... 60 seeds: 10, 16, 22, 28, 34 and 40 wins decide.
"""

import itertools

import in_process
import pytest
import yaml
from stub_behaviour import Behaviour, happened, learning_rate

from lstm_ablate import study
from lstm_ablate.display import plan
from lstm_ablate.errors import FolderError, UserError
from lstm_ablate.evidence import notes
from lstm_ablate.store import records
from lstm_ablate.training import sweep
from lstm_ablate.training.executors import local

pytestmark = pytest.mark.usefixtures("stub_marks", "stub")

DERIVED = (
    *("experiment.yaml", "looks.yaml", "runs.csv", "curves.csv", "summary.csv", "ratios.csv"),
    "report.md",
)
CONFIG = """
version: 1
name: looked
data: {family: sines, samples: {train: 4, validation: 2, test: 2}, timesteps: 3}
model: {encoder: [2], decoder: [2]}
training: {epochs: 200, batch_size: 2, optimizer: {name: adam, learning_rate: CALM}}
seeds: {until: decided, step: 10, most: 60}
baseline: calm
variants:
  calm: {}
""".replace("CALM", f"{Behaviour.CALM}")


@pytest.fixture
def stub(stub_engine, monkeypatch):
    """The stub engine in this process, in place of the real ones in workers; and no page."""
    monkeypatch.setattr(study, "execute", in_process.execute)


class Studies:
    """Studies of one config in one results folder."""

    def __init__(self, folder):
        self.path, self.results = folder / "c.yaml", folder / "results"
        self.folder = self.results / "looked"
        self.told = []

    def find(self, *overrides, text="", until_decided=False, **variants):
        """Find the study with a variant for each behaviour."""
        lines = [
            f"  {name}: {{training.optimizer.learning_rate: {learning_rate(behaviour)}}}\n"
            for name, behaviour in variants.items()
        ]
        self.path.write_text(CONFIG + "".join(lines) + text)
        return study.find(self.path, overrides, self.results, until_decided=until_decided)

    def run(self, *overrides, stop_after=None, options=(), **variants):
        """Run a study to its end or to an interrupt; return its result and what it trained."""
        trained = []

        def watch(steps, _):
            if stop_after == 0:
                raise KeyboardInterrupt
            for step in steps:
                if isinstance(step, sweep.Finished):
                    trained.append((step.run.variant, step.run.seed))
                    yield step
                    if len(trained) == stop_after:
                        raise KeyboardInterrupt

        found = self.find(*overrides, **variants)
        tell = self.told.append
        return study.run(found, watch=watch, log=tell, warn=tell, **dict(options)), trained

    def files(self):
        return {name: (self.folder / name).read_bytes() for name in DERIVED}

    def written(self):
        return yaml.safe_load((self.folder / "looks.yaml").read_text())

    def notes(self):
        """Return the notes that are not in every report without tuning."""
        *others, last = study.report(self.folder, self.told.append).notes
        assert last == notes.UNTUNED
        return tuple(others)


@pytest.fixture
def studies(tmp_path):
    return Studies(tmp_path)


def seeds_of(trained):
    """Return how many seeds each variant trained; they are always the first ones."""
    counts = {}
    for variant, seeds in itertools.groupby(sorted(trained), key=lambda one: one[0]):
        found = [seed for _, seed in seeds]
        assert found == list(range(len(found)))
        counts[variant] = len(found)
    return counts


# ---------------------------------------------------------------------------------- what is trained


@pytest.mark.parametrize(
    ("behaviour", "seeds", "verdict"),
    [
        (Behaviour.QUICK, 10, "better"),
        (Behaviour.FALTERS, 20, "better"),
        (Behaviour.RESEMBLES, 10, "practically equivalent"),
        (Behaviour.WAVERS, 60, "inconclusive"),
    ],
)
def test_so_many_seeds_are_trained_as_the_answer_takes(studies, behaviour, seeds, verdict):
    ran, trained = studies.run(other=behaviour)
    assert seeds_of(trained) == {"calm": seeds, "other": seeds} and not ran.failed
    row = ran.summary.rows[1]
    assert (row.verdict, row.seeds, row.not_needed) == (verdict, seeds, 60 - seeds)
    lines = (studies.folder / "runs.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * seeds
    assert ("50 not needed" in (studies.folder / "report.md").read_text()) == (seeds == 10)


def test_nothing_learned_ends_at_the_first_look(studies):
    ran, trained = studies.run("training.epochs=1", other=Behaviour.QUICK)
    assert seeds_of(trained) == {"calm": 10, "other": 10}
    assert ran.summary.rows[1].verdict == "nothing learned"


def test_a_second_run_trains_nothing_and_changes_nothing(studies):
    studies.run(fast=Behaviour.QUICK, late=Behaviour.FALTERS, never=Behaviour.WAVERS)
    before = studies.files()
    ran, trained = studies.run(fast=Behaviour.QUICK, late=Behaviour.FALTERS, never=Behaviour.WAVERS)
    assert trained == [] and studies.files() == before
    assert study.report(studies.folder, studies.told.append) == ran.summary
    assert studies.files() == before
    assert [row.seeds for row in ran.summary.rows] == [60, 10, 20, 60]
    (entry,) = studies.written()
    assert entry["after_seeds"] == 0 and entry["looks"] == [10, 20, 30, 40, 50, 60]
    assert (entry["seeds"], entry["level"], entry["margin"]) == (60, 0.05, 0.1)


def test_the_same_bytes_interrupted_at_any_moment(studies, tmp_path):
    """It is interrupted after 1, 2, 3, ... more runs, when a look is complete, half complete, or
    has just begun.
    """
    variants = {"fast": Behaviour.QUICK, "late": Behaviour.FALTERS}
    whole = Studies(tmp_path / "whole")
    (tmp_path / "whole").mkdir()
    _, at_once = whole.run(**variants)
    trained = []
    for more in itertools.count(1):
        before = len(trained)
        try:
            _, last = studies.run(stop_after=more, **variants)
        except KeyboardInterrupt:
            trained += [None] * more
            assert "runs are done and kept; call again to go on" in studies.told[-1]
            study.report(studies.folder, studies.told.append)  # an interim report leaves no trace
        else:
            trained += last
            break
        assert len(trained) > before
    assert len(trained) == len(at_once) == 50 and more > 8
    assert studies.files() == whole.files()


@pytest.mark.parametrize("workers", [1, 3])
def test_the_same_bytes_with_any_number_of_workers(studies, tmp_path, monkeypatch, workers):
    (tmp_path / "here").mkdir()
    here = Studies(tmp_path / "here")
    here.run(late=Behaviour.FALTERS)
    monkeypatch.setattr(study, "execute", local.execute)
    studies.run(late=Behaviour.FALTERS, options={"workers": workers})
    assert studies.files() == here.files()


def test_any_config_until_decided(studies):
    """A number of seeds becomes the last look; the order of a list is kept."""
    found = studies.find("seeds=25", until_decided=True, other=Behaviour.WAVERS)
    assert found.experiment.looks == (10, 20, 25)
    found = studies.find("seeds=[3, 1, 9, 0, 2, 7, 4]", until_decided=True, other=Behaviour.WAVERS)
    assert found.experiment.looks == (7,) and found.experiment.seeds == (3, 1, 9, 0, 2, 7, 4)


def test_more_records_than_are_needed_are_none_of_other_settings(studies):
    studies.run("seeds=30", other=Behaviour.QUICK)
    ran, trained = studies.run(other=Behaviour.QUICK)
    assert trained == [] and ran.summary.rows[1].not_needed == 50
    assert not any("other settings" in one for one in studies.told)
    assert len((studies.folder / "runs.csv").read_text().splitlines()) == 1 + 2 * 10
    with pytest.raises(KeyboardInterrupt):
        studies.run(stop_after=3, other=Behaviour.QUICK, never=Behaviour.WAVERS)
    assert len((studies.folder / "runs.csv").read_text().splitlines()) == 1 + 2 * 10 + 3
    assert studies.told[-1].startswith("interrupted: 23 of 30 runs are done")


# -------------------------------------------------------------------------------- what goes wrong


def test_failed_runs_are_missing_pairs_and_tried_again_on_request(studies):
    """RAISES fails at seed 1; 9 of 10 wins do not decide, 19 of 20 do."""
    variants = {"other": Behaviour.RAISES}
    ran, trained = studies.run(**variants)
    assert seeds_of(trained) == {"calm": 20, "other": 20} and ran.failed
    row = ran.summary.rows[1]
    assert (row.verdict, row.look, row.comparison.wins, row.failed) == ("better", 2, 19, 1)
    before = studies.files()
    ran, trained = studies.run(options={"retry_failed": True}, **variants)
    assert trained == [("other", 1)] and ran.failed and studies.files() == before
    assert happened(Behaviour.RAISES) == 4


def test_fail_fast_ends_it_at_the_first_failure(studies):
    ran, trained = studies.run(options={"fail_fast": True}, other=Behaviour.RAISES)
    assert ran.failed and trained[-1] == ("other", 1) and len(trained) < 20
    assert ran.summary.rows[1].verdict == "undecided"


def test_fail_fast_does_not_go_on_with_those_that_have_not_failed(studies):
    variants = {"never": Behaviour.WAVERS, "other": Behaviour.RAISES}
    _, trained = studies.run(options={"fail_fast": True}, **variants)
    assert ("never", 9) in trained and max(seed for _, seed in trained) == 9


@pytest.mark.parametrize(
    "content", ["", "[", "- {after_seeds: 0}\n", "looks: [10]\n", "- 3\n", "\x00"]
)
def test_a_damaged_looks_yaml_is_never_replaced(studies, content):
    studies.run(other=Behaviour.QUICK)
    path = studies.folder / "looks.yaml"
    path.write_text(content)
    for call in (
        lambda: studies.run(other=Behaviour.QUICK),
        lambda: study.report(studies.folder, studies.told.append),
    ):
        with pytest.raises(FolderError, match=r"looks\.yaml: damaged; .*restore it"):
            call()
    assert path.read_text() == content


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        (5, "5 seeds at most: no verdict is possible at any look; it takes 6 seeds"),
        (1, "1 seed at most: no verdict is possible at any look; it takes 6 seeds"),
    ],
)
def test_it_is_refused_where_no_look_can_decide_anything(studies, seeds, message):
    with pytest.raises(UserError) as told:
        studies.find(f"seeds.most={seeds}", other=Behaviour.QUICK)
    assert told.value.problems == (f"command line, seeds.most={seeds}: seeds: {message}",)
    with pytest.raises(UserError):
        studies.find(f"seeds={seeds}", until_decided=True, other=Behaviour.QUICK)
    assert studies.find(f"seeds={seeds}", other=Behaviour.QUICK).experiment.looks == ()


def test_it_is_refused_where_nothing_is_compared(studies):
    with pytest.raises(UserError, match="only the baseline: nothing is compared"):
        studies.find()


# --------------------------------------------------------------------------- what is written down


def test_what_is_changed_after_results_is_told_for_ever(studies):
    variants = {"other": Behaviour.QUICK}
    studies.run(**variants)
    (first,) = studies.written()
    assert studies.notes() == ()
    studies.run("analysis.margin=0.2", **variants)
    studies.run("analysis.margin=0.2", "seeds.step=5", **variants, third=Behaviour.FALTERS)
    studies.run(**variants)
    written = studies.written()
    assert written[0] == first and [one["after_seeds"] for one in written] == [0, 10, 10, 20]
    (margin, more, back) = studies.notes()
    assert margin == (
        "Changed when there were results of 10 seeds: the margin 10% became 20%. The error of the"
        " verdicts holds for what was settled before."
    )
    assert (
        "looks at 10, 20, 30, 40, 50, 60 seeds became looks at 5, 10, 15, 20, 25, 30, 35, 40, 45,"
        " 50, 55, 60 seeds; variant third added."
    ) in more
    assert "results of 20 seeds" in back and "the margin 20% became 10%; variant third" in back
    assert (
        "Changed when there were results of 10 seeds" in (studies.folder / "report.md").read_text()
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["training.epochs=150"], "other settings of calm, other"),
        (["baseline=other"], "the baseline calm became other"),
        (["engine=keras"], "the engine fused became keras"),
        (["tasks={a: {}}"], "task default removed"),
        (["seeds.most=[3, 2, 1, 0, 4, 5, 6, 7, 8, 9]"], "became looks at 10 seeds"),
        (["seeds=30"], "looks at 10, 20, 30, 40, 50, 60 seeds became 30 seeds without looks"),
    ],
)
def test_each_kind_of_change_is_told(studies, changes, told):
    studies.run(other=Behaviour.QUICK)
    studies.run(*changes, other=Behaviour.QUICK)
    (note,) = studies.notes()
    assert told in note and "when there were results of 10 seeds" in note


def test_other_seeds_at_the_same_looks_are_a_change(studies):
    named = "seeds.most=[" + ", ".join(map(str, range(59, -1, -1))) + "]"
    studies.run(other=Behaviour.QUICK)
    studies.run(named, other=Behaviour.QUICK)
    assert "other seeds, or another order of them" in studies.notes()[0]


def test_what_is_changed_before_there_are_results_is_no_matter(studies):
    with pytest.raises(KeyboardInterrupt):
        studies.run(stop_after=0, other=Behaviour.QUICK)
    studies.run("analysis.margin=0.2", other=Behaviour.QUICK)
    assert [one["margin"] for one in studies.written()] == [0.1, 0.2]
    assert studies.notes() == ()


def test_looks_over_seeds_that_were_settled_are_told(studies):
    studies.run("seeds=12", other=Behaviour.QUICK)
    assert not (studies.folder / "looks.yaml").exists()
    studies.run(other=Behaviour.QUICK)
    assert studies.written()[0]["after_seeds"] == 12
    told = "The looks were written down when there were results of 12 seeds already."
    assert studies.notes() == (told,)


def test_a_report_tells_what_the_next_run_would_write_down(studies):
    """Whoever edits experiment.yaml by hand has changed it too; a report writes nothing down."""
    studies.run(other=Behaviour.QUICK)
    before = (studies.folder / "looks.yaml").read_bytes()
    path = studies.folder / "experiment.yaml"
    path.write_text(path.read_text().replace("margin: 0.1", "margin: 0.3"))
    assert "the margin 10% became 30%" in studies.notes()[0]
    assert (studies.folder / "looks.yaml").read_bytes() == before


# ---------------------------------------------------------------------------------- what is planned


def test_a_plan_shows_looks_and_what_may_come(studies):
    variants = {"fast": Behaviour.QUICK, "never": Behaviour.WAVERS}
    found = studies.find(**variants)
    prospect = study.plan(found, log=print)
    assert [look.seeds for look in prospect.looks] == [10, 20, 30, 40, 50, 60]
    assert (len(prospect.todo.missing), prospect.next_look) == (180, 30)
    assert plan._evidence(prospect) == (
        "at most 60 seeds, 2 comparisons: a variant must win, or lose, at so many of the seeds of a"
        " look"
    )
    assert not studies.results.exists()
    with pytest.raises(KeyboardInterrupt):
        studies.run(stop_after=33, **variants)
    recorded = len(records.read_all(studies.folder).records)
    prospect = study.plan(found, log=print)
    assert recorded == 33
    assert (len(prospect.todo.missing), prospect.next_look) == (60 + 60 + 10 - 33, 17)
    assert prospect.todo.others == 0
