"""Less of a data set, or the same in another form: few labels, some images, other images."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from recipes_lib.data.splits import Split, Splits


def changed(splits: Splits, change: Callable[[Tensor], Tensor]) -> Splits:
    """Return the splits with `change` made to the images (N, …) of each part.

    >>> smaller = changed(splits, partial(interpolate, size=8, mode="area"))
    """
    train, valid, test = (
        Split(change(part.x), part.y) for part in (splits.train, splits.valid, splits.test)
    )
    return replace(splits, train=train, valid=valid, test=test)


def few(splits: Splits, labels: int, generator: torch.Generator) -> Splits:
    """Return the splits with `labels` training images a class, or all that a class has.

    `generator` draws which; fewer labels from an equal generator are among those of more.
    """
    mixed = torch.randperm(len(splits.train), generator=generator)
    y = splits.train.y.cpu()[mixed]
    rows = torch.cat([mixed[y == label][:labels] for label in y.unique()])
    return replace(splits, train=_rows(splits.train, rows))


def some(split: Split, size: int, generator: torch.Generator) -> Split:
    """Return `size` images of a part, or all that it has; `generator` draws which."""
    return _rows(split, torch.randperm(len(split), generator=generator)[:size])


def _rows(split: Split, rows: Tensor) -> Split:
    rows = rows.to(split.y.device)
    return Split(split.x[rows], split.y[rows])
