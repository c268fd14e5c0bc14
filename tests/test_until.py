import pytest
import torch
from torch import nn

from recipes_lib.data.splits import Split, Splits
from recipes_lib.sweep.until import steps_until


@pytest.fixture
def splits():
    """Two classes, told apart by the sign of the first value."""
    torch.manual_seed(0)
    x = torch.randn(64, 2)
    part = Split(x, (x[:, 0] > 0).long())
    return Splits(part, part, part, ("less", "more"))


def net():
    made = nn.Linear(2, 2)
    nn.init.zeros_(made.weight)  # so that all images are of one class at first
    nn.init.zeros_(made.bias)
    return made


def steps(splits, accuracy, lr, make_net=net, **how):
    runs = [{"lr": lr, "seed": 0}]
    return int(steps_until(accuracy, make_net, lambda seed: splits, runs, batch_size=16, **how)[0])


def test_it_stops_where_the_accuracy_is_reached(splits):
    made = net()
    taken = steps(splits, 0.95, lr=0.01, make_net=lambda: made)
    assert 0 < taken < 500
    assert taken % 2 == 0
    right = made(splits.valid.x).argmax(1) == splits.valid.y
    assert right.float().mean() >= 0.95


def test_a_higher_rate_takes_fewer_steps_and_a_higher_aim_more(splits):
    assert steps(splits, 0.95, lr=0.1) < steps(splits, 0.95, lr=0.001)
    assert steps(splits, 0.7, lr=0.001) <= steps(splits, 0.99, lr=0.001)


def test_each_run_has_the_net_and_the_splits_of_its_seed(splits):
    made, drawn = [], []

    def make_net(seed):
        made.append((seed, torch.initial_seed()))
        return net()

    def draw(seed):
        drawn.append(seed)
        return splits

    runs = [{"lr": 0.1, "seed": 3}, {"lr": 0.001, "seed": 4}]
    taken = steps_until(0.95, make_net, draw, runs, batch_size=16)
    assert (made, drawn) == ([(3, 3), (4, 4)], [3, 4])
    assert taken[0] < taken[1]


def test_it_gives_up_after_the_most_steps(splits):
    assert steps(splits, 1.1, lr=0.01, most=7) == 7


def test_it_looks_after_every_so_many_steps(splits):
    assert steps(splits, 0.0, lr=0.01, every=5) == 5


def test_batch_norm_trains_between_looks(splits):
    made = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2))
    steps(splits, 1.1, lr=0.01, make_net=lambda: made, most=6)
    assert made[0].num_batches_tracked == 6


def test_an_accuracy_that_is_just_reached_is_reached(splits):
    assert steps(splits, 1.0, lr=0.1, most=400) < 400
