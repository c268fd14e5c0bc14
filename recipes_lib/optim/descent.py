"""Optimizers on gradients that a formula gives: no net, and many runs at once."""

from collections.abc import Callable, Mapping, Sequence
from math import log10
from typing import Any

import torch
from torch import Tensor

from recipes_lib.data.made import stream
from recipes_lib.optim.rules import Rule, rule

Runs = Sequence[Mapping[str, Any]]


def walk(
    kind: str | Rule,
    gradient: Callable[[int, Tensor], Tensor],
    start: Tensor,
    runs: Runs,
    num_steps: int,
) -> Tensor:
    """Return the paths (K, num_steps + 1, D) of K runs of an optimizer from their starts (K, D).

    `gradient(step, w)` maps weights (K, D) to their gradients; steps count from 0. Raises
    `ValueError` for an optimizer that trains its runs one after another.

    >>> walk("sgd", lambda step, w: w, torch.ones(2, 3), grid(lr=[0.1, 0.2]), 50).shape
    torch.Size([2, 51, 3])
    """
    chosen, w, path = rule(kind), start.clone(), [start]
    if chosen.update is None:
        raise ValueError(f"optimizer {kind!r} updates whole nets; use another to walk")
    own: dict[str, Any] = {
        name: torch.tensor([[run[name]] for run in runs], dtype=start.dtype)
        for name in runs[0]
        if name != "seed"
    }
    h, state = {**chosen.defaults, **own}, chosen.init(w)
    for step in range(num_steps):
        chosen.update(w, gradient(step, w), state, torch.tensor(step + 1.0, dtype=w.dtype), h)
        path.append(w.clone())
    return torch.stack(path, dim=1)


def valleys(
    seeds: Sequence[int], condition: float, size: int = 2, *, aligned: bool = False
) -> tuple[Tensor, Tensor]:
    """Return Hessians (K, D, D) whose curvatures fall evenly, on the logarithmic scale, from 1 to
    1 / condition, and starts (K, D); turned at random, or `aligned` with the weights.
    """
    curvatures, hessians, starts = torch.logspace(-log10(condition), 0, size), [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        mixed = torch.randn(size, size, generator=generator)
        axes = torch.eye(size) if aligned else torch.linalg.qr(mixed).Q
        hessians.append(axes @ curvatures.diag() @ axes.T)
        starts.append(torch.randn(size, generator=generator))
    return torch.stack(hessians), torch.stack(starts)


def descend(
    kind: str | Rule, num_steps: int, runs: Runs, **landscape: Any
) -> tuple[Tensor, Tensor]:
    """Return the `valleys` of the runs' seeds, and the runs' paths down them."""
    hessian, start = valleys([run["seed"] for run in runs], **landscape)
    down = walk(kind, lambda _, w: (hessian @ w[..., None])[..., 0], start, runs, num_steps)
    return hessian, down


def steps_to_stay(path: Tensor) -> Tensor:
    """Return the steps (K,) until a path stays within a tenth of its first distance from 0; one
    more than the path has if it does not.
    """
    distance = path.norm(dim=-1)  # (K, num_steps + 1)
    outside = ~(distance < 0.1 * distance[:, :1])  # what is not finite is outside
    last: Tensor = (outside * torch.arange(path.shape[1])).amax(1)
    return last + 1.0


def travel(hessian: Tensor, path: Tensor) -> Tensor:
    """Return the way (K,) that paths go along the steepest direction until they stay, in their
    first distances.
    """
    steepest = torch.linalg.eigh(hessian).eigenvectors[:, None, :, -1]  # (K, 1, D)
    side = (path * steepest).sum(-1)  # (K, num_steps + 1)
    counted = torch.arange(path.shape[1] - 1) < steps_to_stay(path)[:, None]
    moved = torch.where(counted, side.diff(dim=1).abs(), 0.0)
    way: Tensor = moved.sum(1) / path[:, 0].norm(dim=1)
    return way


def excess(runs: Runs, kind: str | Rule = "sgd", **how: Any) -> Tensor:
    """Return the excess loss (K,), a mean over the last quarter, of linear regressions that see
    the points of a `stream`, with the runs' seeds, one a step.
    """
    parts = zip(*(stream(run["seed"], **how) for run in runs), strict=True)
    x, y, slopes = (torch.stack(part) for part in parts)  # (K, N, D), (K, N), (K, D)

    def gradient(step: int, w: Tensor) -> Tensor:
        return x[:, step] * ((x[:, step] * w).sum(1) - y[:, step])[:, None]

    path = walk(kind, gradient, torch.zeros_like(slopes), runs, x.shape[1])
    late = path[:, -(x.shape[1] // 4) :] - slopes[:, None]
    return late.square().sum(-1).mean(1) / 2


def replayed(kind: str | Rule, grads: Tensor, **setting: float) -> Tensor:
    """Return the updates (K, num_steps, P) that an optimizer makes of recorded gradients (K,
    num_steps, P).
    """
    start = torch.zeros_like(grads[:, 0])
    path = walk(kind, lambda step, _: grads[:, step], start, [setting], grads.shape[1])
    return path.diff(dim=1)


def recorded(train: Callable[..., Any], runs: Runs) -> Tensor:
    """Train by plain gradient descent, as `train=partial(fit_many, …, optimizer="sgd")` does, at a
    constant rate, and return the gradients (K, num_steps - 1, P) after the first, on the processor.
    They are float64, of weights that are not.
    """
    kept: list[Tensor] = []

    def keep(step: int, rows: Sequence[int], weights: Mapping[str, Tensor]) -> None:
        kept.append(torch.cat([weight.flatten(1).cpu() for weight in weights.values()], dim=1))

    train(runs, after_step=keep)
    rates = torch.tensor([run["lr"] for run in runs], dtype=torch.float64)
    return -torch.stack(kept, dim=1).double().diff(dim=1) / rates[:, None, None]


def rectifier(num_steps: int, beta2: float = 0.999) -> Tensor:
    """Return RAdam's factor (num_steps,) on the rate at each step, 0 before it divides (Liu et al.
    2020). No gradient enters it.
    """
    t, longest = torch.arange(1, num_steps + 1, dtype=torch.float64), 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / (1 - beta2**t)
    most = (longest - 4) * (longest - 2) / longest
    factor: Tensor = ((length - 4) * (length - 2) / length / most).clamp(min=0).sqrt()
    return torch.where(length > 5, factor, 0.0)
