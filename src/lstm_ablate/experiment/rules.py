"""Rules that concern several values of a config at once."""

import json
from collections.abc import Collection, Iterator

from lstm_ablate.errors import counted, did_you_mean
from lstm_ablate.experiment.data_settings import Autoregressive
from lstm_ablate.experiment.experiment_file import CHANGEABLE, ExperimentFile
from lstm_ablate.experiment.field_types import MAX_RUNS
from lstm_ablate.experiment.network import network_of
from lstm_ablate.experiment.nodes import Node
from lstm_ablate.experiment.problems import Problems
from lstm_ablate.experiment.settings import SITES, Data, FileData, Model, Settings

SECTIONS = tuple(Settings.model_fields)


def check_sites(document: Node, problems: Problems) -> None:
    """Refuse `candidate` or `output` beside `activation`, in the base and in one set of changes."""
    for kind in CHANGEABLE:
        named = document.entries[kind].entries if kind in document.entries else {}
        for name, changes in named.items():
            check_sites_of(changes, "model.", f"{kind}.{name}: ", problems)
    if "model" in document.entries:
        check_sites_of(document.entries["model"], "", "model: ", problems)


def check_sites_of(node: Node, prefix: str, context: str, problems: Problems) -> None:
    """Refuse `candidate` or `output` beside `activation` in one mapping."""
    if f"{prefix}activation" not in node.entries:
        return
    for site in (f"{prefix}candidate", f"{prefix}output"):
        if site in node.entries:
            why = 'and "activation" exclude each other: activation sets both candidate and output'
            problems.add(node.keys[site], f'"{site}" {why}', context)


def check_baseline(document: Node, problems: Problems) -> None:
    """Refuse a baseline that is not among the variants."""
    baseline, variants = document.entries.get("baseline"), document.entries.get("variants")
    if not baseline or not isinstance(baseline.value, str):
        return
    if not variants or not isinstance(variants.value, dict) or baseline.value in variants.value:
        return
    known = list(variants.value)
    shown = json.dumps(baseline.value, ensure_ascii=False)
    hint = f"{did_you_mean(baseline.value, known)}\n  known: {', '.join(known)}"
    problems.add(baseline.place, f"baseline: {shown} is not a variant.{hint}")


def check_size(form: ExperimentFile, document: Node, problems: Problems) -> None:
    """Count the runs before they are expanded, and stop where they are too many."""
    tasks, variants, seeds = max(1, len(form.tasks)), len(form.variants), len(form.every_seed)
    runs = tasks * variants * seeds
    if runs > MAX_RUNS:
        counted = f"{tasks:,} tasks x {variants:,} variants x {seeds:,} seeds are {runs:,} runs"
        message = f"{counted}; at most {MAX_RUNS:,} are allowed: name fewer"
        problems.add(document.nearest("seeds").place, message)
        problems.stop_if_any()
    if form.tune is None:
        return
    values, seeds = len(form.tune.grid) + 2 * form.tune.extend, len(form.tune.seeds)
    runs = tasks * variants * values * seeds
    if runs > MAX_RUNS:
        counted = (
            f"{tasks:,} tasks x {variants:,} variants x {values:,} values x {seeds:,} seeds are"
            f" {runs:,} tuning runs"
        )
        message = f"tune: {counted}; at most {MAX_RUNS:,} are allowed: name fewer"
        problems.add(document.nearest("tune", "seeds").place, message)
        problems.stop_if_any()


def check_settings(
    settings: Settings,
    written: Node,
    problems: Problems,
    context: str,
    sections: Collection[str] = SECTIONS,
) -> None:
    """Check what concerns two values of the settings of one task and variant, as far as these are
    in some sections.
    """
    for path, message in _broken_rules(settings, sections):
        place = written.nearest(*path.split(".")).place
        problems.add(place, f"{path}: {message}", context)


def _broken_rules(settings: Settings, sections: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the path of each value that breaks a rule, with what is wrong."""
    data, training = settings.data, settings.training
    if "data" in sections:
        yield from _broken_rules_of_data(data)
    if (
        {"data", "training"} <= set(sections)
        and not isinstance(data, FileData)
        and training.batch_size > data.samples.train
    ):
        samples = f"{data.samples.train} training samples"
        yield "training.batch_size", f"{training.batch_size} is more than the {samples}"
    if "model" in sections:
        yield from _broken_rules_of_projections(settings.model)
        wrong_lists = list(_wrong_lists(settings.model))
        yield from wrong_lists or _broken_rules_of_layers(settings.model)


def _wrong_lists(model: Model) -> Iterator[tuple[str, str]]:
    """Yield each site with more or fewer names than places."""
    layers = [f"encoder.{k}" for k in range(len(model.encoder))]
    layers += [f"decoder.{k}" for k in range(len(model.decoder))]
    seams = [f"after {name}" for name in layers[:-1]]
    seams[len(model.encoder) - 1] += " (the code that the decoder reads)"
    for site in ("activation", *SITES):
        acting, places = getattr(model, site), seams if site == "between" else layers
        if isinstance(acting, tuple) and len(acting) != len(places):
            names = f"{counted(len(acting), 'name')} for {counted(len(places), 'place')}"
            yield f"model.{site}", f"{names}: {', '.join(places)}"


def _broken_rules_of_layers(model: Model) -> Iterator[tuple[str, str]]:
    layers = network_of(model, timesteps=1, features=1).lstm  # these break no rule
    if model.residual and not any(layer.residual for layer in layers):
        sizes = [f"{layer.name} reads {layer.inputs}, gives {layer.outputs}" for layer in layers]
        yield "model.residual", f"would be added nowhere: {'; '.join(sizes[1:])}"
    if single := [layer.name for layer in layers if layer.normalized and layer.outputs == 1]:
        what = f"the single number of {', '.join(single)} would be normalized to a constant"
        yield "model.normalization", what


def _broken_rules_of_projections(model: Model) -> Iterator[tuple[str, str]]:
    units = {f"encoder.{k}": number for k, number in enumerate(model.encoder)}
    units |= {f"decoder.{k}": number for k, number in enumerate(model.decoder)}
    for name, number in units.items():
        if model.projection and number <= model.projection:
            than = f"the {counted(number, 'unit')} of {name}"
            yield "model.projection", f"{model.projection} is not smaller than {than}"
            break
    if model.projection_clip is not None and model.projection is None:
        yield "model.projection_clip", "there is no projection to clip; cell_clip clips the cell"


def _broken_rules_of_data(data: Data) -> Iterator[tuple[str, str]]:
    if isinstance(data, FileData):
        split = data.split.train + data.split.validation + data.split.test
        if abs(split - 1) > 1e-9:
            yield "data.split", f"the fractions must add up to 1, not to {split:.6g}"
        if data.thousands == data.decimal:
            yield "data.thousands", f"{json.dumps(data.thousands)} is the decimal mark too"
    if isinstance(data, Autoregressive) and not _stationary(data.coefficients):
        why = "the process is not stationary (a root of its polynomial is outside the unit circle)"
        yield "data.coefficients", why


def _stationary(coefficients: tuple[float, ...]) -> bool:
    """Return whether all partial autocorrelations lie within (-1, 1).

    Barndorff-Nielsen & Schou 1973 show that the process is stationary exactly then.
    """
    row = list(coefficients)
    while row:
        last = row[-1]
        if abs(last) >= 1:
            return False
        row = [(row[k] + last * row[-2 - k]) / (1 - last * last) for k in range(len(row) - 1)]
    return True
