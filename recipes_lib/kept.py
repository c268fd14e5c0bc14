"""Run the parts of a sweep, here or in processes; keep what has finished."""

import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed

from recipes_lib.data import Splits
from recipes_lib.stacked import Run, Trained, seed_of
from recipes_lib.train import progress

ATTEMPTS = 3


class Kept(dict[int, Trained]):
    """Finished runs; with a folder each in a file as well, named by all it depends on (of functions, their names)."""

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


def train_missing(
    train: Callable[..., Trained],
    drawn: dict[int, Splits],
    runs: Sequence[Run],
    kept: Kept,
    workers: int,
    *,
    alone: bool,
) -> None:
    """Train what is missing, in as many parts as there are workers or each run `alone`, and add it to `kept`."""
    for attempt in range(ATTEMPTS):
        missing = [run for run in range(len(runs)) if run not in kept]
        parts = [[run] for run in missing] if alone else [missing[start::workers] for start in range(workers)]
        tasks = [(part, [runs[run] for run in part]) for part in parts if part]
        work = (
            delayed(_work)(train, {seed_of(r): drawn[seed_of(r)] for r in rs}, rs, part, workers) for part, rs in tasks
        )
        try:
            for part, trained in progress(Parallel(workers, return_as="generator_unordered")(work), len(tasks)):
                for place, run in enumerate(part):
                    kept[run] = {name: value[place].clone() for name, value in trained.items()}
            return
        except BrokenExecutor as error:
            if attempt == ATTEMPTS - 1:
                raise RuntimeError(f"workers died {ATTEMPTS} times, maybe of too little memory; use fewer") from error


def _work(
    train: Callable[..., Trained], drawn: dict[int, Splits], runs: Sequence[Run], part: list[int], workers: int
) -> tuple[list[int], Trained]:
    if workers > 1:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))
    return part, train(drawn, runs)
