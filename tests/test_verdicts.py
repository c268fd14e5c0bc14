from typing import Any

import pytest

from recipes_lib.evidence.verdicts import judge


@pytest.mark.parametrize(
    ("interval", "better", "margin", "verdict", "instead"),
    [
        ((0.02, 0.04), "higher", 0.01, "supported", ""),
        ((0.0, 0.04), "higher", 0.0, "undecided", ""),
        ((0.002, 0.04), "higher", 0.01, "undecided", ""),
        ((-0.04, -0.02), "higher", 0.01, "contradicted", "the opposite"),
        ((-0.04, -0.009), "higher", 0.01, "contradicted", "no gain"),
        ((0.002, 0.008), "higher", 0.01, "contradicted", "real but smaller"),
        ((0.05, 0.07), "higher", 0.15, "contradicted", "real but smaller"),
        ((-0.004, 0.008), "higher", 0.01, "contradicted", "no difference that matters"),
        ((-0.03, 0.008), "higher", 0.01, "contradicted", "no gain"),
        ((-0.04, -0.02), "lower", 0.01, "supported", ""),
        ((0.02, 0.04), "lower", 0.01, "contradicted", "the opposite"),
        ((-0.008, -0.002), "lower", 0.01, "contradicted", "real but smaller"),
        ((-0.004, 0.03), "higher", -0.01, "supported", ""),  # a loss of a point is allowed
        ((-0.03, -0.02), "higher", -0.01, "contradicted", "the opposite"),
        ((-0.02, 0.01), "higher", -0.01, "undecided", ""),
        ((-0.005, 0.009), "same", 0.01, "supported", ""),
        ((0.005, 0.02), "same", 0.01, "undecided", ""),
        ((0.02, 0.03), "same", 0.01, "contradicted", "a difference that matters"),
        ((-0.03, -0.02), "different", 0.01, "supported", ""),
        ((-0.003, 0.002), "different", 0.01, "contradicted", "no difference that matters"),
    ],
)
def test_the_verdict_is_where_the_interval_lies(
    interval: tuple[float, float], better: Any, margin: float, verdict: str, instead: str
) -> None:
    assert judge(interval, "difference", better, margin) == (verdict, instead)
    ratio = (1 + interval[0], 1 + interval[1])
    assert judge(ratio, "ratio", better, margin) == (verdict, instead)
