"""An interval against its margin, as a small inline SVG: no script, no style sheet."""

from collections.abc import Mapping, Sequence
from html import escape
from math import isfinite, log
from typing import Any

COLOURS = {
    "supported": "#2e8b57",
    "contradicted": "#c8452d",
    "undecided": "#8a8a8a",
    "none": "#8a8a8a",
}
WIDTH, ROW = 200, 16  # pixels
PAD = 6


def forest(
    records: Sequence[Mapping[str, Any]], said: str, *, span: Any = None, row: int = ROW
) -> str:
    """Draw one interval a row, on the scale that `span` or the records themselves need.

    The thin line is no effect, the dashed one the margin, the shaded ground what does not matter.
    `said` is what a screen reader says; `row` is the height of a row in pixels.
    """
    drawn = [record for record in records if record["interval"]]
    if not drawn:
        return ""
    ratio = drawn[0]["unit"] == "ratio"
    low, high = span or span_of(drawn)
    height = row * len(drawn)

    def x(value: float) -> float:
        place = log(max(value, 1e-12)) if ratio else value
        share = (place - low) / (high - low)
        return PAD + (WIDTH - 2 * PAD) * min(max(share, 0.0), 1.0)

    parts = []
    for place, record in enumerate(drawn):
        parts += _row(record, x, row * place, row, ratio)
    null = x(1.0 if ratio else 0.0)
    parts.insert(0, _line(null, 0, null, height, "currentColor", 'stroke-opacity="0.55"'))
    return (
        f'<svg role="img" aria-label="{escape(said)}" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" style="vertical-align:middle">'
        f"{''.join(parts)}</svg>"
    )


def span_of(records: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return the ends of a scale, logarithms for ratios, that holds intervals and margins."""
    ratio = records[0]["unit"] == "ratio"
    values = [1.0 if ratio else 0.0]
    for record in records:
        values += [*(record["interval"] or ()), *thresholds(record)]
    places = [log(value) if ratio else value for value in values if isfinite(value)]
    reach = (max(places) - min(places)) or 1.0
    return min(places) - 0.06 * reach, max(places) + 0.06 * reach


def thresholds(record: Mapping[str, Any]) -> list[float]:
    """Where the margins lie: one, or for two-sided claims both."""
    null = float(record["unit"] == "ratio")
    margin = record["margin"]
    ways = {"higher": [1], "lower": [-1]}.get(record["better"], [-1, 1])
    return [max(null + way * margin, 1e-3 if null else float("-inf")) for way in ways]


def _row(record: Mapping[str, Any], x: Any, top: float, height: float, ratio: bool) -> list[str]:
    middle, colour = top + height / 2, COLOURS[record["verdict"]]
    null, margin = float(ratio), abs(record["margin"])
    near, far = null - margin, null + margin
    low, high = record["interval"]
    ground = (
        f'<rect x="{x(near):.1f}" y="{top}" width="{max(x(far) - x(near), 0):.1f}" '
        f'height="{height}" fill="currentColor" fill-opacity="0.08"/>'
    )
    dashes = [
        _line(x(place), top, x(place), top + height, "currentColor", 'stroke-dasharray="2 2"')
        for place in thresholds(record)
        if record["margin"]
    ]
    bar = _line(x(low), middle, x(high), middle, colour, 'stroke-width="2.5"')
    dot = f'<circle cx="{x(record["effect"]):.1f}" cy="{middle}" r="3.5" fill="{colour}"/>'
    return [ground, *dashes, bar, dot]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, more: str) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" {more}/>'
    )
