"""Losses at a moment of a training."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from recipes_lib.evidence.early import loss_when

CURVES = {
    "train": [[3.0, 2.0, 1.0], [3.0, 3.0, 3.0]],
    "valid": [[3.0, 1.0, 2.0], [5.0, 4.0, 4.5]],
    "test": [[7.0, 8.0, 9.0], [1.0, 2.0, 3.0]],
}


def train(runs: list[dict[str, Any]], seen: str) -> Any:
    return SimpleNamespace(table=pd.DataFrame({"valid_loss": np.ravel(CURVES[seen])}))


def test_an_early_stop_reads_the_epoch_of_lowest_validation_loss() -> None:
    metric = loss_when(train)
    runs = [{"lr": 0.1}, {"lr": 1.0}]
    assert np.asarray(metric.valid(runs)).tolist() == [1.0, 4.0]
    assert np.asarray(metric.test(runs)).tolist() == [8.0, 2.0]


def test_a_training_loss_that_is_never_met_is_infinite() -> None:
    metric = loss_when(train, judge="train", enough=2.5)
    assert np.asarray(metric.test([{}, {}])).tolist() == [8.0, np.inf]
