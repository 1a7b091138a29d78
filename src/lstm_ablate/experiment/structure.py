"""The structure of settings: what a program is compiled for, without the numbers that it is given.

Compiling the default network takes 4 s, as long as a dozen of its epochs, and a program does not
change with a learning rate. Therefore runs that differ only in numbers share groups, a program, and
the worker that has compiled it. Such numbers are the learning rate, the weight decay, the betas,
rho, epsilon, the amount of momentum and the norm to which gradients are clipped. Initial weights
are arguments of the program too, whatever their distribution. Whether there is momentum or clipping
at all is structure, because without it a program remembers and computes less. Epochs and `select`
belong to the loop around the program, and are not part of the structure either.
"""

from dataclasses import dataclass
from typing import Literal

from lstm_ablate.experiment.settings import (
    SGD,
    SITES,
    Data,
    Model,
    Optimizer,
    RMSprop,
    Settings,
)


@dataclass(frozen=True)
class OptimizerStructure:
    """An optimizer without its numbers."""

    name: Literal["adam", "adamw", "sgd", "rmsprop"]
    momentum: bool  # whether sgd or rmsprop has momentum; False for adam, whose own is not meant
    nesterov: bool
    clipped: bool  # whether there is a `global_clipnorm`


@dataclass(frozen=True)
class TrainingStructure:
    """The part of `training` that a program is compiled for."""

    optimizer: OptimizerStructure
    batch_size: int
    loss: Literal["mse", "mae", "huber"]
    dtype: Literal["float32", "float64"]


@dataclass(frozen=True)
class Structure:
    """What a program is compiled for. Runs of equal structure can share a program."""

    data: Data  # because of the shapes; those of a file are known only when it has been read
    model: Model
    training: TrainingStructure


# The program is the same, whatever the initial weights are.
_INITIALIZERS = {
    name: Model.model_fields[name].default
    for name in ("kernel_initializer", "recurrent_initializer", "unit_forget_bias")
}


def structure_of(settings: Settings) -> Structure:
    """Return the structure of settings.

    A new key of `model` or `training` is part of it, unless engines take its value as an argument,
    as they take initial weights.
    """
    training, model = settings.training, settings.model
    canonical = _INITIALIZERS | {"activation": None} | {site: model.site(site) for site in SITES}
    return Structure(
        settings.data,
        model.model_copy(update=canonical),
        TrainingStructure(
            _optimizer(training.optimizer), training.batch_size, training.loss, training.dtype
        ),
    )


def _optimizer(optimizer: Optimizer) -> OptimizerStructure:
    return OptimizerStructure(
        name=optimizer.name,
        momentum=isinstance(optimizer, SGD | RMSprop) and optimizer.momentum > 0,
        nesterov=isinstance(optimizer, SGD) and optimizer.nesterov,
        clipped=optimizer.global_clipnorm is not None,
    )
