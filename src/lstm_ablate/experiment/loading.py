"""From a config to an experiment: the stages in their order, each of which returns a value."""

from pathlib import Path

from lstm_ablate.errors import UserError
from lstm_ablate.experiment.changes import overridden
from lstm_ablate.experiment.data_files import with_digests
from lstm_ablate.experiment.experiment_file import FREE, SEEDS, ExperimentFile
from lstm_ablate.experiment.grid import cells_of, check_alike, grid_of
from lstm_ablate.experiment.looks import until_decided
from lstm_ablate.experiment.names import check_names
from lstm_ablate.experiment.nodes import Node, Place
from lstm_ablate.experiment.own_activations import own_activations
from lstm_ablate.experiment.problems import Problems
from lstm_ablate.experiment.resolved import Experiment, experiment_of
from lstm_ablate.experiment.rules import check_baseline, check_sites, check_size
from lstm_ablate.experiment.tuning import check_path, tuning_of
from lstm_ablate.experiment.validation import validated
from lstm_ablate.experiment.yaml_source import read_file


def load(
    path: Path,
    overrides: tuple[str, ...] = (),
    *,
    with_data: bool = True,
    sequential: bool = False,
) -> Experiment:
    """Read, override and validate an experiment file.

    `overrides` are texts such as `training.epochs=5`, in the notation of a variant's changes.
    `sequential` takes its seeds for those of the last look of an experiment that ends where it is
    decided (`--until-decided`). `with_data=False` takes the digests of data files as they are
    written, without looking for the files: this is enough to report, not to train. Raises UserError
    with every problem found, each with its place, what was found and what is allowed.
    """
    problems = Problems()
    document = _experiment_in(read_file(path))
    document = overridden(document, overrides, problems)
    if sequential:
        document = until_decided(document, Place("command line, --until-decided"), SEEDS)
    if with_data:
        document = with_digests(document, path.parent, problems)
    own = own_activations(document, problems)
    form = validated(ExperimentFile, document, problems, own=own)
    grid = grid_of(document, own, problems)
    check_sites(document, problems)
    check_names(document, problems)
    check_baseline(document, problems)
    check_path(document, grid, problems)
    if form:
        check_size(form, document, problems)
    cells = cells_of(grid, problems)
    check_alike(cells, document, problems)
    assert form is not None  # or else there was a problem, and `cells_of` stopped
    tuning = None
    if form.tune:
        tuning = tuning_of(form.tune, document, cells, own, path.parent, problems)
    problems.stop_if_any()
    return experiment_of(form, document, cells, own, tuning, path.parent)


def _experiment_in(document: Node) -> Node:
    """Return a document without its keys that begin with x-, which hold what others refer to."""
    if not isinstance(document.value, dict):
        expected = "an experiment is a mapping (name: ..., variants: ...)"
        raise UserError(f"{document.place}: {expected}, found {document.described()}")
    kept = {key: node for key, node in document.value.items() if not key.startswith(FREE)}
    return Node(kept, document.place, document.keys)
