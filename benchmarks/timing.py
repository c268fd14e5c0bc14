"""Time sides against each other: in interleaved rounds of one process, compared round by round."""

import operator
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any

import torch

Times = dict[str, list[float]]
OPERATORS = {"≥": operator.ge, "≤": operator.le}


@dataclass(frozen=True)
class Side:
    """What is timed, and what its time is compared with.

    A call of `work` does `units` of the group's unit. `reach` is a goal such as "≥ 3.6" for the
    ratio to the side `than`; `relation` says which ratio that is. A side with `rounds` of its own
    takes part in the first ones only and is not warmed up; one that `reports` returns its seconds
    itself; one that is `skipped` says why.
    """

    name: str
    work: Callable[[], Any]
    units: float = 1.0
    than: str = ""
    relation: str = "× the speed of"  # or "× the time of", or "% of the speed of"
    reach: str = ""
    threads: int = 1
    rounds: int | None = None
    reports: bool = False
    skipped: str = ""


def peer(name: str, make: Callable[[], Callable[[], Any]], **about: Any) -> Side:
    """Return the side of a library that may not be installed: `make` imports it and returns the
    work.
    """
    try:
        return Side(name, make(), **about)
    except ImportError as error:
        return Side(name, lambda: None, **about, skipped=f"{error.name} is not installed")


def measure(
    sides: Sequence[Side], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> Times:
    """Return seconds per unit, a list of rounds for each side; each begins with another side."""
    taking_part = [side for side in sides if not side.skipped]
    times: Times = {side.name: [] for side in taking_part}
    for side in taking_part:
        if side.rounds is None:
            _time(side, clock)
    for turn in range(rounds):
        first = turn % len(taking_part)
        for side in [*taking_part[first:], *taking_part[:first]]:
            if turn < (rounds if side.rounds is None else side.rounds):
                times[side.name].append(_time(side, clock) / side.units)
    return times


def _time(side: Side, clock: Callable[[], float]) -> float:
    torch.set_num_threads(side.threads)
    start = clock()
    reported = side.work()
    return float(reported) if side.reports else clock() - start


def row(side: Side, times: Times) -> dict[str, Any]:
    """Return the record of a side: its times in µs, its ratio round by round, and whether it
    reached its goal.
    """
    record: dict[str, Any] = {"side": side.name, "threads": side.threads}
    if side.skipped:
        return {**record, "skipped": side.skipped}
    mine = times[side.name]
    record |= {"rounds": len(mine), "min_us": 1e6 * min(mine), "median_us": 1e6 * median(mine)}
    if side.than not in times:
        return record
    found = ratios(mine, times[side.than], side.relation)
    low, ratio, high = quantiles(found, n=4, method="inclusive") if len(found) > 1 else found * 3
    record |= {
        "relation": side.relation,
        "than": side.than,
        "ratio": ratio,
        "quartiles": [low, high],
    }
    return record | (
        {"reach": side.reach, "reached": reached(ratio, side.reach)} if side.reach else {}
    )


def ratios(mine: Sequence[float], other: Sequence[float], relation: str) -> list[float]:
    """Return a ratio for each round that both took part in, such that more of what `relation` names
    is more.
    """
    pairs = zip(mine, other, strict=False)
    if relation == "× the time of":
        return [a / b for a, b in pairs]
    return [b / a * (100 if relation.startswith("%") else 1) for a, b in pairs]


def reached(ratio: float, reach: str) -> bool:
    """Tell whether a ratio meets a goal such as "≥ 3.6"."""
    sign, goal = reach.split()
    return bool(OPERATORS[sign](ratio, float(goal)))


def group(
    title: str, unit: str, sides: Sequence[Side], rounds: int, note: str = ""
) -> dict[str, Any]:
    """Measure the sides and return the group's record, for the page."""
    load = os.getloadavg()[0]
    times = measure(sides, rounds)
    rows = [row(side, times) for side in sides]
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return {"title": title, "unit": unit, "note": note, "date": date, "load": load, "rows": rows}
