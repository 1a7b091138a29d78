"""How far a sweep is: runs done of each variant, what came in last, and the time that is left."""

import math
import time
from dataclasses import dataclass, field

from lstm_ablate.errors import duration, printable
from lstm_ablate.experiment.runs import Run
from lstm_ablate.store.records import Record
from lstm_ablate.study import Stage
from lstm_ablate.training.pace import Pace
from lstm_ablate.training.sweep import Epoch, Finished

# Training goes on for so long before the time left is shown, because the first epoch of a network
# includes its compilation.
_SETTLED_SECONDS = 5.0


@dataclass
class Count:
    """The runs of a variant in a task; of those that failed there is no loss."""

    task: str
    variant: str
    asked: int = 0
    done: int = 0
    diverged: int = 0
    failed: int = 0
    losses: list[float] = field(default_factory=list)  # on test windows, infinite if diverged

    def take(self, record: Record, *, sealed: bool) -> None:
        """Count a run that is done."""
        self.done += 1
        if record.status == "failed":
            self.failed += 1
        elif not sealed:
            self.diverged += record.status == "diverged"
            self.losses.append(record.result["test_loss"] if record.status == "ok" else math.inf)


class Tally:
    """Counts the runs and epochs of a stage, and says in one line how far it is.

    While it is `sealed`, no loss is in any line, nor which run diverged.
    """

    def __init__(self, stage: Stage):
        missing = {run.id for run in stage.todo.missing}
        self.sealed, self.predicted = stage.sealed, stage.seconds
        self.total = len({run.id for run in stage.todo.runs} | missing)
        self.done = self.total - len(missing)
        self.several = len({run.task for run in stage.todo.missing}) > 1  # several tasks
        self.counts: dict[tuple[str, str], Count] = {}
        self._of_run: dict[str, list[Count]] = {}  # two variants of equal values share a run
        for run in stage.todo.runs:
            count = self.counts.setdefault((run.task, run.variant), Count(run.task, run.variant))
            count.asked += 1
            if run.id in missing:
                self._of_run.setdefault(run.id, []).append(count)
            elif record := stage.todo.records.get(run.id):
                count.take(record, sealed=self.sealed)
        self.epochs_total = sum(run.settings.training.epochs for run in stage.todo.missing)
        self.epochs = 0
        self.at: dict[str, int] = {}
        self.start = self.counted = time.monotonic()  # when the latest epoch or run came in
        self.trained: float | None = None  # when the first did
        self.latest = "starting workers"
        self._pace = Pace(self.start)
        self._first_end: float | None = None  # of the first runs, as long as none has finished

    def count(self, step: Epoch | Finished) -> None:
        """Take an epoch or a finished run into account, which comes in now."""
        self.counted = time.monotonic()
        self._pace.count(step, self.counted)
        self._first_end = None if self._pace.finished else self._pace.first_end()
        run, epochs = step.run, step.run.settings.training.epochs
        if self.trained is None:
            self.trained = self.counted
        if isinstance(step, Epoch):
            self.epochs += step.epoch - self.at.get(run.id, 0)
            self.at[run.id] = step.epoch
            loss = "" if self.sealed else f", loss {step.validation_loss:.3g}"
            self.latest = f"{self._name(run)}: epoch {step.epoch}/{epochs}{loss}"
            return
        self.epochs += epochs - self.at.pop(run.id, 0)
        self.done += 1
        for count in self._of_run.get(run.id, ()):
            count.take(step.record, sealed=self.sealed)
        self.latest = f"{self._name(run)}: {self._ended(step.record)}"

    def _name(self, run: Run) -> str:
        name = f"{run.task}, " * self.several + f"{run.variant}, seed {run.seed}"
        return name if run.tries is None else f"tuning, {run.tries:g}, {name}"

    def _ended(self, record: Record) -> str:
        if record.status == "failed":
            return f"failed: {printable(record.result['message'])}"
        if self.sealed:
            return "done"
        if record.status == "diverged":
            return f"diverged at epoch {record.result['diverged_epoch']}"
        return f"test loss {record.result['test_loss']:.3g}"

    def line(self) -> str:
        """Say how many runs are done, how long the others take, and what came in last."""
        return f"{self.done}/{self.total} runs, {self.left()}; {self.latest}"

    def left(self) -> str:
        """Say how much time is left or, where that is not known yet, when it will be."""
        now = time.monotonic()
        if self.done < self.total and self._settles(now) > 0:
            return self._left_at_first(now)
        if self.done < self.total and self.epochs >= self.epochs_total:
            return "every epoch is trained, the last runs are judged"  # on test windows
        an_epoch = (self.counted - self.start) / max(1, self.epochs)
        seconds = an_epoch * (self.epochs_total - self.epochs) - (now - self.counted)
        waits = 1 if self.done < self.total else 0  # at least a second until the last is recorded
        return f"{clock(max(waits, seconds))} left{self._until_first(now)}"

    def _settles(self, now: float) -> float:
        """Return in how many seconds the epochs so far will say how long the others take."""
        return _SETTLED_SECONDS - (0.0 if self.trained is None else now - self.trained)

    def _left_at_first(self, now: float) -> str:
        if self.predicted is not None and (seconds := self.predicted - (now - self.start)) > 0:
            return f"{duration(seconds)} left, if the machine is idle"
        if self.trained is None:
            return f"time left is known {_SETTLED_SECONDS:.0f} s after the first epoch"
        return f"time left is known in {math.ceil(self._settles(now))} s"

    def _until_first(self, now: float) -> str:
        """Return when the first runs will be kept; "" if some are already, or if it is unknown."""
        if self._first_end is None:
            return ""
        return f", the first are kept in {duration(self._first_end - now)}"


def clock(seconds: float) -> str:
    """Return seconds as minutes and seconds, 1:05, with hours where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
