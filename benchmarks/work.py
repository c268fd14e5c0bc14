"""The work that is timed: nets, data, and the loop that a careful reader would write by hand."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache

import torch
import torch.nn.functional as F
from torch import nn

from recipes_lib.data.sets import load
from recipes_lib.data.splits import Split, Splits
from recipes_lib.nets.models import mlp

BATCH_SIZE = 64
MOMENTUM = 0.9
HIDDEN = 128


def rates(num_nets: int) -> list[float]:
    """Return a learning rate for each net."""
    return torch.logspace(-3, 0, num_nets).tolist()


def small_net() -> nn.Sequential:
    """Build the MLP 64-128-10."""
    return mlp((1, 8, 8), 10, (HIDDEN,))


def small_cnn() -> nn.Sequential:
    """Build a CNN of two convolutions: (N, 1, 28, 28) to logits (N, 10)."""
    convolutions = [nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    convolutions += [nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(16 * 7 * 7, 10))


@cache
def digits() -> Splits:
    """Return 1,077 training images of 8×8."""
    return load("digits")


@cache
def few_digits() -> Splits:
    """Return 256 training images of 8×8, so that a round of a thousand nets stays short."""
    return _fewer(digits(), 256, 64)


@cache
def images() -> Splits:
    """Return 640 training images of 28×28, so that a round stays short."""
    return _fewer(load("mnist5k"), 640, 192)


def _fewer(splits: Splits, num_train: int, num_valid: int) -> Splits:
    train, valid = splits.train, splits.valid
    return replace(
        splits,
        train=Split(train.x[:num_train], train.y[:num_train]),
        valid=Split(valid.x[:num_valid], valid.y[:num_valid]),
    )


def steps(num_epochs: int, splits: Splits) -> int:
    """Count the optimization steps of so many epochs."""
    return num_epochs * -(-len(splits.train) // BATCH_SIZE)


def tensor_loop(
    make_net: Callable[[], nn.Module],
    splits: Splits,
    lrs: Iterable[float],
    num_epochs: int,
    *,
    layout: torch.memory_format = torch.contiguous_format,
    metrics: bool = True,
) -> None:
    """Train a net for each rate, one after another: batches gathered once an epoch, fused SGD,
    scores each epoch.
    """
    for lr in lrs:
        torch.manual_seed(0)
        net = make_net().to(memory_format=layout)
        optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=MOMENTUM, fused=True)
        generator = torch.Generator().manual_seed(0)
        for _ in range(num_epochs):
            order = torch.randperm(len(splits.train), generator=generator)
            x, y = splits.train.x[order], splits.train.y[order]
            losses = []
            for x_batch, y_batch in zip(x.split(BATCH_SIZE), y.split(BATCH_SIZE), strict=True):
                loss = F.cross_entropy(net(x_batch), y_batch)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                losses.append(loss.detach())
            if metrics:
                _ = torch.stack(losses).mean().item(), *_scores(net, splits.valid)


@torch.no_grad()
def _scores(net: nn.Module, split: Split) -> tuple[float, float]:
    outputs = net(split.x)
    accuracy = (outputs.argmax(1) == split.y).float().mean()
    return F.cross_entropy(outputs, split.y).item(), accuracy.item()


def flops(num_epochs: int) -> float:
    """Count what the MLP computes in so many epochs: both matrix products, their gradients, and the
    scores.
    """
    weights = 64 * HIDDEN + HIDDEN * 10
    # Twice for multiply and add; forward, gradient of the weights, gradient of the hidden layer's
    # output.
    per_image = 2 * (2 * weights + HIDDEN * 10)
    return num_epochs * (len(digits().train) * per_image + len(digits().valid) * 2.0 * weights)
