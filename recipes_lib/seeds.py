"""Seeds, and draws that meet no other: a generator for each thing that a replicate draws."""

from hashlib import sha256
from numbers import Integral

import torch


def check_seed(seed: object) -> int:
    """Return a seed as `int`, also one of NumPy's.

    Raises `ValueError` for what is no whole number that torch's generators take.
    """
    if isinstance(seed, Integral) and not isinstance(seed, bool):
        number = int(seed)
        if 0 <= number < 2**63:
            return number
    raise ValueError(f"seed is {seed!r}; give a whole number from 0 to 2**63 - 1")


def stream(what: str, seed: int) -> torch.Generator:
    """Return the generator of one thing of a replicate, such as its labels or its new head.

    Two things that are drawn right after one `torch.manual_seed(seed)` are the same draw: a new
    head is then the head that a source net of that seed began with. Streams differ by `what` and
    by `seed`, and from torch's own draws and the batch order of that seed.

    >>> torch.rand(1, generator=stream("head", 3)).equal(torch.rand(1, generator=stream("x", 3)))
    False
    """
    digest = sha256(f"{what} {seed}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)
