"""The ledger: every claim that an executed recipe has put to the test, with its verdicts."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

from rich.markup import escape as escape_markup
from rich.table import Table

from recipes_lib.book import gpu
from recipes_lib.book.project import CHAPTERS, Book, BookError, claim_records, read_notebook
from recipes_lib.evidence.cards import effect, full_name

COLUMNS = ("Claim", "Claimed by", "Effect", "Pairs", "On CPU", "On GPU", "Recipe")
NONE = "–"


@dataclass(frozen=True)
class Row:
    """One claim: the record shown, and its verdict on a processor and on a GPU where it was
    measured there.
    """

    recipe: str
    title: str
    record: dict[str, Any]
    cpu: str | None
    gpu: str | None


def rows(book: Book, executed: Path) -> list[Row]:
    """Gather the claims of the notebooks in `executed`. Raises `BookError` where none was executed."""
    found = list(_rows(book, executed))
    if not found:
        raise BookError(f"no executed recipe in {executed} has a claim; run `recipes run` first")
    return found


def _rows(book: Book, executed: Path) -> Iterator[Row]:
    elsewhere = gpu.verdicts(book.root)
    for recipe in book.recipes:
        path = executed / recipe.path.name
        for record in claim_records(read_notebook(path)) if path.exists() else []:
            on_cpu = record["device"] == "cpu"
            on_gpu = elsewhere.get(gpu.key(record)) if on_cpu else record["verdict"]
            yield Row(
                recipe.name, recipe.title, record, record["verdict"] if on_cpu else None, on_gpu
            )


def _cells(row: Row) -> tuple[str, ...]:
    record = row.record
    verdicts = (row.cpu or NONE, row.gpu or NONE)
    return (
        f"{record['statement']} [{full_name(record)}]",
        record["source"],
        effect(record),
        str(record["n"]),
        *verdicts,
    )


def to_json(found: list[Row]) -> str:
    """The rows as JSON."""
    return json.dumps([asdict(row) for row in found], indent=1, ensure_ascii=False)


def to_table(found: list[Row]) -> Table:
    """The rows for a terminal."""
    table = Table(*COLUMNS, pad_edge=False)
    for row in found:
        table.add_row(*map(escape_markup, _cells(row)), row.recipe)
    return table


def to_html(found: list[Row], sources: dict[str, str]) -> str:
    """The rows for the book's page; without a blank line, at which Markdown would end the table.

    `_static/ledger.js` makes its heads sort and fills `.ledger-filter` with a search and a choice
    of verdict.
    """
    head = "".join(f'<th scope="col">{column}</th>' for column in COLUMNS)
    body = "\n".join(_html_row(row, sources) for row in found)
    table = f'<table class="table ledger">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'
    wide = f'<div class="wide" tabindex="0" role="region" aria-label="The ledger">\n{table}\n</div>'
    return f'<div class="ledger-filter"></div>\n{wide}'


def _html_row(row: Row, sources: dict[str, str]) -> str:
    record = row.record
    _, _, measured, pairs, *_ = (escape(cell) for cell in _cells(row))
    case = f" · {escape(record['case'])}" if record.get("case") else ""
    claim = (
        f"{escape(record['statement'])}<br><small><code>{escape(record['id'])}</code>{case}</small>"
    )
    by = " ".join(
        f'<abbr title="{escape(sources.get(name, name))}">{escape(name)}</abbr>'
        for name in record["source"].split()
    )
    link = f'<a href="{CHAPTERS}/{row.recipe}.html#verdict" title="{escape(row.title)}">{row.recipe.replace("_", " ")}</a>'
    cells = [_cell(claim), _cell(by), _cell(measured, record["effect"]), _cell(pairs, record["n"])]
    verdicts = [
        _cell(f'<strong class="{verdict or "none"}">{verdict or NONE}</strong>')
        for verdict in (row.cpu, row.gpu)
    ]
    return "<tr>" + "".join([*cells, *verdicts, _cell(link)]) + "</tr>"


def _cell(content: str, value: float | None = None) -> str:
    """A cell, on one line; a number to sort it by goes beside what it shows."""
    sort = "" if value is None else f' data-value="{value}"'
    return f"<td{sort}>{' '.join(content.split())}</td>"
