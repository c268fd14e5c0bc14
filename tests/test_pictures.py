"""Pictures of every mode and depth come out at their brightness, or are named."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from recipes_lib.data.pictures import open_picture
from recipes_lib.data.sets import load
from recipes_lib.data.splits import Splits

Write = Callable[[Path], object]
HALF = {"L": 128, "1": 1, "RGB": (128,) * 3, "YCbCr": (128,) * 3, "LAB": (137, 128, 128)}
HALF |= {"P": 128, "CMYK": (0, 0, 0, 127), "LA": (0, 127), "PA": 0, "RGBA": (0, 0, 0, 127)}


def folder(root: Path, ending: str, *writes: Write) -> Path:
    """Write each picture into two classes, five times."""
    for name in ("a", "b"):
        (root / name).mkdir(exist_ok=True)
        for index in range(5):
            for number, write in enumerate(writes):
                write(root / name / f"{number}-{index}.{ending}")
    return root


def filled(values: Any, dtype: type, **how: Any) -> Write:
    """Write a TIFF of values that are shaded from left to right, from nothing to `values`."""
    shades = (np.linspace(0, 1, 16) * values).astype(dtype)
    return lambda path: tifffile.imwrite(path, np.tile(shades, (16, 1)), **how)


def mode(name: str) -> Write:
    return lambda path: Image.new(name, (9, 9), HALF[name]).save(path)


def deep(values: Any) -> Write:
    shades = np.tile((np.linspace(0, 1, 16) * values).astype(np.uint16), (16, 1))
    return lambda path: Image.fromarray(shades).save(path)


def pgm(path: Path) -> None:
    path.write_bytes(b"P5 4 4 4095\n" + np.full((4, 4), 2048, ">u2").tobytes())


def pfm(path: Path) -> None:
    path.write_bytes(b"Pf\n4 4\n-1.0\n" + np.full((4, 4), 0.5, "<f4").tobytes())


BRIGHTNESS: dict[str, tuple[str, Write, float]] = {
    **{f"mode {name}": ("tif", mode(name), 0.5) for name in HALF if name not in ("1", "PA", "P")},
    "1 bit": ("png", mode("1"), 1.0),
    "8 bits in 16": ("png", deep(255), 0.5),
    "10 bits in 16": ("png", deep(1023), 0.5),
    "12 bits in 16": ("png", deep(4095), 0.5),
    "14 bits in 16": ("png", deep(16383), 0.5),
    "16 bits": ("png", deep(65535), 0.5),
    "12 bits in 16, TIFF": ("tif", filled(4095, np.uint16), 0.5),
    "32 bits of 16": ("tif", filled(65535, np.int32), 0.5),
    "big endian": ("tif", filled(65535, np.uint16, byteorder=">"), 0.5),
    "12-bit PGM": ("pgm", pgm, 0.5),
    "floats": ("tif", filled(1.0, np.float32), 0.5),
    "whole floats": (
        "tif",
        lambda path: tifffile.imwrite(path, np.float32([[0, 255], [255, 0]]).repeat(8, 0)),
        0.5,
    ),
    "float map": ("pfm", pfm, 0.5),
    "white is zero": ("tif", filled(65535, np.uint16, photometric="miniswhite"), 0.5),
    "16-bit color": (
        "tif",
        lambda path: tifffile.imwrite(path, np.full((8, 8, 3), 32768, np.uint16)),
        0.5,
    ),
}


def brightness(splits: Splits) -> float:
    return float(splits.train.x.mean())


@pytest.mark.filterwarnings("ignore:.*equal pictures")
@pytest.mark.parametrize("name", BRIGHTNESS)
def test_a_picture_comes_out_at_its_brightness(tmp_path: Path, name: str) -> None:
    ending, write, wanted = BRIGHTNESS[name]
    assert brightness(load(folder(tmp_path, ending, write))) == pytest.approx(wanted, abs=0.02)


def test_white_and_black_stay_what_they_are(tmp_path: Path) -> None:
    for index, (values, wanted) in enumerate([(1.0, 0), (65535, 255)]):
        path = tmp_path / f"{index}.tif"
        filled(values, np.float32 if index == 0 else np.uint16, photometric="miniswhite")(path)
        picture = open_picture(path, 16)
        assert not isinstance(picture, str)
        pixels = picture.pixels("L", picture.full or 65535)
        assert (pixels[0, 0, 0], pixels[0, -1, 0]) == (255, 0), wanted


@pytest.mark.filterwarnings("ignore:.*equal pictures")
def test_a_dark_picture_stays_dark_among_brighter_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = folder(tmp_path, "png", deep(4095), deep(65535))
    assert brightness(load(root)) == pytest.approx((0.5 + 0.03) / 2, abs=0.05)
    assert "16-bit pictures: white is 65535, which holds the brightest" in capsys.readouterr().out


def colors(high: int) -> Write:
    return lambda path: tifffile.imwrite(path, np.full((8, 8, 3), high, np.uint16))


REFUSED: dict[str, tuple[Write, str]] = {
    "bright floats": (filled(12.3, np.float32), r"fractions up to 12\.3; save it with values from"),
    "negative": (filled(-900, np.int16), r"values from -900 to 0; save it with 8 or 16 bits"),
    "32 bits": (filled(2**30, np.int32), r"values from 0 to 1\.07374e\+09; save it with 8 or 16"),
    "signed bytes": (filled(-90, np.int8), "signed values; save it with values from 0 to 255"),
    "no numbers": (filled(np.nan, np.float32), "holds values that are no numbers"),
    "float color": (
        lambda path: tifffile.imwrite(path, np.ones((8, 8, 3), np.float32)),
        "no picture that Pillow reads",
    ),
    "dark 16-bit color": (colors(4095), "16 bits a color, of which Pillow keeps 8"),
    "HDR": (lambda path: path.write_bytes(b"#?RADIANCE\n-Y 8 +X 8\n"), "no picture that Pillow"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_sure_brightness_is_named(tmp_path: Path, name: str) -> None:
    write, message = REFUSED[name]
    with pytest.raises(ValueError, match=rf"10 of 10 pictures in .*a/0-0\.tif.*{message}"):
        load(folder(tmp_path, "tif", write))


def saved(ending: str, **how: Any) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, ending, **how)
    return file.getvalue()


DAMAGED = {
    **{
        f"cut.{kind}": saved(kind)[:-900] for kind in ("jpeg", "png", "webp", "avif", "tiff", "bmp")
    },
    "cut.gif": saved("gif")[:-900],
    "zeros.avif": saved("avif")[:400] + bytes(2000),
    "zeros.webp": saved("webp")[:40] + bytes(2000),
    "empty.jpg": b"",
    "text.jpg": b"no picture",
    "header.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "notes.txt": b"no picture",
}


@pytest.mark.filterwarnings("ignore:.*equal pictures")
def test_damaged_files_of_every_kind_are_named_and_left_out(tmp_path: Path) -> None:
    root = folder(tmp_path, "png", *(deep(255 + index) for index in range(3)))
    for name, content in DAMAGED.items():
        (root / "a" / name).write_bytes(content)
    with pytest.warns(UserWarning, match="left out what is no readable picture") as caught:
        splits = load(root)
    assert sum(map(len, (splits.train, splits.valid, splits.test))) == 30
    (said,) = [str(one.message) for one in caught if "left out" in str(one.message)]
    assert [name for name in DAMAGED if f"a/{name}" not in said] == []
    assert f"{len(DAMAGED)} of {30 + len(DAMAGED)} in all" in said


@pytest.mark.parametrize("ending", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_orientation_is_honored(tmp_path: Path, ending: str, orientation: int) -> None:
    """A picture that is white above is turned as its EXIF data say."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.zeros((32, 32), np.uint8)
    pixels[:16] = 255
    Image.fromarray(pixels).convert("RGB").save(tmp_path / f"x.{ending}", exif=exif)
    picture = open_picture(tmp_path / f"x.{ending}", 32)
    assert not isinstance(picture, str)
    upright = picture.pixels("L", 255)[..., 0]
    white = {3: upright[20:], 6: upright[:, 20:], 8: upright[:, :12]}[orientation]
    assert white.min() > 200


def test_transparent_palettes_lie_on_white(tmp_path: Path) -> None:
    clear = Image.new("P", (9, 9), 0)
    clear.putpalette([0, 0, 0, 9, 9, 9])
    clear.save(tmp_path / "x.png", transparency=0)
    picture = open_picture(tmp_path / "x.png", 8)
    assert not isinstance(picture, str)
    assert picture.pixels("RGB", 255).min() == 255


@pytest.mark.filterwarnings("ignore:.*equal pictures")
def test_first_frames_and_greys_among_color_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = folder(tmp_path, "png", mode("RGB"))
    frames = [Image.new("L", (9, 9), shade) for shade in (0, 255)]
    frames[0].save(root / "a" / "many.gif", save_all=True, append_images=frames[1:])
    Image.new("L", (30, 40)).save(root / "a" / "grey.png")
    assert load(root).shape == (3, 64, 64)
    said = capsys.readouterr().out
    assert "color, from 9x9 to 30x40 pixels, cropped to squares" in said
    assert "read as color: grey.png" in said
    assert "1 with several frames, of which the first is taken: many.gif" in said
