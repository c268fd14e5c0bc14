from collections import OrderedDict

import pytest
import torch
from torch import nn

from recipes_lib.data.splits import Split, Splits
from recipes_lib.nets.models import mlp
from recipes_lib.nets.transfer import (
    Features,
    for_classes,
    new_head,
    random_twin,
    redraw,
    restarted,
    shuffled,
)
from recipes_lib.train import fit


class Counted(nn.Module):
    """Count the images that pass."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def forward(self, x):
        self.count += len(x)
        return x


@pytest.fixture
def net():
    torch.manual_seed(0)
    body = nn.Sequential(
        Counted(), nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5)
    )
    return nn.Sequential(nn.Identity(), body, nn.Linear(144, 3))


@pytest.fixture
def images():
    torch.manual_seed(1)
    return torch.rand(80, 1, 8, 8)


def test_each_image_goes_through_the_body_once(net, images):
    features = Features(net)
    seen = features(images)
    again = features(images.flip(0))
    net.eval()
    torch.testing.assert_close(seen, net[:-1](images))
    torch.testing.assert_close(again, seen.flip(0))
    assert features.body[1][0].count == 80


def test_features_stay_when_the_net_learns_on(net, images):
    features, wanted = Features(net), net.eval()[:-1](images)
    with torch.no_grad():
        net[1][1].weight.zero_()
    torch.testing.assert_close(features(images), wanted)


def test_equal_images_share_an_entry(net, images):
    features = Features(net)
    features(images[:1].expand(5, -1, -1, -1))
    assert features.body[1][0].count == 1


def test_a_random_twin_shares_layers_and_no_weight(net, images):
    twin = random_twin(net, images, seed=5)
    pairs = zip(net.parameters(), twin.parameters(), strict=True)
    learned = [(one, other) for one, other in pairs if one.dim() > 1]
    assert not any((one == other).any() for one, other in learned)
    again = random_twin(net, images, seed=5)
    torch.testing.assert_close(twin(images), again(images))


def test_a_random_twin_normalizes_by_its_images_and_leaves_the_draws_alone(net, images):
    torch.manual_seed(7)
    wanted = torch.rand(1)
    torch.manual_seed(7)
    twin = random_twin(net, images, seed=5)
    assert torch.rand(1) == wanted
    mean = twin[1][:2](images).mean(dim=(0, 2, 3))
    torch.testing.assert_close(twin[1][2].running_mean, mean)


def test_a_new_head_is_drawn_like_torch_s_and_from_a_stream_of_its_own():
    torch.manual_seed(3)
    first = nn.Linear(64, 10)
    torch.manual_seed(3)
    head = new_head(64, 10, seed=3).requires_grad_(False)
    assert nn.Linear(64, 10).weight.shape == head.weight.shape
    assert not (head.weight == first.weight).any()
    assert head.weight.abs().max().item() == pytest.approx(1 / 8, rel=0.02)
    assert head.weight.std().item() == pytest.approx(first.weight.std().item(), rel=0.1)
    assert head.weight.equal(new_head(64, 10, seed=3).weight)
    assert not head.weight.equal(new_head(64, 10, seed=4).weight)


def test_shuffled_weights_are_the_same_values_elsewhere(net):
    mixed = shuffled(net, seed=0)
    for before, after in zip(net.parameters(), mixed.parameters(), strict=True):
        assert after.flatten().sort().values.equal(before.flatten().sort().values)
    assert not mixed[2].weight.equal(net[2].weight)
    assert mixed[2].weight.equal(shuffled(net, seed=0)[2].weight)


def test_a_net_for_other_classes_learns_everywhere_and_keeps_its_statistics(net, images):
    parts = OrderedDict(zip(("pixels", "body", "head"), net, strict=True))
    source = nn.Sequential(parts)
    mine = for_classes(source, 5, seed=0)
    assert mine.head.weight.equal(new_head(144, 5, seed=0).weight)
    before = {name: value.clone() for name, value in mine.state_dict().items()}
    part = Split(images, torch.arange(80) % 5)
    splits = Splits(part, part, part, tuple("abcde"))
    fit(mine, splits, num_steps=3, batch_size=32, optimizer="adamw", lr=0.01)
    kept = {name for name, value in mine.state_dict().items() if value.equal(before[name])}
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    assert kept == {f"body.2.{name}" for name in statistics}
    assert source.head.out_features == 3
    assert source.body[1].weight.equal(before["body.1.weight"])


def test_a_restarted_net_has_the_source_s_body_and_a_new_head():
    source, own = mlp((4,), 7, hidden=(5,)), mlp((4,), 3, hidden=(5,))
    made = restarted(mlp((4,), 3, hidden=(5,)), source, seed=2)
    assert made[1].weight.equal(source[1].weight)
    assert made[1].weight is not source[1].weight
    assert made[-1].weight.equal(new_head(5, 3, seed=2).weight)
    first = own[1].weight.clone()
    alone = restarted(own, None, seed=2)
    assert alone[1].weight.equal(first)
    assert alone[-1].weight.equal(new_head(5, 3, seed=2).weight)


def test_redrawing_gives_the_weights_that_a_new_net_would_have():
    def make():
        return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3))

    net = make()
    nn.init.constant_(net[1].weight, 7.0)
    torch.manual_seed(3)
    redraw(net)
    torch.manual_seed(3)
    for mine, wanted in zip(net.parameters(), make().parameters(), strict=True):
        assert mine.equal(wanted)
