"""Less of a data set, or the same in another form: few labels, some images, other images."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from recipes_lib.data.splits import Split, Splits
from recipes_lib.given import whole
from recipes_lib.seeds import stream


def changed(splits: Splits, change: Callable[[Tensor], Tensor]) -> Splits:
    """Return the splits with `change` made to the images (N, …) of each part.

    >>> smaller = changed(splits, partial(interpolate, size=8, mode="area"))
    """
    train, valid, test = (
        replace(part, x=change(part.x)) for part in (splits.train, splits.valid, splits.test)
    )
    return replace(splits, train=train, valid=valid, test=test)


def standardized(splits: Splits) -> Splits:
    """Return the splits with images whose values have mean 0 and variance 1 in training."""
    mean, std = splits.train.x.mean(), splits.train.x.std()
    return changed(splits, lambda x: (x - mean) / std)


def few(splits: Splits, labels: int, seed: int) -> Splits:
    """Return the splits with `labels` training images a class, or all that a class has.

    `seed` draws which; fewer labels of one seed are among those of more.
    """
    whole("labels", labels)
    mixed = torch.randperm(len(splits.train), generator=stream("labels", seed))
    y = splits.train.y.cpu()[mixed]
    rows = torch.cat([mixed[y == label][:labels] for label in y.unique()])
    return replace(splits, train=splits.train.at(rows.to(splits.train.y.device)))


def some(split: Split, size: int, seed: int) -> Split:
    """Return `size` images of a part, or all that it has; `seed` draws which."""
    whole("size", size)
    rows = torch.randperm(len(split), generator=stream("images", seed))[:size]
    return split.at(rows.to(split.y.device))
