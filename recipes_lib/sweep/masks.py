"""Masks on the weights of many nets at once, and training that holds them."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from recipes_lib.data.splits import Splits
from recipes_lib.plan import Observer
from recipes_lib.seeds import stream
from recipes_lib.sweep.many import fit_many
from recipes_lib.sweep.runs import Run, Runs, seed_of

# By name, each led by a row a net, as `Runs.weights`.
Weights = Mapping[str, Tensor]


def smallest(weights: Weights, share: float) -> dict[str, Tensor]:
    """Return masks (K, …) that are false at this share of each net's weights, the smallest.

    One limit holds for the whole net. Biases and the scales of normalization have no mask.

    >>> masks = smallest(runs.weights, 0.8)
    """
    names = _names(weights)
    sizes = torch.cat([weights[name].flatten(1) for name in names], dim=1).abs()  # (K, weights)
    count = round(share * sizes.shape[1])
    if not count:
        return {name: torch.ones_like(weights[name], dtype=torch.bool) for name in names}
    limits = sizes.kthvalue(count, dim=1).values
    return {name: weights[name].abs() > _as_rows(limits, weights[name]) for name in names}


def largest(weights: Weights, counts: Mapping[str, int]) -> dict[str, Tensor]:
    """Return masks (K, …) that are true at so many weights of each layer: the largest."""
    masks = {}
    for name, count in counts.items():
        ranks = weights[name].flatten(1).abs().argsort(1, descending=True).argsort(1)
        masks[name] = (ranks < count).view_as(weights[name])
    return masks


def scattered(masks: Weights, seeds: Sequence[int]) -> dict[str, Tensor]:
    """Return masks with as many false in each layer, at places that each net's seed draws."""
    draws = [stream("masks", seed) for seed in seeds]
    found = {}
    for name, mask in masks.items():
        rows = [
            one.flatten()[torch.randperm(one.numel(), generator=draw).to(one.device)]
            for one, draw in zip(mask, draws, strict=True)
        ]
        found[name] = torch.stack(rows).view_as(mask)
    return found


def held(masks: Weights, plan: Mapping[int, float] | None = None) -> Observer:
    """Return an `after_step` that sets weights back to zero where the masks are false.

    The nets begin with these zeros, a row a run. `plan` names steps before which the smallest of
    all weights join them, until so large a share is zero.

    >>> fit_many(make_net, splits, runs, num_steps=100, batch_size=64, after_step=held(masks))
    """
    kept = {name: mask.clone() for name, mask in masks.items()}

    def after_step(step: int, runs: Sequence[int], weights: Weights) -> None:
        rows = list(runs)
        for name, mask in kept.items():
            weights[name].mul_(mask[rows])
        if step + 1 in (plan or {}):
            for name, mask in smallest(weights, plan[step + 1]).items():  # type: ignore[index]
                kept[name][rows] = mask
                weights[name].mul_(mask)

    return after_step


def masked(nets: Mapping[int, nn.Module], masks: Weights) -> dict[int, nn.Module]:
    """Return copies of the nets, by seed, with zeros where their rows of the masks are false."""
    made = {seed: deepcopy(net) for seed, net in nets.items()}
    with torch.no_grad():
        for name, mask in masks.items():
            for net, one in zip(made.values(), mask, strict=True):
                weight = net.get_parameter(name)
                weight.mul_(one.to(weight.device))
    return made


def fit_on(
    nets: Mapping[int, nn.Module],
    splits: Splits | Callable[[int], Splits],
    runs: Sequence[Run],
    *,
    masks: Weights | None = None,
    plan: Mapping[int, float] | None = None,
    **how: Any,
) -> Runs:
    """Train copies of nets, for each run that of its seed, and hold zeros where masks are false.

    The rows of `masks` are the nets in their order; `plan` is `held`'s, and `how` is `fit_many`'s.

    >>> fit_on(nets, splits, runs, masks=smallest(weights, 0.8), num_steps=100, batch_size=64)
    """
    order, begin = {seed: row for row, seed in enumerate(nets)}, masked(nets, masks or {})
    if masks:
        rows = [order[seed_of(run)] for run in runs]
        how["after_step"] = held({name: mask[rows] for name, mask in masks.items()}, plan)
    return fit_many(lambda seed: deepcopy(begin[seed]), splits, runs, **how)


def zeros(weights: Weights) -> Tensor:
    """Return the share of zeros among the weights of each net (K,), biases and scales aside."""
    flat = torch.cat([weights[name].flatten(1) for name in _names(weights)], dim=1)
    return (flat == 0).float().mean(dim=1)


def _names(weights: Weights) -> list[str]:
    return [name for name, weight in weights.items() if weight.dim() > 2]  # (K, out, in, …)


def _as_rows(values: Tensor, like: Tensor) -> Tensor:
    return values.view(-1, *[1] * (like.dim() - 1))
