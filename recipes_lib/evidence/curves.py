"""Tuned sides drawn: test values by size or one a row, tuning scores by one setting."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from recipes_lib.evidence.intervals import mean_interval
from recipes_lib.evidence.plots import band, effects
from recipes_lib.evidence.tuning import Tuned


def by_size(ax: Axes, sides: Mapping[Any, Tuned], **line: Any) -> None:
    """Draw what each side was worth on fresh replicates, by size, such as labels a class.

    >>> by_size(ax, {1: few_labels, 100: many_labels}, label="from scratch")
    """
    values = np.stack([side.values for side in sides.values()], axis=1)  # (replicates, sizes)
    ratio = next(iter(sides.values())).test_ratio
    band(ax, list(sides), values, test_ratio=ratio or 0.0, **{"marker": "o", **line})


def by_setting(ax: Axes, side: Tuned, name: str, **line: Any) -> None:
    """Draw what a side was chosen by: its score on tuning replicates at each value of a setting."""
    tried = [setting[name] for setting in side.settings]
    ratio = side.test_ratio or 0.0
    band(ax, tried, side.scores.T, test_ratio=ratio, **{"marker": ".", **line})


def by_side(ax: Axes, sides: Mapping[str, Tuned]) -> None:
    """Draw what each side was worth on fresh replicates, one a row, with its interval.

    >>> by_side(ax, {"dense": dense, "pruned": pruned})
    """
    values = np.stack([side.values for side in sides.values()], axis=1)  # (replicates, sides)
    ratio = next(iter(sides.values())).test_ratio
    bounds = np.stack(mean_interval(values, ratio or 0.0), axis=1)
    effects(ax, list(sides), values.mean(axis=0), bounds)
