"""Transfer, many runs at once: new heads on frozen features, and whole nets that learn on."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from torch import nn

from recipes_lib.data.splits import Splits
from recipes_lib.nets.transfer import Still, for_classes, new_head
from recipes_lib.sweep.many import fit_many
from recipes_lib.sweep.runs import Run, Runs, seed_of

Draw = Callable[[int], Splits]


def fit_heads(draw: Draw, runs: Sequence[Run], **how: Any) -> Runs:
    """Train a new head for each run, with AdamW, on splits of features (N, width).

    `how` is `fit_many`'s, as num_steps and batch_size. The head is the net's last layer.

    >>> fit_heads(lambda seed: changed(splits(seed), features), runs, num_steps=50, batch_size=16)
    """
    first = draw(seed_of(runs[0]))
    (width,), num_classes = first.shape, len(first.classes)

    def make_net(seed: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), new_head(width, num_classes, seed))

    return fit_many(make_net, draw, runs, **{"optimizer": "adamw", **how})


def fit_whole(
    net: nn.Sequential, draw: Draw, runs: Sequence[Run], *, heads: Runs | None = None, **how: Any
) -> Runs:
    """Fine-tune a copy of a net in parts (`pretrained`) for each run, with AdamW, one by one.

    It begins with a new head, or with the one of its seed in `heads`; BatchNorm keeps its
    statistics. `how` is `fit_many`'s, as num_steps and batch_size.

    >>> fit_whole(lite0(), splits, grid(lr=[1e-4, 3e-4]), num_steps=100, batch_size=16)
    """
    num_classes = len(draw(seed_of(runs[0])).classes)
    rows = {seed_of(run): row for row, run in enumerate(heads.runs)} if heads else {}

    def make_net(seed: int) -> Still:
        mine = for_classes(net, num_classes, seed)
        if heads:
            mine.head = deepcopy(heads.net(rows[seed])[-1])  # type: ignore[index]
        return mine

    how = {"optimizer": "adamw", "strategy": "sequential", **how}
    return fit_many(make_net, draw, runs, **how)
