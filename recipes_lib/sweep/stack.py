"""K nets as one tensor program: their weights, their losses, their steps."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from recipes_lib.optim.rules import Rule
from recipes_lib.plan import Loss
from recipes_lib.sweep.batches import Pool
from recipes_lib.sweep.mlp import chain_of
from recipes_lib.sweep.runs import Trained

each: Callable[..., Callable[..., Tensor]] = partial(vmap, randomness="different")


class _Linear(nn.Linear):
    """A linear layer with images last: its gradients then come out of the matrix product as they
    are stored. It takes the place of a layer, with all that the layer has.
    """

    def __init__(self, layer: nn.Linear) -> None:
        nn.Module.__init__(self)
        vars(self).update(vars(layer))

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 2:
            return super().forward(x)
        product = self.weight @ x.mT
        return (product if self.bias is None else product.add_(self.bias[:, None])).mT


def _images_last(net: nn.Module) -> nn.Module:
    """Return the same net, of the same weights, with its linear layers as `_Linear`."""
    kept: dict[int, Any] = {id(value): value for value in [*net.parameters(), *net.buffers()]}
    plain = (layer for layer in net.modules() if type(layer) is nn.Linear)
    # Copying finds every reference to a layer, in lists and under two names, too.
    return deepcopy(net, kept | {id(layer): _Linear(layer) for layer in plain})


class Stack:
    """K nets as one; their weights are the rows of one tensor (K, P), so that an update is a few
    kernels.
    """

    def __init__(
        self, nets: Sequence[nn.Module], kind: Rule, h: Mapping[str, Any], loss: Loss
    ) -> None:
        self.net, self.kind, self.loss = _images_last(nets[0]), kind, loss
        assert kind.update, "a rule without it is trained run after run"
        self.update = kind.update
        tensors = [dict([*net.named_parameters(), *net.named_buffers()]) for net in nets]
        self.shapes = {
            name: value.shape for name, value in tensors[0].items() if value.requires_grad
        }
        rows = [
            torch.cat([mine[name].detach().flatten() for name in self.shapes]) for mine in tensors
        ]
        self.fixed = {
            name: torch.stack([mine[name].detach() for mine in tensors])
            for name in tensors[0]
            if name not in self.shapes
        }
        self.w = torch.stack(rows).requires_grad_()
        self.state = kind.init(self.w.detach())
        self.chain = chain_of(nets[0]) if loss is F.cross_entropy else None
        self.h = {
            name: self.exact(value) if isinstance(value, Tensor) else value
            for name, value in h.items()
        }
        self.count = self.exact(torch.zeros(()))

    def exact(self, value: Tensor) -> Tensor:
        """Bring rates and the like, in float64 on the processor, to the weights.

        They keep as many digits as the weights have, and those of float32 at least: not every
        device has float64.
        """
        return value.to(self.w.device, torch.promote_types(self.w.dtype, torch.float32))

    def named(self, w: Tensor) -> dict[str, Tensor]:
        """Return the weights (K, P) by name, each (K, …)."""
        pieces = w.split([shape.numel() for shape in self.shapes.values()], dim=1)
        return {
            name: piece.view(-1, *self.shapes[name])
            for name, piece in zip(self.shapes, pieces, strict=True)
        }

    def outputs(self, w: Tensor, fixed: dict[str, Tensor], x: Tensor) -> Tensor:
        """Return logits (K, B, classes)."""
        if self.chain:
            return self.chain.outputs(self.named(w), x)
        call = partial(functional_call, self.net)
        return each(lambda *mine: call(mine[:2], mine[2:]))(self.named(w), fixed, x)

    def total(
        self, w: Tensor, fixed: dict[str, Tensor], x: Tensor, *truth: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of all losses, whose gradient is each run's own, and the losses (K,)."""
        outputs = self.outputs(w, fixed, x)
        losses, smoothing = _losses(self.loss, outputs, *truth), self.h["label_smoothing"]
        if isinstance(smoothing, Tensor) or smoothing:
            # The smoothed loss is linear in the smoothing, which torch's loss takes only as a
            # number.
            share = torch.as_tensor(smoothing, dtype=losses.dtype, device=losses.device).flatten()
            smoothed = _losses(self.loss, outputs, *truth, label_smoothing=1.0)
            losses = losses.lerp(smoothed, share)
        return losses.sum(), losses

    def step(self, x: Tensor, y: Tensor, lr: Tensor, *targets: Tensor) -> Tensor:
        """Update all weights on a batch of each run, at rates `lr`, (K, 1) for a run or (K, P) for
        each of its weights; return the losses (K,).
        """
        grad, losses = self.gradient(x, y, *targets)
        with torch.no_grad():
            self.update(self.w, grad, self.state, self.count.add_(1), {**self.h, "lr": lr})
        return losses.detach()

    def gradient(self, x: Tensor, y: Tensor, *targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient of all weights (K, P) on a batch of each run, and the losses (K,)."""
        losses: Tensor
        if self.chain and y.dim() == 2:
            w = self.w.detach()
            gradients, losses = self.chain.gradients(self.named(w), x, y, self.h["label_smoothing"])
            return torch.cat([gradients[name].flatten(1) for name in self.shapes], 1), losses
        if torch.compiler.is_compiling():
            # Dynamo traces this one; outside it, autograd on the sum costs less per call.
            grad, losses = torch.func.grad(self.total, has_aux=True)(
                self.w.detach(), self.fixed, x, y, *targets
            )
            return grad, losses
        total, losses = self.total(self.w, self.fixed, x, y, *targets)
        return torch.autograd.grad(total, self.w)[0], losses

    @torch.no_grad()
    def scores(self, pool: Pool, loss: Loss = F.cross_entropy) -> tuple[Tensor, Tensor]:
        """Return loss and accuracy of each run (K,) on the whole pool."""
        self.net.eval()
        index = torch.arange(pool.size, device=self.w.device).expand(
            1 if pool.alike else len(self.w), -1
        )
        batches = [pool.take(part)[:2] for part in index.split(256, dim=1)]
        # Joined with the images last, as `_losses` wants them.
        outputs = torch.cat([self.outputs(self.w, self.fixed, x).mT for x, _ in batches], dim=2).mT
        y = torch.cat([y for _, y in batches], dim=1)
        right: Tensor = outputs.max(2).indices == y  # `argmax` is ten times slower in this layout
        return _losses(loss, outputs, y), right.to(outputs.dtype).mean(1)

    def trained(self) -> Trained:
        """Return the weights and buffers under the names of the net's `state_dict`."""
        named, names = {**self.named(self.w.detach()), **self.fixed}, {}
        for name, value in [*self.net.named_parameters(), *self.net.named_buffers()]:
            names[id(value)] = name
        return {
            name: named[names[id(value)]]
            for name, value in self.net.state_dict(keep_vars=True).items()
        }


def _losses(loss: Loss, outputs: Tensor, *truth: Tensor, **smoothing: Any) -> Tensor:
    """Return the loss of each run (K,), on outputs (K, B, classes), labels and maybe targets."""
    if loss is not F.cross_entropy:
        return each(partial(loss, **smoothing))(outputs, *truth)
    # Runs as the batch and images as pixels: this kernel is vectorized over images, unlike that
    # over 10 classes.
    (y,) = truth
    labels = y.mT if y.dim() == 3 else y
    return F.cross_entropy(outputs.mT, labels, reduction="none", **smoothing).mean(1)
