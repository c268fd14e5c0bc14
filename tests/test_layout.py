"""Folders as people have them: parts, nesting, litter, links, archives, copies."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from recipes_lib.data.sets import load
from recipes_lib.data.splits import Splits


def write(root: Path, *folders: str, count: int = 6) -> Path:
    """Write pictures that differ from all others into each folder."""
    for name in folders:
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(zlib.crc32(name.encode()))
        for index in range(count):
            array = pixels.integers(0, 255, (8, 8), dtype=np.uint8)
            Image.fromarray(array).save(folder / f"{index}.png")
    return root


def sizes(splits: Splits) -> tuple[int, ...]:
    return len(splits.train), len(splits.valid), len(splits.test)


TRAIN = [
    "train",
    "Train",
    "TRAIN",
    "training",
    "Training Set",
    "train_data",
    "seg_train",
    "01-train",
]
HELD = ["test", "Testing", "TEST", "eval", "evaluation", "test_set", "val", "VALID", "Validation"]
HELD += ["dev", "val2017", "held-out", "test-images"]


@pytest.mark.parametrize(
    ("train", "held"), [*((name, "test") for name in TRAIN), *(("train", name) for name in HELD)]
)
@pytest.mark.parametrize("around", ["", "data/photos/"])
def test_parts_are_known_by_the_usual_names(
    tmp_path: Path, train: str, held: str, around: str
) -> None:
    folders = (f"{around}{part}/{name}" for part in (train, held) for name in ("cat", "dog"))
    assert sizes(load(write(tmp_path, *folders), image_size=8)) == (9, 3, 12)


LAYOUTS: dict[str, tuple[list[str], tuple[str, ...], tuple[int, ...]]] = {
    "one folder around all": (["x/y/cat", "x/y/dog"], ("cat", "dog"), (6, 3, 3)),
    "train alone around all": (["train/cat", "train/dog"], ("cat", "dog"), (6, 3, 3)),
    "each part twice": (
        ["train/train/cat", "train/train/dog", "test/test/cat", "test/test/dog"],
        ("cat", "dog"),
        (9, 3, 12),
    ),
    "three parts": (
        [f"{part}/{name}" for part in ("Train", "Val", "Test") for name in ("cat", "dog")],
        ("cat", "dog"),
        (12, 12, 12),
    ),
    "a prefix that all share": (
        ["pets_train/cat", "pets_train/dog", "pets_test/cat", "pets_test/dog"],
        ("cat", "dog"),
        (9, 3, 12),
    ),
    "parts inside of classes": (
        ["cat/train", "cat/test", "dog/train", "dog/test"],
        ("cat", "dog"),
        (9, 3, 12),
    ),
    "classes with sub-folders": (["cat/day", "cat/night", "dog"], ("cat", "dog"), (10, 4, 4)),
    "sub-folders beside pictures": (["cat", "cat/night", "dog"], ("cat", "dog"), (10, 4, 4)),
    "other casing in another part": (
        ["train/Cat", "train/Dog", "test/cat", "test/DOG"],
        ("Cat", "Dog"),
        (9, 3, 12),
    ),
    "one class in the test part": (
        ["train/cat", "train/dog", "test/cat/day", "test/cat/night"],
        ("cat", "dog"),
        (9, 3, 12),
    ),
    "a class called train": (["train", "car"], ("car", "train"), (6, 3, 3)),
    "classes by words of parts": (
        ["train station", "test tube"],
        ("test tube", "train station"),
        (6, 3, 3),
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_understood(tmp_path: Path, name: str) -> None:
    folders, classes, wanted = LAYOUTS[name]
    splits = load(write(tmp_path, *folders), image_size=8)
    assert splits.classes == classes
    assert sizes(splits) == wanted


REFUSED = {
    "flat parts": (["train", "test"], r"parts without class folders \(train, test\)"),
    "flat parts of other names": (["Training", "val", "Testing"], r"\(Training, val, Testing\)"),
    "a flat test part": (["train/cat", "train/dog", "test"], r"class folders \(test\); give each"),
    "a flat training part": (["train", "test/cat", "test/dog"], r"class folders \(train\)"),
    "two parts of one kind": (
        ["train/cat", "train/dog", "val/cat", "dev/cat"],
        r"two valid parts, dev and val; put them together",
    ),
    "no training part": (["val/cat", "test/cat"], r"has val, test and no training part"),
    "a training part beside something": (
        ["train/cat", "train/dog", "unlabeled"],
        r"a training part, train, beside unlabeled; move",
    ),
    "a class that train lacks": (
        ["train/cat", "train/dog", "test/fox", "test/cat"],
        r"has classes that train lacks: fox; give each class training pictures",
    ),
    "classes divided otherwise": (
        ["cat/train", "cat/test", "dog"],
        r"class folder .*dog is not divided as cat is",
    ),
    "no class folders": (["."], r"has 6 files and no class folders"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_layout_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    folders, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as error:
        load(write(tmp_path, *folders))
    assert "\n" not in str(error.value)


def test_an_empty_part_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path, "train/cat", "train/dog")
    (root / "test").mkdir()
    with pytest.raises(ValueError, match=r"parts without class folders \(test\)"):
        load(root)
    (root / "test" / "cat").mkdir()
    with pytest.raises(ValueError, match=r"the test part has no readable pictures"):
        load(root)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("photos.zip", "python -m zipfile -e {}.zip {}"),
        ("photos.TAR.gz", "python -m tarfile -e {}.TAR.gz {}"),
        ("photos.tgz", "python -m tarfile -e {}.tgz {}"),
        ("photos.7z", "7z x {}.7z"),
        ("photos.rar", "7z x {}.rar"),
        ("photos.gz", "python -m gzip -d {}.gz"),
    ],
)
@pytest.mark.parametrize("where", ["", "cat", "given"])
def test_an_archive_is_refused_with_its_command(
    tmp_path: Path, name: str, command: str, where: str
) -> None:
    root = write(tmp_path, "cat", "dog")
    archive = root / ("" if where == "given" else where) / name
    archive.write_bytes(b"PK")
    with pytest.raises(ValueError, match="is an archive; unpack it and move it away") as error:
        load(archive if where == "given" else root)
    stem = archive.with_name("photos")
    assert str(error.value).endswith(command.format(stem, stem))


LITTER = [".DS_Store", "._0.png", "Thumbs.db", "desktop.ini", "Icon\r", ".hidden.png"]


def test_litter_is_no_data_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path, "cat", "dog", "__MACOSX/cat", ".git/dog", "cat/.ipynb_checkpoints")
    for folder in (root, root / "cat"):
        for name in LITTER:
            (folder / name).write_bytes(b"\0")
    splits = load(root, image_size=8)
    assert (splits.classes, sizes(splits)) == (("cat", "dog"), (6, 3, 3))
    said = capsys.readouterr().out
    assert "15 hidden or left by a system, not read: " in said
    assert all(name in said for name in (*LITTER, "__MACOSX", ".git"))


def test_links_are_followed(tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "elsewhere", "cat", "dog")
    root = write(tmp_path / "photos", "fox")
    (root / "cat").symlink_to(elsewhere / "cat")
    (root / "dog").mkdir()
    for file in (elsewhere / "dog").iterdir():
        (root / "dog" / file.name).symlink_to(file)
    (tmp_path / "link").symlink_to(root)
    assert load(tmp_path / "link", image_size=8).classes == ("cat", "dog", "fox")


@pytest.mark.parametrize("target", ["photos", "photos/cat", "photos/cat/loop"])
def test_a_link_in_a_circle_is_refused(tmp_path: Path, target: str) -> None:
    root = write(tmp_path / "photos", "cat", "dog")
    (root / "cat" / "loop").symlink_to(tmp_path / target)
    with pytest.raises(ValueError, match=r"cat/loop is a link that leads back to .*; remove it"):
        load(root)


def test_a_link_to_nowhere_and_a_pipe_are_left_out(tmp_path: Path) -> None:
    root = write(tmp_path, "cat", "dog")
    (root / "cat" / "gone.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(root / "dog" / "pipe.png")
    with pytest.warns(UserWarning, match=r"gone.png \(a link to nowhere\), dog/pipe.png \(no file"):
        assert sizes(load(root, image_size=8)) == (6, 3, 3)


def test_what_was_found_is_printed_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(write(tmp_path, "photos/cat", count=10), "photos/dog", "photos/dog/deep", count=5)
    (root / "README.md").write_text("Mine.")
    (root / "photos" / "notes.txt").write_text("Mine.")
    for seed in range(3):
        load(root, seed=seed, image_size=8)
    assert capsys.readouterr().out.splitlines() == [
        f"{root}: 20 pictures of 2 classes",
        "     pictures",
        "cat        10",
        "dog        10",
        "- split 60/20/20 into train, valid and test, anew for each seed",
        "- grey, 8x8 pixels, cropped to squares",
        "- the class folders lie in photos",
        "- 5 in sub-folders of class folders, taken as well: "
        + ", ".join(f"photos/dog/deep/{index}.png" for index in range(5)),
        "- 2 outside of class folders, not read: README.md, photos/notes.txt",
    ]


def test_unequal_classes_and_those_that_a_part_lacks_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(write(tmp_path, "train/cat", count=30), "train/dog", "val/dog", count=10)
    load(root, image_size=8)
    said = capsys.readouterr().out
    assert "classes are unequal: from 10 (dog) to 30 (cat) pictures; to say cat each" in said
    assert "right in 75% of them" in said
    assert "valid has no pictures of cat" in said
    assert "held back as valid: it is the test part; a quarter of train is drawn" in said


def copies(root: Path) -> Iterator[str]:
    with pytest.warns(UserWarning, match=": equal pictures") as caught:
        load(root, image_size=8)
    yield from (str(warning.message).removeprefix(f"{root}: ") for warning in caught)


@pytest.mark.parametrize("ending", ["png", "bmp"])
def test_copies_are_warned_of(tmp_path: Path, ending: str) -> None:
    root = write(tmp_path, "train/cat", "train/dog", "test/cat", "test/dog")
    with Image.open(root / "train" / "cat" / "0.png") as picture:
        picture.save(root / "train" / "cat" / f"again.{ending}")
        (within,) = copies(root)
        assert within == (
            f"equal pictures more than once, 2 in all: train/cat/0.png = train/cat/again.{ending}; "
            "keep one of each"
        )
        picture.save(root / "test" / "dog" / f"again.{ending}")
    across, torn = copies(root)
    assert across.startswith("equal pictures in several parts, 3 in all: train/cat/0.png = ")
    assert across.endswith("what is tested on was trained on; keep one of each")
    assert torn.startswith("equal pictures in several classes, 3 in all: ")


@pytest.mark.parametrize("count", [1, 4])
def test_a_divided_folder_needs_no_more_than_it_draws(tmp_path: Path, count: int) -> None:
    folders = [f"{part}/{name}" for part in ("train", "val", "test") for name in ("cat", "dog")]
    assert sizes(load(write(tmp_path, *folders, count=count), image_size=8)) == (2 * count,) * 3
    with pytest.raises(ValueError, match=f"class cat has {count} readable pictures; splitting"):
        load(tmp_path / "train")


@pytest.mark.parametrize("kind", ["str", "Path", "relative", "dot", "home", "windows", "number"])
def test_a_path_is_what_a_reader_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    write(tmp_path / "my photos" / "2024", "cat", "dog")
    monkeypatch.chdir(tmp_path / "my photos")
    monkeypatch.setenv("HOME", str(tmp_path))
    names: dict[str, Any] = {
        "str": str(tmp_path / "my photos" / "2024"),
        "Path": Path("2024"),
        "relative": "2024",
        "dot": "./2024/",
        "home": "~/my photos/2024",
        "windows": "..\\my photos\\2024",
        "number": 2024,
    }
    assert load(names[kind], image_size=8).classes == ("cat", "dog")


def test_a_path_wins_over_a_name_where_it_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "digits", "cat", "dog")
    monkeypatch.chdir(tmp_path)
    assert len(load("digits").classes) == 10
    assert load(Path("digits")).classes == load("./digits").classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("C:\\Users\\me\\photos", ValueError, "photos is a path of Windows"),
        (Path("nowhere"), FileNotFoundError, "data folder nowhere does not exist"),
        ("~nobody-here/photos", FileNotFoundError, "does not exist"),
        ("x/" * 5000, FileNotFoundError, "does not exist"),
        (2024, ValueError, "data set '2024' is unknown"),
        ("", ValueError, "data set '' is no name; give a name or the path of a folder"),
        (None, ValueError, "data set None is no name"),
        (True, ValueError, "data set True is no name"),
        (__file__, ValueError, r"test_layout.py is a file; give a folder"),
    ],
)
def test_what_is_no_folder_is_refused(name: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load(name)
