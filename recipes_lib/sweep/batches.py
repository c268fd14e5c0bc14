"""The images that K runs train on."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.func import vmap

from recipes_lib.data.augment import Augment
from recipes_lib.data.splits import Split


class Pool:
    """The images of all seeds, each once, and where those of each run begin."""

    def __init__(self, parts: Mapping[int, Split], seeds: Sequence[int]) -> None:
        distinct = {id(part): part for part in parts.values()}
        self.size, self.alike = len(parts[seeds[0]]), len(distinct) == 1
        columns = zip(*(part.parts for part in distinct.values()), strict=True)
        self.columns = [torch.cat(column) for column in columns]  # x, y and maybe targets
        first = {name: index * self.size for index, name in enumerate(distinct)}
        starts = [[first[id(parts[seed])]] for seed in seeds]
        self.first = torch.tensor(starts, device=self.columns[1].device)

    def take(self, index: Tensor) -> list[Tensor]:
        """Gather each run's images at `index` (K, B), or (1, B) for all.

        Returns x (K, B, C, H, W), y (K, B) and, where there are any, targets (K, B, …).
        """
        rows = (index + self.first[: len(index)]).flatten()
        found = [column.index_select(0, rows).unflatten(0, index.shape) for column in self.columns]
        return [column.expand(len(self.first), *column.shape[1:]) for column in found]


class Together:
    """An augmentation of the batches of all runs, x (K, B, …) and y (K, B), in one call.

    Each run has draws of its own, and no image meets one of another run. Where a transform makes
    Python numbers of its draws, all runs share them; what torch cannot map at all, such as the
    Beta distribution of `v2.MixUp`, is called run by run.
    """

    def __init__(self, augment: Augment) -> None:
        self.ways: list[Augment] = [
            vmap(augment, randomness="different"),
            vmap(augment, randomness="same"),
            partial(_run_by_run, augment),
        ]

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images and labels, each led by a row a run."""
        while len(self.ways) > 1:
            try:
                return self.ways[0](x, y)
            except RuntimeError:
                del self.ways[0]
        return self.ways[0](x, y)


def _run_by_run(augment: Augment, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    x, y = (torch.stack(part) for part in zip(*map(augment, x, y), strict=True))
    return x, y
