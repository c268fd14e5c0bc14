"""Images as tensors on the device: embedded sets, torchvision's sets, a folder of class folders."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from recipes_lib.data.division import divide, stratified
from recipes_lib.data.embedded import EMBEDDED
from recipes_lib.data.folders import as_images, decode, photographs
from recipes_lib.data.paths import given_name, given_path, is_path
from recipes_lib.data.splits import Split, Splits
from recipes_lib.given import check_seed, whole
from recipes_lib.names import require

# torchvision and scikit-learn are imported where they are used: each takes longer than reading.
TORCHVISION = {
    "mnist": "MNIST",
    "fashion_mnist": "FashionMNIST",
    "kmnist": "KMNIST",
    "cifar10": "CIFAR10",
    "cifar100": "CIFAR100",
    "flowers102": "Flowers102",
}
# What torchvision's sets raise where there is no network, or a file is broken.
BROKEN = (OSError, RuntimeError, ValueError, AssertionError)


def load(
    name: str | os.PathLike[str] | int,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    image_size: int | None = None,
) -> Splits:
    """Load a data set by name, or a folder with one sub-folder of pictures per class, by its path.

    Embedded sets (`digits`, `mnist5k`, `textures`) and folders are split 60/20/20, stratified,
    afresh for each `seed`. `textures` are patches, 32 pixels wide, of eight photographs; no test
    patch overlaps a training patch. torchvision's sets keep their own test set; `seed` draws a
    tenth of the rest, train and val alike, for validation. They are sought in `$RECIPES_DATA` and
    downloaded there. Images larger than `image_size` pixels are shrunk to that, square; those of a
    folder and of `flowers102`, which differ in size, are cropped to it (64 where it is not given).
    A folder may be divided into `train` and `val`, `test` or both, by these or the like names: what
    is held back is the test set, `val` beside it. What was found there is printed, once; what is
    left out and what stands there twice is warned of. Raises `ValueError` for an unknown name,
    unusable data or a seed that is no whole number, and `FileNotFoundError` for a missing folder.
    """
    seed = check_seed(seed)
    if image_size is not None:
        whole("image_size", image_size)
    known = not isinstance(name, os.PathLike) and name in (*EMBEDDED, *TORCHVISION)
    if not known and is_path(name):
        return _folder(given_path(name), image_size or 64, seed, device)
    name = given_name(name)
    if name in EMBEDDED:
        x, y, classes = EMBEDDED[name]()
        return _split_in_three(_resize(x, image_size), y, classes, seed, device)
    require("data set", [name], [*EMBEDDED, *TORCHVISION], ", or the path of a folder")
    return _torchvision(name, image_size, seed, device)


def _resize(x: Tensor, image_size: int | None) -> Tensor:
    if not image_size or max(x.shape[-2:]) <= image_size:
        return x
    shrunk = interpolate(x.flatten(0, -4), image_size, mode="area")
    return shrunk.view(*x.shape[:-3], *shrunk.shape[1:])


def _torchvision(
    name: str, image_size: int | None, seed: int, device: torch.device | str
) -> Splits:
    root = Path(os.environ.get("RECIPES_DATA") or "~/.cache/pytorch-recipes").expanduser()
    (x, y), test, classes = _download(name, root, image_size)
    drawn = [(x[cut], y[cut]) for cut in stratified(y, 0.1, seed)]
    train, valid, test_part = (
        Split(images.to(device), labels.to(device)) for images, labels in (*drawn, test)
    )
    return Splits(train, valid, test_part, classes)


@lru_cache(maxsize=1)
def _download(
    name: str, root: Path, image_size: int | None
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], tuple[str, ...]]:
    import torchvision

    kind = getattr(torchvision.datasets, TORCHVISION[name])
    cuts: list[dict[str, Any]] = [{"train": True}, {"train": False}]
    if flowers := name == "flowers102":
        # As paths, to be decoded here at the size that is wanted.
        cuts = [{"split": part, "loader": Path} for part in ("train", "val", "test")]
    try:
        parts = [kind(str(root), **cut, download=True) for cut in cuts]
    except BROKEN as error:
        why = " ".join(str(error).split()) or type(error).__name__
        remedy = "remove what is broken there, or set RECIPES_DATA"
        raise ValueError(
            f"{name} could be neither read from {root} nor downloaded ({why}); {remedy}"
        ) from error
    if flowers:
        train, valid, test = (_decoded(part, image_size or 64) for part in parts)
        x, y = (torch.cat(pair) for pair in zip(train, valid, strict=True))
        return (x, y), test, tuple(parts[0].classes)
    rest, test = (
        (_resize(as_images(part.data), image_size), torch.as_tensor(part.targets).long())
        for part in parts
    )
    return rest, test, tuple(parts[0].classes)


def _decoded(part: Any, image_size: int) -> tuple[Tensor, Tensor]:
    files, labels = zip(*(part[index] for index in range(len(part))), strict=True)
    return decode(files, image_size), torch.tensor(labels)


def _folder(root: Path, image_size: int, seed: int, device: torch.device | str) -> Splits:
    found = photographs(root, image_size)
    train, valid, test = (
        _part(found.x[rows].to(device).float() / 255, found.y[rows].to(device))
        for rows in divide(found.y, found.part, seed)
    )
    return Splits(train, valid, test, found.classes)


def _split_in_three(
    x: Tensor, y: Tensor, classes: tuple[str, ...], seed: int, device: torch.device | str
) -> Splits:
    train, valid, test = (
        _part(x[rows].to(device), y[rows].to(device))
        for rows in divide(y, np.full(len(y), ""), seed)
    )
    return Splits(train, valid, test, classes)


def _part(x: Tensor, y: Tensor) -> Split:
    """Return images, or the images of blocks (N, patches, C, H, W), as a split."""
    return Split(x, y) if x.dim() == 4 else Split(x.flatten(0, 1), y.repeat_interleave(x.shape[1]))
