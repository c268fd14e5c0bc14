import io
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from recipes_lib.data.sets import load


def write_pictures(
    root: Path, classes: dict[str, int], size: tuple[int, int] = (40, 30), mode: str = "RGB"
) -> Path:
    pixels = np.random.default_rng(zlib.crc32(str(root).encode()))
    for name, count in classes.items():
        (root / name).mkdir(parents=True)
        for index in range(count):
            array = pixels.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
            Image.fromarray(array).convert(mode).save(root / name / f"{index}.png")
    return root


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "photos", {"cat": 6, "dog": 6})


def mean(root: Path) -> float:
    splits = load(str(root))
    return float(torch.cat([part.x for part in (splits.train, splits.valid, splits.test)]).mean())


@pytest.mark.parametrize(
    ("mode", "channels"), [("RGB", 3), ("L", 1), ("RGBA", 3), ("P", 3), ("1", 1), ("LA", 1)]
)
def test_a_folder_of_class_folders_loads(tmp_path: Path, mode: str, channels: int) -> None:
    splits = load(
        str(write_pictures(tmp_path / "photos", {"cat": 10, "dog": 20}, mode=mode)), image_size=16
    )
    assert splits.classes == ("cat", "dog")
    assert splits.shape == (channels, 16, 16)
    assert (len(splits.train), len(splits.valid), len(splits.test)) == (18, 6, 6)
    assert splits.train.x.dtype == torch.float32
    assert 0 <= splits.train.x.min() <= splits.train.x.max() <= 1


def test_pictures_may_differ_in_size_and_mode(photos: Path) -> None:
    Image.new("L", (300, 7)).save(photos / "cat" / "wide.png")
    Image.new("CMYK", (64, 64)).save(photos / "cat" / "print.jpg")
    assert load(str(photos)).shape == (3, 64, 64)


def test_a_picture_is_turned_upright_laid_on_white_and_kept_at_its_depth(tmp_path: Path) -> None:
    def alone(picture: Image.Image, **how: object) -> torch.Tensor:
        for name in ("a", "b"):
            (tmp_path / name).mkdir(exist_ok=True)
            for index in range(5):
                picture.save(tmp_path / name / f"{index}.{how.get('format', 'png')}", **how)
        return load(str(tmp_path), image_size=8).train.x[0]

    assert alone(Image.new("RGBA", (9, 9), (0, 0, 0, 0))).min() == 1
    assert alone(Image.fromarray(np.full((9, 9), 32768, np.uint16))).mean() == pytest.approx(
        0.5, abs=0.01
    )
    turned = Image.Exif()
    turned[0x0112] = 3  # upside down
    half = Image.fromarray(np.repeat(np.uint8([[0], [255]]), 4, 0).repeat(8, 1))
    assert alone(half.convert("L"), exif=turned)[0, 0].mean() == 1


def test_a_changed_picture_is_read_again(photos: Path) -> None:
    before = mean(photos)
    Image.new("RGB", (40, 30), "white").save(photos / "cat" / "0.png")
    assert mean(photos) > before


@pytest.mark.parametrize(
    ("held", "sizes"), [(["val"], (9, 3, 4)), (["test"], (9, 3, 4)), (["val", "test"], (12, 4, 4))]
)
def test_a_folder_may_be_divided_already(
    photos: Path, tmp_path: Path, held: list[str], sizes: tuple[int, ...]
) -> None:
    root = tmp_path / "divided"
    root.mkdir()
    photos.rename(root / "train")
    for part in held:
        write_pictures(root / part, {"cat": 1, "dog": 3}, mode="L")
    splits = load(str(root))
    assert splits.classes == ("cat", "dog")
    assert (len(splits.train), len(splits.valid), len(splits.test)) == sizes
    assert splits.test.y.sort().values.tolist() == [0, 1, 1, 1]
    write_pictures(root / held[0], {"fox": 1})
    with pytest.raises(
        ValueError, match="has classes that train lacks: fox; give each class training pictures"
    ):
        load(str(root))


def test_unusable_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist; give a folder"):
        load(str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"is empty; a classifier needs at least two"):
        load(str(tmp_path))
    root = write_pictures(tmp_path / "photos", {"cat": 5})
    with pytest.raises(ValueError, match=r"has one class \(cat\)"):
        load(str(root))
    write_pictures(root, {"dog": 2})
    with pytest.raises(
        ValueError, match=r"photos: class dog has 2 readable pictures; splitting needs at least 5"
    ):
        load(str(root))


def broken() -> dict[str, bytes]:
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(
        whole, "jpeg"
    )
    return {
        "text": b"no picture",
        "empty": b"",
        "header": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        "cut": whole.getvalue()[:900],
    }


@pytest.mark.parametrize("content", broken().values(), ids=broken())
def test_a_broken_file_is_named_and_left_out(photos: Path, content: bytes) -> None:
    (photos / "dog" / "notes.jpg").write_bytes(content)
    with pytest.warns(
        UserWarning, match=r"photos: left out what is no readable picture: dog/notes\.jpg"
    ):
        splits = load(str(photos))
    assert sum(len(part) for part in (splits.train, splits.valid, splits.test)) == 12


def test_a_folder_most_of_whose_files_are_broken_is_refused(photos: Path) -> None:
    for index in range(13):
        (photos / "cat" / f"a{index:02}.png").write_bytes(b"no picture")
    with pytest.raises(
        ValueError,
        match=r"13 of 25 pictures in .*: cat/a00\.png, .*a12\.png \(no pic.*; mend the folder",
    ):
        load(str(photos))


def test_many_small_classes_load(tmp_path: Path) -> None:
    root = write_pictures(
        tmp_path / "many", {f"{index:03}": 5 + index % 3 for index in range(200)}, size=(8, 8)
    )
    splits = load(str(root), image_size=8)
    assert len(splits.classes) == 200
    assert len(splits.test.y.unique()) == 200
