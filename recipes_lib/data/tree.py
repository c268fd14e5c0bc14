"""A folder as people have it: links are followed, what systems leave in it is set apart."""

import errno
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What Windows, macOS and network drives leave behind, beside hidden files.
LITTER = {
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "__macosx",
    "icon\r",
    "$recycle.bin",
    "system volume information",
    "@eadir",
    "lost+found",
}
UNPACK = {  # endings: how Python, or else 7-Zip, unpacks such a file beside itself
    (".zip",): "python -m zipfile -e {file} {folder}",
    (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"): (
        "python -m tarfile -e {file} {folder}"
    ),
    (".gz",): "python -m gzip -d {file}",
    (".7z", ".rar", ".bz2", ".xz", ".zst", ".lzma"): "7z x {file}",
}


@dataclass(frozen=True, eq=False)
class Folder:
    """A folder's own folders and files, sorted, and what is left aside: hidden files and litter."""

    path: Path
    folders: tuple["Folder", ...]
    files: tuple[Path, ...]
    ignored: tuple[Path, ...]

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path.name

    def every_file(self) -> Iterator[Path]:
        """Yield the files in it, at any depth."""
        yield from self.files
        for folder in self.folders:
            yield from folder.every_file()

    def every_ignored(self) -> Iterator[Path]:
        """Yield what is left aside in it, at any depth."""
        yield from self.ignored
        for folder in self.folders:
            yield from folder.every_ignored()


def read_folder(path: Path, above: tuple[str, ...] = ()) -> Folder:
    """Read a folder with all that is below it; `above` are the real paths of those around it.

    Raises `ValueError` for an archive, a link that leads in a circle, or a folder that may not be
    read.
    """
    here = (*above, os.path.realpath(path))
    if here[-1] in above:
        raise ValueError(f"{path} is a link that leads back to {here[-1]}; remove it")
    try:
        inside = sorted(path.iterdir())
    except OSError as error:
        raise ValueError(f"{path} may not be read ({error.strerror}); mend the folder") from error
    folders, files, ignored = [], [], []
    for entry in inside:
        if entry.name[0] == "." or entry.name.casefold() in LITTER:
            ignored.append(entry)
        elif os.path.isdir(entry):  # noqa: PTH112 (a circle of links is no error there)
            folders.append(read_folder(entry, here))
        else:
            refuse_archive(entry)
            _refuse_circle(entry)
            files.append(entry)
    return Folder(path, tuple(folders), tuple(files), tuple(ignored))


def refuse_archive(path: Path) -> None:
    """Raise `ValueError` for an archive, with the command that unpacks it."""
    name = path.name.casefold()
    for endings, command in UNPACK.items():
        if ending := max((end for end in endings if name.endswith(end)), key=len, default=""):
            file, folder = (
                shlex.quote(str(p)) for p in (path, path.with_name(path.name[: -len(ending)]))
            )
            how = command.format(file=file, folder=folder)
            raise ValueError(f"{path} is an archive; unpack it and move it away: {how}")


def _refuse_circle(path: Path) -> None:
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ValueError(f"{path} is a link that leads back to itself; remove it") from error
