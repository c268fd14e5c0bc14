"""A bar that is drawn where a person watches."""

import sys
from collections.abc import Iterable
from multiprocessing import current_process
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress(items: Iterable[Item], total: int | None = None) -> "tqdm[Item]":
    """Draw a bar where a person watches: at a terminal, or at the keyboard of a notebook."""
    watched = sys.stderr.isatty() or _can_be_asked()
    hidden = not watched or current_process().name != "MainProcess"
    return tqdm(items, total=total, disable=hidden, leave=False)


def _can_be_asked() -> bool:
    """Tell whether this cell may ask for input: not in papermill, nbval and the like."""
    ipython = sys.modules.get("IPython")  # no notebook runs without it, and importing takes long
    kernel = getattr(ipython.get_ipython(), "kernel", None) if ipython else None
    return bool(kernel and kernel.get_parent().get("content", {}).get("allow_stdin"))
