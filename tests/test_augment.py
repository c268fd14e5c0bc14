from math import radians

import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from recipes_lib.data.augment import affine, chain, crop, erase, flip, in_groups, warp
from recipes_lib.data.sets import load
from recipes_lib.nets.models import mlp
from recipes_lib.sweep.many import fit_many
from recipes_lib.sweep.runs import grid
from recipes_lib.train import fit

ALL = {
    "affine": affine(degrees=15, shift=0.1, zoom=0.1),
    "crop": crop(2),
    "flip": flip(),
    "erase": erase(p=1.0),
    "in_groups": in_groups(v2.RandomAffine(30), 2),
    "chain": chain(flip(), crop(1)),
    "mixup": v2.MixUp(num_classes=10),
    "cutmix": v2.CutMix(num_classes=10),
}
Y = torch.arange(64) % 10


@pytest.fixture
def x() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(64, 3, 12, 20)


@pytest.mark.parametrize("augment", ALL.values(), ids=ALL)
def test_shape_range_and_given_images_stay_and_a_seed_repeats_the_draws(augment, x):
    given = x.clone()
    results = [torch.manual_seed(1) and augment(x, Y)[0] for _ in range(2)]
    assert torch.equal(*results)
    assert results[0].shape == x.shape
    assert results[0].min() >= 0
    assert results[0].max() <= 1
    assert torch.equal(x, given)
    assert not torch.equal(results[0], x)


@pytest.mark.parametrize(
    "augment", [affine(15), affine(shift=0.2), affine(zoom=0.3), crop(3), flip(), erase(p=1.0)]
)
def test_each_image_has_a_draw_of_its_own(augment):
    alike = torch.rand(1, 1, 12, 12).expand(64, -1, -1, -1)
    assert len(augment(alike, Y)[0].flatten(1).unique(dim=0)) > 1


@pytest.mark.parametrize(
    ("angle", "zoom", "shift"),
    [(30, 1, (0, 0)), (0, 1.5, (0, 0)), (0, 1, (3, -2)), (40, 0.7, (2, 1))],
)
def test_warp_is_torchvision_s_affine(x, angle, zoom, shift):
    same = functional.affine(
        x, angle, shift, zoom, [0.0, 0.0], interpolation=v2.InterpolationMode.BILINEAR
    )
    draws = torch.tensor([radians(angle)] * 64), torch.tensor([float(zoom)] * 64)
    mine = warp(x, *draws, torch.tensor([shift] * 64) / torch.tensor([20, 12]))
    # Where an image ends, torchvision blends its filling by a mask; inside, both are the same.
    assert ((mine - same).abs() < 1e-4).float().mean() > 0.93


def test_affine_keeps_the_type_of_the_images(x):
    assert affine(15, 0.1, 0.1)(x.double(), Y)[0].dtype == torch.float64


def test_crop_cuts_windows_and_flip_mirrors(x):
    moved = {tuple(crop(1)(x[:1], Y[:1])[0].flatten().tolist()) for _ in range(200)}
    assert len(moved) == 9
    assert torch.equal(flip(1.0)(x, Y)[0], functional.horizontal_flip(x))
    assert torch.equal(flip(0.0)(x, Y)[0], x)


def test_erase_blanks_one_rectangle_of_at_most_its_share(x):
    blank = (erase(share=0.3, p=1.0)(x + 0.1, Y)[0] == 0).all(1)
    rows, columns = blank.any(2).sum(1), blank.any(1).sum(1)
    assert torch.equal(blank.sum((1, 2)), rows * columns)
    assert (
        0 < blank.float().mean((1, 2)).max() < 0.4
    )  # rounding to whole pixels can add a row and a column
    assert torch.equal(erase(p=0.0)(x, Y)[0], x)


def test_bad_shares_are_named():
    for make, what in (
        (lambda: flip(2), "p is 2"),
        (lambda: erase(share=-1), "share is -1"),
        (lambda: affine(shift=3), "shift is 3"),
    ):
        with pytest.raises(ValueError, match=f"{what}; give a share from 0 to 1"):
            make()


@pytest.mark.parametrize("name", ["affine", "mixup"])
def test_nets_train_on_augmented_batches(name):
    splits = load("digits")
    how = {"num_epochs": 2, "batch_size": 128, "augment": ALL[name]}
    torch.manual_seed(0)
    alone = fit(mlp(splits.shape, 10), splits, lr=0.1, **how)
    runs = fit_many(
        lambda: mlp(splits.shape, 10),
        splits,
        grid(lr=[0.1], seed=[0, 1]),
        **how,
        strategy="stacked",
    )
    assert alone.step_losses[-1] < alone.step_losses[0]
    assert (runs.step_losses[:, -1] < runs.step_losses[:, 0]).all()
