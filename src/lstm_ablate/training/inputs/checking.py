"""Whether the user's own files hold what an experiment asks of them, before anything is trained."""

from lstm_ablate.errors import UserError
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.settings import FileData
from lstm_ablate.training.inputs import windows


def check_data(experiment: Experiment) -> None:
    """Read the user's own files once, before anything is trained; raise UserError naming the place
    in the config.
    """
    problems: dict[str, None] = {}
    for (task, variant), settings in experiment.settings.items():
        if isinstance(settings.data, FileData):
            try:
                samples = len(windows.of(settings.data, 0).train)
            except UserError as error:
                place = experiment.place(task, variant, "data.path")
                problems |= {f"{place}: {problem}": None for problem in error.problems}
                continue
            if settings.training.batch_size > samples:
                batch = settings.training.batch_size
                place = experiment.place(task, variant, "training.batch_size")
                problems[
                    f"{place}: training.batch_size: {batch} is more than the {samples} training"
                    " windows of the file"
                ] = None
    if problems:
        raise UserError(*problems)
