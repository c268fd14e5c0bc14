"""Schedules of the learning rate: `schedule(step, num_steps)` is the factor on the peak rate."""

import math
from collections.abc import Callable

from recipes_lib.given import number, whole

Schedule = Callable[[int, int], float]


def constant() -> Schedule:
    """Keep the rate."""
    return lambda step, num_steps: 1.0


def step(step_size: int, gamma: float = 0.1) -> Schedule:
    """Multiply the rate by `gamma` every `step_size` steps (`StepLR`)."""
    whole("step_size", step_size)
    return lambda step, num_steps: gamma ** (step // step_size)


def exponential(gamma: float) -> Schedule:
    """Multiply the rate by `gamma` every step (`ExponentialLR`)."""
    return lambda step, num_steps: gamma**step


def range_test(start: float = 1e-6) -> Schedule:
    """Grow the rate exponentially from `start` times the peak to the peak (Smith 2017, section
    3.3).
    """
    if not number("start", start) > 0:
        raise ValueError(f"start is {start!r}; give a number above 0")
    return lambda step, num_steps: start ** (1 - step / max(num_steps - 1, 1))


def linear(end: float = 0.0) -> Schedule:
    """Fall along a straight line to `end` times the peak (`LinearLR`)."""
    return lambda step, num_steps: 1 - (1 - end) * step / num_steps


def cosine() -> Schedule:
    """Fall along half a cosine to 0 (`CosineAnnealingLR`; Loshchilov & Hutter 2017, equation 5)."""
    return lambda step, num_steps: _anneal(1, 0, step / num_steps)


def cyclical(step_size: float, floor: float = 0.1) -> Schedule:
    """Rise from `floor` to the peak in `step_size` steps, fall as long, and repeat (`CyclicLR`;
    Smith 2017).
    """
    if not number("step_size", step_size) > 0:
        raise ValueError(f"step_size is {step_size!r}; give a number of steps above 0")
    return lambda step, num_steps: 1 - (1 - floor) * abs(1 - step / step_size % 2)


def one_cycle(
    pct_start: float = 0.3, div_factor: float = 25.0, final_div_factor: float = 1e4
) -> Schedule:
    """Rise to the peak once, then fall far below the start (`OneCycleLR`; Smith & Topin 2018);
    momentum stays.
    """

    for what, value in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
        if not number(what, value) > 0:
            raise ValueError(f"{what} is {value!r}; give a number above 0")
    if not 0 <= number("pct_start", pct_start) < 1:
        raise ValueError(f"pct_start is {pct_start!r}; give a share from 0 to below 1")

    def factor(step: int, num_steps: int) -> float:
        # As torch's OneCycleLR counts: the peak falls on step pct_start * num_steps - 1.
        top, end = pct_start * num_steps - 1, num_steps - 1
        if step < top:
            return _anneal(1 / div_factor, 1, step / top)
        return _anneal(1, 1 / div_factor / final_div_factor, (step - top) / (end - top))

    return factor


def warm_up(num_warm: int, start: float = 1 / 3, *, then: Schedule) -> Schedule:
    """Rise linearly from `start` for `num_warm` steps, if any, then follow `then` (`LinearLR` in a
    `SequentialLR`).
    """
    rise = (1 - start) / max(whole("num_warm", num_warm, 0), 1)
    return lambda step, num: (
        start + rise * step if step < num_warm else then(step - num_warm, num - num_warm)
    )


def _anneal(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
