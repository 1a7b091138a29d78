"""What the stub engine can be asked to do with a run, and the marks that say that it has done it.

A config asks by its learning rate, the value of a behaviour. Wherever a behaviour is more than to
train in order, the stub leaves a mark in the folder that STUB_MARKS names. The fixture `stub_marks`
fails a test whose config asked for something that never happened.
"""

import os
import uuid
from enum import ReprEnum, unique
from pathlib import Path


@unique
class Behaviour(float, ReprEnum):
    """What happens; the value is the learning rate that asks for it. The stub takes no other."""

    # Nothing but training, with different losses.
    CALM = 0.5
    QUICK = 0.25
    EDITED = 0.45
    FALTERS = 0.46  # worse than calm at seeds 0 and 1, better at all others
    WAVERS = 0.47  # far worse than calm at odd seeds, far better at even ones
    RESEMBLES = 0.48  # 2% worse than calm at odd seeds, 2% better at even ones

    # To seed 1.
    RAISES = 0.11
    DIES = 0.22  # with exit code 7
    DIVERGES = 0.33

    # To every seed.
    RAISES_ALWAYS = 0.44
    NAPS = 0.66  # half a second an epoch
    WAITS = 0.68  # until the test lets it go on
    BREATHES = 0.67  # some milliseconds an epoch, so that an experiment takes a second anywhere

    # To odd seeds.
    BOUNDLESS = 0.55  # infinite reconstructions, though the losses are finite

    # To odd seeds; to seeds 3, 7, 11, ... only the first time.
    KILLED = 0.71
    SEGFAULTS = 0.72
    STOPS = 0.73
    HANGS = 0.74
    OUT_OF_MEMORY = 0.75
    GREEDY = 0.76  # takes memory until somebody stops it

    @classmethod
    def of(cls, rate):
        """Return the behaviour that a learning rate asks for; with STUB_TAKES_ANY_RATE in the
        environment others ask for nothing, so that a config of ours can be trained.
        """
        known = rate in cls._value2member_map_ or "STUB_TAKES_ANY_RATE" not in os.environ
        return cls(rate) if known else cls.CALM

    def befalls(self, run):
        """Return whether this happens to a run that is tried now."""
        if self in _TO_SEED_1:
            return run.seed == 1
        if self in _TO_ODD_SEEDS:
            return run.seed % 2 == 1
        if self in _MOSTLY_TO_ODD_SEEDS:
            return run.seed % 2 == 1 and not (run.seed % 4 == 3 and happened(self, run.id))
        return self not in _ORDERLY

    def loss(self, seed):
        """Return the loss after one epoch; after k of them it is a k-th."""
        factors = {
            Behaviour.FALTERS: 2.0 if seed < 2 else 0.5,
            Behaviour.WAVERS: 2.0 if seed % 2 else 0.5,
            Behaviour.RESEMBLES: 1.02 if seed % 2 else 0.98,
        }
        calm = (1 + seed) * (1 + Behaviour.CALM)
        return calm * factors[self] if self in factors else (1 + seed) * (1 + self)

    def leave_mark(self, run):
        """Say that this is about to happen to a run."""
        Path(os.environ["STUB_MARKS"], f"{self.name}-{run.id}-{uuid.uuid4().hex}").touch()


_ORDERLY = {
    Behaviour.CALM,
    Behaviour.QUICK,
    Behaviour.EDITED,
    Behaviour.FALTERS,
    Behaviour.WAVERS,
    Behaviour.RESEMBLES,
}
_TO_SEED_1 = {Behaviour.RAISES, Behaviour.DIES, Behaviour.DIVERGES}
_TO_ODD_SEEDS = {Behaviour.BOUNDLESS}
_MOSTLY_TO_ODD_SEEDS = {
    Behaviour.KILLED,
    Behaviour.SEGFAULTS,
    Behaviour.STOPS,
    Behaviour.HANGS,
    Behaviour.OUT_OF_MEMORY,
    Behaviour.GREEDY,
}

asked = set()  # what the configs of this test ask for


def learning_rate(behaviour):
    """Return the text that asks for a behaviour in a config, and remember that it was asked for."""
    asked.add(Behaviour(behaviour))
    return f"{behaviour}"


def happened(behaviour, run_id="*"):
    """Return how often something has happened, to one run or to all of them together."""
    return len(list(Path(os.environ["STUB_MARKS"]).glob(f"{behaviour.name}-{run_id}-*")))


def let_go():
    """Let every run go on that waits, or that would."""
    _leave().touch()


def is_let_go():
    return _leave().exists()


def _leave():
    return Path(os.environ["STUB_MARKS"], "go on")


def missed():
    """Return what was asked for and has not happened."""
    return {behaviour.name for behaviour in asked - _ORDERLY if not happened(behaviour)}
