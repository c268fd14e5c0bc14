"""torch's own optimizers, with the hyperparameters of our rules."""

from collections.abc import Iterable, Sequence
from math import isinf
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from recipes_lib.given import number, whole
from recipes_lib.optim.rules import Rule


def set_rate(stepper: torch.optim.Optimizer, factor: float, layers: Sequence[float] = ()) -> None:
    """Set the rate to `factor` times its peak; with `layers`, times one more for each weight."""
    for group in stepper.param_groups:
        own = layers[group["place"]] if layers else 1.0
        group["lr"] = factor * own * group["peak"]


def stock_optimizer(
    weights: Iterable[Tensor],
    kind: Rule,
    hyperparameters: dict[str, float],
    *,
    apart: bool = False,
) -> torch.optim.Optimizer:
    """Build torch's own optimizer, fused where torch has that for the device.

    `apart` makes each weight that is trained a group, so that `set_rate` can tell them apart.
    Raises `ValueError` for hyperparameters that make no sense.
    """
    chosen: dict[str, Any] = {**kind.defaults}
    for name, value in hyperparameters.items():
        chosen[name] = number(name, value)
        if isinf(chosen[name]) and not isinf(kind.defaults[name]):
            raise ValueError(f"{name} is {value!r}; give a finite number")
    if "beta1" in chosen:
        chosen["betas"] = (chosen.pop("beta1"), chosen.pop("beta2"))
    if "nesterov" in chosen:
        chosen["nesterov"] = bool(chosen["nesterov"])
    slow = [chosen.pop(name) for name in ("la_steps", "la_alpha") if name in chosen]
    limits = [chosen.pop(name) for name in ("clip_norm", "clip_value") if name in chosen]
    trained = [weight for weight in weights if weight.requires_grad]
    fused = {"fused": True} if trained[0].device.type in kind.fused else {}
    parts = [[weight] for weight in trained] if apart else [trained]
    groups = [
        {"params": part, "place": place, "peak": chosen["lr"]} for place, part in enumerate(parts)
    ]
    stepper = kind.stock(groups, **chosen, **fused)
    if slow:
        _look_ahead(stepper, trained, *slow)
    if limits:
        _clip(stepper, trained, *limits)
    return stepper  # type: ignore[no-any-return]


def _look_ahead(
    stepper: torch.optim.Optimizer, weights: Sequence[Tensor], steps: int, alpha: float
) -> None:
    whole("la_steps", steps)
    slow, count = [weight.detach().clone() for weight in weights], 0

    @torch.no_grad()
    def follow(*_: object) -> None:
        nonlocal count
        count += 1
        rates = [group["lr"] for group in stepper.param_groups for _ in group["params"]]
        for behind, weight, rate in zip(slow, weights, rates, strict=True):
            if count % steps == 0 and rate:  # a rate of 0 freezes the weights
                weight.copy_(behind.lerp_(weight, alpha))

    stepper.register_step_post_hook(follow)


def _clip(
    stepper: torch.optim.Optimizer, weights: Sequence[Tensor], norm: float, value: float
) -> None:
    for what, limit in (("clip_norm", norm), ("clip_value", value)):
        if limit < 0:
            raise ValueError(f"{what} is {limit!r}; give a number from 0, or inf")

    def clip(*_: object) -> None:
        clip_grad_norm_(weights, norm)
        clip_grad_value_(weights, value)

    stepper.register_step_pre_hook(clip)
