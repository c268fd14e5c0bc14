"""Labels that are wrong: something to learn by heart."""

from dataclasses import replace

import torch

from recipes_lib.data.splits import Split
from recipes_lib.given import check_share
from recipes_lib.seeds import stream


def mislabeled(split: Split, share: float, num_classes: int, seed: int) -> Split:
    """Return the images with a share of the labels wrong; `seed` draws which, and what they say.

    >>> noisy = replace(splits, train=mislabeled(splits.train, 0.2, len(splits.classes), seed=0))
    """
    check_share("share", share)
    generator = stream("wrong labels", seed)
    rows = torch.randperm(len(split), generator=generator)[: int(share * len(split))]
    shift = torch.zeros(len(split), dtype=torch.long)
    shift[rows] = torch.randint(1, num_classes, (len(rows),), generator=generator)
    return replace(split, y=(split.y + shift.to(split.y.device)) % num_classes)
