"""A sweep that trains a few epochs whenever it is called, so that rounds can be cut from one long
run.
"""

from contextlib import AbstractContextManager, suppress
from functools import partial
from threading import Semaphore, Thread
from typing import Any

import torch

from benchmarks.work import BATCH_SIZE, MOMENTUM, digits, rates, small_net
from recipes_lib.data.splits import Splits
from recipes_lib.sweep.many import fit_many
from recipes_lib.sweep.runs import grid
from recipes_lib.sweep.workers import LARGEST_STACK


class _Closed(Exception):  # noqa: N818
    """Nobody waits for another epoch."""


class Paced(AbstractContextManager["Paced"]):
    """`fit_many` on `num_nets` MLPs in a thread of its own; a call trains `num_epochs` more.

    It waits after each epoch, the first of which is over, and all set up, before any call.
    """

    def __init__(
        self,
        num_nets: int,
        num_epochs: int,
        rounds: int,
        *,
        strategy: str,
        threads: int = 1,
        splits: Splits | None = None,
    ) -> None:
        if num_nets > LARGEST_STACK:
            raise ValueError(
                f"{num_nets} nets are trained in parts, and an epoch of one is none of the others'"
            )
        self.num_epochs, self.threads = num_epochs, threads
        enough = num_epochs * (rounds + 2)
        how: dict[str, Any] = {"num_epochs": enough, "batch_size": BATCH_SIZE, "strategy": strategy}
        how |= {"runs": grid(lr=rates(num_nets), momentum=[MOMENTUM]), "after_epoch": self._gate}
        self.sweep = partial(fit_many, small_net, splits or digits(), **how)
        self.error: Exception | None = None
        self.go, self.done, self.closed = Semaphore(0), Semaphore(0), False
        self.thread = Thread(target=self._train, daemon=True)
        self.thread.start()
        self._wait()

    def __call__(self) -> None:
        for _ in range(self.num_epochs):
            self.go.release()
            self._wait()

    def __exit__(self, *_: object) -> None:
        self.closed = True
        self.go.release()
        self.thread.join()

    def _train(self) -> None:
        try:
            torch.set_num_threads(self.threads)
            with suppress(_Closed):
                self.sweep()
        except Exception as error:
            self.error = error
        finally:
            self.done.release()

    def _wait(self) -> None:
        self.done.acquire()
        if self.error:
            raise self.error

    def _gate(self, *_: object) -> None:
        self.done.release()
        self.go.acquire()
        if self.closed:
            raise _Closed
