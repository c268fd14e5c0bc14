"""Overfitting and calibration of trained nets."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from recipes_lib.data.splits import Split, Splits
from recipes_lib.evidence.confidence import confidence


def runs_with(scale: float) -> Any:
    """One net that says the class of the pixel with odds of exp(scale), and errs in a quarter."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False))
    net[1].weight.data = scale * torch.eye(2)
    y = torch.tensor([0, 1, 0, 1] * 10)
    x = nn.functional.one_hot(y, 2).float().view(-1, 1, 1, 2)
    wrong = x.clone()
    wrong[::4] = wrong[::4].flip(3)
    splits = Splits(Split(x, y), Split(wrong, y), Split(wrong, y), ("a", "b"))
    return SimpleNamespace(runs=[{"seed": 0}], net=lambda row: net, draw=lambda seed: splits)


def test_confidence_above_accuracy_is_error_which_a_temperature_mends() -> None:
    (row,) = confidence(runs_with(6.0)).itertuples()
    assert row.accuracy == pytest.approx(0.75)
    expected = pytest.approx(torch.tensor(6.0).sigmoid().item() - 0.75, abs=1e-5)
    assert row.over == expected
    assert row.error == expected
    assert row.warm == pytest.approx(0, abs=0.01)
    assert row.gap == pytest.approx(0.25 * 6, abs=0.01)


def test_a_calibrated_net_has_no_error() -> None:
    (row,) = confidence(runs_with(torch.tensor(3.0).log().item())).itertuples()
    assert row.error == pytest.approx(0, abs=1e-6)
