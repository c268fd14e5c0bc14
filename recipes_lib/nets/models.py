"""The few nets that several recipes share."""

from collections.abc import Callable
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from recipes_lib.given import check_share, whole


def mlp(
    shape: tuple[int, ...],
    num_classes: int,
    hidden: tuple[int, ...] = (64,),
    *,
    norm: Callable[[int], nn.Module] | None = None,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Build a ReLU net on flattened images: (N, *shape) to logits (N, num_classes).

    Before each ReLU stands a layer that `norm` makes for its width, after it dropout.
    """
    whole("num_classes", num_classes)
    check_share("dropout", dropout)
    sizes = (prod(shape), *_sizes("hidden", hidden))
    # Dropout is no layer of its own, so that weights have the same names with and without it.
    layers = [
        layer
        for before, width in pairwise(sizes)
        for layer in (
            nn.Linear(before, width),
            *([norm(width)] if norm else []),
            nn.Sequential(nn.ReLU(), nn.Dropout(dropout)) if dropout else nn.ReLU(),
        )
    ]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(sizes[-1], num_classes))


def cnn(
    shape: tuple[int, ...], num_classes: int, channels: tuple[int, ...] = (8, 16)
) -> nn.Sequential:
    """Build a net of 3×3 convolutions, each normalized and halving the image: (N, C, H, W) to (N,
    num_classes).
    """
    whole("num_classes", num_classes)
    pixels = prod(size >> len(_sizes("channels", channels)) for size in shape[1:])
    if not pixels:
        found = " × ".join(map(str, shape[1:]))
        raise ValueError(f"images of {found} pixels are too small for {len(channels)} stages")
    stages = [
        layer
        for before, after in pairwise((shape[0], *channels))
        for layer in (
            nn.Conv2d(before, after, 3, padding=1, bias=False),  # BatchNorm brings the bias
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
    ]
    return nn.Sequential(*stages, nn.Flatten(), nn.Linear(channels[-1] * pixels, num_classes))


class Branch(nn.Sequential):
    """Layers whose outputs are added to what they read."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, …) for (N, …)."""
        return x + super().forward(x)  # type: ignore[no-untyped-call, no-any-return]


def residual(
    shape: tuple[int, ...], num_classes: int, width: int = 32, depth: int = 3
) -> nn.Sequential:
    """Build a linear layer, `depth` branches of two and a last one: (N, *shape) to logits.

    A branch fits between any others, so that one can be taken out.
    """
    for what, size in (("num_classes", num_classes), ("width", width), ("depth", depth)):
        whole(what, size)
    branches = [
        Branch(nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        for _ in range(depth)
    ]
    first, last = nn.Linear(prod(shape), width), nn.Linear(width, num_classes)
    return nn.Sequential(nn.Flatten(), first, *branches, last)


class LSTM(nn.Module):
    """Read an image from its first value to its last, `width` values a step: (N, *shape) to logits
    (N, num_classes).

    The cell of Hochreiter & Schmidhuber (1997, with a forget gate), written out so that it can be
    stacked.
    """

    def __init__(
        self, shape: tuple[int, ...], num_classes: int, hidden: int = 32, width: int | None = None
    ) -> None:
        super().__init__()
        for what, size in (("num_classes", num_classes), ("hidden", hidden)):
            whole(what, size)
        self.width = shape[-1] if width is None else whole("width", width)
        if prod(shape) % self.width:
            raise ValueError(f"width is {width}; give a divisor of the {prod(shape)} values")
        self.gates = nn.Linear(self.width + hidden, 4 * hidden)
        self.head = nn.Linear(hidden, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, num_classes) of images (N, C, H, W)."""
        state = memory = x.new_zeros(len(x), self.head.in_features)
        for values in x.flatten(1).split(self.width, dim=1):  # each (N, width)
            take, forget, new, give = self.gates(torch.cat([values, state], dim=1)).chunk(4, dim=1)
            memory = forget.sigmoid() * memory + take.sigmoid() * new.tanh()
            state = give.sigmoid() * memory.tanh()
        return self.head(state)  # type: ignore[no-any-return]


def _sizes(what: str, sizes: tuple[int, ...]) -> tuple[int, ...]:
    if isinstance(sizes, int):
        raise ValueError(f"{what} is {sizes}; give the sizes of the layers, as ({sizes},)")
    return tuple(whole(f"a size in {what}", size) for size in sizes)
