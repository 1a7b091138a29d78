"""What to keep in mind about the runs of a report: a sentence each, and a line for each trouble."""

from collections import Counter
from collections.abc import Mapping, Sequence

from lstm_ablate.errors import counted
from lstm_ablate.evidence.looks import Look
from lstm_ablate.evidence.tuning import State
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import FileData
from lstm_ablate.store.records import Record

Records = Mapping[str, Record]  # by the id of the run
UNTUNED = (
    "No learning rate was tuned: with one tuned for each variant (`tune`), the order of the"
    " variants may be another."
)


def notes(experiment: Experiment, runs: Sequence[Run], records: Records) -> tuple[str, ...]:
    """Return the notes that apply."""
    return (
        *_part(experiment),
        *_missing(runs, records),
        *_shared_windows(experiment),
        *_rates(experiment),
        *(f"{remark}." for remark in experiment.remarks),
        *_processors(experiment, runs, records),
    )


def of_tuning(tuning: State) -> tuple[str, ...]:
    """Return what is to be kept in mind about the tuning of an experiment, if it has any."""
    experiment = tuning.experiment
    if experiment.tuning is None:
        return ()
    name, several = experiment.tuning.name, len(experiment.tasks) > 1
    found = []
    if tuning.missing:
        asked = len({run.id for run in tuning.runs})
        found.append(
            f"Tuning is not complete: {len(tuning.missing)} of {counted(asked, 'run')} for it are"
            f" missing. What is judged is trained once each {name} is chosen."
        )
    found += [
        f"No {name} can be chosen for {tuned.variant}{f' in task {tuned.task}' * several}, because"
        " none of its tuning runs ended: it has no run that is judged."
        for tuned in tuning.tuned
        if not any(trial.missing or trial.losses for trial in tuned.trials)
    ]
    if any(isinstance(settings.data, FileData) for settings in experiment.settings.values()):
        found.append(
            "Tuning has seen the training and the validation part of the file, as every run does:"
            f" the validation part has chosen both the {name} and the epoch, so that validation"
            " losses flatter. The test part has chosen neither."
        )
    return tuple(found)


def failed_tuning(tuning: State, records: Records) -> tuple[str, ...]:
    """Return a line for each tuning run that failed."""
    return tuple(
        _line_of_failure(
            f"tuning, {run.task}, {run.variant}, {run.tries:g}, seed {run.seed}", run, records
        )
        for run in tuning.runs
        if run.id in records and records[run.id].status == "failed"
    )


def of_looks(looks: Sequence[Look]) -> tuple[str, ...]:
    """Return a note where the first looks cannot decide anything."""
    able = [look.seeds for look in looks if look.count is not None]
    unable = [str(look.seeds) for look in looks if look.count is None]
    if not (able and unable):
        return ()
    which = (
        f"looks, of {' and '.join(unable)} seeds" if unable[1:] else f"look, of {unable[0]} seeds"
    )
    return (
        f"No verdict is possible at the first {which}, whatever they give: it takes {able[0]}.",
    )


def failed(runs: Sequence[Run], records: Records) -> int:
    """Return how many runs failed."""
    ids = {run.id for run in runs} & records.keys()
    return sum(records[key].status == "failed" for key in ids)


def troubles(runs: Sequence[Run], judged: Sequence[Run], records: Records) -> tuple[str, ...]:
    """Return a line for each run that failed, and for each of those judged that diverged."""
    lines = []
    seen = {(run.task, run.variant, run.seed) for run in judged}
    for run in runs:
        result = records[run.id].result if run.id in records else {"status": "missing"}
        where = f"{run.task}, {run.variant}, seed {run.seed}"
        if result["status"] == "diverged" and (run.task, run.variant, run.seed) in seen:
            lines.append(f"{where}: diverged at epoch {result['diverged_epoch']} of training")
        elif result["status"] == "failed":
            lines.append(_line_of_failure(where, run, records))
    return tuple(lines)


def _line_of_failure(where: str, run: Run, records: Records) -> str:
    message = records[run.id].result["message"]
    printed = "".join(c if c.isprintable() else " " for c in message)
    return f"{where}: failed: {' '.join(printed.split())} (logs/{run.id}.log)"


def _part(experiment: Experiment) -> list[str]:
    """Return a note where this is a part of an experiment."""
    shard = experiment.shard
    if shard is None:
        return []
    merged = "`lstm-ablate merge` makes one folder of all parts."
    if experiment.looks:
        each = "which trains its share of the seeds of each look"
        return [
            f"This is {shard.title}, {each}: no look ends before the parts are merged. {merged}"
        ]
    seeds = f"{len(experiment.seeds)} of the {counted(len(experiment.every_seed), 'seed')}"
    return [
        f"This is {shard.title}, with {seeds} of the experiment: a verdict takes as many wins as it"
        f" does of all of them. {merged}"
    ]


def _missing(runs: Sequence[Run], records: Records) -> list[str]:
    """Return a note where runs left no result, and so no pair."""
    failed = sum(run.id in records and records[run.id].status == "failed" for run in runs)
    missing = sum(run.id not in records for run in runs)
    if not failed + missing:
        return []
    parts = [f"{counted(failed, 'run')} failed"] if failed else []
    if missing:
        parts.append(f"{counted(missing, 'run')} {'is' if missing == 1 else 'are'} missing")
    it = "it leaves" if failed + missing == 1 else "they leave"
    return [f"{' and '.join(parts)}: {it} no pair, and no loss."]


def _rates(experiment: Experiment) -> list[str]:
    """Return a note where learning rates are not tuned.

    In the published runs of one network, a ReLU between the layers was better than tanh at the rate
    0.001 for both, and worse at a rate tuned for each.
    """
    return [] if experiment.tunes_rates else [UNTUNED]


def _shared_windows(experiment: Experiment) -> list[str]:
    """Return a note where the windows come from the user's own file, which all seeds share."""
    if not any(isinstance(settings.data, FileData) for settings in experiment.settings.values()):
        return []
    return [
        "All seeds share the windows of the file: what is lucky about its test part is in no"
        " interval."
    ]


def _processors(experiment: Experiment, runs: Sequence[Run], records: Records) -> list[str]:
    """Return a note where the runs were trained on several kinds of processors.

    These round differently, so a pair that is split over two of them differs by more than its
    variants do. Of a run on a GPU that is the kind that counts. A record that does not say its
    processor is of no kind.
    """
    kinds: dict[tuple[str, str, int], str] = {}
    for run in runs:
        meta = records[run.id].meta if run.id in records else {}
        if "processor" in meta:
            device = meta.get("device", "CPU")
            kind = meta["processor"] if device == "CPU" else device
            kinds[run.task, run.variant, run.seed] = kind
    counts = Counter(kinds.values())
    if len(counts) < 2:
        return []
    pairs = [
        (kind, kinds[task, experiment.baseline, seed])
        for (task, variant, seed), kind in kinds.items()
        if variant != experiment.baseline and (task, experiment.baseline, seed) in kinds
    ]
    split = sum(mine != base for mine, base in pairs)
    listed = ", ".join(f"{count} on {kind}" for kind, count in sorted(counts.items()))
    note = f"The runs were trained on {len(counts)} kinds of processors, which round differently"
    if not pairs:
        return [f"{note} ({listed})."]
    return [
        f"{note} ({listed}): {split or 'none'} of {len(pairs)} pairs of runs"
        f" {'is' if split in (0, 1) else 'are'} split over two of them."
    ]
