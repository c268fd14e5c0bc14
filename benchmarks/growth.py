"""How a stacked sweep's time grows with the number of its nets."""

from contextlib import ExitStack
from typing import Any

from benchmarks.pace import Paced
from benchmarks.sweep import LOOP, PER_STEP
from benchmarks.timing import Side, group
from benchmarks.work import few_digits, small_net, steps, tensor_loop


def growth(rounds: int, largest: int = 1024) -> dict[str, Any]:
    """Let a stacked sweep grow: 1, 2, 4, … nets."""
    sizes, splits = [2**power for power in range(largest.bit_length())], few_digits()
    with ExitStack() as running:
        sides = [Side(LOOP, lambda: tensor_loop(small_net, splits, [0.1], 64), steps(64, splits))]
        for num_nets in sizes:
            num_epochs = max(1, 64 // num_nets)  # some 50 ms a round
            sweep = Paced(num_nets, num_epochs, rounds, strategy="stacked", splits=splits)
            units = num_nets * steps(num_epochs, splits)
            sides.append(Side(str(num_nets), running.enter_context(sweep), units, LOOP))
        record = group("A stacked sweep as it grows", PER_STEP, sides, rounds)
    times = [row["median_us"] for row in record["rows"][1:]]
    return record | {"sizes": sizes, "linear_from": linear_from(sizes, times)}


def linear_from(sizes: list[int], per_net: list[float], saved: float = 0.1) -> int:
    """Return the first size at which a net costs as little, within `saved`, as it does at any larger one."""
    return next(size for turn, size in enumerate(sizes) if min(per_net[turn:]) >= (1 - saved) * per_net[turn])
