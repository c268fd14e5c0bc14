"""Which file of a folder is of which class and part: class folders, or parts that hold such."""

import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from recipes_lib.data.found import listed
from recipes_lib.data.parts import NAMES, parts_of
from recipes_lib.data.tree import Folder, read_folder, refuse_archive


@dataclass(frozen=True)
class Layout:
    """The files of a folder: of each its class, as an index, and its part, "" where it has none.

    `root` is the folder that holds classes or parts, `loose` are files outside of class folders,
    `deep` those in folders inside them, `ignored` hidden files and what systems leave behind.
    """

    root: Path
    classes: tuple[str, ...]
    parts: tuple[str, ...]
    files: tuple[tuple[Path, int, str], ...]
    loose: tuple[Path, ...]
    deep: tuple[Path, ...]
    ignored: tuple[Path, ...]

    def notes(self, source: Path) -> Iterator[str]:
        """Yield what is to be said of files that lie elsewhere than in a class folder."""
        said = {
            "in sub-folders of class folders, taken as well": self.deep,
            "outside of class folders, not read": self.loose,
            "hidden or left by a system, not read": self.ignored,
        }
        if self.root != source:
            yield f"the class folders lie in {self.root.relative_to(source)}"
        for what, paths in said.items():
            if paths:
                names = listed([str(path.relative_to(source)) for path in paths])
                yield f"{len(paths)} {what}: {names}"


def lay_out(path: Path, items: str) -> Layout:
    """Find the classes and the parts of a folder, which may lie in one folder around all.

    Raises `ValueError` for a file, fewer than two classes, a part without class folders or with
    classes that the training part lacks, two folders of one part, and archives.
    """
    if not path.is_dir():
        refuse_archive(path)
        raise ValueError(f"{path} is a file; give a folder with one sub-folder per class")
    whole = read_folder(path)
    top = _inside(whole)
    parts = _parts(top)
    classes = tuple(sorted({folder.name for folder in parts.get("train", parts.get("", ()))}))
    if len(classes) < 2:
        raise ValueError(_no_classes(top, classes))
    files = tuple(
        (file, label, part)
        for part, folders in parts.items()
        for file, label in sorted(_labeled(folders, classes, items))
    )
    own = {folder.path for folders in parts.values() for folder in folders}
    taken = {file for file, _, _ in files}
    return Layout(
        top.path,
        classes,
        tuple(parts),
        files,
        tuple(file for file in whole.every_file() if file not in taken),
        tuple(file for file, _, _ in files if file.parent not in own),
        tuple(whole.every_ignored()),
    )


def changed_at(path: Path) -> int:
    """Return when a file was changed, or 0 where it is not there."""
    return path.stat().st_mtime_ns if path.exists() else 0


def _inside(folder: Folder, classes: Collection[str] = ()) -> Folder:
    """Go into a folder that lies alone and is no class, as downloads have it around all."""
    while (
        len(folder.folders) == 1
        and folder.folders[0].folders
        and folder.folders[0].name not in classes
    ):
        (folder,) = folder.folders
    return folder


def _no_classes(top: Folder, classes: tuple[str, ...]) -> str:
    if classes:
        found = f"has one class ({classes[0]})"
    else:
        found = f"has {len(top.files)} files and no class folders" if top.files else "is empty"
    needs = "a classifier needs at least two sub-folders, one per class"
    return f"data folder {top.path} {found}; {needs}"


def _parts(top: Folder) -> dict[str, tuple[Folder, ...]]:
    """Return the class folders of each part, or of the one part ""."""
    called = parts_of([folder.name for folder in top.folders])
    found: dict[str, Folder] = {}
    for name in NAMES:
        same = [one for one, part in zip(top.folders, called, strict=True) if part == name]
        if len(same) > 1 and any(one.folders for one in same):
            both = " and ".join(one.name for one in same)
            raise ValueError(f"{top.path} has two {name} parts, {both}; put them together")
        if same:
            found[name] = same[0]
    flat = [folder.name for folder in found.values() if not _inside(folder).folders]
    if not found or (len(flat) == len(found) == 1 and None in called):
        return _parts_of_classes(top.folders) or {"": top.folders}
    if flat:
        raise ValueError(
            f"{top.path} has parts without class folders ({', '.join(flat)}); "
            "give each part one sub-folder per class, or move it away"
        )
    _check_parts(top, found)
    classes = [folder.name for folder in _inside(found["train"]).folders]
    return {part: _inside(folder, classes).folders for part, folder in found.items()}


def _check_parts(top: Folder, found: dict[str, Folder]) -> None:
    names = ", ".join(folder.name for folder in found.values())
    if "train" not in found:
        raise ValueError(f"{top.path} has {names} and no training part; call it train")
    others = [folder.name for folder in top.folders if folder not in found.values()]
    if len(found) == 1 and others:
        raise ValueError(
            f"{top.path} has a training part, {names}, beside {', '.join(others[:3])}; "
            f"move what is no part away, or rename {names} if it is a class"
        )


def _parts_of_classes(folders: tuple[Folder, ...]) -> dict[str, tuple[Folder, ...]]:
    """Return the parts that lie inside of class folders, if they do: cat/train, cat/test, …"""
    inner = {folder: parts_of([one.name for one in folder.folders]) for folder in folders}
    divided = [folder for folder, parts in inner.items() if len({*parts} - {None}) > 1]
    if not divided:
        return {}
    for folder, parts in inner.items():
        if folder.files or None in parts or "train" not in parts or len({*parts}) < len(parts):
            raise ValueError(
                f"class folder {folder.path} is not divided as {divided[0].name} is; "
                "give it the same parts and nothing beside them"
            )
    return {
        part: tuple(
            Folder(folder.path, (), tuple(one.every_file()), ())
            for folder, parts in inner.items()
            for one, name in zip(folder.folders, parts, strict=True)
            if name == part
        )
        for part in NAMES
        if any(part in parts for parts in inner.values())
    }


def _labeled(
    folders: tuple[Folder, ...], classes: tuple[str, ...], items: str
) -> Iterator[tuple[Path, int]]:
    """Yield each file with its class, whatever the casing and the form of accents in this part."""
    known = {_plain(name): index for index, name in enumerate(classes)}
    known |= {name: index for index, name in enumerate(classes)}
    found = [(folder, known.get(folder.name, known.get(_plain(folder.name)))) for folder in folders]
    if new := [folder for folder, label in found if label is None]:
        raise ValueError(
            f"{new[0].path.parent} has classes that train lacks: "
            f"{', '.join(folder.name for folder in new)}; give each class training {items}"
        )
    for folder, label in found:
        yield from ((file, label) for file in folder.every_file() if label is not None)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
