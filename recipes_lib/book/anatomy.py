"""What a recipe's page consists of, in which order: title and answer, sections, cells, prose."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from recipes_lib.book.notebook import read_notebook, tags

TEMPLATE = Path(__file__).with_name("template.ipynb")
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
MAX_WORDS = 50  # of the short answer
MAX_MEASURING = 200  # lines of code that a reader passes between the claims and their verdicts
ANSWER = re.compile(r"\*\*Short answer[.:]?\*\*[.:]?(.*)", re.DOTALL)
HEADING = re.compile(r"^## (.+?)\s*$", re.MULTILINE)
# What installs the optional packages that a recipe imports.
NEED = re.compile(r'\nfrom recipes_lib\.needs import need\n\nneed\(("[\w-]+"(, )?)+\)$')
# Code, links, comments and mathematics may hold settings; what is left of a text may not hold
# results.
NO_PROSE = re.compile(
    r"```.*?```|`[^`\n]*`|\[[^\]]*\]\([^)]*\)|<[^>]*>|https?://\S+|\$[^$]*\$", re.DOTALL
)
MEASURED_NUMBER = re.compile(r"\d+\.\d+\s?%|(?<![\w.])\d+\.\d{2,}(?![\w.]*/)")


def anatomy(cells: Sequence[Any], parameters: Mapping[str, Any]) -> Iterator[str]:
    """Say what lacks, is too long or stands in the wrong place."""
    yield from _head(cells)
    yield from _order(cells)
    yield from _parameters(cells, parameters)
    yield from _prose(cells)
    yield from _answer(cells)
    yield from _setup(cells)
    yield from _measuring(cells)
    yield from _summary(cells)


def _head(cells: Sequence[Any]) -> Iterator[str]:
    first = cells[0].source if cells and cells[0].cell_type == "markdown" else ""
    if not re.match(r"# \S", first):
        yield "cell 1: does not begin with a title; begin it with '# ' and the question"
    if not ANSWER.search(first):
        yield f"cell 1: has no short answer; add '**Short answer.** …' in {MAX_WORDS} words"


def _answer(cells: Sequence[Any]) -> Iterator[str]:
    answer = ANSWER.search(cells[0].source)
    if answer and len(words := answer[1].split()) > MAX_WORDS:
        yield f"cell 1: its short answer has {len(words)} words; say it in {MAX_WORDS}"


def _order(cells: Sequence[Any]) -> Iterator[str]:
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    headings = HEADING.findall(text)
    if [heading for heading in headings if heading in SECTIONS] != SECTIONS:
        have = f"have {', '.join(SECTIONS)}, once each, in this order"
        yield f"sections are {', '.join(headings) or 'missing'}; {have}"


def _parameters(cells: Sequence[Any], parameters: Mapping[str, Any]) -> Iterator[str]:
    tagged = [(number, cell) for number, cell in enumerate(cells, 1) if "parameters" in tags(cell)]
    if len(tagged) != 1:
        yield f"{len(tagged)} cells are tagged 'parameters'; tag exactly one"
        return
    ((number, cell),) = tagged
    for name, value in PARAMETERS.items():
        if parameters.get(name) != value or isinstance(parameters.get(name), bool):
            yield f"cell {number}: lacks {name} = {value!r}; add it"
    lines = cell.source.splitlines()
    for node in ast.parse(cell.source).body:
        if "#" not in lines[(node.end_lineno or node.lineno) - 1][node.end_col_offset :]:
            line = repr(lines[node.lineno - 1])
            yield f"cell {number}: {line} has no comment; name its choices on the same line"


def _setup(cells: Sequence[Any]) -> Iterator[str]:
    sources = [cell.source for cell in cells if "setup" in tags(cell)]
    if [NEED.sub("", source) for source in sources] != [_template_setup()]:
        remedy = "copy that, and `need(…)` below it is all that may follow"
        yield f"its cell tagged 'setup' is not the one of {TEMPLATE.name}; {remedy}"


@cache
def _template_setup() -> str:
    (cell,) = [cell for cell in read_notebook(TEMPLATE).cells if "setup" in tags(cell)]
    return str(cell.source)


def _measuring(cells: Sequence[Any]) -> Iterator[str]:
    sections = _sections(cells)
    code = [cell.source for section, cell in sections if section in ("Measured", "Verdict")]
    lines = sum(bool(line.strip()) for source in code for line in source.splitlines())
    if lines > MAX_MEASURING:
        yield f"Measured and Verdict have {lines} lines of code; say it in {MAX_MEASURING}"


def _sections(cells: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Each code cell with the section that it stands in."""
    section = ""
    for cell in cells:
        if cell.cell_type == "markdown":
            section = (HEADING.findall(cell.source) or [section])[-1]
        elif cell.cell_type == "code":
            yield section, cell


def _summary(cells: Sequence[Any]) -> Iterator[str]:
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    if not any("summary" in output.get("metadata", {}) for output in outputs):
        yield "ends without a table of its claims; call study.summary() last"


def _prose(cells: Sequence[Any]) -> Iterator[str]:
    section = "Short answer"
    for number, cell in enumerate(cells, 1):
        if cell.cell_type != "markdown":
            continue
        for part in re.split(r"^(?=## )", NO_PROSE.sub(" ", cell.source), flags=re.MULTILINE):
            section = (HEADING.findall(part) or [section])[0]
            numbers = ", ".join(MEASURED_NUMBER.findall(part))
            if numbers and section in ("Short answer", "Measured", "Verdict"):
                yield f"cell {number}: states {numbers} in prose; leave measured numbers to outputs"
