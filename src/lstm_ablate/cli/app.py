"""The command line: every command under its name, and every error as an exit code."""

import errno
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import Annotated, NoReturn

import typer

from lstm_ablate import __version__
from lstm_ablate.cli import (
    bench,
    code,
    compare,
    doctor,
    export,
    listings,
    merge,
    plan,
    report,
    run,
    verify,
)
from lstm_ablate.cli.options import BUG, FOLDER, WRONG, Command
from lstm_ablate.cli.streams import Stream
from lstm_ablate.display.printing import visible
from lstm_ablate.errors import FolderError, UserError

app = typer.Typer(
    name="lstm-ablate",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Does a piece of a stacked LSTM matter? Train every variant of a YAML file with the same"
        " seeds and compare."
    ),
    epilog="Start with: lstm-ablate init smoke, then lstm-ablate run smoke.yaml",
)

_EXAMPLES: dict[Callable[..., None], str] = {  # in the order of --help
    listings.init: "lstm-ablate init smoke",
    run.run: "lstm-ablate run smoke.yaml training.epochs=5 seeds=3",
    plan.plan: "lstm-ablate plan smoke.yaml seeds=30",
    report.report: (
        "lstm-ablate report results/smoke --format latex --figures paper --bundle smoke.zip"
    ),
    merge.merge: (
        "lstm-ablate merge results/smoke results/smoke.shards/*, "
        "after lstm-ablate run smoke.yaml --shard 1/2 and 2/2"
    ),
    compare.compare: (
        "lstm-ablate compare results/smoke again/smoke --exact, "
        "after lstm-ablate run smoke.yaml --results again"
    ),
    code.code: "lstm-ablate code smoke.yaml relu > relu.py",
    export.export: "lstm-ablate export results/smoke relu --seed 2 relu.keras",
    verify.verify: "lstm-ablate verify smoke.yaml seeds=3",
    bench.bench: "lstm-ablate bench --end-to-end smoke.yaml --json bench.json",
    doctor.doctor: "lstm-ablate doctor results/smoke",
    listings.schema: "lstm-ablate schema > experiment.schema.json",
    listings.activations: "lstm-ablate activations --json",
}
for command, example in _EXAMPLES.items():
    app.command(epilog=f"Example: {example}", cls=Command)(command)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"lstm-ablate {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line and exit: 0 done, 2 wrong input, 3 failed runs, 4 unusable folder, 70 a
    bug of lstm-ablate.
    """
    os.environ["PYTHONSAFEPATH"] = "1"  # a worker imports nothing from the working folder
    _silence_libraries()
    output, messages = Stream(sys.stdout), Stream(sys.stderr)
    with redirect_stdout(output), redirect_stderr(messages):
        try:
            app()
        except UserError as error:
            _end("\n".join(error.problems), WRONG)
        except FolderError as error:
            _end(str(error), FOLDER)
        except OSError as error:
            _end(f"{error.filename}: {error.strerror}" if error.filename else str(error), FOLDER)
        except MemoryError as error:
            _end(
                "out of memory:"
                f" {str(error) or 'the experiment or its data is too large for this machine'}",
                WRONG,
            )
        except Exception:
            traceback.print_exc()
            _end(
                f"This is a bug of lstm-ablate {__version__}; please report it with the lines"
                " above.",
                BUG,
            )
        finally:
            output.flush()
            messages.flush()
            # If the reader or the terminal has gone away, nobody misses what is lost.
            if output.error and output.error.errno not in (errno.EPIPE, errno.EIO):
                _end(
                    f"standard output: {output.error.strerror}; what was to be printed is lost",
                    FOLDER,
                )


def _silence_libraries() -> None:
    """Keep what libraries log and warn about from the user, who cannot do anything about it.

    matplotlib, for example, says where it keeps its fonts if the home folder cannot be written.
    What comes out of workers goes to their logs. `python -W` and PYTHONWARNINGS still rule.
    """
    logging.getLogger().addHandler(logging.NullHandler())  # with none, records reach stderr
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def _end(message: str, code: int) -> NoReturn:
    print(visible(message), file=sys.stderr)
    sys.exit(code)
