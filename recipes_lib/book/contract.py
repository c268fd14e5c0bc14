"""What a recipe owes its reader, checked without running it: anatomy, fresh outputs, a card for
every claim.
"""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from nbformat.validator import iter_validate

from recipes_lib.book.fingerprint import source_digest
from recipes_lib.book.project import Book, BookError, Recipe, claim_records, tags

SECTIONS = [
    "Problem",
    "Solution",
    "How it works",
    "Measured",
    "Verdict",
    "Use it",
    "What would fool us",
    "Sources",
]
PARAMETERS = {"device": "auto", "scale": "quick", "seed": 0}
MAX_LINES = 20
CLAIM_CALL = re.compile(r"\.claim(?:_equal)?\(")
# Code, links, comments and mathematics may hold settings; what is left of a text may not hold
# results.
NO_PROSE = re.compile(
    r"```.*?```|`[^`\n]*`|\[[^\]]*\]\([^)]*\)|<[^>]*>|https?://\S+|\$[^$]*\$", re.DOTALL
)
MEASURED_NUMBER = re.compile(r"\d+\.\d+\s?%|(?<![\w.])\d+\.\d{2,}(?![\w.]*/)")


def problems(book: Book, recipe: Recipe) -> list[str]:
    """List what breaks the contract, one line each: cell, problem, remedy."""
    try:
        notebook, parameters = recipe.notebook, recipe.parameters
    except BookError as error:
        return [str(error)]
    # What is no valid notebook cannot be looked into.
    found = list(_format(recipe.text)) or [
        *_anatomy(notebook.cells),
        *_parameters(notebook.cells, parameters),
        *_cells(notebook.cells),
        *_execution(notebook),
        *_prose(notebook.cells),
        *_cards(book, recipe),
    ]
    return [f"{recipe.name}: {problem}" for problem in found]


def _format(text: str) -> Iterator[str]:
    raw = json.loads(text)
    if (raw["nbformat"], raw.get("nbformat_minor", 0)) < (4, 5):
        yield "is older than notebook format 4.5; save it anew in Jupyter"
    for error in iter_validate(raw, version=4, version_minor=max(5, raw.get("nbformat_minor", 0))):
        yield f"is no valid notebook: {error.message.splitlines()[0][-80:]}; save it anew in Jupyter"
        break


def _anatomy(cells: Sequence[Any]) -> Iterator[str]:
    first = cells[0].source if cells and cells[0].cell_type == "markdown" else ""
    if not re.match(r"# \S", first):
        yield "cell 1: does not begin with a title; begin it with '# ' and the question"
    if "**Short answer" not in first:
        yield "cell 1: has no short answer; add '**Short answer.** …' in two sentences"
    headings = re.findall(r"^## (.+?)\s*$", "\n".join(_markdown(cells)), re.MULTILINE)
    if [heading for heading in headings if heading in SECTIONS] != SECTIONS:
        yield f"sections are {', '.join(headings) or 'missing'}; have {', '.join(SECTIONS)}, once each, in this order"


def _markdown(cells: Sequence[Any]) -> list[str]:
    return [cell.source for cell in cells if cell.cell_type == "markdown"]


def _parameters(cells: Sequence[Any], parameters: dict[str, Any]) -> Iterator[str]:
    tagged = [
        (number, cell.source) for number, cell in enumerate(cells, 1) if "parameters" in tags(cell)
    ]
    if len(tagged) != 1:
        yield f"{len(tagged)} cells are tagged 'parameters'; tag exactly one"
        return
    number, source = tagged[0]
    for name, value in PARAMETERS.items():
        if parameters.get(name) != value or isinstance(parameters.get(name), bool):
            yield f"cell {number}: lacks {name} = {value!r}; add it"
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if "#" not in lines[(node.end_lineno or node.lineno) - 1][node.end_col_offset :]:
            yield f"cell {number}: {lines[node.lineno - 1]!r} has no comment; name its choices on the same line"


def _cells(cells: Sequence[Any]) -> Iterator[str]:
    for number, cell in enumerate(cells, 1):
        if cell.cell_type != "code":
            continue
        here = f"cell {number}:"
        if len(cell.source.splitlines()) > MAX_LINES:
            yield f"{here} has more than {MAX_LINES} lines; split it"
        if "injected-parameters" in tags(cell):
            yield f"{here} was injected by papermill; run the recipe again without parameters"
        if any(output.output_type == "error" for output in cell.outputs):
            yield f"{here} stores an error; mend it and run the recipe again"
        if any(
            "application/vnd.jupyter.widget-view+json" in output.get("data", {})
            for output in cell.outputs
        ):
            yield f"{here} stores a widget, which a page cannot draw; display text, a table or a figure"
        if any(output.get("name") == "stderr" for output in cell.outputs):
            yield f"{here} stores a warning or a progress bar; mend what warns, draw bars only where somebody watches"
        if calls := len(CLAIM_CALL.findall(cell.source)):
            yield from (f"{here} {problem}" for problem in _claim_cell(cell, calls))


def _claim_cell(cell: Any, calls: int) -> Iterator[str]:
    for tag in {"nbval-ignore-output", "nbval-skip"} & set(tags(cell)):
        yield f"makes a claim but is tagged {tag!r}, so nobody compares it; take the tag away"
    if "%%capture" in cell.source:
        yield "makes a claim but captures its output; take %%capture away"
    cards = sum("claim" in output.metadata for output in cell.outputs if "metadata" in output)
    if cards < calls:
        yield f"makes {calls} claims but stores {cards} cards; run the recipe again"


def _execution(notebook: Any) -> Iterator[str]:
    code = [
        (number, cell) for number, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"
    ]
    if not any(cell.outputs for _, cell in code):
        yield "has no outputs; run `recipes run … --out chapters`"
    for count, (number, cell) in enumerate(code, 1):
        if cell.execution_count != count:
            yield f"cell {number}: was not executed in order (count {cell.execution_count}); run the recipe again"
            break
    if notebook.metadata.get("recipes", {}).get("source") != source_digest(notebook):
        yield "has stale outputs: its code changed since they were made; run the recipe again"


def _prose(cells: Sequence[Any]) -> Iterator[str]:
    section = "Short answer"
    for number, cell in enumerate(cells, 1):
        if cell.cell_type != "markdown":
            continue
        for part in re.split(r"^(?=## )", NO_PROSE.sub(" ", cell.source), flags=re.MULTILINE):
            heading = re.match(r"## (.+?)\s*$", part, re.MULTILINE)
            section = heading[1] if heading else section
            numbers = (
                MEASURED_NUMBER.findall(part)
                if section in ("Short answer", "Measured", "Verdict")
                else []
            )
            if numbers:
                yield f"cell {number}: states {', '.join(numbers)} in prose; leave measured numbers to outputs"


def _cards(book: Book, recipe: Recipe) -> Iterator[str]:
    claims = {claim.id: claim for claim in book.registry.of(recipe.name)}
    wanted = {(claim.id, case.name) for claim in claims.values() for case in claim.cases}
    records = {(row["id"], row["case"]): row for row in claim_records(recipe.notebook)}
    for name, case in sorted(wanted - records.keys()):
        yield f"has no card for {_named(name, case)} of the registry; measure it"
    for (name, case), record in records.items():
        if (name, case) not in wanted:
            yield f"claims {_named(name, case)}, which is not registered for it; register it"
        elif record.get("registered") != claims[name].digest:
            yield f"claim {name!r} was registered anew since it was run; run it again"


def _named(name: str, case: str) -> str:
    return f"{name!r}, case {case!r}" if case else repr(name)
