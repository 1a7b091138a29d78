"""Makes an experiment of a config, by the stages in their order, each of which returns a value."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from lstm_ablate.errors import UserError
from lstm_ablate.experiment.changes import COMMAND_LINE, Override, overridden
from lstm_ablate.experiment.data_files import with_digests
from lstm_ablate.experiment.experiment_file import FREE, SEEDS, ExperimentFile
from lstm_ablate.experiment.grid import cells_of, check_alike, grid_of
from lstm_ablate.experiment.looks import until_decided
from lstm_ablate.experiment.names import check_names
from lstm_ablate.experiment.nodes import Node, Place
from lstm_ablate.experiment.own_activations import own_activations
from lstm_ablate.experiment.problems import Problems
from lstm_ablate.experiment.python_source import read_value
from lstm_ablate.experiment.resolved import Experiment, experiment_of
from lstm_ablate.experiment.rules import check_baseline, check_sites, check_size
from lstm_ablate.experiment.tuning import check_path, tuning_of
from lstm_ablate.experiment.validation import validated
from lstm_ablate.experiment.yaml_source import read_file

Config: TypeAlias = Path | Mapping[str, object]


def folder_of(config: Config) -> Path:
    """Return the folder that paths of data files start from.

    For a file it is the folder in which that lies, for a dict the working folder.
    """
    return config.parent if isinstance(config, Path) else Path()


def load(
    config: Config,
    overrides: Sequence[Override] = (),
    *,
    with_data: bool = True,
    sequential: bool = False,
    source: str = COMMAND_LINE,
) -> Experiment:
    """Read, override and validate an experiment file, or a dict with the same content.

    `overrides` are texts such as `training.epochs=5`, in the notation of a variant's changes, or
    pairs of such a path and a value. `source` is what error messages call the place they come from.
    With `sequential` the experiment ends when it is decided (`--until-decided`), and its seeds are
    those of the last look. With `with_data=False` the digests of data files are taken as they are
    written, and nobody looks for the files. That is enough for a report, but not for training.
    Raises UserError with every problem found, each with its place, what was found and what is
    allowed.
    """
    problems = Problems()
    folder = folder_of(config)
    read = read_file(config) if isinstance(config, Path) else read_value(config, "config")
    document = overridden(_experiment_in(read), overrides, problems, source)
    if sequential:
        document = until_decided(document, Place(f"{source}, --until-decided"), SEEDS)
    if with_data:
        document = with_digests(document, folder, problems)
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
    assert form is not None  # otherwise there was a problem, and `cells_of` raised it
    tuning = None
    if form.tune:
        tuning = tuning_of(form.tune, document, cells, own, folder, problems)
    problems.stop_if_any()
    return experiment_of(form, document, cells, own, tuning, folder)


def _experiment_in(document: Node) -> Node:
    """Return a document without the keys that begin with x-, which only hold parts with anchors."""
    if not isinstance(document.value, dict):
        expected = "an experiment is a mapping (name: ..., variants: ...)"
        raise UserError(f"{document.place}: {expected}, found {document.described()}")
    kept = {key: node for key, node in document.value.items() if not key.startswith(FREE)}
    return Node(kept, document.place, document.keys)
