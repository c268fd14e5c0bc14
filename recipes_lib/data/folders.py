"""A folder of photographs, one sub-folder per class, as tensors."""

import os
import struct
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

PARTS = {"train": ("train",), "valid": ("valid", "val", "validation"), "test": ("test",)}
# All that Pillow raises for files that are broken, cut short, no pictures, or bombs.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
)


@dataclass(frozen=True)
class Photographs:
    """Pictures `x` (N, C, size, size) in 0 … 255, uint8, class indices `y` (N,), class names.

    `part` (N,) holds "train", "valid" or "test" where the folder is divided so, else "".
    """

    x: Tensor
    y: Tensor
    classes: tuple[str, ...]
    part: np.ndarray


def as_images(pixels: Tensor | np.ndarray) -> Tensor:
    """Map pixels (N, H, W) or (N, H, W, C) in 0 … 255 to images (N, C, H, W) in 0 … 1."""
    images = torch.as_tensor(pixels).float() / 255
    return images.unsqueeze(1) if images.dim() == 3 else images.permute(0, 3, 1, 2).contiguous()


def photographs(root: Path, image_size: int) -> Photographs:
    """Read a folder with one sub-folder per class, or with such folders in `train` and `val`,
    `test` or both.

    A file that is no readable picture is named in a warning and left out. Raises
    `FileNotFoundError` for a missing folder and `ValueError` for fewer than two classes, too few
    pictures of one to split (5), a class that `train` lacks, or where most files are broken.
    """
    if not root.is_dir():
        raise FileNotFoundError(
            f"data folder {root} does not exist; give a folder with one sub-folder per class"
        )
    parts = _parts(root)
    classes = tuple(folder.name for folder in _folders(parts.get("train", root)))
    if len(classes) < 2:
        found = f"has one class ({classes[0]})" if classes else "is empty"
        raise ValueError(
            f"data folder {root} {found}; "
            "a classifier needs at least two sub-folders, one per class"
        )
    files = [(path, part) for part, folder in parts.items() for path in _files(folder, classes)]
    pictures, broken = _decode(
        tuple((path, path.stat().st_mtime_ns) for path, _ in files), image_size
    )
    _report(root, broken, len(files))
    readable = [index for index in range(len(files)) if files[index][0] not in broken]
    y = torch.tensor([classes.index(files[index][0].parent.name) for index in readable])
    part = np.array([files[index][1] for index in readable])
    counts = (
        y[torch.from_numpy((part == "") | (part == "train"))]
        .bincount(minlength=len(classes))
        .tolist()
    )
    for name, count in zip(classes, counts, strict=True):
        if count < 5:
            where = parts.get("train", root) / name
            raise ValueError(
                f"class folder {where} has {count} readable pictures; splitting needs at least 5"
            )
    return Photographs(pictures, y, classes, part)


def _parts(root: Path) -> dict[str, Path]:
    """Return the folder of each part, or of the one part ""."""
    named = {
        part: root / name
        for part, names in PARTS.items()
        for name in names
        if (root / name).is_dir()
    }
    divided = (
        "train" in named and len(named) > 1 and all(_folders(folder) for folder in named.values())
    )
    return named if divided else {"": root}


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != ".")


def _files(root: Path, classes: tuple[str, ...]) -> list[Path]:
    if new := sorted({folder.name for folder in _folders(root)} - set(classes)):
        raise ValueError(
            f"{root} has classes that train lacks: {', '.join(new)}; "
            "give each class training pictures"
        )
    found = [path for name in classes if (root / name).is_dir() for path in (root / name).iterdir()]
    return sorted(path for path in found if path.is_file() and path.name[0] != ".")


def _report(root: Path, broken: dict[Path, str], total: int) -> None:
    if not broken:
        return
    named = ", ".join(str(path.relative_to(root)) for path in list(broken)[:3])
    named += f" and {len(broken) - 3} more" if len(broken) > 3 else ""
    if 2 * len(broken) > total:
        raise ValueError(
            f"{len(broken)} of {total} files in {root} are no readable pictures: {named}; "
            "mend the folder"
        )
    warnings.warn(f"{root}: left out what is no readable picture: {named}", stacklevel=4)


def decode(files: Iterable[Path], size: int) -> Tensor:
    """Decode sound pictures, each cropped to a square, as images (N, C, size, size) in 0 … 1,
    float32.
    """
    pictures, broken = _decode(tuple((path, 0) for path in files), size)
    if broken:
        raise ValueError(
            f"{next(iter(broken))} is no readable picture; download the data set again"
        )
    return pictures.float() / 255


@lru_cache(maxsize=1)
def _decode(files: tuple[tuple[Path, int], ...], size: int) -> tuple[Tensor, dict[Path, str]]:
    """Decode pictures, each given with its time of change, once for all replicates; tell which are
    broken, and how.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        opened = list(pool.map(lambda file: _open(file[0], size), files))
    broken = {
        path: found
        for (path, _), found in zip(files, opened, strict=True)
        if isinstance(found, str)
    }
    pictures = [found for found in opened if not isinstance(found, str)]
    mode = "L" if all(picture.mode == "L" for picture in pictures) else "RGB"
    pixels = [np.atleast_3d(np.asarray(picture.convert(mode))) for picture in pictures]
    stacked = np.stack(pixels) if pixels else np.zeros((0, size, size, 1), np.uint8)
    return torch.from_numpy(stacked).permute(0, 3, 1, 2), broken


def _open(path: Path, size: int) -> Image.Image | str:
    """Return a picture upright, grey or in colour, cropped to a square; of a broken file, what is
    wrong with it.
    """
    try:
        with Image.open(path) as picture:
            picture.draft(
                "RGB" if picture.mode == "RGB" else None, (2 * size, 2 * size)
            )  # a large JPEG, fast
            whole = _opaque(ImageOps.exif_transpose(picture))
            return ImageOps.fit(whole, (size, size), Image.Resampling.BICUBIC)
    except UNREADABLE as error:
        return str(error)


def _opaque(picture: Image.Image) -> Image.Image:
    """Return a picture as grey or RGB, on white where it is transparent."""
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    grey = picture.mode in ("1", "L", "LA")
    if picture.has_transparency_data:
        ground = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(ground, picture.convert("RGBA"))
    return picture.convert("L" if grey else "RGB")
