"""How soon a set training loss is reached: what "faster" is measured by, in steps."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recipes_lib.evidence.tuning import Metric


def steps_to_loss(target: float, smoothing: float = 0.1) -> Metric:
    """Make the metric of the steps until the training loss, smoothed by a running mean, falls
    below `target`; one more than were taken where it never does.

    >>> sooner = study.tune(train, grid(lr=[0.1, 1.0]), by=steps_to_loss(0.5))
    """

    def count(runs: Any) -> NDArray[np.float64]:
        import pandas as pd

        losses = pd.DataFrame(runs.step_losses.T.cpu().numpy())  # (steps, runs)
        met = losses.ewm(alpha=smoothing).mean().where(losses.notna()).to_numpy() < target
        return np.where(met.any(axis=0), met.argmax(axis=0) + 1.0, len(met) + 1.0)

    return Metric("steps", "lower", count, count)
