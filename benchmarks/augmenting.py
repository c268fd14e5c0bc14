"""Augmentation: torchvision's transforms image by image in a `DataLoader`, against the same on the
whole batch.
"""

import time
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from benchmarks.timing import Side, group
from benchmarks.work import BATCH_SIZE, images, steps
from recipes_lib.data.augment import affine, chain, crop, erase
from recipes_lib.data.splits import Split

PER_IMAGE = "torchvision.transforms.v2 per image"
STOCK = v2.Compose(
    [
        v2.RandomAffine(12, scale=(0.9, 1.1), interpolation=v2.InterpolationMode.BILINEAR),
        v2.RandomCrop(28, padding=2),
        v2.RandomErasing(0.5, scale=(0.02, 0.25)),
    ]
)
BATCHED = chain(affine(12, zoom=0.1), crop(2), erase(0.25, 0.5))


class Augmented(Dataset[tuple[Tensor, Tensor]]):
    """Images that pass through a transform one by one, as a `DataLoader` fetches them."""

    def __init__(self, split: Split, transform: Callable[[Tensor], Tensor]) -> None:
        self.split, self.transform = split, transform

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.transform(self.split.x[index]), self.split.y[index]


def augmenting(rounds: int) -> dict[str, Any]:
    """Turn, zoom, crop and erase; counted is the augmentation alone, without the delivery of the
    batches.
    """
    train, num_batches = images().train, steps(1, images())
    plain, stock = (
        DataLoader(Augmented(train, transform), BATCH_SIZE) for transform in (nn.Identity(), STOCK)
    )
    batches = list(zip(train.x.split(BATCH_SIZE), train.y.split(BATCH_SIZE), strict=True))

    def per_batch() -> None:
        for _ in range(10):
            for x, y in batches:
                BATCHED(x, y)

    sides = [
        Side("none: a DataLoader delivers", lambda: _seconds(plain), num_batches),
        Side(PER_IMAGE, lambda: _seconds(stock) - _seconds(plain), num_batches, reports=True),
        Side("recipes_lib.augment per batch", per_batch, 10 * num_batches, PER_IMAGE, reach="≥ 20"),
    ]
    note = "Per image: what the same DataLoader takes longer with the transforms than without."
    return group(
        "Augment a batch of 64 images, 28×28: turn, zoom, crop, erase", "batch", sides, rounds, note
    )


def _seconds(loader: DataLoader[Any]) -> float:
    start = time.perf_counter()
    for _ in loader:
        pass
    return time.perf_counter() - start
