"""What several commands take, and the exit codes that they end with."""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from lstm_ablate.errors import UserError

DIFFERENT, WRONG, FAILED_RUNS, FOLDER, BUG = 1, 2, 3, 4, 70  # and 128 + the number of a signal

Config = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="The experiment's YAML file.", show_default=False)
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH=VALUE",
        help="Changes to the config, such as training.epochs=5.",
        show_default=False,
    ),
]
Results = Annotated[
    Path,
    typer.Option(
        "--results", metavar="DIR", readable=False, help="Where results folders are kept."
    ),
]
EngineName = Annotated[
    str | None,
    typer.Option(
        "--engine", metavar="fused|keras", help="The code that trains; the config's own, or fused."
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, help="Processes; one per core by default, as far as memory goes."
    ),
]
Executor = Annotated[
    Literal["local", "ray"] | None,
    typer.Option(
        "--executor",
        metavar="local|ray",
        help="Where to train: here, or on a Ray cluster; as the config says by default, or here.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT|auto",
        help="That of the Ray cluster; auto: the one that this machine belongs to.",
    ),
]
Part = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="K/N|slurm",
        help="Part K of N alone; slurm: that of the task of a job array.",
        show_default=False,
    ),
]
UntilDecided = Annotated[
    bool,
    typer.Option(
        "--until-decided",
        help="Look after every 10 of the config's seeds, and train no more where it is decided.",
    ),
]


def variants_there(context: typer.Context, incomplete: str) -> list[str]:
    """Return the variants of the config, or of the results folder, that stands before on the
    command line, for a shell that completes a word.
    """
    from lstm_ablate.errors import UserError
    from lstm_ablate.experiment import loading

    given = context.params
    path = given["config"] if "config" in given else given["folder"] / "experiment.yaml"
    try:
        known = loading.load(path, with_data=False).variants
    except (UserError, OSError):
        return []
    return [name for name in known if name.startswith(incomplete)]


Variant = Annotated[
    str,
    typer.Argument(
        metavar="VARIANT",
        help="The variant's name.",
        show_default=False,
        autocompletion=variants_there,
    ),
]
Task = Annotated[str | None, typer.Option("--task", help="Its task, where there are several.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


class Command(TyperCommand):
    """A command that answers an option it does not have with the setting that was meant."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        parameters = self.get_params(ctx)
        known = {
            name
            for parameter in parameters
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        takes_settings = any(parameter.name == "overrides" for parameter in parameters)
        words = args[: args.index("--")] if "--" in args else args
        for word, following in pairwise([*words, ""]):
            name, _, value = word.partition("=")
            if takes_settings and name.startswith("--") and name not in known:
                _raise_if_a_setting(name, value or following * (not following.startswith("-")))
        return super().parse_args(ctx, args)


def _raise_if_a_setting(option: str, value: str) -> None:
    from lstm_ablate.experiment.advice import about_option

    if advice := about_option(option[2:].replace("-", "_"), value):
        raise UserError(f"{option}: no such option; settings are written as path=value: {advice}")


def overrides_of(words: list[str] | None, engine: str | None) -> tuple[str, ...]:
    """Return the changes of the command line, `--engine` among them."""
    return (*(words or ()), *([f"engine={engine}"] if engine else []))
