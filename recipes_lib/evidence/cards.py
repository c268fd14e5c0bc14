"""How records read: an effect in words, a claim's panel, a check's line, the table of a page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

from recipes_lib.evidence.forest import COLOURS, forest, span_of

Record = Mapping[str, Any]
# Comparisons of outputs skip what stands between these: numbers, and verdicts of timings.
OPEN, CLOSE = "<!--measured-->", "<!--/measured-->"
CELL = "padding:0.15em 0.7em 0.15em 0;text-align:left;vertical-align:middle"
PANEL = "border-left:0.3em solid {};padding:0.1em 1em;margin:0 0 1em"
WORDS = {"none": "no verdict"}


def full_name(record: Record) -> str:
    """Return the claim's id, with its case where it has several."""
    return f"{record['id']} ({record['case']})" if record.get("case") else str(record["id"])


def who(record: Record) -> str:
    """Say who claims it."""
    named = "; ".join(record["sources"])
    if not named:
        return "this book’s question"
    return named if record["by_source"] else f"this book, sharper than {named}"


def number(value: float, record: Record) -> str:
    """One number in the unit of the record: points, a ratio, or plain."""
    if record["unit"] == "ratio":
        return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
    if _in_points(record):
        return f"{100 * value:+.1f}".replace("-", "−")
    return f"{value:+.3g}".replace("-", "−")


def _in_points(record: Record) -> bool:
    return record["unit"] == "difference" and record["metric"] in ("accuracy", "share")


def effect(record: Record) -> str:
    """Return the effect with its 95% interval, in words: `+0.8 points (+0.5 to +1.1)`."""
    if record["effect"] is None:
        return "not measured here"
    if record["interval"] is None:
        return f"{record['unit']} {record['effect']:.2g}"
    value, low, high = (number(one, record) for one in (record["effect"], *record["interval"]))
    unit = "×" if record["unit"] == "ratio" else " points" if _in_points(record) else ""
    return f"{value}{unit} ({low} to {high})"


def needed(record: Record) -> str:
    """Say what the claim needs."""
    margin = record["margin"]
    if record["interval"] is None:
        return f"at most {margin:.2g}"
    if record["better"] in ("same", "different"):
        bounds = f"{margin:.0%}" if record["unit"] == "ratio" else _size(margin, record)
        return f"{'within' if record['better'] == 'same' else 'beyond'} ±{bounds}"
    up = record["better"] == "higher"
    if record["unit"] == "ratio":
        return f"{'above' if up else 'below'} {1 + (margin if up else -margin):.3g}×"
    return f"{'above' if up else 'below'} {_size(margin if up else -margin, record)}"


def _size(value: float, record: Record) -> str:
    if _in_points(record):
        points = f"{100 * value:g}".replace("-", "−")
        return f"{points} point{'' if points.strip('−') == '1' else 's'}"
    return f"{value:g}".replace("-", "−")


def verdict(record: Record) -> str:
    """The verdict in words, with what holds instead."""
    said = WORDS.get(record["verdict"], record["verdict"])
    return f"{said}: {record['instead']}" if record["instead"] else str(said)


def measured(text: str) -> str:
    """Mark text that may differ from run to run."""
    return f"{OPEN}{text}{CLOSE}"


def plain(records: Sequence[Record]) -> str:
    """The claim in text: one line a case, with its verdict; of timings it may differ."""
    lines = [records[0]["statement"]]
    for record in records:
        said = verdict(record).upper()
        lines.append(f"{full_name(record)}: {_may_differ(record, said)}")
    return "\n".join(lines)


def _may_differ(record: Record, said: str) -> str:
    return measured(said) if record["timing"] else said


def panel(records: Sequence[Record]) -> str:
    """The claim as HTML: its cases as rows of a forest plot, settings and checks below."""
    first = records[0]
    same_unit = len({record["unit"] for record in records}) == 1
    drawn = [record for record in records if record["interval"]]
    span = span_of(drawn) if same_unit and drawn else None
    rows = "".join(_case_row(record, span) for record in records)
    head = "".join(
        f'<th scope="col" style="{CELL};font-weight:normal;opacity:0.75">{name}</th>'
        for name in ("Case", "Verdict", "Effect against its margin", "Effect, 95% interval")
    )
    border = "#8a8a8a" if any(record["timing"] for record in records) else _colour(records)
    return (
        f'<div class="claim" id="claim-{escape(first["id"])}" style="{PANEL.format(border)}">'
        f"<p><strong>{escape(first['statement'])}</strong><br>"
        f"<small>{escape(who(first))} · <code>{escape(first['id'])}</code></small></p>"
        f'<table style="border-collapse:collapse;margin:0"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>{_details(records)}</div>"
    )


def _colour(records: Sequence[Record]) -> str:
    verdicts = {record["verdict"] for record in records}
    return COLOURS[verdicts.pop()] if len(verdicts) == 1 else "#8a8a8a"


def _case_row(record: Record, span: Any) -> str:
    name = escape(record["case"] or record["measure"])
    drawing = forest([record], f"{effect(record)}; needed: {needed(record)}", span=span)
    why = escape(record["why_none"] or verdict(record))
    said = f'<strong style="white-space:nowrap">{why[:1].upper()}{why[1:]}</strong>'
    cells = (
        name,
        _may_differ(record, said),
        measured(drawing),
        measured(escape(effect(record))),
    )
    return "<tr>" + "".join(f'<td style="{CELL}">{cell}</td>' for cell in cells) + "</tr>"


def _details(records: Sequence[Record]) -> str:
    lines = [_case_line(record) for record in records]
    lines += [check_line(check) for check in records[0]["checks"]]
    items = "".join(f"<li>{line}</li>" for line in lines)
    return (
        "<details><summary><small>Compared, settings and checks</small></summary>"
        f"<small>{measured(f'<ul>{items}</ul>')}</small></details>"
    )


def _case_line(record: Record) -> str:
    sides = [
        f"{escape(record[side]) or side}{_settings(record['sides'][index])}"
        for index, side in enumerate(("treatment", "control"))
    ]
    case = f"<em>{escape(record['case'])}</em>: " if record["case"] else ""
    reason = f" ({escape(record['reason'])})" if record["reason"] else ""
    how = f"{record['n']} pairs, {record['kind']} interval" if record["interval"] else "exact"
    return (
        f"{case}{sides[0]}, against {sides[1]}; {escape(record['measure'])}; "
        f"needed: {needed(record)}{reason}; {how}."
    )


def _settings(side: Mapping[str, Any] | None) -> str:
    if not side:
        return ""
    chosen = ", ".join(f"{name} = {_short(value)}" for name, value in side["chosen"].items())
    edge = f"; at the edge of what was tried: {', '.join(side['edges'])}" if side["edges"] else ""
    steps = f", {side['num_steps']} steps" if side["num_steps"] else ""
    weights = f", {side['num_parameters']:,} weights" if side["num_parameters"] else ""
    nets = f", {side['draws']} nets each" if side["draws"] > 1 else ""
    budget = f"best of {side['tried']} by {side['by']} on {side['tuned on']} replicates{nets}"
    return escape(f" ({chosen}; {budget}{edge}{steps}{weights})")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def check_line(check: Mapping[str, Any]) -> str:
    """A check in HTML."""
    sign = "✓" if check["holds"] else "✗ failed:"
    seen = f": {escape(check['seen'])}" if check["seen"] else ""
    return f"{sign} {escape(check['statement'])}{seen}"


def by_claim(records: Sequence[Record]) -> list[list[Record]]:
    """Group the records of each claim, in the order of their first."""
    order = list(dict.fromkeys(record["id"] for record in records))
    ranked = sorted(records, key=lambda record: order.index(record["id"]))
    return [list(group) for _, group in groupby(ranked, lambda record: record["id"])]


def tally(records: Sequence[Record]) -> str:
    """Count verdicts in words: `Supported` of one kind, else `2 supported, 1 contradicted`."""
    counts = Counter(record["verdict"] for record in records)
    known = [kind for kind in COLOURS if counts[kind]]
    if len(known) == 1:
        only = verdict(records[0]) if len(records) == 1 else WORDS.get(known[0], known[0])
        return only[:1].upper() + only[1:]
    return ", ".join(f"{counts[kind]} {WORDS.get(kind, kind)}" for kind in known)


def glance(records: Sequence[Record]) -> str:
    """The table of a page: one row a claim, its intervals against their margins."""
    head = "".join(
        f'<th scope="col" style="{CELL}">{name}</th>' for name in ("Claim", "Verdict", "Effect")
    )
    rows = "".join(_glance_row(group) for group in by_claim(records))
    return (
        '<table class="glance" style="border-collapse:collapse">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _glance_row(records: Sequence[Record]) -> str:
    first = records[0]
    said = "; ".join(effect(record) for record in records)
    same_unit = len({record["unit"] for record in records}) == 1
    drawing = forest(records, said) if same_unit else ""
    drawing = drawing or escape(effect(first) if len(records) == 1 else "")
    words = f"<strong>{escape(tally(records))}</strong>"
    claim = (
        f'<a href="#claim-{escape(first["id"])}">{escape(first["statement"])}</a>'
        f"<br><small>{escape(who(first))}</small>"
    )
    cells = (claim, words, drawing)
    return "<tr>" + "".join(f'<td style="{CELL}">{cell}</td>' for cell in cells) + "</tr>"
