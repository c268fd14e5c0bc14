"""What a reader calls a data set: a name, or the path of a folder or a file."""

import os
from pathlib import Path, PureWindowsPath


def given_name(name: object) -> str:
    """Return the name of a data set as text; that of a folder may be a number, such as 2024.

    Raises `ValueError` for what is neither name nor path.
    """
    if isinstance(name, (str, int, os.PathLike)) and not isinstance(name, bool) and str(name):
        return str(name)
    raise ValueError(f"data set {name!r} is no name; give a name or the path of a folder")


def is_path(name: object) -> bool:
    """Tell whether a reader means a path: by its type, a separator or `~`, or since it is there."""
    text = given_name(name)
    by_form = isinstance(name, os.PathLike) or "/" in text or "\\" in text or text[0] == "~"
    return by_form or os.path.lexists(text)


def as_path(name: object) -> Path:
    """Return the path that a reader means, `~` resolved, with the separators of any system.

    Raises `ValueError` for a drive of Windows elsewhere.
    """
    text = given_name(name)
    if not os.path.lexists(text):
        windows = PureWindowsPath(text)
        if windows.drive.endswith(":") and os.name != "nt":
            raise ValueError(f"{text} is a path of Windows; give one of this system")
        text = windows.as_posix()
    return Path(os.path.expanduser(text))  # noqa: PTH111 (leaves the home of a stranger as it is)


def given_path(name: object) -> Path:
    """Return the path of what a reader has, as `as_path` does.

    Raises `FileNotFoundError` where nothing is there.
    """
    path = as_path(name)
    if not os.path.exists(path):  # noqa: PTH110 (takes names that are too long, too)
        raise FileNotFoundError(
            f"data folder {name} does not exist; give a folder with one sub-folder per class"
        )
    return path
