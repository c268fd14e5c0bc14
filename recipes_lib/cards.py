"""How a claim's record reads: its name, its effect in words, its card."""

from collections.abc import Mapping
from html import escape
from typing import Any

COLOURS = {"supported": "#2e8b57", "contradicted": "#c8452d", "undecided": "#8a8a8a"}
STYLE = "border-left: 0.4em solid {}; padding: 0.2em 1em; margin-bottom: 1em"


def full_name(record: Mapping[str, Any]) -> str:
    """Return the claim's id, with its case where it has several."""
    return f"{record['id']} ({record['case']})" if record.get("case") else str(record["id"])


def effect(record: Mapping[str, Any]) -> str:
    """Return the effect with its 95% interval, in words."""
    if record["interval"] is None:
        return f"{record['unit']} {record['effect']:.2g}"
    form, unit = (".3f", "×") if record["unit"] == "ratio" else ("+.3f", "")
    value, low, high = (f"{number:{form}}{unit}" for number in (record["effect"], *record["interval"]))
    return f"{value} ({low} to {high})".replace("-", "−")


def card(record: Mapping[str, Any]) -> str:
    """Return the card as HTML; what was measured stands in `<span class="measured">`, which comparisons skip."""
    verdict, case = record["verdict"], f" · {escape(record['case'])}" if record["case"] else ""
    source = "this book’s question" if record["source"] == "+" else f"claimed by {escape(record['source'])}"
    why = f"; here {escape(record['lacks'])}" if record.get("lacks") else ""
    differs = f" <em>Differs from the book’s: {record['expect']}{why}.</em>" if record["differs"] else ""
    return (
        f'<div class="claim {verdict}" style="{STYLE.format(COLOURS[verdict])}">'
        f"<p><strong>{verdict.capitalize()}.</strong>{differs} {escape(record['statement'])}</p>"
        f'<p><span class="measured">{_measured(record)}</span></p>'
        f"<p><small><code>{escape(record['id'])}</code>{case} · {source}</small></p></div>"
    )


def _measured(record: Mapping[str, Any]) -> str:
    said = effect(record)
    if record["interval"] is None:
        return f"{said.capitalize()}; the claim allows {record['margin']:.2g}."
    up = record["better"] == "higher"
    needed = (record["unit"] == "ratio") + (record["margin"] if up else -record["margin"])
    side = "more" if up else "less"
    return f"{record['unit'].capitalize()} {said}, 95% interval, {record['n']} pairs; needed: {side} than {needed:.3g}."
