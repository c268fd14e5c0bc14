from collections import OrderedDict

import pytest
import torch
from torch import nn

from recipes_lib.data.splits import Split, Splits
from recipes_lib.nets.transfer import new_head
from recipes_lib.sweep.runs import grid
from recipes_lib.sweep.transfer import fit_heads, fit_whole


def splits(shape):
    torch.manual_seed(0)
    y = torch.arange(48) % 3
    x = torch.randn(48, *shape) + y.view(-1, *[1] * len(shape))
    return Splits(Split(x, y), Split(x, y), Split(x, y), ("ant", "bee", "fly"))


@pytest.fixture
def features():
    return splits((6,))


@pytest.fixture
def images():
    return splits((1, 4, 4))


@pytest.fixture
def net():
    torch.manual_seed(1)
    body = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten())
    return nn.Sequential(OrderedDict(pixels=nn.Identity(), body=body, head=nn.Linear(8, 7)))


def test_heads_begin_as_new_ones_of_their_seeds_and_learn(features):
    runs = grid(lr=[1e-9, 0.1], seed=[3, 4])
    heads = fit_heads(lambda seed: features, runs, num_steps=40, batch_size=16)
    still = heads.net(0)[-1].weight
    torch.testing.assert_close(still, new_head(6, 3, seed=3).weight, atol=1e-6, rtol=0)
    assert heads.last.valid_accuracy[2:].min() > 0.6
    assert heads.step_losses.shape == (4, 40)


def test_whole_nets_begin_with_the_source_s_body_and_a_new_head(net, images):
    runs = grid(lr=[1e-9], seed=[3, 4])
    tuned = fit_whole(net, lambda seed: images, runs, num_steps=1, batch_size=16)
    for row, seed in enumerate((3, 4)):
        mine = tuned.net(row)
        assert mine.head.weight.shape == (3, 8)
        close = {"atol": 1e-6, "rtol": 0}
        torch.testing.assert_close(mine.body[0].weight, net.body[0].weight, **close)
        torch.testing.assert_close(mine.head.weight, new_head(8, 3, seed).weight, **close)


def test_whole_nets_move_in_every_layer_and_keep_their_statistics(net, images):
    runs = grid(lr=[0.01], seed=[3])
    mine = fit_whole(net, lambda seed: images, runs, num_steps=5, batch_size=16).net(0)
    assert not mine.body[0].weight.equal(net.body[0].weight)
    assert mine.body[1].running_mean.equal(net.body[1].running_mean)


def test_whole_nets_begin_with_the_heads_of_their_seeds(net, images):
    net.eval()
    with torch.no_grad():
        seen = [Split(net[:-1](part.x), part.y) for part in (images.train, images.valid)]
    described = Splits(*seen, seen[1], images.classes)
    heads = fit_heads(
        lambda seed: described, grid(lr=[0.1], seed=[4, 3]), num_steps=9, batch_size=16
    )
    runs, how = grid(lr=[1e-9], seed=[3, 4]), {"num_steps": 1, "batch_size": 16}
    tuned = fit_whole(net, lambda seed: images, runs, heads=heads, **how)
    for row, other in ((0, 1), (1, 0)):
        wanted = heads.net(other)[-1].weight
        torch.testing.assert_close(tuned.net(row).head.weight, wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", ["heads", "whole"])
def test_adamw_trains_unless_another_is_named(net, features, images, kind):
    def losses(**own):
        runs, how = grid(lr=[0.1], seed=[3]), {"num_steps": 5, "batch_size": 16, **own}
        if kind == "heads":
            return fit_heads(lambda seed: features, runs, **how).step_losses
        return fit_whole(net, lambda seed: images, runs, **how).step_losses

    assert losses().equal(losses(optimizer="adamw"))
    assert not losses().equal(losses(optimizer="adam"))
