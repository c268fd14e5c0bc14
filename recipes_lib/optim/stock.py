"""torch's own optimisers, with the hyperparameters of our rules."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from recipes_lib.optim.rules import Rule


def set_rate(stepper: torch.optim.Optimizer, factor: float) -> None:
    """Set the rate to `factor` times its peak."""
    for group in stepper.param_groups:
        group["lr"] = factor * group["peak"]


def stock_optimizer(
    weights: Iterable[Tensor], kind: Rule, hyperparameters: dict[str, float]
) -> torch.optim.Optimizer:
    """Build torch's own optimiser, fused where torch has that for the device."""
    chosen: dict[str, Any] = {**kind.defaults, **hyperparameters}
    if "beta1" in chosen:
        chosen["betas"] = (chosen.pop("beta1"), chosen.pop("beta2"))
    if "nesterov" in chosen:
        chosen["nesterov"] = bool(chosen["nesterov"])
    slow = [chosen.pop(name) for name in ("la_steps", "la_alpha") if name in chosen]
    limits = [chosen.pop(name) for name in ("clip_norm", "clip_value") if name in chosen]
    trained = [weight for weight in weights if weight.requires_grad]
    fused = {"fused": True} if trained[0].device.type in kind.fused else {}
    stepper = kind.stock([{"params": trained, "peak": chosen["lr"]}], **chosen, **fused)
    if slow:
        _look_ahead(stepper, trained, *slow)
    if limits:
        _clip(stepper, trained, *limits)
    return stepper  # type: ignore[no-any-return]


def _look_ahead(
    stepper: torch.optim.Optimizer, weights: Sequence[Tensor], steps: int, alpha: float
) -> None:
    slow, count = [weight.detach().clone() for weight in weights], 0

    @torch.no_grad()
    def follow(*_: object) -> None:
        nonlocal count
        count += 1
        if count % steps == 0:
            for behind, weight in zip(slow, weights, strict=True):
                weight.copy_(behind.lerp_(weight, alpha))

    stepper.register_step_post_hook(follow)


def _clip(
    stepper: torch.optim.Optimizer, weights: Sequence[Tensor], norm: float, value: float
) -> None:
    def clip(*_: object) -> None:
        clip_grad_norm_(weights, norm)
        clip_grad_value_(weights, value)

    stepper.register_step_pre_hook(clip)
