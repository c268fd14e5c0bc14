"""Schedules of the learning rate: `schedule(step, num_steps)` is the factor on the peak rate."""

import math
from collections.abc import Callable

Schedule = Callable[[int, int], float]


def constant() -> Schedule:
    """Keep the rate."""
    return lambda step, num_steps: 1.0


def step(step_size: int, gamma: float = 0.1) -> Schedule:
    """Multiply the rate by `gamma` every `step_size` steps (`StepLR`)."""
    return lambda step, num_steps: gamma ** (step // step_size)


def exponential(gamma: float) -> Schedule:
    """Multiply the rate by `gamma` every step (`ExponentialLR`)."""
    return lambda step, num_steps: gamma**step


def range_test(start: float = 1e-6) -> Schedule:
    """Grow the rate exponentially from `start` times the peak to the peak (Smith 2017, section
    3.3).
    """
    return lambda step, num_steps: start ** (1 - step / max(num_steps - 1, 1))


def linear(end: float = 0.0) -> Schedule:
    """Fall along a straight line to `end` times the peak (`LinearLR`)."""
    return lambda step, num_steps: 1 - (1 - end) * step / num_steps


def cosine() -> Schedule:
    """Fall along half a cosine to 0 (`CosineAnnealingLR`; Loshchilov & Hutter 2017, equation 5)."""
    return lambda step, num_steps: _anneal(1, 0, step / num_steps)


def cyclical(step_size: int, floor: float = 0.1) -> Schedule:
    """Rise from `floor` to the peak in `step_size` steps, fall as long, and repeat (`CyclicLR`;
    Smith 2017).
    """
    return lambda step, num_steps: 1 - (1 - floor) * abs(1 - step / step_size % 2)


def one_cycle(
    pct_start: float = 0.3, div_factor: float = 25.0, final_div_factor: float = 1e4
) -> Schedule:
    """Rise to the peak once, then fall far below the start (`OneCycleLR`; Smith & Topin 2018);
    momentum stays.
    """

    def factor(step: int, num_steps: int) -> float:
        # As torch's OneCycleLR counts: the peak falls on step pct_start * num_steps - 1.
        top, end = pct_start * num_steps - 1, num_steps - 1
        if step < top:
            return _anneal(1 / div_factor, 1, step / top)
        return _anneal(1, 1 / div_factor / final_div_factor, (step - top) / (end - top))

    return factor


def warm_up(num_warm: int, start: float = 1 / 3, *, then: Schedule) -> Schedule:
    """Rise linearly from `start` for `num_warm` steps, then follow `then` (`LinearLR` in a
    `SequentialLR`).
    """
    rise = (1 - start) / num_warm
    return lambda step, num: (
        start + rise * step if step < num_warm else then(step - num_warm, num - num_warm)
    )


def _anneal(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
