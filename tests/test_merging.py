"""Parts of an experiment and their merge, around a stub engine: the arbiter is the same experiment
trained in one go, whose tables must come out to the byte, however it was cut.
"""

import hashlib
import json
import random
import re
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import in_process
import pytest
from recorded import FAILED
from stub_behaviour import Behaviour, learning_rate

import lstm_ablate as la
from lstm_ablate import merging, study
from lstm_ablate.checks import doctor
from lstm_ablate.cli import app
from lstm_ablate.errors import FolderError, UserError
from lstm_ablate.experiment.identity import canonical_json
from lstm_ablate.experiment.shards import Shard
from lstm_ablate.store import files, inventory, looks_file, records
from lstm_ablate.training import sweep

pytestmark = pytest.mark.usefixtures("stub_marks", "stub")

DERIVED = ("experiment.yaml", "runs.csv", "curves.csv", "summary.csv", "ratios.csv", "report.md")
CONFIG = """
version: 1
name: cut
data: {family: sines, samples: {train: 4, validation: 2, test: 2}, timesteps: 3}
model: {encoder: [2], decoder: [2]}
training: {epochs: 200, batch_size: 2, optimizer: {name: adam, learning_rate: CALM}}
seeds: 7
baseline: calm
variants:
  calm: {}
  quick: {training.optimizer.learning_rate: QUICK}
tasks: {short: {data.timesteps: 3}, long: {data.timesteps: 4}}
"""


@pytest.fixture
def stub(stub_engine, monkeypatch):
    """The stub engine in this process, in place of the real ones in workers; no page, and no waits
    for the disk, of which the tests of faults take care.
    """
    monkeypatch.setattr(study, "execute", in_process.execute)
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: None)


class Lab:
    """One config, trained in parts and in one go, with all that was told."""

    def __init__(self, folder):
        self.path, self.results = folder / "c.yaml", folder / "results"
        self.whole, self.told = self.results / "cut", []
        self.write(CONFIG)

    def write(self, text):
        for behaviour in Behaviour:
            if behaviour.name in text:
                text = text.replace(behaviour.name, learning_rate(behaviour))
        self.path.write_text(text)

    def run(self, *overrides, shard=None, results=None, stop_after=None, **options):
        """Run the whole or a part; return what it gave, and what it trained."""
        trained = []

        def watch(steps, _):
            for step in steps:
                if isinstance(step, sweep.Finished):
                    trained.append(step.run)
                    yield step
                    if len(trained) == stop_after:
                        raise KeyboardInterrupt

        part = Shard.of_text(shard) if shard else None
        found = study.find(self.path, overrides, results or self.results, shard=part)
        tell = self.told.append
        return study.run(found, watch=watch, log=tell, warn=tell, **options), trained

    def part(self, shard):
        return self.results / "cut.shards" / Shard.of_text(shard).name

    def parts(self, of, *overrides):
        """Train every part; return their folders."""
        shards = [f"{part}/{of}" for part in range(1, of + 1)]
        for shard in shards:
            self.run(*overrides, shard=shard)
        return [self.part(shard) for shard in shards]

    def merge(self, *given):
        tell = self.told.append
        return merging.merge_parts(self.whole, given, log=tell, warn=tell)

    def expected(self, *overrides):
        """Return the files of the experiment in one go."""
        results = self.results.parent / "undivided"
        self.run(*overrides, results=results)
        return written(results / "cut")


def written(folder):
    named = (*DERIVED, *(name for name in ("looks.yaml", "tuning.csv") if (folder / name).exists()))
    return {name: (folder / name).read_bytes() for name in named}


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)


def zipped(folder, path, prefix=""):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.name.startswith("."):  # as upload-artifact does
                archive.write(file, prefix + str(file.relative_to(folder)))
    return path


def tarred(folder, path, prefix="."):
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, prefix)
    return path


# -------------------------------------------------------------------------------------- what is cut


@pytest.mark.parametrize("of", [1, 3, 8])
def test_any_cut_merged_in_any_order_gives_the_same_bytes(lab, of, tmp_path):
    folders = lab.parts(of)
    seeds = [{record.identity["seed"] for record in found(folder).values()} for folder in folders]
    assert sorted(seed for part in seeds for seed in part) == list(range(7))
    assert all(
        len(found(folder)) == 4 * len(part) for folder, part in zip(folders, seeds, strict=True)
    )
    given = [
        *folders[:1],
        *(zipped(folder, tmp_path / f"{folder.name}.zip", "a/b/") for folder in folders[1:3]),
        *(tarred(folder, tmp_path / f"{folder.name}.tgz") for folder in folders[3:]),
    ]
    random.Random(of).shuffle(given)
    merged = lab.merge(*given)
    assert (merged.copied, merged.there, merged.missing) == (28, 0, None)
    assert merged.state == "no run is missing" and not merged.ran.failed
    assert written(lab.whole) == lab.expected()
    assert (
        inventory.foreign(lab.whole) == [] and study.report(lab.whole, print) == merged.ran.summary
    )
    before = {path: path.read_bytes() for path in lab.whole.rglob("*") if path.is_file()}
    again = lab.merge(*given, lab.results / "cut.shards", lab.whole)
    assert again.copied == 0 and again.ran.summary == merged.ran.summary
    assert {path: path.read_bytes() for path in lab.whole.rglob("*") if path.is_file()} == before


def found(folder):
    return records.read_all(folder).records


def test_a_part_trains_its_own_and_says_that_it_is_a_part(lab):
    ran, trained = lab.run(shard="2/3")
    assert {run.seed for run in trained} == {1, 4} and len(trained) == 8
    assert lab.part("2/3").is_dir() and not lab.whole.exists()
    (line,) = [line for line in lab.told if "part 2 of 3" in line]
    assert line.endswith(f"lstm-ablate merge {lab.whole} {lab.whole}.shards/*")
    assert ran.summary.notes[0].startswith("This is part 2 of 3, with 2 of the 7 seeds")
    assert all(row.missing == 0 and row.seeds == 2 for row in ran.summary.rows)
    assert "Of part 2 of 3 alone." in ran.summary.rows[1].sentence
    assert study.report(lab.part("2/3"), print) == ran.summary
    assert lab.run(shard="2/3")[1] == []
    (part,) = [one for one in doctor.examine(lab.part("2/3")) if one.what == "part"]
    assert part.found == "part 2 of 3" and not part.problem
    assert inventory.foreign(lab.part("2/3")) == []


def test_a_part_alone_gives_no_verdict_that_the_whole_might_not_give(lab):
    """Of 14 seeds and two comparisons 12 must agree (sign test, 2.5%), of 7 seeds all."""
    ran, _ = lab.run("seeds=14", shard="1/2")
    row = ran.summary.rows[1]
    assert (row.comparison.wins, row.comparison.pairs, row.comparison.needed) == (7, 7, 12)
    assert row.verdict == "inconclusive" and row.comparison.ratio.interval is None
    assert "train" not in row.sentence and "To go on" not in row.sentence
    assert (
        lab.run("seeds=7", results=lab.results.parent / "o")[0].summary.rows[1].verdict == "better"
    )
    lab.run("seeds=14", shard="2/2")
    assert lab.merge(lab.results / "cut.shards").ran.summary.rows[1].verdict == "better"


def test_what_the_parts_say_of_the_data_is_said_of_the_whole(lab):
    rows = [f"{value % 11},{value**2 % 13}" for value in range(99)]
    (lab.path.parent / "own.csv").write_text("\n".join(["a,b", *rows, "-999,1"]) + "\n")
    head, tail = CONFIG.split("data: {")
    own = f"{head}data: {{family: file, path: own.csv, timesteps: 3}}{tail[tail.index(chr(10)) :]}"
    lab.write(own.partition("tasks:")[0])
    lab.parts(2)
    lab.merge(lab.results / "cut.shards")
    assert "-999" in (lab.whole / "report.md").read_text()
    assert written(lab.whole) == lab.expected()
    noted = lab.results.parent / "undivided" / "cut" / "notices.yaml"
    assert (lab.whole / "notices.yaml").read_bytes() == noted.read_bytes()


def test_an_empty_part_is_a_valid_folder(lab):
    ran, trained = lab.run("seeds=2", shard="3/3")
    assert trained == [] and not ran.failed
    assert study.report(lab.part("3/3"), print) == ran.summary
    assert len((lab.part("3/3") / "runs.csv").read_text().splitlines()) == 1
    lab.run("seeds=2", shard="1/3")
    merged = lab.merge(lab.part("3/3"), lab.part("1/3"))
    assert len(merged.missing.runs) == 4
    assert [command.split()[-1] for command in merged.missing.commands] == ["2/3"]


def test_a_part_that_was_interrupted_goes_on(lab):
    with pytest.raises(KeyboardInterrupt):
        lab.run(shard="1/2", stop_after=3)
    assert any("interrupted: 3 of 16 runs are done and kept" in line for line in lab.told)
    merged = lab.merge(lab.part("1/2"))
    assert merged.copied == 3 and len(merged.missing.runs) == 25
    assert len(lab.run(shard="1/2")[1]) == 13
    lab.run(shard="2/2")
    assert lab.merge(lab.results / "cut.shards").missing is None
    assert written(lab.whole) == lab.expected()


def test_a_part_whose_folder_is_lost_takes_what_the_whole_has(lab):
    lab.parts(2)
    lab.merge(lab.results / "cut.shards")
    shutil.rmtree(lab.results / "cut.shards")
    assert lab.run(shard="1/2")[1] == []
    assert {record.identity["seed"] for record in found(lab.part("1/2")).values()} == {0, 2, 4, 6}


def test_a_second_cut_is_told_and_takes_what_the_whole_has(lab):
    lab.parts(2, "seeds=2")
    lab.merge(lab.results / "cut.shards")
    assert lab.run("seeds=2", shard="1/3")[1] == []
    beside = f"{lab.results}/cut.shards: holds parts of 2 too, which train the same seeds"
    assert lab.told.count(beside) == 1
    assert lab.merge(lab.results / "cut.shards").missing is None


def test_a_part_with_other_settings_than_those_beside_it_is_told(lab):
    """What `merge` would refuse is told when a part is trained; more seeds, and another question,
    are no other settings.
    """
    lab.run("seeds=2", shard="1/3")
    lab.run("seeds=2", shard="2/3")
    lab.run("seeds=4", "question=Why?", shard="3/3")
    assert not any("will refuse" in line for line in lab.told)
    lab.run("seeds=2", "training.epochs=100", shard="3/3")
    (told,) = [line for line in lab.told if "will refuse" in line]
    assert told.startswith(
        f"{lab.part('1/3')} and {lab.part('2/3')}: other settings (training.epochs: 200 there, 100"
        " here), so that `merge` will refuse"
    )
    with pytest.raises(FolderError, match=r"training\.epochs"):
        lab.merge(lab.results / "cut.shards")
    (lab.part("1/3") / "experiment.yaml").write_text("no experiment")
    lab.told.clear()
    lab.run("seeds=2", shard="2/3")
    (told,) = [line for line in lab.told if "will refuse" in line]
    assert told.startswith(f"{lab.part('3/3')}: other settings (training.epochs: 100 there, 200")


def test_parts_and_the_whole_are_not_taken_for_one_another(lab):
    lab.run("seeds=2", shard="1/2")
    lab.run("seeds=2")
    with pytest.raises(FolderError, match="holds part 1 of 2 of an experiment, not the whole"):
        lab.merge_into = merging.merge_parts(lab.part("1/2"), [lab.whole], log=print, warn=print)
    lab.part("1/2").rename(lab.part("2/2"))
    with pytest.raises(FolderError, match="holds part 1 of 2 of an experiment, not part 2 of 2"):
        lab.run("seeds=2", shard="2/2")
    shutil.copytree(lab.whole, lab.part("1/2"))
    with pytest.raises(FolderError, match="holds the whole of an experiment, not part 1 of 2"):
        lab.run("seeds=2", shard="1/2")
    (lab.part("2/2") / "shard.yaml").write_text("part: 3\nof: 2\n")
    for use in (lambda: study.report(lab.part("2/2"), print), lambda: lab.run(shard="2/2")):
        with pytest.raises(FolderError, match=r"shard\.yaml: damaged"):
            use()


# ---------------------------------------------------------------------------- what is refused, told


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["training.epochs=300"], "training.epochs: 300 there, 200 here"),
        (["analysis.margin=20%"], "analysis.margin: 0.2 there, 0.1 here"),
        (
            ["variants.more={model.between: relu}"],
            'variants.more.model.between: "relu" there, nothing here',
        ),
        (["seeds=[3, 4]"], "seeds: [3, 4] there, [0, 1, 2, 3, 4, 5, 6] here"),
        (["baseline=quick"], 'baseline: "quick" there, "calm" here'),
        (["name=other"], 'name: "other" there, "cut" here'),
    ],
)
def test_another_experiment_is_refused_with_the_key_that_differs(lab, overrides, key):
    lab.run(shard="1/2")
    other = Lab(lab.results.parent)
    other.results = lab.results.parent / "others"
    ran, _ = other.run(*overrides, shard="2/2")
    with pytest.raises(FolderError) as told:
        lab.merge(lab.part("1/2"), ran.folder)
    assert f"{ran.folder}: belongs to another experiment: {key}" in str(told.value)
    assert not lab.whole.exists()
    lab.merge(lab.part("1/2"))
    before = written(lab.whole)
    with pytest.raises(FolderError, match="another experiment"):
        lab.merge(ran.folder)
    assert written(lab.whole) == before and len(found(lab.whole)) == 16


def test_another_question_above_the_report_is_no_other_experiment(lab):
    lab.run("question=One?", shard="1/2")
    lab.run("question=Two?", shard="2/2")
    assert lab.merge(lab.results / "cut.shards").missing is None


def test_records_of_other_settings_are_left_alone_with_the_key_that_differs(lab):
    lab.run("training.epochs=300", "seeds=1", shard="1/1")
    lab.run("seeds=1", shard="1/1")  # edited: the older records stay there
    merged = lab.merge(lab.part("1/1"))
    assert merged.copied == 4 and len(found(lab.whole)) == 4
    (line,) = [line for line in lab.told if "of other settings left alone" in line]
    assert line.startswith(f"{lab.part('1/1')}: 4 records of other settings")
    assert line.endswith("training.epochs: 300 there, 200 here")


def test_more_seeds_go_on_from_fewer_in_any_order(lab):
    lab.run("seeds=3", shard="1/1")
    lab.merge(lab.part("1/1"))
    before = lab.part("1/1").rename(lab.results / "before")
    lab.run("seeds=5", shard="1/1")
    merged = lab.merge(lab.part("1/1"))
    assert merged.missing is None and len(found(lab.whole)) == 20
    assert lab.merge(before).missing is None
    assert written(lab.whole) == lab.expected("seeds=5")


def test_damaged_records_are_named_and_not_copied(lab):
    lab.run("seeds=1", shard="1/1")
    one, two, *_ = sorted((lab.part("1/1") / "runs").glob("*.json"))
    loss = re.search('"test_loss": [^,]*', one.read_text())[0]
    one.write_text(one.read_text().replace(loss, '"test_loss": 0.25'))  # of the right shape
    forged = json.loads(two.read_text())
    forged["identity"]["seed"] = 12345  # with a checksum that fits
    del forged["checksum"]
    forged["checksum"] = hashlib.sha256(canonical_json(forged).encode()).hexdigest()
    two.write_text(json.dumps(forged))
    merged = lab.merge(zipped(lab.part("1/1"), lab.results / "it.zip"))
    assert merged.copied == 2 and len(merged.missing.runs) == 2
    assert not list(lab.whole.glob("runs/damaged/*"))
    told = f"no whole records of their runs, and left alone: {one.name}, {two.name}"
    assert any(told in line for line in lab.told)


def trained_elsewhere(part, **meta):
    """Give the first record of a part another test loss, and what else its machine is to be; return
    the record as it was, and its new result.
    """
    path = min((part / "runs").glob("*.json"))
    kept = records.parsed(path.read_bytes(), path.stem, "")
    path.unlink()
    other = {**kept.result, "test_loss": 0.123}
    records.publish(part, type(kept)(kept.run, kept.identity, other, {**kept.meta, **meta}))
    return kept, other


def test_other_numbers_go_to_conflicts_once_and_every_merge_says_so(lab):
    lab.run("seeds=1", shard="1/1")
    lab.merge(lab.part("1/1"))
    kept, other = trained_elsewhere(lab.part("1/1"))
    for _ in range(3):
        merged = lab.merge(lab.part("1/1"))
        assert merged.ran.conflicts == 1 and merged.ran.failed
        assert found(lab.whole)[kept.run] == kept
        (beside,) = (lab.whole / "runs" / "conflicts").iterdir()
        assert json.loads(beside.read_text())["result"] == other
    told = f"{lab.part('1/1')}: 1 run with other numbers than here; the records here stay"
    lines = [line for line in lab.told if line.startswith(told)]
    assert len(lines) == 3 and f"{lab.whole}/runs/conflicts: {kept.run}. By the records" in lines[0]


def test_of_other_numbers_it_is_said_on_which_other_machine_they_were_trained(lab):
    lab.run("seeds=1", shard="1/1")
    lab.merge(lab.part("1/1"))
    kept, _ = trained_elsewhere(lab.part("1/1"), processor="a 6502")
    assert lab.merge(lab.part("1/1")).ran.conflicts == 1
    here = json.dumps(kept.meta["processor"])
    assert lab.told[-1].endswith(
        f'The first was trained on another machine: processor: "a 6502" there, {here} here'
    )


def test_tables_whose_records_are_gone_are_not_replaced(lab):
    """As `run` refuses it: nobody could make them again."""
    lab.parts(2, "seeds=2")
    lab.merge(lab.results / "cut.shards")
    shutil.rmtree(lab.whole / "runs")
    before = written(lab.whole)
    with pytest.raises(FolderError, match=r"holds the tables of 8 runs, and no records"):
        lab.merge(lab.part("1/2"))
    assert written(lab.whole) == before and not (lab.whole / "runs").exists()


def test_tables_of_an_older_schema_are_kept(lab):
    """As `run` does it."""
    lab.run("seeds=1")
    path = min((lab.whole / "runs").glob("*.json"))
    content = json.loads(path.read_text())
    del content["checksum"]
    content["identity"]["schema"], content["run"] = 1, "0" * 16
    content["checksum"] = hashlib.sha256(canonical_json(content).encode()).hexdigest()
    shutil.rmtree(lab.whole / "runs")
    (lab.whole / "runs").mkdir()
    (lab.whole / "runs" / f"{'0' * 16}.json").write_text(json.dumps(content))
    head, *_ = (lab.whole / "runs.csv").read_text().splitlines()
    row = ",".join("0" * 16 if name == "run" else "" for name in head.split(","))
    (lab.whole / "runs.csv").write_text(f"{head}\n{row}\n")
    lab.run("seeds=1", shard="1/1")
    lab.told.clear()
    assert lab.merge(lab.part("1/1")).copied == 4
    assert (lab.whole / "schema-1" / "runs.csv").read_text() == f"{head}\n{row}\n"
    assert any("tables that came from them are kept in schema-1/" in line for line in lab.told)


def test_a_damaged_record_of_the_whole_is_set_aside_and_replaced_from_a_part(lab):
    lab.run("seeds=1", shard="1/1")
    lab.merge(lab.part("1/1"))
    before, path = written(lab.whole), min((lab.whole / "runs").glob("*.json"))
    path.write_text(path.read_text()[:-9])
    merged = lab.merge(lab.part("1/1"))
    assert (merged.copied, merged.there) == (1, 3) and written(lab.whole) == before
    assert any(f"{path}: damaged; moved to" in line for line in lab.told)
    assert len(list((lab.whole / "runs" / "damaged").iterdir())) == 1


def test_in_the_folder_itself_its_name_is_known(lab, monkeypatch):
    lab.run("seeds=2", shard="1/2")
    lab.whole.mkdir()
    monkeypatch.chdir(lab.whole)
    for folder in (Path(), Path("runs/..")):
        merged = merging.merge_parts(folder, [lab.part("1/2")], log=print, warn=print)
        assert merged.ran.folder == lab.whole and not (lab.whole / "cut").exists()
    command = f"lstm-ablate run {lab.whole}/experiment.yaml --results {lab.results}"
    assert merged.missing.command == command


def test_a_failed_run_comes_with_its_log_and_gives_way_to_one_that_ended(lab):
    lab.run("seeds=1", shard="1/1")
    path = min((lab.part("1/1") / "runs").glob("*.json"))
    kept = records.parsed(path.read_bytes(), path.stem, "")
    failed = lab.results / "failed"
    shutil.copytree(lab.part("1/1"), failed)
    (failed / "runs" / path.name).unlink()
    records.publish(failed, type(kept)(kept.run, kept.identity, FAILED, {}))
    (failed / "logs").mkdir()
    (failed / "logs" / f"{kept.run}.log").write_text("why it failed")
    merged = lab.merge(tarred(failed, lab.results / "failed.tar.gz"))
    assert merged.ran.failed and merged.failed == 1 and merged.missing is None
    command = f"lstm-ablate run {lab.whole}/experiment.yaml --results {lab.results}"
    again = f"no run is missing; 1 run failed, to try again: {command} --retry-failed"
    assert merged.state == again
    assert (lab.whole / "logs" / f"{kept.run}.log").read_text() == "why it failed"
    assert not lab.merge(lab.part("1/1")).ran.failed
    assert found(lab.whole)[kept.run] == kept and not list((lab.whole / "logs").iterdir())
    assert not lab.merge(failed).ran.failed  # what failed elsewhere replaces nothing
    assert found(lab.whole)[kept.run] == kept
    assert not (lab.whole / "runs" / "conflicts").exists()


def test_folders_of_other_versions_are_named_and_left_alone(lab):
    lab.run("seeds=2", shard="1/2")
    newer = lab.results / "newer"
    shutil.copytree(lab.part("1/2"), newer)
    text = (newer / "experiment.yaml").read_text()
    (newer / "experiment.yaml").write_text(text.replace("version: 1", "version: 2", 1))
    schema = lab.results / "schema"
    shutil.copytree(lab.part("1/2"), schema)
    for number, path in ((3, schema), (1, lab.part("1/2"))):
        content = json.loads(min((path / "runs").glob("*.json")).read_text())
        del content["checksum"]
        content["identity"]["schema"], content["run"] = number, "0" * 16
        content["checksum"] = hashlib.sha256(canonical_json(content).encode()).hexdigest()
        (path / "runs" / f"{'0' * 16}.json").write_text(json.dumps(content))
    merged = lab.merge(newer, schema, lab.part("1/2"))
    assert len(merged.unusable) == 2 and merged.copied == 4
    assert any(f"{newer}/experiment.yaml: no experiment of this program" in one for one in lab.told)
    assert any("holds records of schema 3, newer than this program" in one for one in lab.told)
    assert any("1 record of schema 1 left alone" in one for one in lab.told)


def test_a_broken_archive_is_named_and_the_others_are_merged(lab):
    folders = lab.parts(2)
    archive = tarred(folders[0], lab.results / "it.tar.gz")
    archive.write_bytes(archive.read_bytes()[:-300])
    merged = lab.merge(archive, folders[1])
    assert merged.copied == 12 and len(merged.missing.runs) == 16
    (why,) = merged.unusable
    assert why.startswith(f"{archive}: cannot be read as an archive")
    assert any(line == f"{why}; it is left alone" for line in lab.told)


def test_a_wrong_call_is_told_before_anything_is_written(lab):
    lab.run("seeds=1", shard="1/1")
    with pytest.raises(UserError, match="nowhere: there is no such folder or archive"):
        lab.merge(lab.part("1/1"), lab.results / "nowhere")
    with pytest.raises(UserError, match=r"is named cut; write .*/elsewhere/cut"):
        elsewhere = lab.results / "elsewhere"
        elsewhere.mkdir()
        merging.merge_parts(elsewhere, [lab.part("1/1")], log=print, warn=print)
    (lab.part("1/1") / "experiment.yaml").unlink()
    with pytest.raises(UserError, match=r"nothing here says which experiment it is"):
        lab.merge(lab.part("1/1"))
    assert not lab.whole.exists()
    assert list(elsewhere.iterdir()) == []


def test_what_is_missing_is_named_with_the_commands_that_complete_it(lab, monkeypatch):
    folders = lab.parts(4)
    shutil.rmtree(folders[1])
    monkeypatch.chdir(lab.results.parent)
    lab.whole, given = lab.whole.relative_to(lab.results.parent), [folders[0], *folders[2:]]
    merged = lab.merge(*given)
    assert merged.missing.what == "8 runs missing, of seeds 1, 5"
    assert merged.missing.command == "lstm-ablate run results/cut/experiment.yaml"
    assert merged.missing.commands == (f"{merged.missing.command} --shard 2/4",)
    words = merged.missing.commands[0].split()[2:]
    found = study.find(
        (lab.results.parent / words[0]), (), lab.results, shard=Shard.of_text(words[2])
    )
    study.run(found, watch=lambda steps, *_: (s for s in steps if isinstance(s, sweep.Finished)),
              log=print, warn=print)  # fmt: skip
    assert lab.merge(folders[1]).missing is None


# --------------------------------------------------------------------------------- tuning and looks


LOOKS = (
    CONFIG.replace("seeds: 7", "seeds: {until: decided, step: 10, most: 20}")
    .replace(
        "tasks: {short: {data.timesteps: 3}, long: {data.timesteps: 4}}",
        "  late: {training.optimizer.learning_rate: FALTERS}",
    )
    .replace("QUICK", "WAVERS")
)


def test_parts_are_cut_within_looks_and_every_merge_says_what_comes_next(lab):
    """wavers is never decided, falters at the second of two looks."""
    lab.write(LOOKS)
    states = []
    for number in (1, 2):
        for part in range(1, 4):
            _, trained = lab.run(shard=f"{part}/3")
            assert {run.seed // 10 for run in trained} <= {number - 1, number}
            # The last part of a look may know that it was the last one, and go on.
            assert {run.seed % 3 for run in trained} <= {part - 1}
        merged = lab.merge(lab.results / "cut.shards")
        states.append(merged.state)
        if merged.missing is None:
            break
        assert len(merged.missing.commands) == 3
    assert states == [
        "look 2 of 2, at 20 seeds, is needed",
        "no run is missing, and no other look is needed",
    ]
    assert written(lab.whole) == lab.expected()
    (entry,) = looks_file.read(lab.whole)
    assert entry.after_seeds == 0 and entry.looks == [10, 20]
    (entry,) = looks_file.read(lab.part("2/3"))
    assert "no look ends before the parts are merged" in (lab.part("2/3") / "report.md").read_text()


def test_a_look_that_lacks_a_part_waits_for_it(lab):
    lab.write(LOOKS)
    lab.run(shard="1/2")
    merged = lab.merge(lab.part("1/2"))
    assert merged.state == "look 1 of 2, at 10 seeds, is needed"
    assert merged.missing.what.startswith("15 runs missing, of seeds 1, 3, 5, 7, 9")
    assert [one.split()[-1] for one in merged.missing.commands] == ["2/2"]
    assert merged.ran.summary.rows[1].look == 0


def test_what_was_changed_after_results_is_told_by_the_whole_too(lab):
    lab.write(LOOKS)
    lab.run(shard="1/2")
    lab.run("analysis.margin=20%", shard="1/2")
    lab.run("analysis.margin=20%", shard="2/2")
    merged = lab.merge(lab.part("2/2"), lab.part("1/2"))
    assert any("the margin 10% became 20%" in note for note in merged.ran.summary.notes)


def test_what_several_parts_changed_alike_is_one_sentence_in_any_order(lab):
    """Of 10 seeds three parts have 4, 3 and 3, and each of them writes down with how many."""
    lab.write(LOOKS)
    for overrides in ((), ("analysis.margin=20%",)):
        for part in (1, 2, 3):
            lab.run(*overrides, shard=f"{part}/3")
    for order in ((1, 2, 3), (3, 2, 1), (2, 1, 3)):
        shutil.rmtree(lab.whole, ignore_errors=True)
        merged = lab.merge(*(lab.part(f"{part}/3") for part in order))
        assert [note for note in merged.ran.summary.notes if "Changed" in note] == [
            "Changed when there were results of 4 seeds: the margin 10% became 20%. The error of"
            " the verdicts holds for what was settled before."
        ]


# ------------------------------------------------------------------------------ what a part plans


def planned(lab, *overrides, shard=None):
    part = Shard.of_text(shard) if shard else None
    found = study.find(lab.path, overrides, lab.results, shard=part)
    return study.plan(found, workers=1, log=lab.told.append)


@pytest.mark.parametrize("shard", ["1/3", "2/3", "3/3"])
def test_a_plan_of_a_part_is_what_the_part_then_trains(lab, shard):
    ahead = planned(lab, shard=shard)
    _, trained = lab.run(shard=shard)
    assert {run.id for run in ahead.todo.missing} == {run.id for run in trained}
    assert set(ahead.seeds) == {run.seed for run in trained}
    assert ahead.study.folder == lab.part(shard) and ahead.pairs == 7
    assert (ahead.needed, ahead.comparisons) == (planned(lab).needed, planned(lab).comparisons)
    assert planned(lab, shard=shard).todo.missing == []
    assert sum(share.runs for share in ahead.shares) == len(trained)


def test_a_plan_of_a_part_knows_what_the_whole_has(lab):
    lab.parts(2)
    lab.merge(lab.results / "cut.shards")
    shutil.rmtree(lab.results / "cut.shards")
    assert planned(lab, shard="1/2").todo.missing == []
    assert not lab.part("1/2").exists()


def test_a_plan_of_an_empty_part_is_whole(lab):
    ahead = planned(lab, "seeds=2", shard="3/3")
    assert ahead.todo.runs == [] and ahead.seeds == () and len(ahead.shares) == 4
    printed = str(la.Plan(ahead))
    assert "part      3 of 3, with 0 of 2 seeds\n" in printed
    assert "runs      0, of which 0 are missing in" in printed
    assert "evidence  2 seeds of all parts, 2 comparisons" in printed


def test_a_plan_of_a_part_counts_its_share_of_a_look(lab):
    lab.write(LOOKS)
    ahead = planned(lab, shard="1/3")
    assert ahead.seeds == (0, 3, 6, 9, 12, 15, 18) and len(ahead.todo.missing) == 21
    _, trained = lab.run(shard="1/3")
    assert ahead.next_look == len(trained) == 12  # 4 of the 10 seeds, 3 variants


def test_a_plan_of_a_part_from_python_and_the_command_line(lab, monkeypatch, capsys):
    monkeypatch.chdir(lab.results.parent)
    ahead = la.plan("c.yaml", seeds=5, shard="2/2")
    assert repr(ahead) == "<Plan of cut: 8 runs, 8 missing; results/cut.shards/2of2>"
    assert "part      2 of 2, with 2 of 5 seeds: 1, 3\n" in str(ahead)
    words = ["lstm-ablate", "plan", "c.yaml", "seeds=5", "--shard", "2/2", "--json"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit):
        app.main()
    shown = json.loads(capsys.readouterr().out)
    assert shown["part"] == {"part": 2, "of": 2, "seeds": [1, 3]}
    assert shown["folder"] == "results/cut.shards/2of2"
    assert not lab.results.exists()


# -------------------------------------------------------------------------------------- from Python


def test_parts_from_python(lab, monkeypatch):
    monkeypatch.chdir(lab.results.parent)
    for shard in ("1/2", "2/2"):
        la.run("c.yaml", seeds=2, shard=shard, quiet=True)
    whole = la.merge("results/cut", "results/cut.shards")
    assert len(whole.runs) == 8 and list(whole) == [
        (task, variant) for task in ("short", "long") for variant in ("calm", "quick")
    ]
    with pytest.raises(la.UserError, match=r'call, shard: "3" is no part'):
        la.run("c.yaml", shard="3")
