"""Optimizers on gradients that a formula gives: no net, and many runs at once."""

from collections.abc import Callable, Mapping, Sequence
from math import log10
from typing import Any

import torch
from torch import Tensor

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
