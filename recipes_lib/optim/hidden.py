"""Muon for the hidden matrices of many nets at once, AdamW for all else."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from recipes_lib.optim.muon import Groups, MuonAndAdamW
from recipes_lib.optim.rules import Hyperparameters, Rule, State, rule


def muon_on(net: nn.Module, hidden: Callable[[str], bool]) -> Rule:
    """Make the rule of `torch.optim.Muon` for the matrices that `hidden` picks by name, of AdamW
    for the other weights, at one rate (Jordan et al. 2024; Liu et al. 2025).

    Which matrices are hidden, and not embeddings or heads, only the net knows. Unlike "muon" the
    rule can be stacked; `net` is one of those to be trained. Raises `ValueError` where `hidden`
    picks no matrix.

    >>> careful = muon_on(net, lambda name: name.startswith("blocks."))
    """
    named = {name: weight for name, weight in net.named_parameters() if weight.requires_grad}
    picked = [weight.dim() == 2 and hidden(name) for name, weight in named.items()]
    if not any(picked):
        raise ValueError(f"no matrix is hidden among {', '.join(named)}; pick one at least")
    shapes, adamw = [weight.shape for weight in named.values()], rule("adamw")
    sizes = [shape.numel() for shape in shapes]

    def update(w: Tensor, grad: Tensor, state: State, step: Tensor, h: Hyperparameters) -> None:
        old, own = w.clone(), {name: _as(w, value) for name, value in h.items()}
        assert adamw.update
        adamw.update(w, grad, state, step, {**adamw.defaults, **h})
        velocity = state["velocity"].add_((1 - own["momentum"]) * (grad - state["velocity"]))
        ahead = grad + own["momentum"] * (velocity - grad)
        kept, rate = old * (1 - own["lr"] * own["weight_decay"]), own["lr"].expand_as(w)
        parts = [part.split(sizes, dim=1) for part in (w, kept, rate, ahead)]
        for shape, chosen, new, before, lr, move in zip(shapes, picked, *parts, strict=True):
            if chosen:
                turned = orthogonal(move.unflatten(1, shape)).flatten(1)
                # Scaled like this, the update is as large as AdamW's, so that one rate serves both.
                new.copy_(before - 0.2 * max(shape) ** 0.5 * lr * turned)

    def stock(groups: Groups, **shared: Any) -> MuonAndAdamW:
        every = [{**group, "params": [weight]} for group in groups for weight in group["params"]]
        # Settings are tried out on a lone vector before there is a net, hence not strict.
        pairs = [
            (chosen and w["params"][0].dim() == 2, w)
            for w, chosen in zip(every, picked, strict=False)
        ]
        matrices, rest = ([w for turned, w in pairs if turned == kind] for kind in (True, False))
        return MuonAndAdamW(matrices, rest, **shared)

    buffers = ("mean", "square", "velocity")
    defaults = {"lr": 1e-3, "momentum": 0.95, "weight_decay": 1e-2}
    return Rule(update, defaults, buffers, stock)


def _as(w: Tensor, value: float | Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=w.dtype, device=w.device)


def orthogonal(matrices: Tensor) -> Tensor:
    """Bring all singular values of matrices (…, rows, columns) near 1, by five Newton-Schulz steps
    (Jordan et al. 2024).
    """
    x = matrices / matrices.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x  # (…, rows, columns), rows ≤ columns
    for _ in range(5):
        gram = x @ x.mT  # (…, rows, rows)
        x = 3.4445 * x + (2.0315 * gram @ gram - 4.775 * gram) @ x
    turned: Tensor = x.mT if tall else x
    return turned
