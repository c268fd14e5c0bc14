"""Labels that are wrong on purpose."""

import pytest
import torch

from recipes_lib.data.labels import mislabeled
from recipes_lib.data.splits import Split


def numbered(count: int) -> Split:
    """Images that bear their own numbers, in three classes."""
    return Split(torch.arange(float(count)).view(-1, 1, 1, 1), torch.arange(count) % 3)


def test_the_share_is_wrong_and_the_images_stay() -> None:
    right = numbered(100)
    wrong = mislabeled(right, 0.2, 3, 0)
    assert (wrong.y != right.y).sum() == 20
    assert set(wrong.y.tolist()) <= {0, 1, 2}
    assert wrong.x.equal(right.x)
    assert not wrong.y.equal(mislabeled(right, 0.2, 3, 1).y)
    assert mislabeled(right, 0.0, 3, 0).y.equal(right.y)


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(ValueError, match="share"):
        mislabeled(numbered(9), 20, 3, 0)
