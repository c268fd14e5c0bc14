"""What transfer needs: a new head, frozen features, and two controls without what was learned."""

from collections import OrderedDict
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from recipes_lib.given import check_seed
from recipes_lib.seeds import stream


def new_head(width: int, num_classes: int, seed: int) -> nn.Linear:
    """Return a linear layer, features (N, width) to logits, as torch draws it at first.

    Its weights come from a stream of their own: they are independent of all other draws of `seed`,
    those of a source net among them.
    """
    head, draws = nn.Linear(width, num_classes), stream("head", seed)
    for weight in head.parameters():
        nn.init.uniform_(weight, -(width**-0.5), width**-0.5, draws)
    return head


def restarted(net: nn.Sequential, source: nn.Sequential | None, seed: int) -> nn.Sequential:
    """Return `net` with the weights of a source net, where there is one, and a new head.

    Both end in a linear layer, the head; all layers before it are alike.

    >>> restarted(mlp((1, 8, 8), 10), source=mlp((1, 8, 8), 26), seed=0)
    """
    head: Any = net[-1]
    if source:
        net[:-1].load_state_dict(source[:-1].state_dict())
    net[-1] = new_head(head.in_features, head.out_features, seed)
    return net


class Still(nn.Sequential):
    """A net that trains in evaluation mode: BatchNorm keeps the statistics of its source.

    A few small batches would only spoil them. Its weights learn like any others.
    """

    def train(self, mode: bool = True) -> "Still":
        """Stay in evaluation mode."""
        return super().train(mode=False)


def for_classes(net: nn.Sequential, num_classes: int, seed: int) -> Still:
    """Return a copy of a net in parts (`pretrained`) with a new head, ready to be fine-tuned.

    >>> fit(for_classes(lite0(), 5, seed=0), splits, num_steps=100, batch_size=16, lr=1e-4)
    """
    parts = OrderedDict(deepcopy(net).named_children())
    old = parts["head"]
    parts["head"] = new_head(int(old.in_features), num_classes, seed)  # type: ignore[arg-type]
    return Still(parts).eval()


class Features:
    """The features of a body that stays as it is. Each image goes through it once.

    Images (N, C, H, W) become features (N, width) on their device, from a copy of the body in
    evaluation mode, so that BatchNorm keeps its statistics. Equal images share an entry.

    >>> features = Features(lite0())
    >>> features(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 1280])
    """

    def __init__(self, net: nn.Sequential) -> None:
        self.body = deepcopy(net[:-1]).eval()
        self._seen: dict[bytes, Tensor] = {}

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """Return features (N, width) of images (N, C, H, W)."""
        keys = [image.numpy().tobytes() for image in x.cpu()]
        places = {key: place for place, key in enumerate(keys) if key not in self._seen}
        for rows in torch.tensor(list(places.values()), dtype=torch.long).split(64):
            new = self.body(x[rows.to(x.device)]).float().cpu()
            self._seen |= {keys[row]: one for row, one in zip(rows.tolist(), new, strict=True)}
        return torch.stack([self._seen[key] for key in keys]).to(x.device)


@torch.no_grad()
def shuffled(net: nn.Module, seed: int) -> nn.Module:
    """Return the net with the values of each weight in another order: their sizes without sense."""
    copy, draws = deepcopy(net), stream("shuffled", seed)
    for weight in copy.parameters():
        order = torch.randperm(weight.numel(), generator=draws).to(weight.device)
        weight.copy_(weight.flatten()[order].view_as(weight))
    return copy


def redraw(net: nn.Module) -> nn.Module:
    """Draw the weights of all layers anew, in place, as torch does at first; return the net."""
    for layer in net.modules():
        if callable(reset := getattr(layer, "reset_parameters", None)):
            reset()
    return net


def random_twin(net: nn.Sequential, x: Tensor, seed: int) -> nn.Sequential:
    """Return the same layers with random weights: what is left without training.

    The weights come from `seed`, and BatchNorm has the statistics of the images `x` (N, C, H, W).
    """
    twin = deepcopy(net)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(check_seed(seed))
        redraw(twin)
        for layer in twin.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 1.0  # keep the statistics of this one batch, not a running mean
        twin.train()(x)
    return twin.eval()
