"""Weight decay that follows the gradient."""

from functools import partial
from typing import Any

import pytest
import torch

from recipes_lib.data.splits import Split, Splits
from recipes_lib.nets.models import mlp
from recipes_lib.optim.decay import adaptive_decay
from recipes_lib.sweep.many import fit_many
from recipes_lib.sweep.runs import grid


def test_it_decays_by_the_ratio_of_the_lengths_of_gradient_and_weights() -> None:
    adaptive, w, grad = adaptive_decay(), torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 10.0]])
    assert adaptive.update
    state, step = adaptive.init(w), torch.tensor(1.0)
    strength = torch.full((1, 1), 0.9 * 0.1 * 10 / 5)
    expected = w - 0.5 * (grad + strength * w)
    adaptive.update(w, grad, state, step, {**adaptive.defaults, "lr": 0.5, "weight_decay": 0.1})
    torch.testing.assert_close(w, expected)
    again = 0.1 * strength + 0.9 * 0.1 * 10 / w.norm()
    expected = w - 0.5 * (grad + again * w)
    adaptive.update(w, grad, state, step, {**adaptive.defaults, "lr": 0.5, "weight_decay": 0.1})
    torch.testing.assert_close(w, expected)


def test_nets_are_trained_in_a_stack_and_refused_alone() -> None:
    images = Split(torch.rand(20, 1, 2, 2), torch.arange(20) % 2)
    splits, make = Splits(images, images, images, ("a", "b")), partial(mlp, (1, 2, 2), 2, (3,))
    runs = grid(weight_decay=[0.0, 0.5], lr=[0.1])
    told: dict[str, Any] = {"optimizer": adaptive_decay(), "num_steps": 2, "batch_size": 5}
    weights = fit_many(make, splits, runs, strategy="stacked", **told).weights["1.weight"]
    assert not weights[0].equal(weights[1])
    with pytest.raises(ValueError, match="stacked"):
        fit_many(make, splits, runs, strategy="sequential", **told)
