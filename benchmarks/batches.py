"""Batch delivery: the library's gather an epoch, against a `DataLoader` that fetches image by
image.
"""

from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.timing import Side, group
from benchmarks.work import BATCH_SIZE, digits, steps
from recipes_lib.data.splits import batches

THEIRS = "a DataLoader on a TensorDataset"


def delivery(rounds: int) -> dict[str, Any]:
    """Deliver shuffled batches and do nothing with them."""
    splits, generator = digits(), torch.Generator().manual_seed(0)
    loader = DataLoader(
        TensorDataset(splits.train.x, splits.train.y), BATCH_SIZE, shuffle=True, generator=generator
    )

    def ours() -> None:
        for _ in range(600):
            for _ in batches(splits.train, BATCH_SIZE, generator):
                pass

    def theirs() -> None:
        for _ in range(10):
            for _ in loader:
                pass

    sides = [
        Side(THEIRS, theirs, steps(10, splits)),
        Side("recipes_lib.data.batches", ours, steps(600, splits), THEIRS, reach="≥ 25"),
    ]
    return group("Deliver a batch of 64 digits", "batch", sides, rounds)
