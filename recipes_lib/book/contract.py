"""What a recipe owes its reader, checked without running it: anatomy, fresh outputs, a card for
every claim.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from nbformat.validator import iter_validate

from recipes_lib.book.anatomy import anatomy
from recipes_lib.book.errors import BookError
from recipes_lib.book.fingerprint import source_digest
from recipes_lib.book.notebook import claim_records, tags
from recipes_lib.book.project import Book, Recipe

MAX_LINES = 20  # of a cell
WIDGET = "application/vnd.jupyter.widget-view+json"
CLAIM_CALL = re.compile(r"\.claim(?:_equal)?\(")
AGAIN = "run the recipe again"


def problems(book: Book, recipe: Recipe) -> list[str]:
    """List what breaks the contract, one line each: cell, problem, remedy."""
    try:
        notebook, parameters = recipe.notebook, recipe.parameters
    except BookError as error:
        return [str(error)]
    # What is no valid notebook cannot be looked into.
    found = list(_format(recipe.text)) or [
        *anatomy(notebook.cells, parameters),
        *_cells(notebook.cells),
        *_execution(notebook),
        *_cards(book, recipe),
    ]
    return [f"{recipe.name}: {problem}" for problem in found]


def _format(text: str) -> Iterator[str]:
    raw = json.loads(text)
    if (raw["nbformat"], raw.get("nbformat_minor", 0)) < (4, 5):
        yield "is older than notebook format 4.5; save it anew in Jupyter"
    for error in iter_validate(raw, version=4, version_minor=max(5, raw.get("nbformat_minor", 0))):
        said = error.message.splitlines()[0][-80:]
        yield f"is no valid notebook: {said}; save it anew in Jupyter"
        break


def _cells(cells: Sequence[Any]) -> Iterator[str]:
    for number, cell in enumerate(cells, 1):
        if cell.cell_type == "code":
            found = [*_code(cell), *_outputs(cell.outputs), *_claim_cell(cell)]
            yield from (f"cell {number}: {problem}" for problem in found)


def _code(cell: Any) -> Iterator[str]:
    if len(cell.source.splitlines()) > MAX_LINES:
        yield f"has more than {MAX_LINES} lines; split it"
    if "injected-parameters" in tags(cell):
        yield f"was injected by papermill; {AGAIN} without parameters"


def _outputs(outputs: Sequence[Any]) -> Iterator[str]:
    if any(output.output_type == "error" for output in outputs):
        yield f"stores an error; mend it and {AGAIN}"
    if any(WIDGET in output.get("data", {}) for output in outputs):
        yield "stores a widget, which a page cannot draw; display text, a table or a figure"
    if any(output.get("name") == "stderr" for output in outputs):
        remedy = "mend what warns, draw bars only where somebody watches"
        yield f"stores a warning or a progress bar; {remedy}"


def _claim_cell(cell: Any) -> Iterator[str]:
    if not (calls := len(CLAIM_CALL.findall(cell.source))):
        return
    for tag in {"nbval-ignore-output", "nbval-skip"} & set(tags(cell)):
        yield f"makes a claim but is tagged {tag!r}, so nobody compares it; take the tag away"
    if "%%capture" in cell.source:
        yield "makes a claim but captures its output; take %%capture away"
    cards = sum("claim" in output.get("metadata", {}) for output in cell.outputs)
    if cards < calls:
        yield f"makes {calls} claims but stores {cards} cards; {AGAIN}"


def _execution(notebook: Any) -> Iterator[str]:
    cells = [(number, cell) for number, cell in enumerate(notebook.cells, 1)]
    code = [(number, cell) for number, cell in cells if cell.cell_type == "code"]
    if not any(cell.outputs for _, cell in code):
        yield "has no outputs; run `recipes run … --out chapters`"
    for count, (number, cell) in enumerate(code, 1):
        if cell.execution_count != count:
            yield f"cell {number}: was not run in order (count {cell.execution_count}); {AGAIN}"
            break
    if notebook.metadata.get("recipes", {}).get("source") != source_digest(notebook):
        yield f"has stale outputs: its code changed since they were made; {AGAIN}"


def _cards(book: Book, recipe: Recipe) -> Iterator[str]:
    claims = {claim.id: claim for claim in book.registry.of(recipe.name)}
    wanted = {(claim.id, case.name) for claim in claims.values() for case in claim.cases}
    records = {(row["id"], row["case"]): row for row in claim_records(recipe.notebook)}
    for name, case in sorted(wanted - records.keys()):
        yield f"has no card for {_named(name, case)} of the registry; measure it"
    for name, case in sorted(records.keys() - wanted):
        yield f"claims {_named(name, case)}, which is not registered for it; register it"
    run_with = {(name, record.get("registered")) for (name, _), record in records.items()}
    for name, digest in sorted(run_with, key=str):
        if name in claims and digest != claims[name].digest:
            yield f"claim {name!r} was registered anew since it was run; run it again"
    bare = [name for name, claim in claims.items() if not claim.checks]
    yield from (f"claim {name!r} rests on no check; register one" for name in bare)


def _named(name: str, case: str) -> str:
    return f"{name!r}, case {case!r}" if case else repr(name)
