"""Optimizers on quadratics: paths that can be told by hand."""

from functools import cache, partial

import pytest
import torch

from recipes_lib import fit_many, grid, mlp
from recipes_lib.data.made import texts
from recipes_lib.optim.descent import (
    descend,
    excess,
    recorded,
    rectifier,
    replayed,
    steps_to_stay,
    travel,
    valleys,
    walk,
)


def test_gradient_descent_shrinks_by_one_factor_a_step() -> None:
    path = walk("sgd", lambda _, w: w, torch.ones(2, 3), grid(lr=[0.1, 0.5]), 20)
    assert path.shape == (2, 21, 3)
    torch.testing.assert_close(path[:, 20, 0], torch.tensor([0.9**20, 0.5**20]))
    assert steps_to_stay(path).tolist() == [21, 4]  # 0.9 ** 20 is above a tenth


def test_each_run_has_settings_of_its_own_and_sees_the_step() -> None:
    seen: list[int] = []

    def gradient(step: int, w: torch.Tensor) -> torch.Tensor:
        seen.append(step)
        return torch.ones_like(w)

    runs = grid(lr=[1.0], momentum=[0.0, 0.9], seed=[3])
    path = walk("sgd", gradient, torch.zeros(2, 1), runs, 2)
    assert seen == [0, 1]
    torch.testing.assert_close(path[:, 2, 0], -torch.tensor([2.0, 2.9]))


def test_muon_cannot_walk() -> None:
    with pytest.raises(ValueError, match="updates whole nets"):
        walk("muon", lambda _, w: w, torch.ones(1, 2), grid(lr=[0.1]), 1)


@pytest.mark.parametrize("aligned", [True, False])
def test_a_valley_has_the_curvatures_that_are_asked_for(aligned: bool) -> None:
    hessians, starts = valleys([0, 1], 100, 3, aligned=aligned)
    assert starts.shape == (2, 3)
    expected = torch.tensor([0.01, 0.1, 1.0]).expand(2, 3)
    torch.testing.assert_close(torch.linalg.eigvalsh(hessians), expected, rtol=0, atol=1e-6)
    diagonal = torch.diag_embed(hessians.diagonal(dim1=1, dim2=2))
    assert torch.equal(hessians, diagonal) == aligned


def test_a_path_that_does_not_swing_travels_its_distance_and_one_that_swings_more() -> None:
    runs = grid(lr=[0.5, 1.9], seed=[0])
    hessian, path = descend("sgd", 2000, runs, condition=100, size=2)
    steepest = torch.linalg.eigh(hessian).eigenvectors[0, :, -1]
    first = (path[0, 0] @ steepest).abs() / path[0, 0].norm()
    way = travel(hessian, path)
    assert way[0] == pytest.approx(first.item(), rel=1e-3)
    assert way[1] > 10 * way[0]


def test_a_regression_on_a_stream_learns_its_slopes_and_a_high_rate_does_not() -> None:
    runs = grid(lr=[1e-5, 1e-2, 10.0], seed=[0, 1])
    idle, learned, lost = excess(runs, num_points=2000).view(3, 2)
    assert (learned < 0.2 * idle).all()
    assert not (lost < 1e6).any()


def test_the_order_of_the_points_matters() -> None:
    runs = grid(lr=[1e-2], momentum=[0.9], seed=[0])
    assert excess(runs) != excess(runs, mixed=True)


def test_recorded_gradients_lead_the_same_way_again() -> None:
    draw = cache(lambda seed: texts(seed))
    train = partial(fit_many, partial(mlp, (1, 1, 256), 4, hidden=()), draw, num_steps=6)
    train = partial(train, batch_size=100, optimizer="sgd")
    runs = grid(lr=[0.5, 1.0], seed=[0])
    grads = recorded(train, runs)
    assert grads.shape == (2, 5, 1028)
    assert torch.equal(grads[0, 0] == 0, grads[1, 0] == 0)
    moved = replayed("sgd", grads, lr=0.5)
    torch.testing.assert_close(moved, -0.5 * grads)
    assert not torch.allclose(replayed("adam", grads, lr=0.5), moved)


def test_the_rectifier_is_what_makes_radam_of_adam() -> None:
    grads = torch.randn(2, 40, 3, generator=torch.Generator().manual_seed(0)).double()
    ours, adam = (replayed(kind, grads, lr=1.0, eps=1e-30) for kind in ("radam", "adam"))
    factor = rectifier(40)
    assert (factor[:5] == 0).all()
    torch.testing.assert_close(ours[:, 5:], factor[5:, None] * adam[:, 5:], rtol=0, atol=1e-9)
