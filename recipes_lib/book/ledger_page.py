"""The ledger's page: one row a claim, opening to its cases; `_static/ledger.js` sorts and filters
it, and without a script it is a plain table.
"""

from collections.abc import Iterable, Sequence
from html import escape

from recipes_lib.book import gpu
from recipes_lib.book.ledger import Row
from recipes_lib.book.project import CHAPTERS
from recipes_lib.evidence import cards, words

# The columns; of those with a name for sorting, the script makes buttons.
HEADS = ("Claim", "Who says so", "Verdict", "Effect against its margin", "Evidence", "Recipe")
SORTED = {"Claim", "Who says so", "Verdict", "Evidence", "Recipe"}
ELSEWHERE = {gpu.GPU: "On GPU", gpu.CPU: "On another CPU"}
FILES = ("ledger.csv", "ledger.json")


def to_html(found: Sequence[Row]) -> str:
    """The page's part; without a blank line, at which Markdown would end the table."""
    if not found:
        return "*No claim is registered yet.*"
    places = [place for place in ELSEWHERE if any(row.elsewhere.get(place) for row in found)]
    names = [*HEADS[:3], *(ELSEWHERE[place] for place in places), *HEADS[3:]]
    head = "".join(_head(name) for name in names)
    body = "\n".join(_claim(row, places) for row in found)
    links = " · ".join(f'<a href="_static/{name}" download>{name}</a>' for name in FILES)
    return (
        f'<div class="ledger-filter"></div>\n'
        f'<div class="wide" tabindex="0" role="region" aria-label="The ledger">\n'
        f'<table class="table ledger">\n<thead><tr>{head}</tr></thead>\n{body}\n</table>\n</div>\n'
        f"<p>Download, one record a case: {links}</p>"
    )


def _head(name: str) -> str:
    return f'<th scope="col"{" data-sort" * (name in SORTED)}>{name}</th>'


def _claim(row: Row, places: Sequence[str]) -> str:
    """The claim's row and, below, a row that opens to its cases."""
    cells = [_who(row), _verdict(row)]
    cells += [_elsewhere(row, place) for place in places]
    cells += [_td(_plots(row)), _evidence(row), _recipe(row)]
    many = len(row.records)
    said = f"{many} cases" if many > 1 else "Its one case"
    opening = f"<details><summary>{said}</summary>{cards.cases(row.records)}</details>"
    statement = escape(row.records[0]["statement"])
    claim = f"{statement}<br><small><code>{escape(row.id)}</code></small>"
    return (
        f'<tbody data-recipe="{escape(row.recipe)}" data-sources="{escape("|".join(row.sources))}" '
        f'data-verdicts="{" ".join(sorted({record["verdict"] for record in row.records}))}">\n'
        f'<tr><th scope="row">{_line(claim)}</th>{"".join(cells)}</tr>\n'
        f'<tr class="cases"><td colspan="{len(cells) + 1}">{_line(opening)}</td></tr>\n</tbody>'
    )


def _who(row: Row) -> str:
    full = "; ".join(row.references)
    said = escape(words.whose(row.records))
    return _td(f'<span title="{escape(full)}">{said}</span>' if full else said)


def _verdict(row: Row) -> str:
    kinds = {record["verdict"] for record in row.records}
    kind = kinds.pop() if len(kinds) == 1 else "mixed"
    none = row.records[0]["why_none"] if kind == "none" else ""
    said = f"{none[:1].upper()}{none[1:]}" or words.tally(row.records)
    wheres = (row.where(record) for record in row.records)
    return _td(f'<strong class="{kind}">{escape(said)}</strong>{_wheres(wheres)}')


def _elsewhere(row: Row, place: str) -> str:
    records = list(row.elsewhere.get(place, {}).values())
    if not records:
        return _td("–")
    return _td(escape(words.tally(records)) + _wheres(record["where"] for record in records))


def _wheres(said: Iterable[str]) -> str:
    lines = dict.fromkeys(filter(None, said))
    return "".join(f"<br><small>{escape(line)}</small>" for line in lines)


def _plots(row: Row) -> str:
    drawn = [words.unit(record) for record in row.records if record["interval"]]
    units = escape(", ".join(dict.fromkeys(drawn)))
    return cards.plots(row.records) + (f"<br><small>{units}</small>" if units else "")


def _evidence(row: Row) -> str:
    pairs = sorted({record["n"] for record in row.records if record["interval"]})
    kinds = sorted({record["kind"] for record in row.records if record["interval"]})
    many = f"{pairs[0]} to {pairs[-1]}" if len(pairs) > 1 else "".join(map(str, pairs))
    exact = any(record["unit"] == "largest difference" for record in row.records)
    lines = [f"{many} pairs, {' or '.join(kinds)} interval"] if pairs else []
    lines += ["exact comparison"] if exact else []
    checks = row.records[0]["checks"]
    held = sum(check["holds"] for check in checks)
    lines += [f"{held} of {len(checks)} checks held"] if checks else []
    return _td(f"<small>{'<br>'.join(lines)}</small>", pairs[0] if pairs else 0)


def _recipe(row: Row) -> str:
    there = f"{CHAPTERS}/{row.recipe}.html#claim-{escape(row.id)}"
    measured = any(record["why_none"] != "not run yet" for record in row.records)
    link = there if measured else there.partition("#")[0]
    name = escape(row.recipe.replace("_", " "))
    return _td(f'<a href="{link}" title="{escape(row.title)}">{name}</a>')


def _td(content: str, value: float | None = None) -> str:
    """A cell, on one line; a number to sort it by goes beside what it shows."""
    sort = "" if value is None else f' data-value="{value}"'
    return f"<td{sort}>{_line(content)}</td>"


def _line(content: str) -> str:
    return " ".join(content.split())
