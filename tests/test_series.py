"""Folders of series as people have them: sound and tables."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from recipes_lib.data.series import load_series
from recipes_lib.data.splits import Splits


def sounds(root: Path, *folders: str, count: int = 6, length: int = 100) -> Path:
    draws = np.random.default_rng(len(str(root)))
    for name in folders:
        (root / name).mkdir(parents=True)
        for index in range(count):
            wave = draws.integers(-9999, 9999, length).astype(np.int16)
            wavfile.write(root / name / f"{index}.wav", 8000, wave)
    return root


def tables(root: Path, text: str) -> Path:
    """Write a table ten times; `{}` in it is a number that no other has."""
    for index in range(10):
        folder = root / "ab"[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{index}.csv").write_text(text.format(index))
    return root


def sizes(splits: Splits) -> tuple[int, ...]:
    return len(splits.train), len(splits.valid), len(splits.test)


def test_a_folder_of_sounds_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = sounds(tmp_path, "horn", "siren")
    splits = load_series(root, 1)
    assert (splits.classes, splits.shape, sizes(splits)) == (("horn", "siren"), (1, 100), (6, 3, 3))
    assert splits.train.x.dtype == torch.float32
    assert torch.equal(splits.test.x, load_series(str(root), seed=1).test.x)
    assert not torch.equal(splits.test.x, load_series(root, 2).test.x)
    assert capsys.readouterr().out.count(f"{root}: 12 series of 2 classes") == 1


def test_parts_are_those_of_pictures(tmp_path: Path) -> None:
    root = sounds(
        tmp_path, *(f"{part}/{name}" for part in ("Training", "Testing") for name in "ab")
    )
    assert sizes(load_series(root)) == (9, 3, 12)
    sounds(tmp_path / "flat", "train", "test")
    with pytest.raises(ValueError, match=r"parts without class folders \(train, test\)"):
        load_series(tmp_path / "flat")


@pytest.mark.filterwarnings("ignore:.*equal series")
@pytest.mark.parametrize(
    ("samples", "wanted"),
    [
        (np.array([0, 128, 192], np.uint8), [-1, 0, 0.5]),
        (np.array([-32768, 0, 16384], np.int16), [-1, 0, 0.5]),
        (np.array([-(2**31), 0, 2**30], np.int32), [-1, 0, 0.5]),
        (np.array([-1, 0, 0.5], np.float32), [-1, 0, 0.5]),
        (np.array([[-1, 1], [0, 0], [0.5, 0]], np.float64), [[-1, 0, 0.5], [1, 0, 0]]),
    ],
)
def test_sound_of_any_depth_is_scaled_to_one(
    tmp_path: Path, samples: np.ndarray, wanted: list[float]
) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        for index in range(5):
            wavfile.write(tmp_path / name / f"{index}.wav", 8000, samples)
    x = load_series(tmp_path).train.x[0]
    torch.testing.assert_close(x, torch.tensor(wanted).float().view(-1, 3))


@pytest.mark.parametrize(
    ("text", "channels", "note"),
    [
        ("{}\n2\n3\n", [[2, 3]], ""),
        ("x,y\n{},4\n2,5\n3,6\n", [[2, 3], [5, 6]], ""),
        ("{}\t4\n2\t5\n3\t6\n", [[2, 3], [5, 6]], ""),
        ("{},5;4\n2,5;5,5\n3;6\n", [[2.5, 3], [5.5, 6]], ""),
        ("\ufefftime,x\n0,{}\n1,2\n2,3\n", [[2, 3]], "not read, for it tells the time: 'time'"),
        ("{},2,3\n", [[2, 3]], "one row, read along it"),
    ],
)
def test_a_table_has_a_row_a_moment_and_a_column_a_channel(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    channels: list[list[float]],
    note: str,
) -> None:
    splits = load_series(tables(tmp_path, text))
    torch.testing.assert_close(splits.train.x[0, :, 1:], torch.tensor(channels).float())
    assert note in capsys.readouterr().out


def test_lengths_are_brought_to_one_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = sounds(tmp_path, "a", "b")
    for length in (40, 250):
        wave = np.full(length, 3, np.int16)
        wavfile.write(root / "a" / f"long{length}.wav", 8000, wave)
    splits = load_series(root)
    assert splits.shape == (1, 100)
    assert "lengths from 40 to 250, brought to 100: 1 cut, 1 filled up with zeros" in (
        capsys.readouterr().out
    )
    whole = torch.cat([part.x for part in (splits.train, splits.valid, splits.test)])
    assert sorted((whole == 3 / 32768).sum((1, 2)).tolist())[-2:] == [40, 100]
    assert load_series(root, length=7).shape == (1, 7)
    with pytest.raises(ValueError, match="length is 0; give a whole number from 1"):
        load_series(root, length=0)


def test_damaged_files_are_named_and_left_out(tmp_path: Path) -> None:
    root = sounds(tmp_path, "a", "b", count=12)
    whole = (root / "a" / "0.wav").read_bytes()
    damaged = {
        "cut.wav": whole[:120],
        "header.wav": whole[:20],
        "empty.wav": b"",
        "silent.wav": whole[:40] + bytes(4),
        "text.wav": b"no sound",
        "song.mp3": b"ID3",
        "words.csv": b"a,b\n1,x\n2,3\n",
        "gaps.csv": b"1\n2\n\n3,4\n",
        "nan.csv": b"1\nnan\n",
        "header.csv": b"x\n",
    }
    for name, content in damaged.items():
        (root / "a" / name).write_bytes(content)
    with pytest.warns(UserWarning, match="left out what is no readable series") as caught:
        assert sum(sizes(load_series(root))) == 24
    (said,) = (str(warning.message) for warning in caught)
    assert [name for name in damaged if f"a/{name}" not in said] == []
    assert "a/words.csv (line 2 is no row of 2 numbers)" in said
    assert "a/song.mp3 (no WAV or CSV)" in said
    assert "10 of 34 in all" in said


def test_channels_and_rates_that_differ_are_refused(tmp_path: Path) -> None:
    root = sounds(tmp_path, "a", "b")
    wavfile.write(root / "a" / "9.wav", 16000, np.zeros(100, np.int16))
    with pytest.raises(ValueError, match=r"samples a second: 8000 in a/0\.wav, 16000 in a/9\.wav"):
        load_series(root)
    wavfile.write(root / "a" / "9.wav", 8000, np.zeros((100, 2), np.int16))
    with pytest.raises(ValueError, match=r"in channels: 1 in a/0\.wav, 2 in a/9\.wav; use one"):
        load_series(root)


def test_copies_are_warned_of(tmp_path: Path) -> None:
    root = sounds(tmp_path, *(f"{part}/{name}" for part in ("train", "test") for name in "ab"))
    (root / "test" / "a" / "9.wav").write_bytes((root / "train" / "a" / "0.wav").read_bytes())
    with pytest.warns(UserWarning, match=r"several parts, 2 in all: train/a/0\.wav = test/a/9\.w"):
        load_series(root)
