"""Seeds that are trained until the answer is decided, and the looks at which it may be decided."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Discriminator, Field, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

from lstm_ablate.experiment.field_types import Count, Frozen, Seeds, seeds_schema
from lstm_ablate.experiment.nodes import Node, Place

STEP = 10  # seeds between two looks, if the config does not say
# The time for the exact counts of the looks grows with the square of it: 0.3 s for 1,000 seeds.
MAX_SEEDS = 1000


def _few(value: tuple[int, ...]) -> tuple[int, ...]:
    if len(value) > MAX_SEEDS:
        raise PydanticCustomError("seeds", f"at most {MAX_SEEDS:,} seeds until a decision")
    return value


class UntilDecided(Frozen):
    """As many seeds as a decision takes."""

    until: Annotated[Literal["decided"], Field(description="stop where a verdict is reached")]
    step: Annotated[Count, Field(description="seeds from one look to the next")] = STEP
    most: Annotated[
        Seeds,
        AfterValidator(_few),
        WithJsonSchema(seeds_schema(MAX_SEEDS)),
        Field(description="the last look: n means 0..n-1; a list names them in their order"),
    ]

    @property
    def looks(self) -> tuple[int, ...]:
        """The numbers of seeds at which training may stop: after every step, and at the end."""
        every = len(self.most)
        return (*range(self.step, every, self.step), every)


def _kind(value: object) -> str:
    return "until_decided" if isinstance(value, dict | UntilDecided) else "settled"


WrittenSeeds: TypeAlias = Annotated[
    Annotated[Seeds, Tag("settled")] | Annotated[UntilDecided, Tag("until_decided")],
    Discriminator(_kind),
]


def until_decided(document: Node, place: Place, otherwise: int) -> Node:
    """Return a document whose seeds are trained until the answer is decided.

    The seeds that it names become those of the last look; if it names none, there are `otherwise`
    seeds. A document that already asks for seeds until a decision stays as it is.
    """
    seeds = document.entries.get("seeds", Node(otherwise, place))
    if not document.entries or isinstance(seeds.value, dict):
        return document
    values: dict[str, Any] = {"until": Node("decided", place), "most": seeds}
    asked = Node(values, seeds.place, dict.fromkeys(values, seeds.place))
    keys = {**document.keys, "seeds": document.keys.get("seeds", place)}
    return Node({**document.entries, "seeds": asked}, document.place, keys)
