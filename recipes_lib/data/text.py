"""Texts with labels, from a table of a reader's or one for each part."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from recipes_lib.data.columns import find_columns
from recipes_lib.data.division import divide, lacking
from recipes_lib.data.found import Found, listed
from recipes_lib.data.parts import NAMES, parts_of
from recipes_lib.data.paths import given_path
from recipes_lib.data.tables import ENDINGS, read_table
from recipes_lib.data.tree import read_folder, refuse_archive
from recipes_lib.given import check_seed


@dataclass(frozen=True)
class Texts:
    """Texts `x`, N of them, and class indices `y` (N,), int64."""

    x: tuple[str, ...]
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class TextSplits:
    """Training, validation and test texts, and the name of each class."""

    train: Texts
    valid: Texts
    test: Texts
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A row of a table: where it stands, what it says, its label, its part, what is wrong."""

    place: str
    text: str = ""
    label: str = ""
    part: str = ""
    wrong: str = ""


def load_texts(path: str | PathLike[str], seed: int = 0) -> TextSplits:
    """Load texts with labels from a table, CSV or TSV, or from a folder with a table for each part.

    Columns are found by their names, such as `text` and `label`; of two without names the one that
    repeats itself is the label. A column such as `split` divides the rows, and names such as
    `train.csv` a folder; what is missing is drawn by `seed`, as `load` does it. What was found is
    printed, once; rows without text or label are named in a warning and left out, and copies are
    warned of. Raises `ValueError` for data that cannot be used, and `FileNotFoundError` where
    nothing is.
    """
    seed = check_seed(seed)
    source = given_path(path)
    tables, notes = _tables(source)
    rows, said = _read(tuple((file, part, file.stat().st_mtime_ns) for file, part in tables))
    sound = [row for row in rows if not row.wrong]
    classes = _classes(sound, source)
    y = torch.tensor([classes.index(row.label) for row in sound], dtype=torch.int64)
    part = np.array([row.part for row in sound], dtype=str)
    Found(
        source,
        "texts",
        classes,
        [row.place for row in sound],
        y,
        part,
        [blake2b(row.text.strip().encode(), digest_size=16).digest() for row in sound],
        {row.place: row.wrong for row in rows if row.wrong},
        [*said, *notes],
    ).announce(stacklevel=2)
    if wrong := lacking(y, part, classes, {row.part for row in rows}, "texts"):
        raise ValueError(f"{source}: {wrong}")
    train, valid, test = (
        Texts(tuple(sound[row].text for row in cut.tolist()), y[cut])
        for cut in divide(y, part, seed)
    )
    return TextSplits(train, valid, test, classes)


def _classes(rows: list[Row], source: Path) -> tuple[str, ...]:
    labels = {row.label for row in rows if row.part in ("", "train")}
    try:
        classes = tuple(sorted(labels, key=float))
    except ValueError:
        classes = tuple(sorted(labels))
    if new := sorted({row.label for row in rows} - labels):
        raise ValueError(
            f"{source} has classes that train lacks: {listed(new)}; give each class training texts"
        )
    if len(classes) < 2:
        found = f"one class ({classes[0]})" if classes else "no labels"
        raise ValueError(f"{source} has {found}; a classifier needs at least two")
    return classes


def _tables(source: Path) -> tuple[list[tuple[Path, str]], list[str]]:
    """Return the table of each part, or of the one part "", and what is to be said of others."""
    if not source.is_dir():
        refuse_archive(source)
        if source.suffix.casefold() not in {*ENDINGS, ".txt", ""}:
            raise ValueError(f"{source} is no table; save it as CSV or TSV, in UTF-8")
        return [(source, "")], []
    folder = read_folder(source)
    while not folder.files and len(folder.folders) == 1:
        (folder,) = folder.folders
    files = [file for file in folder.files if file.suffix.casefold() in ENDINGS]
    called = parts_of([file.stem for file in files])
    parts = [
        (file, name)
        for name in NAMES
        for file, part in zip(files, called, strict=True)
        if part == name
    ]
    if len(files) == 1:
        parts = [(files[0], "")]
    twice = [name for name, count in Counter(part for _, part in parts).items() if count > 1]
    if not {"", "train"} & {part for _, part in parts} or twice:
        found = listed([file.name for file in files]) or "no CSV or TSV"
        raise ValueError(f"{folder.path} has {found}; give one table, or train.csv and test.csv")
    taken = {file for file, _ in parts}
    rest = [str(file.relative_to(source)) for file in folder.every_file() if file not in taken]
    return parts, [f"not read: {listed(rest)}"] if rest else []


@lru_cache(maxsize=1)
def _read(tables: tuple[tuple[Path, str, int], ...]) -> tuple[list[Row], list[str]]:
    """Read tables, each given with its part and time of change, once for all replicates."""
    rows, notes = [], []
    for file, part, _ in tables:
        found, said = _rows(file, part, f"{file.name} line " if part else "line ")
        rows += found
        notes += [f"{file.name}: {note}" if part else note for note in said]
    return rows, notes


def _rows(file: Path, part: str, place: str) -> tuple[list[Row], Iterable[str]]:
    table = read_table(file)
    width = Counter(len(fields) for _, fields in table.rows).most_common(1)[0][0]
    if width == 1:
        raise ValueError(f"{file} has one column; give texts and labels")
    whole = [(line, fields) for line, fields in table.rows if len(fields) == width]
    try:
        columns = find_columns([fields for _, fields in whole])
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    rows = [
        Row(f"{place}{line}", wrong=f"{len(fields)} fields, not {width}")
        for line, fields in table.rows
        if len(fields) != width
    ]
    names: dict[str, str] = {}
    if columns.part is not None:
        values = sorted({fields[columns.part] for _, fields in whole[1:]})
        names = {value: name or "" for value, name in zip(values, parts_of(values), strict=True)}
    for line, fields in whole[columns.header :]:
        text, label = fields[columns.text], fields[columns.label].strip()
        own = part if columns.part is None else names[fields[columns.part]]
        wrong = "no label" if not label else "" if text.strip() else "no text"
        rows.append(Row(f"{place}{line}", text, label, own, wrong))
    return rows, [*table.notes, *columns.notes]
