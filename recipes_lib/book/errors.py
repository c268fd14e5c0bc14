"""What a person can mend."""

from collections.abc import Iterable
from difflib import get_close_matches


class BookError(Exception):
    """One line: what, where, remedy. The command then exits with code 2."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant."""
    names = list(known)
    near = get_close_matches(name, names, 1)
    return f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(names) or '(none)'}"
