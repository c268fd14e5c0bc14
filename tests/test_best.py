"""Several searches as one."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from recipes_lib.evidence.best import best_of
from recipes_lib.evidence.study import Study
from recipes_lib.evidence.tuning import Metric

SCORE = Metric("score", "higher", np.asarray, np.asarray)


def worth(of: Callable[[float], float]) -> Callable[[Sequence[dict[str, Any]]], list[float]]:
    return lambda runs: [of(run["lr"]) + run["seed"] / 1e6 for run in runs]


def test_the_best_of_two_is_the_better_one_and_has_the_settings_of_both() -> None:
    study = Study(device="cpu")
    grid = [{"lr": 0.1}, {"lr": 1.0}]
    low, high = (study.tune(worth(of), grid, SCORE) for of in (lambda lr: lr, lambda lr: 2 - lr))
    both = best_of({"low": low, "high": high})
    assert both.best == {"side": "high", "lr": 0.1}
    assert len(both.settings) == 4
    assert both.values.tolist() == high.values.tolist()
    assert study.aa(both)["n"] == len(high.values)


def test_sides_of_different_metrics_are_refused() -> None:
    study, grid = Study(device="cpu"), [{"lr": 0.1}]
    one = study.tune(worth(float), grid, SCORE)
    other = study.tune(worth(float), grid, Metric("time", "lower", np.asarray, np.asarray))
    with pytest.raises(ValueError, match="metric"):
        best_of({"one": one, "other": other})
