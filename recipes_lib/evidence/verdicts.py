"""From an interval and a margin to a verdict, and to what holds instead."""

from typing import Final, Literal

Unit = Literal["difference", "ratio", "largest difference"]
Verdict = Literal["supported", "contradicted", "undecided", "none"]
Better = Literal["higher", "lower", "same", "different"]
SUPPORTED: Final = "supported"
CONTRADICTED: Final = "contradicted"
UNDECIDED: Final = "undecided"
NONE: Final = "none"
OPPOSITE, NO_DIFFERENCE = "the opposite", "no difference that matters"
SMALLER, NO_GAIN, DIFFERENT = "real but smaller", "no gain", "a difference that matters"


def judge(
    interval: tuple[float, float], unit: Unit, better: Better = "higher", margin: float = 0.0
) -> tuple[Verdict, str]:
    """Return the verdict and, where it is "contradicted", what holds instead.

    `margin` is the least effect that matters: 0.15 asks for 15 points more (of a ratio, 15%), or
    less where lower is better; a negative one allows a loss of that size. Supported: the whole
    interval lies beyond the margin. Contradicted: the whole interval lies short of it. "same" and
    "different" are tested on both sides of it.

    >>> judge((0.002, 0.007), "difference", margin=0.01)
    ('contradicted', 'real but smaller')
    """
    low, high = (bound - (unit == "ratio") for bound in interval)
    if better in ("same", "different"):
        return _two_sided(low, high, margin, same=better == "same")
    low, high = (low, high) if better == "higher" else (-high, -low)  # now more is better
    if low > margin:
        return SUPPORTED, ""
    if high >= margin:
        return UNDECIDED, ""
    if high < -abs(margin):
        return CONTRADICTED, OPPOSITE
    if low > 0:
        return CONTRADICTED, SMALLER
    return CONTRADICTED, NO_DIFFERENCE if low >= -abs(margin) else NO_GAIN


def _two_sided(low: float, high: float, margin: float, *, same: bool) -> tuple[Verdict, str]:
    if -margin <= low and high <= margin:
        return (SUPPORTED, "") if same else (CONTRADICTED, NO_DIFFERENCE)
    if low > margin or high < -margin:
        return (CONTRADICTED, DIFFERENT) if same else (SUPPORTED, "")
    return UNDECIDED, ""
