"""The form of an experiment file: its sections and keys, and what its changes may change."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from lstm_ablate.experiment.field_types import (
    CountOrAuto,
    Frozen,
    GridValues,
    Margin,
    Positive,
    Seeds,
)
from lstm_ablate.experiment.looks import UntilDecided, WrittenSeeds
from lstm_ablate.experiment.settings import Settings

VERSION = 1  # of the form
SEEDS = 10  # where an experiment says nothing of them
FREE = "x-"  # what the keys begin with that may hold anything, such as parts with anchors
# The sections that the changes of variants and of tasks reach into.
CHANGEABLE = {"variants": ("model", "training"), "tasks": ("data", "model", "training")}


def is_changeable(kind: str, path: str) -> bool:
    """Return whether variants or tasks can change what lies at a path of the form."""
    if (kind, path) == ("variants", "training.loss"):
        return False  # variants are compared by their loss, so they share it
    return "." in path and path.split(".", maxsplit=1)[0] in CHANGEABLE[kind]


def _whole(value: object) -> object:
    """Refuse `true` and `1.0`, which Python holds equal to 1."""
    if type(value) is not int:
        raise PydanticCustomError("int_type", "")
    return value


def _line(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("expected", "", {"what": "one line of printable text"})
    return value


class Tune(Frozen):
    """How a number is chosen for every variant alike, by runs that are never judged."""

    path: Annotated[
        str,
        Field(
            description=(
                "the number that is tuned, in model or training, such as"
                " training.optimizer.learning_rate"
            )
        ),
    ]
    grid: Annotated[
        GridValues,
        Field(description="the values that every variant tries, two at least"),
    ]
    seeds: Annotated[
        Seeds,
        Field(description="runs for each value, which share nothing with those that are judged"),
    ] = tuple(range(5))
    extend: Annotated[
        int,
        Field(
            ge=0,
            le=10,
            description=(
                "so many times a side the grid grows where the choice of a variant stands at its"
                " edge"
            ),
        ),
    ] = 2


class Analysis(Frozen):
    """How results are judged."""

    margin: Annotated[
        Margin,
        Field(description="ratios within this margin count as practically equivalent"),
    ] = 0.1
    stuck: Annotated[
        float,
        Field(
            gt=1,
            description=(
                "a run is stuck if it ends in order with a loss above so many times the median of"
                " its task and that of its variant"
            ),
        ),
    ] = 3.0


class Execution(Frozen):
    """How runs are carried out; never changes a number."""

    executor: Annotated[
        Literal["local", "ray"],
        Field(description="where: in processes on this machine, or on the nodes of a Ray cluster"),
    ] = "local"
    workers: Annotated[
        CountOrAuto,
        Field(description="processes; auto: one per core or GPU, as far as memory goes"),
    ] = "auto"
    timeout: Annotated[
        Positive,
        Field(
            description=(
                "seconds without the end of an epoch after which a worker is killed and its runs"
                " tried again"
            ),
        ),
    ] = 3600.0


class ExperimentFile(Settings):
    """An experiment of lstm-ablate."""

    version: Annotated[
        Literal[1], BeforeValidator(_whole), Field(description="the version of this form of file")
    ]
    name: Annotated[str, Field(description="names the experiment, and its folder under results/")]
    question: Annotated[
        str,
        Field(max_length=300, description="one line above the report"),
        AfterValidator(_line),
    ] = ""
    seeds: Annotated[
        WrittenSeeds,
        Field(
            description=(
                "n means 0..n-1; a list names them; {until: decided, step: 10, most: 60} stops at"
                " the look, after 10, 20, ... 60 seeds, where a verdict is reached"
            )
        ),
    ] = tuple(range(SEEDS))
    baseline: Annotated[str, Field(description="the variant that the others are compared with")]
    variants: Annotated[
        dict[str, dict[str, Any]],
        Field(
            min_length=1,
            description=(
                "what is compared: a name, and what it changes in model or training, as paths:"
                " relu: {model.activation: relu}; {} changes nothing"
            ),
        ),
    ]
    tasks: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description=(
            "settings in which the variants are compared, each alone: a name, and what it changes"
            " in data, model or training, as paths: long: {data.timesteps: 60}"
        ),
    )
    tune: Annotated[
        Tune | None,
        Field(description="what is chosen for every variant before it is judged; off by default"),
    ] = None
    activations: Annotated[
        dict[str, str],
        Field(
            default_factory=dict,
            description=(
                'one\'s own, each an expression in x: {snake: "x + sin(x)**2"}; `lstm-ablate'
                " activations` lists the functions in it"
            ),
        ),
    ]
    engine: Annotated[
        Literal["fused", "keras"],
        Field(description="the code that trains"),
    ] = "fused"
    group_size: Annotated[
        CountOrAuto,
        Field(
            description=(
                "runs that the fused engine trains at once; auto: what suits the CPU, or what fits"
                " the GPUs"
            ),
        ),
    ] = "auto"
    analysis: Annotated[Analysis, Field(description="how results are judged")] = Analysis()
    execution: Annotated[
        Execution, Field(description="how runs are carried out; never changes a number")
    ] = Execution()

    @property
    def every_seed(self) -> tuple[int, ...]:
        """The seeds that may be trained, in their order."""
        return self.seeds.most if isinstance(self.seeds, UntilDecided) else self.seeds

    @property
    def looks(self) -> tuple[int, ...]:
        """The numbers of seeds at which training may stop; none where all are trained."""
        return self.seeds.looks if isinstance(self.seeds, UntilDecided) else ()
