"""Update rules with one hyperparameter value per run."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from recipes_lib.names import require
from recipes_lib.optim.muon import muon

Hyperparameters = Mapping[str, float | Tensor]
State = Mapping[str, Tensor]
Update = Callable[[Tensor, Tensor, State, Tensor, Hyperparameters], None]


@dataclass(frozen=True)
class Rule:
    """An optimizer: its update, its hyperparameters and their defaults, its buffers, torch's own
    version of it.

    `update(w, grad, state, step, h)` changes in place the weights (K, …) of K runs. A
    hyperparameter in `h` is one number, or (K, 1, …) with a value per run; `lr` is shaped like the
    weights where `layer_factor` gives them rates of their own. `step` is a tensor that counts from
    1. Both are of the weights' type, or float32 where that has fewer bits. A rule without `update`
    trains its runs one after another.
    """

    update: Update | None
    defaults: Mapping[str, float]
    zeros: tuple[str, ...]
    stock: Callable[..., Any]
    fused: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()

    def init(self, w: Tensor) -> dict[str, Tensor]:
        """Return the buffers before the first step, each shaped like the weights."""
        return {name: torch.zeros_like(w) for name in self.zeros} | {
            name: w.clone() for name in self.copies
        }


def rule(optimizer: str | Rule) -> Rule:
    """Look an optimizer up by name. Raises `ValueError` for an unknown one."""
    if isinstance(optimizer, Rule):
        return optimizer
    require("optimizer", [optimizer], RULES)
    return RULES[optimizer]


def _as(w: Tensor, value: float | Tensor) -> Any:
    """Cast late, to weights that may have fewer bits."""
    return value.to(w.dtype) if isinstance(value, Tensor) else value


def _log(beta: float | Tensor) -> Any:
    if isinstance(beta, Tensor):
        return beta.log()
    return math.log(beta) if beta else -math.inf


def _share(beta: float | Tensor, step: Tensor) -> Tensor:
    """Return `1 - beta ** step`, whose digits float32 would lose where `beta` is nearly 1."""
    return -torch.expm1(_log(beta) * step)


def _on(value: float | Tensor) -> bool:
    return isinstance(value, Tensor) or value != 0


def _decayed(w: Tensor, grad: Tensor, h: Hyperparameters) -> Tensor:
    return grad + _as(w, h["weight_decay"]) * w if _on(h["weight_decay"]) else grad


def _move(w: Tensor, lr: float | Tensor, direction: Tensor) -> None:
    """Go against `direction`, in one pass over the memory."""
    if isinstance(lr, Tensor):
        w.addcmul_(direction, _as(w, lr), value=-1)
    else:
        w.sub_(direction, alpha=lr)


def _sgd(w: Tensor, grad: Tensor, state: State, step: Tensor, h: Hyperparameters) -> None:
    """Heavy-ball or Nesterov momentum (Sutskever et al. 2013); the rate is outside the velocity."""
    grad, nesterov = _decayed(w, grad, h), h["nesterov"]
    if _on(h["momentum"]):
        velocity = state["velocity"].mul_(_as(w, h["momentum"])).add_(grad)
        # Runs with and without Nesterov may share the stack: both are computed, and each picks.
        ahead = grad + _as(w, h["momentum"]) * velocity if _on(nesterov) else velocity
        grad = (
            torch.where(nesterov != 0, ahead, velocity) if isinstance(nesterov, Tensor) else ahead
        )
    _move(w, h["lr"], grad)


def _rmsprop(w: Tensor, grad: Tensor, state: State, step: Tensor, h: Hyperparameters) -> None:
    """Divide by the running root mean square (Hinton 2012, lecture 6e)."""
    grad = _decayed(w, grad, h)
    square = state["square"].mul_(_as(w, h["alpha"])).add_(_as(w, 1 - h["alpha"]) * grad * grad)
    grad = grad / (square.sqrt() + _as(w, h["eps"]))
    if _on(h["momentum"]):
        grad = state["velocity"].mul_(_as(w, h["momentum"])).add_(grad)
    _move(w, h["lr"], grad)


def _adagrad(w: Tensor, grad: Tensor, state: State, step: Tensor, h: Hyperparameters) -> None:
    """Divide by the root of the sum of squares (Duchi et al. 2011)."""
    grad = _decayed(w, grad, h)
    total = state["sum"].addcmul_(grad, grad)
    lr = h["lr"] / (1 + (step - 1) * h["lr_decay"])
    w.sub_(_as(w, lr) * grad / (total.sqrt() + _as(w, h["eps"])))


def _moments(w: Tensor, grad: Tensor, state: State, h: Hyperparameters) -> tuple[Tensor, Tensor]:
    mean = state["mean"].mul_(_as(w, h["beta1"])).add_(_as(w, 1 - h["beta1"]) * grad)
    return mean, state["square"].mul_(_as(w, h["beta2"])).add_(_as(w, 1 - h["beta2"]) * grad * grad)


def _adam(w: Tensor, grad: Tensor, state: State, step: Tensor, h: Hyperparameters) -> None:
    """Divide the mean by the root mean square, both unbiased (Kingma & Ba 2015, algorithm 1)."""
    mean, square = _moments(w, _decayed(w, grad, h), state, h)
    rate, unbias = h["lr"] / _share(h["beta1"], step), _share(h["beta2"], step).sqrt()
    w.sub_(_as(w, rate) * mean / (square.sqrt() / _as(w, unbias) + _as(w, h["eps"])))


def _adamw(w: Tensor, grad: Tensor, state: State, step: Tensor, h: Hyperparameters) -> None:
    """Shrink the weights beside Adam's step (Loshchilov & Hutter 2019, algorithm 2)."""
    w.mul_(_as(w, 1 - h["lr"] * h["weight_decay"]))
    _adam(w, grad, state, step, {**h, "weight_decay": 0.0})


def _radam(w: Tensor, grad: Tensor, state: State, step: Tensor, h: Hyperparameters) -> None:
    """Rectify Adam's early steps, whose variance is unbounded (Liu et al. 2020, algorithm 2)."""
    mean, square = _moments(w, _decayed(w, grad, h), state, h)
    # How many gradients the average holds; up to five, its variance says nothing yet.
    longest, half = 2 / (1 - h["beta2"]) - 1, -0.5 * _log(h["beta2"])
    length = step + _langevin(half * torch.ones_like(step)) - step * _langevin(half * step)
    rectify = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    adaptive = _as(w, (_share(h["beta2"], step) * rectify.clamp(min=0)).sqrt()) / (
        square.sqrt() + _as(w, h["eps"])
    )
    rate = _as(w, h["lr"] / _share(h["beta1"], step))
    w.sub_(rate * torch.where(length > 5, mean * adaptive, mean))


def _langevin(x: Tensor) -> Tensor:
    """Return `coth(x) - 1 / x`, by its series where the difference would lose its digits.

    By it, the paper's `2 / (1 - beta) - 1 - 2 * t * beta**t / (1 - beta**t)` is a sum of small
    numbers: `t + langevin(x) - t * langevin(t * x)`, where x is `-log(beta) / 2`.
    """
    series = x * (1 / 3 - x.square() * (1 / 45 - x.square() * 2 / 945))
    return torch.where(x < 0.05, series, 1 / x.tanh() - 1 / x)


def lookahead(optimizer: str) -> Rule:
    """Wrap a rule: slow weights follow by `la_alpha` each `la_steps` steps (Zhang et al. 2019)."""
    inner, inner_update = _to_wrap(optimizer)

    def update(w: Tensor, grad: Tensor, state: State, step: Tensor, h: Hyperparameters) -> None:
        inner_update(w, grad, state, step, h)
        due = (step % h["la_steps"] == 0) & (h["lr"] != 0)  # a rate of 0 freezes the weights
        slow = torch.where(
            due, state["slow"] + _as(w, h["la_alpha"]) * (w - state["slow"]), state["slow"]
        )
        w.copy_(torch.where(due, state["slow"].copy_(slow), w))

    return replace(
        inner,
        update=update,
        defaults={**inner.defaults, "la_steps": 5, "la_alpha": 0.5},
        copies=("slow",),
    )


def clipped(optimizer: str) -> Rule:
    """Wrap a rule: shrink gradients to length `clip_norm`, clamp them at `clip_value` (inf: not).

    Pascanu et al. 2013, algorithm 1; as torch's `clip_grad_norm_` and `clip_grad_value_`.
    """
    inner, inner_update = _to_wrap(optimizer)

    def update(w: Tensor, grad: Tensor, state: State, step: Tensor, h: Hyperparameters) -> None:
        # The norm of all weights of a run at once, as torch clips a whole net.
        length = grad.flatten(1).norm(dim=1).view(-1, *[1] * (grad.dim() - 1))
        grad = grad * (_as(w, h["clip_norm"]) / (length + 1e-6)).clamp(max=1)
        limit = torch.as_tensor(_as(w, h["clip_value"]), dtype=w.dtype, device=w.device)
        inner_update(w, grad.clamp(-limit, limit), state, step, h)

    return replace(
        inner,
        update=update,
        defaults={**inner.defaults, "clip_norm": math.inf, "clip_value": math.inf},
    )


def _to_wrap(optimizer: str) -> tuple[Rule, Update]:
    inner = rule(optimizer)
    if inner.update is None:
        raise ValueError(f"optimizer {optimizer!r} cannot be wrapped; it updates whole matrices")
    return inner, inner.update


_ADAM = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}
_SGD = {"lr": 1e-3, "momentum": 0.0, "nesterov": 0.0, "weight_decay": 0.0}
_RMSPROP = {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "momentum": 0.0, "weight_decay": 0.0}
_MUON = {"lr": 1e-3, "momentum": 0.95, "weight_decay": 0.1}
_ADAGRAD = {"lr": 1e-2, "lr_decay": 0.0, "eps": 1e-10, "weight_decay": 0.0}
_FUSED, _MOMENTS = ("cpu", "cuda", "mps"), ("mean", "square")
RULES = {
    "sgd": Rule(_sgd, _SGD, ("velocity",), torch.optim.SGD, _FUSED),
    "rmsprop": Rule(_rmsprop, _RMSPROP, ("square", "velocity"), torch.optim.RMSprop),
    "adagrad": Rule(_adagrad, _ADAGRAD, ("sum",), torch.optim.Adagrad, ("cpu",)),
    "adam": Rule(_adam, _ADAM, _MOMENTS, torch.optim.Adam, _FUSED),
    "adamw": Rule(_adamw, {**_ADAM, "weight_decay": 1e-2}, _MOMENTS, torch.optim.AdamW, _FUSED),
    "radam": Rule(_radam, _ADAM, _MOMENTS, torch.optim.RAdam),
    "muon": Rule(None, _MUON, (), muon),
}
