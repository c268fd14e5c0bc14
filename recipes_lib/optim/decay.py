"""Weight decay that follows the gradient."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from recipes_lib.optim.rules import Hyperparameters, Rule, State, rule


def adaptive_decay() -> Rule:
    """Make SGD whose decay is `weight_decay` times the ratio of the lengths of gradient and
    weights, a running mean that keeps a tenth of the last one (Ghiasi et al. 2023,
    arXiv:2210.00094).

    It can be stacked alone: torch has no such optimizer.

    >>> fit_many(make_net, splits, runs, optimizer=adaptive_decay(), strategy="stacked", **how)
    """
    sgd = rule("sgd")

    def update(w: Tensor, grad: Tensor, state: State, step: Tensor, h: Hyperparameters) -> None:
        length, own = (one.norm(dim=1, keepdim=True) for one in (grad, w))  # (K, 1)
        amount = torch.as_tensor(h["weight_decay"], dtype=w.dtype, device=w.device)
        strength = state["strength"].mul_(0.1).add_(0.9 * amount * length / own)
        assert sgd.update
        sgd.update(w, grad + strength * w, state, step, {**h, "weight_decay": 0.0})

    return replace(sgd, update=update, zeros=(*sgd.zeros, "strength"), stock=_Stacked, fused=())


class _Stacked(torch.optim.SGD):
    """What refuses to train a net alone, without the adaptation."""

    def step(self, closure: Any = None) -> Any:
        raise ValueError("adaptive decay is none of torch's optimizers; use strategy='stacked'")
