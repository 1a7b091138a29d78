"""Whether the user's own files hold what an experiment asks of them, before anything is trained."""

from lstm_ablate.errors import UserError
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.settings import FileData
from lstm_ablate.training.inputs import windows


def check_data(experiment: Experiment) -> None:
    """Read the user's own files, a good one once, however many variants share it.

    Raises UserError with what is wrong, at its place in the config.
    """
    problems: dict[str, None] = {}
    found: dict[FileData, int] = {}  # training windows
    for task, variant, settings in experiment.possible_settings():
        if isinstance(settings.data, FileData):
            try:
                if settings.data not in found:
                    found[settings.data] = len(windows.of(settings.data, 0).train)
            except UserError as error:
                place = experiment.place(task, variant, "data.path")
                problems |= {f"{place}: {problem}": None for problem in error.problems}
                continue
            samples = found[settings.data]
            if settings.training.batch_size > samples:
                batch = settings.training.batch_size
                place = experiment.place(task, variant, "training.batch_size")
                problems[
                    f"{place}: training.batch_size: {batch} is more than the {samples} training"
                    " windows of the file"
                ] = None
    if problems:
        raise UserError(*problems)
