"""Which rows are for training, validation and test: as a reader divided them, or drawn."""

from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor

NEEDED = 5  # to give each of three parts one of a class


def stratified(y: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Draw a `share` of the rows of each class: return the rows kept, and those held back."""
    from sklearn.model_selection import train_test_split

    # scikit-learn takes 32 bits; those of a larger seed are drawn from all of it.
    state = seed if seed < 2**32 else int(np.random.SeedSequence(seed).generate_state(1)[0])
    kept, held = train_test_split(
        np.arange(len(y)), test_size=share, stratify=y.cpu(), random_state=state
    )
    return torch.from_numpy(kept), torch.from_numpy(held)


def divide(y: Tensor, part: np.ndarray, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the rows for training, validation and test.

    `part` (N,) holds "train", "valid" or "test" where the data are divided, else "". What is held
    back there is the test part; what is missing is drawn, a fifth of all.
    """
    rest, valid, test = (
        torch.from_numpy(np.flatnonzero(np.isin(part, names)))
        for names in (["", "train"], ["valid"], ["test"])
    )
    # Where data are held back once, they are test data, whatever they are called.
    test, valid = (test, valid) if len(test) else (valid, test)
    if not len(test):
        rest, test = (rest[cut] for cut in stratified(y[rest], 0.2, seed))
    if not len(valid):
        rest, valid = (rest[cut] for cut in stratified(y[rest], 0.25, seed))
    return rest, valid, test


def how(part: np.ndarray) -> str:
    """Say in words which parts `divide` takes as they are, and which it draws."""
    held = {"valid", "test"} & set(part.tolist())
    if len(held) == 2:
        return "parts are taken as they are"
    if not held:
        return "split 60/20/20 into train, valid and test, anew for each seed"
    taken = "held back as valid: it is the test part; " if held == {"valid"} else ""
    return f"{taken}a quarter of train is drawn for validation, anew for each seed"


def lacking(
    y: Tensor, part: np.ndarray, classes: tuple[str, ...], parts: Collection[str], items: str
) -> str | None:
    """Say which of the `parts` is empty, or which class has too few rows to train on."""
    held = set(part.tolist())
    if empty := sorted(set(parts) - held - {"", "train"}):
        return f"the {empty[0]} part has no {items}; mend it or move it away"
    needed, what = (1, "training") if {"valid", "test"} <= held else (NEEDED, "splitting")
    trained = y[torch.from_numpy(np.isin(part, ["", "train"]))]
    counts = trained.bincount(minlength=len(classes)).tolist()
    for name, count in zip(classes, counts, strict=True):
        if count < needed:
            return f"class {name} has {count} {items}; {what} needs at least {needed}"
    return None
