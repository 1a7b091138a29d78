"""An executor for tests that need no processes: it trains one group after the other, in the test's.

Work that ends or stops its process must not be given to it.
"""

import contextlib
import io
import math
import pickle
import traceback

from lstm_ablate.training.executors import Done, Failed, Progress, idle


def execute(work, groups, *, key, workers, environment, timeout=math.inf, meanwhile=idle):
    """Carry out groups; the messages of a group come when it has ended."""
    meanwhile()
    for index, group in enumerate(groups):
        messages, printed = [], io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                value = work(pickle.loads(pickle.dumps(group)), messages.append)
            event = Done(index, 0, pickle.loads(pickle.dumps(value)))
        except Exception as error:
            log = f"{traceback.format_exc()}{printed.getvalue()}"
            event = Failed(index, 0, f"{type(error).__name__}: {error}", log)
        for message in messages:
            yield Progress(index, 0, message)
        yield event
