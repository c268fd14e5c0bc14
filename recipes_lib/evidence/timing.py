"""Time sides against each other, in turns, so that what disturbs one disturbs all."""

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from time import perf_counter, thread_time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recipes_lib.evidence.intervals import mean_interval
from recipes_lib.hardware import Stopwatch


def race(
    sides: Mapping[str, Callable[[], Any]],
    rounds: int = 30,
    warm_up: int = 3,
    *,
    seconds: float = 0.0,
    width: float = 0.02,
    wall: bool = False,
) -> dict[str, NDArray[np.float64]]:
    """Return the seconds that each side took, (rounds,), in rounds that each begin with another,
    and in which each side follows each other one equally often: what ran before leaves its mark.

    `rounds` is the least number; more are added until the interval of each side's ratio to the
    first reaches `width` to either side, or until `seconds` are spent. The verdict has no say in
    that. A ratio round by round is a paired sample for `study.claim`. Where there is no accelerator
    and torch has one thread, this thread's own processor time is taken, which other programs
    stretch less; sides that work in other threads or processes want `wall`, the time that passes.
    """
    clock = _thread_seconds if _alone() and not wall else _seconds
    names, times = list(sides), {name: list[float]() for name in sides}
    orders = cycle(_orders(names))
    end = perf_counter() + seconds
    while len(times[names[0]]) < warm_up + rounds or (
        perf_counter() < end and _widest(times, warm_up) > width
    ):
        for name in next(orders):
            times[name].append(clock(sides[name]))
    return {name: np.array(values[warm_up:]) for name, values in times.items()}


def _orders(names: Sequence[str]) -> list[list[str]]:
    """Williams's design (1949, doi:10.1071/CH9490149): 0, 1, n-1, 2, … and its shifts; of an odd
    number of sides their mirror images, too.
    """
    count = len(names)
    first = [(turn + 1) // 2 * (1 if turn % 2 else -1) for turn in range(count)]
    rows = [[names[(at + shift) % count] for at in first] for shift in range(count)]
    return rows + [row[::-1] for row in rows] if count % 2 else rows


def race_over(
    replicates: Sequence[Any], sides: Mapping[str, Callable[[Any], Any]], **how: Any
) -> dict[str, NDArray[np.float64]]:
    """Return the mean seconds (replicates,) of sides that are called with one replicate a round."""
    turns = {name: cycle(replicates) for name in sides}

    def turn(name: str) -> Callable[[], Any]:
        return lambda: sides[name](next(turns[name]))

    # After as many rounds as there are replicates, row 0 is the first one.
    laps = race({name: turn(name) for name in sides}, warm_up=len(replicates), **how)
    return {
        name: np.array([times[row :: len(replicates)].mean() for row in range(len(replicates))])
        for name, times in laps.items()
    }


def _widest(times: Mapping[str, list[float]], warm_up: int) -> float:
    """How far the interval of a ratio to the first side reaches, as a share of the ratio."""
    logs = [np.log(values[warm_up:]) for values in times.values()]
    if len(logs) == 1 or len(logs[0]) < 2:
        return 0.0
    low, high = mean_interval(np.stack([side - logs[0] for side in logs[1:]], axis=1))
    return float((high - low).max() / 2)


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
