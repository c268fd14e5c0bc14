from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from recipes_lib.data.folders import decode
from recipes_lib.data.sets import load
from recipes_lib.data.splits import Split, Splits, batches, leaked


@pytest.mark.parametrize(
    ("name", "shape", "total"), [("digits", (1, 8, 8), 1797), ("mnist5k", (1, 28, 28), 5000)]
)
def test_embedded_sets_are_split_60_20_20_and_stratified(
    name: str, shape: tuple[int, ...], total: int
) -> None:
    splits = load(name)
    assert splits.shape == shape
    assert len(splits.classes) == 10
    sizes = [len(part) for part in (splits.train, splits.valid, splits.test)]
    assert sum(sizes) == total
    assert sizes[1] == pytest.approx(total / 5, abs=1)
    assert sizes[2] == pytest.approx(total / 5, abs=1)
    for part in (splits.train, splits.valid, splits.test):
        assert part.x.dtype == torch.float32
        assert part.y.dtype == torch.int64
        assert part.x.min() == 0
        assert part.x.max() == 1
        counts = part.y.bincount(minlength=10) / len(part)
        assert (counts - 0.1).abs().max() < 0.01


def images(splits: Splits) -> torch.Tensor:
    return torch.cat([part.x.flatten(1) for part in (splits.train, splits.valid, splits.test)])


def test_every_split_deals_out_the_same_images_each_once() -> None:
    first, second = (images(load("digits", seed=seed)) for seed in (3, 4))
    assert not torch.equal(first, second)
    assert sorted(first.tolist()) == sorted(second.tolist())


def test_a_seed_draws_one_split_and_another_seed_another() -> None:
    first, again, other = load("digits", seed=1), load("digits", seed=1), load("digits", seed=2)
    assert torch.equal(first.train.x, again.train.x)
    assert not torch.equal(first.test.y, other.test.y)


def test_any_seed_that_torch_takes_draws_a_split_of_its_own() -> None:
    seeds = [7, 2**32 - 1, 2**32 + 7, 2**33 + 7, 2**63 - 1]
    drawn = [load("digits", seed=seed).train.x for seed in seeds]
    assert not any(torch.equal(one, other) for one, other in combinations(drawn, 2))
    assert torch.equal(drawn[2], load("digits", seed=2**32 + 7).train.x)


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint64])
def test_a_seed_may_be_numpy_s(kind: type) -> None:
    splits, ours = (load("digits", seed=seed) for seed in (kind(7), 7))
    assert torch.equal(splits.train.x, ours.train.x)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.0, True, "1", None, np.float64(1)])
def test_what_is_no_seed_is_refused(seed: Any) -> None:
    with pytest.raises(ValueError, match=r"seed is .*; give a whole number from 0 to 2\*\*63 - 1"):
        load("digits", seed=seed)


def test_image_size_averages_pixels() -> None:
    small, large = load("mnist5k", image_size=14), load("mnist5k")
    assert small.shape == (1, 14, 14)
    torch.testing.assert_close(small.train.x, torch.nn.functional.avg_pool2d(large.train.x, 2))
    assert load("digits", image_size=14).shape == (1, 8, 8)


def test_batches_deal_out_every_image_once_in_an_order_of_the_generator() -> None:
    train = load("digits").train
    deal = [list(batches(train, 64, torch.Generator().manual_seed(seed))) for seed in (5, 5, 6)]
    labels = [torch.cat([y for _, y in epoch]) for epoch in deal]
    assert [len(y) for _, y in deal[0]][:-1] == [64] * (len(train) // 64)
    assert torch.equal(labels[0].sort().values, train.y.sort().values)
    assert torch.equal(labels[0], labels[1])
    assert not torch.equal(labels[0], labels[2])
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(5))
    assert torch.equal(torch.cat([x for x, _ in deal[0]]), train.x[order])


def test_texture_patches_never_share_a_pixel_between_parts() -> None:
    first, again = load("textures", seed=3), load("textures", seed=4)
    assert first.shape == (1, 32, 32)
    assert first.classes[:2] == ("brick", "coffee")
    assert (len(first.train), len(first.valid), len(first.test)) == (1900, 650, 650)
    assert not torch.equal(first.train.x, again.train.x)
    assert load("textures", image_size=8).shape == (1, 8, 8)
    # Of a block 96 pixels wide, patch 0 and patch 2 of its first row are neighbours: a part holds
    # both or neither.
    blocks = [part.x.view(-1, 25, 1, 32, 32) for part in (first.train, first.valid, first.test)]
    assert all(torch.equal(part[:, 0, :, :, 16:], part[:, 1, :, :, :16]) for part in blocks)


def test_test_images_that_are_trained_on_are_counted() -> None:
    splits = load("digits", seed=0)
    assert leaked(splits) == 0
    held, train = splits.test, splits.train.at(slice(len(splits.test)))
    both = Split(torch.cat([held.x, train.x]), torch.cat([held.y, train.y]))
    assert leaked(replace(splits, test=both)) == 0.5
    assert leaked(replace(splits, valid=held)) == 1


@pytest.mark.parametrize("seed", [1.5, "one", -1, True])
def test_a_seed_that_is_no_whole_number_is_refused(seed: Any) -> None:
    with pytest.raises(ValueError, match="give a whole number from 0"):
        load("digits", seed=seed)


def test_an_unknown_name_meets_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"'mnist5' is unknown; did you mean 'mnist5k'\?"):
        load("mnist5")
    with pytest.raises(ValueError, match=r"use one of digits, mnist5k, .* or the path of a folder"):
        load("zzz")


def test_torchvision_s_sets_keep_their_own_test_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small:
        def __init__(self, root: str, train: bool, download: bool) -> None:
            self.data = torch.full(
                (100 if train else 30, 28, 28), 255 if train else 0, dtype=torch.uint8
            )
            self.targets = torch.arange(len(self.data)) % 10
            self.classes = list("abcdefghij")

    monkeypatch.setattr("torchvision.datasets.FashionMNIST", Small)
    splits = load("fashion_mnist")
    assert (len(splits.train), len(splits.valid), len(splits.test)) == (90, 10, 30)
    assert splits.train.x.min() == 1
    assert splits.test.x.max() == 0


def test_flowers_are_decoded_and_pool_train_and_val(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Few:
        classes = ("rose", "lotus")

        def __init__(self, root: str, split: str, loader: Any, download: bool) -> None:
            shade = {"train": 255, "val": 255, "test": 0}[split]
            count = 10 if split == "test" else 20
            self.files = [Path(root) / f"{split}{index}.jpg" for index in range(count)]
            self.loader = loader
            for index, file in enumerate(self.files):
                Image.new("RGB", (30 + index, 40), (shade,) * 3).save(file)

        def __len__(self) -> int:
            return len(self.files)

        def __getitem__(self, index: int) -> tuple[Any, int]:
            return self.loader(str(self.files[index])), index % 2

    monkeypatch.setattr("torchvision.datasets.Flowers102", Few)
    monkeypatch.setenv("RECIPES_DATA", str(tmp_path))
    splits = load("flowers102", image_size=16)
    assert splits.classes == ("rose", "lotus")
    assert splits.shape == (3, 16, 16)
    assert (len(splits.train), len(splits.valid), len(splits.test)) == (36, 4, 10)
    assert splits.train.x.min() == 1
    assert splits.test.x.max() == 0
    (tmp_path / "val3.jpg").write_bytes(b"cut")
    with pytest.raises(
        ValueError, match=r"val3\.jpg is no readable picture; download the data set again"
    ):
        decode([tmp_path / "val3.jpg"], 16)


def test_a_set_that_cannot_be_downloaded_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("torchvision.datasets.MNIST", lambda root, train, download: refuse())
    monkeypatch.setenv("RECIPES_DATA", str(tmp_path))
    with pytest.raises(
        ValueError,
        match=r"mnist could be neither read from .* nor downloaded \(no network\); "
        r"remove .* or set RECIPES_DATA",
    ):
        load("mnist")


@pytest.mark.parametrize(
    "content", [b"", b"no archive at all", b"\0\0\x08\x03" + bytes([0, 0, 0, 9]) * 3 + b"cut"]
)
def test_a_broken_archive_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (raw / f"{part}-{kind}-ubyte").write_bytes(content)
    monkeypatch.setenv("RECIPES_DATA", str(tmp_path))
    with pytest.raises(
        ValueError,
        match=r"fashion_mnist could be neither read from .*; remove what is broken there",
    ):
        load("fashion_mnist")
