"""Train until an accuracy is reached: what "sooner" is measured by."""

from collections.abc import Callable, Sequence
from itertools import chain, repeat

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy

from recipes_lib.checks import check_data
from recipes_lib.data.splits import Splits, batches
from recipes_lib.given import whole
from recipes_lib.optim.rules import rule
from recipes_lib.optim.stock import stock_optimizer
from recipes_lib.sweep.runs import MakeNet, Run, seed_of, seeded_net
from recipes_lib.train import evaluate


def steps_until(
    accuracy: float,
    make_net: MakeNet,
    draw: Callable[[int], Splits],
    runs: Sequence[Run],
    *,
    batch_size: int,
    every: int = 2,
    most: int = 1000,
) -> NDArray[np.int64]:
    """Return the steps (runs,) that each run trains, with AdamW, until `accuracy` in validation.

    It is looked up after each `every` steps, and given up after `most`, which then is the answer.
    Nets, splits and runs, each with its `lr` and `seed`, are those of `fit_many`.

    >>> steps_until(0.8, make_net, splits, grid(lr=[1e-3], seed=range(8)), batch_size=20)
    """
    for what, value in (("batch_size", batch_size), ("every", every), ("most", most)):
        whole(what, value)
    how = {"batch_size": batch_size, "every": every, "most": most}
    steps = []
    for run in runs:
        net, splits = seeded_net(make_net, seed_of(run)), draw(seed_of(run))
        check_data(splits, batch_size, cross_entropy)
        steps.append(_steps(accuracy, net, splits, run, **how))
    return np.array(steps)


def _steps(
    accuracy: float,
    net: nn.Module,
    splits: Splits,
    run: Run,
    *,
    batch_size: int,
    every: int,
    most: int,
) -> int:
    net.to(splits.train.x.device).train()
    stepper = stock_optimizer(net.parameters(), rule("adamw"), {"lr": run["lr"]})
    generator = torch.Generator().manual_seed(seed_of(run))
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
