"""The images that K runs train on."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from recipes_lib.data.splits import Split


class Pool:
    """The images of all seeds, each once, and where those of each run begin."""

    def __init__(self, parts: Mapping[int, Split], seeds: Sequence[int]) -> None:
        distinct = {id(part): part for part in parts.values()}
        self.size, self.alike = len(parts[seeds[0]]), len(distinct) == 1
        self.x = torch.cat([part.x for part in distinct.values()])
        self.y = torch.cat([part.y for part in distinct.values()])
        first = {name: index * self.size for index, name in enumerate(distinct)}
        self.first = torch.tensor(
            [[first[id(parts[seed])]] for seed in seeds], device=self.y.device
        )

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Gather each run's images at `index` (K, B), or (1, B) for all: x (K, B, C, H, W) and y
        (K, B).
        """
        rows = (index + self.first[: len(index)]).flatten()
        x, y = (part.index_select(0, rows).unflatten(0, index.shape) for part in (self.x, self.y))
        return x.expand(len(self.first), *x.shape[1:]), y.expand(len(self.first), -1)
