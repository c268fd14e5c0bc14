"""How soon a mark is reached, such as a set training loss: what "faster" is measured by."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recipes_lib.evidence.tuning import Metric


def first_met(met: ArrayLike) -> NDArray[np.int64]:
    """Count up to the first that is true in each row of `met` (runs, times), from 1; one more than
    there are where none is.

    >>> first_met([[False, True, True], [False, False, False]])
    array([2, 4])
    """
    rows = np.asarray(met, dtype=bool)
    before: NDArray[np.int64] = np.where(rows.any(axis=1), rows.argmax(axis=1), rows.shape[1])
    return before + 1


def steps_to_loss(target: float, smoothing: float = 0.1) -> Metric:
    """Make the metric of the steps until the training loss, smoothed by a running mean, falls
    below `target`; one more than were taken where it never does.

    >>> sooner = study.tune(train, grid(lr=[0.1, 1.0]), by=steps_to_loss(0.5))
    """

    def count(runs: Any) -> NDArray[np.float64]:
        import pandas as pd

        losses = pd.DataFrame(runs.step_losses.T.cpu().numpy())  # (steps, runs)
        below = losses.ewm(alpha=smoothing).mean().where(losses.notna()) < target
        return first_met(below.T).astype(float)

    return Metric("steps", "lower", count, count)
