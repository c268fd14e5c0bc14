"""Time sides against each other, in turns, so that what disturbs one disturbs all."""

from collections.abc import Callable, Mapping
from time import thread_time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recipes_lib.hardware import Stopwatch


def race(sides: Mapping[str, Callable[[], Any]], rounds: int = 30, warm_up: int = 3) -> dict[str, NDArray[np.float64]]:
    """Return the seconds that each side took, (rounds,), in rounds that each begin with another side.

    A ratio of two sides, round by round, is a paired sample for `study.claim(…, ratio=True)`. Where there is no
    accelerator and torch has one thread, this thread's own processor time is taken, which other programs stretch less;
    a side that works in other threads or processes is then timed wrongly: use `Stopwatch`.
    """
    seconds = _thread_seconds if _alone() else _seconds
    names, times = list(sides), {name: np.zeros(warm_up + rounds) for name in sides}
    for turn in range(warm_up + rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            times[name][turn] = seconds(sides[name])
    return {name: values[warm_up:] for name, values in times.items()}


def _alone() -> bool:
    return not torch.accelerator.is_available() and torch.get_num_threads() == 1


def _thread_seconds(work: Callable[[], Any]) -> float:
    start = thread_time()
    work()
    return thread_time() - start


def _seconds(work: Callable[[], Any]) -> float:
    with Stopwatch() as watch:
        work()
    return watch.seconds
