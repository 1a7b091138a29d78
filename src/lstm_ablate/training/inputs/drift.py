"""Values in the later parts of the user's own data that lie beyond the range of the training part.

A series that grows is tested on values that no network has seen. The test loss then says how a
network goes on beyond what it was trained on, and a report can say so only after hours of training.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SHARE = 0.1  # of the values of a part, as in the diagnosis of a report
_SHOWN = 3  # columns


def between(names: Sequence[str], parts: Sequence[Array]) -> Iterator[str]:
    """Yield what is to be said of the parts of some data: training, validation and test.

    Each part is an array [..., F]; `names` are what messages call the F features.
    """
    train, validation, test = (part.reshape(-1, part.shape[-1]) for part in parts)
    if not (len(train) and len(test)):
        return
    low, high = train.min(axis=0), train.max(axis=0)
    shares = [
        np.mean((part < low) | (part > high), axis=0) if len(part) else np.zeros(len(low))
        for part in (test, validation)
    ]
    beyond = [index for index in range(len(names)) if shares[0][index] >= _SHARE]
    if not beyond:
        return
    shown = [
        f"{names[index]}: {_percent(shares[0][index])} of the values of the test part and"
        f" {_percent(shares[1][index])} of the validation part lie beyond the range of the training"
        f" part, {low[index]:g} to {high[index]:g}"
        for index in beyond[:_SHOWN]
    ]
    more = len(beyond) - _SHOWN
    rest = f"; and so {more} other{'s' * (more > 1)}" if more > 0 else ""
    yield (
        f"{'; '.join(shown)}{rest}. Test losses will say how a network goes on beyond what it was"
        " trained on. Where values have a trend, train on their changes from row to row, such as"
        " differences or growth rates; otherwise choose parts that are alike (`data.split`)"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"
