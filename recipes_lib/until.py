"""Train until an accuracy is reached: what "sooner" is measured by."""

from itertools import chain, repeat

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from recipes_lib.data.splits import Splits, batches
from recipes_lib.optim.rules import rule
from recipes_lib.optim.stock import stock_optimizer
from recipes_lib.train import evaluate


def steps_until(
    accuracy: float,
    net: nn.Module,
    splits: Splits,
    *,
    lr: float,
    batch_size: int,
    optimizer: str = "adamw",
    seed: int = 0,
    every: int = 2,
    most: int = 1000,
) -> int:
    """Train `net` in place until `accuracy` on the validation images; return the steps it took.

    It is looked up after each `every` steps, and given up after `most`, which then is the answer.
    `seed` draws the batch order, epoch after epoch.

    >>> steps_until(0.8, net, splits, lr=1e-3, batch_size=20)
    """
    net.to(splits.train.x.device).train()
    stepper = stock_optimizer(net.parameters(), rule(optimizer), {"lr": lr})
    generator = torch.Generator().manual_seed(seed)
    epochs = (batches(splits.train, batch_size, generator) for _ in repeat(None))
    for step, (x, y) in zip(range(1, most + 1), chain.from_iterable(epochs), strict=False):
        cross_entropy(net(x), y).backward()
        stepper.step()
        stepper.zero_grad()
        if step % every == 0:
            if evaluate(net, splits.valid)[1] >= accuracy:
                return step
            net.train()
    return most
