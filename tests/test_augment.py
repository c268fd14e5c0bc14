import subprocess
import sys
from math import radians

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from recipes_lib.data.augment import (
    affine,
    chain,
    crop,
    cutmix,
    erase,
    flip,
    in_groups,
    mixup,
    warp,
)
from recipes_lib.data.sets import load
from recipes_lib.nets.models import mlp
from recipes_lib.sweep.batches import Together
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
    "mixup": mixup(10, alpha=0.4),
    "cutmix": cutmix(10),
    "v2.MixUp": v2.MixUp(num_classes=10),
    "v2.CutMix": v2.CutMix(num_classes=10),
}
MIXING = ("mixup", "cutmix", "v2.MixUp", "v2.CutMix")
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


def test_erased_rectangles_are_from_a_third_to_three_times_as_high_as_wide():
    torch.manual_seed(0)
    blank = erase(share=0.25, p=1.0)(torch.ones(2000, 1, 96, 96), Y)[0][:, 0] == 0
    high, wide = (blank.any(side).sum(1) for side in (2, 1))
    form = (high / wide)[(high > 9) & (wide > 9)]
    assert 0.28 < form.min() < 0.4
    assert 2.5 < form.max() < 3.5


def test_bad_shares_are_named():
    for make, what in (
        (lambda: flip(2), "p is 2"),
        (lambda: erase(share=-1), "share is -1"),
        (lambda: affine(shift=3), "shift is 3"),
    ):
        with pytest.raises(ValueError, match=f"{what}; give a share from 0 to 1"):
            make()


@pytest.mark.parametrize("name", ["affine", "mixup", "v2.MixUp"])
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


NOISE = {
    **{name: apply for name, apply in ALL.items() if name not in MIXING},
    "of one's own": lambda x, y: (x + torch.randn_like(x), y),
    "by a number": lambda x, y: (v2.RandomRotation((20, 40))(x), y),
}


def counted(augment, calls):
    def apply(x, y):
        calls.append(x.shape)
        return augment(x, y)

    return apply


@pytest.mark.parametrize("augment", NOISE.values(), ids=NOISE)
def test_one_call_augments_the_batches_of_all_runs(augment, x):
    calls: list[torch.Size] = []
    together = Together(counted(augment, calls))
    runs, labels = x.view(4, 16, *x.shape[1:]), Y.view(4, 16)
    together(runs, labels)
    calls.clear()
    images, kept = together(runs, labels)
    assert calls == [(16, 3, 12, 20)]
    assert images.shape == runs.shape
    assert torch.equal(kept, labels)


@pytest.mark.parametrize("name", ["affine", "crop", "erase", "in_groups", "mixup", "cutmix"])
def test_a_sweep_of_more_runs_launches_no_more_kernels(name, x):
    together, launched = Together(ALL[name]), []
    for count in (2, 32):
        runs, labels = x[:8].expand(count, *x[:8].shape), Y[:8].expand(count, 8)
        together(runs, labels)
        with CountKernels() as counter:
            together(runs, labels)
        launched.append(counter.count)
    assert launched[1] <= launched[0] + 8


class CountKernels(TorchDispatchMode):
    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def test_each_run_of_a_sweep_has_draws_of_its_own():
    alike = torch.rand(1, 16, 1, 12, 12).expand(4, -1, -1, -1, -1)
    images, _ = Together(affine(15))(alike, Y.view(4, 16))
    assert len(images.flatten(1).unique(dim=0)) == 4


def mixed(x, y):
    """MixUp as one writes it, over the whole batch."""
    return x + x[torch.randperm(len(x))], y


@pytest.mark.parametrize("augment", [mixed, *(ALL[name] for name in MIXING)])
def test_no_run_sees_an_image_of_another(augment):
    marks = torch.arange(4.0).view(4, 1, 1, 1, 1).expand(4, 16, 1, 12, 12)
    images, _ = Together(augment)(marks, Y.view(4, 16))
    ratio = images.flatten(1).amax(1) / images.flatten(1).amin(1).clamp(min=1)
    assert torch.allclose(ratio[1:], torch.ones(3))


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_each_run_mixes_by_a_share_of_its_own(name):
    x, y = torch.rand(8, 16, 1, 12, 12), torch.arange(16).expand(8, 16) % 10
    _, shares = Together(ALL[name])(x, y)
    assert len(shares[:, 0].unique(dim=0)) > 4


@pytest.mark.parametrize("augment", [mixup(2), cutmix(2)])
def test_labels_are_mixed_by_the_share_of_what_is_seen(augment):
    black_and_white = torch.tensor([0, 1]).repeat(8)
    x = black_and_white.view(-1, 1, 1, 1).expand(-1, 1, 12, 20).float()
    for seed in range(20):
        torch.manual_seed(seed)
        images, shares = augment(x, black_and_white)
        assert torch.allclose(images.mean((1, 2, 3)), shares[:, 1], atol=1e-6)
        assert torch.allclose(shares.sum(1), torch.ones(16))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
@pytest.mark.parametrize(("own", "stock"), [(mixup, v2.MixUp), (cutmix, v2.CutMix)])
def test_shares_are_spread_as_in_torchvision(own, stock, alpha):
    torch.manual_seed(0)
    x, y = torch.zeros(2, 1, 28, 28), torch.arange(2)
    ways = own(2, alpha), stock(num_classes=2, alpha=alpha)
    drawn = [torch.stack([way(x, y)[1][0, 0] for _ in range(3000)]).sort().values for way in ways]
    assert (drawn[0] - drawn[1]).abs().mean() < 0.025


def test_alpha_is_above_zero():
    for make in (mixup, cutmix):
        with pytest.raises(ValueError, match="alpha is 0; give a number above 0"):
            make(10, alpha=0)


FULL_SCALE = """
import resource, torch
from recipes_lib import augment, fit_many, grid
from recipes_lib.data.splits import Split, Splits
from torch import nn

def draw(seed):
    x, y = torch.rand(1500, 1, 28, 28), torch.arange(1500) % 10
    return Splits(*(Split(x[part], y[part]) for part in (slice(1300), slice(100), slice(100))),
                  tuple("0123456789"))

class Enough(Exception):
    pass

def stop(step, runs, weights):
    if step == 3:
        raise Enough

make_net = lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
move = augment.chain(augment.affine(12, zoom=0.1), augment.crop(2))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    fit_many(make_net, draw, grid(lr=[0.1, 0.2, 0.3], seed=range(32)), num_steps=3000,
             batch_size=64, augment=move, strategy="stacked", after_step=stop)
except Enough:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory in KiB, as Linux does")
def test_augmentation_at_full_scale_needs_no_more_than_its_images_and_a_few_batches():
    """The images of 3,000 steps, laid out for 32 replicates and gathered once more, are 36 GiB."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_SCALE], capture_output=True, text=True, timeout=300, check=True
    )
    assert float(done.stdout) < 2  # GiB
