"""How a record reads in words: its name, who says so, the effect, what is needed, the verdict."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from recipes_lib.evidence.forest import COLOURS

Record = Mapping[str, Any]
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


def whose(records: Sequence[Record]) -> str:
    """Say who makes a claim of several cases: its sources, where they say one of the cases."""
    return who(next((record for record in records if record["by_source"]), records[0]))


def sharper(record: Record, records: Sequence[Record]) -> bool:
    """Whether this case goes beyond what the sources of the claim's other cases say."""
    return not record["by_source"] and any(other["by_source"] for other in records)


def number(value: float, record: Record) -> str:
    """One number in the unit of the record: points, a ratio, or plain."""
    if record["unit"] == "ratio":
        return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
    if in_points(record):
        return f"{100 * value:+.1f}".replace("-", "−")
    return f"{value:+.3g}".replace("-", "−")


def in_points(record: Record) -> bool:
    """Whether the effect is read in percentage points."""
    return record["unit"] == "difference" and record["metric"] in ("accuracy", "share")


def unit(record: Record) -> str:
    """The unit of the effect, in words, and the metric that it is of.

    >>> unit({"unit": "ratio", "metric": "loss"})
    'ratio of loss'
    """
    named = "points" if in_points(record) else record["unit"]
    plain = record["metric"] in ("other", "exact")
    return named if plain else f"{named} of {record['metric']}"


def effect(record: Record) -> str:
    """Return the effect with its 95% interval, in words: `+0.8 points (+0.5 to +1.1)`."""
    if record["effect"] is None:
        return "not measured here"
    if record["interval"] is None:
        return f"{record['unit']} {record['effect']:.2g}"
    value, low, high = (number(one, record) for one in (record["effect"], *record["interval"]))
    named = "×" if record["unit"] == "ratio" else " points" if in_points(record) else ""
    return f"{value}{named} ({low} to {high})"


def needed(record: Record) -> str:
    """Say what the claim needs."""
    margin = record["margin"]
    if record["unit"] == "largest difference":
        return f"at most {margin:.2g}"
    if record["better"] in ("same", "different"):
        bounds = f"{margin:.0%}" if record["unit"] == "ratio" else _size(margin, record)
        return f"{'within' if record['better'] == 'same' else 'beyond'} ±{bounds}"
    up = record["better"] == "higher"
    if record["unit"] == "ratio":
        return f"{'above' if up else 'below'} {1 + (margin if up else -margin):.3g}×"
    return f"{'above' if up else 'below'} {_size(margin if up else -margin, record)}"


def _size(value: float, record: Record) -> str:
    if in_points(record):
        points = f"{100 * value:g}".replace("-", "−")
        return f"{points} point{'' if points.strip('−') == '1' else 's'}"
    return f"{value:g}".replace("-", "−")


def verdict(record: Record) -> str:
    """The verdict in words, with what holds instead."""
    said = WORDS.get(record["verdict"], record["verdict"])
    return f"{said}: {record['instead']}" if record["instead"] else str(said)


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
