import pytest
import torch

from recipes_lib.data.splits import Split, Splits
from recipes_lib.data.subsets import changed, few, some, standardized


def numbered(count):
    """A split of three classes whose images bear their own numbers."""
    return Split(torch.arange(float(count)).view(-1, 1, 1, 1), torch.arange(count) % 3)


@pytest.fixture
def splits():
    return Splits(numbered(30), numbered(9), numbered(6), ("ant", "bee", "fly"))


def test_changed_changes_images_alone(splits):
    doubled = changed(splits, lambda x: 2 * x)
    for name in ("train", "valid", "test"):
        before, after = getattr(splits, name), getattr(doubled, name)
        assert after.x.equal(2 * before.x)
        assert after.y.equal(before.y)
    assert doubled.test_ratio == splits.test_ratio == 0.2


def test_standardized_images_are_so_in_training_and_scaled_alike_elsewhere(splits):
    scaled = standardized(splits)
    assert scaled.train.x.mean().item() == pytest.approx(0, abs=1e-6)
    assert scaled.train.x.std().item() == pytest.approx(1)
    assert scaled.test.x.equal(scaled.train.x[: len(splits.test)])


def test_few_labels_are_so_many_of_each_class_and_the_rest_stays(splits):
    less = few(splits, 2, 0)
    assert less.train.y.bincount().tolist() == [2, 2, 2]
    assert (less.train.x.flatten().long() % 3).equal(less.train.y)
    assert (less.valid, less.test, less.test_ratio) == (splits.valid, splits.test, 0.2)


def test_fewer_labels_are_among_more_and_another_generator_draws_others(splits):
    less, more, other = (few(splits, *how) for how in ((2, 0), (5, 0), (5, 1)))
    numbers = [set(part.train.x.flatten().tolist()) for part in (less, more, other)]
    assert numbers[0] < numbers[1]
    assert numbers[1] != numbers[2]


def test_a_class_gives_what_it_has(splits):
    assert few(splits, 99, 0).train.y.bincount().tolist() == [10, 10, 10]


def test_some_images_are_drawn_once_each():
    part = some(numbered(9), 5, 0)
    numbers = part.x.flatten().long()
    assert len(set(numbers.tolist())) == len(part) == 5
    assert (numbers % 3).equal(part.y)
    assert not part.x.equal(some(numbered(9), 5, 1).x)


def test_images_are_drawn_apart_from_labels(splits):
    mixed = some(splits.train, 30, 0)
    of_classes = mixed.x[mixed.y.argsort(stable=True)]
    assert not of_classes.equal(few(splits, 99, 0).train.x)
