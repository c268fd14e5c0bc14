"""Numbers that a reader gives: made Python's own, or refused in one line."""

from math import isnan
from numbers import Integral, Real
from typing import Any

SEEDS = 2**63  # what torch's generators take, from 0


def whole(what: str, value: Any, least: int = 1) -> int:
    """Return a whole number as `int`, also one of NumPy's.

    Raises `ValueError` for any other value, and for one below `least`.
    """
    if isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least:
        return int(value)
    raise ValueError(f"{what} is {value!r}; give a whole number from {least}")


def check_seed(seed: Any) -> int:
    """Return a seed as `int`, also one of NumPy's.

    Raises `ValueError` for what is no whole number that torch's generators take.
    """
    if isinstance(seed, Integral) and not isinstance(seed, bool) and 0 <= int(seed) < SEEDS:
        return int(seed)
    raise ValueError(f"seed is {seed!r}; give a whole number from 0 to 2**63 - 1")


def plain(value: Any) -> Any:
    """Return a scalar of NumPy or torch as Python's own number; all else as it is."""
    return value.item() if getattr(value, "ndim", None) == 0 else value


def number(what: str, value: Any) -> float:
    """Return a real number, also one of NumPy's or torch's. Raises `ValueError` for any other."""
    found = plain(value)
    if isinstance(found, Real) and not isnan(found):
        return found  # type: ignore[return-value]  # an int stays one
    raise ValueError(f"{what} is {value!r}; give a number")


def check_share(what: str, value: Any) -> float:
    """Return a number from 0 to 1. Raises `ValueError` for any other."""
    found = plain(value)
    if isinstance(found, Real) and 0 <= float(found) <= 1:
        return float(found)
    raise ValueError(f"{what} is {value!r}; give a share from 0 to 1")
