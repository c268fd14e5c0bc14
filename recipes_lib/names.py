"""Names that a reader gives: an unknown one is refused with the nearest that is known."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches


def require(what: str, names: Iterable[str], known: Collection[str], other: str = "") -> None:
    """Raise `ValueError` for the first of `names` that is not `known`, with the nearest that is.

    Where none is near it lists them all, and `other`, what else would do.
    """
    for name in names:
        if name not in known:
            near = get_close_matches(name, list(known), 1)
            all_known = f"use one of {', '.join(known)}{other}"
            hint = f"did you mean {near[0]!r}?" if near else all_known
            raise ValueError(f"{what} {name!r} is unknown; {hint}")
