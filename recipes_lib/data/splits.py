"""Training, validation and test data as tensors, and their batches."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Split:
    """Images `x` (N, C, H, W), float32 in 0 … 1, and class indices `y` (N,), int64."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Splits:
    """Training, validation and test images, and the name of each class."""

    train: Split
    valid: Split
    test: Split
    classes: tuple[str, ...]
    # Test images per training image when the pool was divided, whatever is left out later by
    # `replace`:
    # what intervals over redrawn splits are corrected by.
    test_ratio: float = math.nan

    def __post_init__(self) -> None:
        if math.isnan(self.test_ratio):
            object.__setattr__(self, "test_ratio", len(self.test) / max(1, len(self.train)))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image: (channels, height, width)."""
        return tuple(self.train.x.shape[1:])


def batches(
    split: Split, batch_size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield shuffled batches (x, y) of one epoch; the last is smaller where `batch_size` does not
    divide N.

    One permutation and one gather serve the whole epoch: indexing each batch by itself costs more
    than a small net's step.
    """
    order = torch.randperm(len(split), generator=generator).to(split.y.device)
    yield from zip(
        torch.split(split.x[order], batch_size),
        torch.split(split.y[order], batch_size),
        strict=True,
    )
