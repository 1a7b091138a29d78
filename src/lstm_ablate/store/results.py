"""The one description of a result, from which records, engines and `runs.csv` take their shape.

A field that `runs.csv` shows carries its `Column`. Whoever adds a field adds it here, and fills it
where it is known: what training gives in `training.engines.result_of`, what the windows say in
`training.work`.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from lstm_ablate.experiment.identity import Purpose


@dataclass(frozen=True)
class Column:
    """Marks a field as a column of `runs.csv`, with this dtype of pandas.

    Columns have the order of the fields, unless one names another column to follow.
    """

    dtype: str
    after: str | None = None


class Shape(BaseModel):
    """What those who read records count on; there may be more."""

    model_config = ConfigDict(strict=True, frozen=True)


# The loss of an epoch. In a diverged run it may be NaN or infinite, which in JSON is null.
EpochLoss = Annotated[
    float,
    BeforeValidator(lambda loss: math.nan if loss is None else loss),
    PlainSerializer(
        lambda loss: loss if math.isfinite(loss) else None,
        return_type=float | None,
        when_used="json",
    ),
]


class Result(Shape):
    """What training a run gave, with losses in the units of `training.loss`.

    `best_epoch` (from 1) is the epoch that `training.select` chooses; `train_loss`,
    `validation_loss` and `test_loss` belong to it. In a diverged run these four are None. In a
    tuning run, which has no test windows, `test_loss` is None. The lists have one loss for each
    epoch that ran.
    """

    status: Annotated[Literal["ok", "diverged"], Column("str")]
    epochs: Annotated[int, Field(ge=1), Column("Int64")]
    best_epoch: Annotated[int | None, Column("Int64")]
    parameters: Annotated[int, Column("Int64")]
    train_loss: Annotated[float | None, Column("float64")]
    validation_loss: Annotated[float | None, Column("float64")]
    test_loss: Annotated[float | None, Column("float64")]
    diverged_epoch: Annotated[int | None, Column("Int64")]
    train_losses: list[EpochLoss]
    validation_losses: list[EpochLoss]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not self.epochs == len(self.train_losses) == len(self.validation_losses):
            raise ValueError("there must be one loss for each epoch")
        if self.status == "ok" and self.validation_loss is None:
            raise ValueError("a run that ended in order must have a validation loss")
        if self.status == "diverged" and self.diverged_epoch is None:
            raise ValueError("a diverged run must have the epoch at which it diverged")
        return self


PartName = Literal["train", "validation", "test"]


class Part(Shape):
    """What the windows of a part of the data contain, in the units that a network sees.

    `mean`, `variance`, `low` and `high` are those of all values together. `outside` is the share of
    the values beyond the range of their feature in the training windows. `ceiling` is the loss of
    predicting each feature's mean over the windows of this part.
    """

    mean: float
    variance: float
    low: float
    high: float
    outside: float
    ceiling: float


class Recorded(Result):
    """What a record holds of a trained run: its result and what its windows say.

    `floor` and `ceiling` are the losses, on test windows, of a perfect reconstruction and of
    predicting the mean of these windows. `linear` is that of the best linear code with as many
    numbers as the decoder sees. It is 0 if these are at least as many as a window has, because then
    nothing is compressed. `parts` describe the windows of each part that the run has; records that
    were written before the field existed have none. `windows` and `reconstructions` [N][T] are the
    first feature of the first test windows and of the network's reconstructions of them.
    """

    floor: float
    ceiling: Annotated[float | None, Column("float64", after="test_loss")]
    linear: Annotated[float | None, Column("float64", after="ceiling")]
    parts: dict[PartName, Part] = {}
    windows: list[list[float]] = []
    reconstructions: list[list[float]] = []

    @model_validator(mode="after")
    def _has_a_value_for_each_of_the_windows(self) -> Self:
        if list(map(len, self.windows)) != list(map(len, self.reconstructions)):
            raise ValueError("there must be one reconstructed value for each value of the windows")
        return self

    def has_what_it_must(self, purpose: Purpose) -> bool:
        """Return whether the values that come from test windows are there if the run has test
        windows, and only then.
        """
        evaluated = purpose == "evaluation"
        tested = evaluated and self.status == "ok"
        return (self.test_loss is not None) == tested and all(
            (reference is not None) == evaluated for reference in (self.ceiling, self.linear)
        )


class Failed(Shape):
    """What a record holds of a run that crashed or timed out, twice."""

    status: Literal["failed"]
    message: str


def columns() -> dict[str, str]:
    """Return the columns of `runs.csv` that a result fills, in their order, each with its dtype."""
    order: list[tuple[str, str]] = []
    for name, field in Recorded.model_fields.items():
        for column in field.metadata:
            if isinstance(column, Column):
                names = [other for other, _ in order]
                place = names.index(column.after) + 1 if column.after else len(order)
                order.insert(place, (name, column.dtype))
    return dict(order)
