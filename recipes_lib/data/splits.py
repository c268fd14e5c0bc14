"""Training, validation and test data as tensors, and their batches."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from recipes_lib.given import whole


@dataclass(frozen=True)
class Split:
    """Images `x` (N, C, H, W), float32 in 0 … 1, and class indices `y` (N,), int64, which other
    integers become.

    `targets` (N, …), where there are any, are what else an image is trained towards, such as the
    logits of a teacher: see `fit`. Raises `ValueError` where the lengths differ.
    """

    x: Tensor
    y: Tensor
    targets: Tensor | None = None

    def __post_init__(self) -> None:
        x, y = torch.as_tensor(self.x), torch.as_tensor(self.y)
        if not y.is_floating_point() and not y.is_complex():
            y = y.long()
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "y", y)
        if len({len(part) for part in self.parts}) > 1:
            lengths = ", ".join(str(len(part)) for part in self.parts)
            raise ValueError(f"images, labels and targets differ in number: {lengths}; match them")

    @property
    def parts(self) -> tuple[Tensor, ...]:
        """Return (x, y), or (x, y, targets)."""
        return (self.x, self.y) if self.targets is None else (self.x, self.y, self.targets)

    def __len__(self) -> int:
        return len(self.y)

    def at(self, rows: Tensor | slice) -> "Split":
        """Return the images at `rows`, with their labels and targets."""
        return Split(*(part[rows] for part in self.parts))


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


def leaked(splits: Splits) -> float:
    """Share of test images that stand, pixel for pixel, in training or validation, too."""
    known = {image for part in (splits.train, splits.valid) for image in _pixels(part)}
    return sum(image in known for image in _pixels(splits.test)) / len(splits.test)


def _pixels(part: Split) -> Iterator[bytes]:
    return (image.tobytes() for image in part.x.cpu().numpy())


def batches(
    split: Split, batch_size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, ...]]:
    """Yield shuffled batches of one epoch, (x, y), or (x, y, targets) where there are targets.

    The last is smaller where `batch_size` does not divide N. One permutation and one gather serve
    the whole epoch: indexing each batch by itself costs more than a small net's step.
    """
    size = whole("batch_size", batch_size)
    order = torch.randperm(len(split), generator=generator).to(split.y.device)
    yield from zip(*(part[order].split(size) for part in split.parts), strict=True)
