"""Files that appear whole or not at all."""

import os
import tempfile
from pathlib import Path
from typing import Any

import nbformat

from recipes_lib.book.errors import BookError


def write_whole(path: Path, content: str | bytes) -> None:
    """Write beside `path`, then move into place. Raises `BookError` where the folder is full or
    read-only.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def write_notebook(path: Path, notebook: Any) -> None:
    """Write a notebook as version control keeps it: indent 1, sorted keys, a newline at the end."""
    text = nbformat.v4.writes(notebook)
    write_whole(path, text.rstrip("\n") + "\n")


def make_writable(folder: Path) -> None:
    """Create `folder` and try whether a notebook would fit. Raises `BookError` if not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as probe:
            probe.write(bytes(2**20))
            probe.flush()
    except OSError as error:
        raise _cannot_write(folder, error) from error


def _cannot_write(path: Path, error: OSError) -> BookError:
    return BookError(
        f"cannot write {path} ({error.strerror}); make room or rights, or choose another folder"
    )
