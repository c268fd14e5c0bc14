"""Finished runs, in memory and, with a folder, on disk."""

import os
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from recipes_lib.data.splits import Splits
from recipes_lib.sweep.stack import Trained


class Kept(dict[int, Trained]):
    """Finished runs; with a folder each in a file as well, named by all it depends on (of
    functions, their names).
    """

    files: Sequence[Path] = ()

    def load(self, folder: Path, settings: Sequence[str], device: torch.device) -> None:
        """Take up the runs that `folder` holds, and keep there all that finish from now on."""
        folder.mkdir(parents=True, exist_ok=True)
        # Functions print with an address, which differs from process to process.
        texts = [re.sub(r" at 0x[0-9a-f]+", "", text) for text in settings]
        self.files = [folder / f"{sha256(text.encode()).hexdigest()[:32]}.pt" for text in texts]
        for run, file in enumerate(self.files):
            if file.exists():
                super().__setitem__(run, torch.load(file, weights_only=True, map_location=device))

    def __setitem__(self, run: int, trained: Trained) -> None:
        super().__setitem__(run, trained)
        if self.files:
            torch.save(trained, partial_file := self.files[run].with_suffix(f".{os.getpid()}"))
            partial_file.replace(self.files[run])


def contents(splits: Splits) -> list[Any]:
    """Return what tells one data set from another: shapes and sums of pixels."""
    return [(part.x.shape, part.x.double().sum().item()) for part in (splits.train, splits.valid)]
