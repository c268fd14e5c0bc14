"""Forward and backward of K multilayer perceptrons, written out.

`vmap` and autograd give the same in twice the time: they zero, copy and expand what need not exist.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

aten = torch.ops.aten
# The layer's outputs, written over its inputs, and the gradient at its inputs, from that at its
# outputs.
ACTIVATIONS: dict[
    type[nn.Module], tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]
] = {
    nn.ReLU: (
        torch.relu_,
        lambda grad, out: aten.threshold_backward.grad_input(grad, out, 0, grad_input=grad),
    ),
    nn.Sigmoid: (torch.sigmoid_, aten.sigmoid_backward),
    nn.Tanh: (torch.tanh_, aten.tanh_backward),
}


@dataclass(frozen=True)
class Chain:
    """Linear layers: for each the prefix of its parameters' names, and the activation that follows,
    if one does.
    """

    layers: tuple[tuple[str, type[nn.Module] | None], ...]

    def outputs(self, weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Return logits (K, B, classes) of images x (K, B, C, H, W)."""
        return self._forward(weights, x)[-1].mT

    def gradients(
        self, weights: Mapping[str, Tensor], x: Tensor, y: Tensor, smoothing: float | Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Return the gradient of each weight, (K, …), and the cross-entropy of each run, (K,), on
        classes y (K, B).
        """
        values = self._forward(weights, x)
        logs = values[-1].log_softmax(1)
        target = torch.zeros_like(logs).scatter_(1, y[:, None], 1.0)
        if isinstance(smoothing, Tensor) or smoothing:
            share = torch.as_tensor(smoothing, dtype=logs.dtype, device=logs.device).view(-1, 1, 1)
            target = target.lerp_(torch.full_like(target, 1 / target.shape[1]), share)
        losses = (logs * target).sum(1).mean(1).neg()
        grad, gradients = logs.exp_().sub_(target).div_(y.shape[1]), {}
        for index, (name, activation) in reversed([*enumerate(self.layers)]):
            if activation:
                grad = ACTIVATIONS[activation][1](grad, values[index + 1])
            gradients[f"{name}weight"] = torch.bmm(grad, values[index].mT)
            if f"{name}bias" in weights:
                gradients[f"{name}bias"] = grad.sum(2)
            if index:
                grad = torch.bmm(weights[f"{name}weight"].mT, grad)
        return gradients, losses

    def _forward(self, weights: Mapping[str, Tensor], x: Tensor) -> list[Tensor]:
        """Return what goes into each layer and what leaves the last, each (K, features, B)."""
        values = [x.flatten(2).mT]
        for name, activation in self.layers:
            out = torch.bmm(weights[f"{name}weight"], values[-1])
            if f"{name}bias" in weights:
                out = out.add_(weights[f"{name}bias"][:, :, None])
            values.append(ACTIVATIONS[activation][0](out) if activation else out)
        return values


def chain_of(net: nn.Module) -> Chain | None:
    """Return the chain that a net is: `nn.Flatten`, then linear layers and activations; None for
    any other net.
    """
    modules = [(f"{name}.", layer) for name, layer in net.named_modules(remove_duplicate=False)]
    (_, first), *leaves = [
        (name, layer) for name, layer in modules if type(layer) is not nn.Sequential
    ]
    layers: list[tuple[str, type[nn.Module] | None]] = []
    for name, layer in leaves:
        if type(layer) is nn.Linear and all(weight.requires_grad for weight in layer.parameters()):
            layers.append((name, None))
        elif type(layer) in ACTIVATIONS and layers and not layers[-1][1]:
            layers[-1] = (layers[-1][0], type(layer))
        else:
            return None
    linear = [layer for _, layer in leaves if type(layer) is nn.Linear]
    known = linear and len(linear) == len(set(linear)) and repr(first) == repr(nn.Flatten())
    return Chain(tuple(layers)) if known else None
