"""One picture of a reader: upright, grey or in color, at the brightness that its values mean."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

TIFF_PHOTOMETRIC, TIFF_SAMPLE_FORMAT = 262, 339
WHITE_IS_ZERO, SIGNED = 0, 2
# The largest value of 8, 10, 12, 14 and 16 bits, as scanners and cameras have them.
FULL_SCALES = (255, 1023, 4095, 16383, 65535)


@dataclass(frozen=True)
class Picture:
    """A picture, cropped to a square: "L" or "RGB", or "F" with values as they are stored.

    `full` is the value of white where it is known, else 0: files of one `kind` have it in common,
    and `high` is the brightest value of this one. `size` is that of the file.
    """

    image: Image.Image
    size: tuple[int, int]
    kind: str = ""
    high: float = 255
    full: int = 255
    inverted: bool = False
    frames: bool = False

    @property
    def grey(self) -> bool:
        """Whether it has no color."""
        return self.image.mode in ("L", "F")

    def pixels(self, mode: str, full: float) -> np.ndarray:
        """Return its pixels as bytes, (H, W, 1) for `mode` "L" and (H, W, 3) for "RGB"."""
        image = self.image
        if image.mode == "F":
            share = np.asarray(image) / full
            share = 1 - share if self.inverted else share
            image = Image.fromarray((share.clip(0, 1) * 255).round().astype(np.uint8))
        return np.atleast_3d(np.asarray(image.convert(mode)))


def open_picture(path: Path, size: int) -> Picture | str:
    """Open a picture, cropped to a square of `size`; of a damaged file, say what is wrong."""
    if not path.is_file():
        return "a link to nowhere" if path.is_symlink() else "no file"
    try:
        with Image.open(path) as picture:
            return _read(picture, size)
    except MemoryError:
        raise
    except Exception as error:  # each codec has errors of its own
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "no picture that Pillow reads" if unknown else str(error) or type(error).__name__
        return "empty" if path.stat().st_size == 0 else reason


def _read(picture: Image.Image, size: int) -> Picture:
    whole, coding = picture.size, str(getattr(picture, "tile", ""))
    frames = picture.format != "MPO" and bool(getattr(picture, "is_animated", False))
    tags: Any = getattr(picture, "tag_v2", {})
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = np.asarray(ImageOps.exif_transpose(picture)).astype(np.float32)
        kind, high, full = _scale_of(values, picture)
        image = _square(Image.fromarray(values), size)
        inverted = tags.get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO
        return Picture(image, whole, kind, high, full, inverted, frames)
    if SIGNED in tags.get(TIFF_SAMPLE_FORMAT, ()):
        raise ValueError("holds signed values; save it with values from 0 to 255")
    # A large JPEG is decoded faster at a part of its size.
    picture.draft("RGB" if picture.mode == "RGB" else None, (2 * size, 2 * size))
    plain = _opaque(ImageOps.exif_transpose(picture))
    if ";16" in coding:  # of which Pillow keeps the upper 8 bits
        high = float(np.asarray(plain).max())
        return Picture(_square(plain, size), whole, "16-bit color", high, frames=frames)
    return Picture(_square(plain, size), whole, frames=frames)


def _square(picture: Image.Image, size: int) -> Image.Image:
    return ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC)


def _scale_of(values: np.ndarray, picture: Image.Image) -> tuple[str, float, int]:
    """Return the kind of deep grey values, the highest, and what white is, where that is known."""
    low, high = float(values.min()), float(values.max())
    if not math.isfinite(low + high):
        raise ValueError("holds values that are no numbers")
    if low < 0 or high > FULL_SCALES[-1]:
        raise ValueError(f"holds values from {low:g} to {high:g}; save it with 8 or 16 bits")
    if "transparency" in picture.info:
        raise ValueError("marks a deep grey as transparent; save it with 8 bits")
    if picture.format == "PPM" and picture.mode == "I":
        return "16-bit", high, FULL_SCALES[-1]  # Pillow has scaled them
    if picture.mode != "F":
        return "16-bit", high, 0
    if high <= 1:
        return "float", high, 1
    if (values % 1).any():
        raise ValueError(f"holds fractions up to {high:g}; save it with values from 0 to 1")
    return "whole float", high, 0


def _opaque(picture: Image.Image) -> Image.Image:
    """Return a picture as grey or RGB, on white where it is transparent."""
    grey = picture.mode in ("1", "L", "LA")
    if picture.has_transparency_data:
        ground = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(ground, picture.convert("RGBA"))
    return picture.convert("L" if grey else "RGB")


def full_scales(pictures: Sequence[Picture]) -> dict[str, int]:
    """Return the value of white of each kind: the least of `FULL_SCALES` that holds all of it."""
    highest: dict[str, float] = {}
    for one in pictures:
        if not one.full:
            highest[one.kind] = max(highest.get(one.kind, 0), one.high)
    return {
        kind: next(full for full in FULL_SCALES if full >= high) for kind, high in highest.items()
    }
