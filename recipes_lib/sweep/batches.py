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
