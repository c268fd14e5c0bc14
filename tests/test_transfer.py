import pytest
import torch
from torch import nn

from recipes_lib.data.splits import Split
from recipes_lib.nets.transfer import Features, fine_tune, random_twin


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


def test_fine_tuning_learns_in_every_layer_and_keeps_batch_norm(net, images):
    train = Split(images, torch.arange(80) % 3)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    losses = fine_tune(net, train, lr=0.01, num_steps=40, batch_size=32, seed=1)
    kept = {name for name, value in net.state_dict().items() if value.equal(before[name])}
    assert kept == {
        f"1.2.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")
    }
    assert losses.shape == (40,)
    assert losses[-3:].mean() < 0.7 * losses[0]


def test_fine_tuning_repeats_by_seed(net, images):
    train = Split(images, torch.arange(80) % 3)
    state = {name: value.clone() for name, value in net.state_dict().items()}

    def losses(seed):
        net.load_state_dict(state)
        return fine_tune(net, train, lr=0.01, num_steps=4, batch_size=32, seed=seed)

    assert losses(1).equal(losses(1))
    assert not losses(1).equal(losses(2))
