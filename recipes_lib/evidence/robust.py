"""Accuracy on images that are changed after training: by noise, or to fool a net."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from recipes_lib.data.splits import Split
from recipes_lib.evidence.tuning import Metric
from recipes_lib.seeds import stream
from recipes_lib.train import evaluate

# Images, the seed of the net's run, the net: to other images.
Change = Callable[[Split, int, nn.Module], Split]


def noisy(split: Split, seed: int, net: nn.Module, *, std: float = 1.0) -> Split:
    """Add normal noise, the same for all nets of a seed."""
    noise = torch.randn(split.x.shape, generator=stream("noise", seed)).to(split.x)
    return replace(split, x=split.x + std * noise)


def attacked(
    split: Split,
    seed: int,
    net: nn.Module,
    *,
    reach: float = 0.1,
    through: Mapping[int, nn.Module] | None = None,
) -> Split:
    """Change each value by `reach` along the sign of the loss's gradient, that of the net or of
    another one of its seed (Goodfellow et al. 2015, arXiv:1412.6572).
    """
    x = split.x.clone().requires_grad_()
    loss = cross_entropy((through[seed] if through else net).eval()(x), split.y, reduction="sum")
    return replace(split, x=split.x + reach * torch.autograd.grad(loss, x)[0].sign())


def accuracy_on(change: Change) -> Metric:
    """Make the metric of accuracy on changed images, by which settings are chosen, too.

    >>> study.tune(train, grid(lr=[0.1, 1.0]), accuracy_on(partial(noisy, std=0.5)))
    """

    def right(part: str, runs: Any) -> list[float]:
        scores = []
        for row, run in enumerate(runs.runs):
            net, split = runs.net(row), getattr(runs.draw(run["seed"]), part)
            scores.append(evaluate(net, change(split, run["seed"], net))[1])
        return scores

    return Metric("accuracy", "higher", partial(right, "valid"), partial(right, "test"))
