"""A folder of photographs, one sub-folder per class, as tensors."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from recipes_lib.data.division import lacking
from recipes_lib.data.found import Found, listed
from recipes_lib.data.layout import changed_at, lay_out
from recipes_lib.data.pictures import Picture, full_scales, open_picture


@dataclass(frozen=True)
class Photographs:
    """Pictures `x` (N, C, size, size) in 0 … 255, uint8, class indices `y` (N,), class names.

    `part` (N,) holds "train", "valid" or "test" where the folder is divided so, else "".
    """

    x: Tensor
    y: Tensor
    classes: tuple[str, ...]
    part: np.ndarray


@dataclass(frozen=True)
class Decoded:
    """Pictures (N, C, size, size), uint8; why others are broken; what is to be said of all."""

    x: Tensor
    broken: dict[Path, str]
    notes: tuple[str, ...]
    digests: tuple[bytes, ...]


def as_images(pixels: Tensor | np.ndarray) -> Tensor:
    """Map pixels (N, H, W) or (N, H, W, C) in 0 … 255 to images (N, C, H, W) in 0 … 1."""
    images = torch.as_tensor(pixels).float() / 255
    return images.unsqueeze(1) if images.dim() == 3 else images.permute(0, 3, 1, 2).contiguous()


def photographs(root: Path, image_size: int) -> Photographs:
    """Read a folder with one sub-folder per class, or with such folders in parts for training,
    validation and test, and tell what was found.

    A file that is no readable picture is named in a warning and left out. Raises `ValueError` for
    what `lay_out` refuses, too few pictures of a class, or where most files are broken.
    """
    layout = lay_out(root, "pictures")
    paths = [path for path, _, _ in layout.files]
    read = _decode(tuple((path, changed_at(path)) for path in paths), image_size)
    sound = [(path, label, part) for path, label, part in layout.files if path not in read.broken]
    y = torch.tensor([label for _, label, _ in sound], dtype=torch.int64)
    part = np.array([part for _, _, part in sound], dtype=str)
    found = Found(
        root,
        "pictures",
        layout.classes,
        [str(path.relative_to(root)) for path, _, _ in sound],
        y,
        part,
        read.digests,
        {str(path.relative_to(root)): why for path, why in read.broken.items()},
        [*read.notes, *layout.notes(root)],
    )
    found.announce(stacklevel=4)
    if wrong := lacking(y, part, layout.classes, layout.parts, "readable pictures"):
        raise ValueError(f"{layout.root}: {wrong}")
    return Photographs(read.x, y, layout.classes, part)


def decode(files: Iterable[Path], size: int) -> Tensor:
    """Decode sound pictures, each cropped to a square, as images (N, C, size, size) in 0 … 1,
    float32.
    """
    read = _decode(tuple((path, 0) for path in files), size)
    if read.broken:
        raise ValueError(
            f"{next(iter(read.broken))} is no readable picture; download the data set again"
        )
    return read.x.float() / 255


@lru_cache(maxsize=1)
def _decode(files: tuple[tuple[Path, int], ...], size: int) -> Decoded:
    """Decode pictures, each given with its time of change, once for all replicates."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        opened = list(pool.map(lambda file: open_picture(file[0], size), files))
    found = dict(zip((path for path, _ in files), opened, strict=True))
    broken = {path: why for path, why in found.items() if isinstance(why, str)}
    pictures = {path: one for path, one in found.items() if not isinstance(one, str)}
    for path in _dim(pictures):
        del pictures[path]
        broken[path] = (
            "16 bits a color, of which Pillow keeps 8, and these are dark; save it with 8"
        )
    full = full_scales(list(pictures.values()))
    mode = "L" if all(one.grey for one in pictures.values()) else "RGB"
    pixels = [one.pixels(mode, full.get(one.kind, one.full)) for one in pictures.values()]
    stacked = np.stack(pixels) if pixels else np.zeros((0, size, size, 1), np.uint8)
    return Decoded(
        torch.from_numpy(stacked).permute(0, 3, 1, 2),
        broken,
        tuple(_notes(pictures, mode, full)),
        tuple(blake2b(one.tobytes(), digest_size=16).digest() for one in pixels),
    )


def _dim(pictures: dict[Path, Picture]) -> list[Path]:
    """Return the pictures in 16-bit color where all leave the upper bits empty: 12 bits, mostly."""
    deep = {path: one.high for path, one in pictures.items() if one.kind == "16-bit color"}
    return list(deep) if max(deep.values(), default=255) < 64 else []


def _notes(pictures: dict[Path, Picture], mode: str, full: dict[str, int]) -> Iterator[str]:
    sizes = sorted({one.size for one in pictures.values()}, key=lambda size: size[0] * size[1])
    if sizes:
        first, last = ("x".join(map(str, size)) for size in (sizes[0], sizes[-1]))
        span = first if first == last else f"from {first} to {last}"
        yield f"{'grey' if mode == 'L' else 'color'}, {span} pixels, cropped to squares"
    for kind, white in full.items():
        yield f"{kind} pictures: white is {white}, which holds the brightest of all their values"
    said = {
        "grey among color, read as color": [
            path for path, one in pictures.items() if one.grey and mode == "RGB"
        ],
        "with several frames, of which the first is taken": [
            path for path, one in pictures.items() if one.frames
        ],
    }
    for what, paths in said.items():
        if paths:
            yield f"{len(paths)} {what}: {listed([path.name for path in paths])}"
