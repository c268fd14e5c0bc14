"""How a stacked sweep's time grows with the number of its nets."""

from typing import Any

from benchmarks.sweep import LOOP, PER_STEP
from benchmarks.timing import Side, group
from benchmarks.work import BATCH_SIZE, MOMENTUM, few_digits, rates, small_net, steps, tensor_loop
from recipes_lib.sweep.many import fit_many
from recipes_lib.sweep.runs import grid


def growth(rounds: int, largest: int = 1024, num_epochs: int = 6) -> dict[str, Any]:
    """Let a stacked sweep grow: 1, 2, 4, … nets. Whole sweeps, since a large one is trained in
    parts.
    """
    sizes, num_steps = (
        [2**power for power in range(largest.bit_length())],
        steps(num_epochs, few_digits()),
    )
    loop = Side(
        LOOP, lambda: tensor_loop(small_net, few_digits(), rates(16), num_epochs), 16 * num_steps
    )
    sweeps = [
        Side(str(size), lambda size=size: _sweep(size, num_epochs), max(size, 16) * num_steps, LOOP)
        for size in sizes
    ]
    record = group(
        "A stacked sweep as it grows", PER_STEP, [loop, *sweeps], rounds, "Setting up is counted."
    )
    times = [row["median_us"] for row in record["rows"][1:]]
    return record | {"sizes": sizes, "linear_from": linear_from(sizes, times)}


def _sweep(num_nets: int, num_epochs: int) -> None:
    """Train a sweep; a small one several times, so that a round takes long enough to be timed."""
    runs = grid(lr=rates(num_nets), momentum=[MOMENTUM])
    for _ in range(max(1, 16 // num_nets)):
        fit_many(
            small_net,
            few_digits(),
            runs,
            num_epochs=num_epochs,
            batch_size=BATCH_SIZE,
            strategy="stacked",
        )


def linear_from(sizes: list[int], per_net: list[float], saved: float = 0.1) -> int:
    """Return the first size at which a net costs as little, within `saved`, as it does at any
    larger one.
    """
    return next(
        size
        for turn, size in enumerate(sizes)
        if min(per_net[turn:]) >= (1 - saved) * per_net[turn]
    )
