import sys
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipes_lib.data.sets import load
from recipes_lib.data.splits import Split, Splits
from recipes_lib.nets.models import mlp
from recipes_lib.optim import schedules
from recipes_lib.progress import progress
from recipes_lib.train import evaluate, fit


@pytest.fixture(scope="module")
def splits() -> Splits:
    return load("digits")


def make_net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return mlp((1, 8, 8), 10, (16,))


def assert_same(ours: nn.Module, theirs: nn.Module) -> None:
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other)


def test_fit_is_the_plain_loop(splits: Splits) -> None:
    net, by_hand, losses = make_net(), make_net(), []
    history = fit(
        net,
        splits,
        num_epochs=2,
        batch_size=100,
        lr=0.2,
        momentum=0.9,
        schedule=schedules.cosine(),
        seed=5,
    )
    stepper = torch.optim.SGD(by_hand.parameters(), lr=0.2, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(stepper, 22)
    generator = torch.Generator().manual_seed(5)
    for _ in range(2):
        for index in torch.randperm(len(splits.train), generator=generator).split(100):
            loss = F.cross_entropy(by_hand(splits.train.x[index]), splits.train.y[index])
            losses.append(loss.item())
            loss.backward()
            stepper.step()
            stepper.zero_grad()
            scheduler.step()
    assert_same(net, by_hand)
    assert history.step_losses.tolist() == pytest.approx(losses, rel=1e-4)
    assert list(history.table) == ["epoch", "train_loss", "valid_loss", "valid_accuracy"]
    assert list(history.table.epoch) == [1, 2]
    assert history.table.train_loss.tolist() == pytest.approx(
        [sum(losses[:11]) / 11, sum(losses[11:]) / 11], rel=1e-4
    )
    assert tuple(history.table.iloc[-1, 2:]) == pytest.approx(evaluate(net, splits.valid), rel=1e-6)


def test_it_learns(splits: Splits) -> None:
    net = make_net()
    before, _ = evaluate(net, splits.valid)
    history = fit(
        net,
        splits,
        num_epochs=10,
        batch_size=32,
        optimizer="adam",
        lr=0.01,
        schedule=schedules.one_cycle(),
    )
    assert history.table.valid_loss.iloc[-1] < before / 3
    assert history.table.valid_accuracy.iloc[-1] > 0.9


def test_evaluate_is_the_mean_over_all_images_in_evaluation_mode(splits: Splits) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(64, 10)).train()
    many = Split(
        splits.train.x.repeat(2, 1, 1, 1), splits.train.y.repeat(2)
    )  # more than fit in one go
    outputs = net[2](many.x.flatten(1))
    loss, accuracy = evaluate(net, many)
    assert loss == pytest.approx(F.cross_entropy(outputs, many.y).item(), rel=1e-5)
    assert accuracy == pytest.approx((outputs.argmax(1) == many.y).double().mean().item())


def test_the_seed_draws_the_order_and_nothing_else(splits: Splits) -> None:
    def losses(seed: int) -> Tensor:
        return fit(make_net(), splits, num_epochs=1, batch_size=50, lr=0.1, seed=seed).step_losses

    assert torch.equal(losses(1), losses(1))
    assert not torch.equal(losses(1), losses(2))


@pytest.mark.parametrize("seed", [np.int64(5), 2**63 - 1])
def test_a_seed_may_be_numpy_s_or_large(splits: Splits, seed: Any) -> None:
    def losses(seed: Any) -> Tensor:
        return fit(make_net(), splits, num_steps=2, batch_size=50, lr=0.1, seed=seed).step_losses

    assert torch.equal(losses(seed), losses(int(seed)))


def test_test_images_are_not_touched(splits: Splits) -> None:
    hidden = replace(splits, test=None)  # type: ignore[arg-type]
    fit(make_net(), hidden, num_epochs=1, batch_size=100, lr=0.1)


def test_smoothing_is_for_training_alone(splits: Splits) -> None:
    history = fit(
        make_net(), splits, num_epochs=1, batch_size=len(splits.train), lr=0.0, label_smoothing=0.2
    )
    outputs = make_net()(splits.train.x)
    expected = F.cross_entropy(outputs, splits.train.y, label_smoothing=0.2)
    assert history.table.train_loss[0] == pytest.approx(expected.item(), rel=1e-5)
    assert history.table.valid_loss[0] == pytest.approx(
        evaluate(make_net(), splits.valid)[0], rel=1e-5
    )


def test_augmentation_maps_each_batch(splits: Splits) -> None:
    shapes = []

    def augment(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        shapes.append(tuple(x.shape))
        return torch.zeros_like(x), y

    flat = fit(
        make_net(), splits, num_epochs=1, batch_size=500, lr=0.0, augment=augment
    ).step_losses
    assert shapes == [(500, 1, 8, 8), (500, 1, 8, 8), (len(splits.train) - 1000, 1, 8, 8)]
    assert not torch.isclose(
        flat, fit(make_net(), splits, num_epochs=1, batch_size=500, lr=0.0).step_losses
    ).any()


def test_frozen_weights_stay(splits: Splits) -> None:
    net = make_net()
    net[1].weight.requires_grad_(False)  # type: ignore[index]
    before = net[1].weight.clone()  # type: ignore[index]
    fit(net, splits, num_epochs=1, batch_size=100, lr=0.5)
    assert torch.equal(net[1].weight, before)  # type: ignore[index]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_epochs": 0}, "num_epochs is 0; give a whole number from 1"),
        ({"batch_size": 0}, "batch_size is 0; give a whole number from 1"),
        ({"batch_size": 5000}, "batch_size is 5000; there are only 1077 training images"),
        ({"seed": 1.5}, "seed is 1.5; give a whole number"),
        ({"seed": "one"}, "seed is 'one'; give a whole number"),
        ({"num_epochs": 2.5}, "num_epochs is 2.5; give a whole number"),
        ({"optimizer": "sdg"}, "optimizer 'sdg' is unknown; did you mean 'sgd'"),
        ({"momentun": 0.9}, "hyperparameter 'momentun' is unknown; did you mean 'momentum'"),
        ({"beta1": 0.9}, "hyperparameter 'beta1' is unknown"),
        ({"lr": -1.0}, "Invalid learning rate"),
        ({"nesterov": True}, "Nesterov momentum requires a momentum"),
    ],
)
def test_bad_input_is_refused_in_one_line_before_training(
    splits: Splits, change: dict[str, Any], message: str
) -> None:
    net = make_net()
    with pytest.raises(ValueError, match=message) as raised:
        fit(net, splits, **{"num_epochs": 1, "batch_size": 10, **change})
    assert "\n" not in str(raised.value)
    assert_same(net, make_net())


def test_one_class_is_refused(splits: Splits) -> None:
    alike = Split(splits.train.x, torch.zeros_like(splits.train.y))
    for unusable in (replace(splits, classes=("cat",)), replace(splits, train=alike)):
        with pytest.raises(ValueError, match="all of one class; a classifier needs at least 2"):
            fit(make_net(), unusable, num_epochs=1, batch_size=10)


@pytest.mark.parametrize("change", [lambda x: x[..., 1:], lambda x: x.expand(-1, 3, -1, -1)])
def test_images_of_differing_size_or_channels_are_refused(
    splits: Splits, change: Callable[[Tensor], Tensor]
) -> None:
    uneven = replace(splits, valid=Split(change(splits.valid.x), splits.valid.y))
    with pytest.raises(ValueError, match=r"images differ in shape, .*; bring both to one"):
        fit(make_net(), uneven, num_epochs=1, batch_size=10)


def test_a_bar_is_drawn_only_where_somebody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    """As IPython has it: a kernel knows whether the front end that asked can be asked for input."""

    def notebook(allow_stdin: bool) -> SimpleNamespace:
        parent = {"content": {"allow_stdin": allow_stdin}}
        shell = SimpleNamespace(kernel=SimpleNamespace(get_parent=lambda: parent))
        return SimpleNamespace(get_ipython=lambda: shell)

    assert progress(range(3)).disable
    assert not progress(range(3)).leave
    monkeypatch.setitem(sys.modules, "IPython", notebook(True))
    assert not progress(range(3)).disable
    monkeypatch.setitem(sys.modules, "IPython", notebook(False))
    assert progress(range(3)).disable
