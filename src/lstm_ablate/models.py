"""What one takes out of a study: a variant as Keras code, and a recorded run as a Keras model.

No weights are stored with a record. On one machine a run gives the same bits again, so it is
trained once more, and its numbers are held to its record.
"""

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lstm_ablate import study as studies
from lstm_ablate.errors import Log, UserError, counted, did_you_mean, shortened
from lstm_ablate.evidence import tuning
from lstm_ablate.experiment import loading, runs
from lstm_ablate.experiment.changes import Override
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.runs import Run
from lstm_ablate.experiment.settings import FileData
from lstm_ablate.keras_code.module import Module, Variant, module
from lstm_ablate.store import copies, inventory, records
from lstm_ablate.store.records import Found, Record
from lstm_ablate.training import cost, work
from lstm_ablate.training.executors import Done, Failed, Work
from lstm_ablate.training.executors.local import execute
from lstm_ablate.training.inputs import checking, file, windows
from lstm_ablate.training.inputs.randomness import Weights
from lstm_ablate.training.variables import worker_environment

_MOST_SEEDS = 20  # in a message
_OF_EXPORT = "export replaces no file; move it, or give another name"


class TrainingError(Exception):
    """A recorded run could not be trained again; the text has the log of its worker."""


@dataclass(frozen=True)
class Again:
    """A recorded run that was trained once more: the weights of its selected epoch, and the code
    that builds its model.

    `apart` says how far its numbers are from its record; None where all of them are the same bits.
    """

    run: Run
    code: Module
    weights: Weights
    test_loss: float
    apart: str | None


@dataclass(frozen=True)
class Exported:
    """The files of an exported model, the model first, and the test loss that Keras gives it."""

    files: list[Path]
    test_loss: float


# --------------------------------------------------------------------------------------------- code


def code(
    config: loading.Config,
    overrides: Sequence[Override],
    variant: str,
    task: str | None = None,
    *,
    results: Path,
) -> str:
    """Return a variant of a config as a module of Keras, at the values that tuning has chosen where
    the results folder says which.

    Raises UserError as `study.checked` does, and where there is no such variant or task.
    """
    experiment = studies.checked(config, overrides)
    if experiment.tuning:
        found = records.read_all(results / experiment.name)
        experiment = tuning.replay(experiment, found.records).experiment
    return _module(experiment, _task(experiment, variant, task), variant).text


def _task(experiment: Experiment, variant: str, task: str | None) -> str:
    """Return the task that is meant; raise UserError where there is none such, or no variant."""
    _check_known("variant", variant, experiment.variants, experiment.name)
    if task is not None:
        _check_known("task", task, experiment.tasks, experiment.name)
        return task
    if len(experiment.tasks) > 1:
        known = ", ".join(experiment.tasks)
        raise UserError(f"{experiment.name} has several tasks; name one of them\n  known: {known}")
    return experiment.tasks[0]


def _check_known(kind: str, name: str, known: Sequence[str], of: str) -> None:
    if name not in known:
        hint = did_you_mean(name, known)
        raise UserError(f'"{name}" is not a {kind} of {of}.{hint}\n  known: {", ".join(known)}')


def _module(experiment: Experiment, task: str, variant: str) -> Module:
    settings = experiment.settings[task, variant]
    tuned = ""
    if experiment.tuning and not experiment.is_settled(task, variant):
        name = experiment.tuning.name
        tuned = f"Its {name} is still to be tuned; this is the value that the config gives itself."
    return module(
        Variant(
            experiment=experiment.name,
            task=task if len(experiment.tasks) > 1 else "",
            variant=variant,
            settings=settings,
            network=cost.network_for(settings),
            own={text: name for name, text in experiment.own.items()},
            tuned=tuned,
        )
    )


# ------------------------------------------------------------------------------------ trained again


def again(
    folder: Path,
    variant: str,
    seed: int,
    task: str | None = None,
    *,
    log: Log,
    path: Path | None = None,
) -> Again:
    """Train a recorded run of a results folder once more, as it was trained; `log` hears so.

    Raises UserError where there is no such run, where it has no weights because it diverged or
    failed, where its data file is no longer there, and where the code that its model needs could
    not be written beside a `path`; TrainingError where training fails.
    """
    experiment, found = _tuned_in(folder)
    task = _task(experiment, variant, task)
    run = _run(experiment, task, variant, seed)
    record = _usable(folder, run, found.records.get(run.id) if run else None, variant, seed)
    assert run is not None  # or else it has no record
    made = _module(experiment, task, variant)
    if path and made.is_needed:
        copies.check_free([path.with_name(_module_name(path))], _OF_EXPORT)
    epochs = counted(run.settings.training.epochs, "epoch")
    log(f"training {variant}, seed {seed}, once more: {epochs} at most")
    (((result, meta), weights),) = _in_a_worker(work.train_for_weights, [run], experiment.timeout)
    if weights is None:
        raise UserError(
            f"{variant}, seed {seed}: trained here it diverges, at epoch"
            f" {result['diverged_epoch']}, so there are no weights. {_trained_where(record, meta)}"
        )
    apart = _apart(run, record, result, meta)
    return Again(run, made, weights, float(result["test_loss"]), apart)


def unnamed_seed(folder: Path, variant: str, task: str | None = None) -> UserError:
    """Return what is said where no seed is named: those of the runs that have weights.

    Raises UserError as `again` does.
    """
    experiment, found = _tuned_in(folder)
    task = _task(experiment, variant, task)
    losses = {
        run.seed: found.records[run.id].result["test_loss"]
        for run in runs.expand(experiment)
        if (run.task, run.variant) == (task, variant)
        and run.id in found.records
        and found.records[run.id].status == "ok"
    }
    if not losses:
        again = f"lstm-ablate run {folder / 'experiment.yaml'}"
        return UserError(
            f"{folder}: no run of {variant} ended well; `{again}` trains what is missing"
        )
    typical = sorted(losses, key=lambda seed: losses[seed])[(len(losses) - 1) // 2]
    known = shortened([*map(str, losses)], _MOST_SEEDS)
    return UserError(
        f"{variant}: name the run with --seed, such as --seed {typical}, whose test loss is the"
        f" median\n  known: {known}"
    )


def _tuned_in(folder: Path) -> tuple[Experiment, Found]:
    """Return the experiment of a results folder, with the values that tuning chose, and what the
    folder holds.
    """
    experiment, found = _experiment_in(folder), records.read_all(folder)
    return tuning.replay(experiment, found.records).experiment, found


def _experiment_in(folder: Path) -> Experiment:
    """Return the experiment of a results folder, with its data files read."""
    inventory.check_results_folder(folder)
    experiment = loading.load(folder / "experiment.yaml")
    checking.check_data(experiment)
    return experiment


def _run(experiment: Experiment, task: str, variant: str, seed: int) -> Run | None:
    """Return the run of a variant and a seed; None where tuning has not chosen its values yet."""
    _check_seed(experiment, seed)
    wanted = (task, variant, seed)
    every = runs.expand(experiment)
    return next((run for run in every if (run.task, run.variant, run.seed) == wanted), None)


def _check_seed(experiment: Experiment, seed: int) -> None:
    if seed not in experiment.seeds:
        known = shortened([*map(str, experiment.seeds)], _MOST_SEEDS)
        raise UserError(f"seed {seed} is not a seed of {experiment.name}\n  known: {known}")


def _usable(
    folder: Path, run: Run | None, record: Record | None, variant: str, seed: int
) -> Record:
    """Return the record of a run that has weights; raise UserError where it has none."""
    what, again = f"{variant}, seed {seed}", f"lstm-ablate run {folder / 'experiment.yaml'}"
    if run is None or record is None:
        raise UserError(f"{folder}: holds no record of {what}; `{again}` trains what is missing")
    if record.status == "failed":
        why = record.result.get("message", "")
        raise UserError(f"{what}: this run failed ({why}); `{again} --retry-failed` tries it again")
    if record.status == "diverged":
        epoch = record.result["diverged_epoch"]
        raise UserError(f"{what}: this run diverged at epoch {epoch}, so it has no weights")
    return record


def _in_a_worker(job: Work, content: Any, timeout: float = math.inf) -> Any:
    """Return what a worker gives for a piece of work."""
    events = execute(
        job,
        [content],
        key=lambda _: None,
        workers=1,
        environment=worker_environment,
        timeout=timeout,
    )
    with closing(events):
        for event in events:
            if isinstance(event, Failed):
                raise TrainingError(f"{event.message}\n{event.log}")
            if isinstance(event, Done):
                return event.value
    raise TrainingError("the worker ended without a word")


def _apart(
    run: Run, record: Record, result: Mapping[str, Any], meta: Mapping[str, Any]
) -> str | None:
    """Say how far the numbers of a run are from its record; None where all are the same bits.

    A record may lack what a later version writes beside them.
    """
    recorded = record.result
    if all(result[key] == value for key, value in recorded.items()):
        return None
    pairs = [
        (one, other)
        for key in ("train_losses", "validation_losses")
        for one, other in zip(result[key], recorded[key], strict=False)
    ]
    epochs = [
        epoch
        for key in ("train_losses", "validation_losses")
        for epoch, (one, other) in enumerate(zip(result[key], recorded[key], strict=False), start=1)
        if one != other
    ]
    first = f", from epoch {min(epochs)} on" if epochs else ""
    largest = max(_difference(*pair) for pair in pairs)
    loss, before = result["test_loss"], recorded["test_loss"]
    return (
        f"{run.variant}, seed {run.seed}: other numbers than recorded: a test loss of {loss!r}"
        f" instead of {before!r} ({_difference(loss, before):.2g} of it apart); the losses of its"
        f" epochs are up to {largest:.2g} of theirs apart{first}. {_trained_where(record, meta)}"
    )


def _difference(loss: float | None, other: float | None) -> float:
    """Return |loss - other| as a share of other."""
    if loss is None or other is None:
        return math.inf
    return abs(loss - other) / abs(other) if other else math.inf if loss else 0.0


def _trained_where(record: Record, meta: Mapping[str, Any]) -> str:
    """Say in what the place of a record differs from this one."""
    places = {
        name: (_shown(record.meta.get(name)), _shown(meta.get(name))) for name in records.PLACE
    }
    differs = [f"{name} {was}, here {now}" for name, (was, now) in places.items() if was != now]
    return (
        f"It was recorded on {'; '.join(differs)}."
        if differs
        else "It was recorded on such a machine."
    )


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    return "unknown" if value is None else str(value)


# ---------------------------------------------------------------------------------------- the model


def check_file(path: Path) -> None:
    """Raise UserError where a model cannot be written to a path, before anything is trained."""
    if path.suffix != ".keras":
        raise UserError(f"{path}: the name of a model ends with .keras")
    if not path.parent.is_dir():
        raise UserError(f"{path}: there is no folder {path.parent}")
    copies.check_free([path], _OF_EXPORT)


def export(again: Again, path: Path) -> Exported:
    """Write a run that was trained again as a .keras file and, where the model is only loaded with
    the code of its cells or activations, that code as a module beside it.

    Raises UserError where a file exists, and TrainingError where Keras cannot save the model.
    """
    made = work.Made(again.run, again.code.text, again.weights)
    content, test_loss = _in_a_worker(work.save, made)
    files = {path.name: content}
    if again.code.is_needed:
        files[_module_name(path)] = again.code.text.encode()
    return Exported(copies.write(files, path.parent, _OF_EXPORT), test_loss)


def _module_name(path: Path) -> str:
    """Return the name of the module beside a model, which Python can import."""
    name = re.sub(r"\W", "_", path.stem)
    return f"model_{name}.py" if name[0].isdigit() else f"{name}.py"


def windows_of(folder: Path, variant: str, seed: int, task: str | None = None) -> windows.Arrays:
    """Return the windows on which a run of a results folder trains and is judged.

    Raises UserError where there is no such run, and where its data file is no longer there.
    """
    experiment = _experiment_in(folder)
    task = _task(experiment, variant, task)
    _check_seed(experiment, seed)
    return windows.of(experiment.settings[task, variant].data, seed)


def scaling_of(
    folder: Path, variant: str, task: str | None = None
) -> tuple[list[str], windows.Array, windows.Array]:
    """Return the features of a variant's data file, and of each what is subtracted from its values
    and by what they are then divided.

    Raises UserError where the data are drawn, and where their file is no longer there.
    """
    experiment = _experiment_in(folder)
    data = experiment.settings[_task(experiment, variant, task), variant].data
    if not isinstance(data, FileData):
        raise UserError(f"{variant}: its data are drawn, and no file was scaled for it")
    return file.scaling(data)


def built(again: Again) -> Any:
    """Return the model of a run that was trained again, in this process, which loads Keras."""
    from lstm_ablate.training.engines import exported

    return exported.built(again.code.text, again.weights)
