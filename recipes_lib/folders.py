"""A folder of photographs, one sub-folder per class, as tensors."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor


def as_images(pixels: Tensor | np.ndarray) -> Tensor:
    """Map pixels (N, H, W) or (N, H, W, C) in 0 … 255 to images (N, C, H, W) in 0 … 1."""
    images = torch.as_tensor(pixels).float() / 255
    return images.unsqueeze(1) if images.dim() == 3 else images.permute(0, 3, 1, 2).contiguous()


def photographs(root: Path, image_size: int) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Read one class per sub-folder: images (N, C, size, size) in 0 … 1, class indices (N,), class names.

    Raises `FileNotFoundError` for a missing folder, `ValueError` for fewer than two classes, fewer than five pictures
    of one, or a file that is no picture.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"data folder {root} does not exist; give a folder with one sub-folder per class")
    files = {
        folder.name: sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
        for folder in sorted(root.iterdir())
        if folder.is_dir() and folder.name[0] != "."
    }
    if len(files) < 2:
        found = f"has one class ({next(iter(files))})" if files else "is empty"
        raise ValueError(f"data folder {root} {found}; a classifier needs at least two sub-folders, one per class")
    for name, paths in files.items():
        if len(paths) < 5:
            raise ValueError(f"class folder {root / name} has {len(paths)} pictures; splitting needs at least 5")
    pictures = tuple((path, path.stat().st_mtime_ns) for paths in files.values() for path in paths)
    y = torch.tensor([index for index, paths in enumerate(files.values()) for _ in paths])
    return _decode(pictures, image_size), y, tuple(files)


@lru_cache(maxsize=1)
def _decode(files: tuple[tuple[Path, int], ...], image_size: int) -> Tensor:
    """Decode pictures, each given with its time of change, once for all replicates."""
    pictures = [_open(path, image_size) for path, _ in files]
    mode = "L" if all(picture.mode == "L" for picture in pictures) else "RGB"
    return torch.cat([as_images(np.array(picture.convert(mode))[None]) for picture in pictures])


def _open(path: Path, size: int) -> Image.Image:
    try:
        with Image.open(path) as picture:
            upright = ImageOps.exif_transpose(picture)
            whole = upright.convert("L" if upright.mode in ("1", "L", "LA", "I;16") else "RGB")
            return ImageOps.fit(whole, (size, size), Image.Resampling.BICUBIC)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"{path} is no readable image; remove it or repair it") from error
