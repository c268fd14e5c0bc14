"""Accuracy on changed images."""

from functools import partial
from types import SimpleNamespace

import torch
from torch import nn

from recipes_lib.data.splits import Split
from recipes_lib.evidence.robust import accuracy_on, attacked, noisy


def sign_net(weight: float) -> nn.Module:
    """Class 1 where the one pixel is positive, or negative for a negative weight."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    net[1].weight.data, net[1].bias.data = torch.tensor([[0.0], [weight]]), torch.zeros(2)
    return net


SPLIT = Split(torch.tensor([-0.3, -0.1, 0.1, 0.3]).view(4, 1, 1, 1), torch.tensor([0, 0, 1, 1]))


def test_an_attack_turns_what_lies_within_its_reach() -> None:
    moved = attacked(SPLIT, 0, sign_net(1.0), reach=0.2)
    torch.testing.assert_close(moved.x.flatten(), torch.tensor([-0.1, 0.1, -0.1, 0.1]))
    runs = SimpleNamespace(
        runs=[{"seed": 0}],
        net=lambda row: sign_net(1.0),
        draw=lambda seed: SimpleNamespace(valid=SPLIT, test=SPLIT),
    )
    assert accuracy_on(partial(attacked, reach=0.05)).test(runs) == [1.0]
    assert accuracy_on(partial(attacked, reach=0.2)).test(runs) == [0.5]


def test_an_attack_through_another_net_follows_that_one() -> None:
    moved = attacked(SPLIT, 0, sign_net(1.0), reach=0.2, through={0: sign_net(-1.0)})
    torch.testing.assert_close(moved.x.flatten(), torch.tensor([-0.5, -0.3, 0.3, 0.5]))


def test_noise_is_the_same_for_all_nets_of_a_seed() -> None:
    one, other = (noisy(SPLIT, 3, sign_net(weight), std=0.5) for weight in (1.0, 2.0))
    assert one.x.equal(other.x)
    assert not one.x.equal(SPLIT.x)
