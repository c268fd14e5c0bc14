"""The few nets that several recipes share."""

from itertools import pairwise
from math import prod

from torch import nn


def mlp(shape: tuple[int, ...], num_classes: int, hidden: tuple[int, ...] = (64,)) -> nn.Sequential:
    """Build a ReLU net on flattened images: (N, *shape) to logits (N, num_classes)."""
    sizes = (prod(shape), *hidden)
    layers = [layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(sizes[-1], num_classes))
