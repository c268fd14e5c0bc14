"""The page of a recipe: its notebook, with the answer on top and the laboratory folded away."""

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from html import escape
from typing import Any

from nbformat.v4 import new_markdown_cell

from recipes_lib.book.executed import Executed
from recipes_lib.book.notebook import tags
from recipes_lib.evidence import cards

WORDS_A_MINUTE = 220
FOLDED = {  # sections whose code, or code with what it gives, is one click away
    "How it works": "hide-input",
    "Measured": "hide-input",
    "Verdict": "hide-input",
    "Use it": "hide-cell",
}
PREPARED = {"setup": "the setup", "parameters": "the parameters"}  # tags, folded as well


def compose(done: Executed, presumes: str) -> Any:
    """The notebook that the page is drawn from; `presumes` says what the reader should know.

    Every cell stays in it, so that it runs when it is taken home.
    """
    notebook = deepcopy(done.notebook)
    for section, cell in _by_section(notebook.cells):
        if cell.cell_type == "code":
            _fold(cell, section)
    added = [("banner", _banner(done)), ("at-a-glance", _glance(done, presumes))]
    cells = [new_markdown_cell(text, id=name) for name, text in added if text]
    notebook.cells[1:1] = cells
    return notebook


def _by_section(cells: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    section = ""
    for cell in cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^## (.+?)\s*$", cell.source, re.MULTILINE)
            section = headings[-1] if headings else section
        yield section, cell


def _fold(cell: Any, section: str) -> None:
    kind = next((tag for tag in PREPARED if tag in tags(cell)), None)
    if any(output.get("metadata", {}).get("summary") for output in cell.outputs):
        cell.metadata["tags"] = [*tags(cell), "remove-cell"]  # At a glance shows the same table
    elif kind or section in FOLDED:
        cell.metadata["tags"] = sorted({*tags(cell), FOLDED.get(section, "hide-input")})
    if kind:
        prompts = {f"code_prompt_{do}": f"{do.capitalize()} {PREPARED[kind]}" for do in _DOES}
        cell.metadata["mystnb"] = {**cell.metadata.get("mystnb", {}), **prompts}


_DOES = ("show", "hide")


def _banner(done: Executed) -> str:
    """Say that the last run failed, or that the outputs may be old; nothing where all is well."""
    if done.failure:
        when = f" on {_moment(done.failure.finished)}" if done.failure.finished else ""
        said = done.failure.traceback or done.failure.error
        fence = "`" * (3 + max(map(len, re.findall("`+", said)), default=0))
        error = f"::::{{dropdown}} The error\n{fence}text\n{said}\n{fence}\n::::"
        title = f"This recipe failed{when}"
        first = " ".join(done.failure.error.split()).replace("`", "'")
        body = f"`{first}`\n\n{_shown(done)}\n\n{error}"
        return f":::::{{admonition}} {title}\n:class: danger\n\n{body}\n:::::"
    if done.doubt:
        text = f"{done.doubt[:1].upper()}{done.doubt[1:]}. {_shown(done)}"
        return f":::{{admonition}} Not run as it stands\n:class: warning\n\n{text}\n:::"
    return ""


def _moment(stamp: str) -> str:
    return f"{stamp[:10]} at {stamp[11:16]} UTC" if len(stamp) > 10 else stamp


def _shown(done: Executed) -> str:
    if not any(cell.get("outputs") for cell in done.notebook.cells):
        return "There are no outputs yet."
    made = f", made on {done.day}" if done.day else ""
    old = done.doubt and "those stored with the chapter"
    return f"The outputs on this page are {old or 'those of the last good run'}{made}."


def _glance(done: Executed, presumes: str) -> str:
    """The table of all claims in a box, and the line about reading and running."""
    drawn = cards.glance(done.claims) if done.claims else ""
    box = f'<div class="at-a-glance">{drawn}</div>\n\n' if drawn else ""
    heading = "## At a glance\n\n" if drawn else ""
    parts = [minutes_to_read(done), f"Presumes {presumes}" if presumes else "", ran(done)]
    line = " ".join(f"{escape(part, quote=False)}." for part in parts if part)
    return f'{heading}{box}<p class="about-the-run">{line}</p>'


def minutes_to_read(done: Executed) -> str:
    """How long its prose takes, in words."""
    texts = [cell.source for cell in done.notebook.cells if cell.cell_type == "markdown"]
    minutes = max(1, round(sum(len(text.split()) for text in texts) / WORDS_A_MINUTE))
    return f"{minutes} minute{'s' * (minutes > 1)} to read"


def ran(done: Executed) -> str:
    """When, where and how long it ran, and with which parameters of its own, in one sentence."""
    if not done.day:
        return "Never run"
    torch = f" with torch {done.stamp['torch']}" if done.stamp else ""
    took = f", in {done.seconds:.0f} s" if done.seconds is not None else ""
    given = f", with {done.given()}" if done.changed else ""
    return f"Ran on {done.day} on {done.hardware}{torch}{took}{given}"
