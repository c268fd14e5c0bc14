"""A folder of series, WAV or CSV, one sub-folder per class, as tensors of one length."""

from collections import defaultdict
from collections.abc import Hashable, Iterator
from functools import lru_cache
from hashlib import blake2b
from os import PathLike
from pathlib import Path
from statistics import median_low

import numpy as np
import torch

from recipes_lib.data.division import divide, lacking
from recipes_lib.data.found import Found, listed
from recipes_lib.data.layout import changed_at, lay_out
from recipes_lib.data.paths import given_path
from recipes_lib.data.signals import Signal, open_signal
from recipes_lib.data.splits import Split, Splits
from recipes_lib.given import check_seed


def load_series(
    path: str | PathLike[str],
    seed: int = 0,
    *,
    length: int | None = None,
    device: torch.device | str = "cpu",
) -> Splits:
    """Load a folder with one sub-folder of WAV or CSV files per class: x (N, channels, length).

    Sound is scaled to -1 … 1. A table has one row a moment and one column a channel. The folder may
    be divided as for `load`; what is missing is drawn by `seed`. Series of other lengths are cut to
    `length`, the median where it is not given, or filled up with zeros. What was found is printed,
    once; damaged files are named in a warning and left out, and copies are warned of. Raises
    `ValueError` for data that cannot be used, such as channels or rates that differ, and
    `FileNotFoundError` where nothing is.
    """
    seed = check_seed(seed)
    if length is not None and length < 1:
        raise ValueError(f"length is {length!r}; give a whole number from 1")
    root = given_path(path)
    layout = lay_out(root, "series")
    signals, broken = _read(tuple((file, changed_at(file)) for file, _, _ in layout.files))
    _check_alike(signals, root)
    sound = [(file, label, part) for file, label, part in layout.files if file in signals]
    y = torch.tensor([label for _, label, _ in sound], dtype=torch.int64)
    part = np.array([part for _, _, part in sound], dtype=str)
    values = [signals[file].values for file, _, _ in sound]
    lengths = [one.shape[1] for one in values]
    length = length or (median_low(lengths) if lengths else 1)
    Found(
        root,
        "series",
        layout.classes,
        [str(file.relative_to(root)) for file, _, _ in sound],
        y,
        part,
        [blake2b(one.tobytes(), digest_size=16).digest() for one in values],
        {str(file.relative_to(root)): why for file, why in broken.items()},
        [*_notes(signals, lengths, length), *layout.notes(root)],
    ).announce(stacklevel=2)
    if wrong := lacking(y, part, layout.classes, layout.parts, "readable series"):
        raise ValueError(f"{layout.root}: {wrong}")
    x = torch.from_numpy(np.stack([_fitted(one, length) for one in values]))
    train, valid, test = (
        Split(x[rows].to(device), y[rows].to(device)) for rows in divide(y, part, seed)
    )
    return Splits(train, valid, test, layout.classes)


@lru_cache(maxsize=1)
def _read(files: tuple[tuple[Path, int], ...]) -> tuple[dict[Path, Signal], dict[Path, str]]:
    """Read series, each given with its time of change, once for all replicates."""
    found = {path: open_signal(path) for path, _ in files}
    sound = {path: one for path, one in found.items() if not isinstance(one, str)}
    return sound, {path: one for path, one in found.items() if isinstance(one, str)}


def _check_alike(signals: dict[Path, Signal], root: Path) -> None:
    """Raise `ValueError` where numbers of channels or samples a second differ."""
    kinds: dict[str, dict[Path, Hashable]] = {
        "channels": {path: len(one.values) for path, one in signals.items()},
        "samples a second": {path: one.rate for path, one in signals.items() if one.rate},
    }
    for what, numbers in kinds.items():
        first: dict[Hashable, Path] = {}
        for path, number in numbers.items():
            first.setdefault(number, path)
        if len(first) > 1:
            shown = [f"{number} in {path.relative_to(root)}" for number, path in first.items()]
            raise ValueError(f"{root} has series that differ in {what}: {listed(shown)}; use one")


def _notes(signals: dict[Path, Signal], lengths: list[int], length: int) -> Iterator[str]:
    cut, filled = (sum(sign * one > sign * length for one in lengths) for sign in (1, -1))
    if cut or filled:
        yield (
            f"lengths from {min(lengths)} to {max(lengths)}, brought to {length}: "
            f"{cut} cut, {filled} filled up with zeros"
        )
    said = defaultdict(list)
    for path, one in signals.items():
        if one.note:
            said[one.note].append(path.name)
    yield from (f"{note} ({listed(names)})" for note, names in said.items())


def _fitted(values: np.ndarray, length: int) -> np.ndarray:
    cut = values[:, :length]
    return np.pad(cut, ((0, 0), (0, length - cut.shape[1])))
