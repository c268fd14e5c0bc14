"""The ledger: every claim of the book with its cases and verdicts, as data and in a terminal."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from recipes_lib.book import gpu
from recipes_lib.book.errors import BookError
from recipes_lib.book.executed import Executed
from recipes_lib.book.project import Book
from recipes_lib.evidence import words
from recipes_lib.evidence.claims import Case, Claim

PLACES = (gpu.GPU, gpu.CPU)
COLUMNS = ("Claim", "Who says so", "Case", "Verdict", "Effect", "Pairs", "Recipe")
# What the downloads say of a case, and where a record holds it.
FIELDS = (
    *("id", "case", "statement", "by_source", "verdict", "instead", "why_none", "effect"),
    *("unit", "metric", "measure", "better", "margin", "reason", "n", "kind", "draws"),
    *("treatment", "control", "timing", "dataset", "scale", "device", "seed", "registered"),
)


@dataclass(frozen=True)
class Row:
    """One claim: a record for each case, and what a machine with a GPU found, by its place and by
    case.
    """

    recipe: str
    title: str
    records: list[words.Record]
    references: list[str] = field(default_factory=list)  # its sources in full
    ran: str = ""  # the day
    given: str = ""  # parameters that are not the recipe's own, beside scale and device
    elsewhere: dict[str, dict[str, words.Record]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The claim's id."""
        return str(self.records[0]["id"])

    @property
    def sources(self) -> list[str]:
        """Who is named, author and year."""
        return list(self.records[0]["sources"])

    def where(self, record: words.Record) -> str:
        """How a case was measured, where that is not how the book does it; else nothing."""
        if record["effect"] is None or (gpu.at_home(record) and not self.given):
            return ""
        said = gpu.where(record, self.ran)
        return f"{said}, with {self.given}" if self.given else said


def rows(book: Book, executed: Path) -> list[Row]:
    """Gather the claims from `executed`. Raises `BookError` where none was executed."""
    pages = [Executed.read(recipe, executed) for recipe in book.recipes]
    if not any(page.claims for page in pages):
        raise BookError(f"no executed recipe in {executed} has a claim; run `recipes run` first")
    return gather(book, pages)


def gather(book: Book, pages: Sequence[Executed]) -> list[Row]:
    """Every claim of the pages, and of the registry those that were not measured yet."""
    elsewhere = gpu.found(book)
    return [row for page in pages for row in _of_page(book, page, elsewhere)]


def _of_page(book: Book, page: Executed, elsewhere: gpu.Found) -> Iterator[Row]:
    measured = {records[0]["id"]: records for records in words.by_claim(page.claims)}
    registered = {claim.id: claim for claim in book.registry.of(page.recipe.name)}
    for name in dict.fromkeys([*registered, *measured]):
        records = measured.get(name) or _unmeasured(registered[name])
        row = Row(
            page.recipe.name,
            page.recipe.title,
            records,
            [book.sources.get(source, source) for source in records[0]["sources"]],
            page.day if name in measured else "",
            page.given("scale", "device") if name in measured else "",
        )
        yield replace(row, elsewhere={place: _elsewhere(row, place, elsewhere) for place in PLACES})


def _elsewhere(row: Row, place: str, elsewhere: gpu.Found) -> dict[str, words.Record]:
    """What was found at a place: by this very run, else as the file has it."""
    found: dict[str, words.Record] = {}
    for record in row.records:
        if gpu.place(record) == place and not gpu.at_home(record):
            found[record["case"]] = {**record, "where": row.where(record)}
        elif stored := elsewhere.get((record["id"], record["case"], place)):
            found[record["case"]] = stored
    return found


def _unmeasured(claim: Claim) -> list[words.Record]:
    return [_unmeasured_case(claim, case) for case in claim.cases]


def _unmeasured_case(claim: Claim, case: Case) -> words.Record:
    fixed = {name: value for name, value in asdict(case).items() if name != "name"}
    said: dict[str, Any] = {"id": claim.id, "case": case.name, "statement": claim.statement}
    said |= {"sources": [source.short for source in claim.sources], "registered": claim.digest}
    said |= {"verdict": "none", "instead": "", "why_none": "not run yet", "n": 0, "kind": ""}
    nothing = dict.fromkeys(("effect", "interval", "dataset", "scale", "device", "seed"))
    return {**fixed, **said, **nothing, "sides": [None, None], "checks": [], "versions": {}}


def cases(found: Sequence[Row]) -> list[dict[str, Any]]:
    """One record a case, with all numbers, units, margins, and sources in full."""
    return [_case(row, record) for row in found for record in row.records]


def _case(row: Row, record: words.Record) -> dict[str, Any]:
    low, high = record["interval"] or (None, None)
    return {
        "recipe": row.recipe,
        **{name: record[name] for name in FIELDS},
        "low": low,
        "high": high,
        "needed": words.needed(record),
        "who": words.who(record),
        "sources": row.references,
        "checks": record["checks"],
        "sides": record["sides"],
        "versions": record["versions"],
        "ran": row.ran,
        "where": row.where(record),
        **_of_places(row, record["case"]),
    }


def _of_places(row: Row, case: str) -> dict[str, Any]:
    return {
        f"{name}_on_{place}": found.get(case, {}).get(name)
        for place, found in row.elsewhere.items()
        for name in ("verdict", "where")
    }


def to_json(found: Sequence[Row]) -> str:
    """The cases as JSON."""
    return json.dumps(cases(found), indent=1, ensure_ascii=False)


def to_csv(found: Sequence[Row]) -> str:
    """The cases as CSV; what is a list or a table in JSON is text."""
    flat = [{name: _flat(value) for name, value in one.items()} for one in cases(found)]
    text = io.StringIO()
    if flat:
        writer = csv.DictWriter(text, list(flat[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(flat)
    return text.getvalue()


def _flat(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "; ".join(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def to_table(found: Sequence[Row]) -> Table:
    """The claims for a terminal, a line a case."""
    table = Table(*COLUMNS, pad_edge=False)
    for row in found:
        claim = f"{row.records[0]['statement']} [{row.id}]"
        heads = [(claim, words.whose(row.records), row.recipe)] + [("", "", "")] * len(row.records)
        for record, (said, who, recipe) in zip(row.records, heads, strict=False):
            verdict = "\n".join(filter(None, (words.verdict(record), row.where(record))))
            read = (record["case"], verdict, words.effect(record), str(record["n"]))
            table.add_row(*map(escape, (said, who, *read, recipe)))
        table.add_section()
    return table
