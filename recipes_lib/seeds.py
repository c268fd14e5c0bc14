"""Seeds, and draws that meet no other: a generator for each thing that a replicate draws."""

from hashlib import sha256

import torch

from recipes_lib.given import check_seed


def stream(what: str, seed: int) -> torch.Generator:
    """Return the generator of one thing of a replicate, such as its labels or its new head.

    Two things that are drawn right after one `torch.manual_seed(seed)` are the same draw: a new
    head is then the head that a source net of that seed began with. Streams differ by `what` and
    by `seed`, and from torch's own draws and the batch order of that seed.

    >>> torch.rand(1, generator=stream("head", 3)).equal(torch.rand(1, generator=stream("x", 3)))
    False
    """
    digest = sha256(f"{what} {check_seed(seed)}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)
