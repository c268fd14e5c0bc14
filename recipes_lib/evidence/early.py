"""The loss at a moment of a training: at an early stop, or at equal training loss."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recipes_lib.evidence.tuning import Metric, Run


def loss_when(
    train: Callable[..., Any], *, judge: str = "valid", enough: float | None = None
) -> Metric:
    """Make the metric of the loss after the first epoch in which that of the part `judge` is at
    most `enough`, infinite where it never is; without `enough`, where it is lowest: an early stop.

    `train(runs, seen=part)` trains with a part, "train", "valid" or "test", as its validation data.
    The metric trains by itself, so that a side is tuned with `list`.

    >>> study.tune(list, grid(lr=[0.1, 1.0]), loss_when(train))
    """

    def read(part: str, runs: Sequence[Run]) -> NDArray[np.float64]:
        tables = [train(list(runs), seen=one).table for one in dict.fromkeys([judge, part])]
        curves = [table.valid_loss.to_numpy().reshape(len(runs), -1) for table in tables]
        judged, wanted = curves[0], curves[-1]  # (runs, epochs)
        met = judged <= (judged.min(axis=1, keepdims=True) if enough is None else enough)
        values = wanted[np.arange(len(runs)), met.argmax(axis=1)]
        return np.where(met.any(axis=1), values, np.inf)

    return Metric("loss", "lower", partial(read, "valid"), partial(read, "test"))
