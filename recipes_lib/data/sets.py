"""Images as tensors on the device: embedded sets, torchvision's sets, a folder of class folders."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from recipes_lib.data.embedded import EMBEDDED
from recipes_lib.data.folders import as_images, decode, photographs
from recipes_lib.data.splits import Split, Splits
from recipes_lib.names import require
from recipes_lib.seeds import check_seed

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
    name: str, *, seed: int = 0, device: torch.device | str = "cpu", image_size: int | None = None
) -> Splits:
    """Load a data set by name, or a folder with one sub-folder of pictures per class.

    Embedded sets (`digits`, `mnist5k`, `textures`) and folders are split 60/20/20, stratified,
    afresh for each `seed`. `textures` are patches, 32 pixels wide, of eight photographs; no test
    patch overlaps a training patch. torchvision's sets keep their own test set; `seed` draws a
    tenth of the rest, train and val alike, for validation. They are sought in `$RECIPES_DATA` and
    downloaded there. Images larger than `image_size` pixels are shrunk to that, square; those of a
    folder and of `flowers102`, which differ in size, are cropped to it (64 where it is not given).
    A folder may be divided into `train` and `val`, `test` or both: what is held back is the test
    set, `val` beside it. Raises `ValueError` for an unknown name, unusable data or a seed that is
    no whole number, and `FileNotFoundError` for a missing folder.
    """
    seed = check_seed(seed)
    if name in EMBEDDED:
        x, y, classes = EMBEDDED[name]()
        return _split_in_three(_resize(x, image_size), y, classes, seed, device)
    if name not in TORCHVISION and (os.sep in name or Path(name).is_dir()):
        return _folder(Path(name).expanduser(), image_size or 64, seed, device)
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
    root = Path(os.environ.get("RECIPES_DATA", Path.home() / ".cache" / "pytorch-recipes"))
    (x, y), test, classes = _download(name, root, image_size)
    drawn = [(x[cut], y[cut]) for cut in _stratified(y, 0.1, seed)]
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
    places = {
        part: torch.from_numpy(np.flatnonzero(found.part == part))
        for part in ("", "train", "valid", "test")
    }
    rest, valid, test = (
        places[""] if len(places[""]) else places["train"],
        places["valid"],
        places["test"],
    )
    # What the folder holds back is test data; where it does so twice, the one that is not called
    # "test" is for choices.
    test, valid = (test, valid) if len(test) else (valid, test)
    if not len(test):
        rest, test = (rest[cut] for cut in _stratified(found.y[rest], 0.2, seed))
    if not len(valid):
        rest, valid = (rest[cut] for cut in _stratified(found.y[rest], 0.25, seed))
    cuts = [
        _part(found.x[cut].to(device).float() / 255, found.y[cut].to(device))
        for cut in (rest, valid, test)
    ]
    return Splits(cuts[0], cuts[1], cuts[2], found.classes)


def _split_in_three(
    x: Tensor, y: Tensor, classes: tuple[str, ...], seed: int, device: torch.device | str
) -> Splits:
    rest, test = _stratified(y, 0.2, seed)
    train, valid = (rest[cut] for cut in _stratified(y[rest], 0.25, seed))
    cuts = [_part(x[cut].to(device), y[cut].to(device)) for cut in (train, valid, test)]
    return Splits(cuts[0], cuts[1], cuts[2], classes)


def _part(x: Tensor, y: Tensor) -> Split:
    """Return images, or the images of blocks (N, patches, C, H, W), as a split."""
    return Split(x, y) if x.dim() == 4 else Split(x.flatten(0, 1), y.repeat_interleave(x.shape[1]))


def _stratified(y: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    from sklearn.model_selection import train_test_split

    # scikit-learn takes 32 bits; those of a larger seed are drawn from all of it.
    state = seed if seed < 2**32 else int(np.random.SeedSequence(seed).generate_state(1)[0])
    kept, held = train_test_split(
        np.arange(len(y)), test_size=share, stratify=y.cpu(), random_state=state
    )
    return torch.from_numpy(kept), torch.from_numpy(held)
