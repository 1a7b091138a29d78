"""Whether the user's own files hold what an experiment asks of them, before anything is trained."""

from typing import NamedTuple

from lstm_ablate.errors import UserError
from lstm_ablate.experiment.resolved import Experiment
from lstm_ablate.experiment.settings import FileData
from lstm_ablate.training.inputs import description, windows


class Notices(NamedTuple):
    """What one should know of the user's own files: as messages with their place in the config, and
    as sentences for the report.
    """

    messages: list[str]
    sentences: list[str]


def check_data(experiment: Experiment) -> Notices:
    """Read the user's own files, a good one once, however many variants share it; return what one
    should know of them.

    Raises UserError with what is wrong, with its place in the config.
    """
    problems: dict[str, None] = {}
    messages: dict[str, None] = {}
    sentences: dict[str, None] = {}
    found: dict[FileData, int] = {}  # training windows
    for task, variant, settings in experiment.possible_settings():
        if isinstance(settings.data, FileData):
            place = experiment.place(task, variant, "data.path")
            try:
                if settings.data not in found:
                    samples = len(windows.of(settings.data, 0).train)
                    notices = description.notices(settings.data)
                    found[settings.data] = samples
                    messages |= {f"{place}: {notice.message}": None for notice in notices}
                    sentences |= {notice.sentence: None for notice in notices}
            except UserError as error:
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
    return Notices(list(messages), list(sentences))
