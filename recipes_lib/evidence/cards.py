"""How records look: a claim's panel, a check's line, the table of a page. HTML, styles inline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any

from recipes_lib.evidence.forest import COLOURS, forest, span_of
from recipes_lib.evidence.words import Record as Record
from recipes_lib.evidence.words import by_claim as by_claim
from recipes_lib.evidence.words import effect as effect
from recipes_lib.evidence.words import full_name as full_name
from recipes_lib.evidence.words import needed as needed
from recipes_lib.evidence.words import sharper, whose
from recipes_lib.evidence.words import tally as tally
from recipes_lib.evidence.words import verdict as verdict
from recipes_lib.evidence.words import who as who

# Comparisons of outputs skip what stands between these: numbers, and verdicts of timings.
OPEN, CLOSE = "<!--measured-->", "<!--/measured-->"
# Jupyter and Colab align and stripe tables their own way; what is inline goes before that.
CELL = "padding:0.2em 0.8em 0.2em 0;text-align:left;vertical-align:middle;background:none"
HEAD = f"{CELL};font-weight:normal;white-space:nowrap"
TABLE = "border-collapse:collapse;margin:0;width:auto;color:inherit"
PANEL = "border-left:0.3em solid {};padding:0.1em 0 0.1em 1em;margin:0 0 1em"
DENSE = 10  # pixels a case, where a claim has one row


@dataclass(frozen=True)
class Shown:
    """What a notebook draws as HTML and a script prints as text."""

    text: str
    html: str

    def __repr__(self) -> str:
        return self.text.replace(OPEN, "").replace(CLOSE, "")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": self.text, "text/html": self.html}


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
    border = "#8a8a8a" if any(record["timing"] for record in records) else _colour(records)
    return (
        f'<div class="claim" id="claim-{escape(first["id"])}" style="{PANEL.format(border)}">'
        f'<p style="margin:0 0 0.4em"><strong>{escape(first["statement"])}</strong><br>'
        f"<small>{escape(whose(records))} · <code>{escape(first['id'])}</code></small></p>"
        f"{cases(records)}{_details(records)}</div>"
    )


def cases(records: Sequence[Record]) -> str:
    """The cases of a claim as a table: verdict, plot and effect, plots of one unit on one scale."""
    heads = ("Case", "Verdict", "Effect against its margin", "Effect, 95% interval")
    return table(heads, _case_rows(records), f"Cases of {records[0]['id']}")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], label: str) -> str:
    """A table whose first column heads its rows; on a narrow screen it scrolls by itself."""
    top = "".join(f'<th scope="col" style="{HEAD}">{name}</th>' for name in heads)
    body = "".join(_row(*cells) for cells in rows)
    return (
        f'<div role="region" tabindex="0" aria-label="{escape(label)}" style="overflow-x:auto">'
        f'<table style="{TABLE}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _row(first: str, *rest: str) -> str:
    head = f'<th scope="row" style="{CELL};font-weight:normal">{first}</th>'
    cells = "".join(f'<td style="{CELL}">{cell}</td>' for cell in rest)
    return f"<tr>{head}{cells}</tr>"


def _colour(records: Sequence[Record]) -> str:
    verdicts = {record["verdict"] for record in records}
    return COLOURS[verdicts.pop()] if len(verdicts) == 1 else "#8a8a8a"


def _case_rows(records: Sequence[Record]) -> list[list[str]]:
    spans = {scale: span_of(group) for scale, group in _by_scale(records)}
    return [_case_row(record, records, spans.get(_scale(record))) for record in records]


def _case_row(record: Record, records: Sequence[Record], span: Any) -> list[str]:
    name = escape(record["case"] or record["measure"])
    own = "<br><small>this book’s own case</small>" if sharper(record, records) else ""
    drawing = forest([record], f"{effect(record)}; needed: {needed(record)}", span=span)
    why = escape(record["why_none"] or verdict(record))
    said = f"<strong>{why[:1].upper()}{why[1:]}</strong>"
    number = f'<span style="white-space:nowrap">{escape(effect(record))}</span>'
    return [name + own, _may_differ(record, said), measured(drawing), measured(number)]


def _scale(record: Record) -> tuple[str, str]:
    return record["unit"], record["metric"]


def _by_scale(records: Sequence[Record]) -> list[tuple[tuple[str, str], list[Record]]]:
    """Group the intervals that can be drawn on one scale."""
    drawn = sorted((record for record in records if record["interval"]), key=_scale)
    return [(scale, list(group)) for scale, group in groupby(drawn, _scale)]


def plots(records: Sequence[Record]) -> str:
    """The intervals of a claim, one plot for each of its units; in words where there is none."""
    said = "; ".join(dict.fromkeys(effect(record) for record in records))
    if len(records) == 1:
        return f"{forest(records, said)}<br><small>{escape(said)}</small>".removeprefix("<br>")
    groups = [group for _, group in _by_scale(records)]
    drawn = (forest(group, _read(group), row=DENSE) for group in groups)
    return "<br>".join(drawn) or f"<small>{escape(said)}</small>"


def _read(records: Sequence[Record]) -> str:
    return "; ".join(f"{record['case']}: {effect(record)}" for record in records)


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
    unequal = record.get("unequal_steps")
    longer = f"; unequal steps: {escape(unequal)}" if unequal else ""
    return (
        f"{case}{sides[0]}, against {sides[1]}; {escape(record['measure'])}; "
        f"needed: {needed(record)}{reason}; {how}{longer}."
    )


def _settings(side: Mapping[str, Any] | None) -> str:
    if not side:
        return ""
    chosen = ", ".join(f"{name} = {_short(value)}" for name, value in side["chosen"].items())
    edge = f"; at the edge of what was tried: {', '.join(side['edges'])}" if side["edges"] else ""
    steps = f", {side['num_steps']} steps" if side["num_steps"] else ""
    weights = f", {side['num_parameters']:,} weights" if side["num_parameters"] else ""
    nets = f", {side['draws']} nets each" if side["draws"] > 1 else ""
    searched = f"best of {side['tried']} by {side['by']} on {side['tuned on']} replicates"
    budget = (searched if side["tried"] else "fixed") + nets
    return escape(f" ({chosen}; {budget}{edge}{steps}{weights})")


def _short(value: Any) -> str:
    if isinstance(value, list):
        return " … ".join(map(_short, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def check_line(check: Mapping[str, Any]) -> str:
    """A check in HTML."""
    sign = "✓" if check["holds"] else "✗ failed:"
    seen = f": {escape(check['seen'])}" if check["seen"] else ""
    return f"{sign} {escape(check['statement'])}{seen}"


def glance(records: Sequence[Record]) -> str:
    """The table of a page: one row a claim, its intervals against their margins."""
    rows = [_glance_row(group) for group in by_claim(records)]
    return f'<div class="glance">{table(("Claim", "Verdict", "Effect"), rows, "At a glance")}</div>'


def _glance_row(records: Sequence[Record]) -> list[str]:
    first = records[0]
    claim = (
        f'<a href="#claim-{escape(first["id"])}">{escape(first["statement"])}</a>'
        f"<br><small>{escape(whose(records))}</small>"
    )
    return [claim, f"<strong>{escape(tally(records))}</strong>", plots(records)]
