"""Steps until a mark is reached."""

from types import SimpleNamespace

import numpy as np
import torch

from recipes_lib.evidence.sooner import first_met, steps_to_loss


def test_it_counts_the_steps_until_the_smoothed_loss_is_below() -> None:
    falling = torch.linspace(2, 0, 101)
    losses = torch.stack([falling, torch.full((101,), 2.0), falling * float("nan")])
    runs = SimpleNamespace(step_losses=losses)
    metric = steps_to_loss(1.0, smoothing=1.0)
    assert np.asarray(metric.valid(runs)).tolist() == [52, 102, 102]
    assert np.asarray(steps_to_loss(1.0).test(runs))[0] > 52


def test_the_first_that_is_met_counts_from_one_and_none_is_one_more_than_all() -> None:
    met = [[False, True, False], [True, True, True], [False, False, False]]
    assert first_met(met).tolist() == [2, 1, 4]
    assert first_met(torch.tensor(met)).tolist() == [2, 1, 4]
