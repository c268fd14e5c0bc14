"""Transfer, many runs at once: new heads on frozen features, and whole nets that learn on."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from recipes_lib.data.splits import Splits
from recipes_lib.data.subsets import changed
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


def linear_probe(
    nets: Mapping[int, nn.Sequential], draw: Draw, *, lr: float, **how: Any
) -> NDArray[np.float64]:
    """Return the test accuracies (nets,) of a new linear head on what each net's body sees.

    `nets` are by seed, `draw` gives the images of a seed, and `how` is `fit_heads`'s.

    >>> linear_probe({0: net}, splits, lr=0.01, num_steps=100, batch_size=64)
    """
    runs = [{"lr": lr, "seed": seed} for seed in nets]
    heads = fit_heads(
        lambda seed: changed(draw(seed), torch.no_grad()(nets[seed][:-1])), runs, **how
    )
    accuracies: NDArray[np.float64] = heads.test()["test_accuracy"].to_numpy()
    return accuracies


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
